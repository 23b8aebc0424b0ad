//! The forms in which a collection is written.
//!
//! | form | content | written |
//! | --- | --- | --- |
//! | `ndjson` | every record, one JSON object a line | page by page |
//! | `json` | the same as one array | as a whole |
//! | `csv` | Allocation: who holds which license | as a whole |
//! | `table` | Allocation, for people | as a whole |

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, TableComponent};
use time::Date;

use super::terminal::printable;
use crate::allocation::{Allocation, AllocationRow};
use crate::contract::Batch;
use crate::records;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Every record, one JSON object a line
    Ndjson,
    /// Every record, as one JSON array
    Json,
    /// Allocation, as comma-separated values
    Csv,
    /// Allocation, for people
    Table,
}

/// A document being written.
pub(super) enum Document {
    Ndjson,
    Json { first: bool },
    Csv { allocation: Allocation, first: bool },
    Table { allocation: Allocation, rows: Vec<AllocationRow> },
}

impl Document {
    pub(super) fn new(format: Format, today: Date) -> Self {
        let allocation = || Allocation::new(today);
        match format {
            Format::Ndjson => Self::Ndjson,
            Format::Json => Self::Json { first: true },
            Format::Csv => Self::Csv { allocation: allocation(), first: true },
            Format::Table => Self::Table { allocation: allocation(), rows: Vec::new() },
        }
    }

    /// Writes what one batch adds.
    pub(super) fn page(&mut self, out: &mut dyn Write, batch: &Batch) -> io::Result<()> {
        match self {
            Self::Ndjson => {
                for record in records::of_batch(batch) {
                    serde_json::to_writer(&mut *out, &record)?;
                    out.write_all(b"\n")?;
                }
            }
            Self::Json { first } => {
                for record in records::of_batch(batch) {
                    out.write_all(if std::mem::take(first) { b"[\n" } else { b",\n" })?;
                    serde_json::to_writer(&mut *out, &record)?;
                }
            }
            Self::Csv { allocation, first } => {
                let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(out);
                if std::mem::take(first) {
                    csv.write_record([
                        "server",
                        "vendor",
                        "feature",
                        "license_type",
                        "user",
                        "start",
                        "start_is_first_seen",
                        "end",
                    ])?;
                }
                for row in allocation.rows(batch) {
                    csv.serialize(AllocationRow {
                        server: plain_cell(&row.server),
                        vendor: plain_cell(&row.vendor),
                        feature: plain_cell(&row.feature),
                        user: plain_cell(&row.user),
                        ..row
                    })?;
                }
                csv.flush()?;
            }
            Self::Table { allocation, rows } => rows.extend(allocation.rows(batch)),
        }
        Ok(())
    }

    /// Writes what comes after the last batch.
    pub(super) fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Ndjson | Self::Csv { .. } => Ok(()),
            Self::Json { first } => out.write_all(if *first { b"[]\n" } else { b"\n]\n" }),
            Self::Table { rows, .. } => out.write_all(allocation_table(rows).as_bytes()),
        }
    }
}

/// A spreadsheet takes a cell that begins with one of these for a formula; an apostrophe makes it text. A cell is one line
/// and steers no terminal.
fn plain_cell(text: &str) -> String {
    let text = printable(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// Allocation as the Platform shows it.
pub(super) fn allocation_table(rows: &[AllocationRow]) -> String {
    let mut table = table(&["Server", "Vendor", "Feature", "License type", "User", "Start", "End"]);
    for row in rows {
        let mark = if row.start_is_first_seen { " (first seen)" } else { "" };
        table.add_row([
            printable(&row.server),
            printable(&row.vendor),
            printable(&row.feature),
            row.license_type.to_owned(),
            printable(&row.user),
            format!("{}{mark}", row.start),
            row.end.clone().unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    lines(&table)
}

/// A table as lines, without the blanks that fill the last column.
pub(super) fn lines(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// An empty table with a header.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use time::macros::date;

    use super::{Document, Format, plain_cell};
    use crate::contract::{Assignment, Entry, Pool, Source, User};
    use crate::samples;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(plain_cell("=1+1"), "'=1+1");
        assert_eq!(plain_cell("@x"), "'@x");
        assert_eq!(plain_cell("dana"), "dana");
        // What a spreadsheet would pass over to find a formula is no blank any more.
        assert_eq!(plain_cell("\t=1+1\r\n\u{1b}[31m"), "\u{fffd}=1+1\u{fffd}\u{fffd}\u{fffd}[31m");
    }

    /// Two pages with one row each, in which every name from outside is `name`.
    fn written(format: Format, name: &str) -> String {
        let own = || name.to_owned();
        let mut document = Document::new(format, date!(2026 - 05 - 01));
        let mut out = Vec::new();
        for id in ["1", "2"] {
            let user_id = id.to_owned();
            let assignment = Assignment { user_id: user_id.clone(), ..samples::assignment() };
            let entries = vec![
                Entry::Source(Source { display_name: own(), vendor: own(), ..samples::source() }),
                Entry::Pool(Pool { feature: own(), ..samples::pool() }),
                Entry::User(User { user_id, username: own(), ..samples::user() }),
                Entry::Assignment(assignment),
            ];
            document.page(&mut out, &samples::batch(entries)).unwrap();
        }
        document.end(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_column_is_a_formula() {
        let row = "'=1+1,'=1+1,'=1+1,named-user,'=1+1,2026-05-01,true,\n";
        let header = "server,vendor,feature,license_type,user,start,start_is_first_seen,end\n";
        assert_eq!(written(Format::Csv, "=1+1"), format!("{header}{row}{row}"));
    }

    #[test]
    fn no_column_steers_the_terminal() {
        let table = written(Format::Table, "a\u{1b}[2J\u{202e}");
        assert_eq!(table.matches("a\u{fffd}[2J\u{fffd}").count(), 8, "{table}");
        assert!(!table.contains(['\u{1b}', '\u{202e}']), "{table}");
    }

    #[test]
    fn an_array_is_one_whatever_it_holds() {
        let text = written(Format::Json, "dana");
        assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap().len(), 8);
        let mut out = Vec::new();
        Document::new(Format::Json, date!(2026 - 05 - 01)).end(&mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }
}
