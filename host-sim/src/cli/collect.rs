//! `collect`: everything once.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::document::{Document, Format};
use super::error::CommandError;
use super::output::{self, Output, ResumeError, Resumed};
use super::signals;
use super::source::{Source, SourceArgs};
use super::terminal::{self, ProgressLine};
use crate::bill::Bill;
use crate::checkpoint::ResumeFile;
use crate::collection::PageSink;
use crate::contract::{Batch, Completeness, Summary};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo sim collect --url https://gitlab.example.com --token-env GITLAB_TOKEN --out seats.ndjson"
)]
pub(super) struct Args {
    #[command(flatten)]
    source: SourceArgs,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,
    /// Write to this file instead of standard output; it appears when it is whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Keep the place in this file, and go on from there if the last run was interrupted. With --out, the file is then
    /// whole; on standard output each run prints its own part
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "replay"])]
    resume: Option<PathBuf>,
    /// Print what the run cost to standard error
    #[arg(long)]
    bill: bool,
    /// Print the bill as JSON
    #[arg(long, requires = "bill")]
    json: bool,
}

/// Passes pages on, and keeps what a person should be told.
struct Watched {
    output: Box<Output>,
    warnings: Warnings,
}

/// The first warnings of a run, and how many came after them: a plugin may give any number.
#[derive(Debug, Default)]
struct Warnings {
    first: Vec<String>,
    more: u64,
}

impl Warnings {
    /// Most that are kept. More are not read on a terminal; where warnings are records, all of them are in the output.
    const MOST: usize = 100;
    /// Most characters of one.
    const LONGEST: usize = 1_000;

    fn add(&mut self, message: &str) {
        if self.first.len() < Self::MOST {
            self.first.push(message.chars().take(Self::LONGEST).collect());
        } else {
            self.more += 1;
        }
    }

    fn tell(&self) {
        self.first.iter().for_each(|warning| terminal::warning(warning));
        if self.more > 0 {
            terminal::warning(&format!("and {} more", self.more));
        }
    }
}

impl PageSink for Watched {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        self.output.page(batch)?;
        batch.warnings.iter().for_each(|warning| self.warnings.add(&warning.message));
        Ok(())
    }
}

impl Args {
    /// Whether all answers come from a recording.
    pub(super) fn replays(&self) -> bool {
        self.source.replays()
    }
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    if args.resume.is_some() && args.format != Format::Ndjson {
        return Err(CommandError::usage(
            "--resume works with --format ndjson only",
            "collect as ndjson first; the other forms are documents that cannot go on in the middle",
        ));
    }
    let entered = args.source.entered()?;
    let source = Source::prepare(&args.source.component(&entered.limits)?, entered).await?;
    let (output, from) = match open(&args, &source)? {
        Resumed::Run(output, from) => (output, from),
        Resumed::Finished { partial } => {
            terminal::note("the last run had read everything; its file is now in its place");
            return Ok(exit_code(partial));
        }
    };
    let output = Box::new(output.within(source.limits.output_bytes));
    let mut sink = Watched { output, warnings: Warnings::default() };
    let mut bill = Bill::default();
    let outcome = {
        let mut progress = ProgressLine::start();
        tokio::select! {
            outcome = source.collection().run(from, &mut sink, &mut progress, &mut bill) => outcome.map_err(CommandError::from),
            () = signals::interrupted() => Err(interrupted(&args)),
        }
    };
    if args.bill {
        let text = if args.json { bill.to_json(&source.limits).to_string() } else { bill.to_text(&source.limits) };
        text.lines().for_each(terminal::note);
    }
    // A run that failed has its recording, too; what it asked for in vain is told before what came of it.
    let outcome = match outcome {
        Err(error) if error.is_interrupted() => Err(error),
        outcome => source.end_tape().and(outcome),
    };
    match outcome {
        Ok(summary) => finish(sink, &summary, args.format),
        Err(error) => {
            sink.output.let_go();
            Err(error.map_words(|words| source.redact(words)))
        }
    }
}

fn open(args: &Args, source: &Source) -> Result<Resumed, CommandError> {
    let unwritable = |error: std::io::Error| {
        let place = args.out.as_ref().map_or_else(|| "the output".to_owned(), |path| path.display().to_string());
        CommandError::usage(format!("{place} cannot be written: {error}"), "check the path and its permissions")
    };
    let out = args.out.as_deref().map(output::resolved);
    let out = out.as_deref();
    if let Some(path) = &args.resume {
        if let Some(out) = out {
            check_apart(out, path)?;
        }
        let (resume, last) = ResumeFile::open(path, &source.config, &output::name(out))?;
        return Output::resume(out, resume, last).map_err(|error| match error {
            ResumeError::Checkpoint(error) => error.into(),
            ResumeError::Output(error) => unwritable(error),
        });
    }
    let document = Document::new(args.format, source.today());
    let output = match out {
        Some(path) => Output::file(document, path),
        None => Output::stdout(document),
    };
    Ok(Resumed::Run(Box::new(output.map_err(unwritable)?), None))
}

/// The resume file is removed at the end, so it must not be the result, nor what the result is made in.
fn check_apart(out: &Path, resume: &Path) -> Result<(), CommandError> {
    // A file that is not there yet is told by its folder and name.
    let real = |path: &Path| {
        std::fs::canonicalize(path).ok().or_else(|| {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
        })
    };
    if [out, &output::part_of(out)].into_iter().any(|path| path == resume || real(path) == real(resume)) {
        return Err(CommandError::usage(
            format!("{} cannot be both output and resume file", resume.display()),
            "name another file with --resume",
        ));
    }
    let other = std::fs::metadata(out).is_ok_and(|metadata| !metadata.is_file());
    if other {
        return Err(CommandError::usage(
            format!("--resume needs a file, and {} is none", out.display()),
            "name a file with --out, or leave --resume out",
        ));
    }
    Ok(())
}

/// What became of the output of an interrupted run.
fn interrupted(args: &Args) -> CommandError {
    CommandError::interrupted(match (&args.resume, &args.out) {
        (Some(_), _) => "run the same command again to go on where it stopped",
        (None, Some(_)) => "nothing was written; with --resume FILE a run can go on where it stopped",
        (None, None) => "the output has no summary line, so it is not whole; with --resume FILE a run can go on",
    })
}

fn finish(sink: Watched, summary: &Summary, format: Format) -> Result<ExitCode, CommandError> {
    let partial = summary.completeness == Completeness::Partial;
    // In the record forms the warnings are records; in the others they would be lost.
    if partial || matches!(format, Format::Csv | Format::Table) {
        sink.warnings.tell();
    }
    sink.output.finish(partial).map_err(|error| CommandError::output(&error))?;
    Ok(exit_code(partial))
}

fn exit_code(partial: bool) -> ExitCode {
    if partial {
        terminal::warning("the collection is partial: who is absent from it may still hold a seat");
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::Warnings;

    #[test]
    fn of_any_number_of_warnings_the_first_are_kept() {
        let mut warnings = Warnings::default();
        (0..Warnings::MOST + 7).for_each(|_| warnings.add(&"ä".repeat(1 << 16)));
        assert_eq!((warnings.first.len(), warnings.more), (Warnings::MOST, 7));
        assert!(warnings.first.iter().all(|warning| warning.chars().count() == Warnings::LONGEST));
    }
}
