//! `demo`: the whole line on one machine, with nothing faked but GitLab itself.
//!
//! The plugin is built and loaded as any plugin would be, the stand-in answers over real HTTP on loopback, and every
//! figure printed comes out of the sandbox.

use std::process::ExitCode;

use fake_gitlab::{FakeGitlab, Options, Tokens};
use time::OffsetDateTime;

use super::component::{AdmissionArgs, ComponentFile};
use super::document::{allocation_table, lines, table};
use super::error::CommandError;
use super::source::{Entered, Source};
use super::terminal::{self, ProgressLine, printable};
use crate::allocation::{Allocation, GRACE_DAYS, Rows, UNUSED_AFTER_DAYS, UnusedSeat};
use crate::bill::{Bill, human_bytes};
use crate::collection::PageSink;
use crate::contract::{Batch, CheckStatus, Completeness, Pool, Summary};
use crate::egress::Secret;
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim demo --users 1000 --rows 20")]
pub(super) struct Args {
    /// Accounts on the stand-in
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    users: u32,
    /// Rows to print of each table; the rest is counted
    #[arg(long, value_name = "N", default_value_t = 12)]
    rows: usize,
}

/// Keeps the rows that a person is shown.
struct Report {
    allocation: Allocation,
    rows: Rows,
    warnings: Vec<String>,
}

impl PageSink for Report {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        let rows = self.allocation.rows(batch);
        self.rows.allocation.extend(rows.allocation);
        self.rows.unused.extend(rows.unused);
        self.warnings.extend(batch.warnings.iter().map(|warning| warning.message.clone()));
        Ok(())
    }
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let component = ComponentFile::read(None, &AdmissionArgs::default(), Limits::default().component_bytes)?;
    let gitlab = fake_gitlab::start(Options { users: args.users, ..Options::default() })
        .await
        .map_err(|error| CommandError::failed(error.to_string(), "the stand-in needs a free port on 127.0.0.1"))?;
    let result = journey(&args, &component, &gitlab).await;
    gitlab.shutdown().await;
    result
}

async fn journey(args: &Args, component: &ComponentFile, gitlab: &FakeGitlab) -> Result<ExitCode, CommandError> {
    let secret = Secret::new(Tokens::ADMINISTRATOR.to_owned())
        .map_err(|error| CommandError::failed(error.to_string(), "this is a fault of the stand-in"))?;
    let source = Source::prepare(
        component,
        Entered {
            url: gitlab.base_url(),
            secret: Some(secret),
            settings: vec![],
            network: NetworkPolicy { loopback: true, private: false },
            ca_file: None,
            max_concurrency: None,
            limits: Limits::default(),
            tape: None,
        },
    )
    .await?;
    let (descriptor, manifest) = (&source.descriptor, source.plugin.manifest());
    terminal::print(&format!(
        "\nDescribe\n  {} {}, {} of WebAssembly, sha256 {:.16}…\n  imports {}\n",
        printable(&descriptor.name),
        printable(&descriptor.version),
        human_bytes(u64::try_from(manifest.size).unwrap_or(u64::MAX)),
        manifest.sha256.to_string(),
        manifest.imports.join(", "),
    ))?;
    terminal::print(&format!(
        "\nConfigure\n  stand-in at {}, {} accounts\n  source key {}\n  granted {}; the token stays with the host, header `{}`\n",
        gitlab.base_url(),
        args.users,
        printable(&source.config.source_key),
        source.network.access.grant,
        printable(&descriptor.credential.header_name),
    ))?;

    let mut bill = Bill::default();
    let outcome = source.plugin.test(&source.network, &source.config).await;
    bill.add(&outcome.bill);
    let report = outcome.result?;
    terminal::print(&format!("\nTest connection\n{}", super::test::as_text(&report)))?;
    if report.outcome == CheckStatus::Fail {
        return Err(CommandError::failed("Test connection failed", "the checks above say why"));
    }

    let mut sink = Report {
        allocation: Allocation::new(OffsetDateTime::now_utc().date()),
        rows: Rows::default(),
        warnings: Vec::new(),
    };
    let summary = {
        let mut progress = ProgressLine::start();
        tokio::select! {
            summary = source.collection().run(None, &mut sink, &mut progress, &mut bill) => summary?,
            () = super::signals::interrupted() => {
                return Err(CommandError::interrupted("run `cargo sim demo` again"));
            }
        }
    };
    terminal::print(&collected(args.rows, &sink, &summary))?;
    terminal::print(&format!("\n{}", bill.to_text(&source.limits)))?;
    Ok(ExitCode::SUCCESS)
}

/// What was collected, for people: the pools, then both tables.
fn collected(rows: usize, report: &Report, summary: &Summary) -> String {
    let completeness = match summary.completeness {
        Completeness::Complete => "complete",
        Completeness::Partial => "partial",
    };
    let counts = &summary.counts;
    let mut text =
        format!("\nCollect\n  {completeness}: {} accounts, {} assignments\n", counts.users, counts.assignments);
    text.extend(report.allocation.pools().map(pool_line));
    text.extend(report.warnings.iter().map(|warning| format!("  note: {}\n", printable(warning))));

    let allocation = &report.rows.allocation;
    let shown = allocation_table(allocation.get(..rows).unwrap_or(allocation));
    text.push_str(&format!("\nAllocation\n{shown}{}", rest(allocation.len(), rows)));

    let unused = &report.rows.unused;
    let shown = unused_table(unused.get(..rows).unwrap_or(unused));
    text.push_str(&format!(
        "\nUnused seats (not active for more than {UNUSED_AFTER_DAYS} days, or never and older than {GRACE_DAYS} \
         days)\n{shown}{}",
        rest(unused.len(), rows)
    ));
    text
}

fn pool_line(pool: &Pool) -> String {
    let figure = |figure: Option<u64>| figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string());
    format!(
        "  {}: {} bought, {} in use, {} over; most in this term {}, to true up {}; ends {}\n",
        printable(&pool.feature),
        if pool.unlimited { "unlimited".to_owned() } else { figure(pool.entitled) },
        figure(pool.allocated),
        figure(pool.overage_now),
        figure(pool.max_allocated),
        figure(pool.overage_term),
        pool.term_end.as_deref().unwrap_or("never"),
    )
}

fn unused_table(seats: &[UnusedSeat]) -> String {
    let mut table = table(&["Feature", "User", "Last active", "Account since"]);
    for seat in seats {
        table.add_row([
            printable(&seat.feature),
            printable(&seat.user),
            seat.last_active.clone().unwrap_or_else(|| "never".to_owned()),
            seat.created.clone().unwrap_or_else(|| "unknown".to_owned()),
        ]);
    }
    lines(&table)
}

/// What stands below a table that was cut.
fn rest(all: usize, shown: usize) -> String {
    let more = all.saturating_sub(shown);
    let more = if more == 0 { String::new() } else { format!("  … and {more} more\n") };
    format!("{more}  {all} in all\n")
}
