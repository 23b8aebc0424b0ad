//! Has the host work without end: asks for the time, and makes and drops what is the host's.
#![no_main]

use hostile::Behaviour;
use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use wasi::clocks::monotonic_clock;
use wasi::http::types::Fields;

struct HostcallStorm;

impl Behaviour for HostcallStorm {
    fn collect(_: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let large = vec![b'x'; 8 * 1024];
        loop {
            std::hint::black_box(monotonic_clock::now());
            let fields = Fields::new();
            let _ = fields.append("x", &large);
            std::hint::black_box(fields.entries());
        }
    }
}

hostile::export!(HostcallStorm);
