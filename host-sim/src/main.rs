//! `host-sim`, the command line of the host simulator.

use std::process::ExitCode;

fn main() -> ExitCode {
    host_sim::cli::main()
}
