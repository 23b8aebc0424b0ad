//! The contract as Rust types: generated from `wit/`, re-exported by explicit list.
//!
//! Generated names are never public by accident: what is not listed here does not exist for the rest of the host.

#[allow(
    missing_docs,
    unsafe_code,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "generated code; the contract is documented in wit/connector.wit"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "license-broker:plugin/plugin",
        exports: { default: async },
        with: {
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
            "wasi:io": wasmtime_wasi::p2::bindings::io,
        },
    });
}

pub(crate) use bindings::{Plugin, PluginPre};

pub use bindings::exports::license_broker::plugin::connector::{
    AccountKind, AccountState, Activity, Assignment, Batch, Capabilities, Capability, Check, CheckStatus, Choice,
    Completeness, Configuration, Counts, Credential, CredentialPlacement, Deployment, Descriptor, EmailKind, Entry,
    Explanation, Failure, Field, FieldKind, FieldProblem, FieldValue, Identity, Input, LicenseType, Pool, PoolKind,
    PoolUnit, ProblemKind, Progress, Rejection, Source, Summary, TestReport, User, Via, Warning,
};

/// Name and version of the interface that every plugin exports.
pub const CONNECTOR: &str = "license-broker:plugin/connector@0.1.0";

/// The words of a failure, whatever its case.
#[must_use]
pub fn explanation(failure: &Failure) -> &Explanation {
    match failure {
        Failure::InvalidConfiguration(explanation)
        | Failure::InvalidCursor(explanation)
        | Failure::NotFound(explanation)
        | Failure::Unreachable(explanation)
        | Failure::Tls(explanation)
        | Failure::DeniedByHost(explanation) => explanation,
        Failure::Unauthorized(failure) => &failure.explanation,
        Failure::Forbidden(failure) => &failure.explanation,
        Failure::RateLimited(failure) => &failure.explanation,
        Failure::Upstream(failure) => &failure.explanation,
        Failure::Malformed(failure) => &failure.explanation,
    }
}
