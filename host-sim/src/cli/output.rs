//! Where a collection is written, so that nobody ever takes half of one for the whole.
//!
//! | where | how |
//! | --- | --- |
//! | a stream (standard output, a pipe, a device), `ndjson` | page by page; the summary line tells that it is whole |
//! | a stream, other forms | to a temporary file first, then at once |
//! | a file | to a temporary file beside it, which takes its name at the end; a link is followed |
//! | a file, with `--resume` | to `FILE.part` beside it, which stays when the run is interrupted |
//!
//! With `--resume`, the checkpoint is written after the page: a page may be written twice by a kill in between, never
//! lost. In a `.part` file the second copy replaces the first, since the checkpoint says how long the file was; a stream
//! has both, and may have a last line without its end.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::document::Document;
use crate::checkpoint::{Checkpoint, CheckpointError, Place, ResumeFile, with_suffix};
use crate::collection::PageSink;
use crate::contract::Batch;
use crate::policy::limits::TooLarge;
use crate::whole_file::WholeFile;

/// Where the records go.
enum Target {
    Stream(Box<dyn Write + Send>),
    Spool { file: File, then: Box<dyn Write + Send> },
    Replace(WholeFile),
    Part { file: File, part: PathBuf, path: PathBuf },
}

impl Target {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stream(out) => out,
            Self::Spool { file, .. } | Self::Part { file, .. } => file,
            Self::Replace(file) => file.as_file_mut(),
        }
    }

    /// A stream takes a document page by page if a part of it is of use.
    fn stream(out: Box<dyn Write + Send>, document: &Document) -> io::Result<Self> {
        Ok(match document {
            Document::Ndjson => Self::Stream(out),
            _ => Self::Spool { file: tempfile::tempfile()?, then: out },
        })
    }
}

/// A document on its way to its place.
pub(super) struct Output {
    target: Target,
    document: Document,
    resume: Option<ResumeFile>,
    /// Pages are put together here, so that each leaves in one write.
    page: Vec<u8>,
    /// The limit `output_bytes`, and what was written, in this run or before in the same file.
    limit: u64,
    written: u64,
}

/// What a resume file leads to.
pub(super) enum Resumed {
    /// A run, from a cursor or from the start.
    Run(Box<Output>, Option<String>),
    /// Nothing: the last run was killed when all but a name was done, and now that is done too.
    Finished {
        /// Whether that run was partial.
        partial: bool,
    },
}

/// Why an output cannot be resumed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResumeError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// How output is called in a checkpoint: two runs with the same name may go on from each other.
pub(super) fn name(file: Option<&Path>) -> String {
    file.map_or_else(
        || "stdout".to_owned(),
        |path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
    )
}

/// The file that holds a resumable output until it is whole.
pub(super) fn part_of(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

/// The file that a link leads to. Any other name stays as it was typed: a checkpoint compares it.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let target = if path.is_symlink() { std::fs::canonicalize(path).ok() } else { None };
    target.unwrap_or_else(|| path.to_owned())
}

impl Output {
    fn new(target: Target, document: Document, resume: Option<ResumeFile>) -> Self {
        Self { target, document, resume, page: Vec::new(), limit: u64::MAX, written: 0 }
    }

    /// The same, with the limit `output_bytes`.
    pub(super) fn within(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// Notes that so many bytes are about to be written.
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.written = self.written.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.written > self.limit { Err(TooLarge::error("output_bytes", self.limit)) } else { Ok(()) }
    }

    /// To standard output.
    pub(super) fn stdout(document: Document) -> io::Result<Self> {
        Ok(Self::new(Target::stream(Box::new(io::stdout()), &document)?, document, None))
    }

