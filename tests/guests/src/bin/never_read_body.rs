//! Asks, takes the answer, and reads none of it: waits instead, or with `again` asks for the next.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};

struct NeverReadBody;

impl Behaviour for NeverReadBody {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let target = http::granted(&config);
        let mut kept = Vec::new();
        loop {
            match http::start(&target, "/never-read").and_then(|future| http::answer(&future)) {
                Ok(response) => kept.push(response),
                Err(code) => return Ok(told(vec![code, kept.len().to_string()])),
            }
            if config.settings != "again" {
                http::wait(u64::MAX / 2);
            }
        }
    }
}

hostile::export!(NeverReadBody);
