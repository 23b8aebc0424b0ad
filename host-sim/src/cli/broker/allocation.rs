//! `allocation`: who holds what, as the Platform shows it.

use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker::allocation::{self, Allocated, Days, Query, Sort};
use broker::export::ExportError;
use broker::store::Store;
use serde::Serialize;
use time::Date;

use super::super::document::{lines, table};
use super::super::error::CommandError;
use super::super::terminal::printable;
use super::form::{FormArgs, Wanted};
use super::select::{AtArg, FilterArgs, Whose, parse_day};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A start marked (first seen) is the day of the first run that saw the seat, where the service does not tell a better one.\n\nExamples:\n  cargo sim allocation --search anna --sort allocation_start:desc\n  cargo sim allocation --at 2026-03-31 --out march.csv\n  cargo sim allocation --json --limit 1000"
)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only users whose name, display name or e-mail address holds this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only allocations that start on this day or later
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    start_from: Option<Date>,
    /// Only allocations that start on this day or before
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    start_to: Option<Date>,
    /// Only allocations that end on this day or later
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    end_from: Option<Date>,
    /// Only allocations that end on this day or before
    #[arg(long, value_name = "DAY", value_parser = parse_day)]
    end_to: Option<Date>,
    /// Show allocations that are over, too
    #[arg(long)]
    include_obsolete: bool,
    /// Order, by a column as JSON names it
    #[arg(long, value_name = "COLUMN[:desc]", default_value = "user", value_parser = parse_sort)]
    sort: (Sort, bool),
    /// The page after the one that gave this as `next`, in the same order
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    #[command(flatten)]
    at: AtArg,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    whose: Whose,
}

/// The column, and whether from the last to the first.
fn parse_sort(text: &str) -> Result<(Sort, bool), String> {
    let (name, way) = text.split_once(':').unwrap_or((text, "asc"));
    let descending = match way {
        "asc" => false,
        "desc" => true,
        _ => return Err("expected COLUMN, COLUMN:asc or COLUMN:desc".to_owned()),
    };
    let sort = Sort::named(name)
        .ok_or_else(|| format!("there is no such column; there are {}", Sort::ALL.map(Sort::name).join(", ")))?;
    Ok((sort, descending))
}

/// A page for programs.
#[derive(Debug, Default, Serialize)]
struct Page {
    rows: Vec<Allocated>,
    total: u64,
    next: Option<String>,
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let wanted = args.form.wanted(args.after.is_some())?;
    let query = Query {
        filter: args.filter.filter(),
        user: args.search.clone(),
        start: Days { from: args.start_from, to: args.start_to },
        end: Days { from: args.end_from, to: args.end_to },
        obsolete: args.include_obsolete,
        sort: args.sort.0,
        descending: args.sort.1,
        at: args.at.at,
    };
    let after = args.after.as_deref().map(cursor).transpose()?;
    let opened = args.whose.open()?;
    if let Wanted::Every(format) = wanted {
        return args
            .form
            .every(format, |act| opened.ask(|store, tenant| allocation::each(store, tenant, &query, act).map(|_| ())));
    }
    let page = opened.ask(|store, tenant| {
        let page = allocation::page(store, tenant, &query, args.form.limit(), after.as_deref())?;
        let next = page.next.map(|next| URL_SAFE_NO_PAD.encode(next));
        Ok::<_, ExportError>(Page { rows: page.rows, total: page.total, next })
    })?;
    if wanted == Wanted::Page { args.form.value(&page) } else { args.form.text(&as_text(&page)) }
}

fn cursor(text: &str) -> Result<String, CommandError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(|| {
        CommandError::usage("the cursor is not one that a page gave", "take `next` of the page before, as it is")
    })
}

/// The first rows, for people.
pub(in crate::cli) fn first_rows(store: &Store, tenant: &str, rows: u32) -> Result<String, CommandError> {
    let page = allocation::page(store, tenant, &Query::default(), rows, None)?;
    Ok(as_text(&Page { rows: page.rows, total: page.total, next: None }))
}

fn as_text(page: &Page) -> String {
    let header = ["Server", "Vendor", "Product", "Feature", "Version", "License type", "User", "Start", "End"];
    let mut table = table(&header);
    for row in &page.rows {
        let seen = if row.start_is_first_seen { " (first seen)" } else { "" };
        let over = if row.obsolete { " (over)" } else { "" };
        table.add_row([
            printable(&row.server),
            printable(&row.vendor),
            printable(&row.product),
            printable(&row.feature),
            row.version.as_deref().map_or_else(|| "–".to_owned(), printable),
            printable(&row.license_type),
            printable(&row.user),
            format!("{}{seen}", row.allocation_start),
            row.allocation_end.as_ref().map_or_else(|| "–".to_owned(), |end| format!("{end}{over}")),
        ]);
    }
    let rest = page.next.as_ref().map_or_else(String::new, |next| {
        format!("; the next with --after {next}\nmore at once with --limit N, all with --format csv")
    });
    format!("{}\n{} of {} rows{rest}\n", lines(&table), page.rows.len(), page.total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use broker::allocation::{Allocated, Sort};

    use super::super::as_json;
    use super::{Page, as_text, parse_sort};

    #[test]
    fn no_column_steers_the_terminal() {
        let own = || "a\u{1b}[2J\u{202e}\u{9b}".to_owned();
        let row = Allocated {
            server: own(),
            source_no: 1,
            vendor: own(),
            product: own(),
            feature: own(),
            version: Some(own()),
            license_type: own(),
            user: own(),
            display_name: Some(own()),
            email: Some(own()),
            allocation_start: "2026-03-01".to_owned(),
            start_is_first_seen: true,
            allocation_end: Some("2026-03-31".to_owned()),
            role: Some(own()),
            consumes_seat: None,
            obsolete: true,
        };
        let page = Page { rows: vec![row], total: 1, next: None };
        let text = as_text(&page);
        assert_eq!(text.matches("a\u{fffd}[2J\u{fffd}\u{fffd}").count(), 7, "{text}");
        assert!(text.contains("2026-03-01 (first seen)") && text.contains("2026-03-31 (over)"), "{text}");
        let json = as_json(&page).unwrap();
        for document in [&text, &json] {
            assert!(!document.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{document:?}");
        }
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read.pointer("/rows/0/user"), Some(&own().into()));
    }

    #[test]
    fn an_order_is_a_column_and_a_way() {
        for sort in Sort::ALL {
            assert_eq!(parse_sort(sort.name()), Ok((sort, false)));
            assert_eq!(parse_sort(&format!("{}:desc", sort.name())), Ok((sort, true)));
        }
        assert!(parse_sort("user:down").is_err() && parse_sort("").is_err());
    }
}
