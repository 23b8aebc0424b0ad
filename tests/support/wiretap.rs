//! A server that keeps what it was sent, byte for byte, and answers with it: an echo of the worst kind.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A listener on a free port of loopback.
pub struct Wiretap {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Wiretap {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&requests);
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Self { address, requests }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was sent, a request each.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().expect("no panic").clone()
    }
}

fn answer(mut stream: TcpStream, kept: &Mutex<Vec<Vec<u8>>>) {
    // What is sent beyond a request would be a second one, smuggled in: it is waited for, too.
    stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let echo = String::from_utf8_lossy(&request).into_owned();
    kept.lock().expect("no panic").push(request);
    let token = echo.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default();
    let length = echo.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nx-token: {token}\r\nset-cookie: session=of-the-host\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{echo}"
    );
    let _ = stream.write_all(answer.as_bytes());
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    if head.contains("transfer-encoding: chunked") {
        return (body.starts_with("0\r\n") || body.contains("\r\n0\r\n")) && body.ends_with("\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0)
}
