//! Errors as a user meets them: one line of cause, one of hint, and an exit code.

use std::io;
use std::process::ExitCode;

use broker::export::ExportError;
use broker::store::StoreError;

use super::terminal;
use crate::admission::Refusal;
use crate::checkpoint::CheckpointError;
use crate::collection::CollectionError;
use crate::contract::{Failure, FieldProblem, explanation};
use crate::egress::{NetworkFailure, NetworkFailureKind, ReplayError, TlsError};
use crate::engine::{CallError, EngineError, LoadError};
use crate::journey::JourneyError;
use crate::journey::form::FormError;
use crate::plugin_build::BuildError;
use crate::policy::limits::TooLarge;
use crate::policy::origin::GrantError;
use crate::tenant::TenantError;

/// Which exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 1
    Failed,
    /// 2
    Usage,
    /// 1
    Interrupted,
    /// 1, without a word: whoever read our output has gone.
    BrokenPipe,
}

/// An error with its hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandError {
    kind: Kind,
    cause: String,
    hint: String,
}

impl CommandError {
    /// Something did not work.
    pub(super) fn failed(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, cause: cause.into(), hint: hint.into() }
    }

    /// Something was entered wrongly.
    pub(super) fn usage(cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, cause: cause.into(), hint: hint.into() }
    }

    /// The same error with its words passed through `change`.
    pub(super) fn map_words(mut self, change: impl Fn(&str) -> String) -> Self {
        self.cause = change(&self.cause);
        self.hint = change(&self.hint);
        self
    }

    /// The same error with another hint.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Prints the two lines and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self.kind {
            Kind::BrokenPipe => {}
            Kind::Failed | Kind::Usage | Kind::Interrupted => terminal::error(&self.cause, &self.hint),
        }
        ExitCode::from(if self.kind == Kind::Usage { 2 } else { 1 })
    }

    /// A failure that the plugin reports. Where the plugin got nothing but a code, what the host saw is more exact.
    pub(super) fn of_failure(failure: &Failure, seen: Option<&NetworkFailure>) -> Self {
        use NetworkFailureKind::{Denied, Limit, Other, Tls};
        let explanation = explanation(failure);
        let cause = explanation.message.clone();
        let hint = explanation.hint.clone().unwrap_or_else(|| default_hint(failure).to_owned());
        let error = if let Failure::InvalidConfiguration(_) = failure {
            Self::usage(cause, hint)
        } else {
            Self::failed(cause, hint)
        };
        // An earlier failure of another kind is not the reason for this one.
        match (failure, seen) {
            // An answer that a limit cut reaches the plugin as one that broke off.
            (Failure::DeniedByHost(_) | Failure::Unreachable(_), Some(seen)) if matches!(seen.kind, Denied | Limit) => {
                error.with_seen(seen)
            }
            (Failure::Tls(_), Some(seen)) if seen.kind == Tls => error.with_seen(seen),
            (Failure::Unreachable(_), Some(seen)) if seen.kind == Other => error.with_seen(seen),
            _ => error,
        }
    }

    /// The same error in the words of the host, which saw what happened on the network.
    pub(super) fn with_seen(mut self, seen: &NetworkFailure) -> Self {
        let words = &seen.words;
        match seen.kind {
            NetworkFailureKind::Denied => {
                self.cause = format!("the sandbox stopped a request: {words}");
                let hint = seen.hint.clone();
                self.with_hint(
                    hint.unwrap_or_else(|| "a plugin reaches only the address entered, over https".to_owned()),
                )
            }
            NetworkFailureKind::Limit => {
                self.cause = format!("the sandbox stopped a request: {words}");
                self.with_hint("`cargo sim limits` lists the limits, and --limits gives a tenant others; a GitLab stays within the usual ones")
            }
            NetworkFailureKind::Tls => {
                self.cause = with_detail(&self.cause, words);
                self.with_hint(
                    "if the certificate is a company's own, pass its authority with --ca-file FILE; otherwise have it renewed",
                )
            }
            NetworkFailureKind::Other => {
                self.cause = with_detail(&self.cause, words);
                self
            }
        }
    }

    /// Ctrl-C, or another polite request to end.
    pub(super) fn interrupted(hint: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted, cause: "interrupted".to_owned(), hint: hint.into() }
    }

    /// Whether it is [`CommandError::interrupted`].
    pub(super) fn is_interrupted(&self) -> bool {
        self.kind == Kind::Interrupted
    }

    /// Output that cannot be written.
    pub(super) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { kind: Kind::BrokenPipe, cause: String::new(), hint: String::new() };
        }
        Self::failed(format!("the output cannot be written: {error}"), hint_of_writing(TooLarge::is_why(error)))
    }

    /// A recording that cannot be written.
    pub(super) fn recording(error: &io::Error) -> Self {
        Self::failed(format!("the recording cannot be written: {error}"), hint_of_writing(TooLarge::is_why(error)))
    }

    /// Fields that were refused.
    pub(super) fn of_problems(problems: &[FieldProblem]) -> Self {
        let cause: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.key, problem.message)).collect();
        let hint = problems
            .iter()
            .find_map(|problem| problem.hint.clone())
            .unwrap_or_else(|| "`cargo sim inspect` lists the fields and what they take".to_owned());
        Self::usage(cause.join("; "), hint)
    }
}

