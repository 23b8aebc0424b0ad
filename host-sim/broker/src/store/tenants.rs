//! Customers of the broker.

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;

use super::audit::{self, Act};
use super::{Store, StoreError};
use crate::calendar::instant_text;

/// How much of a person is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// A pseudonym alone: neither the vendor's id nor any name.
    Pseudonym,
    /// The vendor's id and the login name.
    Username,
    /// All that the source tells.
    Full,
}

impl Identity {
    /// All levels, from least to most.
    pub const ALL: [Self; 3] = [Self::Pseudonym, Self::Username, Self::Full];

    /// The name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pseudonym => "pseudonym",
            Self::Username => "username",
            Self::Full => "full",
        }
    }

    /// The level of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// Key in the store.
    #[serde(skip)]
    pub tenant_no: i64,
    /// Its name.
    pub name: String,
    /// How much of a person is kept.
    pub identity: Identity,
    /// Days for which history is kept; none: for ever.
    pub retention_days: Option<u32>,
    /// What the host allows the tenant's plugins, as JSON.
    #[serde(skip)]
    pub policy: String,
    /// RFC 3339.
    pub created_at: String,
    /// Sources, whatever their state.
    pub sources: u32,
}

const SELECT: &str = "SELECT t.tenant_no, t.name, t.identity, t.retention_days, t.policy, t.created_at,
     (SELECT count(*) FROM source s WHERE s.tenant_no = t.tenant_no) FROM tenant t";

fn tenant_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Tenant> {
    let identity: String = row.get(2)?;
    Ok(Tenant {
        tenant_no: row.get(0)?,
        name: row.get(1)?,
        identity: Identity::named(&identity).unwrap_or(Identity::Pseudonym),
        retention_days: row.get(3)?,
        policy: row.get(4)?,
        created_at: row.get(5)?,
        sources: row.get(6)?,
    })
}

/// Names go into file names, addresses and logs.
fn valid(name: &str) -> Result<(), StoreError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if starts && name.len() <= 63 && name.bytes().all(fits) {
        return Ok(());
    }
    Err(StoreError::Invalid {
        what: "the tenant's name",
        why: "up to 63 of a-z, 0-9, -, _ and ., beginning with a letter or digit".to_owned(),
    })
}

impl Store {
    /// Adds a customer.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Invalid`].
    pub fn add_tenant(
        &self,
        act: Act<'_>,
        name: &str,
        identity: Identity,
        retention_days: Option<u32>,
    ) -> Result<Tenant, StoreError> {
        valid(name)?;
        let mut key = [0_u8; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key).map_err(|_| StoreError::Random)?;
        self.write(|transaction| {
            let made = transaction.execute(
                "INSERT INTO tenant (name, created_at, identity, retention_days, pseudonym_key) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO NOTHING",
                params![name, instant_text(act.now), identity.name(), retention_days, key],
            )?;
            if made == 0 {
                return Err(StoreError::Exists { what: "tenant", name: name.to_owned() });
            }
            audit::note(transaction, act, Some(name), None, "add-tenant", Some(identity.name()))?;
            by_name(transaction, name)
        })
    }

    /// All customers, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare(&format!("{SELECT} ORDER BY t.name"))?;
        Ok(statement.query_map([], tenant_of)?.collect::<Result<_, _>>()?)
    }

    /// One customer.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        by_name(&self.reader()?, name)
    }

    /// Sets what the host allows the tenant's plugins, as JSON for the host; `detail` is for the log.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn set_policy(&self, act: Act<'_>, name: &str, policy: &str, detail: &str) -> Result<Tenant, StoreError> {
        self.write(|transaction| {
            let tenant = by_name(transaction, name)?;
            transaction
                .execute("UPDATE tenant SET policy = ?2 WHERE tenant_no = ?1", params![tenant.tenant_no, policy])?;
            audit::note(transaction, act, Some(name), None, "set-policy", Some(detail))?;
            by_name(transaction, name)
        })
    }

    /// Removes a customer with everything of it, and scours the file: nothing of the tenant's data can be found in it
    /// afterwards. The log of who did what stays, with the tenant's and the sources' names.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    pub fn remove_tenant(&self, act: Act<'_>, name: &str) -> Result<(), StoreError> {
        self.write(|transaction| {
            let tenant = by_name(transaction, name)?;
            transaction.execute("DELETE FROM tenant WHERE tenant_no = ?1", [tenant.tenant_no])?;
            audit::note(transaction, act, Some(name), None, "remove-tenant", None)
        })?;
        self.scour()
    }
}

/// The tenant of this name.
pub(crate) fn by_name(connection: &rusqlite::Connection, name: &str) -> Result<Tenant, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE t.name = ?1"))?
        .query_row([name], tenant_of)
        .optional()?
        .ok_or_else(|| StoreError::Unknown { what: "tenant", name: name.to_owned() })
}

/// The name and the secret of a tenant's pseudonyms.
pub(crate) fn pseudonym_key(transaction: &Transaction<'_>, tenant_no: i64) -> Result<Vec<u8>, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT pseudonym_key FROM tenant WHERE tenant_no = ?1")?
        .query_row([tenant_no], |row| row.get(0))?)
}
