//! Writes header fields without end, or one of so many bytes.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, number, told};
use wasi::http::types::Fields;

struct HugeHeaders;

impl Behaviour for HugeHeaders {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let fields = Fields::new();
        if let Some(bytes) = number(&config) {
            let written = fields.append("x", &vec![b'x'; bytes]);
            return Ok(told(vec![if written.is_ok() { "written" } else { "refused" }.to_owned()]));
        }
        loop {
            let _ = fields.append("x", &[b'x'; 1024]);
        }
    }
}

hostile::export!(HugeHeaders);
