//! What small plugins share.
//!
//! | module | gives |
//! | --- | --- |
//! | [`connector`], [`export!`] | the contract's types, and the exports of a component |
//! | [`form`] | fields, and the usual two of them: an address and a token |
//! | [`http`] | one GET |
//! | [`failure`] | each way in which it can end, as what a host is to do |
//! | [`unknown`] | records to start from, in which nothing is known yet |
//! | [`paging`] | batches of a list that one call can hold |
//! | [`report`] | *Test connection* of one check |
//!
//! Refuses to follow redirects, to send anything but GET, and to be a framework: a plugin with lists to page through, retries
//! or many requests at once outgrows it, as `gitlab-seats` does.

#[allow(missing_docs, unsafe_code, reason = "generated; the documentation is in wit/")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "plugin_kit::bindings",
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
}

pub mod failure;
pub mod form;
pub mod http;
pub mod paging;
pub mod report;
pub mod unknown;

pub use bindings::exports::license_broker::plugin::connector;

/// Makes a component of a type with `connector::Guest`.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[allow(unsafe_code, reason = "generated: the exports of a component")]
        mod exports {
            use super::$plugin;

            $crate::bindings::export!($plugin with_types_in $crate::bindings);
        }
    };
}
