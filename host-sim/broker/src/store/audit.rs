//! Who did what, and when. Names tenants and sources, never people of a source, and outlives what it tells of.

use rusqlite::{Transaction, params};
use serde::Serialize;
use time::OffsetDateTime;

use super::{Store, StoreError};
use crate::calendar::instant_text;

/// Who acts, and when: part of every change.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// A person or a part of the broker, such as `scheduler`.
    pub actor: &'a str,
    /// When.
    pub now: OffsetDateTime,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, RFC 3339.
    pub at: String,
    /// Who.
    pub actor: String,
    /// Of which tenant.
    pub tenant: Option<String>,
    /// Of which source, by its name.
    pub source: Option<String>,
    /// What, in `kebab-case`.
    pub action: String,
    /// More about it.
    pub detail: Option<String>,
}

/// Notes an action in the transaction that does it.
pub(crate) fn note(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    tenant: Option<&str>,
    source: Option<&str>,
    action: &str,
    detail: Option<&str>,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, actor, tenant, source, action, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![instant_text(act.now), act.actor, tenant, source, action, detail])?;
    Ok(())
}

impl Store {
    /// The newest `most` entries, of one tenant or of all, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn audit(&self, tenant: Option<&str>, most: u32) -> Result<Vec<Entry>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare(
            "SELECT at, actor, tenant, source, action, detail FROM audit
             WHERE ?1 IS NULL OR tenant = ?1 ORDER BY entry_no DESC LIMIT ?2",
        )?;
        let entries = statement.query_map(params![tenant, most], |row| {
            Ok(Entry {
                at: row.get(0)?,
                actor: row.get(1)?,
                tenant: row.get(2)?,
                source: row.get(3)?,
                action: row.get(4)?,
                detail: row.get(5)?,
            })
        })?;
        Ok(entries.collect::<Result<_, _>>()?)
    }
}