fn hint_of_writing(is_limited: bool) -> &'static str {
    if is_limited {
        "`cargo sim limits` lists the limits, and --limits gives a tenant others; with --resume FILE a run can go on where it stopped"
    } else {
        "check the folder and the space left"
    }
}

/// The plugin's sentence, with what the host knows and the plugin, which only got a code, cannot.
fn with_detail(sentence: &str, words: &str) -> String {
    if sentence.contains(words) { sentence.to_owned() } else { format!("{} ({words})", sentence.trim_end_matches('.')) }
}

fn default_hint(failure: &Failure) -> &'static str {
    match failure {
        Failure::InvalidConfiguration(_) => "check the address and the settings",
        Failure::InvalidCursor(_) => "delete the resume file and start again",
        Failure::Unauthorized(_) => "create a new token and enter it",
        Failure::Forbidden(_) => "ask for the role or scope named",
        Failure::NotFound(_) => "check the address",
        Failure::RateLimited(_) => "try again later",
        Failure::Unreachable(_) => "check the address, and whether this machine can reach it",
        Failure::Tls(_) => "have the certificate of the service checked",
        Failure::DeniedByHost(_) => {
            "a plugin reaches only the address entered, over https; the switches --allow-… open more"
        }
        Failure::Upstream(_) => "try again later; if it stays, ask the administrator of the service",
        Failure::Malformed(_) => "check that the address is that of the service, not of a proxy or sign-in page",
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        let hint = match &error {
            CallError::Limit { .. } => "`cargo sim limits` lists the limits",
            CallError::Trap(_) | CallError::Instantiate(_) => "this is a fault of the plugin; report it to its author",
        };
        Self::failed(error.to_string(), hint)
    }
}

impl From<CollectionError> for CommandError {
    fn from(error: CollectionError) -> Self {
        match error {
            CollectionError::Failure { failure, last_failure } => Self::of_failure(&failure, last_failure.as_ref()),
            CollectionError::Call { error, .. } => error.into(),
            CollectionError::Output(error) => Self::output(&error),
            // Told by the end of the recording, with its hint.
            CollectionError::Recording(_) => Self::failed(error.to_string(), hint_of_writing(false)),
            CollectionError::Contract(_) => {
                Self::failed(error.to_string(), "this is a fault of the plugin; report it to its author")
            }
            CollectionError::RateLimited { .. } => {
                Self::failed(error.to_string(), "run again later; with --resume FILE a run goes on where it stopped")
            }
        }
    }
}

