//! Where an interrupted collection goes on: a small JSON file, replaced whole after every page.
//!
//! It holds no secret and no person: the cursor, what it belongs to, and how far the output had got.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::contract::Configuration;
use crate::whole_file::WholeFile;

/// Version of the file's form.
const FORMAT: u32 = 1;

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: u32,
    source_key: String,
    settings: String,
    /// How records are written; a file must not change its form in the middle.
    output: String,
    /// The cursor of the next page.
    pub cursor: String,
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
}

impl Checkpoint {
    /// A place to go on from.
    #[must_use]
    pub fn new(config: &Configuration, output: &str, cursor: &str, output_bytes: Option<u64>) -> Self {
        Self {
            format: FORMAT,
            source_key: config.source_key.clone(),
            settings: config.settings.clone(),
            output: output.to_owned(),
            cursor: cursor.to_owned(),
            output_bytes,
        }
    }

    /// Reads the file; none when it does not exist.
    ///
    /// # Errors
    /// [`CheckpointError`], also when it was made for other settings or another form of output.
    pub fn load(path: &Path, config: &Configuration, output: &str) -> Result<Option<Self>, CheckpointError> {
        let unreadable = |why: String| CheckpointError::Unreadable { path: path.to_owned(), why };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let checkpoint: Self = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let other = |what| Err(CheckpointError::Other { path: path.to_owned(), what });
        if checkpoint.format != FORMAT {
            other("version of this program")
        } else if checkpoint.source_key != config.source_key {
            other("source")
        } else if checkpoint.settings != config.settings {
            other("configuration of the source")
        } else if checkpoint.output != output {
            other("output")
        } else {
            Ok(Some(checkpoint))
        }
    }

    /// Replaces the file at once: a reader sees the old or the new one, never half of it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let mut file = WholeFile::create(path)?;
        serde_json::to_writer(file.as_file_mut(), self)?;
        file.as_file_mut().write_all(b"\n")?;
        // Once a page: waiting for the disk each time would cost more than reading the page again after a power cut.
        file.replace()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Checkpoint, CheckpointError};
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
        let path = folder.path().join("state");
        let config_a = config("a", "{}");
        assert_eq!(Checkpoint::load(&path, &config_a, "stdout").unwrap(), None);
        let checkpoint = Checkpoint::new(&config_a, "stdout", "cursor", Some(7));
        checkpoint.save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path, &config_a, "stdout").unwrap(), Some(checkpoint));
        for (config, output) in [(config("b", "{}"), "stdout"), (config("a", "[]"), "stdout"), (config_a, "file")] {
            let error = Checkpoint::load(&path, &config, output).unwrap_err();
            assert!(matches!(error, CheckpointError::Other { .. }), "{error}");
        }
        std::fs::write(&path, "{\"format\":1").unwrap();
        let error = Checkpoint::load(&path, &config("a", "{}"), "stdout").unwrap_err();
        assert!(matches!(error, CheckpointError::Unreadable { .. }), "{error}");
    }
}
