//! `collect`: everything once.

use std::path::PathBuf;
use std::process::ExitCode;

use time::OffsetDateTime;

use super::document::{Document, Format};
use super::error::CommandError;
use super::output::{self, Output};
use super::source::{Source, SourceArgs};
use super::terminal::{self, ProgressLine};
use crate::bill::Bill;
use crate::checkpoint::Checkpoint;
use crate::collection::{CollectionError, PageSink};
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
    /// Keep the place in this file, and go on from there if the last run was interrupted
    #[arg(long, value_name = "FILE")]
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
    output: Output,
    warnings: Vec<String>,
}

impl PageSink for Watched {
    fn page(&mut self, batch: &Batch) -> std::io::Result<()> {
        self.output.page(batch)?;
        self.warnings.extend(batch.warnings.iter().map(|warning| warning.message.clone()));
        Ok(())
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
    let source = Source::prepare(&args.source.plugin_bytes()?, entered).await?;
    let (output, from) = open(&args, &source)?;
    let mut sink = Watched { output, warnings: Vec::new() };
    let mut bill = Bill::default();
    let outcome = {
        let mut progress = ProgressLine::start();
        tokio::select! {
            outcome = source.collection().run(from, &mut sink, &mut progress, &mut bill) => outcome.map_err(CommandError::from),
            () = interrupted() => Err(CommandError::failed("interrupted", "")),
        }
    };
    if args.bill {
        let text = if args.json { format!("{}", serde_json::json!(bill)) } else { bill.to_text(&source.limits) };
        text.lines().for_each(terminal::note);
    }
    let summary = outcome.map_err(|error| explain(error, &args).map_words(|words| source.redact(words)))?;
    finish(sink, &summary, args.format)
}

fn open(args: &Args, source: &Source) -> Result<(Output, Option<String>), CommandError> {
    let unwritable = |error: std::io::Error| {
        let place = args.out.as_ref().map_or_else(|| "the output".to_owned(), |path| path.display().to_string());
        CommandError::usage(format!("{place} cannot be written: {error}"), "check the folder and its permissions")
    };
    let out = args.out.as_deref();
    if let Some(resume) = &args.resume {
        let from = Checkpoint::load(resume, &source.config, &output::name(out))?;
        let output = Output::resumable(out, resume, &source.config, from.as_ref()).map_err(unwritable)?;
        return Ok((output, from.map(|checkpoint| checkpoint.cursor)));
    }
    let document = Document::new(args.format, OffsetDateTime::now_utc().date());
    let output = match out {
        Some(path) => Output::file(document, path),
        None => Output::stdout(document),
    };
    Ok((output.map_err(unwritable)?, None))
}

/// Ends at Ctrl-C and at SIGTERM.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Adds to an error what became of the output.
fn explain(error: CommandError, args: &Args) -> CommandError {
    if error != CommandError::failed("interrupted", "") {
        return error;
    }
    error.with_hint(match (&args.resume, &args.out) {
        (Some(_), _) => "run the same command again to go on where it stopped",
        (None, Some(_)) => "nothing was written; with --resume FILE a run can go on where it stopped",
        (None, None) => "the output has no summary line, so it is not whole; with --resume FILE a run can go on",
    })
}

fn finish(sink: Watched, summary: &Summary, format: Format) -> Result<ExitCode, CommandError> {
    let partial = summary.completeness == Completeness::Partial;
    // In the record forms the warnings are records; in the others they would be lost.
    if partial || matches!(format, Format::Csv | Format::Table) {
        sink.warnings.iter().for_each(|warning| terminal::warning(warning));
    }
    sink.output.finish().map_err(CollectionError::Output)?;
    if partial {
        terminal::warning("the collection is partial: who is absent from it may still hold a seat");
        return Ok(ExitCode::from(3));
    }
    Ok(ExitCode::SUCCESS)
}
