//! A file that appears whole or not at all.
//!
//! Written beside its place under a temporary name, which it leaves by one rename. Dropped before that, it is gone.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file on its way to its name.
#[derive(Debug)]
pub struct WholeFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl WholeFile {
    /// Starts a file that will be `path`.
    ///
    /// # Errors
    /// When its folder does not exist or cannot be written, or `path` is a folder.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::start(path, false)
    }

    fn start(path: &Path, private: bool) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // From the first moment: whoever opens a file keeps it open, whatever its permissions are later.
            builder.permissions(if private {
                std::fs::Permissions::from_mode(0o600)
            } else {
                // As the file that it replaces; else what any new file gets, less the umask.
                let old = std::fs::metadata(path).map(|metadata| metadata.permissions());
                old.unwrap_or_else(|_| std::fs::Permissions::from_mode(0o666))
            });
        }
        Ok(Self { file: builder.tempfile_in(folder)?, path: path.to_owned() })
    }

    /// The same for a file that is its owner's alone, whatever it replaces.
    ///
    /// # Errors
    /// As [`WholeFile::create`].
    pub fn create_private(path: &Path) -> io::Result<Self> {
        Self::start(path, true)
    }

    /// The file as it is so far.
    pub fn as_file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Gives the file its name, in place of what had it.
    ///
    /// # Errors
    /// When it cannot be written out or renamed; what had the name then still has it.
    pub fn finish(self) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        self.replace()
    }

    /// The same without waiting for the disk: whole after a kill of the process, perhaps not after a power cut.
    ///
    /// # Errors
    /// As [`WholeFile::finish`].
    pub fn replace(self) -> io::Result<()> {
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::io::Write as _;

    use super::WholeFile;

    #[test]
    fn appears_only_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        std::fs::write(&path, "old").unwrap();
        let mut given_up = WholeFile::create(&path).unwrap();
        given_up.as_file_mut().write_all(b"half").unwrap();
        drop(given_up);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let mut file = WholeFile::create(&path).unwrap();
        file.as_file_mut().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Somebody looks all the time: nobody else could have opened one of the files for a moment.
    #[cfg(unix)]
    #[test]
    fn a_private_file_was_never_anybody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        use std::sync::atomic::{AtomicBool, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let done = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut seen = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let entries = std::fs::read_dir(folder.path()).unwrap().flatten();
                    let files = entries.filter(|entry| entry.path() != path);
                    seen.extend(files.filter_map(|entry| Some(entry.metadata().ok()?.permissions().mode() & 0o777)));
                }
                seen
            });
            for _ in 0..5_000 {
                drop(WholeFile::create_private(&path).unwrap());
            }
            done.store(true, Ordering::Relaxed);
            watcher.join().unwrap()
        });
        assert!(seen.iter().all(|mode| *mode == 0o600), "{:?}", seen.iter().find(|mode| **mode != 0o600));
        WholeFile::create_private(&path).unwrap().finish().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(WholeFile::create(folder.path()).is_err());
    }
}
