//! Errors as a user meets them: one line of cause, one of hint, and an exit code.

use std::io;
use std::process::ExitCode;

use super::terminal;
use crate::admission::Refusal;
use crate::checkpoint::CheckpointError;
use crate::collection::CollectionError;
use crate::contract::{Failure, FieldProblem, failure_parts};
use crate::egress::TlsError;
use crate::engine::{CallError, EngineError, LoadError};
use crate::plugin_build::BuildError;

/// Which exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 1
    Failed,
    /// 2
    Usage,
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
            Kind::Failed | Kind::Usage => terminal::error(&self.cause, &self.hint),
        }
        ExitCode::from(if self.kind == Kind::Usage { 2 } else { 1 })
    }

    /// A failure that the plugin reports. `last_failure` is what the host saw on the network: where the plugin only got
    /// a code, these words are the exact ones.
    pub(super) fn of_failure(failure: &Failure, last_failure: Option<&str>) -> Self {
        let parts = failure_parts(failure);
        let mut cause = parts.explanation.message.clone();
        let mut hint = parts.explanation.hint.clone().unwrap_or_else(|| default_hint(failure).to_owned());
        match (failure, last_failure) {
            // The refusal was the host's: its own words and hint are the exact ones.
            (Failure::DeniedByHost(_), Some(words)) => {
                cause = format!("the sandbox stopped a request: {words}");
                default_hint(failure).clone_into(&mut hint);
            }
            (Failure::Unreachable(_), Some(words)) => cause = with_detail(&cause, words),
            (Failure::Tls(_), Some(words)) => {
                cause = with_detail(&cause, words);
                default_hint(failure).clone_into(&mut hint);
            }
            _ => {}
        }
        if let Failure::InvalidConfiguration(_) = failure {
            Self::usage(cause, hint)
        } else {
            Self::failed(cause, hint)
        }
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

/// The plugin's sentence, with what the host knows and the plugin, which only got a code, cannot.
pub(super) fn with_detail(sentence: &str, words: &str) -> String {
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
        Failure::Tls(_) => {
            "if the certificate is a company's own, pass its authority with --ca-file FILE; otherwise have it renewed"
        }
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
            CollectionError::Failure { failure, last_failure } => Self::of_failure(&failure, last_failure.as_deref()),
            CollectionError::Call(error) => error.into(),
            CollectionError::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Self { kind: Kind::BrokenPipe, cause: String::new(), hint: String::new() }
            }
            CollectionError::Output(_) => Self::failed(error.to_string(), "check the folder and the space left"),
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
            LoadError::Refused(_) => "`cargo sim inspect FILE` prints what a component imports and exports",
            LoadError::Compile(_) => "this is a fault of the plugin; report it to its author",
        };
        Self::failed(error.to_string(), hint)
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        Self::failed(error.to_string(), "check the memory limits of this process (`ulimit -v`)")
    }
}

impl From<TlsError> for CommandError {
    fn from(error: TlsError) -> Self {
        Self::usage(error.to_string(), "--ca-file takes a file of certificates in PEM form")
    }
}

impl From<CheckpointError> for CommandError {
    fn from(error: CheckpointError) -> Self {
        Self::usage(error.to_string(), "name another file, or delete this one to start from the beginning")
    }
}
