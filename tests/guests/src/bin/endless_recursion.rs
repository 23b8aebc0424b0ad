//! Calls itself without end, or as often as it is told.
#![no_main]

use std::hint::black_box;

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, number, told};

struct EndlessRecursion;

#[inline(never)]
fn deeper(left: usize) -> usize {
    if left == 0 { 0 } else { black_box(deeper(black_box(left - 1))) + 1 }
}

impl Behaviour for EndlessRecursion {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        Ok(told(vec![deeper(number(&config).unwrap_or(usize::MAX)).to_string()]))
    }
}

hostile::export!(EndlessRecursion);
