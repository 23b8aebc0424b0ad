//! What an administrator should hear of without asking.
//!
//! | part | does |
//! | --- | --- |
//! | [`rules`] | says what is true of a source now |
//! | this | opens an alert for what is newly true, and clears one for what is over |
//! | [`webhooks`] | whom a tenant wants told |
//! | [`outbox`] | what is to be sent, to whom and when; what became of it |
//! | [`signature`] | by which the receiver knows that it was this broker |
//!
//! Guarantees: what is true opens one alert, which stays open, with what it rested on, as long as it is true or nobody can tell;
//! when it is true again later, that is another alert. Raising, clearing and the deliveries of both are one transaction. Names no people of
//! a source.
//!
//! A source that is removed takes its alerts with it, and what was still to be sent of them: nobody hears that they are over.
//!
//! Nothing is sent here: the host sends what the outbox holds, and notes what became of it.

pub mod outbox;
pub mod rules;
pub mod signature;
pub mod webhooks;

use rusqlite::{Transaction, params};
use serde::Serialize;

use self::rules::{Found, Thresholds};
use crate::calendar::instant_text;
use crate::headroom;
use crate::store::audit::Act;
use crate::store::{Store, StoreError, tenants};

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Its number, which is never given again.
    pub alert_no: i64,
    /// What it tells of, `kebab-case`: see [`rules`].
    pub kind: String,
    /// Number of the source.
    pub source_no: i64,
    /// Name of the source.
    pub source: String,
    /// The vendor's id of the pool; none: it is about the source.
    pub pool_id: Option<String>,
    /// One sentence.
    pub message: String,
    /// What it rests on: figures and their days.
    pub evidence: serde_json::Value,
    /// RFC 3339.
    pub raised_at: String,
    /// When what it tells of was over, RFC 3339; none: it is not.
    pub cleared_at: Option<String>,
}

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Alerts that were opened.
    pub raised: Vec<Alert>,
    /// Alerts that were cleared.
    pub cleared: Vec<Alert>,
}

const SELECT: &str = "SELECT a.alert_no, a.kind, a.source_no, s.display_name, l.pool_id, a.message, a.evidence, a.raised_at, a.cleared_at
     FROM alert a JOIN source s USING (source_no) LEFT JOIN pool l USING (pool_no) JOIN tenant t ON t.tenant_no = a.tenant_no";

fn alert_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Alert> {
    let evidence: String = row.get(6)?;
    Ok(Alert {
        alert_no: row.get(0)?,
        kind: row.get(1)?,
        source_no: row.get(2)?,
        source: row.get(3)?,
        pool_id: row.get(4)?,
        message: row.get(5)?,
        evidence: serde_json::from_str(&evidence).unwrap_or_default(),
        raised_at: row.get(7)?,
        cleared_at: row.get(8)?,
    })
}

/// An alert that is open, as it is compared with what is true.
struct Open {
    alert_no: i64,
    source_no: i64,
    pool_no: Option<i64>,
    kind: String,
}

impl Open {
    fn tells_of(&self, source_no: i64, found: &Found) -> bool {
        self.source_no == source_no && self.pool_no == found.pool_no && self.kind == found.kind.name()
    }
}

impl Store {
    /// Judges all approved sources of a tenant: after each run, and daily, since days pass without one, too.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn judge(&self, act: Act<'_>, tenant: &str, thresholds: &Thresholds) -> Result<Judged, StoreError> {
        self.write(|transaction| {
            let tenant_no = tenants::by_name(transaction, tenant)?.tenant_no;
            let mut open = open_alerts(transaction, tenant_no)?;
            let mut judged = Judged::default();
            for source in headroom::sources(transaction, Some(tenant))? {
                let judgement = rules::judge(&source, act.now, thresholds);
                let untold = judgement.untold.map(rules::Kind::name);
                open.retain(|alert| {
                    !(alert.source_no == source.source_no && alert.pool_no.is_none() && Some(&*alert.kind) == untold)
                });
                for found in judgement.found {
                    if let Some(place) = open.iter().position(|alert| alert.tells_of(source.source_no, &found)) {
                        open.swap_remove(place);
                    } else {
                        judged.raised.push(raise(transaction, act, tenant_no, source.source_no, &found)?);
                    }
                }
            }
            open.sort_by_key(|alert| alert.alert_no);
            for alert in open {
                judged.cleared.push(clear(transaction, act, alert.alert_no)?);
            }
            Ok(judged)
        })
    }

    /// The newest `most` alerts of a tenant, newest first; with `open` those alone that are not cleared.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] tenant.
    pub fn alerts(&self, tenant: &str, open: bool, most: u32) -> Result<Vec<Alert>, StoreError> {
        let reader = self.reader()?;
        tenants::by_name(&reader, tenant)?;
        let mut statement = reader.prepare(&format!(
            "{SELECT} WHERE t.name = ?1 AND (NOT ?2 OR a.cleared_at IS NULL) ORDER BY a.alert_no DESC LIMIT ?3"
        ))?;
        Ok(statement.query_map(params![tenant, open, most], alert_of)?.collect::<Result<_, _>>()?)
    }
}

fn open_alerts(transaction: &Transaction<'_>, tenant_no: i64) -> Result<Vec<Open>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT alert_no, source_no, pool_no, kind FROM alert WHERE tenant_no = ?1 AND cleared_at IS NULL",
    )?;
    let open = statement.query_map([tenant_no], |row| {
        Ok(Open { alert_no: row.get(0)?, source_no: row.get(1)?, pool_no: row.get(2)?, kind: row.get(3)? })
    })?;
    Ok(open.collect::<Result<_, _>>()?)
}

fn raise(
    transaction: &Transaction<'_>,
    act: Act<'_>,
    tenant_no: i64,
    source_no: i64,
    found: &Found,
) -> Result<Alert, StoreError> {
    let now = instant_text(act.now);
    transaction.execute(
        "INSERT INTO alert (tenant_no, source_no, pool_no, kind, message, evidence, raised_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![tenant_no, source_no, found.pool_no, found.kind.name(), found.message, found.evidence.to_string(), now],
    )?;
    let alert_no = transaction.last_insert_rowid();
    transaction.execute(
        "INSERT INTO delivery (alert_no, webhook_no, event, next_at)
         SELECT ?1, webhook_no, 'raised', ?3 FROM webhook WHERE tenant_no = ?2",
        params![alert_no, tenant_no, now],
    )?;
    by_no(transaction, alert_no)
}

/// Whoever was not told that it was raised, and will not be, is not told that it is over.
fn clear(transaction: &Transaction<'_>, act: Act<'_>, alert_no: i64) -> Result<Alert, StoreError> {
    let now = instant_text(act.now);
    transaction.execute("UPDATE alert SET cleared_at = ?2 WHERE alert_no = ?1", params![alert_no, now])?;
    transaction.execute(
        "INSERT INTO delivery (alert_no, webhook_no, event, next_at)
         SELECT alert_no, webhook_no, 'cleared', ?2 FROM delivery
         WHERE alert_no = ?1 AND event = 'raised' AND (delivered_at IS NOT NULL OR next_at IS NOT NULL)",
        params![alert_no, now],
    )?;
    by_no(transaction, alert_no)
}

fn by_no(transaction: &Transaction<'_>, alert_no: i64) -> Result<Alert, StoreError> {
    Ok(transaction.prepare_cached(&format!("{SELECT} WHERE a.alert_no = ?1"))?.query_row([alert_no], alert_of)?)
}

#[cfg(test)]
mod tests;
