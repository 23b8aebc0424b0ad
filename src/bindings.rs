//! Types and glue generated from `wit/`.
//!
//! Guarantees that the WASI types are those of the `wasi` crate, so that there is one `Pollable` and not two.
//!
//! Refuses to be seen outside the crate: generated names are not this crate's interface.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated; the documentation is in wit/"
)]

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    with: {
        "wasi:clocks/monotonic-clock@0.2.12": wasi::clocks::monotonic_clock,
        "wasi:clocks/wall-clock@0.2.12": wasi::clocks::wall_clock,
        "wasi:http/outgoing-handler@0.2.12": wasi::http::outgoing_handler,
        "wasi:http/types@0.2.12": wasi::http::types,
        "wasi:io/error@0.2.12": wasi::io::error,
        "wasi:io/poll@0.2.12": wasi::io::poll,
        "wasi:io/streams@0.2.12": wasi::io::streams,
    },
});
