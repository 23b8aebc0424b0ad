//! Takes memory until it gets none, or so many pages and tells whether it got them.
#![no_main]

use std::hint::black_box;

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, number, told};

struct MemoryBomb;

impl Behaviour for MemoryBomb {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        if let Some(pages) = number(&config) {
            let before = std::arch::wasm32::memory_grow(0, pages);
            return Ok(told(vec![if before == usize::MAX { "refused" } else { "granted" }.to_owned()]));
        }
        let mut taken = Vec::new();
        loop {
            // Written to, so that the machine has to find the memory as well.
            taken.push(black_box(vec![1_u8; 1 << 20]));
        }
    }
}

hostile::export!(MemoryBomb);
