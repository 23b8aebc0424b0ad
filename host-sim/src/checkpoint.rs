//! Where an interrupted collection goes on: a small JSON file, replaced whole after every page.
//!
//! It holds no secret and no person: the cursor, what it belongs to, and how far the output had got. While a run uses
//! it, a second run on the same file is refused: the two would write over each other.
//!
//! | place | written | the next run |
//! | --- | --- | --- |
//! | `start` | before an output file is made | starts, into the same file |
//! | `page` | after every page but the last | goes on |
//! | `done` | before the output file takes its name | only finishes that |

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::contract::Configuration;
use crate::whole_file::WholeFile;

/// Version of the file's form.
const FORMAT: u32 = 1;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Nothing is read.
    Start,
    /// The next page.
    Page {
        /// Its cursor.
        cursor: String,
    },
    /// All is written.
    Done {
        /// Whether the run was partial.
        partial: bool,
    },
}

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: u32,
    source_key: String,
    settings: String,
    /// Where records are written: two runs with different outputs cannot go on from each other.
    output: String,
    /// Where the run is.
    pub place: Place,
    /// Length of the output file after the last whole page, bytes; none when the output is a stream.
    pub output_bytes: Option<u64>,
}

/// Why a file is no place to go on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Unreadable.
    #[error("the resume file {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Belongs to something else.
    #[error("the resume file {} belongs to another {what}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Another run has it.
    #[error("another run is using the resume file {}", .0.display())]
    InUse(PathBuf),
    /// It cannot be written, or its lock.
    #[error("the resume file {} cannot be written: {why}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// What was written so far is gone or shorter.
    #[error("what the resume file {} goes on from is gone: {}", path.display(), part.display())]
    PartLost {
        /// The resume file.
        path: PathBuf,
        /// The unfinished output.
        part: PathBuf,
    },
    /// There is an unfinished output that no resume file tells of.
    #[error("{} exists, and the resume file does not know of it", .0.display())]
    ForeignPart(PathBuf),
}

/// A resume file in use by this run alone.
#[derive(Debug)]
pub struct ResumeFile {
    path: PathBuf,
    lock_path: PathBuf,
    // Held until the run ends, however it ends: the system lets go of it.
    _lock: File,
    template: Checkpoint,
}

impl ResumeFile {
    /// Takes the file for this run, and reads where the last one was; none when there is no such file.
    ///
    /// # Errors
    /// [`CheckpointError`], also when it was made for other settings or another output.
    pub fn open(
        path: &Path,
        config: &Configuration,
        output: &str,
    ) -> Result<(Self, Option<Checkpoint>), CheckpointError> {
        let lock_path = with_suffix(path, ".lock");
        let lock = lock(path, &lock_path)?;
        let template = Checkpoint {
            format: FORMAT,
            source_key: config.source_key.clone(),
            settings: config.settings.clone(),
            output: output.to_owned(),
            place: Place::Start,
            output_bytes: None,
        };
        let file = Self { path: path.to_owned(), lock_path, _lock: lock, template };
        match file.load() {
            Ok(checkpoint) => Ok((file, checkpoint)),
            Err(error) => {
                file.let_go();
                Err(error)
            }
        }
    }

    fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let unreadable = |why: String| CheckpointError::Unreadable { path: self.path.clone(), why };
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let checkpoint: Checkpoint = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let other = |what| Err(CheckpointError::Other { path: self.path.clone(), what });
        let ours = &self.template;
        if checkpoint.format != ours.format {
            other("version of this program")
        } else if checkpoint.source_key != ours.source_key {
            other("source")
        } else if checkpoint.settings != ours.settings {
            other("configuration of the source")
        } else if checkpoint.output != ours.output {
            other("output")
        } else {
            Ok(Some(checkpoint))
        }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file at once: a reader sees the old or the new one, never half of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn note(&self, place: Place, output_bytes: Option<u64>) -> io::Result<()> {
        let checkpoint = Checkpoint { place, output_bytes, ..self.template.clone() };
        let mut file = WholeFile::create(&self.path)?;
        serde_json::to_writer(file.as_file_mut(), &checkpoint)?;
        file.as_file_mut().write_all(b"\n")?;
        // Once a page: waiting for the disk each time would cost more than reading the page again after a power cut.
        file.replace()
    }

