//! `bench collect`: how fast lists are read, and in how much memory.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use super::out::{OutArgs, Steps};
use crate::bench::collect::{self, Options};
use crate::bench::flat;
use crate::bench::honest::Quiet;
use crate::bench::reading::{self, Out, Source, Watched};
use crate::bench::sheet::Sheet;
use crate::cli::component::{AdmissionArgs, ComponentFile};
use crate::cli::error::CommandError;
use crate::cli::parse_setting;
use crate::cli::terminal::ProgressLine;
use crate::collection::Observer;
use crate::egress::{Secret, read_roots_ahead};
use crate::engine::{Engine, Plugin};
use crate::policy::limits::Limits;

/// Two lists from afar: wall time beside the least that latency allows, requests, 429s, connections, memory.
///
/// Reads the accounts of a self-managed GitLab and the billable members of a group on GitLab.com, each half of the rows, as
/// two sources of one tenant at the same time, under one ceiling of requests in flight. The stand-ins are a process of their own.
/// Each round compares what was read with what is true on them; other numbers are an error.
///
/// Bounds: wall time at most 1.3 of ⌈requests ÷ in flight⌉ × latency, and with --set members=false, from 10,000 rows on, of the same with
/// the pages of the two lists alone; 429s at most 1 % of the answers; connections to a server
/// at most as many as requests in flight, unless there is no latency; memory of a guest at most 16 MiB. With --flat: memory of the guests within 64 KiB, and
/// that of the host within 10 %, however many people.
///
/// With --users-server and --group-server, servers that somebody else has started are read once and nothing is compared; with
/// --records, what they gave is in a file. The budgets of a minute are out of reach in all of this.
///
/// Exit code 1 if a bound is broken.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo sim bench collect\n  \
    cargo sim bench collect --rows 100000 --latency-ms 0 --concurrency 6 --out figures\n  \
    cargo sim bench collect --flat\n  \
    USERS=glpat-stand-in-administrator-0001 GROUP=glpat-stand-in-owner-0012 cargo sim bench collect \\\n    \
    --users-server http://127.0.0.1:8080 --users-token-env USERS \\\n    \
    --group-server http://127.0.0.1:8081 --group-token-env GROUP --group example-engineering \\\n    \
    --concurrency 6 --records records.ndjson --json")]
pub(in crate::cli) struct Args {
    /// Rows of both lists together
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=2_000_000))]
    rows: u32,
    /// Milliseconds before every answer of a stand-in
    #[arg(long, value_name = "L", default_value_t = 40)]
    latency_ms: u64,
    /// Requests in flight [default: the plugin's own]
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: Option<u16>,
    /// Rounds; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Requests a minute, before a stand-in answers 429
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    rate_limit: Option<u32>,
    /// Compare the memory that several numbers of people take, without latency
    #[arg(long, conflicts_with_all = ["rows", "latency_ms", "rounds", "rate_limit", "concurrency"])]
    flat: bool,
    /// The numbers of people
    #[arg(long, value_name = "N,N,…", requires = "flat", value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000],
        value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    sizes: Vec<u32>,
    /// Read the accounts of this self-managed server, once
    #[arg(long, value_name = "URL", requires = "users_token_env",
        conflicts_with_all = ["rows", "latency_ms", "rounds", "rate_limit", "flat"])]
    users_server: Option<String>,
    /// Environment variable with an administrator's token for it
    #[arg(long, value_name = "NAME", requires = "users_server")]
    users_token_env: Option<String>,
    /// Read a group of this server as GitLab.com, once and at the same time
    #[arg(long, value_name = "URL", requires = "group_token_env",
        conflicts_with_all = ["rows", "latency_ms", "rounds", "rate_limit", "flat"])]
    group_server: Option<String>,
    /// Environment variable with an owner's token for it
    #[arg(long, value_name = "NAME", requires = "group_server")]
    group_token_env: Option<String>,
    /// Path of the group [default: each that the token's account owns]
    #[arg(long, value_name = "PATH", requires = "group_server")]
    group: Option<String>,
    /// Write all records into this file, one JSON object a line
    #[arg(long, value_name = "FILE", conflicts_with = "flat")]
    records: Option<PathBuf>,
    /// A further field of the plugin, such as members=false
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_setting, conflicts_with = "flat")]
    settings: Vec<(String, String)>,
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    args.out.prepare()?;
    let sheet = if args.flat { memory(&args).await? } else { time(&args).await? };
    args.out.tell(&sheet)
}

