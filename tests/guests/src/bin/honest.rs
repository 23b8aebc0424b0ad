//! Does nothing wrong: one request, one batch. What the host does beside a hostile guest is compared with this.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http, told};

struct Honest;

impl Behaviour for Honest {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let answer = http::get(&http::granted(&config), "/honest");
        Ok(told(vec![match answer {
            Ok((status, body)) => format!("{status} {}", body.len()),
            Err(code) => code,
        }]))
    }
}

hostile::export!(Honest);
