//! Tests of the whole: the real component, in the real host, over real HTTP, compared with what the stand-in knows.
//!
//! They are a test target of `host-sim`, so that they can run its binary; the component is built once, by the code
//! that `cargo sim build` runs.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

mod support;

mod admission;
mod alerts;
mod bad_input;
mod bench;
mod broker_commands;
mod broker_runs;
mod budgets;
mod canary;
mod checklist;
mod collect;
mod command_line;
mod component;
mod contained;
mod demo;
mod egress;
mod example_plugin;
mod fault_table;
mod guest_build;
mod hostile;
mod journey;
mod killed;
mod limits;
mod privacy;
mod recording;
mod resume;
mod scenarios;
mod sealed;
mod secrecy;
mod serve;
mod sources;
mod tenants;
mod test_connection;
mod thirty_days;
mod threat_table;
