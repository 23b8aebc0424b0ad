//! Where a collection is written, so that nobody ever sees half of one unawares.
//!
//! | where | how |
//! | --- | --- |
//! | standard output, `ndjson` | page by page; the summary line tells that it is whole |
//! | standard output, other forms | to a temporary file first, then at once |
//! | a file | to a temporary file beside it, which takes its name at the end |
//! | a file, with `--resume` | to `FILE.part` beside it, which stays when the run is interrupted |
//!
//! With `--resume`, the checkpoint is written after the page: a page may be written twice by a kill in between, never
//! lost. In a `.part` file the second copy replaces the first, since the checkpoint says how long the file was.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::document::Document;
use crate::checkpoint::Checkpoint;
use crate::collection::PageSink;
use crate::contract::{Batch, Configuration};
use crate::whole_file::WholeFile;

/// Where the records go.
enum Place {
    Stream(io::Stdout),
    Spool(File),
    Replace(WholeFile),
    Part { file: File, part: PathBuf, path: PathBuf },
}

impl Place {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Stream(out) => out,
            Self::Spool(file) | Self::Part { file, .. } => file,
            Self::Replace(file) => file.as_file_mut(),
        }
    }
}

/// The checkpoint of a run.
struct Resume {
    path: PathBuf,
    config: Configuration,
    output: String,
}

/// A document on its way to its place.
pub(super) struct Output {
    place: Place,
    document: Document,
    resume: Option<Resume>,
    /// Pages are put together here, so that each leaves in one write.
    page: Vec<u8>,
}

/// How output is called in a checkpoint: two runs with the same name may go on from each other.
pub(super) fn name(file: Option<&Path>) -> String {
    file.map_or_else(
        || "stdout".to_owned(),
        |path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
    )
}

impl Output {
    /// To standard output: as a stream if a part of the document is of use, else at once at the end.
    pub(super) fn stdout(document: Document) -> io::Result<Self> {
        let place = match document {
            Document::Ndjson => Place::Stream(io::stdout()),
            _ => Place::Spool(tempfile::tempfile()?),
        };
        Ok(Self { place, document, resume: None, page: Vec::new() })
    }

    /// To a file, whole or not at all.
    pub(super) fn file(document: Document, path: &Path) -> io::Result<Self> {
        Ok(Self { place: Place::Replace(WholeFile::create(path)?), document, resume: None, page: Vec::new() })
    }

    /// To standard output or a file, with a checkpoint after each page. `from` is the checkpoint to go on from.
    pub(super) fn resumable(
        file: Option<&Path>,
        resume: &Path,
        config: &Configuration,
        from: Option<&Checkpoint>,
    ) -> io::Result<Self> {
        let place = match file {
            None => Place::Stream(io::stdout()),
            Some(path) => {
                let part = part_of(path);
                let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&part)?;
                let length = from.and_then(|checkpoint| checkpoint.output_bytes).unwrap_or(0);
                if file.metadata()?.len() < length {
                    let message = format!("{} is shorter than the resume file says", part.display());
                    return Err(io::Error::other(message));
                }
                file.set_len(length)?;
                file.seek(SeekFrom::End(0))?;
                Place::Part { file, part, path: path.to_owned() }
            }
        };
        let resume = Resume { path: resume.to_owned(), config: config.clone(), output: name(file) };
        Ok(Self { place, document: Document::Ndjson, resume: Some(resume), page: Vec::new() })
    }

    /// Ends the document and puts it in its place.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.document.end(self.place.writer())?;
        self.place.writer().flush()?;
        match self.place {
            Place::Stream(_) => {}
            Place::Spool(mut file) => {
                file.seek(SeekFrom::Start(0))?;
                let mut out = io::stdout().lock();
                io::copy(&mut file, &mut out)?;
                out.flush()?;
            }
            Place::Replace(file) => file.finish()?,
            Place::Part { file, part, path } => {
                file.sync_all()?;
                std::fs::rename(part, path)?;
            }
        }
        if let Some(resume) = self.resume {
            match std::fs::remove_file(resume.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

impl PageSink for Output {
    fn page(&mut self, batch: &Batch) -> io::Result<()> {
        self.page.clear();
        self.document.page(&mut self.page, batch)?;
        let out = self.place.writer();
        out.write_all(&self.page)?;
        out.flush()?;
        if let (Some(resume), Some(cursor)) = (&self.resume, &batch.next) {
            let bytes = match &mut self.place {
                Place::Part { file, .. } => Some(file.stream_position()?),
                _ => None,
            };
            Checkpoint::new(&resume.config, &resume.output, cursor, bytes).save(&resume.path)?;
        }
        Ok(())
    }
}
