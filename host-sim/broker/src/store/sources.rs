//! Sources on their way from what was entered to what is read.
//!
//! Every step is one transaction, checked by [`crate::journey`] and noted in the log. *Merge*: when an approved source of
//! the tenant has the key of the one that is approved, it takes over what was entered and the credential, and keeps its
//! history; the newcomer is gone.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;
use time::OffsetDateTime;

use super::audit::{self, Act};
use super::{Store, StoreError, tenants};
use crate::calendar::instant_text;
use crate::journey::{State, Step};

/// Shortest time between two runs of one source, seconds. A vendor's counts change daily.
pub const SHORTEST_INTERVAL_S: u32 = 15 * 60;

/// The usual one, seconds.
pub const USUAL_INTERVAL_S: u32 = 24 * 60 * 60;

/// What an administrator enters, as the plugin has understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered<'a> {
    /// The plugin's stable identity of the source.
    pub source_key: &'a str,
    /// Name for people; the "server" of Allocation.
    pub display_name: &'a str,
    /// Who sells what is read.
    pub vendor: &'a str,
    /// How the host finds the plugin. Opaque here.
    pub plugin: &'a str,
    /// What was entered, as JSON for the host. Never a secret.
    pub entered: &'a str,
    /// What the plugin made of it, as JSON for the host. Never a secret.
    pub configuration: &'a str,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its number, by which commands name it.
    pub source_no: i64,
    /// Key of its tenant.
    #[serde(skip)]
    pub tenant_no: i64,
    /// Its tenant.
    pub tenant: String,
    /// Where it is on its way.
    #[serde(serialize_with = "by_name")]
    pub state: State,
    /// Whether it is not read for the time being.
    pub paused: bool,
    /// The plugin's stable identity of it.
    pub source_key: String,
    /// Name for people.
    pub display_name: String,
    /// Who sells what is read.
    pub vendor: String,
    /// How the host finds the plugin.
    pub plugin: String,
    /// What was entered, as JSON.
    #[serde(skip)]
    pub entered: String,
    /// What the plugin made of it, as JSON.
    #[serde(skip)]
    pub configuration: String,
    /// When it was tested last, RFC 3339.
    pub tested_at: Option<String>,
    /// What the last test said, as JSON.
    #[serde(skip)]
    pub report: Option<String>,
    /// Why it is not green.
    pub trouble: Option<String>,
    /// Seconds between two runs.
    pub interval_s: u32,
    /// When the next run is due, RFC 3339.
    pub next_run_at: Option<String>,
    /// Counts what was entered anew.
    pub revision: i64,
    /// Whether somebody asked for that run.
    pub asked: bool,
    /// Runs that were asked for so far.
    #[serde(skip)]
    pub requests: i64,
    /// The service said not to ask before, RFC 3339.
    pub not_before: Option<String>,
    /// When it was added, RFC 3339.
    pub created_at: String,
    /// Failed runs since the last good one.
    pub failures: u32,
    /// The snapshot that everybody sees, by the number of its run.
    pub snapshot_run: Option<i64>,
    /// The day of that snapshot.
    pub snapshot_on: Option<String>,
}

fn by_name<S: serde::Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.name())
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approved {
    /// It is a source of its own.
    New,
    /// It was merged into this one.
    Merged {
        /// The one that stays.
        into: i64,
    },
}

const SELECT: &str = "SELECT s.source_no, s.tenant_no, t.name, s.state, s.paused, s.source_key, s.display_name, s.vendor, s.plugin,
     s.entered, s.configuration, s.tested_at, s.report, s.trouble, s.interval_s, s.next_run_at, s.failures, s.snapshot_run,
     r.taken_on, s.asked > s.answered, s.created_at, s.revision, s.asked, s.not_before
     FROM source s JOIN tenant t USING (tenant_no) LEFT JOIN run r ON r.run_no = s.snapshot_run";

