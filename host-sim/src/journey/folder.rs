//! The data folder of a broker.
//!
//! | name | holds |
//! | --- | --- |
//! | `broker.sqlite` | the store |
//! | `host.key` | the key of the sealed credentials, unless another is named |
//! | `plugins/SHA256.wasm` | the components that sources were set up with |
//! | `source-N.lock` | nothing; whoever reads source N has it locked |
//! | `outbox.lock` | nothing; whoever sends alerts has it locked |
//!
//! Guarantees: the folder and all in it are its owner's alone. A source is read by one process at a time, and a killed
//! process holds no lock. A plugin is what it was when it was kept, by its digest.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use broker::store::Store;

use super::JourneyError;
use crate::admission::{self, Digest};
use crate::egress::{KeyError, SealingKey};
use crate::whole_file::WholeFile;

/// A broker's folder.
#[derive(Debug, Clone)]
pub struct DataFolder(PathBuf);

/// Held while a source is read, or alerts are sent; the system lets go of it, however the process ends.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl DataFolder {
    /// Takes the folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`JourneyError::Folder`], also when others have rights on it.
    pub fn open(path: &Path) -> Result<Self, JourneyError> {
        let folder = Self(path.to_owned());
        let unusable = |error: io::Error| folder.unusable(path, &error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let metadata = fs::metadata(path).map_err(unusable)?;
        if metadata.mode() & 0o077 != 0 {
            let why =
                format!("others have rights on it (mode {:04o}), and it holds credentials", metadata.mode() & 0o7777);
            return Err(JourneyError::Folder { path: path.to_owned(), why });
        }
        DirBuilder::new().recursive(true).mode(0o700).create(folder.plugins()).map_err(unusable)?;
        Ok(folder)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The store, brought up to date.
    ///
    /// # Errors
    /// [`JourneyError::Store`].
    pub fn store(&self) -> Result<Store, JourneyError> {
        let path = self.0.join("broker.sqlite");
        // Made here, so that it never exists with other rights than these.
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| self.unusable(&path, &error))?;
        Ok(Store::open(&path)?)
    }

    /// The folder's own key, made if there is none.
    ///
    /// # Errors
    /// [`JourneyError::Key`].
    pub fn key(&self) -> Result<SealingKey, JourneyError> {
        let path = self.0.join("host.key");
        match SealingKey::read(&path) {
            Err(KeyError::File { why, .. }) if why.kind() == io::ErrorKind::NotFound => Ok(SealingKey::create(&path)?),
            key => Ok(key?),
        }
    }

    /// Keeps a component, and gives its digest, by which a source names it.
    ///
    /// # Errors
    /// [`JourneyError::Folder`].
    pub fn keep_plugin(&self, component: &[u8]) -> Result<String, JourneyError> {
        let digest = Digest::of(component).to_string();
        let path = self.plugin_path(&digest);
        if self.plugin(&digest, component.len()).is_err() {
            WholeFile::create_private(&path)
                .and_then(|mut file| {
                    file.as_file_mut().write_all(component)?;
                    file.replace()
                })
                .map_err(|error| self.unusable(&path, &error))?;
        }
        Ok(digest)
    }

    /// The component of this digest, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`JourneyError::Folder`], also when it is not what it was.
    pub fn plugin(&self, digest: &str, limit: usize) -> Result<Vec<u8>, JourneyError> {
        let path = self.plugin_path(digest);
        let bytes = admission::read_file(&path, limit).map_err(|error| self.unusable(&path, &error))?;
        if Digest::of(&bytes).to_string() == digest {
            return Ok(bytes);
        }
        Err(JourneyError::Folder { path, why: "the plugin is not what it was when the source was set up".to_owned() })
    }

    /// Locks a source for reading.
    ///
    /// # Errors
    /// [`JourneyError::InUse`].
    pub fn lock(&self, source_no: i64) -> Result<FileLock, JourneyError> {
        self.lock_file(&format!("source-{source_no}.lock"))?.ok_or(JourneyError::InUse(source_no))
    }

    /// Locks the outbox for sending; none: another process sends.
    ///
    /// # Errors
    /// [`JourneyError::Folder`].
    pub fn lock_outbox(&self) -> Result<Option<FileLock>, JourneyError> {
        self.lock_file("outbox.lock")
    }

    fn lock_file(&self, name: &str) -> Result<Option<FileLock>, JourneyError> {
        let path = self.0.join(name);
        let unusable = |error: io::Error| self.unusable(&path, &error);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    fn plugins(&self) -> PathBuf {
        self.0.join("plugins")
    }

    fn plugin_path(&self, digest: &str) -> PathBuf {
        // A digest out of the store is a name and not a path.
        let name: String = digest.chars().filter(char::is_ascii_alphanumeric).collect();
        self.plugins().join(format!("{name}.wasm"))
    }

    fn unusable(&self, path: &Path, error: &io::Error) -> JourneyError {
        JourneyError::Folder { path: path.to_owned(), why: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::{DataFolder, JourneyError};

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&place.path().join("data")).unwrap();
        (place, folder)
    }

    #[test]
    fn everything_in_it_is_its_owners_alone() {
        let (_place, folder) = folder();
        folder.store().unwrap();
        folder.key().unwrap();
        folder.keep_plugin(b"component").unwrap();
        let _lock = folder.lock(1).unwrap();
        let mut places = vec![folder.path().to_owned()];
        let mut seen = 0;
        while let Some(place) = places.pop() {
            let mode = std::fs::metadata(&place).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} {mode:o}", place.display());
            seen += 1;
            if place.is_dir() {
                places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        assert!(seen >= 6, "{seen}");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o750)).unwrap();
        let error = DataFolder::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("others have rights"), "{error}");
    }

    #[test]
    fn a_source_is_read_by_one_at_a_time() {
        let (_place, folder) = folder();
        let lock = folder.lock(3).unwrap();
        assert!(matches!(folder.lock(3), Err(JourneyError::InUse(3))));
        folder.lock(4).unwrap();
        drop(lock);
        folder.lock(3).unwrap();
    }

    #[test]
    fn one_process_sends_at_a_time() {
        let (_place, folder) = folder();
        let lock = folder.lock_outbox().unwrap();
        assert!(lock.is_some() && folder.lock_outbox().unwrap().is_none());
        drop(lock);
        assert!(folder.lock_outbox().unwrap().is_some());
    }

    #[test]
    fn a_plugin_is_what_it_was() {
        let (_place, folder) = folder();
        let digest = folder.keep_plugin(b"component").unwrap();
        assert_eq!(folder.plugin(&digest, 100).unwrap(), b"component");
        std::fs::write(folder.plugin_path(&digest), b"other").unwrap();
        let error = folder.plugin(&digest, 100).unwrap_err().to_string();
        assert!(error.contains("not what it was"), "{error}");
        assert_eq!(folder.keep_plugin(b"component").unwrap(), digest, "mended");
        assert_eq!(folder.plugin(&digest, 100).unwrap(), b"component");
        assert!(folder.plugin("../../etc/passwd", 100).is_err());
    }

    #[test]
    fn the_key_is_made_once() {
        let (_place, folder) = folder();
        folder.key().unwrap();
        let key = std::fs::read(folder.path().join("host.key")).unwrap();
        folder.key().unwrap();
        assert_eq!(std::fs::read(folder.path().join("host.key")).unwrap(), key);
    }
}
