//! Servers that are no GitLab and mean harm: each breaks HTTP or TLS in one way, byte by byte, on loopback.
//!
//! For tests of what a host does with them, and for benchmarks that put them beside honest servers. [`Rogue::ALL`] is the
//! family; [`start`] runs one of it.
//!
//! | | what it does |
//! | --- | --- |
//! | time | answers never, a byte at a time, or without end |
//! | size | endless heads, bodies, chunk lines; bodies that decompress to a hundred times their size |
//! | framing | lengths and chunks that lie or contradict each other, answers that nobody asked for |
//! | place | sends its client elsewhere |
//! | trust | TLS that is old, broken or silent |
//! | end | closes or resets the connection at each stage |
//!
//! Guarantees: a server sends at most [`MOST_BYTES`] on one connection and ends when it is dropped, with all of its
//! connections; it holds no more than one piece of what it sends.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

mod bytes;

/// What one connection is sent at most, in bytes: "without end" for a client that gives up long before.
pub const MOST_BYTES: u64 = 1 << 30;

/// Between two bytes of a server that drips.
const DRIP: Duration = Duration::from_millis(50);

/// Longest head of a request that is waited for, bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Writes the family and its names from one list.
macro_rules! family {
    ($( $(#[$doc:meta])* $kind:ident $name:literal; )*) => {
        /// A way to mean harm.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Rogue { $( $(#[$doc])* $kind, )* }

        impl Rogue {
            /// The whole family.
            pub const ALL: &'static [Self] = &[$( Self::$kind ),*];

            /// Its name, in words with hyphens.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Self::$kind => $name, )* }
            }
        }
    };
}

family! {
    /// Takes the request and says nothing.
    Silent "silent";
    /// A head, a byte at a time.
    SlowHead "slow-head";
    /// A body, a byte at a time.
    SlowBody "slow-body";
    /// A body that ends nowhere.
    EndlessBody "endless-body";
    /// The same in chunks.
    EndlessChunks "endless-chunks";
    /// Fields without end.
    EndlessHeaders "endless-headers";
    /// One field without end.
    EndlessHeader "endless-header";
    /// One field more than a hundred.
    TooManyHeaders "too-many-headers";
    /// Trailers without end.
    EndlessTrailers "endless-trailers";
    /// `100 Continue` without end.
    InformationalFlood "informational-flood";
    /// A small body that decompresses to a large one.
    GzipBomb "gzip-bomb";
    /// A chunk of 2^64 - 1 bytes.
    HugeChunk "huge-chunk";
    /// A chunk whose size has more digits than a number.
    LongChunkSize "long-chunk-size";
    /// A chunk line without end.
    EndlessChunkLine "endless-chunk-line";
    /// A chunk size that is no number.
    BadChunkSize "bad-chunk-size";
    /// Data where the end of a chunk should be.
    BadChunkEnd "bad-chunk-end";
    /// Fewer bytes than announced.
    ShortBody "short-body";
    /// More bytes than announced: the rest waits for the next request on the connection.
    LongBody "long-body";
    /// Two lengths.
    TwoLengths "two-lengths";
    /// A length that is none.
    BadLength "bad-length";
    /// A length and chunks at once, of which one is a lie.
    LengthAndChunks "length-and-chunks";
    /// A second answer behind each answer.
    Unsolicited "unsolicited";
    /// A body where there can be none.
    BodyWithoutContent "body-without-content";
    /// To the address of a metadata service.
    RedirectToMetadata "redirect-to-metadata";
    /// Another protocol, which nobody asked for.
    SwitchingProtocols "switching-protocols";
    /// A field with a line of its own inside.
    BadHeader "bad-header";
    /// Not HTTP.
    Banner "banner";
    /// HTTP/2, unasked.
    Http2 "http2";
    /// Reset before anything was read.
    ResetAtOnce "reset-at-once";
    /// Reset after the request.
    ResetAfterRequest "reset-after-request";
    /// Reset in the middle of the head.
    ResetInHead "reset-in-head";
    /// Reset in the middle of the body.
    ResetInBody "reset-in-body";
    /// Reset in the middle of a chunk.
    ResetInChunk "reset-in-chunk";
    /// Closed after the request.
    CloseAfterRequest "close-after-request";
    /// A TLS handshake that is never answered.
    TlsSilent "tls-silent";
    /// TLS 1.1, whatever was offered.
    TlsDowngrade "tls-downgrade";
    /// An alert: only older versions.
    TlsRefusal "tls-refusal";
    /// Not TLS.
    TlsPlain "tls-plain";
    /// Reset in the handshake.
    TlsReset "tls-reset";
    /// A handshake message without end.
    TlsEndless "tls-endless";
}

impl Rogue {
    /// Whether it is to be called with https.
    #[must_use]
    pub fn speaks_tls(self) -> bool {
        matches!(
            self,
            Self::TlsSilent
                | Self::TlsDowngrade
                | Self::TlsRefusal
                | Self::TlsPlain
                | Self::TlsReset
                | Self::TlsEndless
        )
    }
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct RogueServer {
    address: SocketAddr,
    rogue: Rogue,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    requests: AtomicU64,
    sent: AtomicU64,
}

impl RogueServer {
    /// Scheme and address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.rogue.speaks_tls() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// Requests whose head was read so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// Bytes that the client's machine took so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }
}

/// What a server may have waiting on its own side for a client that does not read, bytes; the client's side has a buffer of its own. A server
/// elsewhere copies that on processors of its own, and here, megabytes for each connection, on those of whoever measures the client.
const SEND_BUFFER: u32 = 64 * 1024;

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Those that it accepts have the same.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(1024)
}

/// Starts a server on a free port of loopback.
///
/// # Errors
/// When no port can be had.
pub async fn start(rogue: Rogue) -> io::Result<RogueServer> {
    let listener = listen()?;
    let address = listener.local_addr()?;
    let counts = Arc::new(Counts::default());
    let mut tasks = JoinSet::new();
    let counting = Arc::clone(&counts);
    tasks.spawn(async move {
        // A set of its own, so that the connections end with the server.
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            counting.connections.fetch_add(1, Ordering::Relaxed);
            let mut wire = Wire { stream, counts: Arc::clone(&counting), left: MOST_BYTES };
            connections.spawn(async move {
                // What goes wrong is the client's going away, which is what is hoped for.
                let _ = wire.serve(rogue).await;
            });
            while connections.try_join_next().is_some() {}
        }
    });
    Ok(RogueServer { address, rogue, counts, _tasks: tasks })
}