fn source_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Source> {
    let state: String = row.get(3)?;
    Ok(Source {
        source_no: row.get(0)?,
        tenant_no: row.get(1)?,
        tenant: row.get(2)?,
        state: State::named(&state).unwrap_or(State::Problem),
        paused: row.get(4)?,
        source_key: row.get(5)?,
        display_name: row.get(6)?,
        vendor: row.get(7)?,
        plugin: row.get(8)?,
        entered: row.get(9)?,
        configuration: row.get(10)?,
        tested_at: row.get(11)?,
        report: row.get(12)?,
        trouble: row.get(13)?,
        interval_s: row.get(14)?,
        next_run_at: row.get(15)?,
        failures: row.get(16)?,
        snapshot_run: row.get(17)?,
        snapshot_on: row.get(18)?,
        asked: row.get(19)?,
        created_at: row.get(20)?,
        revision: row.get(21)?,
        requests: row.get(22)?,
        not_before: row.get(23)?,
    })
}

/// The source of this number, if it is the tenant's.
pub(crate) fn by_no(connection: &Connection, tenant: &str, source_no: i64) -> Result<Source, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE s.source_no = ?1 AND t.name = ?2"))?
        .query_row(params![source_no, tenant], source_of)
        .optional()?
        .ok_or_else(|| StoreError::Unknown { what: "source", name: format!("{source_no} of the tenant {tenant}") })
}

