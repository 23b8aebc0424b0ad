//! `limits`: what a plugin may use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::error::CommandError;
use super::terminal;
use crate::policy::limit_file::{self, LimitFileError};
use crate::policy::limits::{Limits, Mode};

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub(super) struct Args {
    /// Limits of a tenant, in TOML
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What each limit holds for is taken from their list, so that none is promised for more than it holds for.
fn help() -> String {
    let lines = Limits::default().lines();
    let others = lines.iter().filter(|line| line.of != "call");
    let others: String = others.map(|line| format!("  {:<24} {}\n", line.name, line.of)).collect();
    format!(
        "Examples:\n  cargo sim limits\n  cargo sim limits --limits tenant.toml --json\n\n\
         A limit holds for one call. These hold for one of something else, a request with its answer:\n{others}\n\
         A limits file holds what differs from the defaults, in the units printed:\n  memory_bytes = 33554432\n  \
         requests = {{ value = 500, mode = \"warn\" }}"
    )
}

/// The limits that `file` gives, or the defaults.
pub(super) fn of_tenant(file: Option<&Path>) -> Result<Limits, CommandError> {
    Ok(file.map(limit_file::read).transpose()?.unwrap_or_default())
}

impl From<LimitFileError> for CommandError {
    fn from(error: LimitFileError) -> Self {
        Self::usage(
            error.to_string(),
            "`cargo sim limits` lists the limits and their units; `cargo sim limits --help` has an example",
        )
    }
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let lines = of_tenant(args.limits.as_deref())?.lines();
    let text = if args.json {
        let limits: serde_json::Map<String, serde_json::Value> = lines
            .iter()
            .map(|line| {
                (
                    line.name.to_owned(),
                    serde_json::json!({ "value": line.value, "unit": line.unit, "mode": line.mode.name(), "of": line.of }),
                )
            })
            .collect();
        format!("{}\n", serde_json::Value::Object(limits))
    } else {
        lines
            .iter()
            .map(|line| {
                let meaning = if line.mode == Mode::Warn { "only a word on the bill" } else { line.meaning };
                format!("{:<24} {:>10} {:<6} {meaning}\n", line.name, line.value, line.unit)
            })
            .collect()
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
