//! One person, erased on request.
//!
//! | of the person | becomes |
//! | --- | --- |
//! | id, log-in name | a mark: a keyed digest, which the next run produces, too, and knows |
//! | names, addresses, identities, dates of the account | nothing, in the past and in a run under way as well |
//! | days of activity | nothing; the count of who was active on a day names nobody, and stays |
//! | seats and their events | stay, under the mark, so that every count stays true; without the day they were assigned on |
//! | their name in texts for people | the mark |
//!
//! Who is meant: everybody whose row reads so now, or in the run under way; where nobody's does, whose row did in the past.
//! Log-in names and ids are compared as they are, addresses without regard to the case of ASCII letters. Where a tenant keeps
//! pseudonyms, a person is found by the vendor's id or by the pseudonym.
//!
//! The mark goes by the tenant and the key of the source: a source that is removed and added anew, or merged, does not bring the
//! person back. It is removed with the tenant.
//!
//! Refuses nobody's erasure: that somebody holds a seat is no reason to keep a name.

use std::collections::BTreeSet;

use rusqlite::{Transaction, named_params, params};

use super::texts;
use crate::store::audit::{self, Act};
use crate::store::people::Curtain;
use crate::store::tenants::{self, Identity};
use crate::store::{Store, StoreError, sources};

/// Who is meant.
#[derive(Clone, Copy)]
pub enum Who<'a> {
    /// The vendor's id, or the pseudonym.
    UserId(&'a str),
    /// The log-in name.
    Username(&'a str),
    /// The address.
    Email(&'a str),
}

/// Tells by what somebody is named, and not whom.
impl std::fmt::Debug for Who<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UserId(_) => "UserId",
            Self::Username(_) => "Username",
            Self::Email(_) => "Email",
        })
    }
}

impl Store {
    /// Erases a person of a tenant, in one source or in all, and scours the file. Answers with the number of accounts that
    /// were erased; 0: they all were before.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant, source or person; [`StoreError::Unscoured`].
    pub fn erase_person(
        &self,
        act: Act<'_>,
        tenant: &str,
        source_no: Option<i64>,
        who: Who<'_>,
    ) -> Result<u64, StoreError> {
        let erased = self.write(|transaction| {
            let tenant_of = tenants::by_name(transaction, tenant)?;
            let name = source_no.map(|source_no| sources::by_no(transaction, tenant, source_no)).transpose()?;
            let all = asked_for(transaction, tenant, tenant_of.tenant_no, source_no)?;
            let (mut erased, mut before) = (0, false);
            for source_no in all {
                let curtain = Curtain::of(transaction, tenant_of.tenant_no, source_no)?;
                if let Who::UserId(user_id) = who {
                    before |=
                        [user_id, &curtain.pseudonym(user_id)].iter().any(|id| curtain.is_erased(&curtain.mark(id)));
                }
                for user_id in meant(transaction, &curtain, source_no, who)? {
                    let pseudonym = match tenant_of.identity {
                        Identity::Pseudonym => user_id.clone(),
                        Identity::Username | Identity::Full => curtain.pseudonym(&user_id),
                    };
                    erase(transaction, act, source_no, &user_id, &curtain.mark(&pseudonym))?;
                    erased += 1;
                }
            }
            if erased == 0 && !before {
                // The name that was asked for belongs into no log.
                return Err(StoreError::Unknown { what: "person", name: "of that description".to_owned() });
            }
            if erased > 0 {
                let detail = format!("{erased} accounts");
                let name = name.as_ref().map(|source| source.display_name.as_str());
                audit::note(transaction, act, Some(tenant), name, "erase-person", Some(&detail))?;
            }
            Ok(erased)
        })?;
        self.scour()?;
        Ok(erased)
    }

    /// The accounts that [`Store::erase_person`] would erase: the number of the source, and the id as stored.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant or source.
    pub fn meant_by(
        &self,
        tenant: &str,
        source_no: Option<i64>,
        who: Who<'_>,
    ) -> Result<BTreeSet<(i64, String)>, StoreError> {
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            let mut accounts = BTreeSet::new();
            for source_no in asked_for(transaction, tenant, tenant_no, source_no)? {
                let curtain = Curtain::of(transaction, tenant_no, source_no)?;
                let ids = meant(transaction, &curtain, source_no, who)?;
                accounts.extend(ids.into_iter().map(|user_id| (source_no, user_id)));
            }
            Ok(accounts)
        })
    }
}

