//! `report activity`: *User activity trends*.

use std::process::ExitCode;

use broker::calendar::day_text;
use broker::reports::activity::{self, Day, Query, Ranked, Usage};
use broker::store::Store;
use broker::view::{Filter, Period};
use clap::ValueEnum;
use serde::Serialize;
use time::Date;

use super::super::form::{FormArgs, Wanted};
use super::super::select::{AtArg, FilterArgs, Whose};
use super::{AfterArg, CommandError, PeriodArgs, bought, grid, known, no_part, rest};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A service tells the last day of activity and no more: observed days are those that any run saw to be somebody's last, so each count is a lower bound.\n\nExamples:\n  cargo sim report activity --days 90\n  cargo sim report activity --part ranking --format csv --out ranking.csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    period: PeriodArgs,
    /// Which part an export holds [default: days]
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

const NAME: &str = "User activity trends";

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Accounts that were active, by day
    Days,
    /// Accounts by the number of their observed days
    Ranking,
    /// What each snapshot says of each pool
    Pools,
}

/// A page for programs.
#[derive(Debug, Serialize)]
struct Report {
    report: &'static str,
    from: String,
    to: String,
    days: Vec<Day>,
    pools: Vec<Usage>,
    rows: Vec<Ranked>,
    total: u64,
    next: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = args.form.wanted(args.after.is_part())?;
    no_part(args.part, wanted)?;
    let opened = args.whose.open()?;
    let period = args.period.period(opened.today(args.at.at)?)?;
    let query = Query { filter: args.filter.filter(), period, at: args.at.at };
    if let Wanted::Every(format) = wanted {
        return match args.part.unwrap_or(Part::Days) {
            Part::Days => args.form.all(format, opened.ask(|store, tenant| activity::daily(store, tenant, &query))?),
            Part::Pools => args.form.all(format, opened.ask(|store, tenant| activity::usage(store, tenant, &query))?),
            Part::Ranking => args.form.every(format, |act| {
                opened.ask(|store, tenant| activity::each_ranked(store, tenant, &query, act).map(|_| ()))
            }),
        };
    }
    let ranking = opened
        .ask(|store, tenant| activity::ranking(store, tenant, &query, args.after.skip(), args.form.most()).map(Some))?;
    let (rows, total) = ranking.map_or((Vec::new(), 0), |ranking| (ranking.rows, ranking.total));
    let report = Report {
        report: NAME,
        from: day_text(period.from),
        to: day_text(period.to),
        days: opened.ask(|store, tenant| activity::daily(store, tenant, &query))?,
        pools: opened.ask(|store, tenant| activity::usage(store, tenant, &query))?,
        next: args.after.next(rows.len(), total),
        rows,
        total,
    };
    if wanted == Wanted::Page { args.form.value(&report) } else { args.form.text(&as_text(&report)) }
}

/// The report of 30 days, with the first rows of its ranking, for people.
pub(in crate::cli) fn first_rows(
    store: &Store,
    tenant: &str,
    today: Date,
    rows: usize,
) -> Result<String, CommandError> {
    let period = Period::ending(today, 30);
    let query = Query { filter: Filter::default(), period, at: None };
    let ranking = activity::ranking(store, tenant, &query, 0, rows)?;
    Ok(as_text(&Report {
        report: NAME,
        from: day_text(period.from),
        to: day_text(period.to),
        days: activity::daily(store, tenant, &query)?,
        pools: activity::usage(store, tenant, &query)?,
        rows: ranking.rows,
        total: ranking.total,
        next: None,
    }))
}

fn as_text(report: &Report) -> String {
    let days = grid(
        ["Day", "Server", "Of", "Accounts"],
        report.days.iter().map(|day| {
            let of = day.feature.clone().unwrap_or_else(|| "the account".to_owned());
            [day.day.clone(), day.server.clone(), of, day.accounts.to_string()]
        }),
    );
    let ranking = grid(
        ["User", "Name", "Server", "Observed days"],
        report.rows.iter().map(|row| {
            let name = row.display_name.clone().unwrap_or_default();
            [row.user.clone(), name, row.server.clone(), row.observed_days.to_string()]
        }),
    );
    let pools = grid(
        ["Day", "Server", "Feature", "Scope", "Bought", "In use", "Held", "Peak", "Used"],
        report.pools.iter().map(|pool| {
            [
                pool.day.clone(),
                pool.server.clone(),
                pool.feature.clone(),
                pool.scope.clone(),
                bought(pool.entitled, pool.unlimited),
                known(pool.allocated),
                pool.holders.to_string(),
                known(pool.max_allocated),
                pool.allocated_percent.map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %")),
            ]
        }),
    );
    format!(
        "{}, {} to {}\n\nAccounts that were active, by day\n{days}\nMost observed days\n{ranking}\n{}\nSeats in use and bought, by run\n{pools}",
        report.report,
        report.from,
        report.to,
        rest(report.rows.len(), report.total, report.next),
    )
}
