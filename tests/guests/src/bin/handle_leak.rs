//! Makes things of the host's and never gives them back: header fields, or with `pollables` timers.
#![no_main]

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, told};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::types::Fields;

struct HandleLeak;

impl Behaviour for HandleLeak {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let (kind, count) = config.settings.split_once(' ').unwrap_or((&config.settings, ""));
        let count = count.parse().unwrap_or(usize::MAX);
        for _ in 0..count {
            if kind == "pollables" {
                std::mem::forget(subscribe_duration(1));
            } else {
                std::mem::forget(Fields::new());
            }
        }
        Ok(told(vec![format!("{count} made")]))
    }
}

hostile::export!(HandleLeak);
