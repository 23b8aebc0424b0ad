//! What rogue servers send.

use std::sync::LazyLock;

use super::Rogue;

pub(super) const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
pub(super) const LONG_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
pub(super) const OPEN_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[";
pub(super) const CHUNKED_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
pub(super) const BEGUN_FIELD: &[u8] = b"HTTP/1.1 200 OK\r\nX-Filler: ";
pub(super) const TRAILERS: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
pub(super) const CHUNK_LINE: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=";
pub(super) const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
pub(super) const BEGUN_CHUNK: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{";
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
pub(super) const FILLER: &[u8] = b"                                ";
pub(super) const FILLER_FIELD: &[u8] = b"X-Filler: 0123456789\r\n";
pub(super) const FILLER_CHUNK: &[u8] = b"20\r\n                                \r\n";
/// An empty SETTINGS frame, as an HTTP/2 server begins.
pub(super) const HTTP2_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A handshake record of TLS 1.2 with the longest length that its field holds.
pub(super) const TLS_BEGUN: &[u8] = &[0x16, 3, 3, 0xff, 0xff, 2, 0xff, 0xff, 0xff];

/// `ServerHello` of TLS 1.1 with `TLS_RSA_WITH_AES_128_CBC_SHA`, which old servers answer to whatever they are offered.
const TLS_1_1_HELLO: &[u8] = &[
    0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 0, 0, 0x2f, 0,
];

/// Fatal alert 70, `protocol_version`.
const TLS_ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];

/// The answers that are the same bytes each time.
pub(super) fn fixed(rogue: Rogue) -> &'static [u8] {
    match rogue {
        Rogue::HugeChunk => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{",
        Rogue::LongChunkSize => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000000000000000000002\r\n{}\r\n0\r\n\r\n"
        }
        Rogue::BadChunkSize => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        Rogue::BadChunkEnd => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}more\r\n0\r\n\r\n",
        Rogue::ShortBody => SHORT,
        Rogue::LongBody => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n",
        Rogue::TwoLengths => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
        Rogue::BadLength => b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
        Rogue::LengthAndChunks => {
            // By the length the answer ends before the chunk, and what is in the chunk is the next answer.
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
              31\r\nHTTP/1.1 418 Teapot\r\nContent-Length: 0\r\nX: yz\r\n\r\n\r\n0\r\n\r\n"
        }
        Rogue::Unsolicited => {
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}\
              HTTP/1.1 418 Teapot\r\nContent-Length: 12\r\n\r\n{\"id\":666 }\r\n"
        }
        Rogue::BodyWithoutContent => {
            b"HTTP/1.1 204 No Content\r\nContent-Length: 42\r\n\r\nHTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n"
        }
        Rogue::RedirectToMetadata => {
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\nContent-Length: 0\r\n\r\n"
        }
        Rogue::SwitchingProtocols => {
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02{}"
        }
        Rogue::BadHeader => b"HTTP/1.1 200 OK\r\nX-Bad: a\0b\rInjected: c\r\nContent-Length: 2\r\n\r\n{}",
        Rogue::TlsDowngrade => TLS_1_1_HELLO,
        Rogue::TlsRefusal => TLS_ALERT,
        Rogue::TlsPlain => b"HTTP/1.1 400 Bad Request\r\n\r\n",
        _ => b"",
    }
}

/// Made once: a benchmark that has the server in its own process is to measure what the answer costs its client.
pub(super) static GZIP_BOMB: LazyLock<Vec<u8>> = LazyLock::new(gzip_bomb);

/// An answer of some 64 KiB that is 10 MiB when decompressed: one block of DEFLATE with the fixed codes, a blank and then
/// "the byte before, 258 times" again and again.
fn gzip_bomb() -> Vec<u8> {
    const REPEATS: usize = 40_000;
    let mut bits = Bits::default();
    // Last block, fixed codes; the literal 32; then length 258 (code 285) at distance 1 (code 0).
    bits.number(0b011, 3);
    bits.code(0x30 + 32, 8);
    for _ in 0..REPEATS {
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.code(0, 7);
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    body.append(&mut bits.finish());
    // Checksum and length: who looks at them has decompressed already.
    body.extend_from_slice(&[0; 8]);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body].concat()
}

/// Bits in the order of DEFLATE.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    last: u8,
    filled: u8,
}

impl Bits {
    fn bit(&mut self, set: bool) {
        self.last |= u8::from(set) << self.filled;
        self.filled += 1;
        if self.filled == 8 {
            self.bytes.push(self.last);
            (self.last, self.filled) = (0, 0);
        }
    }

    /// Numbers begin with their lowest bit.
    fn number(&mut self, value: u32, length: u32) {
        (0..length).for_each(|place| self.bit(value >> place & 1 == 1));
    }

    /// Codes begin with their highest bit.
    fn code(&mut self, value: u32, length: u32) {
        (0..length).rev().for_each(|place| self.bit(value >> place & 1 == 1));
    }

    fn finish(mut self) -> Vec<u8> {
        while self.filled > 0 {
            self.bit(false);
        }
        self.bytes
    }
}
