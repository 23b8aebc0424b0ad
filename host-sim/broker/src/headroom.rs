//! What the newest snapshot of each approved source says of its pools: what alerts judge and a monitoring system is told.
//!
//! Guarantees: unknown stays unknown. Without what was bought there is no utilisation and nothing free; without limit, too.
//! Refuses sources that are not approved, and pools that the newest snapshot does not have.

use rusqlite::{Connection, params};

use crate::store::StoreError;

/// An approved source, with its pools.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) tenant: String,
    pub(crate) source_no: i64,
    pub(crate) source_key: String,
    pub(crate) display_name: String,
    pub(crate) vendor: String,
    pub(crate) state: String,
    pub(crate) paused: bool,
    pub(crate) trouble: Option<String>,
    pub(crate) failures: i64,
    /// When the first run since the newest snapshot failed or read a part only, RFC 3339.
    pub(crate) failing_since: Option<String>,
    /// What the last Test connection said, if the credential is still the one that it was made with.
    pub(crate) report: Option<String>,
    pub(crate) tested_at: Option<String>,
    /// When the newest snapshot was taken, and its day.
    pub(crate) snapshot_at: Option<String>,
    pub(crate) snapshot_on: Option<String>,
    pub(crate) pools: Vec<Pool>,
}

/// A pool in that snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    pub(crate) pool_no: i64,
    pub(crate) pool_id: String,
    pub(crate) scope_name: String,
    pub(crate) product: String,
    pub(crate) feature: String,
    pub(crate) entitled: Option<i64>,
    pub(crate) unlimited: bool,
    pub(crate) allocated: Option<i64>,
    pub(crate) overage_now: Option<i64>,
    pub(crate) overage_term: Option<i64>,
    pub(crate) term_end: Option<String>,
    pub(crate) auto_renew: Option<bool>,
    pub(crate) holders: i64,
    /// Its holders in the complete snapshot before, and the day of that; none: there was none, or the pool was not in it.
    pub(crate) before: Option<(i64, String)>,
}

impl Pool {
    /// Seats allocated, and what was bought; none when either is unknown or there is no limit.
    pub(crate) fn used(&self) -> Option<(i64, i64)> {
        if self.unlimited { None } else { self.allocated.zip(self.entitled) }
    }

    /// Seats that can still be given.
    pub(crate) fn free(&self) -> Option<i64> {
        self.used().map(|(allocated, entitled)| entitled.saturating_sub(allocated).max(0))
    }

    /// Seats in use beyond what was bought: the vendor's figure, else the difference.
    pub(crate) fn over(&self) -> Option<i64> {
        let entitled = self.entitled.filter(|_| !self.unlimited);
        over(self.overage_now, self.allocated, entitled)
    }
}

/// What is over what was bought, now or at the most of a term: the vendor's figure, else the difference; alerts and reports go by
/// the same.
pub(crate) fn over(vendors: Option<i64>, used: Option<i64>, entitled: Option<i64>) -> Option<i64> {
    vendors.or_else(|| Some(used?.saturating_sub(entitled?).max(0)))
}

/// The approved sources of one tenant, or of all, by tenant and number; their pools by id.
///
/// # Errors
/// [`StoreError::Sqlite`].
pub(crate) fn sources(reader: &Connection, tenant: Option<&str>) -> Result<Vec<Source>, StoreError> {
    let mut statement = reader.prepare(
        "SELECT t.name, s.source_no, s.source_key, s.display_name, s.vendor, s.state, s.paused, s.trouble, s.failures,
                iif(s.tested_at >= c.sealed_at, s.report, NULL), s.tested_at, r.started_at, r.taken_on,
                (SELECT min(coalesce(f.ended_at, f.started_at)) FROM run f
                 WHERE f.source_no = s.source_no AND f.run_no > coalesce(s.snapshot_run, 0)
                   AND (f.state IN ('partial', 'failed') OR f.failure_code IS NOT NULL))
         FROM source s JOIN tenant t USING (tenant_no) LEFT JOIN credential c USING (source_no)
         LEFT JOIN run r ON r.run_no = s.snapshot_run
         WHERE s.state IN ('active', 'problem', 'unreachable') AND (?1 IS NULL OR t.name = ?1)
         ORDER BY t.name, s.source_no",
    )?;
    let mut sources = statement
        .query_map([tenant], |row| {
            Ok(Source {
                tenant: row.get(0)?,
                source_no: row.get(1)?,
                source_key: row.get(2)?,
                display_name: row.get(3)?,
                vendor: row.get(4)?,
                state: row.get(5)?,
                paused: row.get(6)?,
                trouble: row.get(7)?,
                failures: row.get(8)?,
                report: row.get(9)?,
                tested_at: row.get(10)?,
                snapshot_at: row.get(11)?,
                snapshot_on: row.get(12)?,
                failing_since: row.get(13)?,
                pools: Vec::new(),
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for source in &mut sources {
        source.pools = pools(reader, source.source_no)?;
    }
    Ok(sources)
}

fn pools(reader: &Connection, source_no: i64) -> Result<Vec<Pool>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT l.pool_no, l.pool_id, l.scope_name, l.product, l.feature, f.entitled, f.unlimited, f.allocated, f.overage_now,
                f.overage_term, f.term_end, f.auto_renew, f.holders, b.holders, r.taken_on
         FROM source s JOIN pool l USING (source_no) JOIN pool_figures f ON f.pool_no = l.pool_no AND f.run_no = s.snapshot_run
         LEFT JOIN run r ON r.run_no = (SELECT max(x.run_no) FROM run x WHERE x.source_no = s.source_no
                                        AND x.state = 'complete' AND x.run_no < s.snapshot_run)
         LEFT JOIN pool_figures b ON b.pool_no = l.pool_no AND b.run_no = r.run_no
         WHERE s.source_no = ?1 ORDER BY l.pool_id",
    )?;
    let pools = statement.query_map(params![source_no], |row| {
        let holders: Option<i64> = row.get(13)?;
        Ok(Pool {
            pool_no: row.get(0)?,
            pool_id: row.get(1)?,
            scope_name: row.get(2)?,
            product: row.get(3)?,
            feature: row.get(4)?,
            entitled: row.get(5)?,
            unlimited: row.get(6)?,
            allocated: row.get(7)?,
            overage_now: row.get(8)?,
            overage_term: row.get(9)?,
            term_end: row.get(10)?,
            auto_renew: row.get(11)?,
            holders: row.get(12)?,
            before: holders.zip(row.get(14)?),
        })
    })?;
    Ok(pools.collect::<Result<_, _>>()?)
}