impl Store {
    /// Adds a source, with its sealed credential. Nothing is read yet.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn add_source(
        &self,
        act: Act<'_>,
        tenant: &str,
        entered: &Entered<'_>,
        sealed: &str,
    ) -> Result<Source, StoreError> {
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            transaction.execute(
                "INSERT INTO source (tenant_no, state, source_key, display_name, vendor, plugin, entered, configuration,
                 created_at) VALUES (?1, 'configured', ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    tenant_no,
                    entered.source_key,
                    entered.display_name,
                    entered.vendor,
                    entered.plugin,
                    entered.entered,
                    entered.configuration,
                    instant_text(act.now)
                ],
            )?;
            let source_no = transaction.last_insert_rowid();
            seal(transaction, act, source_no, sealed)?;
            audit::note(transaction, act, Some(tenant), Some(entered.display_name), "add-source", None)?;
            by_no(transaction, tenant, source_no)
        })
    }

    /// The tenant's sources, or all, by tenant and number.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn sources(&self, tenant: Option<&str>) -> Result<Vec<Source>, StoreError> {
        let reader = self.reader()?;
        if let Some(tenant) = tenant {
            tenants::by_name(&reader, tenant)?;
        }
        let mut statement =
            reader.prepare(&format!("{SELECT} WHERE ?1 IS NULL OR t.name = ?1 ORDER BY t.name, s.source_no"))?;
        Ok(statement.query_map([tenant], source_of)?.collect::<Result<_, _>>()?)
    }

    /// One source of the tenant.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn source(&self, tenant: &str, source_no: i64) -> Result<Source, StoreError> {
        by_no(&self.reader()?, tenant, source_no)
    }

    /// The sealed credential of a source of the tenant.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn credential(&self, tenant: &str, source_no: i64) -> Result<String, StoreError> {
        let reader = self.reader()?;
        by_no(&reader, tenant, source_no)?;
        reader
            .query_row("SELECT sealed FROM credential WHERE source_no = ?1", [source_no], |row| row.get(0))
            .optional()?
            .ok_or_else(|| StoreError::Unknown { what: "credential of source", name: source_no.to_string() })
    }

    /// Takes what was entered anew, the credential, or both. A source that is not yet approved is to be tested again; one
    /// that is goes on with it, and may not become another source that way.
    ///
    /// # Errors
    /// [`StoreError::Refused`], [`StoreError::Invalid`] when an approved source would get another key.
    pub fn edit_source(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: i64,
        entered: Option<&Entered<'_>>,
        sealed: Option<&str>,
    ) -> Result<Source, StoreError> {
        self.step(act, tenant, source_no, Step::Edit, |transaction, source| {
            if let Some(entered) = entered {
                if source.state.is_approved() && entered.source_key != source.source_key {
                    return Err(StoreError::Invalid {
                        what: "the address",
                        why: format!("it is another source ({}); add that one instead", entered.source_key),
                    });
                }
                take(transaction, source_no, entered)?;
            }
            if let Some(sealed) = sealed {
                seal(transaction, act, source_no, sealed)?;
            }
            if source.state.is_approved() {
                // Whatever was wrong may be mended by it.
                ask(transaction, source_no, act)?;
            }
            transaction.execute("UPDATE source SET revision = revision + 1 WHERE source_no = ?1", [source_no])?;
            Ok("edit-source")
        })
    }

    /// Notes a test of the source as it is now, which has passed or not. Only one that passed leads on.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn note_test(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: i64,
        report: &str,
        passed: bool,
    ) -> Result<Source, StoreError> {
        let source = self.source(tenant, source_no)?;
        self.note_test_of(act, &source, report, passed)
    }

    /// Notes a test of the source as it was when the test began: what was entered anew since is not what was tested.
    ///
    /// # Errors
    /// [`StoreError::Refused`]; [`StoreError::Edited`].
    pub fn note_test_of(
        &self,
        act: Act<'_>,
        tested: &Source,
        report: &str,
        passed: bool,
    ) -> Result<Source, StoreError> {
        let (tenant, source_no) = (tested.tenant.as_str(), tested.source_no);
        self.step(act, tenant, source_no, if passed { Step::Test } else { Step::Edit }, |transaction, source| {
            if source.revision != tested.revision {
                return Err(StoreError::Edited(source_no));
            }
            transaction.execute(
                "UPDATE source SET report = ?2, tested_at = ?3 WHERE source_no = ?1",
                params![source_no, report, instant_text(act.now)],
            )?;
            Ok(if passed { "test-passed" } else { "test-failed" })
        })
    }

    /// Saves a tested source and tells the platform, where it then is a pending server.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it was not tested since the last edit.
    pub fn save_source(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<Source, StoreError> {
        self.step(act, tenant, source_no, Step::Save, |_, _| Ok("save-source"))?;
        let broker = Act { actor: "broker", ..act };
        self.step(broker, tenant, source_no, Step::Announce, |_, _| Ok("announce-source"))
    }

    /// Tells the platform of sources that were saved and not announced, as after a crash in between.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn announce_saved(&self, act: Act<'_>) -> Result<(), StoreError> {
        for source in self.sources(None)?.iter().filter(|source| source.state == State::Saved) {
            self.step(act, &source.tenant, source.source_no, Step::Announce, |_, _| Ok("announce-source"))?;
        }
        Ok(())
    }

    /// Approve and Merge: the source may be read from now on, and its first run is due at once.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn approve_source(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<(Source, Approved), StoreError> {
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            let state = source.state.after(Step::Approve)?;
            let now = instant_text(act.now);
            let same: Option<i64> = transaction
                .query_row(
                    "SELECT source_no FROM source WHERE tenant_no = ?1 AND source_key = ?2
                     AND state IN ('active', 'problem', 'unreachable')",
                    params![source.tenant_no, source.source_key],
                    |row| row.get(0),
                )
                .optional()?;
            let name = Some(source.display_name.as_str());
            let Some(into) = same else {
                set_state(transaction, source_no, state)?;
                transaction
                    .execute("UPDATE source SET next_run_at = ?2 WHERE source_no = ?1", params![source_no, now])?;
                audit::note(transaction, act, Some(tenant), name, "approve-source", None)?;
                return Ok((by_no(transaction, tenant, source_no)?, Approved::New));
            };
            transaction.execute(
                "UPDATE credential SET (sealed, sealed_at) =
                 (SELECT sealed, sealed_at FROM credential WHERE source_no = ?1) WHERE source_no = ?2",
                params![source_no, into],
            )?;
            transaction.execute(
                "UPDATE source SET (display_name, vendor, plugin, entered, configuration, report, tested_at) =
                 (SELECT display_name, vendor, plugin, entered, configuration, report, tested_at FROM source
                  WHERE source_no = ?1), revision = revision + 1 WHERE source_no = ?2",
                params![source_no, into],
            )?;
            ask(transaction, into, act)?;
            transaction.execute("DELETE FROM source WHERE source_no = ?1", [source_no])?;
            let detail = format!("{source_no} into {into}");
            audit::note(transaction, act, Some(tenant), name, "merge-source", Some(&detail))?;
            Ok((by_no(transaction, tenant, into)?, Approved::Merged { into }))
        })
    }

    /// Rejects a pending source. Its credential is forgotten.
    ///
    /// # Errors
    /// [`StoreError::Refused`].
    pub fn reject_source(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<Source, StoreError> {
        self.step(act, tenant, source_no, Step::Reject, |transaction, _| {
            transaction.execute("DELETE FROM credential WHERE source_no = ?1", [source_no])?;
            Ok("reject-source")
        })
    }

    /// Stops reading an approved source, or goes on. What it said before stays.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when it is not approved.
    pub fn pause_source(&self, act: Act<'_>, tenant: &str, source_no: i64, paused: bool) -> Result<Source, StoreError> {
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            if !source.state.is_approved() {
                let why = format!("it is {}, and not read yet", source.state);
                return Err(StoreError::Invalid { what: "the source", why });
            }
            transaction.execute(
                "UPDATE source SET paused = ?2, next_run_at = NULL WHERE source_no = ?1",
                params![source_no, paused],
            )?;
            if !paused {
                ask(transaction, source_no, act)?;
            }
            let action = if paused { "pause-source" } else { "resume-source" };
            audit::note(transaction, act, Some(tenant), Some(&source.display_name), action, None)?;
            by_no(transaction, tenant, source_no)
        })
    }

    /// Sets how often a source is read, seconds.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] under [`SHORTEST_INTERVAL_S`].
    pub fn set_interval(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: i64,
        interval_s: u32,
    ) -> Result<Source, StoreError> {
        if interval_s < SHORTEST_INTERVAL_S {
            let why = format!("at least {SHORTEST_INTERVAL_S} s lie between two runs");
            return Err(StoreError::Invalid { what: "the interval", why });
        }
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            transaction
                .execute("UPDATE source SET interval_s = ?2 WHERE source_no = ?1", params![source_no, interval_s])?;
            let detail = format!("{interval_s} s");
            audit::note(transaction, act, Some(tenant), Some(&source.display_name), "set-interval", Some(&detail))?;
            by_no(transaction, tenant, source_no)
        })
    }

    /// Asks for a run as soon as may be.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the source is not approved or paused.
    pub fn run_now(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<Source, StoreError> {
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            if !source.state.is_approved() || source.paused {
                let state = if source.paused { "paused" } else { source.state.name() };
                return Err(StoreError::Invalid { what: "the source", why: format!("it is {state}, and is not read") });
            }
            ask(transaction, source_no, act)?;
            audit::note(transaction, act, Some(tenant), Some(&source.display_name), "run-now", None)?;
            by_no(transaction, tenant, source_no)
        })
    }

    /// Removes a source with its credential and all that it ever said, and scours the file.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn remove_source(&self, act: Act<'_>, tenant: &str, source_no: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            transaction.execute("DELETE FROM source WHERE source_no = ?1", [source_no])?;
            audit::note(transaction, act, Some(tenant), Some(&source.display_name), "remove-source", None)
        })?;
        self.scour()
    }

    /// One arrow of the journey, with what else it changes; `act` names the action for the log.
    fn step(
        &self,
        by: Act<'_>,
        tenant: &str,
        source_no: i64,
        step: Step,
        act: impl FnOnce(&Transaction<'_>, &Source) -> Result<&'static str, StoreError>,
    ) -> Result<Source, StoreError> {
        self.write(|transaction| {
            let source = by_no(transaction, tenant, source_no)?;
            let state = source.state.after(step)?;
            let action = act(transaction, &source)?;
            set_state(transaction, source_no, state)?;
            audit::note(transaction, by, Some(tenant), Some(&source.display_name), action, None)?;
            by_no(transaction, tenant, source_no)
        })
    }
}

