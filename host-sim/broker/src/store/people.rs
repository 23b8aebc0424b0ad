//! How much of a person reaches the store.
//!
//! | level | vendor's id | login name | name, addresses, identities | dates |
//! | --- | --- | --- | --- | --- |
//! | full | kept | kept | kept | kept |
//! | username | kept | kept | none | kept |
//! | pseudonym | pseudonym | pseudonym | none | kept |
//! | erased | mark | mark | none | none |
//!
//! A seat of somebody who was erased has no dates of its own either, but when it ends.
//!
//! A pseudonym is a keyed digest of the source's key and the vendor's id: the same person has the same one in each run of a source,
//! also when that was removed and added anew, and nobody without the tenant's key can tell who it is, or that two sources have it
//! in common. A mark is such a digest of the pseudonym, so that somebody of whom only the pseudonym is known can be erased, too.
//! Marks are kept as long as the tenant is.

use std::borrow::Cow;
use std::collections::HashSet;

use ring::hmac;
use rusqlite::Transaction;

use super::StoreError;
use super::tenants::{self, Identity};
use crate::record::{Assignment, User};

/// What one run lets through.
#[derive(Debug)]
pub(crate) struct Curtain {
    identity: Identity,
    source_key: String,
    key: hmac::Key,
    erased: HashSet<String>,
}

/// A user as it is stored.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) user: User<'a>,
    /// In place of `user.user_id` and `user.username`.
    pub(crate) mask: Option<String>,
}

impl Curtain {
    pub(crate) fn of(transaction: &Transaction<'_>, tenant_no: i64, source_no: i64) -> Result<Self, StoreError> {
        let identity: String =
            transaction.query_row("SELECT identity FROM tenant WHERE tenant_no = ?1", [tenant_no], |row| row.get(0))?;
        let erased = transaction
            .prepare_cached("SELECT mark FROM erased WHERE tenant_no = ?1")?
            .query_map([tenant_no], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let source_key =
            transaction
                .query_row("SELECT source_key FROM source WHERE source_no = ?1", [source_no], |row| row.get(0))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &tenants::pseudonym_key(transaction, tenant_no)?);
        let identity = Identity::named(&identity).unwrap_or(Identity::Pseudonym);
        Ok(Self { identity, source_key, key, erased })
    }

    /// What stands for a person's id in the store.
    pub(crate) fn mask(&self, user_id: &str) -> Option<String> {
        if !self.erased.is_empty() {
            let mark = self.mark(&self.pseudonym(user_id));
            if self.erased.contains(&mark) {
                return Some(mark);
            }
        }
        (self.identity == Identity::Pseudonym).then(|| self.pseudonym(user_id))
    }

    /// What stands for a person's id where the tenant keeps pseudonyms.
    pub(crate) fn pseudonym(&self, user_id: &str) -> String {
        self.digest("person", user_id)
    }

    /// What stands for whoever has this pseudonym, once erased.
    pub(crate) fn mark(&self, pseudonym: &str) -> String {
        self.digest("erased", pseudonym)
    }

    /// Whether this mark is of somebody who was erased.
    pub(crate) fn is_erased(&self, mark: &str) -> bool {
        self.erased.contains(mark)
    }

    fn digest(&self, purpose: &str, user_id: &str) -> String {
        // The length keeps what is of the key apart from what is of the id.
        let text = format!("{purpose}\n{}\n{}\n{user_id}", self.source_key.len(), self.source_key);
        let tag = hmac::sign(&self.key, text.as_bytes());
        // 80 bits: among a million people the chance of two alike is one in ten thousand million million.
        let hex: String = tag.as_ref().iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        format!("{purpose}-{hex}")
    }

    pub(crate) fn user<'a>(&self, user: &User<'a>) -> Seen<'a> {
        let mask = self.mask(user.user_id);
        let mut user = user.clone();
        if self.identity != Identity::Full || mask.is_some() {
            (user.display_name, user.email, user.email_kind) = (None, None, "none");
            user.identities = Vec::new();
        }
        if mask.as_ref().is_some_and(|mask| self.is_erased(mask)) {
            (user.created_at, user.last_activity_on, user.last_sign_in_at) = (None, None, None);
            user.activity = "not-readable";
        }
        Seen { user, mask }
    }

    /// A seat as it is stored, and what stands for its holder's id.
    pub(crate) fn seat<'a>(&self, seat: &Assignment<'a>) -> (Cow<'a, str>, Assignment<'a>) {
        let mut seat = seat.clone();
        let Some(mask) = self.mask(seat.user_id) else { return (Cow::Borrowed(seat.user_id), seat) };
        if self.is_erased(&mask) {
            (seat.assigned_on, seat.last_activity_on) = (None, None);
        }
        (Cow::Owned(mask), seat)
    }
}

impl Seen<'_> {
    pub(crate) fn user_id(&self) -> &str {
        self.mask.as_deref().unwrap_or(self.user.user_id)
    }

    pub(crate) fn username(&self) -> &str {
        self.mask.as_deref().unwrap_or(self.user.username)
    }
}
