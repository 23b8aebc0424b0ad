//! The store: one SQLite file of a broker, for all its tenants.
//!
//! | part | keeps |
//! | --- | --- |
//! | [`tenants`] | customers, how much of a person is kept for each, and for how long |
//! | [`sources`] | sources on their way, with their sealed credentials |
//! | [`runs`] | each time a source was read: begun, page by page, ended |
//! | `staging` | the pages of a run under way, merged by key as the contract says |
//! | `publish` | a whole run as the new snapshot, in one transaction |
//! | [`prices`] | what a seat costs |
//! | [`audit`] | who did what |
//!
//! Guarantees: readers see the last whole snapshot, or the one before until the new one is whole. A page is applied with
//! its cursor in one transaction, and once. A crash at any point leaves what was committed. Rows of one tenant are never
//! met by a query for another.
//!
//! Refuses a file of a newer version of itself.

pub mod audit;
pub(crate) mod people;
pub mod prices;
mod publish;
pub mod runs;
pub mod sources;
mod staging;
pub mod tenants;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::journey::Refused;

/// Applied in order; a released one is never changed.
const STEPS: &[M<'static>] = &[M::up(include_str!("../schema/0001_initial.sql"))];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// How long a connection waits for another's transaction. Publishing a million rows takes a good part of a minute.
const BUSY: Duration = Duration::from_secs(120);

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened, read or written.
    #[error("the store {}: {why}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// SQLite says no.
    #[error("the store failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// There is nothing of this name.
    #[error("there is no {what} {name}")]
    Unknown {
        /// `tenant`, `source`, `pool`, `person` or `snapshot`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// There is one already.
    #[error("there is a {what} {name} already")]
    Exists {
        /// `tenant` or `source`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A value that cannot be.
    #[error("{what}: {why}")]
    Invalid {
        /// What was given.
        what: &'static str,
        /// Why it does not do.
        why: String,
    },
    /// A step that a source cannot take now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A record that contradicts the others, or the contract.
    #[error("the run delivered what does not fit together: {0}")]
    Incoherent(String),
    /// What was entered has changed meanwhile.
    #[error("source {0} was edited meanwhile")]
    Edited(i64),
    /// The run is not under way any more.
    #[error("run {0} is not under way")]
    NotRunning(i64),
    /// Nothing is kept of what was deleted, but in the log of changes.
    #[error(
        "it is deleted, but a trace may be in the file's log of changes, since somebody reads it; scour the store later"
    )]
    Unscoured,
    /// The operating system has no randomness.
    #[error("no random numbers can be had")]
    Random,
}

/// The store of one broker. Cheap to share behind an `Arc`; one writer at a time, readers beside it.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    writer: Mutex<Connection>,
}

impl Store {
    /// Opens the file, makes it if there is none, and brings it to this version's form.
    ///
    /// # Errors
    /// [`StoreError::Open`], also for a file that a newer version has written.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |why: String| StoreError::Open { path: path.to_owned(), why };
        let mut writer = Connection::open(path).map_err(|error| failed(error.to_string()))?;
        prepare(&writer).map_err(|error| failed(error.to_string()))?;
        MIGRATIONS.to_latest(&mut writer).map_err(|error| match error {
            rusqlite_migration::Error::MigrationDefinition(_) => {
                failed("it was written by a newer version of this program".to_owned())
            }
            error => failed(error.to_string()),
        })?;
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection that only reads, for one query or many. What it reads within one transaction is of one moment.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn reader(&self) -> Result<Connection, StoreError> {
        let failed = |error: rusqlite::Error| StoreError::Open { path: self.path.clone(), why: error.to_string() };
        let reader = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI,
        )
        .map_err(failed)?;
        reader.busy_timeout(BUSY).map_err(failed)?;
        // Pages of a snapshot are read in order; what does not fit stays with the system's own cache.
        reader.execute_batch("PRAGMA mmap_size = 1073741824; PRAGMA cache_size = -65536;").map_err(failed)?;
        Ok(reader)
    }

    /// Writes in one transaction: all of it, or nothing if `act` fails or the process ends.
    pub(crate) fn write<T>(
        &self,
        act: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.lock();
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = act(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic in between has rolled its transaction back.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes from the file what was deleted from the tables: the log of changes is folded in and emptied.
    ///
    /// Deleted rows are overwritten at once (`secure_delete`); a copy may still stand in the log until then.
    ///
    /// # Errors
    /// [`StoreError::Unscoured`] when somebody went on reading what was there before for as long as is waited. What was
    /// deleted stays so; only traces may be left.
    pub fn scour(&self) -> Result<(), StoreError> {
        let busy: bool = self.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy { Err(StoreError::Unscoured) } else { Ok(()) }
    }

    /// Whether the file is sound: its pages, its references, its unique keys.
    ///
    /// # Errors
    /// [`StoreError::Incoherent`] with the first thing found.
    pub fn check(&self) -> Result<(), StoreError> {
        let reader = self.reader()?;
        let word: String = reader.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if word != "ok" {
            return Err(StoreError::Incoherent(word));
        }
        let dangling: Option<String> =
            reader.prepare("PRAGMA foreign_key_check")?.query_map([], |row| row.get(0))?.next().transpose()?;
        match dangling {
            Some(table) => Err(StoreError::Incoherent(format!("{table} names a row that is not there"))),
            None => Ok(()),
        }
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    // NORMAL loses nothing to a crash of the process, and at most the last pages of a run to one of the machine: the run then
    // goes on from an earlier cursor.
    connection.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA cache_size = -65536;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A figure as SQLite keeps it.
fn figure(name: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Invalid { what: name, why: format!("{value} is beyond any count") })
}

#[cfg(test)]
mod file_tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{MIGRATIONS, Store, StoreError};

    #[test]
    fn migrations_are_sound_and_a_newer_file_is_left_alone() {
        MIGRATIONS.validate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.sqlite");
        Store::open(&path).unwrap().check().unwrap();
        let store = Store::open(&path).unwrap();
        store.lock().pragma_update(None, "user_version", 99).unwrap();
        drop(store);
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(&error, StoreError::Open { why, .. } if why.contains("newer version")), "{error}");
    }

    #[test]
    fn what_somebody_still_reads_is_said_not_to_be_scoured() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("broker.sqlite")).unwrap();
        store.lock().busy_timeout(std::time::Duration::from_millis(1)).unwrap();
        let reader = store.reader().unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM tenant;").unwrap();
        store.lock().execute("INSERT INTO audit (at, actor, action) VALUES ('', '', '')", []).unwrap();
        assert!(matches!(store.scour(), Err(StoreError::Unscoured)));
        drop(reader);
        store.scour().unwrap();
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("broker.sqlite")).unwrap();
        assert!(store.reader().unwrap().execute("DELETE FROM tenant", []).is_err());
    }
}
