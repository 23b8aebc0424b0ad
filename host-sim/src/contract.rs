//! The contract as Rust types: generated from `wit/`, re-exported by explicit list.
//!
//! Generated names are never public by accident: what is not listed here does not exist for the rest of the host.

#[allow(
    missing_docs,
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
    AccountKind, AccountState, Activity, Assignment, Batch, Capabilities, Capability, Check, CheckStatus, Completeness,
    Configuration, Counts, Credential, CredentialPlacement, Deployment, Descriptor, EmailKind, Entry, Explanation,
    Failure, Field, FieldKind, FieldProblem, FieldValue, Identity, Input, LicenseType, Pool, PoolKind, PoolUnit,
    ProblemKind, Progress, Rejection, Source, Summary, TestReport, User, Via, Warning,
};

/// Name and version of the interface that every plugin exports.
pub const CONNECTOR: &str = "license-broker:plugin/connector@0.1.0";

/// A failure's words and stable name, whatever its case.
pub struct FailureParts<'a> {
    /// Stable name of the case, `kebab-case`, as in the contract.
    pub code: &'static str,
    /// The words.
    pub explanation: &'a Explanation,
}

/// Takes a failure apart for people.
#[must_use]
pub fn failure_parts(failure: &Failure) -> FailureParts<'_> {
    let (code, explanation) = match failure {
        Failure::InvalidConfiguration(explanation) => ("invalid-configuration", explanation),
        Failure::InvalidCursor(explanation) => ("invalid-cursor", explanation),
        Failure::Unauthorized(failure) => ("unauthorized", &failure.explanation),
        Failure::Forbidden(failure) => ("forbidden", &failure.explanation),
        Failure::NotFound(explanation) => ("not-found", explanation),
        Failure::RateLimited(failure) => ("rate-limited", &failure.explanation),
        Failure::Unreachable(explanation) => ("unreachable", explanation),
        Failure::Tls(explanation) => ("tls", explanation),
        Failure::DeniedByHost(explanation) => ("denied-by-host", explanation),
        Failure::Upstream(failure) => ("upstream", &failure.explanation),
        Failure::Malformed(failure) => ("malformed", &failure.explanation),
    };
    FailureParts { code, explanation }
}
