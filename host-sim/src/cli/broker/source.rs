//! `source`: from what is entered to what is read.
//!
//! | command | state afterwards |
//! | --- | --- |
//! | `add` | configured: the plugin has understood it |
//! | `test` | tested, if all is well |
//! | `save` | pending: the platform knows of it |
//! | `approve` | active, and read for the first time |

use std::path::PathBuf;
use std::process::ExitCode;

use broker::store::runs::{Cause, Run};
use broker::store::sources::{Approved, Source};
use broker::store::tenants::Identity;
use serde::Serialize;
use serde_json::json;

use super::super::component::{AdmissionArgs, ComponentFile};
use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal::{self, ProgressLine, printable};
use super::super::token::PlainTokenArgs;
use super::super::{parse_setting, signals};
use super::data::{DEFAULT_TENANT, DataArgs, TenantArg, act, user};
use super::{answer, confirm};
use crate::contract::CheckStatus;
use crate::journey::consent;
use crate::journey::host::{Change, Entry, Host, report_json};
use crate::journey::reading::{Outcome, Reading, SystemClock};
use crate::policy::limits::Limits;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example, the whole way:\n  cargo sim source add --url https://gitlab.example.com --token-env GITLAB_TOKEN\n  cargo sim source test 1\n  cargo sim source save 1\n  cargo sim source pending\n  cargo sim source approve 1\n  cargo sim allocation"
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Enter address and token; the token is kept sealed
    Add(AddArgs),
    /// Test connection
    #[command(after_help = "Example:\n  cargo sim source test 1")]
    Test(One),
    /// Save a source that was tested: it then is a pending server of the platform
    #[command(after_help = "Example:\n  cargo sim source save 1")]
    Save(One),
    /// List the pending servers
    #[command(after_help = "Example:\n  cargo sim source pending --json")]
    Pending(Listed),
    /// Approve and Merge: read it now, and regularly from now on
    Approve(ApproveArgs),
    /// Reject a pending server
    #[command(after_help = "Example:\n  cargo sim source reject 2")]
    Reject(One),
    /// List the sources
    #[command(after_help = "Example:\n  cargo sim source list --tenant acme --json")]
    List(Listed),
    /// Tell all about one source, with its last runs
    #[command(after_help = "Example:\n  cargo sim source show 1")]
    Show(One),
    /// Enter address, settings or token anew
    Edit(EditArgs),
    /// Read it now
    #[command(after_help = "Exit code 3 after a partial run.\n\nExample:\n  cargo sim source run 1")]
    Run(One),
    /// Set how often it is read
    Every(EveryArgs),
    /// Do not read it for the time being
    #[command(after_help = "Example:\n  cargo sim source pause 1")]
    Pause(One),
    /// Go on reading it
    #[command(after_help = "Example:\n  cargo sim source resume 1")]
    Resume(One),
    /// Remove it, with its token and all that it ever said
    Remove(RemoveArgs),
}

/// One source.
#[derive(Debug, clap::Args)]
struct One {
    /// Number of the source, as `source list` tells it
    #[arg(value_name = "SOURCE")]
    source: i64,
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Listed {
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo sim source add --url https://gitlab.example.com --token-env GITLAB_TOKEN --set group=acme"
)]
struct AddArgs {
    /// Address of the service, such as https://gitlab.example.com
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    token: PlainTokenArgs,
    /// A further field of the plugin; `inspect` lists them
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    admission: AdmissionArgs,
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A source that was not approved yet is to be tested again; one that was is read soon.\n\nExample:\n  cargo sim source edit 1 --token-env NEW_TOKEN"
)]
struct EditArgs {
    /// Number of the source, as `source list` tells it
    #[arg(value_name = "SOURCE")]
    source: i64,
    /// Another address; the token is then to be entered again
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Take another token from this environment variable
    #[arg(long, value_name = "NAME", group = "token")]
    token_env: Option<String>,
    /// Take another token from this file
    #[arg(long, value_name = "FILE", group = "token")]
    token_file: Option<PathBuf>,
    /// Take another token from standard input
    #[arg(long, group = "token")]
    token_stdin: bool,
    /// The plugin's further fields, in place of all those before
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// Another component, such as a newer version of the plugin
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    admission: AdmissionArgs,
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 3 after a partial run.\n\nExample:\n  cargo sim source approve 1")]
struct ApproveArgs {
    #[command(flatten)]
    one: One,
    /// Leave the first run to `serve`
    #[arg(long)]
    no_run: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim source every 1 6h")]
struct EveryArgs {
    /// Number of the source, as `source list` tells it
    #[arg(value_name = "SOURCE")]
    source: i64,
    /// Such as 15m, 6h or 1d; at least 15m
    #[arg(value_name = "TIME", value_parser = parse_interval)]
    interval: u32,
    #[command(flatten)]
    tenant: TenantArg,
    #[command(flatten)]
    data: DataArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cargo sim source remove 1 --yes")]
struct RemoveArgs {
    #[command(flatten)]
    one: One,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A source, and what it may reach.
#[derive(Serialize)]
struct Agreed<'a> {
    #[serde(flatten)]
    source: &'a Source,
    /// One line each, with its method.
    reaches: Vec<String>,
}

impl<'a> Agreed<'a> {
    fn of(source: &'a Source) -> Result<Self, CommandError> {
        Ok(Self { source, reaches: consent::reach(source)? })
    }

