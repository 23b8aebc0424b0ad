//! A proxy before a stand-in that closes each connection right after an answer, without having announced it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::StandIn;
use super::wire::{field, head, request};

/// A port that leads to a stand-in.
pub struct Closing {
    address: SocketAddr,
    closed: Arc<AtomicUsize>,
}

impl Closing {
    pub fn start(stand_in: &StandIn) -> Self {
        let behind = stand_in.gitlab.address();
        let listener = stand_in.runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let closed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&closed);
        stand_in.runtime.spawn(async move {
            while let Ok((front, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    if serve(front, behind).await.is_some() {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, closed }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections that were closed when a second request came on them.
    pub fn closed(&self) -> usize {
        self.closed.load(Ordering::SeqCst)
    }
}

/// Answers one request, waits for the next to arrive on the same connection, and closes instead of answering it: what a
/// client sees whose request crosses with the server's closing.
async fn serve(mut front: TcpStream, behind: SocketAddr) -> Option<()> {
    let mut back = TcpStream::connect(behind).await.ok()?;
    let request = request(&mut front).await?;
    back.write_all(request.as_bytes()).await.ok()?;
    let answer = head(&mut back).await?;
    let length: usize = field(&answer, "content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    back.read_exact(&mut body).await.ok()?;
    front.write_all(answer.as_bytes()).await.ok()?;
    front.write_all(&body).await.ok()?;
    head(&mut front).await?;
    Some(())
}
