//! `bench isolation`: what one tenant's hostile plugin or server does to the others.

use std::process::ExitCode;
use std::time::Duration;

use super::out::{OutArgs, Steps};
use crate::bench::isolation::{self, BenchError, Options, Watcher};
use crate::cli::component::{AdmissionArgs, ComponentFile};
use crate::cli::error::CommandError;
use crate::engine::{Engine, EngineOptions};
use crate::plugin_build::{self, BuildOptions};
use crate::policy::limits::Limits;

/// Honest tenants beside each hostile plugin and server: times, records, memory.
///
/// Runs honest tenants alone, then beside each attack in turn, all in this process: each hostile plugin of tests/guests
/// before a harmless server, then the real plugin before each server that breaks HTTP or TLS.
///
/// Each honest tenant is the real plugin with a stand-in of its own on loopback. The attacked tenant has as many
/// calls at once as it may have, each begun again when it has ended. For each attack are printed: how its calls usually
/// ended, how many did, the longest; the honest tenants' time as a ratio to their time alone, of the median and of the most
/// slowed-down tenant; how often that was measured; whether their records are the same; the largest memory of the process.
///
/// A tenant over 1.5 times is measured again with twice the rounds, and once more if it is over again: of a few rounds a busy
/// machine can be the cause. The last measurement counts.
///
/// Exit code 1 if records differ, a call outlives its limits, a tenant takes over 1.5 times its time alone, or memory is over the cap: what
/// the process takes without an attack, and what the attacked tenant's calls may take.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo sim bench isolation\n  \
    cargo sim bench isolation --only endless_loop --only slow-body --rounds 9\n  \
    cargo sim bench isolation --json > isolation.json\n  \
    cargo sim bench isolation --out figures")]
pub(in crate::cli) struct Args {
    /// Honest tenants
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u64).range(1..=40))]
    tenants: u64,
    /// Accounts of each
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    users: u32,
    /// Rounds alone, and as many beside each attack, in turn; more where it is measured again
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Collections of each tenant in one round, one after another
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100))]
    collections: u32,
    /// Milliseconds before every answer of a stand-in
    #[arg(long, value_name = "L", default_value_t = 0)]
    latency_ms: u64,
    /// Only attacks whose name holds this
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    #[command(flatten)]
    out: OutArgs,
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    args.out.prepare()?;
    let options = BuildOptions::from_environment()
        .map_err(|why| CommandError::usage(why, "unset HOST_SIM_GUEST_COMPILER, or correct it"))?;
    let guests = plugin_build::build_guests(&options)?;
    let limits = Limits::default();
    let component = ComponentFile::read(None, &AdmissionArgs::default(), limits.component_bytes)?;
    let engine = Engine::new(limits, EngineOptions::default())?;
    let plugin = component.load(&engine)?;
    let options = Options {
        tenants: args.tenants,
        users: args.users,
        rounds: args.rounds,
        collections: args.collections,
        latency: Duration::from_millis(args.latency_ms),
        only: args.only,
    };
    let report = {
        let mut progress = Steps::start(0);
        isolation::run(&engine, &plugin, &guests, &options, &mut progress).await?
    };
    if report.attacks.is_empty() {
        return Err(CommandError::usage("no attack has such a name", "leave --only out to see all of them"));
    }
    args.out.tell_as(&report.sheet(), &serde_json::json!(report), || report.to_text())
}

impl From<BenchError> for CommandError {
    fn from(error: BenchError) -> Self {
        if matches!(error, BenchError::Wrong(_)) {
            return Self::failed(error.to_string(), "no figure is told of it: find out why first");
        }
        Self::failed(
            error.to_string(),
            "the stand-ins need free ports on 127.0.0.1 and open files (ulimit -n); run it again with fewer --tenants",
        )
    }
}

impl Watcher for Steps {
    fn attack(&mut self, name: &str, number: usize, of: usize) {
        self.at(name, number, of);
    }
}
