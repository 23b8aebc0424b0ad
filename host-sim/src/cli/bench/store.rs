//! `bench store`: how long Allocation and the reports take on a large store.

use std::process::ExitCode;

use broker::bench_store::{self, Figure, Filled};
use broker::store::Store;
use serde_json::json;
use time::OffsetDateTime;

use super::out::OutArgs;
use crate::bench::sheet::{self, Bound, Sheet, Unit};
use crate::cli::document::{lines, table};
use crate::cli::error::CommandError;
use crate::cli::terminal;

/// Whose rows they are.
const TENANT: &str = "bench";

/// A store of a million seats: Allocation's first page, every report, and how long each takes.
///
/// Fills a store in a temporary folder with what thirty daily runs of three sources would have left, then asks for each thing
/// five times; the median counts. Bounds: 50 ms for a page of Allocation in any order, of all and of what a filter of
/// sources or pools leaves; 2 s for a search in it, and for each report; 5 s for Allocation of the past, or with what is
/// over. What has no bound is only told. A million seats take about a gigabyte of the temporary folder (TMPDIR).
///
/// Exit code 1 if a bound is broken.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo sim bench store\n  cargo sim bench store --assignments 100000 --json > store.json\n  \
    cargo sim bench store --out figures"
)]
pub(in crate::cli) struct Args {
    /// Seats
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    assignments: u32,
    #[command(flatten)]
    out: OutArgs,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    args.out.prepare()?;
    let folder = tempfile::tempdir().map_err(|error| {
        CommandError::failed(format!("there is no temporary folder: {error}"), "TMPDIR names one with space left")
    })?;
    let store = Store::open(&folder.path().join("broker.sqlite"))?;
    let now = OffsetDateTime::now_utc();
    terminal::note(&format!("filling a store with {} seats", args.assignments));
    let filled = bench_store::fill(&store, TENANT, now, args.assignments)?;
    terminal::note("measuring");
    let figures = bench_store::measure(&store, TENANT, now.date())?;
    let sheet = sheet(&filled, &figures);
    let document = json!({ "filled": filled, "figures": figures, "passed": sheet.passed() });
    args.out.tell_as(&sheet, &document, || as_text(&filled, &figures, &sheet))
}

fn sheet(filled: &Filled, figures: &[Figure]) -> Sheet {
    let title = format!("{} seats, {} people", filled.seats, filled.people);
    let mut sheet = Sheet::new("store", title).with("assignments", filled.seats);
    for figure in figures {
        let told = sheet::Figure::of(&figure.what, &figure.what, Unit::Ms, Some(float_ms(figure.took_us)));
        sheet.add(sheet::Figure { bound: figure.bound_us.map(|bound| Bound::AtMost(float_ms(bound))), ..told });
    }
    sheet
}

/// Microseconds as milliseconds. Those of a year are exact.
#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a float counts to 2^53 exactly")]
fn float_ms(micros: i64) -> f64 {
    micros as f64 / 1e3
}

fn as_text(filled: &Filled, figures: &[Figure], sheet: &Sheet) -> String {
    let mut table = table(&["What", "Took", "Bound", "Rows", ""]);
    for figure in figures {
        table.add_row([
            figure.what.clone(),
            ms(figure.took_us),
            figure.bound_us.map_or_else(|| "–".to_owned(), ms),
            figure.rows.to_string(),
            if figure.holds() { String::new() } else { "BROKEN".to_owned() },
        ]);
    }
    format!(
        "{} seats, {} people, {} months of activity, {} events\n\n{}\n{}\n",
        filled.seats,
        filled.people,
        filled.activity_months,
        filled.events,
        lines(&table),
        sheet.verdict(),
    )
}

/// Milliseconds, to the hundredth.
fn ms(micros: i64) -> String {
    format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
}

#[cfg(test)]
mod tests {
    use broker::bench_store::{Figure, Filled};

    use super::{as_text, sheet};

    fn verdict(took_us: i64) -> String {
        let figure = Figure { what: "a page".to_owned(), took_us, bound_us: Some(50_000), rows: 7 };
        let told = Figure { bound_us: None, ..figure.clone() };
        let filled = Filled { seats: 1, people: 2, activity_months: 3, events: 4 };
        let figures = [figure, told];
        as_text(&filled, &figures, &sheet(&filled, &figures))
    }

    #[test]
    fn a_bound_is_broken_by_a_moment() {
        let text = verdict(50_000);
        assert!(
            text.contains("50.00 ms") && text.ends_with("\nwithin bounds: all 1 figures that have one\n"),
            "{text}"
        );
        let text = verdict(50_001);
        assert!(text.contains("BROKEN") && text.ends_with("\nout of bounds: 1 of 1 figures that have one\n"), "{text}");
    }
}
