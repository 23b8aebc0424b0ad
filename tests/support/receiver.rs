//! A receiver of webhooks that keeps what it got.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Got {
    /// The first line.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(header, _)| header == name);
        &found.expect("the header is there").1
    }
}

type Kept = Arc<(Mutex<Vec<Got>>, Condvar)>;

/// A receiver on a free port of loopback.
pub struct Receiver {
    address: SocketAddr,
    got: Kept,
    status: Arc<Mutex<&'static str>>,
}

impl Receiver {
    /// Answers each request with a status, and header fields, such as `200 OK\r\nretry-after: 7`.
    pub fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (got, status) = (Kept::default(), Arc::new(Mutex::new(status)));
        let (keep, answer) = (Arc::clone(&got), Arc::clone(&status));
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(&stream);
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                        break;
                    }
                    lines.push(line.trim().to_owned());
                }
                let Some((line, fields)) = lines.split_first() else { continue };
                let field = |field: &String| {
                    field.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                };
                let headers: Vec<(String, String)> = fields.iter().filter_map(field).collect();
                let length = headers.iter().find(|(name, _)| name == "content-length").expect("a length").1.parse();
                let mut body = vec![0; length.expect("a number")];
                reader.read_exact(&mut body).expect("a body");
                let body = String::from_utf8(body).expect("UTF-8");
                keep.0.lock().expect("a list").push(Got { line: line.clone(), headers, body });
                let status = *answer.lock().expect("a status");
                let _ = (&stream).write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes());
                keep.1.notify_all();
            }
        });
        Self { address, got, status }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: &'static str) {
        *self.status.lock().expect("a status") = status;
    }

    pub fn url(&self) -> String {
        format!("http://{}/secret-path", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.0.lock().expect("a list").clone()
    }

    /// Waits until it has so many.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Got> {
        let guard = self.got.0.lock().expect("a list");
        let waited = self.got.1.wait_timeout_while(guard, Duration::from_secs(60), |got| got.len() < count);
        let (got, timeout) = waited.expect("a list");
        assert!(!timeout.timed_out(), "{got:?}");
        got.clone()
    }
}
