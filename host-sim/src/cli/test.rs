//! `test`: *Test connection*.

use std::process::ExitCode;

use serde_json::json;

use super::error::CommandError;
use super::source::{Source, SourceArgs};
use super::terminal::{self, printable};
use crate::bill::Bill;
use crate::contract::{CheckStatus, TestReport};
use crate::journey::host::report_json;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim test --url https://gitlab.example.com --token-env GITLAB_TOKEN")]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Print what the test cost
    #[arg(long)]
    bill: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Whether all answers come from a recording.
    pub(super) fn replays(&self) -> bool {
        self.source.replays()
    }
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let entered = args.source.entered()?;
    let source = Source::prepare(&args.source.component(&entered.limits)?, entered).await?;
    let outcome = source.plugin.test(&source.network, &source.config).await;
    source.end_tape()?;
    let mut bill = Bill::default();
    bill.add(&outcome.bill);
    let no_answer = outcome.bill.requests.iter().all(|request| request.status.is_none());
    let report = outcome.result.map_err(|error| CommandError::from(error).map_words(|words| source.redact(words)))?;
    let mut text = if args.json {
        let mut document = as_json(&report, &source);
        if args.bill
            && let Some(object) = document.as_object_mut()
        {
            object.insert("bill".to_owned(), bill.to_json(&source.limits));
        }
        terminal::json(&document)
    } else {
        format!("{}\n{}", printable(&source.config.display_name), as_text(&report))
    };
    if args.bill && !args.json {
        text.push_str(&bill.to_text(&source.limits));
    }
    terminal::print(&source.redact(&text))?;
    match report.checks.iter().find(|check| check.status == CheckStatus::Fail) {
        None => Ok(ExitCode::SUCCESS),
        Some(check) => {
            let hint = check.hint.clone().unwrap_or_else(|| "see the checks above".to_owned());
            let error = CommandError::failed(check.detail.clone(), hint);
            // Where the plugin got nothing but a code, what the host saw is more exact.
            let error = match &outcome.last_failure {
                Some(seen) if no_answer => error.with_seen(seen),
                _ => error,
            };
            Err(error.map_words(|words| source.redact(words)))
        }
    }
}

fn as_json(report: &TestReport, source: &Source) -> serde_json::Value {
    let mut document = report_json(report);
    if let Some(object) = document.as_object_mut() {
        object.insert("source_key".to_owned(), json!(source.config.source_key));
        object.insert("display_name".to_owned(), json!(source.config.display_name));
    }
    document
}

/// The checks for people, one block each.
pub(super) fn as_text(report: &TestReport) -> String {
    report
        .checks
        .iter()
        .map(|check| {
            let hint = check.hint.as_ref().map(|hint| format!("\n          → {}", printable(hint))).unwrap_or_default();
            let mark = terminal::mark(check.status);
            format!("  {mark}    {}: {}{hint}\n", printable(&check.title), printable(&check.detail))
        })
        .collect()
}
