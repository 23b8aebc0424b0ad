//! `bench tenants`: many tenants at once.

use std::path::PathBuf;
use std::process::ExitCode;

use super::collect::{component, in_flight, loaded};
use super::out::{OutArgs, Steps};
use crate::bench::tenants::{self, Options};
use crate::cli::error::CommandError;

/// A thousand tenants at once, each with a server of its own: wall time beside what the processors allow, memory, fairness.
///
/// All tenants begin at the same moment in one process, each with limits, connections and turns of its own, and its people are
/// compared with what is true on its stand-in. The stand-ins are a process of their own. The ideal is the processor time of
/// both processes together, divided by the number of processors: then none of them is ever idle.
///
/// Bounds: the ideal at least 0.8 of wall time; memory of the host at most 512 MiB, that of a guest at most 16 MiB; no tenant's time
/// over 3 times the median. On a machine that does other things, too, the first does not hold. The budgets of a minute are
/// out of reach.
///
/// Exit code 1 if a bound is broken.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo sim bench tenants\n  \
    cargo sim bench tenants --tenants 200 --users 2000 --latency-ms 40 --out figures")]
pub(in crate::cli) struct Args {
    /// Tenants
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    tenants: u32,
    /// People of each
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    users: u32,
    /// Milliseconds before every answer of a stand-in
    #[arg(long, value_name = "L", default_value_t = 20)]
    latency_ms: u64,
    /// Requests in flight of each tenant [default: the plugin's own]
    #[arg(long, value_name = "C", value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: Option<u16>,
    /// Rounds; the median counts
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    args.out.prepare()?;
    let component = component(args.plugin.as_deref())?;
    let in_flight = in_flight(&component, args.concurrency).await?;
    let (engine, plugin) = loaded(&component, in_flight)?;
    let Args { tenants, users, latency_ms, rounds, .. } = args;
    let options = Options { tenants, users, latency_ms, rounds };
    let sheet = {
        let steps = Steps::start(usize::try_from(rounds).unwrap_or(usize::MAX));
        tenants::run(&engine, &plugin, &options, &mut |number| steps.next(&format!("round {}", number + 1))).await?
    };
    args.out.tell(&sheet)
}