impl From<BuildError> for CommandError {
    fn from(error: BuildError) -> Self {
        let hint = match &error {
            BuildError::NoExample { known, .. } => {
                return Self::usage(error.to_string(), format!("there are: {}", known.join(", ")));
            }
            BuildError::Toolchain(error) => error.hint(),
            BuildError::Compile => "the compiler's own words are above".to_owned(),
            BuildError::Cargo(_) => "install Rust, for example with rustup".to_owned(),
            BuildError::File { .. } => "check the path and the space left".to_owned(),
            BuildError::Component(_) | BuildError::Refused(_) => "see `src/` and `wit/`".to_owned(),
        };
        Self::failed(error.to_string(), hint)
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        let hint = match &error {
            LoadError::Refused(Refusal::NotAComponent(_)) => "`cargo sim build` makes the GitLab plugin",
            LoadError::Refused(Refusal::TooLarge { .. }) => {
                "`cargo sim limits` lists the limits; a file for --limits can give a tenant others"
            }
            LoadError::Refused(Refusal::Signature(_)) => {
                "have it signed by whom you trust, and name the signature with --signature and the key with --verify-key"
            }
            LoadError::Refused(Refusal::Structure { .. }) | LoadError::Compile(_) => {
                "this is a fault of the plugin; report it to its author"
            }
            LoadError::Refused(_) => "`cargo sim inspect FILE` prints what a component imports and exports",
        };
        Self::failed(error.to_string(), hint)
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Machine(_) | EngineError::NoRoom { .. } => {
                Self::failed(error.to_string(), "check the memory limits of this process (`ulimit -v`)")
            }
            EngineError::Limit(_) => Self::usage(error.to_string(), "`cargo sim limits` lists the limits"),
        }
    }
}

impl From<TlsError> for CommandError {
    fn from(error: TlsError) -> Self {
        Self::usage(error.to_string(), "--ca-file takes a file of certificates in PEM form")
    }
}

impl From<TenantError> for CommandError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::Tls(error) => error.into(),
            TenantError::Ceiling { .. } | TenantError::Limit(_) => {
                Self::usage(error.to_string(), "`cargo sim limits` lists the limits")
            }
        }
    }
}

impl From<ReplayError> for CommandError {
    fn from(error: ReplayError) -> Self {
        let hint = match &error {
            ReplayError::Unreadable { .. } => "check the path and its permissions",
            ReplayError::Line { .. } => "--replay takes a file that --record made",
            ReplayError::Format { .. } | ReplayError::NotWhole(_) => "record the run anew",
        };
        Self::usage(error.to_string(), hint)
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let hint = match &error {
            StoreError::Unknown { what: "tenant", .. } => "`cargo sim tenant list` lists the tenants",
            StoreError::Unknown { what: "webhook", .. } => {
                "`cargo sim alerts webhook list` lists the webhooks of a tenant; --tenant names another"
            }
            StoreError::Exists { what: "webhook", .. } => "`cargo sim alerts webhook remove` removes it, with its key",
            StoreError::Unknown { what: "person", .. } => {
                "ids and log-in names are compared as they are written; --tenant and --source say where to look"
            }
            StoreError::Unknown { what: "snapshot", .. } => {
                "`cargo sim export runs` lists the runs; a snapshot is one that is complete, of an approved source"
            }
            StoreError::Unknown { what: "pool", .. } => "`cargo sim report sizing` lists the pools of each source",
            StoreError::Unknown { .. } => {
                "`cargo sim source list` lists the sources of a tenant; --tenant names another"
            }
            StoreError::Exists { .. } => "choose another name; `cargo sim tenant set` changes what there is",
            StoreError::Invalid { .. } => "see the command's --help",
            StoreError::Refused(refused) => refused.hint(),
            StoreError::Open { .. } | StoreError::Sqlite(_) => {
                "check the data folder, its permissions and the space left"
            }
            StoreError::Incoherent(_) => "run it again; if it stays, report it to the author of the plugin",
            StoreError::NotRunning(_) => "another process has ended the run; run it again",
            StoreError::Edited(_) => "somebody else is at it; look with `cargo sim source show`, and do it again",
            StoreError::Unscoured => "stop whatever reads the store, `cargo sim serve` among it, and do it again",
            StoreError::Random => "check the machine's source of random numbers",
        };
        match &error {
            StoreError::Unknown { .. }
            | StoreError::Exists { .. }
            | StoreError::Invalid { .. }
            | StoreError::Refused(_) => Self::usage(error.to_string(), hint),
            _ => Self::failed(error.to_string(), hint),
        }
    }
}

