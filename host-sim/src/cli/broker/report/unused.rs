//! `report unused`: *Expired or unused licenses*.

use std::process::ExitCode;

use broker::calendar::day_text;
use broker::reports::unused::{self, PoolSummary, Query, Reason, Unused};
use broker::store::Store;
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use serde::Serialize;
use time::Date;

use super::super::form::{FormArgs, Wanted};
use super::super::select::{AtArg, FilterArgs, Whose};
use super::{AfterArg, CommandError, RuleArgs, grid, no_part, rest};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Unknown is a bucket of its own: nobody can tell, so it counts neither as used nor as unused. A seat with several reasons has a row for each, and counts once.\n\nExamples:\n  cargo sim report unused --threshold 60\n  cargo sim report unused --reason never-active --json\n  cargo sim report unused --at 2026-03-31 --out unused.parquet"
)]
pub(super) struct Args {
    #[command(flatten)]
    rule: RuleArgs,
    /// Only rows of this reason
    #[arg(long, value_parser = PossibleValuesParser::new(Reason::ALL.map(Reason::name)))]
    reason: Option<String>,
    /// Which part an export holds [default: seats]
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

const NAME: &str = "Expired or unused licenses";

/// A part of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Each seat and reason
    Seats,
    /// Counts by pool
    Pools,
}

/// A page for programs.
#[derive(Debug, Serialize)]
struct Report {
    report: &'static str,
    today: String,
    threshold: u32,
    grace: u32,
    pools: Vec<PoolSummary>,
    rows: Vec<Unused>,
    total: u64,
    next: Option<u64>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = args.form.wanted(args.after.is_part())?;
    no_part(args.part, wanted)?;
    let opened = args.whose.open()?;
    let today = opened.today(args.at.at)?;
    let query = Query {
        filter: args.filter.filter(),
        rule: args.rule.rule(),
        reason: args.reason.as_deref().and_then(Reason::named),
        at: args.at.at,
    };
    let summary = || opened.ask(|store, tenant| unused::summary(store, tenant, &query, today));
    if let Wanted::Every(format) = wanted {
        return match args.part.unwrap_or(Part::Seats) {
            Part::Pools => args.form.all(format, summary()?),
            Part::Seats => args.form.every(format, |act| {
                opened.ask(|store, tenant| unused::each(store, tenant, &query, today, act).map(|_| ()))
            }),
        };
    }
    let page = opened.ask(|store, tenant| {
        unused::page(store, tenant, &query, today, u64::from(args.after.after), args.form.most()).map(Some)
    })?;
    let (rows, total) = page.map_or((Vec::new(), 0), |page| (page.rows, page.total.unsigned_abs()));
    let report = Report {
        report: NAME,
        today: day_text(today),
        threshold: query.rule.threshold,
        grace: query.rule.grace,
        pools: summary()?,
        next: args.after.next(rows.len(), total),
        rows,
        total,
    };
    if wanted == Wanted::Page { args.form.value(&report) } else { args.form.text(&as_text(&report)) }
}

/// The report by the usual rule, with its first rows, for people.
pub(in crate::cli) fn first_rows(
    store: &Store,
    tenant: &str,
    today: Date,
    rows: usize,
) -> Result<String, CommandError> {
    let query = Query::default();
    let page = unused::page(store, tenant, &query, today, 0, rows)?;
    Ok(as_text(&Report {
        report: NAME,
        today: day_text(today),
        threshold: query.rule.threshold,
        grace: query.rule.grace,
        pools: unused::summary(store, tenant, &query, today)?,
        rows: page.rows,
        total: page.total.unsigned_abs(),
        next: None,
    }))
}

fn as_text(report: &Report) -> String {
    let header = [
        "Server",
        "Feature",
        "Scope",
        "Held",
        "Active",
        "New",
        "Inactive",
        "Never active",
        "Unknown",
        "Term ended",
        "Assignment ended",
        "Add-on alone",
        "Expired or unused",
        "Reclaimable",
    ];
    let pools = grid(
        header,
        report.pools.iter().map(|pool| {
            [
                pool.server.clone(),
                pool.feature.clone(),
                pool.scope.clone(),
                pool.holders.to_string(),
                pool.active.to_string(),
                pool.new.to_string(),
                pool.inactive.to_string(),
                pool.never_active.to_string(),
                pool.unknown.to_string(),
                pool.term_ended.to_string(),
                pool.assignment_ended.to_string(),
                pool.add_on_without_base.to_string(),
                pool.expired_or_unused.to_string(),
                pool.reclaimable.to_string(),
            ]
        }),
    );
    let rows = grid(
        ["Server", "Feature", "Scope", "User", "Reason", "Evidence", "Days", "Removable"],
        report.rows.iter().map(|row| {
            [
                row.server.clone(),
                row.feature.clone(),
                row.scope.clone(),
                row.user.clone(),
                row.reason.name().to_owned(),
                row.evidence_on.clone(),
                row.days.map_or_else(|| "unknown".to_owned(), |days| days.to_string()),
                match row.removable {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "unknown",
                }
                .to_owned(),
            ]
        }),
    );
    format!(
        "{} on {}\nUnused: not active for more than {} days, or never and new for more than {} days\n\nBy pool\n{pools}\nBy seat\n{rows}\n{}",
        report.report,
        report.today,
        report.threshold,
        report.grace,
        rest(report.rows.len(), report.total, report.next),
    )
}
