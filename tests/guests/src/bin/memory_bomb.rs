//! Takes memory until it gets none, or so many pages and tells whether it got them; with
//! `goes-on` it does without and crashes later.
#![no_main]

use std::arch::wasm32::memory_grow;
use std::hint::black_box;

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, number, told};
use wasi::clocks::monotonic_clock;

struct MemoryBomb;

impl Behaviour for MemoryBomb {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        if let Some(pages) = number(&config) {
            let before = memory_grow(0, pages);
            return Ok(told(vec![if before == usize::MAX { "refused" } else { "granted" }.to_owned()]));
        }
        if config.settings == "goes-on" {
            // Refused, and of no interest to what comes after.
            memory_grow(0, 1 << 15);
            black_box(monotonic_clock::now());
            std::arch::wasm32::unreachable();
        }
        let mut taken = Vec::new();
        loop {
            // Written to, so that the machine has to find the memory as well.
            taken.push(black_box(vec![1_u8; 1 << 20]));
        }
    }
}

hostile::export!(MemoryBomb);
