//! Deliveries of alerts to webhooks: at least once, in order, for a while.
//!
//! | | |
//! | --- | --- |
//! | first attempt | at once |
//! | after a failure | one minute later, then two, four and so on, at most six hours; later if the receiver says so |
//! | given up | after 20 attempts, or when the next would be more than three days after the event |
//!
//! The waits are the receiver's: while it is waited for, nothing else is posted there either, and each failure in a row, of
//! whichever delivery, doubles the wait. What has become too old meanwhile is given up without an attempt. Receivers take turns, so
//! that none with a thousand deliveries keeps the others waiting.
//!
//! Guarantees: a delivery that was not noted as made is due again, also after a crash; its body and its `id` are the same in
//! each attempt. That an alert is over is sent to a receiver only when it has taken its beginning; where that is given up, so is
//! the end.
//! Giving up is noted in the log of who did what.
//!
//! # The body
//!
//! ```json
//! {"id": "alert-7-raised", "event": "raised", "at": "2026-03-01T12:00:00Z", "tenant": "acme",
//!  "alert": {"no": 7, "kind": "utilisation", "message": "…", "evidence": {}, "raised_at": "…", "cleared_at": null},
//!  "source": {"no": 1, "key": "…", "name": "…", "vendor": "…"},
//!  "pool": {"id": "…", "product": "…", "feature": "…", "scope": "…"}}
//! ```
//!
//! `pool` is null for an alert about the source.

use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::Serialize;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::calendar::{instant_text, parse_instant};
use crate::store::audit::{self, Act};
use crate::store::{Store, StoreError, tenants};

/// Attempts of one delivery. With the waits below, they would last for a little over three days.
pub const ATTEMPTS: u32 = 20;

/// How long after the event it is still sent. Older news mislead.
pub const PATIENCE: Duration = Duration::days(3);

/// Wait after the first failure; doubled each time.
pub const FIRST_WAIT: Duration = Duration::MINUTE;

/// Longest wait that the broker chooses itself.
pub const LONGEST_WAIT: Duration = Duration::hours(6);

/// What is kept of an error, characters: it may be a stranger's whole page.
const ERROR_LENGTH: usize = 300;

/// What is told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was raised.
    Raised,
    /// What it tells of is over.
    Cleared,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Cleared => "cleared",
        }
    }
}

/// Which delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Of which alert.
    pub alert_no: i64,
    /// To whom.
    pub webhook_no: i64,
    /// Of what.
    pub event: Event,
}

/// A delivery to be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub key: Key,
    /// Of which tenant: whose egress and key it is.
    pub tenant: String,
    /// Where to.
    pub url: String,
    /// The key of the signature, sealed.
    pub sealed: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// The same in each attempt, and of no other delivery to this receiver.
    pub id: String,
    /// What is posted, as `application/json`.
    pub body: String,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again then.
    At(OffsetDateTime),
    /// It is not tried again.
    GivenUp,
    /// The receiver was removed meanwhile, or it was delivered.
    Gone,
}

/// A delivery, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Of which alert.
    pub alert_no: i64,
    /// To whom.
    pub webhook_no: i64,
    /// `raised` or `cleared`.
    pub event: String,
    /// `pending`, `delivered` or `given-up`.
    pub state: String,
    /// Attempts that failed.
    pub attempts: u32,
    /// When it is tried next, RFC 3339.
    pub next_at: Option<String>,
    /// When it was delivered, RFC 3339.
    pub delivered_at: Option<String>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

const DUE: &str = "
    SELECT d.alert_no, d.webhook_no, d.event = 'raised', t.name, w.url, w.sealed, d.attempts, a.kind, a.message, a.evidence,
           a.raised_at, a.cleared_at, s.source_no, s.source_key, s.display_name, s.vendor, l.pool_id, l.product, l.feature,
           l.scope_name
    FROM delivery d JOIN webhook w USING (webhook_no) JOIN alert a USING (alert_no) JOIN source s USING (source_no)
    JOIN tenant t ON t.tenant_no = a.tenant_no LEFT JOIN pool l USING (pool_no)
    WHERE d.next_at <= ?1 AND (w.not_before IS NULL OR w.not_before <= ?1)
      AND (d.event = 'raised' OR NOT EXISTS (SELECT 1 FROM delivery f WHERE f.alert_no = d.alert_no
           AND f.webhook_no = d.webhook_no AND f.event = 'raised' AND f.next_at IS NOT NULL))
    ORDER BY row_number() OVER (PARTITION BY d.webhook_no ORDER BY d.alert_no, d.event DESC), d.next_at, d.alert_no, d.webhook_no
    LIMIT ?2";

