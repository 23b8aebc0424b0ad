//! `export`: a table of the store as a file, or the metrics of a monitoring system.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use broker::allocation::{self, Allocated};
use broker::export::tables::{self, Table};
use broker::export::{ExportError, Format, Writer, open_metrics};
use broker::view::Filter;
use clap::builder::PossibleValuesParser;
use time::OffsetDateTime;

use super::super::error::CommandError;
use super::data::DEFAULT_TENANT;
use super::data::DataArgs;
use super::form::{export_format, write};
use super::select::{AtArg, open};

/// What is no stored table.
const ALLOCATION: &str = "allocation";
const METRICS: &str = "metrics";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`metrics` is OpenMetrics text: seats bought, in use, free and over, of each pool.\nIn CSV, text that a spreadsheet would take for a formula has an apostrophe before it; the other forms are exact.\n\nExamples:\n  cargo sim export allocation --out allocation.parquet\n  cargo sim export pools --at 2026-03-31 --format ndjson\n  cargo sim export metrics > /var/lib/node_exporter/licenses.prom"
)]
pub(in crate::cli) struct Args {
    /// What
    #[arg(value_name = "TABLE", value_parser = names())]
    table: String,
    /// Form [default: what the file's name ends in, or csv]
    #[arg(long, value_parser = formats(), conflicts_with = "json")]
    format: Option<String>,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    /// Write to this file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Only this source, by its number
    #[arg(long, value_name = "N")]
    source: Option<i64>,
    #[command(flatten)]
    at: AtArg,
    /// The tenant [default: default; of metrics: all]
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    #[command(flatten)]
    data: DataArgs,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(
        std::iter::once(ALLOCATION).chain(Table::ALL.map(Table::name)).chain(std::iter::once(METRICS)),
    )
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
}

pub(in crate::cli) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    if args.table == METRICS {
        return metrics(args);
    }
    let asked = if args.json { Some(Format::Json) } else { args.format.as_deref().and_then(Format::named) };
    let format = export_format(asked, args.out.as_deref())?;
    let table = Table::named(&args.table);
    let opened = open(&args.data, args.tenant.as_deref().unwrap_or(DEFAULT_TENANT))?;
    write(args.out.as_deref(), format == Format::Parquet, |out| {
        let Some(table) = table else {
            let filter = Filter { source_no: args.source, ..Filter::default() };
            let query = allocation::Query { filter, at: args.at.at, ..allocation::Query::default() };
            let mut writer = Writer::of::<Allocated>(format, out)?;
            opened.ask(|store, tenant| allocation::each(store, tenant, &query, |row| writer.row(&row)).map(|_| ()))?;
            return writer.finish();
        };
        if !opened.is_there() {
            return Writer::new(format, table.columns(), out)?.finish();
        }
        let at = args.at.at;
        let query = tables::Query { tenant: &opened.tenant, source_no: args.source, at };
        table.export(&opened.store, &query, format, out)
    })
}

fn metrics(args: &Args) -> Result<ExitCode, CommandError> {
    if args.format.is_some() || args.json || args.source.is_some() || args.at.at.is_some() {
        return Err(CommandError::usage(
            "metrics are text of OpenMetrics, of now, and of all sources of a tenant",
            "leave --format, --json, --source and --at out; `cargo sim export pools` has the figures in other forms",
        ));
    }
    let store = args.data.store()?;
    let text = open_metrics::exposition(&store, args.tenant.as_deref(), OffsetDateTime::now_utc())?;
    write(args.out.as_deref(), false, |mut out| {
        out.write_all(text.as_bytes())?;
        Ok::<_, ExportError>(out)
    })
}