    fn lines(&self) -> String {
        if self.reaches.is_empty() {
            return "  reaches nothing\n".to_owned();
        }
        self.reaches.iter().map(|line| format!("  reaches {}\n", printable(line))).collect()
    }
}

/// Seconds.
fn parse_interval(text: &str) -> Result<u32, String> {
    let expected = || "expected a number and m, h or d, such as 6h".to_owned();
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let number: u32 = digits.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    number.checked_mul(seconds).ok_or_else(expected)
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let user = user();
    match args.command {
        Command::Add(args) => add(&user, args).await,
        Command::Test(args) => test(&user, &args).await,
        Command::Save(args) => {
            let source = args.data.store()?.save_source(act(&user), &args.tenant.tenant, args.source)?;
            told(args.json, &source, "it is a pending server now; approve it with `cargo sim source approve`")
        }
        Command::Pending(args) => list(&args, |source| source.state == broker::journey::State::Pending),
        Command::Approve(args) => approve(&user, &args).await,
        Command::Reject(args) => {
            let source = args.data.store()?.reject_source(act(&user), &args.tenant.tenant, args.source)?;
            told(args.json, &source, "its token is forgotten")
        }
        Command::List(args) => list(&args, |_| true),
        Command::Show(args) => show(&args).await,
        Command::Edit(args) => edit(&user, args).await,
        Command::Run(args) => {
            let host = args.data.host()?;
            let source = host.store().source(&args.tenant.tenant, args.source)?;
            read(&host, &user, &source, Cause::Manual, args.json).await
        }
        Command::Every(args) => {
            let store = args.data.store()?;
            let source = store.set_interval(act(&user), &args.tenant.tenant, args.source, args.interval)?;
            told(args.json, &source, &format!("it is read every {} s", source.interval_s))
        }
        Command::Pause(args) => {
            let source = args.data.store()?.pause_source(act(&user), &args.tenant.tenant, args.source, true)?;
            told(args.json, &source, "it is not read until `cargo sim source resume`; what it said stays")
        }
        Command::Resume(args) => {
            let source = args.data.store()?.pause_source(act(&user), &args.tenant.tenant, args.source, false)?;
            told(args.json, &source, "it is read again")
        }
        Command::Remove(args) => {
            let (one, store) = (&args.one, args.one.data.store()?);
            let source = store.source(&one.tenant.tenant, one.source)?;
            confirm(args.yes, &format!("Remove {} with its token and all that it ever said?", source.display_name))?;
            // Before it is gone: what it may reach is read from what it is.
            let agreed = Agreed::of(&source)?;
            store.remove_source(act(&user), &one.tenant.tenant, one.source)?;
            terminal::note(&format!("{} is removed, and nothing of it is left in the store", source.display_name));
            answer(one.json, &agreed, String::new)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn add(user: &str, args: AddArgs) -> Result<ExitCode, CommandError> {
    let secret = args.token.read()?;
    let variables = [args.token.variable(), args.data.variable()];
    let variables = variables.into_iter().flatten().map(str::to_owned).collect();
    let limit = Limits::default().component_bytes;
    let component = ComponentFile::read_keeping_back(args.plugin.as_deref(), &args.admission, limit, variables)?;
    let host = args.data.host()?;
    let tenant = &args.tenant.tenant;
    if tenant == DEFAULT_TENANT && host.store().tenant(tenant).is_err() {
        host.store().add_tenant(act(user), tenant, Identity::Full, None)?;
    }
    let redacting = secret.clone();
    let entry = Entry { component: component.bytes(), url: &args.url, settings: &args.settings, secret };
    let source = host
        .add(act(user), tenant, entry)
        .await
        .map_err(|error| CommandError::from(error).map_words(|words| redacting.redact(words)))?;
    let next = format!("test it with `cargo sim source test {}`", source.source_no);
    told(args.json, &source, &next)
}

async fn edit(user: &str, args: EditArgs) -> Result<ExitCode, CommandError> {
    let token = PlainTokenArgs::of(args.token_env, args.token_file, args.token_stdin);
    let secret = token.as_ref().map(PlainTokenArgs::read).transpose()?;
    let limit = Limits::default().component_bytes;
    let component =
        args.plugin.as_deref().map(|file| ComponentFile::read(Some(file), &args.admission, limit)).transpose()?;
    let host = args.data.host()?;
    let redacting = secret.clone();
    let change = Change {
        component: component.as_ref().map(ComponentFile::bytes),
        url: args.url.as_deref(),
        settings: (!args.settings.is_empty()).then_some(args.settings.as_slice()),
        secret,
    };
    let source = host.edit(act(user), &args.tenant.tenant, args.source, change).await.map_err(|error| {
        let error = CommandError::from(error);
        match &redacting {
            Some(secret) => error.map_words(|words| secret.redact(words)),
            None => error,
        }
    })?;
    let next = if source.state.is_approved() {
        "it is read with that from now on"
    } else {
        "test it again with `cargo sim source test`"
    };
    told(args.json, &source, next)
}

async fn test(user: &str, args: &One) -> Result<ExitCode, CommandError> {
    let host = args.data.host()?;
    let source = host.store().source(&args.tenant.tenant, args.source)?;
    let outcome = host.test(act(user), &source).await?;
    let report = outcome.result?;
    let source = host.store().source(&args.tenant.tenant, args.source)?;
    let document = json!({ "source": source, "report": report_json(&report) });
    answer(args.json, &document, || {
        format!("{}\n{}", printable(&source.display_name), super::super::test::as_text(&report))
    })?;
    match report.checks.iter().find(|check| check.status == CheckStatus::Fail) {
        None => {
            if !args.json && !source.state.is_approved() {
                terminal::note(&format!("save it with `cargo sim source save {}`", source.source_no));
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(check) => {
            let hint = check.hint.clone().unwrap_or_else(|| "see the checks above".to_owned());
            let error = CommandError::failed(check.detail.clone(), hint);
            Err(match &outcome.last_failure {
                Some(seen) if outcome.bill.requests.iter().all(|request| request.status.is_none()) => {
                    error.with_seen(seen)
                }
                _ => error,
            })
        }
    }
}

async fn approve(user: &str, args: &ApproveArgs) -> Result<ExitCode, CommandError> {
    let one = &args.one;
    let host = one.data.host()?;
    let pending = host.store().source(&one.tenant.tenant, one.source)?;
    let agreed = Agreed::of(&pending)?;
    if !one.json {
        // Before it is approved, so that whoever watches can still stop.
        terminal::print(&format!("{} {}\n{}", one.source, printable(&pending.display_name), agreed.lines()))?;
    }
    let (source, approved) = host.approve(act(user), &one.tenant.tenant, one.source)?;
    if !one.json {
        let name = printable(&source.display_name);
        terminal::print(&match approved {
            Approved::New => format!("{} {name}: approved\n", source.source_no),
            Approved::Merged { into } => {
                format!("{} {name}: merged into source {into}, whose history stays\n", one.source)
            }
        })?;
    }
    if args.no_run {
        if one.json {
            answer(true, &Agreed::of(&source)?, String::new)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    read(&host, user, &source, Cause::Approval, one.json).await
}

async fn read(host: &Host, user: &str, source: &Source, cause: Cause, json: bool) -> Result<ExitCode, CommandError> {
    let reading = {
        let mut progress = ProgressLine::start();
        tokio::select! {
            reading = host.read(user, &SystemClock, source, cause, &mut progress) => reading?,
            () = signals::interrupted() => {
                return Err(CommandError::interrupted(format!(
                    "what was read is kept; `cargo sim source run {}` goes on from there", source.source_no
                )));
            }
        }
    };
    let after = host.store().source(&source.tenant, source.source_no)?;
    let run = host.store().runs(&source.tenant, source.source_no, 1)?.into_iter().next();
    answer(
        json,
        &json!({ "source": after, "run": run, "alerts": { "raised": reading.alerts.raised, "cleared": reading.alerts.cleared } }),
        || read_text(&after, &reading, run.as_ref()),
    )?;
    match reading.outcome {
        Outcome::Complete => Ok(ExitCode::SUCCESS),
        Outcome::Partial => Ok(ExitCode::from(3)),
        Outcome::Failed { message, hint, .. } => Err(CommandError::failed(
            message,
            hint.unwrap_or_else(|| format!("`cargo sim source show {}` tells more", source.source_no)),
        )),
    }
}

fn read_text(source: &Source, reading: &Reading, run: Option<&Run>) -> String {
    let name = printable(&source.display_name);
    let (pages, users, assignments) = run.map_or((0, 0, 0), |run| (run.pages, run.users, run.assignments));
    let what = match &reading.outcome {
        Outcome::Complete => "read whole",
        Outcome::Partial => "read in part; what was known before still stands",
        Outcome::Failed { .. } => "not read; what was known before still stands",
    };
    let resumed = if reading.resumed { ", begun earlier" } else { "" };
    let mut text = format!(
        "{} {name}: {what}{resumed}: {pages} pages, {users} users, {assignments} assignments\n",
        source.source_no
    );
    text.extend(super::alerts::told(&reading.alerts, &source.tenant, false));
    text
}

fn list(args: &Listed, wanted: fn(&Source) -> bool) -> Result<ExitCode, CommandError> {
    let store = args.data.store()?;
    let mut sources = match store.sources(Some(&args.tenant.tenant)) {
        // Nobody has added anything yet.
        Err(broker::store::StoreError::Unknown { .. }) if args.tenant.tenant == DEFAULT_TENANT => Vec::new(),
        sources => sources?,
    };
    sources.retain(wanted);
    let agreed = sources.iter().map(Agreed::of).collect::<Result<Vec<_>, _>>()?;
    answer(args.json, &agreed, || sources_table(&agreed))?;
    Ok(ExitCode::SUCCESS)
}

fn sources_table(agreed: &[Agreed<'_>]) -> String {
    let mut table = table(&["Source", "Server", "Vendor", "State", "Data of", "Next run", "Reaches"]);
    for Agreed { source, reaches } in agreed {
        table.add_row([
            source.source_no.to_string(),
            printable(&source.display_name),
            printable(&source.vendor),
            state_text(source),
            source.snapshot_on.clone().unwrap_or_else(|| "no data yet".to_owned()),
            source.next_run_at.clone().unwrap_or_else(|| "-".to_owned()),
            printable(&reaches.join(", ")),
        ]);
    }
    lines(&table)
}

/// The state, with the colour that the platform gives it.
fn state_text(source: &Source) -> String {
    let colour = match source.state {
        broker::journey::State::Active => " (green)",
        broker::journey::State::Problem => " (yellow)",
        broker::journey::State::Unreachable => " (red)",
        _ => "",
    };
    let paused = if source.paused { ", paused" } else { "" };
    format!("{}{colour}{paused}", source.state)
}

async fn show(args: &One) -> Result<ExitCode, CommandError> {
    let host = args.data.host()?;
    let source = host.store().source(&args.tenant.tenant, args.source)?;
    let (form, descriptor) = host.form(&source).await?;
    let runs = host.store().runs(&args.tenant.tenant, args.source, 10)?;
    let report: serde_json::Value =
        source.report.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let plugin = json!({ "id": descriptor.id, "version": descriptor.version, "sha256": source.plugin });
    let agreed = Agreed::of(&source)?;
    let document = json!({ "source": agreed, "plugin": plugin, "entered": form, "report": report, "runs": runs });
    answer(args.json, &document, || {
        let mut text = format!(
            "{} {}\n  {}, of {}\n  key     {}\n  plugin  {} {}\n",
            source.source_no,
            printable(&source.display_name),
            state_text(&source),
            printable(&source.vendor),
            printable(&source.source_key),
            printable(&descriptor.id),
            printable(&descriptor.version),
        );
        text.push_str(&agreed.lines());
        if let Some(trouble) = &source.trouble {
            text.push_str(&format!("  trouble {}\n", printable(trouble)));
        }
        let every = format!("every {} s", source.interval_s);
        text.push_str(&format!(
            "  read    {every}, next {}\n",
            source.next_run_at.as_deref().unwrap_or("not by itself")
        ));
        text.push_str(&runs_table(&runs));
        text
    })?;
    Ok(ExitCode::SUCCESS)
}

fn runs_table(runs: &[Run]) -> String {
    let mut table = table(&["Run", "Day", "Cause", "State", "Pages", "Users", "Assignments", "Warnings", "Why"]);
    for run in runs {
        table.add_row([
            run.run_no.to_string(),
            run.taken_on.clone(),
            run.cause.clone(),
            run.state.clone(),
            run.pages.to_string(),
            run.users.to_string(),
            run.assignments.to_string(),
            run.warnings.to_string(),
            run.failure_message.as_deref().map(printable).unwrap_or_default(),
        ]);
    }
    lines(&table)
}

/// The source, what it may reach, and what comes next.
fn told(json: bool, source: &Source, next: &str) -> Result<ExitCode, CommandError> {
    let agreed = Agreed::of(source)?;
    answer(json, &agreed, || {
        let name = printable(&source.display_name);
        format!("{} {name}: {}; {next}\n{}", source.source_no, state_text(source), agreed.lines())
    })?;
    Ok(ExitCode::SUCCESS)
}
