//! Rows on their way out: a page for people or programs, or all of them as an export.
//!
//! | asked for | is |
//! | --- | --- |
//! | nothing, `--format table` | a page, for people |
//! | `--json` | a page, as one object with `rows`, `total` and `next` |
//! | `--format csv`, `json`, `ndjson`, `parquet` | every row, one by one, in constant memory |
//! | `--out FILE` alone | what the file's name ends in |
//!
//! Guarantees: a file appears whole or not at all. What goes to a terminal does not steer it.
//! Refuses Parquet for a terminal, and a part of an export.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker::export::{ExportError, Format, Writer};
use broker::table::Row;
use clap::ValueEnum;

use super::super::error::CommandError;
use super::super::output::resolved;
use super::super::terminal::{self, printable};
use crate::whole_file::WholeFile;

/// Rows of a page, if nobody says how many.
const USUAL_ROWS: u32 = 100;

/// A form, as `--format` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people, a page
    Table,
    /// Comma-separated values, every row
    Csv,
    /// One JSON array, every row
    Json,
    /// One JSON object a line, every row
    Ndjson,
    /// Apache Parquet, every row
    Parquet,
}

impl Form {
    fn format(self) -> Option<Format> {
        match self {
            Self::Table => None,
            Self::Csv => Some(Format::Csv),
            Self::Json => Some(Format::Json),
            Self::Ndjson => Some(Format::Ndjson),
            Self::Parquet => Some(Format::Parquet),
        }
    }

    fn of_ending(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        if ending == "txt" { Some(Self::Table) } else { Self::from_str(&ending, false).ok() }
    }
}

/// What is wanted of the rows, and where.
#[derive(Debug, clap::Args)]
pub(super) struct FormArgs {
    /// Form of the output [default: table, or what the file's name ends in]
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Form>,
    /// Write to this file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Print one JSON object: a page of the rows, how many there are, and where the next page begins
    #[arg(long)]
    json: bool,
    /// Rows of a page [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(broker::allocation::LARGEST_PAGE)))]
    limit: Option<u32>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A page for people.
    Table,
    /// A page for programs.
    Page,
    /// Every row.
    Every(Format),
}

impl FormArgs {
    /// What is wanted. `is_part`: whether a page other than the first was asked for.
    pub(super) fn wanted(&self, is_part: bool) -> Result<Wanted, CommandError> {
        let form = match (self.format, &self.out) {
            _ if self.json => return Ok(Wanted::Page),
            (Some(form), _) => form,
            (None, None) => Form::Table,
            (None, Some(path)) => form_of(path)?,
        };
        match form.format() {
            None => Ok(Wanted::Table),
            Some(_) if is_part || self.limit.is_some() => Err(CommandError::usage(
                "an export holds every row, and --limit and --after ask for a page",
                "leave them out; a page is printed as a table, or with --json",
            )),
            Some(format) => Ok(Wanted::Every(format)),
        }
    }

    /// Rows of a page.
    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL_ROWS)
    }

    /// The same, to count rows with.
    pub(super) fn most(&self) -> usize {
        usize::try_from(self.limit()).unwrap_or(usize::MAX)
    }

    /// Writes a text to its place.
    pub(super) fn text(&self, text: &str) -> Result<ExitCode, CommandError> {
        write(self.out.as_deref(), false, |mut out| {
            out.write_all(text.as_bytes())?;
            Ok(out)
        })
    }

    /// Writes a value as JSON to its place.
    pub(super) fn value<T: serde::Serialize>(&self, value: &T) -> Result<ExitCode, CommandError> {
        self.text(&super::as_json(value)?)
    }

    /// Writes every row to its place, as `each` hands them over.
    pub(super) fn every<R: Row>(
        &self,
        format: Format,
        each: impl FnOnce(&mut dyn FnMut(R) -> Result<(), ExportError>) -> Result<(), ExportError>,
    ) -> Result<ExitCode, CommandError> {
        write(self.out.as_deref(), format == Format::Parquet, |out| {
            let mut writer = Writer::of::<R>(format, out)?;
            each(&mut |row| writer.row(&row))?;
            writer.finish()
        })
    }

    /// The same of rows that are there.
    pub(super) fn all<R: Row>(&self, format: Format, rows: Vec<R>) -> Result<ExitCode, CommandError> {
        self.every(format, |act| rows.into_iter().try_for_each(act))
    }
}

