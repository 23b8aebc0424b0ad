//! Servers that are no GitLab: they answer every request with the same bytes, at once, in pieces, or never.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

/// A listener on a free port of loopback.
pub struct Listener {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Listener {
    /// Answers every connection's first request with `response`, and closes.
    pub fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |mut stream| {
            if read_head(&mut stream) {
                let _ = stream.write_all(&response);
            }
        })
    }

    /// Answers every connection's first request with what `answer` makes of its head, and closes.
    pub fn choosing(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::start(move |mut stream| {
            if let Some(head) = head(&mut stream) {
                let _ = stream.write_all(&answer(&head));
            }
        })
    }

    /// Answers as `answering`, but keeps the connection open, so that what `response` lacks is still awaited.
    pub fn holding(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |mut stream| {
            if read_head(&mut stream) {
                let _ = stream.write_all(&response);
                // Ends when the other side does.
                let _ = stream.read(&mut [0]);
            }
        })
    }

    /// Answers with `pieces`, one after another at intervals of `interval`.
    pub fn dribbling(pieces: Vec<Vec<u8>>, interval: Duration) -> Self {
        Self::start(move |mut stream| {
            if read_head(&mut stream) {
                for piece in &pieces {
                    let _ = stream.write_all(piece).and_then(|()| stream.flush());
                    std::thread::sleep(interval);
                }
            }
        })
    }

    /// Answers with `response`, but nobody before `count` requests are there at once.
    pub fn together(count: usize, response: impl Into<Vec<u8>>) -> Self {
        let (response, all) = (response.into(), Barrier::new(count));
        Self::start(move |mut stream| {
            if read_head(&mut stream) {
                all.wait();
                let _ = stream.write_all(&response);
            }
        })
    }

    /// Counts connections and closes them.
    pub fn counting() -> Self {
        Self::start(drop)
    }

    fn start(answer: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let answer = Arc::new(answer);
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || answer(stream));
            }
        });
        Self { address, connections }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads to the end of a request's head; false if it never comes.
fn read_head(stream: &mut TcpStream) -> bool {
    head(stream).is_some()
}

/// The head of a request, when all of the request has come: what is closed with something unread takes the answer with it.
fn head(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(format!("{head}\r\n\r\n"));
        }
    }
}
