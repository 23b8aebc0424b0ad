//! How every bench tells its figures: a table, JSON, and files with a plot.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::bench::plot;
use crate::bench::sheet::Sheet;
use crate::cli::document::{lines, table};
use crate::cli::error::CommandError;
use crate::cli::terminal;
use crate::whole_file::WholeFile;

/// What all benches take.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct OutArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Also write the JSON and an SVG plot, NAME.json and NAME.svg, into this folder
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl OutArgs {
    #[allow(dead_code, reason = "for benches that have no form of their own")]
    /// Tells a sheet; exit code 1 if a figure is out of bounds.
    pub(super) fn tell(&self, sheet: &Sheet) -> Result<ExitCode, CommandError> {
        self.tell_as(sheet, &sheet.to_json(), || as_text(sheet))
    }

    /// Tells a sheet that has a form of its own, in JSON and for people.
    pub(super) fn tell_as(
        &self,
        sheet: &Sheet,
        document: &Value,
        text: impl FnOnce() -> String,
    ) -> Result<ExitCode, CommandError> {
        let json = terminal::json(document);
        if let Some(folder) = &self.out {
            let picture = plot::svg(sheet).map_err(|why| {
                CommandError::failed(format!("the plot cannot be drawn: {why}"), "leave --out out to see the figures")
            })?;
            write(folder, &format!("{}.json", sheet.name), &json)?;
            write(folder, &format!("{}.svg", sheet.name), &picture)?;
        }
        if self.json {
            terminal::print(&json)?;
        } else {
            terminal::print(&text())?;
        }
        Ok(if sheet.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Makes the folder before anything is measured: a measurement may take minutes.
    pub(super) fn prepare(&self) -> Result<(), CommandError> {
        match &self.out {
            Some(folder) => std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error)),
            None => Ok(()),
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::usage(
        format!("{} cannot be written: {error}", path.display()),
        "name a folder that can be written with --out",
    )
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), CommandError> {
    let path = folder.join(name);
    let written = WholeFile::create(&path).and_then(|mut file| {
        file.as_file_mut().write_all(text.as_bytes())?;
        file.finish()
    });
    written.map_err(|error| unwritable(&path, &error))
}

#[allow(dead_code, reason = "for benches that have no form of their own")]
fn as_text(sheet: &Sheet) -> String {
    let mut table = table(&["What", "Value", "Bound", "", "Rounds"]);
    for row in sheet.rows() {
        table.add_row(row);
    }
    format!("{}\n\n{}\n{}\n", terminal::printable(&sheet.title), lines(&table), sheet.verdict())
}
