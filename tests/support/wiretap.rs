//! A server that keeps what it was sent, byte for byte, and answers with it: an echo of the worst kind.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A listener on a free port of loopback.
pub struct Wiretap {
    pub address: SocketAddr,
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    requests: Mutex<Vec<Vec<u8>>>,
    more: Condvar,
}

impl Wiretap {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let all: Arc<Kept> = Arc::default();
        let kept = Arc::clone(&all);
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(stream, &kept));
            }
        });
        Self { address, kept: all }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was sent, a request each.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.kept.requests.lock().expect("no panic").clone()
    }

    /// The same once there are at least so many: what broke off is kept a moment after the call that sent it.
    pub fn at_least(&self, count: usize) -> Vec<Vec<u8>> {
        let requests = self.kept.requests.lock().expect("no panic");
        let within = Duration::from_secs(20);
        let waited = self.kept.more.wait_timeout_while(requests, within, |requests| requests.len() < count);
        let (requests, timed_out) = waited.expect("no panic");
        assert!(!timed_out.timed_out(), "{} of {count} requests came", requests.len());
        requests.clone()
    }
}

fn answer(mut stream: TcpStream, kept: &Kept) {
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
    kept.requests.lock().expect("no panic").push(request);
    kept.more.notify_all();
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
