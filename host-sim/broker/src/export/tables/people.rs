//! Accounts as one snapshot has them.

use rusqlite::params;

use super::{Query, Stored, prepared, stored_row, view};
use crate::export::ExportError;
use crate::store::Store;
use crate::view::View;

stored_row! {
    /// An account in a snapshot, as much of it as the tenant's level of identity lets through.
    ///
    /// When somebody was last active has no history: in a snapshot of the past, a date later than it is left out.
    PersonRow {
        /// Number of the source.
        source_no: i64 => Integer,
        /// Name of the source.
        source: String => Text,
        /// The vendor's id, or what stands for it.
        user_id: String => Text,
        /// Log-in name, or what stands for it.
        username: String => Text,
        /// Name for people.
        display_name: Option<String> => Text,
        /// Address.
        email: Option<String> => Text,
        /// What the address is.
        email_kind: String => Text,
        /// Accounts of the same person elsewhere, as JSON.
        identities: String => Text,
        /// `active`, `blocked` and the like.
        account_state: String => Text,
        /// The vendor's word for it.
        account_state_raw: String => Text,
        /// `human`, `bot` and the like.
        account_kind: String => Text,
        /// When the account was made.
        created_at: Option<String> => Instant,
        /// Whether activity is known.
        activity: String => Text,
        /// Last day of activity.
        last_activity_on: Option<String> => Day,
        /// Last sign-in.
        last_sign_in_at: Option<String> => Instant,
        /// Day of the first snapshot with the account.
        first_seen_on: String => Day,
        /// Whether the person was erased on request.
        erased: bool => Boolean,
        /// Number of the snapshot.
        snapshot_run: i64 => Integer,
        /// Its day.
        snapshot_on: String => Day,
    }
}

const SELECT: &str = "
    SELECT s.source_no, s.display_name AS source, p.user_id, x.username, x.display_name, x.email, x.email_kind, x.identities,
           x.account_state, x.account_state_raw, x.account_kind, x.created_at, x.activity,
           iif(?3 IS NULL OR p.last_activity_on <= ?3, p.last_activity_on, NULL) AS last_activity_on,
           iif(?3 IS NULL OR substr(p.last_sign_in_at, 1, 10) <= ?3, p.last_sign_in_at, NULL) AS last_sign_in_at,
           p.first_seen_on, p.erased, ?2 AS snapshot_run, ?4 AS snapshot_on
    FROM (SELECT person_no, username, display_name, email, email_kind, identities, account_state, account_state_raw,
                 account_kind, created_at, activity
          FROM person WHERE source_no = ?1 AND gone_run IS NULL AND from_run <= ?2
          UNION ALL
          SELECT o.person_no, o.username, o.display_name, o.email, o.email_kind, o.identities, o.account_state,
                 o.account_state_raw, o.account_kind, o.created_at, o.activity
          FROM person_past o JOIN person q USING (person_no)
          WHERE q.source_no = ?1 AND o.from_run <= ?2 AND o.to_run > ?2) x
    JOIN person p USING (person_no) JOIN source s USING (source_no)
    ORDER BY p.person_no";

impl Stored for PersonRow {
    fn each(
        store: &Store,
        query: &Query<'_>,
        mut each: impl FnMut(Self) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let View { reader, sources, .. } = view(store, query)?;
        let mut statement = prepared::<Self>(&reader, SELECT)?;
        for source in sources {
            let until = (!source.newest).then_some(&source.taken_on);
            let mut rows = statement.query(params![source.source_no, source.run_no, until, source.taken_on])?;
            while let Some(row) = rows.next()? {
                each(Self::of(row)?)?;
            }
        }
        Ok(())
    }
}
