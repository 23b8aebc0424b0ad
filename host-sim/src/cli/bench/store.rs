//! `bench store`: how long Allocation and the reports take on a large store.

use std::process::ExitCode;

use broker::bench_store::{self, Figure, Filled};
use broker::store::Store;
use serde_json::json;
use time::OffsetDateTime;

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
    after_help = "Examples:\n  cargo sim bench store\n  cargo sim bench store --assignments 100000 --json > store.json"
)]
pub(in crate::cli) struct Args {
    /// Seats
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    assignments: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let folder = tempfile::tempdir().map_err(|error| {
        CommandError::failed(format!("there is no temporary folder: {error}"), "TMPDIR names one with space left")
    })?;
    let store = Store::open(&folder.path().join("broker.sqlite"))?;
    let now = OffsetDateTime::now_utc();
    terminal::note(&format!("filling a store with {} seats", args.assignments));
    let filled = bench_store::fill(&store, TENANT, now, args.assignments)?;
    terminal::note("measuring");
    let figures = bench_store::measure(&store, TENANT, now.date())?;
    let passed = figures.iter().all(Figure::holds);
    terminal::print(&if args.json {
        terminal::json(&json!({ "filled": filled, "figures": figures, "passed": passed }))
    } else {
        as_text(&filled, &figures)
    })?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_text(filled: &Filled, figures: &[Figure]) -> String {
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
    let broken = figures.iter().filter(|figure| !figure.holds()).count();
    let bounded = figures.iter().filter(|figure| figure.bound_us.is_some()).count();
    let verdict = if broken == 0 {
        format!("within bounds: all {bounded} figures that have one")
    } else {
        format!("out of bounds: {broken} of {bounded} figures that have one")
    };
    format!(
        "{} seats, {} people, {} months of activity, {} events\n\n{}\n{verdict}\n",
        filled.seats,
        filled.people,
        filled.activity_months,
        filled.events,
        lines(&table),
    )
}

/// Milliseconds, to the hundredth.
fn ms(micros: i64) -> String {
    format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
}

#[cfg(test)]
mod tests {
    use broker::bench_store::{Figure, Filled};

    use super::as_text;

    fn verdict(took_us: i64) -> String {
        let figure = Figure { what: "a page".to_owned(), took_us, bound_us: Some(50_000), rows: 7 };
        let told = Figure { bound_us: None, ..figure.clone() };
        as_text(&Filled { seats: 1, people: 2, activity_months: 3, events: 4 }, &[figure, told])
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
