//! Uploads a text of JSON that never ends: a byte at a time, or with `fast` as much as is taken. A number is the number of bytes
//! after which it does end.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, number, told};
use wasi::http::types::{Fields, Method, OutgoingBody};

struct SlowUpload;

const MILLISECOND: u64 = 1_000_000;

impl Behaviour for SlowUpload {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let fields = Fields::new();
        fields.append("content-type", b"application/json").expect("it is allowed");
        let request = http::request(&Method::Post, &http::granted(&config), "/upload", fields);
        let request = request.expect("it is well-formed");
        let body = request.body().expect("it has one");
        let future = http::send(request).expect("it is sent");
        let stream = body.write().expect("it can be written");
        if let Some(bytes) = number(&config) {
            let text = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
            text.as_bytes().chunks(4096).for_each(|piece| drop(stream.blocking_write_and_flush(piece)));
            drop(stream);
            let _ = OutgoingBody::finish(body, None);
            let code = http::answer(&future).map_or_else(|code| code, |response| response.status().to_string());
            return Ok(told(vec![code]));
        }
        let fast = config.settings == "fast";
        let piece = if fast { &[b'0'; 4096][..] } else { b"0" };
        // A request that fails takes its stream with it. A guest that does not care goes on.
        let mut sent: u64 = 0;
        while stream.blocking_write_and_flush(piece).is_ok() {
            sent += 1;
            if !fast {
                http::wait(20 * MILLISECOND);
            }
        }
        let code = http::answer(&future).map_or_else(|code| code, |response| response.status().to_string());
        Ok(told(vec![code, sent.to_string()]))
    }
}

hostile::export!(SlowUpload);