fn due_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Due> {
    let event = if row.get(2)? { Event::Raised } else { Event::Cleared };
    let key = Key { alert_no: row.get(0)?, webhook_no: row.get(1)?, event };
    let (tenant, kind, message, evidence): (String, String, String, String) =
        (row.get(3)?, row.get(7)?, row.get(8)?, row.get(9)?);
    let (raised_at, cleared_at): (String, Option<String>) = (row.get(10)?, row.get(11)?);
    // What was not known when it was raised is not told as if it had been.
    let cleared_at = cleared_at.filter(|_| event == Event::Cleared);
    let (source_key, name, vendor): (String, String, String) = (row.get(13)?, row.get(14)?, row.get(15)?);
    let pool = row.get::<_, Option<String>>(16)?.map(|id| -> rusqlite::Result<Value> {
        let (product, feature, scope): (String, String, String) = (row.get(17)?, row.get(18)?, row.get(19)?);
        Ok(json!({ "id": id, "product": product, "feature": feature, "scope": scope }))
    });
    let id = format!("alert-{}-{}", key.alert_no, event.name());
    let body = json!({
        "id": id,
        "event": event.name(),
        "at": cleared_at.as_ref().unwrap_or(&raised_at),
        "tenant": tenant,
        "alert": {
            "no": key.alert_no, "kind": kind, "message": message,
            "evidence": serde_json::from_str::<Value>(&evidence).unwrap_or_default(),
            "raised_at": raised_at, "cleared_at": cleared_at,
        },
        "source": { "no": row.get::<_, i64>(12)?, "key": source_key, "name": name, "vendor": vendor },
        "pool": pool.transpose()?,
    });
    Ok(Due { key, tenant, url: row.get(4)?, sealed: row.get(5)?, attempts: row.get(6)?, id, body: body.to_string() })
}

impl Store {
    /// At most `most` deliveries that are due: the oldest alert of each receiver that is not waited for, then the next of each,
    /// and so on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn due_deliveries(&self, now: OffsetDateTime, most: u32) -> Result<Vec<Due>, StoreError> {
        let reader = self.reader()?;
        let mut statement = reader.prepare(DUE)?;
        Ok(statement.query_map(params![instant_text(now), most], due_of)?.collect::<Result<_, _>>()?)
    }

    /// When the next delivery is due; none: there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_delivery_at(&self) -> Result<Option<OffsetDateTime>, StoreError> {
        let next: Option<String> =
            self.reader()?.query_row(
                "SELECT min(max(d.next_at, coalesce(w.not_before, d.next_at))) FROM delivery d JOIN webhook w USING (webhook_no)
                 WHERE d.next_at IS NOT NULL",
                [],
                |row| row.get(0),
            )?;
        Ok(next.as_deref().and_then(parse_instant))
    }

    /// Notes that a delivery was made: the receiver has answered with a status of 200 to 299.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_delivered(&self, act: Act<'_>, key: Key) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE delivery SET next_at = NULL, delivered_at = ?4, last_error = NULL
                 WHERE alert_no = ?1 AND webhook_no = ?2 AND event = ?3 AND delivered_at IS NULL",
                params![key.alert_no, key.webhook_no, key.event.name(), instant_text(act.now)],
            )?;
            transaction.execute(
                "UPDATE webhook SET failures = 0, not_before = NULL WHERE webhook_no = ?1",
                [key.webhook_no],
            )?;
            Ok(())
        })
    }

    /// Notes that an attempt failed, and says what follows. `retry_after` is the receiver's wish.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_failed(
        &self,
        act: Act<'_>,
        key: Key,
        error: &str,
        retry_after: Option<Duration>,
    ) -> Result<Next, StoreError> {
        self.write(|transaction| {
            let Some((attempts, since, tenant)) = pending(transaction, key)? else { return Ok(Next::Gone) };
            let attempts = attempts + 1;
            let at = not_before(transaction, act, key, retry_after.unwrap_or_default())?;
            let over = since.is_none_or(|since| at - since > PATIENCE);
            let next = if attempts >= ATTEMPTS || over { Next::GivenUp } else { Next::At(at) };
            failed(transaction, act, key, &tenant, attempts, next, error)?;
            give_up_old(transaction, act, key.webhook_no, &tenant, at)?;
            Ok(next)
        })
    }

    /// Notes that the receiver wants no more of a delivery.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn give_up_delivery(&self, act: Act<'_>, key: Key, error: &str) -> Result<Next, StoreError> {
        self.write(|transaction| {
            let Some((attempts, _, tenant)) = pending(transaction, key)? else { return Ok(Next::Gone) };
            not_before(transaction, act, key, Duration::ZERO)?;
            failed(transaction, act, key, &tenant, attempts + 1, Next::GivenUp, error)?;
            Ok(Next::GivenUp)
        })
    }

    /// The deliveries of a tenant's newest alerts, at most `most`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn deliveries(&self, tenant: &str, most: u32) -> Result<Vec<Delivery>, StoreError> {
        let reader = self.reader()?;
        let tenant_no = tenants::by_name(&reader, tenant)?.tenant_no;
        let mut statement = reader.prepare(
            "SELECT d.alert_no, d.webhook_no, d.event,
                    CASE WHEN d.delivered_at IS NOT NULL THEN 'delivered' WHEN d.next_at IS NULL THEN 'given-up' ELSE 'pending' END,
                    d.attempts, d.next_at, d.delivered_at, d.last_error
             FROM alert a JOIN delivery d USING (alert_no) WHERE a.tenant_no = ?1
             ORDER BY d.alert_no DESC, d.event, d.webhook_no LIMIT ?2",
        )?;
        let deliveries = statement.query_map(params![tenant_no, most], |row| {
            Ok(Delivery {
                alert_no: row.get(0)?,
                webhook_no: row.get(1)?,
                event: row.get(2)?,
                state: row.get(3)?,
                attempts: row.get(4)?,
                next_at: row.get(5)?,
                delivered_at: row.get(6)?,
                last_error: row.get(7)?,
            })
        })?;
        Ok(deliveries.collect::<Result<_, _>>()?)
    }
}

