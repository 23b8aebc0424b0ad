//! `report sizing`: right-sizing and cost.

use std::process::ExitCode;

use broker::calendar::day_text;
use broker::reports::sizing::{self, Sizing};
use broker::reports::unused::Query;
use serde::Serialize;

use super::super::form::{FormArgs, Wanted};
use super::super::select::{AtArg, FilterArgs, Whose};
use super::price::money;
use super::{AfterArg, CommandError, RuleArgs, bought, grid, known, rest};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Costs are for a year, and need a price: see `cargo sim report price set --help`. The forecast needs a term and seven days of figures.\n\nExamples:\n  cargo sim report sizing\n  cargo sim report sizing --threshold 60 --format csv --out sizing.csv"
)]
pub(super) struct Args {
    #[command(flatten)]
    rule: RuleArgs,
    /// Days within which a seat in use was active, for the utilisation
    #[arg(long, value_name = "DAYS", default_value_t = sizing::WINDOW)]
    window: u32,
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

/// All pools, for programs.
#[derive(Debug, Serialize)]
struct Report {
    report: &'static str,
    today: String,
    threshold: u32,
    grace: u32,
    window: u32,
    rows: Vec<Sizing>,
    total: u64,
    next: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = args.form.wanted(args.after.is_part())?;
    let opened = args.whose.open()?;
    let today = opened.today(args.at.at)?;
    let query = Query { filter: args.filter.filter(), rule: args.rule.rule(), reason: None, at: args.at.at };
    let rows = opened.ask(|store, tenant| sizing::sizing_within(store, tenant, &query, args.window, today))?;
    if let Wanted::Every(format) = wanted {
        return args.form.all(format, rows);
    }
    let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let rows: Vec<_> = rows.into_iter().skip(args.after.skip()).take(args.form.most()).collect();
    let report = Report {
        report: "Right-sizing and cost",
        today: day_text(today),
        threshold: query.rule.threshold,
        grace: query.rule.grace,
        window: args.window,
        next: args.after.next(rows.len(), total),
        rows,
        total,
    };
    if wanted == Wanted::Page { args.form.value(&report) } else { args.form.text(&as_text(&report)) }
}

fn as_text(report: &Report) -> String {
    let share = |percent: Option<i64>| percent.map_or_else(|| "unknown".to_owned(), |percent| format!("{percent} %"));
    let seats = grid(
        [
            "Source",
            "Server",
            "Feature",
            "Scope",
            "Bought",
            "In use",
            "Peak",
            "Free",
            "Over",
            "Held",
            "Active",
            "Unused",
            "New",
            "Unknown",
            "Reclaimable",
            "Needed",
            "Active of in use",
            "Unused of in use",
        ],
        report.rows.iter().map(|pool| {
            [
                pool.source_no.to_string(),
                pool.server.clone(),
                pool.feature.clone(),
                pool.scope.clone(),
                bought(pool.entitled, pool.unlimited),
                known(pool.allocated),
                known(pool.max_allocated),
                bought(pool.free, pool.unlimited),
                if pool.unlimited { "0".to_owned() } else { known(pool.over_now) },
                pool.holders.to_string(),
                pool.active.to_string(),
                pool.unused.to_string(),
                pool.new.to_string(),
                pool.unknown.to_string(),
                pool.reclaimable.to_string(),
                pool.needed.to_string(),
                share(pool.utilisation_percent),
                share(pool.unused_percent),
            ]
        }),
    );
    let cost = grid(
        ["Source", "Pool", "Price of a seat", "Bought", "Saving", "Term ends", "Peak then", "Over then", "True-up"],
        report.rows.iter().map(|pool| {
            let money = |cents: Option<i64>| match (cents, &pool.currency) {
                (Some(cents), Some(currency)) => money(cents, currency),
                _ => "unknown".to_owned(),
            };
            [
                pool.source_no.to_string(),
                pool.pool_id.clone(),
                money(pool.price_cents),
                money(pool.bought_cents),
                money(pool.saving_cents),
                pool.term_end.clone().unwrap_or_else(|| "unknown".to_owned()),
                known(pool.forecast_peak),
                known(pool.forecast_over),
                money(pool.forecast_cents),
            ]
        }),
    );
    let unpriced = report.rows.iter().any(|pool| pool.price_cents.is_none());
    let hint = if unpriced { "\nA price is set with `cargo sim report price set`.\n" } else { "" };
    format!(
        "{} on {}\nUnused: not active for more than {} days, or never and new for more than {} days\nActive of in use: within {} days\n\nSeats\n{seats}\nCost of a year, and the forecast for the term's end\n{cost}{hint}\n{}",
        report.report,
        report.today,
        report.threshold,
        report.grace,
        report.window,
        rest(report.rows.len(), report.total, report.next),
    )
}
