//! The journey without a browser: tenants, sources, and what the broker remembers of them.

pub(super) mod alerts;
pub(super) mod allocation;
pub(super) mod audit;
pub(super) mod data;
mod erase;
pub(super) mod export;
mod form;
pub(super) mod report;
mod select;
pub(super) mod serve;
pub(super) mod source;
pub(super) mod tenant;

use std::io::{IsTerminal as _, Write as _};

use super::error::CommandError;
use super::terminal::{self, printable};

/// Asks before what cannot be undone.
fn confirm(yes: bool, question: &str) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    let refused = |cause: &str| CommandError::usage(cause, "--yes does it without a question");
    if !std::io::stdin().is_terminal() {
        return Err(refused(&format!("{question} Nobody is there to answer")));
    }
    // To standard error: the answer of the command is elsewhere.
    let asked = write!(std::io::stderr(), "{} [y/N] ", printable(question));
    let mut answer = String::new();
    if asked.is_err() || std::io::stdin().read_line(&mut answer).is_err() {
        return Err(refused("no answer"));
    }
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(refused("nothing was done")) }
}

/// Prints a value as JSON, or else the text.
fn answer<T: serde::Serialize>(json: bool, value: &T, text: impl FnOnce() -> String) -> Result<(), CommandError> {
    if !json {
        return terminal::print(&text());
    }
    terminal::print(&as_json(value)?)
}

/// A value as JSON that steers no terminal, keys in the order of its fields.
fn as_json<T: serde::Serialize>(value: &T) -> Result<String, CommandError> {
    let document = serde_json::to_string_pretty(value)
        .map_err(|error| CommandError::failed(error.to_string(), "this is a fault of this program; report it"))?;
    Ok(terminal::escaped(&format!("{document}\n")))
}
