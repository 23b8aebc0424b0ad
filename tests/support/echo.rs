//! A proxy before a stand-in that writes a text into every answer, at places where a client would take it for data.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::StandIn;
use super::wire;

/// A port that leads to a stand-in.
pub struct Echo {
    address: SocketAddr,
}

impl Echo {
    /// Puts `text` behind each of two marks, one of the body and one of the head.
    pub fn start(stand_in: &StandIn, in_body: &'static str, in_head: &'static str, text: &'static str) -> Self {
        let behind = stand_in.gitlab.address();
        let listener = stand_in.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        stand_in.runtime.spawn(async move {
            while let Ok((mut front, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Some(answer) = ask(&mut front, behind).await else { return };
                    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
                    let body = body.replace(in_body, &format!("{in_body}{text}"));
                    let lines: Vec<String> = head
                        .lines()
                        .filter(|line| !line.to_ascii_lowercase().starts_with("content-length"))
                        .map(|line| line.replace(in_head, &format!("{in_head}{text}")))
                        .collect();
                    let head = lines.join("\r\n");
                    // In small pieces, so that the text is cut by the borders between them.
                    let bytes = format!("{head}\r\n\r\n{body}").into_bytes();
                    for piece in bytes.chunks(997) {
                        if front.write_all(piece).await.is_err() || front.flush().await.is_err() {
                            return;
                        }
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

/// Passes one request on, and gives its whole answer, after which both connections end.
async fn ask(front: &mut TcpStream, behind: SocketAddr) -> Option<String> {
    let request = wire::request(front).await?;
    let mut back = TcpStream::connect(behind).await.ok()?;
    let once = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    back.write_all(once.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    back.read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8(answer).expect("UTF-8").replacen("\r\n", "\r\nconnection: close\r\n", 1))
}
