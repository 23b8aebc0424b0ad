//! `limits`: what a plugin may use.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::error::CommandError;
use super::terminal;
use crate::bill::human_bytes;
use crate::engine::INSTANCES;
use crate::policy::limit_file::{self, LimitFileError};
use crate::policy::limits::{FIXED_BYTES, Limits, Mode};

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
         A limit holds for one call. These hold for one of something else, a request with its answer:\n{others}  {:<24} process\n\n\
         A limits file holds what differs from the defaults, in the units printed:\n  memory_bytes = 33554432\n  \
         requests = {{ value = 500, mode = \"warn\" }}",
        "process_memory"
    )
}

/// What follows from the limits, and is none that a file can set: name, bytes, what of, meaning.
fn follows(limits: &Limits) -> [(&'static str, u64, &'static str, String); 2] {
    let fixed = human_bytes(FIXED_BYTES);
    let (call, process) = (limits.call_bytes(), limits.process_bytes(INSTANCES));
    [
        ("call_memory", call, "call", "follows from these: most that one call takes of the process".to_owned()),
        (
            "process_memory",
            process,
            "process",
            format!("follows from that: {INSTANCES} calls at once, and {fixed} beside them"),
        ),
    ]
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
    let limits = of_tenant(args.limits.as_deref())?;
    let follows = follows(&limits);
    let lines = limits.lines();
    let text = if args.json {
        let mut limits: serde_json::Map<String, serde_json::Value> = lines
            .iter()
            .map(|line| {
                (
                    line.name.to_owned(),
                    serde_json::json!({ "value": line.value, "unit": line.unit, "mode": line.mode.name(), "of": line.of }),
                )
            })
            .collect();
        for (name, value, of, _) in follows {
            limits.insert(name.to_owned(), serde_json::json!({ "value": value, "unit": "bytes", "of": of }));
        }
        format!("{}\n", serde_json::Value::Object(limits))
    } else {
        let listed: String = lines
            .iter()
            .map(|line| {
                let meaning = if line.mode == Mode::Warn { "only a word on the bill" } else { line.meaning };
                format!("{:<24} {:>11} {:<6} {meaning}\n", line.name, line.value, line.unit)
            })
            .collect();
        let follows = follows.map(|(name, value, _, meaning)| format!("{name:<24} {value:>11} bytes  {meaning}\n"));
        listed + &follows.concat()
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
