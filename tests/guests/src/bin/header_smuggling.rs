//! Writes header fields that are not a plugin's to write, in head and trailers, and sends whatever is taken. With `chunked`
//! it tells no length, so that there can be trailers.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};
use wasi::http::types::{Fields, Method, OutgoingBody};

struct HeaderSmuggling;

/// Names and values, of which each means something to a server or a proxy.
const FIELDS: [(&str, &[u8]); 23] = [
    ("host", b"evil.example"),
    ("Host", b"second.example"),
    ("authorization", b"Bearer mine"),
    ("Authorization", b"Basic mine"),
    ("connection", b"authorization, keep-alive"),
    ("keep-alive", b"timeout=600"),
    ("proxy-connection", b"keep-alive"),
    ("proxy-authorization", b"Basic mine"),
    ("transfer-encoding", b"chunked"),
    ("Transfer-Encoding", b"identity"),
    ("content-length", b"3"),
    ("te", b"trailers"),
    ("trailer", b"authorization"),
    ("upgrade", b"h2c"),
    ("http2-settings", b"AAMAAABkAARAAAAAAAIAAAAA"),
    ("expect", b"100-continue"),
    ("x-crlf", b"a\r\nx-injected: 1"),
    ("x-lf", b"a\nx-injected: 2"),
    ("x-nul", b"a\0b"),
    ("x-in-name\r\nx-injected", b"3"),
    ("x-colon:", b"x-injected: 4"),
    ("accept-language", b"allowed"),
    ("content-type", b"application/json"),
];

impl Behaviour for HeaderSmuggling {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let mut lines = Vec::new();
        let mut write = |place: &str, fields: &Fields, name: &str, value: &[u8]| {
            if let Err(error) = fields.append(name, value) {
                let name = name.escape_default();
                lines.push(format!("{place} {name}: {error:?}"));
            }
        };
        let head = Fields::new();
        let chunked = config.settings == "chunked";
        FIELDS
            .iter()
            .filter(|(name, _)| !(chunked && *name == "content-length"))
            .for_each(|(name, value)| write("head", &head, name, value));
        let trailers = Fields::new();
        FIELDS.iter().for_each(|(name, value)| write("trailer", &trailers, name, value));
        let outcome = send(&config, head, trailers);
        lines.push(outcome.unwrap_or_else(|code| code));
        Ok(told(lines))
    }
}

fn send(config: &Configuration, head: Fields, trailers: Fields) -> Result<String, String> {
    let request = http::request(&Method::Post, &http::granted(config), "/smuggled", head)?;
    let body = request.body().map_err(|()| "no body")?;
    let future = http::send(request)?;
    let stream = body.write().map_err(|()| "no stream")?;
    let _ = stream.blocking_write_and_flush(b"123");
    drop(stream);
    if let Err(code) = OutgoingBody::finish(body, Some(trailers)) {
        return Err(http::name(&code));
    }
    http::answer(&future).map(|response| response.status().to_string())
}

hostile::export!(HeaderSmuggling);
