//! The only way out of the sandbox.
//!
//! A request of the guest passes these steps, in this order: count it against the call's budget; compare its parsed
//! origin with the grant; refuse addresses that the tenant's policy does not allow; only then write the credential;
//! connect to an address that was checked, with TLS verified against the granted name; pass the response through
//! with its size counted and the credential masked, should it come back. Redirects are answers like
//! others: a request to their target starts over at the first step. Answers can be recorded, and be taken from a recording
//! instead of the network (`tape`).
//!
//! | who | lives as long as | holds |
//! | --- | --- | --- |
//! | [`Client`] | the tenant | connection pool, TLS roots, address policy, in-flight ceiling |
//! | [`Access`] | the source | the grant and the secret |
//! | [`Ledger`] | one call | every request and refusal, for bill and trace |
//!
//! What the host itself sends, alerts to a webhook, goes by the tenant's client, too (`post`).
//!
//! A credential at rest is a [`Sealed`] one; here alone it is opened.

#[cfg(test)]
mod answers;
mod body;
mod cause;
mod client;
mod connect;
#[cfg(test)]
mod generated;
mod hooks;
mod injection;
mod ledger;
mod mask;
mod post;
mod resolve;
mod sealed;
mod secret;
mod send;
mod shifts;
mod small_reads;
mod spelling;
mod tape;
mod tls;
mod upload;

pub use client::Client;
pub(crate) use hooks::Hooks;
pub use injection::{Injection, InjectionError};
pub use ledger::{Denial, DenialCode, Ledger, MOST_DENIALS, NetworkFailure, NetworkFailureKind, RequestRecord};
pub use post::{Answered, PostError};
pub use resolve::{Lookup, Resolve, SystemResolver};
pub use sealed::{KeyError, Owner, SealError, Sealed, SealingKey};
pub use secret::{Secret, SecretError};
pub(crate) use tape::RecordedAnswer;
pub use tape::{Recorder, Replay, ReplayError, Tape};
pub use tls::{TlsError, read_roots_ahead};

use std::sync::Arc;

use crate::policy::origin::Grant;

/// What one source may do on the network, and with which credential.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Where requests may go.
    pub grant: Grant,
    /// The credential and where it is written; none for a source without one.
    pub injection: Option<Injection>,
}

/// The network of one call.
#[derive(Debug, Clone)]
pub struct Network {
    /// The tenant's client.
    pub client: Arc<Client>,
    /// The source's grant and secret.
    pub access: Access,
}