fn set_state(transaction: &Transaction<'_>, source_no: i64, state: State) -> Result<(), StoreError> {
    transaction.execute("UPDATE source SET state = ?2 WHERE source_no = ?1", params![source_no, state.name()])?;
    Ok(())
}

fn take(transaction: &Transaction<'_>, source_no: i64, entered: &Entered<'_>) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE source SET source_key = ?2, display_name = ?3, vendor = ?4, plugin = ?5, entered = ?6, configuration = ?7
         WHERE source_no = ?1",
        params![
            source_no,
            entered.source_key,
            entered.display_name,
            entered.vendor,
            entered.plugin,
            entered.entered,
            entered.configuration
        ],
    )?;
    Ok(())
}

fn seal(transaction: &Transaction<'_>, act: Act<'_>, source_no: i64, sealed: &str) -> Result<(), StoreError> {
    transaction.execute(
        "INSERT INTO credential (source_no, sealed, sealed_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (source_no) DO UPDATE SET sealed = excluded.sealed, sealed_at = excluded.sealed_at",
        params![source_no, sealed, instant_text(act.now)],
    )?;
    Ok(())
}

/// Asks for a run as soon as may be; what is under way does not answer it.
fn ask(transaction: &Transaction<'_>, source_no: i64, act: Act<'_>) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE source SET asked = asked + 1, next_run_at = ?2 WHERE source_no = ?1 AND paused = 0",
        params![source_no, instant_text(act.now)],
    )?;
    Ok(())
}

