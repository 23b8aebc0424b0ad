//! Hostile servers: the real plugin in the real host, against servers that break HTTP, TLS and DNS.
//!
//! A test target of its own, so that the memory of its process is that of the host and of nothing else.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unused_imports,
    reason = "tests; what they share with others they do not use in whole"
)]

#[path = "../support/mod.rs"]
mod support;

mod contained;
mod dns;
mod host;
mod memory;
mod pooled;
mod tls;
