//! Never comes to an end: always a new cursor, with `same` always the same, with `circle` two in turn. A number is the
//! number of batches after which it does end.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, honest, number};

struct EndlessPaging;

impl Behaviour for EndlessPaging {
    fn collect(config: Configuration, _: Credential, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        let page: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        if number(&config) == Some(page + 1) {
            return Ok(honest::last(Vec::new()));
        }
        let next = match config.settings.as_str() {
            "same" => 1,
            "circle" => page % 2 + 1,
            _ => page + 1,
        };
        Ok(honest::going_on(Vec::new(), next.to_string()))
    }
}

hostile::export!(EndlessPaging);
