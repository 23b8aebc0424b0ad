//! `audit`: who did what, and when. Names tenants and sources, never people of a source.

use std::process::ExitCode;

use broker::store::audit::Entry;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal::printable;
use super::answer;
use super::data::DataArgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "Newest first.\n\nExample:\n  cargo sim audit --tenant acme --limit 20 --json")]
pub(in crate::cli) struct Args {
    /// Of this tenant alone, also of one that was removed
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Most entries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let entries = args.data.store()?.audit(args.tenant.as_deref(), args.limit)?;
    answer(args.json, &entries, || as_table(&entries))?;
    Ok(ExitCode::SUCCESS)
}

fn as_table(entries: &[Entry]) -> String {
    let mut table = table(&["When", "Who", "What", "Tenant", "Source", "More"]);
    let text = |text: &Option<String>| text.as_deref().map(printable).unwrap_or_default();
    for entry in entries {
        table.add_row([
            entry.at.clone(),
            printable(&entry.actor),
            entry.action.clone(),
            text(&entry.tenant),
            text(&entry.source),
            text(&entry.detail),
        ]);
    }
    lines(&table)
}
