//! Traps in each export, each in another way.
#![no_main]
#![expect(unsafe_code, reason = "the sandbox is to stop what Rust does not")]

use std::hint::black_box;

use hostile::Behaviour;
use hostile::connector::{
    Batch, Configuration, Credential, Cursor, Descriptor, Failure, FieldProblem, FieldValue, TestReport,
};

struct Trap;

impl Behaviour for Trap {
    fn describe() -> Descriptor {
        std::arch::wasm32::unreachable()
    }

    fn configure(_: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
        panic!("of no interest to anybody");
    }

    fn test(_: Configuration, _: Credential) -> TestReport {
        // Refused, which is not why it crashes.
        std::arch::wasm32::memory_grow(0, 1 << 15);
        let beyond = black_box(usize::MAX - 8);
        // SAFETY: there is none. The sandbox is to stop what Rust does not.
        unsafe { std::ptr::with_exposed_provenance::<u32>(beyond).read_volatile() };
        hostile::honest::report()
    }

    fn collect(_: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        let called: usize = black_box(usize::MAX);
        // SAFETY: there is none, as above.
        let function = unsafe { std::mem::transmute::<usize, fn() -> usize>(called) };
        panic!("{}", function());
    }
}

hostile::export!(Trap);
