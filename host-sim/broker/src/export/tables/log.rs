//! What happened: runs, events of seats, alerts, and what somebody did. Oldest first.

use rusqlite::params;

use super::{Query, Stored, Table, now, prepared, stored_row};
use crate::export::ExportError;
use crate::store::Store;

stored_row! {
    /// A run.
    RunRow {
        /// Its number.
        run_no: i64 => Integer,
        /// Number of the source.
        source_no: i64 => Integer,
        /// Name of the source.
        source: String => Text,
        /// Why it began.
        cause: String => Text,
        /// `running`, `complete`, `partial`, `failed` or `abandoned`.
        state: String => Text,
        /// When it began.
        started_at: String => Instant,
        /// The day of which it is.
        taken_on: String => Day,
        /// When it ended.
        ended_at: Option<String> => Instant,
        /// Pages read.
        pages: i64 => Integer,
        /// Users delivered.
        users: i64 => Integer,
        /// Assignments delivered.
        assignments: i64 => Integer,
        /// Requests sent.
        requests: i64 => Integer,
        /// Warnings.
        warnings: i64 => Integer,
        /// Why it failed, `kebab-case`.
        failure_code: Option<String> => Text,
        /// The same in words.
        failure_message: Option<String> => Text,
        /// What to do.
        failure_hint: Option<String> => Text,
        /// Not before this moment.
        retry_at: Option<String> => Instant,
    }
}

stored_row! {
    /// A seat that was found, taken or left.
    EventRow {
        /// Its number.
        event_no: i64 => Integer,
        /// The day.
        on_day: String => Day,
        /// `found` (in the first snapshot of its pool), `taken` or `left`.
        kind: String => Text,
        /// Number of the source.
        source_no: i64 => Integer,
        /// Name of the source.
        source: String => Text,
        /// The vendor's id of the pool.
        pool_id: String => Text,
        /// The product.
        product: String => Text,
        /// What of it was bought.
        feature: String => Text,
        /// The vendor's id of the account, or what stands for it.
        user_id: String => Text,
        /// Log-in name as it is now, or what stands for it.
        username: String => Text,
        /// The snapshot in which it was seen.
        run_no: i64 => Integer,
    }
}

stored_row! {
    /// An alert.
    AlertRow {
        /// Its number.
        alert_no: i64 => Integer,
        /// What it tells of, `kebab-case`.
        kind: String => Text,
        /// Number of the source.
        source_no: i64 => Integer,
        /// Name of the source.
        source: String => Text,
        /// The vendor's id of the pool; none: it is about the source.
        pool_id: Option<String> => Text,
        /// One sentence.
        message: String => Text,
        /// What it rests on, as JSON.
        evidence: String => Text,
        /// When it was raised.
        raised_at: String => Instant,
        /// When what it tells of was over; none: it is not.
        cleared_at: Option<String> => Instant,
    }
}

stored_row! {
    /// What somebody did.
    AuditRow {
        /// Its number.
        entry_no: i64 => Integer,
        /// When.
        at: String => Instant,
        /// Who.
        actor: String => Text,
        /// Of which tenant.
        tenant: Option<String> => Text,
        /// Of which source, by the name that it had.
        source: Option<String> => Text,
        /// What, `kebab-case`.
        action: String => Text,
        /// More about it.
        detail: Option<String> => Text,
    }
}

macro_rules! stored_log {
    ($row:ident, $table:ident, $sql:literal) => {
        impl Stored for $row {
            fn each(
                store: &Store,
                query: &Query<'_>,
                mut each: impl FnMut(Self) -> Result<(), ExportError>,
            ) -> Result<(), ExportError> {
                let reader = now(store, Table::$table, query)?;
                let mut statement = prepared::<Self>(&reader, $sql)?;
                let mut rows = statement.query(params![query.tenant, query.source_no])?;
                while let Some(row) = rows.next()? {
                    each(Self::of(row)?)?;
                }
                Ok(())
            }
        }
    };
}

stored_log!(
    RunRow,
    Runs,
    "SELECT r.run_no, s.source_no, s.display_name AS source, r.cause, r.state, r.started_at, r.taken_on, r.ended_at, r.pages,
            r.users, r.assignments, r.requests, (SELECT count(*) FROM run_warning w WHERE w.run_no = r.run_no) AS warnings,
            r.failure_code, r.failure_message, r.failure_hint, r.retry_at
     FROM tenant t JOIN source s USING (tenant_no) JOIN run r USING (source_no)
     WHERE t.name = ?1 AND (?2 IS NULL OR s.source_no = ?2) ORDER BY r.run_no"
);

stored_log!(
    EventRow,
    Events,
    "SELECT e.event_no, e.on_day, e.kind, s.source_no, s.display_name AS source, l.pool_id, l.product, l.feature, p.user_id,
            p.username, e.run_no
     FROM seat_event e CROSS JOIN pool l USING (pool_no) CROSS JOIN person p USING (person_no)
     CROSS JOIN source s ON s.source_no = l.source_no CROSS JOIN tenant t ON t.tenant_no = s.tenant_no
     WHERE t.name = ?1 AND (?2 IS NULL OR s.source_no = ?2) ORDER BY e.event_no"
);

stored_log!(
    AlertRow,
    Alerts,
    "SELECT a.alert_no, a.kind, s.source_no, s.display_name AS source, l.pool_id, a.message, a.evidence, a.raised_at, a.cleared_at
     FROM tenant t JOIN alert a USING (tenant_no) JOIN source s USING (source_no) LEFT JOIN pool l USING (pool_no)
     WHERE t.name = ?1 AND (?2 IS NULL OR s.source_no = ?2) ORDER BY a.alert_no"
);

// Sources are named there, and may be gone: those of a number are found by the name that it has now.
stored_log!(
    AuditRow,
    Audit,
    "SELECT entry_no, at, actor, tenant, source, action, detail FROM audit
     WHERE tenant = ?1 AND (?2 IS NULL OR source = (SELECT display_name FROM source WHERE source_no = ?2)) ORDER BY entry_no"
);
