//! What an administrator does with a source, for real: the plugin in its sandbox, the credential sealed, the broker's
//! store behind it.
//!
//! | part | does |
//! | --- | --- |
//! | [`consent`] | what was agreed to that a source may reach |
//! | [`folder`] | the data folder: store, key, plugins, and who uses a source now |
//! | [`form`] | what is entered, in the plugin's own fields |
//! | [`host`] | configure, test, save, approve: each step with the plugin, and in the store |
//! | [`reading`] | one run of one source into the store |
//! | [`scheduler`] | runs when they are due |
//! | [`webhook`] | alerts on their way to receivers |
//! | [`exposition`] | seat head-room for a monitoring system |
//!
//! Knows nothing of any vendor: fields, names and hints come from the plugin.

pub mod connection;
pub mod consent;
pub mod exposition;
pub mod folder;
pub mod form;
pub mod host;
pub mod reading;
pub mod scheduler;
pub mod webhook;

use std::path::PathBuf;

use crate::contract::FieldProblem;
use crate::egress::{InjectionError, KeyError, SealError, TlsError};
use crate::engine::{CallError, EngineError, LoadError};
use crate::policy::limit_file::LimitFileError;
use crate::policy::origin::GrantError;
use crate::policy::request::Refusal;
use crate::tenant::TenantError;

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] broker::store::StoreError),
    /// The data folder, or a file in it.
    #[error("{}: {why}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be used.
        why: String,
    },
    /// Another process reads the source now.
    #[error("another process reads source {0} now")]
    InUse(i64),
    /// What was entered does not fit the plugin's form.
    #[error(transparent)]
    Form(#[from] form::FormError),
    /// The plugin does not accept what was entered.
    #[error("{}", problems(.0))]
    Problems(Vec<FieldProblem>),
    /// The plugin asks for other addresses than those entered.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The plugin asks for more than when the source was entered.
    #[error("the plugin asks for {more}, which was not agreed to for source {source_no}")]
    Grown {
        /// The source.
        source_no: i64,
        /// The first entry that is new.
        more: String,
    },
    /// The plugin says that it reads another source than when it was entered.
    #[error("the plugin reads {now} now, and {agreed} was agreed to for source {source_no}")]
    Other {
        /// The source.
        source_no: i64,
        /// Its key.
        agreed: String,
        /// The plugin's key now.
        now: String,
    },
    /// The plugin wants the credential where it must not be.
    #[error(transparent)]
    Injection(#[from] InjectionError),
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The plugin was not loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The plugin passed a limit, or crashed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The tenant cannot be served.
    #[error(transparent)]
    Tenant(#[from] TenantError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The credential cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The tenant may not send alerts there.
    #[error(transparent)]
    Webhook(Refusal),
    /// The tenant's limits cannot be read.
    #[error(transparent)]
    Limits(#[from] LimitFileError),
    /// What the store holds is not what this program writes there.
    #[error("what is stored of {what} cannot be read: {why}")]
    Stored {
        /// `source 3`, or `tenant acme`.
        what: String,
        /// Why.
        why: String,
    },
}

fn problems(problems: &[FieldProblem]) -> String {
    let words: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect();
    words.join("; ")
}

/// Runs what waits for the disk where it may stand still, if there is such a place.
pub(crate) fn blocking<T>(act: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(act),
        _ => act(),
    }
}
