//! `bench page`: what a page costs, against the same code without a sandbox.

use std::path::PathBuf;
use std::process::ExitCode;

use super::out::OutArgs;
use crate::bench::page::{self, Options, Report};
use crate::bench::sheet::{Bound, Figure, Sheet, Unit};
use crate::bill::human_bytes;
use crate::cli::component::{AdmissionArgs, ComponentFile};
use crate::cli::document::{lines, table};
use crate::cli::error::CommandError;
use crate::engine::{Engine, EngineOptions};
use crate::policy::limits::Limits;

/// A page of a hundred accounts: fuel, and time in the sandbox against the same code without one.
///
/// Records a run against a stand-in on this machine, then replays its answers in turn to the plugin in the engine and to the same
/// crate, compiled for this machine with all optimisation and called as a function. Counted is the time of the guest's
/// own code, with the bodies that it copies in and the records that it lays out; what the host does for it is not, nor what the
/// native side would need for a network. The median of the rounds' ratios counts, and may be 1.6 at most. Fuel is counted by an
/// engine of its own: it is the same on every machine, for the same component.
///
/// Exit code 1 if the bound is broken.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo sim bench page\n  cargo sim bench page --pages 100 --json\n  cargo sim bench page --out figures"
)]
pub(in crate::cli) struct Args {
    /// Pages in a run
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pages: u32,
    /// Rounds of each side, in turn
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
}

pub(in crate::cli) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    args.out.prepare()?;
    let limits = Limits::default();
    let component = ComponentFile::read(args.plugin.as_deref(), &AdmissionArgs::default(), limits.component_bytes)?;
    let engine = Engine::new(limits, EngineOptions::default())?;
    let plugin = component.load(&engine)?;
    let options = Options { pages: args.pages, rounds: args.rounds };
    let report = page::run(&engine, &plugin, component.bytes().to_vec(), options).await?;
    args.out.tell_as(&sheet(&report), &serde_json::json!(report), || as_text(&report))
}

fn sheet(report: &Report) -> Sheet {
    let mut sheet = Sheet::new("page", "a page of 100 accounts".to_owned()).with("pages", report.pages);
    let of = |each: fn(&page::Round) -> f64| report.rounds.iter().map(each).collect();
    sheet.add(Figure::median("wasm_us", "in the sandbox", Unit::Us, of(|round| round.wasm_us)));
    sheet.add(Figure::median("native_us", "the same code native", Unit::Us, of(|round| round.native_us)));
    let ratios = of(|round| round.wasm_us / round.native_us.max(1e-9));
    sheet.add(Figure::median("ratio", "ratio", Unit::Ratio, ratios).within(Bound::AtMost(report.bound)));
    sheet
}

fn as_text(report: &Report) -> String {
    let mut table = table(&["A page of 100 accounts", ""]);
    let rounds = report.rounds.len();
    for (what, value) in [
        ("bodies", human_bytes(report.bytes)),
        ("fuel", report.fuel.to_string()),
        ("guest memory, peak", human_bytes(u64::try_from(report.peak_memory_bytes).unwrap_or(u64::MAX))),
        ("in the sandbox", format!("{:.0} µs", report.wasm_us)),
        ("the same code native", format!("{:.0} µs", report.native_us)),
        ("ratio", format!("{:.2}, of {:.1} at most; median of {rounds} rounds", report.ratio, report.bound)),
    ] {
        table.add_row([what.to_owned(), value]);
    }
    let verdict = if report.passed { "within the bound" } else { "out of the bound" };
    format!("{}\n{verdict}\n", lines(&table))
}
