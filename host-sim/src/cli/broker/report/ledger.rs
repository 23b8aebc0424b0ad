//! `report ledger`: seats taken and left.

use std::process::ExitCode;

use broker::calendar::day_text;
use broker::reports::activity::Query;
use broker::reports::ledger::{self, Balance, Event};
use clap::ValueEnum;
use serde::Serialize;

use super::super::form::{FormArgs, Wanted};
use super::super::select::{AtArg, FilterArgs, Whose};
use super::{AfterArg, CommandError, PeriodArgs, grid, known, no_part, rest};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Opening + found + taken - left = closing. `found` is held in the first snapshot of its pool: nobody knows since when. What a retention has dropped is unknown.\n\nExamples:\n  cargo sim report ledger --from 2026-03-01 --to 2026-03-31\n  cargo sim report ledger --days 365 --part balances --format csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    period: PeriodArgs,
    /// Which part an export holds [default: events]
    #[arg(long, value_enum)]
    part: Option<Part>,
    #[command(flatten)]
    after: AfterArg,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    at: AtArg,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    whose: Whose,
}

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Each seat found, taken or left
    Events,
    /// Each pool, before and after
    Balances,
}

/// A page for programs.
#[derive(Debug, Serialize)]
struct Report {
    report: &'static str,
    from: String,
    to: String,
    balances: Vec<Balance>,
    rows: Vec<Event>,
    total: u64,
    next: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = args.form.wanted(args.after.is_part())?;
    no_part(args.part, wanted)?;
    let opened = args.whose.open()?;
    let period = args.period.period(opened.today(args.at.at)?)?;
    let query = Query { filter: args.filter.filter(), period, at: args.at.at };
    let balances = || opened.ask(|store, tenant| ledger::balances(store, tenant, &query));
    if let Wanted::Every(format) = wanted {
        return match args.part.unwrap_or(Part::Events) {
            Part::Balances => args.form.all(format, balances()?),
            Part::Events => args.form.every(format, |act| {
                opened.ask(|store, tenant| ledger::each_event(store, tenant, &query, act).map(|_| ()))
            }),
        };
    }
    let balances = balances()?;
    let rows = opened
        .ask(|store, tenant| ledger::events(store, tenant, &query, u64::from(args.after.after), args.form.most()))?;
    let total = opened.ask(|store, tenant| ledger::total(store, tenant, &query))?;
    let report = Report {
        report: "Seat ledger",
        from: day_text(period.from),
        to: day_text(period.to),
        balances,
        next: args.after.next(rows.len(), total),
        rows,
        total,
    };
    if wanted == Wanted::Page { args.form.value(&report) } else { args.form.text(&as_text(&report)) }
}

fn as_text(report: &Report) -> String {
    let balances = grid(
        ["Server", "Feature", "Scope", "Opening", "Found", "Taken", "Left", "Closing"],
        report.balances.iter().map(|pool| {
            [
                pool.server.clone(),
                pool.feature.clone(),
                pool.scope.clone(),
                known(pool.opening),
                known(pool.found),
                known(pool.taken),
                known(pool.left),
                known(pool.closing),
            ]
        }),
    );
    let rows = grid(
        ["Day", "Event", "Server", "Feature", "Scope", "User"],
        report.rows.iter().map(|row| {
            [
                row.on_day.clone(),
                row.kind.clone(),
                row.server.clone(),
                row.feature.clone(),
                row.scope.clone(),
                row.user.clone(),
            ]
        }),
    );
    let kept = report.balances.iter().filter_map(|pool| pool.kept_from.as_deref()).max();
    let kept = kept.map_or_else(String::new, |day| format!("Events are kept from {day} on\n"));
    format!(
        "{}, {} to {}\n{kept}\nBy pool\n{balances}\nEvents\n{rows}\n{}",
        report.report,
        report.from,
        report.to,
        rest(report.rows.len(), report.total, report.next),
    )
}
