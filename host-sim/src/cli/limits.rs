//! `limits`: what a plugin may use.

use std::process::ExitCode;

use super::error::CommandError;
use super::terminal;
use crate::policy::limits::Limits;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let lines = Limits::default().lines();
    let text = if args.json {
        let limits: serde_json::Map<String, serde_json::Value> = lines
            .iter()
            .map(|line| (line.name.to_owned(), serde_json::json!({ "value": line.value, "unit": line.unit })))
            .collect();
        format!("{}\n", serde_json::Value::Object(limits))
    } else {
        lines
            .iter()
            .map(|line| format!("{:<24} {:>10} {:<6} {}\n", line.name, line.value, line.unit, line.meaning))
            .collect()
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