/// One connection.
struct Wire {
    stream: TcpStream,
    counts: Arc<Counts>,
    left: u64,
}

impl Wire {
    async fn serve(&mut self, rogue: Rogue) -> io::Result<()> {
        match rogue {
            Rogue::ResetAtOnce => return self.reset(),
            Rogue::Banner => return self.send(b"SSH-2.0-OpenSSH_9.2\r\n").await,
            Rogue::Http2 => {
                self.send(bytes::HTTP2_SETTINGS).await?;
                return self.hold().await;
            }
            _ if rogue.speaks_tls() => return self.handshake(rogue).await,
            _ => {}
        }
        // Some are patient with a client that asks again on the same connection.
        while self.request().await? {
            self.answer(rogue).await?;
            if !matches!(rogue, Rogue::Unsolicited | Rogue::LongBody | Rogue::BodyWithoutContent) {
                break;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, rogue: Rogue) -> io::Result<()> {
        match rogue {
            Rogue::SlowHead => self.drip(bytes::HEAD, bytes::FILLER_FIELD).await,
            Rogue::SlowBody => {
                self.send(bytes::LONG_HEAD).await?;
                self.drip(b"[", b" ").await
            }
            Rogue::EndlessBody => self.endless(bytes::OPEN_HEAD, bytes::FILLER).await,
            Rogue::EndlessChunks => self.endless(bytes::CHUNKED_HEAD, bytes::FILLER_CHUNK).await,
            Rogue::EndlessHeaders => self.endless(bytes::HEAD, bytes::FILLER_FIELD).await,
            Rogue::EndlessHeader => self.endless(bytes::BEGUN_FIELD, bytes::FILLER).await,
            Rogue::EndlessTrailers => self.endless(bytes::TRAILERS, bytes::FILLER_FIELD).await,
            Rogue::InformationalFlood => self.endless(b"", bytes::CONTINUE).await,
            Rogue::EndlessChunkLine => self.endless(bytes::CHUNK_LINE, bytes::FILLER).await,
            Rogue::TooManyHeaders => {
                // At once: a hundred calls of the system would be most of what this costs a client on the same machine.
                self.send(&[bytes::HEAD, &b"X: y\r\n".repeat(100), b"\r\n{}"].concat()).await
            }
            Rogue::GzipBomb => self.send(&bytes::GZIP_BOMB).await,
            Rogue::ResetInHead => self.then_reset(bytes::HEAD).await,
            Rogue::ResetInBody => self.then_reset(bytes::SHORT).await,
            Rogue::ResetInChunk => self.then_reset(bytes::BEGUN_CHUNK).await,
            Rogue::ResetAfterRequest => self.reset(),
            Rogue::HugeChunk | Rogue::Silent => {
                self.send(bytes::fixed(rogue)).await?;
                self.hold().await
            }
            _ => self.send(bytes::fixed(rogue)).await,
        }
    }

    async fn handshake(&mut self, rogue: Rogue) -> io::Result<()> {
        // The greeting of a client fits one read on loopback; what it says does not matter.
        let mut greeting = [0; 4096];
        let _ = self.stream.read(&mut greeting).await?;
        match rogue {
            Rogue::TlsReset => self.reset(),
            Rogue::TlsEndless => self.endless(bytes::TLS_BEGUN, bytes::FILLER).await,
            Rogue::TlsSilent => self.hold().await,
            _ => {
                self.send(bytes::fixed(rogue)).await?;
                self.hold().await
            }
        }
    }

    /// Reads the head of a request, and what comes with it; false when the client has gone.
    async fn request(&mut self) -> io::Result<bool> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > LONGEST_HEAD || self.stream.read_buf(&mut head).await? == 0 {
                return Ok(false);
            }
        }
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    async fn send(&mut self, piece: &[u8]) -> io::Result<()> {
        self.stream.write_all(piece).await?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.counts.sent.fetch_add(length, Ordering::Relaxed);
        self.left = self.left.saturating_sub(length);
        Ok(())
    }

    async fn endless(&mut self, begin: &[u8], again: &[u8]) -> io::Result<()> {
        self.send(begin).await?;
        // Many at a time, so that a short one floods too.
        let piece = again.repeat((32 * 1024 / again.len().max(1)).max(1));
        while self.left > 0 {
            self.send(&piece).await?;
        }
        Ok(())
    }

    async fn drip(&mut self, begin: &[u8], again: &[u8]) -> io::Result<()> {
        for byte in begin.iter().chain(again.iter().cycle()) {
            self.send(std::slice::from_ref(byte)).await?;
            tokio::time::sleep(DRIP).await;
        }
        Ok(())
    }

    /// Until the client goes.
    async fn hold(&mut self) -> io::Result<()> {
        let mut ignored = [0; 256];
        while self.stream.read(&mut ignored).await? > 0 {}
        Ok(())
    }

    async fn then_reset(&mut self, piece: &[u8]) -> io::Result<()> {
        self.send(piece).await?;
        // What is sent has to be there before the reset overtakes it.
        tokio::time::sleep(DRIP).await;
        self.reset()
    }

    fn reset(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Rogue, start};

    #[test]
    fn names_are_words_and_no_two_are_the_same() {
        let mut names: Vec<&str> = Rogue::ALL.iter().map(|rogue| rogue.name()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || b"-2".contains(&byte))));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rogue::ALL.len());
    }

    #[test]
    fn a_server_ends_with_its_connections() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = start(Rogue::Silent).await.unwrap();
            let mut client = tokio::net::TcpStream::connect(server.address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            while server.requests() == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!((server.connections(), server.sent()), (1, 0));
            drop(server);
            // Closed or reset, and in any case not open any more.
            assert!(!matches!(client.read(&mut [0]).await, Ok(1..)));
        });
    }
}