    /// To a file, not a link, whole or not at all. A pipe or a device is no file, and is written to as it is.
    pub(super) fn file(document: Document, path: &Path) -> io::Result<Self> {
        let target = match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                let out = OpenOptions::new().write(true).open(path)?;
                Target::stream(Box::new(out), &document)?
            }
            _ => Target::Replace(WholeFile::create(path)?),
        };
        Ok(Self::new(target, document, None))
    }

    /// To standard output or a file, with a checkpoint after each page, going on from where the last run was.
    pub(super) fn resume(
        file: Option<&Path>,
        resume: ResumeFile,
        last: Option<Checkpoint>,
    ) -> Result<Resumed, ResumeError> {
        let place = last.as_ref().map_or(&Place::Start, |last| &last.place);
        let cursor = match place {
            Place::Page { cursor } => Some(cursor.clone()),
            Place::Start | Place::Done { .. } => None,
        };
        let Some(path) = file else {
            let out = Box::new(io::stdout());
            let output = Self::new(Target::Stream(out), Document::Ndjson, Some(resume));
            return Ok(Resumed::Run(Box::new(output), cursor));
        };
        let part = part_of(path);
        let lost = || CheckpointError::PartLost { path: resume.path().to_owned(), part: part.clone() };
        if let Place::Done { partial } = *place {
            match std::fs::rename(&part, path) {
                Err(_) if !path.is_file() => return Err(lost().into()),
                _ => resume.remove()?,
            }
            return Ok(Resumed::Finished { partial });
        }
        let length = last.as_ref().and_then(|last| last.output_bytes).unwrap_or(0);
        match std::fs::metadata(&part) {
            Ok(_) if last.is_none() => return Err(CheckpointError::ForeignPart(part).into()),
            Ok(metadata) if metadata.len() < length => return Err(lost().into()),
            Err(_) if length > 0 => return Err(lost().into()),
            _ => {}
        }
        if last.is_none() {
            // Before the file is made: a kill in between leaves a checkpoint that knows of it.
            resume.note(Place::Start, Some(0))?;
        }
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&part)?;
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        let target = Target::Part { file, part, path: path.to_owned() };
        let output = Self { written: length, ..Self::new(target, Document::Ndjson, Some(resume)) };
        Ok(Resumed::Run(Box::new(output), cursor))
    }

    /// Ends the document and puts it in its place.
    pub(super) fn finish(mut self, partial: bool) -> io::Result<()> {
        self.page.clear();
        self.document.end(&mut self.page)?;
        self.count(self.page.len())?;
        self.target.writer().write_all(&self.page)?;
        self.target.writer().flush()?;
        match self.target {
            Target::Stream(_) => {}
            Target::Spool { mut file, mut then } => {
                file.seek(SeekFrom::Start(0))?;
                io::copy(&mut file, &mut then)?;
                then.flush()?;
            }
            Target::Replace(file) => file.finish()?,
            Target::Part { file, part, path } => {
                file.sync_all()?;
                if let Some(resume) = &self.resume {
                    resume.note(Place::Done { partial }, None)?;
                }
                std::fs::rename(part, path)?;
            }
        }
        self.resume.map_or(Ok(()), ResumeFile::remove)
    }

    /// Gives up, as far as nothing is to be gone on from.
    pub(super) fn let_go(self) {
        if let Some(resume) = self.resume {
            resume.let_go();
        }
    }
}

impl PageSink for Output {
    fn page(&mut self, batch: &Batch) -> io::Result<()> {
        self.page.clear();
        self.document.page(&mut self.page, batch)?;
        self.count(self.page.len())?;
        let out = self.target.writer();
        out.write_all(&self.page)?;
        out.flush()?;
        if let (Some(resume), Some(cursor)) = (&self.resume, &batch.next) {
            let bytes = match &mut self.target {
                Target::Part { file, .. } => Some(file.stream_position()?),
                _ => None,
            };
            resume.note(Place::Page { cursor: cursor.clone() }, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

    use std::path::Path;

    use super::{Output, ResumeError, Resumed, name};
    use crate::checkpoint::{Checkpoint, CheckpointError, Place, ResumeFile};
    use crate::cli::document::{Document, Format};
    use crate::collection::PageSink as _;
    use crate::contract::{Batch, Configuration, Entry, Warning};
    use crate::policy::limits::TooLarge;
    use crate::samples;

    fn config() -> Configuration {
        Configuration {
            source_key: "a".to_owned(),
            display_name: String::new(),
            allowed_origins: vec![],
            help_links: vec![],
            settings: "{}".to_owned(),
        }
    }

    /// A page of one line, which holds `word`.
    fn page(word: &str, next: Option<&str>) -> Batch {
        let warning = Warning { code: word.to_owned(), message: String::new(), scope: None };
        Batch { warnings: vec![warning], next: next.map(str::to_owned), ..samples::batch(vec![]) }
    }

    fn line(word: &str) -> String {
        format!("{{\"type\":\"warning\",\"code\":\"{word}\",\"message\":\"\",\"scope\":null}}\n")
    }

    fn open(resume: &Path, file: &Path) -> (ResumeFile, Option<Checkpoint>) {
        ResumeFile::open(resume, &config(), &name(Some(file))).unwrap()
    }

    fn resumed(resume: &Path, file: &Path) -> Result<(Output, Option<String>), ResumeError> {
        let (resume, last) = open(resume, file);
        match Output::resume(Some(file), resume, last)? {
            Resumed::Run(output, cursor) => Ok((*output, cursor)),
            Resumed::Finished { .. } => panic!("nothing was finished"),
        }
    }

    #[test]
    fn what_was_written_after_the_last_noted_page_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (file, resume) = (folder.path().join("seats"), folder.path().join("place"));
        let part = folder.path().join("seats.part");
        let (mut first, cursor) = resumed(&resume, &file).unwrap();
        assert_eq!(cursor, None);
        first.page(&page("one", Some("after one"))).unwrap();
        drop(first);
        let noted = std::fs::read(&resume).unwrap();
        // As left by a kill: a page whose checkpoint did not come to be, whole or cut.
        for left in [line("two"), line("two").split_at(9).0.to_owned()] {
            std::fs::write(&part, line("one") + &left).unwrap();
            std::fs::write(&resume, &noted).unwrap();
            let (mut second, cursor) = resumed(&resume, &file).unwrap();
            assert_eq!(cursor.as_deref(), Some("after one"));
            second.page(&page("two", None)).unwrap();
            assert!(!file.exists());
            second.finish(false).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), line("one") + &line("two"));
            assert!(!part.exists() && !resume.exists());
            std::fs::remove_file(&file).unwrap();
        }
    }

