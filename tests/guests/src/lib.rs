//! What the hostile guests share: an honest plugin, of which each guest replaces what it does differently.
//!
//! | setting `mode` | reaches the guest as | use |
//! | --- | --- | --- |
//! | absent | empty `configuration.settings` | the guest's usual, most often endless, misdeed |
//! | a number | [`number`] | so many of it, to find the very edge of a limit |
//! | words | `configuration.settings` | one of several misdeeds |
//!
//! What a guest found out it says in warnings, one line each: see [`told`].

#[allow(missing_docs, unsafe_code, reason = "generated; the documentation is in wit/")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "hostile::bindings",
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

pub mod honest;
pub mod http;

use std::marker::PhantomData;

pub use bindings::exports::license_broker::plugin::connector;
use connector::{
    Batch, Configuration, Credential, Cursor, Descriptor, Failure, FieldProblem, FieldValue, TestReport, Warning,
};

/// A plugin: honest, as far as a guest does not say otherwise.
pub trait Behaviour {
    /// See the contract.
    fn describe() -> Descriptor {
        honest::descriptor()
    }

    /// See the contract.
    fn configure(values: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
        honest::configuration(values)
    }

    /// See the contract.
    fn test(_config: Configuration, _credential: Credential) -> TestReport {
        honest::report()
    }

    /// See the contract.
    fn collect(config: Configuration, credential: Credential, cursor: Option<Cursor>) -> Result<Batch, Failure>;
}

/// The exports of a behaviour.
pub struct Export<T>(PhantomData<T>);

impl<T: Behaviour> connector::Guest for Export<T> {
    fn describe() -> Descriptor {
        T::describe()
    }

    fn configure(values: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
        T::configure(values)
    }

    fn test(config: Configuration, credential: Credential) -> TestReport {
        T::test(config, credential)
    }

    fn collect(config: Configuration, credential: Credential, cursor: Option<Cursor>) -> Result<Batch, Failure> {
        T::collect(config, credential, cursor)
    }
}

/// Makes a component of a behaviour.
#[macro_export]
macro_rules! export {
    ($behaviour:ident) => {
        type Exported = $crate::Export<$behaviour>;
        #[allow(unsafe_code, reason = "generated: the exports of a component")]
        mod exports {
            use super::Exported;

            $crate::bindings::export!(Exported with_types_in $crate::bindings);
        }
    };
}

/// How many, if the settings say so.
pub fn number(config: &Configuration) -> Option<usize> {
    config.settings.parse().ok()
}

/// The last batch of a run, whose warnings are `lines`.
pub fn told(lines: Vec<String>) -> Batch {
    let warnings: Vec<_> =
        lines.into_iter().map(|message| Warning { code: "told".to_owned(), message, scope: None }).collect();
    let mut batch = honest::last(Vec::new());
    if let Some(summary) = &mut batch.summary {
        summary.counts.warnings = warnings.len().try_into().unwrap_or(u64::MAX);
    }
    Batch { warnings, ..batch }
}
