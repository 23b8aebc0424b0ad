//! Prepares requests that it never sends, each as large as the host lets it: without end, or as its settings say.
//!
//! | settings | what it does, and tells |
//! | --- | --- |
//! | `method 9` | one text of so many bytes for method, scheme, authority or path: whether it was taken |
//! | `texts` | four texts of 4 MiB for each of 100 requests: how many bytes were taken |
//! | `bodies` | 300 bodies, filled as far as there is room: how many bytes were taken |
//! | `clones` | copies the fields of an answer without end, and changes each copy |
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};
use wasi::http::types::{Fields, Method, OutgoingRequest, Scheme};

struct Hoarder;

const PARTS: [&str; 4] = ["method", "scheme", "authority", "path"];

/// Writes one part; whether it was taken.
fn write(request: &OutgoingRequest, part: &str, bytes: usize) -> bool {
    let text = "a".repeat(bytes);
    let outcome = match part {
        "method" => request.set_method(&Method::Other(text)),
        "scheme" => request.set_scheme(Some(&Scheme::Other(text))),
        "authority" => request.set_authority(Some(&text)),
        _ => request.set_path_with_query(Some(&format!("/{}", text.get(1..).unwrap_or_default()))),
    };
    outcome.is_ok()
}

/// Fills a body that nobody reads; how much of it was taken.
fn fill(request: &OutgoingRequest, kept: &mut Vec<Box<dyn std::any::Any>>) -> u64 {
    let mut taken = 0;
    let Ok(body) = request.body() else { return taken };
    let Ok(stream) = body.write() else { return taken };
    while let Ok(room @ 1..) = stream.check_write() {
        let room = room.min(1 << 20);
        if stream.write(&vec![b'x'; room as usize]).is_err() {
            break;
        }
        taken += room;
        let _ = stream.flush();
    }
    // The parent is to outlive its stream.
    kept.push(Box::new(stream));
    kept.push(Box::new(body));
    taken
}

impl Behaviour for Hoarder {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let mut kept: Vec<Box<dyn std::any::Any>> = Vec::new();
        let (mode, number) = config.settings.split_once(' ').unwrap_or((&config.settings, ""));
        let line = match mode {
            "texts" => {
                let mut taken = 0;
                for _ in 0..100 {
                    let request = OutgoingRequest::new(Fields::new());
                    taken += PARTS.iter().filter(|part| write(&request, part, 4 << 20)).count() * (4 << 20);
                    kept.push(Box::new(request));
                }
                taken.to_string()
            }
            "bodies" => {
                let mut taken = 0;
                for _ in 0..300 {
                    let request = OutgoingRequest::new(Fields::new());
                    taken += fill(&request, &mut kept);
                    kept.push(Box::new(request));
                }
                taken.to_string()
            }
            "clones" => match http::start(&http::granted(&config), "/").and_then(|future| http::answer(&future)) {
                Ok(response) => loop {
                    let copy = response.headers().clone();
                    let _ = copy.delete("content-length");
                    kept.push(Box::new(copy));
                },
                Err(code) => code,
            },
            "" => loop {
                let request = OutgoingRequest::new(Fields::new());
                for part in PARTS {
                    write(&request, part, 4 << 20);
                }
                fill(&request, &mut kept);
                kept.push(Box::new(request));
            },
            part => {
                let request = OutgoingRequest::new(Fields::new());
                let taken = write(&request, part, number.parse().unwrap_or_default());
                if taken { "taken" } else { "refused" }.to_owned()
            }
        };
        Ok(told(vec![line]))
    }
}

hostile::export!(Hoarder);