fn failed(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    key: Key,
    tenant: &str,
    attempts: u32,
    next: Next,
    error: &str,
) -> Result<(), StoreError> {
    let error: String = error.chars().take(ERROR_LENGTH).collect();
    let next_at = if let Next::At(at) = next { Some(instant_text(at)) } else { None };
    transaction.execute(
        "UPDATE delivery SET attempts = ?4, next_at = ?5, last_error = ?6
                 WHERE alert_no = ?1 AND webhook_no = ?2 AND event = ?3",
        params![key.alert_no, key.webhook_no, key.event.name(), attempts, next_at, error],
    )?;
    if next == Next::GivenUp {
        let detail = format!(
            "alert {} ({}) to the webhook {} after {attempts} attempts",
            key.alert_no,
            key.event.name(),
            key.webhook_no
        );
        audit::note(transaction, act, Some(tenant), None, "give-up-delivery", Some(&detail))?;
        if key.event == Event::Raised {
            transaction.execute(
                "UPDATE delivery SET next_at = NULL, last_error = 'its beginning was given up'
                 WHERE alert_no = ?1 AND webhook_no = ?2 AND event = 'cleared' AND next_at IS NOT NULL",
                params![key.alert_no, key.webhook_no],
            )?;
        }
    }
    Ok(())
}

/// Counts a failure of a receiver, and says until when it is waited for.
fn not_before(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    key: Key,
    wish: Duration,
) -> Result<OffsetDateTime, StoreError> {
    let failures: u32 = transaction.query_row(
        "UPDATE webhook SET failures = failures + 1 WHERE webhook_no = ?1 RETURNING failures",
        [key.webhook_no],
        |row| row.get(0),
    )?;
    // What a receiver wishes may be beyond any time.
    let at = act.now.saturating_add(wait(failures).max(wish));
    // A longer wish gives up the delivery; what comes later is tried after that.
    let latest = act.now.saturating_add(wait(failures).max(wish.min(PATIENCE)));
    transaction.execute(
        "UPDATE webhook SET not_before = ?2 WHERE webhook_no = ?1",
        params![key.webhook_no, instant_text(latest)],
    )?;
    Ok(at)
}

/// Gives up what of a receiver's deliveries will be too old at `at`.
fn give_up_old(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    webhook_no: i64,
    tenant: &str,
    at: OffsetDateTime,
) -> Result<(), StoreError> {
    let Some(oldest) = at.checked_sub(PATIENCE) else { return Ok(()) };
    // The end first: it is not given up with its beginning then, and is counted by itself.
    let old: Vec<(i64, bool, u32)> = transaction
        .prepare(
            "SELECT d.alert_no, d.event = 'raised', d.attempts FROM delivery d JOIN alert a USING (alert_no)
             WHERE d.webhook_no = ?1 AND d.next_at IS NOT NULL AND iif(d.event = 'raised', a.raised_at, a.cleared_at) < ?2
             ORDER BY d.alert_no, d.event",
        )?
        .query_map(params![webhook_no, instant_text(oldest)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (alert_no, raised, attempts) in old {
        let event = if raised { Event::Raised } else { Event::Cleared };
        let key = Key { alert_no, webhook_no, event };
        failed(transaction, act, key, tenant, attempts, Next::GivenUp, "it is too old by now")?;
    }
    Ok(())
}

/// Failed attempts of a delivery that is still to be made, when its event was, and its tenant.
#[allow(clippy::type_complexity, reason = "one use")]
fn pending(
    transaction: &Transaction<'_>,
    key: Key,
) -> Result<Option<(u32, Option<OffsetDateTime>, String)>, StoreError> {
    let found: Option<(u32, String, String)> = transaction
        .query_row(
            "SELECT d.attempts, iif(d.event = 'raised', a.raised_at, a.cleared_at), t.name
             FROM delivery d JOIN alert a USING (alert_no) JOIN tenant t USING (tenant_no)
             WHERE d.alert_no = ?1 AND d.webhook_no = ?2 AND d.event = ?3 AND d.next_at IS NOT NULL",
            params![key.alert_no, key.webhook_no, key.event.name()],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    Ok(found.map(|(attempts, since, tenant)| (attempts, parse_instant(&since), tenant)))
}

/// How long to wait after this many failures.
fn wait(attempts: u32) -> Duration {
    let doubled = 2_i32.checked_pow(attempts.saturating_sub(1)).unwrap_or(i32::MAX);
    FIRST_WAIT.checked_mul(doubled).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT))
}
