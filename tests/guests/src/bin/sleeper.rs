//! Sleeps in the host: on a timer of centuries, or with `naps` on one short timer after another.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, http};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::io::poll::poll;

struct Sleeper;

impl Behaviour for Sleeper {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        loop {
            if config.settings == "naps" {
                http::wait(1);
            } else {
                let far = subscribe_duration(u64::MAX);
                poll(&[&far]);
            }
        }
    }
}

hostile::export!(Sleeper);
