//! How every bench tells its figures: a table, JSON, and files with a plot.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
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

fn as_text(sheet: &Sheet) -> String {
    let mut table = table(&["What", "Value", "Bound", "", "Rounds"]);
    for row in sheet.rows() {
        table.add_row(row);
    }
    format!("{}\n\n{}\n{}\n", terminal::printable(&sheet.title), lines(&table), sheet.verdict())
}

/// How far a measurement is: a bar at a terminal, and nothing elsewhere.
pub(super) struct Steps(ProgressBar);

impl Steps {
    /// Before the first of so many steps.
    pub(super) fn start(of: usize) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {msg}  {elapsed}") {
            bar.set_style(style);
        }
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_message("starting");
        Self(bar)
    }

    /// Before each step, with its name.
    pub(super) fn next(&self, name: &str) {
        self.0.inc(1);
        self.0.set_message(terminal::printable(name));
    }

    /// The same, for one whose number from 0 is known.
    pub(super) fn at(&self, name: &str, number: usize, of: usize) {
        self.0.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        self.0.set_position(u64::try_from(number).unwrap_or(u64::MAX));
        self.0.set_message(terminal::printable(name));
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
