//! What one tenant's approved sources held at one moment: now, or in a snapshot of the past.
//!
//! | `at` | of each source is shown |
//! | --- | --- |
//! | none | its newest snapshot |
//! | a day | the newest snapshot of that day or of an earlier one |
//! | a run | the newest snapshot of that number or of a lower one |
//!
//! A source that has no snapshot then is not shown; where none has one, that is an error. Names of sources and pools, vendors
//! and versions are those of now: they have no history. Everything that is read through one view is of one moment of the
//! store.
//!
//! Refuses sources that are not approved, whatever is asked for.

use rusqlite::{Connection, OptionalExtension as _, named_params, params};
use time::{Date, Duration};

use crate::calendar::{day_of, day_text};
use crate::store::{Store, StoreError, tenants};

/// Which moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The end of a day.
    Day(Date),
    /// A snapshot, by the number of its run.
    Run(i64),
}

/// Which sources and pools. Names are compared without regard to the case of ASCII letters; none: any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A source by its number.
    pub source_no: Option<i64>,
    /// Sources by their name for people.
    pub server: Option<String>,
    /// Who sells it.
    pub vendor: Option<String>,
    /// The product.
    pub product: Option<String>,
    /// What of it was bought.
    pub feature: Option<String>,
    /// `named-user` and the like.
    pub license_type: Option<String>,
}

impl Filter {
    fn admits(&self, pool: &PoolAt) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(is));
        self.source_no.is_none_or(|source_no| source_no == pool.source_no)
            && same(&self.server, &pool.server)
            && same(&self.vendor, &pool.vendor)
            && same(&self.product, &pool.product)
            && same(&self.feature, &pool.feature)
            && same(&self.license_type, &pool.license_type)
    }

    fn admits_source(&self, source: &SourceAt) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(is));
        self.source_no.is_none_or(|source_no| source_no == source.source_no)
            && same(&self.server, &source.server)
            && same(&self.vendor, &source.vendor)
    }
}

/// A source at that moment.
#[derive(Debug, Clone)]
pub(crate) struct SourceAt {
    pub(crate) source_no: i64,
    pub(crate) server: String,
    pub(crate) vendor: String,
    pub(crate) version: Option<String>,
    /// The snapshot, and its day.
    pub(crate) run_no: i64,
    pub(crate) taken_on: String,
    /// Whether it is shown as it is, not as it was.
    pub(crate) newest: bool,
}

/// A pool at that moment.
#[derive(Debug, Clone)]
pub(crate) struct PoolAt {
    pub(crate) pool_no: i64,
    pub(crate) source_no: i64,
    pub(crate) server: String,
    pub(crate) vendor: String,
    pub(crate) version: Option<String>,
    pub(crate) run_no: i64,
    pub(crate) taken_on: String,
    pub(crate) pool_id: String,
    pub(crate) scope_id: String,
    pub(crate) scope_name: String,
    pub(crate) product: String,
    pub(crate) feature: String,
    pub(crate) kind: String,
    pub(crate) license_type: String,
    /// What the snapshot says of it; none: it was not there.
    pub(crate) figures: Option<Figures>,
}

/// What a snapshot says of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) entitled: Option<i64>,
    pub(crate) unlimited: bool,
    pub(crate) allocated: Option<i64>,
    pub(crate) max_allocated: Option<i64>,
    pub(crate) overage_now: Option<i64>,
    pub(crate) overage_term: Option<i64>,
    pub(crate) term_start: Option<String>,
    pub(crate) term_end: Option<String>,
    pub(crate) is_trial: Option<bool>,
    pub(crate) holders: i64,
}

/// One moment of a tenant, on a connection of its own.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) reader: Connection,
    /// Sources that the filter admits.
    pub(crate) sources: Vec<SourceAt>,
    /// Pools that the filter admits, those that were not there included, by number.
    pub(crate) pools: Vec<PoolAt>,
    /// Whether a source is shown as it was, not as it is.
    pub(crate) historic: bool,
}

const APPROVED: &str = "('active', 'problem', 'unreachable')";

impl View {
    /// # Errors
    /// [`StoreError::Unknown`] tenant or snapshot.
    pub(crate) fn of(store: &Store, tenant: &str, at: Option<At>, filter: &Filter) -> Result<Self, StoreError> {
        let reader = store.reader()?;
        // Rolled back when the connection is dropped.
        reader.execute_batch("BEGIN")?;
        let tenant_no = tenants::by_name(&reader, tenant)?.tenant_no;
        let mut sources = sources_at(&reader, tenant_no, at)?;
        if let Some(at) = at {
            snapshot_exists(&reader, tenant_no, at, &sources)?;
        }
        sources.retain(|source| filter.admits_source(source));
        let historic = sources.iter().any(|source| !source.newest);
        let mut pools = Vec::new();
        for source in &sources {
            pools.extend(pools_of(&reader, source)?.into_iter().filter(|pool| filter.admits(pool)));
        }
        pools.sort_by_key(|pool| pool.pool_no);
        Ok(Self { reader, sources, pools, historic })
    }

    /// Pools that were there, with what was said of them.
    pub(crate) fn present(&self) -> impl Iterator<Item = (&PoolAt, &Figures)> {
        self.pools.iter().filter_map(|pool| pool.figures.as_ref().map(|figures| (pool, figures)))
    }

