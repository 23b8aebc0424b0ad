//! A port of this machine where a monitoring system reads seat head-room.
//!
//! | path | answer |
//! | --- | --- |
//! | `/metrics` | OpenMetrics 1.0 of all tenants, see `broker::export::open_metrics`; names nobody |
//! | `/healthz` | 200 while the store answers, else 503 |
//! | any other | 404 |
//!
//! Guarantees: it is bound to loopback; whoever asks slowly, at once or for long is cut off, and none of it touches what the broker
//! does otherwise.
//!
//! Refuses a `Host` other than `localhost`, `127.0.0.1` or `[::1]`: a page in a browser of this machine that had its name resolve
//! to it (DNS rebinding) would otherwise read along. Refuses methods other than GET and HEAD.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use broker::export::open_metrics;
use broker::store::Store;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use super::blocking;
use super::reading::Clock;

/// Connections at once. A monitoring system has one.
const CONNECTIONS: usize = 16;

/// How long one may last, with its one request. Of slow askers none keeps its place.
const TIME: Duration = Duration::from_secs(10);

/// Bytes and fields of a request's head.
const HEAD_BYTES: usize = 8 * 1024;
const HEAD_FIELDS: usize = 64;

/// A pause where no connection can be accepted, such as without file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is bound, and answers nobody yet.
#[derive(Debug)]
pub struct Exposition {
    listener: TcpListener,
}

/// What is answered from.
struct Told {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    /// One at a time reads the store for it.
    turn: Mutex<()>,
}

impl Exposition {
    /// Binds a port of 127.0.0.1; 0: any that is free.
    ///
    /// # Errors
    /// The system's.
    pub async fn bind(port: u16) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await? })
    }

    /// Where it is.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped, which ends all connections.
    pub async fn serve(self, store: Arc<Store>, clock: Arc<dyn Clock>) {
        let told = Arc::new(Told { store, clock, turn: Mutex::new(()) });
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match (accepted, Arc::clone(&room).try_acquire_owned()) {
                    (Ok((stream, _)), Ok(place)) => {
                        let told = Arc::clone(&told);
                        open.spawn(async move {
                            let _ = tokio::time::timeout(TIME, answer_one(stream, told)).await;
                            drop(place);
                        });
                    }
                    // Closed at once: whoever keeps all places must not keep handles of the process, too.
                    (Ok(_), Err(_)) => {}
                    (Err(_), _) => tokio::time::sleep(PAUSE).await,
                },
                Some(_) = open.join_next() => {}
            }
        }
    }
}

async fn answer_one(stream: TcpStream, told: Arc<Told>) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let told = Arc::clone(&told);
        async move { Ok::<_, std::convert::Infallible>(told.answer(&request).await) }
    });
    // How a connection ends is the asker's business.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIME)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Told {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !is_of_this_machine(request.uri().host(), request.headers()) {
            return plain(StatusCode::MISDIRECTED_REQUEST, "ask for localhost, 127.0.0.1 or [::1]\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD alone\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        let turn = self.turn.lock().await;
        let answer = match request.uri().path() {
            "/metrics" => match blocking(|| open_metrics::exposition(&self.store, None, self.clock.now())) {
                Ok(text) => respond(StatusCode::OK, open_metrics::CONTENT_TYPE, text),
                // Its words may name files.
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
            },
            "/healthz" => match blocking(|| self.store.next_delivery_at()) {
                Ok(_) => plain(StatusCode::OK, "ok\n"),
                Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n"),
            },
            _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
        };
        drop(turn);
        answer
    }
}

/// Whether the request is for a name that nobody else can have.
fn is_of_this_machine(of_target: Option<&str>, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = match host.rsplit_once(':') {
        // The colons of an address are inside of its brackets.
        Some((name, port)) if !port.ends_with(']') => {
            if port.parse::<u16>().is_err() {
                return false;
            }
            name
        }
        _ => host,
    };
    [Some(name), of_target]
        .into_iter()
        .flatten()
        .all(|name| name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]")
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;

    use broker::store::Store;
    use http::{HeaderMap, HeaderValue};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::{CONNECTIONS, Exposition, is_of_this_machine};
    use crate::journey::reading::SystemClock;

    #[test]
    fn names_that_others_can_have_are_refused() {
        let is = |hosts: &[&str], target: Option<&str>| {
            let fields = hosts.iter().map(|host| (http::header::HOST, HeaderValue::from_str(host).unwrap()));
            is_of_this_machine(target, &HeaderMap::from_iter(fields))
        };
        for host in ["localhost", "LocalHost:9464", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:9464"] {
            assert!(is(&[host], None), "{host}");
            assert!(is(&[host], Some("localhost")) && !is(&[host], Some("rebound.example")), "{host}");
        }
        for host in [
            "rebound.example",
            "rebound.example:9464",
            "localhost.rebound.example",
            "127.0.0.1.rebound.example",
            "::1",
            "localhost.",
            "127.1",
            "2130706433",
            "0.0.0.0",
            "192.168.1.1",
            "localhost:",
            "localhost:x",
            "",
            "localhost:80:80",
            "user@localhost",
            "[::1].example",
        ] {
            assert!(!is(&[host], None), "{host}");
        }
        assert!(!is(&[], None));
        let mut twice = HeaderMap::new();
        twice.append(http::header::HOST, HeaderValue::from_static("localhost"));
        twice.append(http::header::HOST, HeaderValue::from_static("localhost"));
        assert!(!is_of_this_machine(None, &twice));
    }

    /// Whoever holds all places keeps others out for a while, and no more: the next is closed at once, not kept waiting.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn places_are_limited_and_heads_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&folder.path().join("broker.sqlite")).unwrap());
        let exposition = Exposition::bind(0).await.unwrap();
        let address = exposition.address().unwrap();
        assert!(address.ip().is_loopback());
        let serving = tokio::spawn(exposition.serve(store, Arc::new(SystemClock)));
        let ask = async |text: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut answer = String::new();
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.read_to_string(&mut answer).await;
            answer
        };
        let healthy = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        assert!(ask(healthy).await.starts_with("HTTP/1.1 200 "));
        let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: {}\r\n\r\n", "x".repeat(9_000));
        assert!(ask(&long).await.starts_with("HTTP/1.1 431 "));
        let posted = ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\ncontent-length: 0\r\n\r\n").await;
        assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(ask(healthy).await, "");
        drop(silent);
        while ask(healthy).await.is_empty() {
            tokio::task::yield_now().await;
        }
        serving.abort();
    }
}
