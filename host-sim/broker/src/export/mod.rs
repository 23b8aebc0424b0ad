//! Ways out of the broker: tables as files, and seat head-room for a monitoring system.
//!
//! | format | one row is | unknown is | exact |
//! | --- | --- | --- | --- |
//! | `csv` | a record, RFC 4180, `\n`, header first | an empty cell | no: see below |
//! | `json` | an object of one array, keys in the order of the columns | `null` | yes |
//! | `ndjson` | an object, one a line | `null` | yes |
//! | `parquet` | typed columns, all of them optional | null | yes |
//!
//! Rows are written one by one, in constant memory; Parquet keeps one row group of them. A file is whole when
//! [`Writer::finish`] has returned.
//!
//! # What a spreadsheet would compute
//!
//! A cell of text that a spreadsheet would take for a formula gets an apostrophe in front, in CSV alone ([`defused`]). Who reads
//! the CSV with a program takes the forms that are exact, or strips one apostrophe where a formula follows. CSV does not
//! tell an empty text from none, and is read with the comma as separator.

mod csv;
pub mod open_metrics;
mod parquet;
mod rows;
pub mod tables;

use std::io::{self, Write};

pub use self::csv::defused;
use crate::store::StoreError;
use crate::table::{Column, Kind, Row, Value};

/// A form of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// One JSON array.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Ndjson, Self::Parquet];

    /// The name, which is the ending of the file's name, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Whatever is written to says no.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
    /// Parquet cannot be written.
    #[error("the export cannot be written as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// A row does not fit its table.
    #[error("the column {column} holds what is no {kind}")]
    Shape {
        /// The column.
        column: &'static str,
        /// What it should hold.
        kind: &'static str,
    },
    /// The rows cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A table on its way into a file.
#[derive(Debug)]
pub struct Writer<W: Write + Send> {
    columns: &'static [Column],
    form: Form<W>,
}

#[derive(Debug)]
enum Form<W: Write + Send> {
    Csv(csv::Csv<W>),
    Rows(rows::Rows<W>),
    Parquet(parquet::Parquet<W>),
}

impl<W: Write + Send> Writer<W> {
    /// Begins the file of a table of these columns.
    ///
    /// # Errors
    /// [`ExportError::Write`], [`ExportError::Parquet`].
    pub fn new(format: Format, columns: &'static [Column], out: W) -> Result<Self, ExportError> {
        let form = match format {
            Format::Csv => Form::Csv(csv::Csv::new(columns, out)?),
            Format::Json => Form::Rows(rows::Rows::array(out)?),
            Format::Ndjson => Form::Rows(rows::Rows::lines(out)),
            Format::Parquet => Form::Parquet(parquet::Parquet::new(columns, out)?),
        };
        Ok(Self { columns, form })
    }

    /// Begins the file of a table of `R`.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn of<R: Row>(format: Format, out: W) -> Result<Self, ExportError> {
        Self::new(format, R::COLUMNS, out)
    }

    /// Adds one row.
    ///
    /// # Errors
    /// [`ExportError::Shape`] when a value is not of its column's kind, or there are more or fewer values than columns.
    pub fn row(&mut self, row: &impl Row) -> Result<(), ExportError> {
        self.values(row.values())
    }

    /// Adds one row by its values.
    ///
    /// # Errors
    /// As [`Writer::row`].
    pub fn values(&mut self, values: Vec<Value>) -> Result<(), ExportError> {
        fits(self.columns, &values)?;
        match &mut self.form {
            Form::Csv(csv) => csv.row(&values),
            Form::Rows(rows) => rows.row(self.columns, &values),
            Form::Parquet(parquet) => parquet.row(values),
        }
    }

    /// Ends the file and hands back what it was written to.
    ///
    /// # Errors
    /// [`ExportError::Write`], [`ExportError::Parquet`].
    pub fn finish(self) -> Result<W, ExportError> {
        match self.form {
            Form::Csv(csv) => csv.finish(),
            Form::Rows(rows) => rows.finish(),
            Form::Parquet(parquet) => parquet.finish(),
        }
    }
}

/// Whether the values are those of the columns. Days and instants are looked at where they are converted.
fn fits(columns: &'static [Column], values: &[Value]) -> Result<(), ExportError> {
    for place in 0..columns.len().max(values.len()) {
        let Some(column) = columns.get(place) else {
            return Err(ExportError::Shape { column: "after the last", kind: "column of the table" });
        };
        let fits = match (column.kind, values.get(place)) {
            (_, Some(Value::Null))
            | (Kind::Text | Kind::Day | Kind::Instant, Some(Value::Text(_)))
            | (Kind::Integer, Some(Value::Integer(_)))
            | (Kind::Boolean, Some(Value::Boolean(_))) => true,
            (_, Some(_) | None) => false,
        };
        if !fits {
            return Err(misfit(column));
        }
    }
    Ok(())
}

fn misfit(column: &Column) -> ExportError {
    let kind = match column.kind {
        Kind::Text => "text",
        Kind::Integer => "whole number",
        Kind::Boolean => "yes or no",
        Kind::Day => "day",
        Kind::Instant => "instant",
    };
    ExportError::Shape { column: column.name, kind }
}

#[cfg(test)]
mod tests;
