//! `report`: what follows from the snapshots.
//!
//! | report | parts, the first of which an export holds unless another is asked for |
//! | --- | --- |
//! | `activity`, *User activity trends* | `days`, `ranking`, `pools` |
//! | `unused`, *Expired or unused licenses* | `seats`, `pools` |
//! | `ledger` | `events`, `balances` |
//! | `sizing` | one |
//!
//! What is not known is printed as unknown, and is null in JSON: never 0.

pub(in crate::cli) mod activity;
mod ledger;
mod price;
mod sizing;
pub(in crate::cli) mod unused;

use std::process::ExitCode;

use broker::calendar::day_text;
use broker::reports::unused::Rule;
use broker::view::Period;
use time::Date;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal::printable;
use super::form::Wanted;
use super::select::parse_day;

#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  cargo sim report activity --days 90\n  cargo sim report unused --threshold 60 --out unused.csv\n  cargo sim report ledger --from 2026-03-01 --to 2026-03-31\n  cargo sim report sizing --json"
)]
pub(in crate::cli) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// User activity trends: who was seen to be active, on how many days, and how seats filled up
    Activity(activity::Args),
    /// Expired or unused licenses: seats that could be had back, why, and the day that proves it
    Unused(unused::Args),
    /// Seat ledger: who took a seat and who left one, with the balances
    Ledger(ledger::Args),
    /// Right-sizing and cost: what was bought, what is needed, and what the term's end may cost
    Sizing(sizing::Args),
    /// What a seat of a pool costs for a year
    Price(price::Args),
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    match &args.command {
        Command::Activity(args) => activity::run(args),
        Command::Unused(args) => unused::run(args),
        Command::Ledger(args) => ledger::run(args),
        Command::Sizing(args) => sizing::run(args),
        Command::Price(args) => price::run(args),
    }
}

/// Which days.
#[derive(Debug, clap::Args)]
struct PeriodArgs {
    /// So many days, with the last
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=36_500), conflicts_with = "from")]
    days: u32,
    /// From this day
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    from: Option<Date>,
    /// To this day [default: today, or the day of --at]
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    to: Option<Date>,
}

impl PeriodArgs {
    fn period(&self, today: Date) -> Result<Period, CommandError> {
        let to = self.to.unwrap_or(today);
        match self.from {
            None => Ok(Period::ending(to, self.days)),
            Some(from) if from <= to => Ok(Period { from, to }),
            Some(from) => Err(CommandError::usage(
                format!("the period would end before it begins: {} to {}", day_text(from), day_text(to)),
                "--from names the first day, --to the last",
            )),
        }
    }
}

/// What is too long ago.
#[derive(Debug, clap::Args)]
struct RuleArgs {
    /// Days without activity after which a seat is unused, such as 30, 60, 90 or 120
    #[arg(long, value_name = "DAYS", default_value_t = Rule::default().threshold)]
    threshold: u32,
    /// Days that a new account or assignment has to be used for the first time
    #[arg(long, value_name = "DAYS", default_value_t = Rule::default().grace)]
    grace: u32,
}

impl RuleArgs {
    fn rule(&self) -> Rule {
        Rule { threshold: self.threshold, grace: self.grace }
    }
}

/// Which rows of the page.
#[derive(Debug, clap::Args)]
struct AfterArg {
    /// Pass over so many rows: the page after the one that gave this as `next`
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u32,
}

impl AfterArg {
    fn is_part(&self) -> bool {
        self.after > 0
    }

    fn skip(&self) -> usize {
        usize::try_from(self.after).unwrap_or(usize::MAX)
    }

    /// Where the next page begins, if this is not the last.
    fn next(&self, shown: usize, total: u64) -> Option<u64> {
        let end = u64::from(self.after).saturating_add(u64::try_from(shown).unwrap_or(u64::MAX));
        (shown > 0 && end < total).then_some(end)
    }
}

/// What a page leaves out.
fn rest(shown: usize, total: u64, next: Option<u64>) -> String {
    let rest = next.map_or_else(String::new, |next| {
        format!("; the next with --after {next}\nmore at once with --limit N, all with --format csv")
    });
    format!("{shown} of {total} rows{rest}\n")
}

/// The part that is asked for alone does not go with a page of all.
fn no_part<P>(part: Option<P>, wanted: Wanted) -> Result<(), CommandError> {
    if part.is_some() && !matches!(wanted, Wanted::Every(_)) {
        return Err(CommandError::usage(
            "--json and tables hold every part",
            "--part is for --format csv, json, ndjson and parquet",
        ));
    }
    Ok(())
}

/// A number, or that it is not known.
fn known(number: Option<i64>) -> String {
    number.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
}

/// Seats bought.
fn bought(entitled: Option<i64>, unlimited: bool) -> String {
    if unlimited { "no limit".to_owned() } else { known(entitled) }
}

/// A table of texts, each as it may be printed; a dash in place of nothing.
fn grid<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = table(&header);
    for row in rows {
        table.add_row(row.map(|cell| if cell.is_empty() { "–".to_owned() } else { printable(&cell) }));
    }
    lines(&table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use time::macros::date;

    use super::{AfterArg, PeriodArgs, bought, known};

    #[test]
    fn a_period_has_its_first_and_last_day() {
        let today = date!(2026 - 03 - 31);
        let period = |days, from, to| PeriodArgs { days, from, to }.period(today);
        let seven = period(7, None, None).unwrap();
        assert_eq!((seven.from, seven.to), (date!(2026 - 03 - 25), today));
        assert_eq!(period(1, None, None).unwrap().from, today);
        assert_eq!(period(2, None, Some(date!(2026 - 03 - 01))).unwrap().from, date!(2026 - 02 - 28));
        assert_eq!(period(30, Some(today), None).unwrap().from, today);
        assert!(period(30, Some(date!(2026 - 04 - 01)), None).is_err());
    }

    #[test]
    fn unknown_is_no_number() {
        assert_eq!([known(None), known(Some(0))], ["unknown", "0"]);
        assert_eq!([bought(None, false), bought(None, true), bought(Some(3), false)], ["unknown", "no limit", "3"]);
    }

    #[test]
    fn the_last_page_has_no_next() {
        let after = AfterArg { after: 100 };
        assert_eq!([after.next(50, 151), after.next(50, 150), after.next(0, 150)], [Some(150), None, None]);
    }
}
