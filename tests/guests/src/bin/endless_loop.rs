//! Computes without end, in whatever it is asked; with `fill`, in instructions that take long each.
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

    fn collect(config: Configuration, _: Credential, _: Option<Cursor>) -> Result<Batch, Failure> {
        if config.settings == "fill" {
            let mut memory = vec![0_u8; 32 << 20];
            loop {
                std::hint::black_box(&mut memory).fill(1);
            }
        }
        turn()
    }
}

hostile::export!(EndlessLoop);
