//! `bench instantiate`: what a call and a process cost before they work.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::out::OutArgs;
use crate::bench::instantiate::{self, Figure};
use crate::bench::sheet::{self, Bound, Sheet, Unit};
use crate::cli::component::{AdmissionArgs, ComponentFile};
use crate::cli::document::{lines, table};
use crate::cli::error::CommandError;
use crate::engine::{Engine, EngineOptions};
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::tenant::Tenant;

/// One call that does nothing, and one process to its first request.
///
/// Calls the plugin's `describe` as the host makes every call: a turn, a store with its limits, a pooled instance, the call, and
/// all of it dropped. Then starts this program's own `test` against a listener on this machine and takes the time from the
/// start of the process to its first request, with the plugin's code compiled before. For each, the median of the rounds counts.
/// Bounds: 30 µs for a call, 50 ms for a start.
///
/// Exit code 1 if a bound is broken.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo sim bench instantiate\n  cargo sim bench instantiate --json\n  cargo sim bench instantiate --out figures"
)]
pub(in crate::cli) struct Args {
    /// Calls in a round
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// Processes in a round
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    starts: u32,
    /// Rounds of each
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
    let limits = Limits::default();
    let component = ComponentFile::read(args.plugin.as_deref(), &AdmissionArgs::default(), limits.component_bytes)?;
    let engine = Engine::new(limits.clone(), EngineOptions::default())?;
    let tenant = Tenant::new(&engine, limits, NetworkPolicy::default(), None)?;
    let plugin = tenant.plugin(&component.load(&engine)?);
    let calls = instantiate::calls(&plugin, args.rounds, args.calls).await?;
    // Nothing of this process works beside those that are measured.
    drop((plugin, tenant, engine));
    let program = std::env::current_exe()
        .map_err(|error| CommandError::failed(format!("this program's own file: {error}"), "start it by its path"))?;
    let starts = instantiate::starts(program.as_os_str(), args.plugin.as_deref(), args.rounds, args.starts)?;
    let figures = [calls, starts];
    let sheet = sheet(&figures);
    let document = json!({ "figures": figures, "passed": sheet.passed() });
    args.out.tell_as(&sheet, &document, || as_text(&figures, sheet.passed()))
}

fn sheet(figures: &[Figure]) -> Sheet {
    let mut sheet = Sheet::new("instantiate", "what a call and a process cost before they work".to_owned());
    for figure in figures {
        let unit = if figure.unit == "us" { Unit::Us } else { Unit::Ms };
        let medians = figure.rounds.iter().map(|round| round.median).collect();
        sheet.add(sheet::Figure::median(figure.what, figure.what, unit, medians).within(Bound::AtMost(figure.bound)));
    }
    sheet
}

fn as_text(figures: &[Figure], passed: bool) -> String {
    let mut table = table(&["What", "Median", "99 of 100", "Bound", "Measured", ""]);
    for figure in figures {
        let time = |value: f64| format!("{value:.1} {}", figure.unit.replace('u', "µ"));
        table.add_row([
            figure.what.to_owned(),
            time(figure.median),
            time(figure.p99),
            time(figure.bound),
            format!("{} × {}", figure.rounds.len(), figure.times),
            if figure.holds { String::new() } else { "BROKEN".to_owned() },
        ]);
    }
    let verdict = if passed { "within bounds" } else { "out of bounds" };
    format!("{}\n{verdict}\n", lines(&table))
}
