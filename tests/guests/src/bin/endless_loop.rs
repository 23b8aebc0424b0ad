//! Computes without end, in whatever it is asked.
#![no_main]

use hostile::Behaviour;
use hostile::connector::{
    Batch, Configuration, Credential, Cursor, Descriptor, Failure, FieldProblem, FieldValue, TestReport,
};

struct EndlessLoop;

fn turn() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

impl Behaviour for EndlessLoop {
    fn describe() -> Descriptor {
        turn()
    }

    fn configure(_: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
        turn()
    }

    fn test(_: Configuration, _: Credential) -> TestReport {
        turn()
    }

    fn collect(_: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        turn()
    }
}

hostile::export!(EndlessLoop);