/// The numbers of a tenant's sources, or of the one.
fn asked_for(
    transaction: &Transaction<'_>,
    tenant: &str,
    tenant_no: i64,
    source_no: Option<i64>,
) -> Result<Vec<i64>, StoreError> {
    if let Some(source_no) = source_no {
        sources::by_no(transaction, tenant, source_no)?;
    }
    Ok(transaction
        .prepare("SELECT source_no FROM source WHERE tenant_no = ?1 AND (?2 IS NULL OR source_no = ?2)")?
        .query_map(params![tenant_no, source_no], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

/// The ids, as stored, of those who are meant.
fn meant(
    transaction: &Transaction<'_>,
    curtain: &Curtain,
    source_no: i64,
    who: Who<'_>,
) -> Result<Vec<String>, StoreError> {
    let (condition, text, other) = match who {
        Who::UserId(user_id) => ("x.user_id IN (:text, :other)", user_id, curtain.pseudonym(user_id)),
        Who::Username(username) => ("x.username IN (:text, :other)", username, username.to_owned()),
        Who::Email(email) => ("lower(x.email) IN (lower(:text), lower(:other))", email, email.to_owned()),
    };
    let now = format!(
        "SELECT user_id FROM person x WHERE source_no = :source AND erased = 0 AND {condition}
         UNION
         SELECT user_id FROM stage_user x JOIN run USING (run_no) WHERE source_no = :source AND {condition}
           AND user_id NOT IN (SELECT e.mark FROM erased e JOIN source s USING (tenant_no) WHERE s.source_no = :source)"
    );
    let past = format!(
        "SELECT DISTINCT p.user_id FROM person p JOIN (SELECT p.person_no, p.user_id, o.username, o.email
             FROM person_past o JOIN person p USING (person_no) WHERE p.source_no = :source AND p.erased = 0) x USING (person_no)
         WHERE {condition}"
    );
    for sql in [now, past] {
        let ids: Vec<String> = transaction
            .prepare(&sql)?
            .query_map(named_params! { ":source": source_no, ":text": text, ":other": other }, |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}

fn erase(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    source_no: i64,
    user_id: &str,
    mark: &str,
) -> Result<(), StoreError> {
    let names = names(transaction, source_no, user_id)?;
    transaction.execute(
        "INSERT OR IGNORE INTO erased (tenant_no, mark, erased_at)
         SELECT tenant_no, ?2, ?3 FROM source WHERE source_no = ?1",
        params![source_no, mark, crate::calendar::instant_text(act.now)],
    )?;
    for sql in [
        "UPDATE person_past SET username = :mark, display_name = NULL, email = NULL, email_kind = 'none', identities = '[]',
           created_at = NULL, activity = 'not-readable' WHERE person_no = (SELECT person_no FROM person WHERE :whose)",
        "DELETE FROM activity_month WHERE person_no = (SELECT person_no FROM person WHERE :whose)",
        "UPDATE seat SET assigned_on = NULL, last_activity_on = NULL
         WHERE person_no = (SELECT person_no FROM person WHERE :whose)",
        "UPDATE seat_past SET assigned_on = NULL WHERE person_no = (SELECT person_no FROM person WHERE :whose)",
        "UPDATE person SET user_id = :mark, username = :mark, display_name = NULL, email = NULL, email_kind = 'none',
           identities = '[]', created_at = NULL, activity = 'not-readable', last_activity_on = NULL, last_sign_in_at = NULL,
           erased = 1 WHERE :whose",
        "UPDATE stage_seat SET user_id = :mark, assigned_on = NULL, last_activity_on = NULL
         WHERE user_id = :user AND run_no IN (SELECT run_no FROM run WHERE source_no = :source)",
        "UPDATE stage_user SET user_id = :mark, username = :mark, display_name = NULL, email = NULL, email_kind = 'none',
           identities = '[]', created_at = NULL, activity = 'not-readable', last_activity_on = NULL, last_sign_in_at = NULL
         WHERE user_id = :user AND run_no IN (SELECT run_no FROM run WHERE source_no = :source)",
    ] {
        let sql = sql.replace(":whose", "source_no = :source AND user_id = :user");
        let mut statement = transaction.prepare(&sql)?;
        let all: [(&str, &dyn rusqlite::ToSql); 3] = [(":mark", &mark), (":source", &source_no), (":user", &user_id)];
        for (name, value) in all {
            if let Some(place) = statement.parameter_index(name)? {
                statement.raw_bind_parameter(place, value)?;
            }
        }
        statement.raw_execute()?;
    }
    texts::withhold(transaction, source_no, &names, mark)
}

/// By what the person may be named in texts, the longest first: an address may begin with the log-in name.
fn names(transaction: &Transaction<'_>, source_no: i64, user_id: &str) -> Result<Vec<String>, StoreError> {
    let mut names: Vec<String> = transaction
        .prepare(
            "WITH x AS (
               SELECT username, display_name, email FROM person WHERE source_no = ?1 AND user_id = ?2
               UNION SELECT o.username, o.display_name, o.email FROM person_past o JOIN person p USING (person_no)
                     WHERE p.source_no = ?1 AND p.user_id = ?2
               UNION SELECT username, display_name, email FROM stage_user
                     WHERE user_id = ?2 AND run_no IN (SELECT run_no FROM run WHERE source_no = ?1))
             SELECT username FROM x UNION SELECT display_name FROM x WHERE display_name IS NOT NULL
             UNION SELECT email FROM x WHERE email IS NOT NULL",
        )?
        .query_map(params![source_no, user_id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    names.sort_by_key(|name| std::cmp::Reverse(name.len()));
    Ok(names)
}
