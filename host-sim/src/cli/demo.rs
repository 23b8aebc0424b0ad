//! `demo`: the whole journey on one machine, with nothing faked but GitLab itself.
//!
//! The plugin is built and loaded as any plugin would be, the stand-in answers over real HTTP on loopback, and every
//! figure printed comes out of the sandbox by way of the store: what is shown is what the commands show.

use std::process::ExitCode;

use broker::journey::State;
use broker::reports::sizing::{Sizing, sizing};
use broker::reports::unused;
use broker::store::runs::Cause;
use broker::store::tenants::Identity;
use fake_gitlab::{FakeGitlab, Options, Tokens};
use time::OffsetDateTime;

use super::broker::data::{act, user};
use super::broker::{allocation, report};
use super::component::{AdmissionArgs, ComponentFile, cache};
use super::error::CommandError;
use super::signals;
use super::terminal::{self, ProgressLine, printable};
use crate::bill::human_bytes;
use crate::contract::CheckStatus;
use crate::egress::Secret;
use crate::journey::host::{Entry, Host, TenantPolicy};
use crate::journey::reading::{Outcome, SystemClock};
use crate::policy::limits::Limits;

/// The tenant of the demo.
const TENANT: &str = "demo";

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo sim demo\n  cargo sim demo --users 5000 --rows 20")]
pub(super) struct Args {
    /// Accounts on the stand-in
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(3..=1_000_000))]
    users: u32,
    /// Rows to print of each table; the rest is counted
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rows: u32,
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
    let folder = tempfile::tempdir().map_err(|error| CommandError::output(&error))?;
    let host = Host::open(&folder.path().join("data"), None, cache())?;
    let user = user();
    host.store().add_tenant(act(&user), TENANT, Identity::Full, None)?;
    host.set_policy(act(&user), TENANT, &TenantPolicy { allow_loopback: true, ..TenantPolicy::default() })?;

    let secret = Secret::new(Tokens::ADMINISTRATOR.to_owned())
        .map_err(|error| CommandError::failed(error.to_string(), "this is a fault of the stand-in"))?;
    let url = gitlab.base_url();
    let entry = Entry { component: component.bytes(), url: &url, settings: &[], secret };
    let source = host.add(act(&user), TENANT, entry).await?;
    let connection = host.connect(&source).await?;
    let (descriptor, manifest) = (&connection.descriptor, connection.plugin.manifest());
    terminal::print(&format!(
        "\nDescribe\n  {} {}, {} of WebAssembly, sha256 {:.16}…\n  imports {}\n",
        printable(&descriptor.name),
        printable(&descriptor.version),
        human_bytes(u64::try_from(manifest.size).unwrap_or(u64::MAX)),
        manifest.sha256.to_string(),
        manifest.imports.join(", "),
    ))?;
    terminal::print(&format!(
        "\nConfigure\n  stand-in at {url}, {} accounts\n  source key {}\n  granted {}; the token stays with the host, header `{}`\n",
        args.users,
        printable(&source.source_key),
        connection.network.access.grant,
        printable(&descriptor.credential.header_name),
    ))?;

    let tested = host.test(act(&user), &source).await?.result?;
    terminal::print(&format!("\nTest connection\n{}", super::test::as_text(&tested)))?;
    if tested.outcome == CheckStatus::Fail {
        return Err(CommandError::failed("Test connection failed", "the checks above say why"));
    }

    let saved = host.store().save_source(act(&user), TENANT, source.source_no)?;
    let waiting = host.store().sources(Some(TENANT))?.iter().filter(|source| source.state == State::Pending).count();
    terminal::print(&format!(
        "\nSave\n  {}: {}; pending servers of the platform: {waiting}\n",
        printable(&saved.display_name),
        saved.state
    ))?;

    let (source, _) = host.approve(act(&user), TENANT, source.source_no)?;
    let reading = {
        let mut progress = ProgressLine::start();
        tokio::select! {
            reading = host.read(&user, &SystemClock, &source, Cause::Approval, &mut progress) => reading?,
            () = signals::interrupted() => {
                return Err(CommandError::interrupted("run `cargo sim demo` again"));
            }
        }
    };
    if let Outcome::Failed { message, hint, .. } = reading.outcome {
        return Err(CommandError::failed(
            message,
            hint.unwrap_or_else(|| "this is a fault of the stand-in".to_owned()),
        ));
    }
    terminal::print(&read(&host)?)?;
    terminal::print(&shown(&host, args.rows)?)?;
    terminal::print(&format!("\n{}", reading.bill.to_text(&connection.limits)))?;
    Ok(ExitCode::SUCCESS)
}

/// What the run came to.
fn read(host: &Host) -> Result<String, CommandError> {
    let mut text = "\nApprove and Merge\n".to_owned();
    for run in host.store().runs(TENANT, 1, 1)? {
        let (users, assignments, pages) = (run.users, run.assignments, run.pages);
        text.push_str(&format!("  {}: {users} accounts, {assignments} assignments, {pages} pages\n", run.state));
    }
    let today = OffsetDateTime::now_utc().date();
    text.extend(sizing(host.store(), TENANT, &unused::Query::default(), today)?.iter().map(pool_line));
    Ok(text)
}

/// Allocation and both reports.
fn shown(host: &Host, rows: u32) -> Result<String, CommandError> {
    let store = host.store();
    let today = OffsetDateTime::now_utc().date();
    let most = usize::try_from(rows).unwrap_or(usize::MAX);
    let allocation = allocation::first_rows(store, TENANT, rows)?;
    let activity = report::activity::first_rows(store, TENANT, today, most)?;
    let unused = report::unused::first_rows(store, TENANT, today, most)?;
    Ok(format!("\nAllocation\n{allocation}\n{activity}\n{unused}"))
}

fn pool_line(pool: &Sizing) -> String {
    let figure = |figure: Option<i64>| figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string());
    format!(
        "  {}: {} bought, {} in use, {} over; most in this term {}, to true up {}; ends {}\n",
        printable(&pool.feature),
        if pool.unlimited { "unlimited".to_owned() } else { figure(pool.entitled) },
        figure(pool.allocated),
        figure(pool.over_now),
        figure(pool.max_allocated),
        figure(pool.over_term),
        pool.term_end.as_deref().unwrap_or("never"),
    )
}