async fn memory(args: &Args) -> Result<Sheet, CommandError> {
    let steps = Steps::start(args.sizes.len());
    Ok(flat::run(&args.sizes, args.plugin.as_deref(), &mut |users| steps.next(&format!("{users} people"))).await?)
}

async fn time(args: &Args) -> Result<Sheet, CommandError> {
    let component = component(args.plugin.as_deref())?;
    let in_flight = in_flight(&component, args.concurrency).await?;
    let (engine, plugin) = loaded(&component, in_flight)?;
    let out = records(args.records.as_deref())?;
    let sources = servers(args)?;
    if !sources.is_empty() {
        return Ok(collect::once(&engine, &plugin, sources, in_flight, out).await?);
    }
    let options = Options {
        rows: args.rows,
        latency_ms: args.latency_ms,
        in_flight,
        rounds: args.rounds,
        rate_limit: args.rate_limit,
        settings: args.settings.clone(),
    };
    let steps = Steps::start(usize::try_from(args.rounds).unwrap_or(usize::MAX));
    let mut step = |number: u32| steps.next(&format!("round {}", number + 1));
    Ok(collect::run(&engine, &plugin, &options, out, &mut step).await?)
}

/// The component, of the size that the limits allow.
pub(super) fn component(plugin: Option<&Path>) -> Result<ComponentFile, CommandError> {
    ComponentFile::read(plugin, &AdmissionArgs::default(), Limits::default().component_bytes)
}

/// As many requests in flight as were asked for, or else as many as the plugin would have.
pub(super) async fn in_flight(component: &ComponentFile, asked: Option<u16>) -> Result<u16, CommandError> {
    if let Some(asked) = asked {
        return Ok(asked);
    }
    let engine = reading::engine(1)?;
    let descriptor = component.load(&engine)?.describe().await.result?;
    reading::default_in_flight(&descriptor).ok_or_else(|| {
        CommandError::usage("the plugin does not say how many requests it has in flight", "say it with --concurrency")
    })
}

/// An engine with so many requests in flight for each tenant, and the plugin in it.
pub(super) fn loaded(component: &ComponentFile, in_flight: u16) -> Result<(Engine, Plugin), CommandError> {
    read_roots_ahead();
    let engine = reading::engine(in_flight)?;
    let plugin = component.load(&engine)?;
    Ok((engine, plugin))
}

fn records(path: Option<&Path>) -> Result<Out, CommandError> {
    let Some(path) = path else { return Ok(Arc::new(Mutex::new(std::io::sink()))) };
    let file = std::fs::File::create(path).map_err(|error| {
        CommandError::usage(
            format!("{} cannot be written: {error}", path.display()),
            "name another file with --records",
        )
    })?;
    Ok(Arc::new(Mutex::new(BufWriter::new(file))))
}

/// The servers that were named; the first one's progress is shown.
fn servers(args: &Args) -> Result<Vec<Watched>, CommandError> {
    let mut sources = Vec::new();
    let group = args.group.iter().map(|group| ("group".to_owned(), group.clone())).collect();
    for (url, variable, deployment, more) in [
        (&args.users_server, &args.users_token_env, "self-managed", vec![]),
        (&args.group_server, &args.group_token_env, "gitlab-com", group),
    ] {
        let (Some(url), Some(variable)) = (url, variable) else { continue };
        let token = std::env::var(variable).map_err(|error| {
            CommandError::usage(format!("the environment variable {variable} has no token: {error}"), "set it first")
        })?;
        let secret = Secret::new(token).map_err(|error| {
            CommandError::usage(format!("the token in {variable} is none: {error}"), "set the variable to a token")
        })?;
        let mut settings = vec![("deployment".to_owned(), deployment.to_owned())];
        settings.extend(more);
        settings.extend(args.settings.iter().cloned());
        let observer: Box<dyn Observer> =
            if sources.is_empty() { Box::new(ProgressLine::start()) } else { Box::new(Quiet) };
        sources.push((Source { url: url.clone(), settings, secret }, observer));
    }
    Ok(sources)
}

/// What the stand-ins are: the other side of a measurement, which starts it by itself.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct StandInsArgs {}

pub(in crate::cli) async fn stand_ins(StandInsArgs {}: StandInsArgs) -> Result<ExitCode, CommandError> {
    match crate::bench::standins::serve(tokio::io::stdin(), tokio::io::stdout()).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(CommandError::failed(error.to_string(), "it is started by the other benches")),
    }
}