/// Approved and not paused, and due at `now`; the longest overdue first. A time further away than any that is ever set was
/// set by a clock that was wrong, or before the interval was shortened.
const DUE: &str = "WHERE s.paused = 0 AND s.state IN ('active', 'problem', 'unreachable')
     AND (s.not_before IS NULL OR s.not_before <= ?1)
     AND (s.next_run_at <= ?1
          OR s.next_run_at > strftime('%Y-%m-%dT%H:%M:%SZ', ?1, '+' || (s.interval_s * 5 / 4 + 900) || ' seconds'))
     ORDER BY s.next_run_at, s.source_no";

impl Store {
    /// Sources that are due, of all tenants, the longest overdue first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn due(&self, now: OffsetDateTime) -> Result<Vec<Source>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare(&format!("{SELECT} {DUE}"))?;
        Ok(statement.query_map([instant_text(now)], source_of)?.collect::<Result<_, _>>()?)
    }

    /// The moment from which on a source is due, after a run of it that answered the first `requests` that were made. Later
    /// ones are answered by the next run, which is then due already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_due(&self, source_no: i64, at: OffsetDateTime, requests: i64) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE source SET answered = ?3,
                   next_run_at = CASE WHEN paused THEN NULL WHEN asked > ?3 THEN next_run_at ELSE ?2 END WHERE source_no = ?1",
                params![source_no, instant_text(at), requests],
            )?;
            Ok(())
        })
    }

    /// Keeps in mind that the service is not to be asked before a moment, whatever becomes of this process.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold(&self, source_no: i64, until: OffsetDateTime) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE source SET not_before = ?2 WHERE source_no = ?1",
                params![source_no, instant_text(until)],
            )?;
            Ok(())
        })
    }
}