    /// A disk is shared. What is refused is not written in part, so that a run can go on from the page before, with more.
    #[test]
    fn output_is_limited_to_the_byte_and_goes_on_with_a_higher_limit() {
        let folder = tempfile::tempdir().unwrap();
        let (file, resume) = (folder.path().join("seats"), folder.path().join("place"));
        let part = folder.path().join("seats.part");
        let bytes = u64::try_from(line("one").len()).unwrap();
        let (output, _) = resumed(&resume, &file).unwrap();
        let mut output = output.within(2 * bytes - 1);
        output.page(&page("one", Some("after one"))).unwrap();
        let error = output.page(&page("two", Some("after two"))).unwrap_err();
        assert!(TooLarge::is_why(&error));
        assert_eq!(error.to_string(), format!("it would be larger than the limit output_bytes = {}", 2 * bytes - 1));
        output.let_go();
        assert_eq!(std::fs::read_to_string(&part).unwrap(), line("one"));
        // What an earlier run wrote counts.
        let (output, cursor) = resumed(&resume, &file).unwrap();
        assert_eq!(cursor.as_deref(), Some("after one"));
        let mut output = output.within(2 * bytes);
        output.page(&page("two", Some("after two"))).unwrap();
        assert!(output.page(&page("two", None)).is_err());
        output.let_go();
        let (output, _) = resumed(&resume, &file).unwrap();
        output.within(2 * bytes).finish(false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), line("one") + &line("two"));
        // A document's end counts, too.
        for (limit, is_within) in [(3, true), (2, false)] {
            let document = Document::new(Format::Json, time::macros::date!(2026 - 05 - 01));
            let output = Output::file(document, &folder.path().join("empty")).unwrap();
            assert_eq!(output.within(limit).finish(false).is_ok(), is_within, "{limit}");
        }
    }

    #[test]
    fn a_run_killed_before_its_first_page_starts_anew_in_its_own_part() {
        let folder = tempfile::tempdir().unwrap();
        let (file, resume) = (folder.path().join("seats"), folder.path().join("place"));
        drop(resumed(&resume, &file).unwrap());
        std::fs::write(folder.path().join("seats.part"), "half a page").unwrap();
        let (mut output, cursor) = resumed(&resume, &file).unwrap();
        assert_eq!(cursor, None);
        output.page(&page("one", None)).unwrap();
        output.finish(false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), line("one"));
    }

    #[test]
    fn a_part_that_lost_something_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, resume) = (folder.path().join("seats"), folder.path().join("place"));
        let part = folder.path().join("seats.part");
        let (taken, _) = open(&resume, &file);
        taken.note(Place::Page { cursor: "next".to_owned() }, Some(10)).unwrap();
        drop(taken);
        let lost = || matches!(resumed(&resume, &file), Err(ResumeError::Checkpoint(CheckpointError::PartLost { .. })));
        std::fs::write(&part, [b'x'; 9]).unwrap();
        assert!(lost());
        assert_eq!(std::fs::read(&part).unwrap(), [b'x'; 9], "what is there is kept");
        std::fs::remove_file(&part).unwrap();
        assert!(lost());
        assert!(!part.exists(), "nothing is made in its place");
        std::fs::write(&part, [b'x'; 10]).unwrap();
        assert!(resumed(&resume, &file).is_ok());
    }

    #[test]
    fn a_file_keeps_its_old_content_until_the_new_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seats");
        std::fs::write(&file, "old").unwrap();
        let document = || Document::new(Format::Ndjson, time::macros::date!(2026 - 05 - 01));
        let mut dropped = Output::file(document(), &file).unwrap();
        dropped.page(&samples::batch(vec![Entry::User(samples::user())])).unwrap();
        drop(dropped);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        let mut output = Output::file(document(), &file).unwrap();
        output.page(&page("new", None)).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        output.finish(false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), line("new"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing beside it");
    }
}