impl From<ExportError> for CommandError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Write(error) => Self::output(&error),
            ExportError::Store(error) => error.into(),
            ExportError::Parquet(_) => Self::failed(error.to_string(), hint_of_writing(false)),
            ExportError::Shape { .. } => Self::failed(error.to_string(), "this is a fault of this program; report it"),
        }
    }
}

impl From<JourneyError> for CommandError {
    fn from(error: JourneyError) -> Self {
        match error {
            JourneyError::Store(error) => error.into(),
            JourneyError::Folder { .. } => Self::usage(
                error.to_string(),
                "check the path and its permissions (`chmod 700`); --data names another folder",
            ),
            JourneyError::InUse(_) => {
                Self::failed(error.to_string(), "wait until it is done; `cargo sim serve` may be running")
            }
            JourneyError::Form(error) => {
                let hint = match &error {
                    FormError::NoAddress => "`cargo sim inspect` lists the fields of a plugin",
                    FormError::Secret(_) => "use --token-env, --token-file or --token-stdin",
                    FormError::Twice(_) => "--url, --max-concurrency or an earlier --set sets it already",
                    FormError::Address { .. } => "enter the address as you open it in a browser",
                };
                Self::usage(error.to_string(), hint)
            }
            JourneyError::Problems(problems) => Self::of_problems(&problems),
            JourneyError::Grant(GrantError::NotBelow { ref nearest, .. }) => Self::failed(
                error.to_string(),
                format!(
                    "if your service is at {nearest}, enter that; the plugin may then reach all of it that it asks for"
                ),
            ),
            JourneyError::Grown { source_no, .. } | JourneyError::Other { source_no, .. } => Self::failed(
                error.to_string(),
                format!(
                    "nothing was sent; `cargo sim source edit {source_no}` shows what it asks for now and agrees to it"
                ),
            ),
            JourneyError::Grant(error) => Self::failed(
                error.to_string(),
                "a plugin that asks for other addresses than yours is not to be trusted",
            ),
            JourneyError::Injection(error) => Self::failed(
                error.to_string(),
                "the token stays here; this is a fault of the plugin, report it to its author",
            ),
            JourneyError::Engine(error) => error.into(),
            JourneyError::Load(error) => error.into(),
            JourneyError::Call(error) => error.into(),
            JourneyError::Tenant(error) => error.into(),
            JourneyError::Tls(error) => error.into(),
            JourneyError::Key(error) => error.into(),
            JourneyError::Seal(error) => error.into(),
            JourneyError::Webhook(error) => {
                let hint = error.hint();
                let more = if hint.starts_with("--") { " for `cargo sim tenant set`" } else { "" };
                Self::usage(error.to_string(), format!("{hint}{more}"))
            }
            JourneyError::Limits(error) => error.into(),
            JourneyError::Stored { .. } => {
                Self::failed(error.to_string(), "it was written by another version of this program; enter it anew")
            }
        }
    }
}

impl From<CheckpointError> for CommandError {
    fn from(error: CheckpointError) -> Self {
        let hint = match &error {
            CheckpointError::InUse(_) => "wait until that run has ended, or name another file".to_owned(),
            CheckpointError::Unwritable { .. } => "check the folder and its permissions".to_owned(),
            CheckpointError::PartLost { path, .. } => {
                format!("delete {} to start from the beginning", path.display())
            }
            CheckpointError::ForeignPart(_) => "move it away if it is of use, delete it otherwise".to_owned(),
            CheckpointError::Unreadable { .. } | CheckpointError::Other { .. } => {
                "name another file, or delete this one to start from the beginning".to_owned()
            }
        };
        Self::usage(error.to_string(), hint)
    }
}