    pub(crate) fn pool(&self, pool_no: i64) -> Option<&PoolAt> {
        let place = self.pools.binary_search_by_key(&pool_no, |pool| pool.pool_no).ok()?;
        self.pools.get(place)
    }
}

fn snapshot_exists(reader: &Connection, tenant_no: i64, at: At, sources: &[SourceAt]) -> Result<(), StoreError> {
    let name = match at {
        At::Day(_) if !sources.is_empty() => return Ok(()),
        At::Day(day) => format!("of {} or before", day_text(day)),
        At::Run(run_no) => {
            let found = reader
                .query_row(
                    &format!(
                        "SELECT 1 FROM run r JOIN source s USING (source_no)
                         WHERE r.run_no = ?1 AND r.state = 'complete' AND s.tenant_no = ?2 AND s.state IN {APPROVED}"
                    ),
                    params![run_no, tenant_no],
                    |_| Ok(()),
                )
                .optional()?;
            if found.is_some() {
                return Ok(());
            }
            run_no.to_string()
        }
    };
    Err(StoreError::Unknown { what: "snapshot", name })
}

fn sources_at(reader: &Connection, tenant_no: i64, at: Option<At>) -> Result<Vec<SourceAt>, StoreError> {
    let (day, run_no) = match at {
        None => (None, None),
        Some(At::Day(day)) => (Some(day_text(day)), None),
        Some(At::Run(run_no)) => (None, Some(run_no)),
    };
    let mut statement = reader.prepare(&format!(
        "SELECT s.source_no, s.display_name, s.vendor, json_extract(s.facts, '$.product_version'), r.run_no, r.taken_on,
                r.run_no = s.snapshot_run
         FROM source s JOIN run r ON r.run_no = iif(:day IS NULL AND :run IS NULL, s.snapshot_run,
              (SELECT max(x.run_no) FROM run x WHERE x.source_no = s.source_no AND x.state = 'complete'
               AND (:run IS NULL OR x.run_no <= :run) AND (:day IS NULL OR x.taken_on <= :day)))
         WHERE s.tenant_no = :tenant AND s.state IN {APPROVED} ORDER BY s.source_no"
    ))?;
    let sources = statement.query_map(named_params! { ":day": day, ":run": run_no, ":tenant": tenant_no }, |row| {
        Ok(SourceAt {
            source_no: row.get(0)?,
            server: row.get(1)?,
            vendor: row.get(2)?,
            version: row.get(3)?,
            run_no: row.get(4)?,
            taken_on: row.get(5)?,
            newest: row.get(6)?,
        })
    })?;
    Ok(sources.collect::<Result<_, _>>()?)
}

fn pools_of(reader: &Connection, source: &SourceAt) -> Result<Vec<PoolAt>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT l.pool_no, l.pool_id, l.scope_id, l.scope_name, l.product, l.feature, l.kind, l.license_type,
                f.pool_no IS NOT NULL, f.entitled, f.unlimited, f.allocated, f.max_allocated, f.term_start, f.term_end,
                f.is_trial, f.holders, f.overage_now, f.overage_term
         FROM pool l LEFT JOIN pool_figures f ON f.pool_no = l.pool_no AND f.run_no = ?2
         WHERE l.source_no = ?1",
    )?;
    let pools = statement.query_map(params![source.source_no, source.run_no], |row| {
        let there: bool = row.get(8)?;
        let figures = if there {
            Some(Figures {
                entitled: row.get(9)?,
                unlimited: row.get(10)?,
                allocated: row.get(11)?,
                max_allocated: row.get(12)?,
                term_start: row.get(13)?,
                term_end: row.get(14)?,
                is_trial: row.get(15)?,
                holders: row.get(16)?,
                overage_now: row.get(17)?,
                overage_term: row.get(18)?,
            })
        } else {
            None
        };
        Ok(PoolAt {
            pool_no: row.get(0)?,
            source_no: source.source_no,
            server: source.server.clone(),
            vendor: source.vendor.clone(),
            version: source.version.clone(),
            run_no: source.run_no,
            taken_on: source.taken_on.clone(),
            pool_id: row.get(1)?,
            scope_id: row.get(2)?,
            scope_name: row.get(3)?,
            product: row.get(4)?,
            feature: row.get(5)?,
            kind: row.get(6)?,
            license_type: row.get(7)?,
            figures,
        })
    })?;
    Ok(pools.collect::<Result<_, _>>()?)
}

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
}

impl Period {
    /// The `days` days that end with `to`; at least one.
    #[must_use]
    pub fn ending(to: Date, days: u32) -> Self {
        Self { from: days_before(to, days.saturating_sub(1)), to }
    }
}

/// The day `days` before, or the first that can be written.
#[must_use]
pub(crate) fn days_before(day: Date, days: u32) -> Date {
    let first = Date::from_ordinal_date(1, 1).unwrap_or(Date::MIN);
    day.checked_sub(Duration::days(i64::from(days))).map_or(first, |earlier| earlier.max(first))
}

/// Whole days from one day to a later one, both as the store writes them.
pub(crate) fn days_between(from: &str, to: Date) -> Option<i64> {
    Some((to - day_of(from)?).whole_days())
}