    /// Removes the file: the run has ended.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn remove(self) -> io::Result<()> {
        let removed = match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        self.let_go();
        removed
    }

    /// Removes the lock's file, which nobody needs any more. The lock itself is the system's.
    pub fn let_go(self) {
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// `path` with `suffix` at its end.
#[must_use]
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Locks a file of its own, since the resume file itself is replaced after every page.
fn lock(path: &Path, lock_path: &Path) -> Result<File, CheckpointError> {
    let unwritable = |why| CheckpointError::Unwritable { path: path.to_owned(), why };
    loop {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path).map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) if is_still(lock_path, &file) => return Ok(file),
            // The run before has ended and removed it in between: take the new one.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(CheckpointError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(unwritable(error)),
        }
    }
}

/// Whether `path` still names the open `file`.
fn is_still(path: &Path, file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        std::fs::metadata(path).ok().map(identity) == file.metadata().ok().map(identity)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{CheckpointError, Place, ResumeFile};
    use crate::contract::Configuration;

    fn config(key: &str, settings: &str) -> Configuration {
        Configuration {
            source_key: key.to_owned(),
            display_name: String::new(),
            allowed_origins: vec![],
            help_links: vec![],
            settings: settings.to_owned(),
        }
    }

    #[test]
    fn goes_on_only_where_it_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("place");
        let config_a = config("a", "{}");
        let (file, nothing) = ResumeFile::open(&path, &config_a, "stdout").unwrap();
        assert_eq!(nothing, None);
        let page = Place::Page { cursor: "c".to_owned() };
        file.note(page.clone(), Some(7)).unwrap();
        drop(file);
        let (file, found) = ResumeFile::open(&path, &config_a, "stdout").unwrap();
        let found = found.unwrap();
        assert_eq!((found.place, found.output_bytes), (page, Some(7)));
        file.let_go();
        for (config, output) in [(config("b", "{}"), "stdout"), (config("a", "[]"), "stdout"), (config_a, "file")] {
            let error = ResumeFile::open(&path, &config, output).unwrap_err();
            assert!(matches!(error, CheckpointError::Other { .. }), "{error}");
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let newer = text.replace("\"format\":1", "\"format\":2");
        assert_ne!(newer, text);
        std::fs::write(&path, newer).unwrap();
        let error = ResumeFile::open(&path, &config("a", "{}"), "stdout").unwrap_err();
        assert!(error.to_string().ends_with("belongs to another version of this program"), "{error}");
        std::fs::write(&path, "{\"format\":1").unwrap();
        let error = ResumeFile::open(&path, &config("a", "{}"), "stdout").unwrap_err();
        assert!(matches!(error, CheckpointError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn is_one_runs_at_a_time_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("place");
        let open = || ResumeFile::open(&path, &config("a", "{}"), "stdout");
        let (first, _) = open().unwrap();
        first.note(Place::Start, None).unwrap();
        assert!(matches!(open().unwrap_err(), CheckpointError::InUse(_)));
        first.remove().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // A killed run leaves the lock's file, but not the lock.
        std::fs::write(folder.path().join("place.lock"), "").unwrap();
        open().unwrap();
    }

    #[test]
    fn who_has_the_old_file_open_keeps_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (path, reader) = (folder.path().join("place"), folder.path().join("reader"));
        let (file, _) = ResumeFile::open(&path, &config("a", "{}"), "stdout").unwrap();
        file.note(Place::Page { cursor: "old".to_owned() }, None).unwrap();
        // A second name of the same file is what a reader in the middle of it has.
        std::fs::hard_link(&path, &reader).unwrap();
        file.note(Place::Page { cursor: "new".to_owned() }, None).unwrap();
        assert!(std::fs::read_to_string(&reader).unwrap().contains("old"));
        assert!(std::fs::read_to_string(&path).unwrap().contains("new"));
    }
}
