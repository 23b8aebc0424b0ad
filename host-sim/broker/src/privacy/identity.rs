//! A tenant's level of identity, changed after the fact.
//!
//! | from | to | |
//! | --- | --- | --- |
//! | full | username | names, addresses and identities are dropped at once, of the past, too |
//! | full, username | pseudonym | the same; ids and log-in names become the pseudonym that the next run produces, so that history is kept |
//! | username | full | from the next run on |
//! | pseudonym | username, full | refused while there are people |
//!
//! Refused, because whoever is kept under a pseudonym was promised to stay unknown: to match the next run with it would tell who
//! it was all along, and not to match would have everybody leave and take a seat.
//!
//! What a plugin writes in words (warnings, test reports) is not searched: the contract has no people of the source in it.

use std::sync::Arc;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Transaction, params};

use crate::store::audit::{self, Act};
use crate::store::people::Curtain;
use crate::store::tenants::{self, Identity};
use crate::store::{Store, StoreError};

const OF_SOURCES: &str = "source_no IN (SELECT source_no FROM source WHERE tenant_no = ?1)";
const OF_RUNS: &str = "run_no IN (SELECT r.run_no FROM run r JOIN source s USING (source_no) WHERE s.tenant_no = ?1)";

impl Store {
    /// Changes how much of a person is kept for a tenant.
    ///
    /// # Errors
    /// [`StoreError::Unknown`]; [`StoreError::Invalid`] from `pseudonym` up, while there are people; [`StoreError::Unscoured`].
    pub fn set_identity(&self, act: Act<'_>, tenant: &str, identity: Identity) -> Result<(), StoreError> {
        let lowered = self.write(|transaction| {
            let before = tenants::by_name(transaction, tenant)?;
            if before.identity == identity {
                return Ok(false);
            }
            if before.identity == Identity::Pseudonym && has_people(transaction, before.tenant_no)? {
                let why = "people are kept under pseudonyms, which are not given back; remove the tenant's sources first, or add \
                           another tenant";
                return Err(StoreError::Invalid { what: "the level of identity", why: why.to_owned() });
            }
            transaction.execute(
                "UPDATE tenant SET identity = ?2 WHERE tenant_no = ?1",
                params![before.tenant_no, identity.name()],
            )?;
            let lowered = identity < before.identity;
            if lowered {
                drop_names(transaction, before.tenant_no)?;
            }
            if identity == Identity::Pseudonym {
                let sources: Vec<i64> = transaction
                    .prepare("SELECT source_no FROM source WHERE tenant_no = ?1")?
                    .query_map([before.tenant_no], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                for source_no in sources {
                    mask(transaction, before.tenant_no, source_no)?;
                }
            }
            let detail = format!("{} to {}", before.identity.name(), identity.name());
            audit::note(transaction, act, Some(tenant), None, "set-identity", Some(&detail))?;
            Ok(lowered)
        })?;
        if lowered { self.scour() } else { Ok(()) }
    }
}

fn has_people(transaction: &Transaction<'_>, tenant_no: i64) -> Result<bool, StoreError> {
    Ok(transaction.query_row(
        &format!(
            "SELECT EXISTS (SELECT 1 FROM person WHERE {OF_SOURCES}) OR EXISTS (SELECT 1 FROM stage_user WHERE {OF_RUNS})"
        ),
        [tenant_no],
        |row| row.get(0),
    )?)
}

fn drop_names(transaction: &Transaction<'_>, tenant_no: i64) -> Result<(), StoreError> {
    for (table, whose) in [
        ("person", OF_SOURCES),
        (
            "person_past",
            "person_no IN (SELECT person_no FROM person WHERE source_no IN (SELECT source_no FROM source WHERE tenant_no = ?1))",
        ),
        ("stage_user", OF_RUNS),
    ] {
        transaction.execute(
            &format!(
                "UPDATE {table} SET display_name = NULL, email = NULL, email_kind = 'none', identities = '[]' WHERE {whose}"
            ),
            [tenant_no],
        )?;
    }
    Ok(())
}

/// Ids and log-in names of one source become pseudonyms. Who was erased has a mark, and keeps it.
fn mask(transaction: &Transaction<'_>, tenant_no: i64, source_no: i64) -> Result<(), StoreError> {
    let curtain = Arc::new(Curtain::of(transaction, tenant_no, source_no)?);
    transaction.create_scalar_function(
        "pseudonym",
        1,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY,
        move |context| Ok(curtain.pseudonym(&context.get::<String>(0)?)),
    )?;
    let masked = [
        "UPDATE person SET (user_id, username) = (pseudonym(user_id), pseudonym(user_id)) WHERE source_no = ?1 AND erased = 0",
        "UPDATE person_past SET username = p.user_id FROM person p
         WHERE p.person_no = person_past.person_no AND p.source_no = ?1 AND p.erased = 0",
        "UPDATE stage_user SET (user_id, username) = (pseudonym(user_id), pseudonym(user_id))
         WHERE run_no IN (SELECT run_no FROM run WHERE source_no = ?1)
           AND user_id NOT IN (SELECT mark FROM erased JOIN source USING (tenant_no) WHERE source_no = ?1)",
        "UPDATE stage_seat SET user_id = pseudonym(user_id)
         WHERE run_no IN (SELECT run_no FROM run WHERE source_no = ?1)
           AND user_id NOT IN (SELECT mark FROM erased JOIN source USING (tenant_no) WHERE source_no = ?1)",
    ]
    .into_iter()
    .try_for_each(|sql| transaction.execute(sql, [source_no]).map(drop));
    transaction.remove_function("pseudonym", 1)?;
    Ok(masked?)
}