/// The form that the file's name tells.
pub(super) fn form_of(path: &Path) -> Result<Form, CommandError> {
    Form::of_ending(path).ok_or_else(|| {
        CommandError::usage(
            format!("the name {} tells no form", path.display()),
            "add --format, or let the name end in .csv, .json, .ndjson, .parquet or .txt",
        )
    })
}

/// The form of an export: as asked for, or as the file's name tells, or CSV.
pub(super) fn export_format(format: Option<Format>, out: Option<&Path>) -> Result<Format, CommandError> {
    match (format, out) {
        (Some(format), _) => Ok(format),
        (None, None) => Ok(Format::Csv),
        (None, Some(path)) => form_of(path)?.format().ok_or_else(|| {
            CommandError::usage(
                format!("the name {} tells no form of an export", path.display()),
                "add --format, or let the name end in .csv, .json, .ndjson or .parquet",
            )
        }),
    }
}

/// What an export is written to.
pub(super) type Out = BufWriter<Sink>;

/// Where the bytes end.
pub(super) enum Sink {
    Stream(Box<dyn Write + Send>),
    Whole(WholeFile),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(out) => out.write(bytes),
            Self::Whole(file) => file.as_file_mut().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(out) => out.flush(),
            Self::Whole(file) => file.as_file_mut().flush(),
        }
    }
}

/// Has `fill` write to a file or to standard output, and puts it in its place when it is whole.
pub(super) fn write(
    out: Option<&Path>,
    is_binary: bool,
    fill: impl FnOnce(Out) -> Result<Out, ExportError>,
) -> Result<ExitCode, CommandError> {
    let sink = match out {
        None => stream(io::stdout(), is_binary)?,
        Some(path) => place(&resolved(path), is_binary)?,
    };
    let filled = fill(BufWriter::new(sink))?;
    let sink = filled.into_inner().map_err(|error| CommandError::output(error.error()))?;
    match sink {
        Sink::Stream(mut out) => out.flush(),
        Sink::Whole(file) => file.finish(),
    }
    .map_err(|error| CommandError::output(&error))?;
    if let Some(path) = out {
        terminal::note(&format!("{} is written", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A file is replaced when the new one is whole; a pipe or a device is written to as it is.
fn place(path: &Path, is_binary: bool) -> Result<Sink, CommandError> {
    let unwritable = |error: io::Error| {
        CommandError::usage(
            format!("{} cannot be written: {error}", path.display()),
            "check the path and its permissions",
        )
    };
    match std::fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            stream(OpenOptions::new().write(true).open(path).map_err(unwritable)?, is_binary)
        }
        _ => Ok(Sink::Whole(WholeFile::create(path).map_err(unwritable)?)),
    }
}

fn stream(out: impl Write + IsTerminal + Send + 'static, is_binary: bool) -> Result<Sink, CommandError> {
    if !out.is_terminal() {
        return Ok(Sink::Stream(Box::new(out)));
    }
    if is_binary {
        return Err(CommandError::usage("Parquet is nothing for a terminal", "write it to a file with --out FILE"));
    }
    Ok(Sink::Stream(Box::new(Screen { out, line: Vec::new() })))
}

/// A terminal: takes whole lines, and is not steered by them.
struct Screen<W: Write> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Screen<W> {
    fn line(&mut self) -> io::Result<()> {
        let line = printable(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        self.out.write_all(line.as_bytes())
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                None => self.line.extend_from_slice(part),
                Some(end) => {
                    self.line.extend_from_slice(end);
                    self.line()?;
                    self.out.write_all(b"\n")?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;

    use super::Screen;

    #[test]
    fn an_export_steers_no_terminal() {
        let mut screen = Screen { out: Vec::new(), line: Vec::new() };
        let text = "user,email\na\u{1b}[2J\u{9b}é,\u{202e}b\nlast";
        for byte in text.as_bytes() {
            assert_eq!(screen.write(&[*byte]).unwrap(), 1);
        }
        assert_eq!(screen.out, "user,email\na\u{fffd}[2J\u{fffd}é,\u{fffd}b\n".as_bytes());
        screen.flush().unwrap();
        assert!(screen.out.ends_with(b"\nlast"));
    }
}
