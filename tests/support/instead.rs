//! A front before a stand-in that gives an answer of its own to some requests, and passes the others on.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{StandIn, wire};

/// A port that leads to a stand-in.
pub struct Instead {
    address: SocketAddr,
}

impl Instead {
    /// Requests whose path, without what is asked of it, ends with `path` get `answer`: a status line, headers but for
    /// the length, an empty line, a body.
    pub fn start(stand_in: &StandIn, path: &'static str, answer: impl Into<String>) -> Self {
        let behind = stand_in.gitlab.address();
        let listener = stand_in.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answer = answer.into();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let whole = format!("{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stand_in.runtime.spawn(async move {
            while let Ok((mut front, _)) = listener.accept().await {
                let whole = whole.clone();
                tokio::spawn(async move {
                    let Some(request) = wire::request(&mut front).await else { return };
                    let asked = request.split([' ', '?']).nth(1).unwrap_or_default();
                    let answer = if asked.ends_with(path) {
                        Some(whole.into_bytes())
                    } else {
                        passed_on(&request, behind).await
                    };
                    if let Some(answer) = answer {
                        let _ = front.write_all(&answer).await;
                    }
                });
            }
        });
        Self { address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// The answer of the stand-in, after which both connections end.
async fn passed_on(request: &str, behind: SocketAddr) -> Option<Vec<u8>> {
    let mut back = TcpStream::connect(behind).await.ok()?;
    let once = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    back.write_all(once.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    back.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}
