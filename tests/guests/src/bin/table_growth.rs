//! Grows a table until it gets no more, or by so many elements and tells whether it got them.
#![no_main]
#![expect(unsafe_code, reason = "growing a table has no other spelling in Rust than assembly")]
#![feature(asm_experimental_arch)]

use std::arch::asm;

use hostile::connector::{Batch, Configuration, Credential, Cursor, Failure};
use hostile::{Behaviour, number, told};

/// The size before, or -1 if the table did not grow.
#[target_feature(enable = "reference-types")]
fn grow_table(elements: usize) -> isize {
    let before: isize;
    // SAFETY: the new elements are null, and nobody calls through them.
    unsafe {
        asm!(
            ".tabletype __indirect_function_table, funcref",
            "ref.null_func",
            "local.get {elements}",
            "table.grow __indirect_function_table",
            "local.set {before}",
            elements = in(local) elements,
            before = lateout(local) before,
        );
    }
    before
}

struct TableGrowth;

impl Behaviour for TableGrowth {
    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        if let Some(elements) = number(&config) {
            // The size before, which is what is there without any growth; -1 for a refusal.
            return Ok(told(vec![grow_table(elements).to_string()]));
        }
        while grow_table(1_000) >= 0 {}
        panic!("no more");
    }
}

hostile::export!(TableGrowth);
