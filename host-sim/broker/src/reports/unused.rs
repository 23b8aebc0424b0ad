//! *Expired or unused licenses*: seats that could be had back, each with the reason and the day that proves it.
//!
//! | reason | when | evidence |
//! | --- | --- | --- |
//! | `inactive` | the last known activity is more than `threshold` days ago | that day |
//! | `never-active` | the source says never, and the later of the account's making and the assignment is more than `grace` days ago | that later day; the day of the first snapshot with the seat, where neither is known |
//! | `unknown` | nobody can tell, and no known day lies within the threshold | the day of the snapshot |
//! | `term-ended` | the pool's term ended before today | its last day |
//! | `assignment-ended` | the assignment ended before today | its last day |
//! | `add-on-without-base` | who holds the add-on holds no seat of a base pool of the same source and scope | the day the last one was left; the day of the snapshot, where that is not known |
//!
//! A seat with a last activity of its own, as an add-on may have, is judged by it alone. Where a seat of the pool has one in the
//! snapshot, the source tells them apart, and a seat without one was never used: `never-active` after the grace, whatever the
//! account did, since the assignment or, where that is not known, the first snapshot with the seat. Any other seat is judged by
//! the later of the account's last activity and last sign-in. An age of exactly `threshold` or `grace` days is not yet too old, and the last
//! day of a term or an assignment is a good one. Days are in UTC.
//!
//! Unknown is a bucket of its own and never counts as unused. A seat with several reasons has a row for each, and counts
//! once. Seats that count are those of Allocation.
//!
//! Of a past snapshot, days of activity that lie after it do not count, and those before it count even where they were
//! learnt later.

use serde::{Deserialize, Serialize};
use time::Date;

use super::judge::{self, Judge};
use crate::store::{Store, StoreError};
use crate::table::{Column, Kind, Row, Value, column};
use crate::view::{At, Filter, PoolAt, View, days_between};

/// Thresholds that are offered, days.
pub const THRESHOLDS: [u32; 4] = [30, 60, 90, 120];

/// What counts as too long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Days without activity after which a seat is unused. GitLab calls an account dormant after 90.
    pub threshold: u32,
    /// Days which a new account or assignment has to be used for the first time.
    pub grace: u32,
}

impl Default for Rule {
    fn default() -> Self {
        Self { threshold: 90, grace: 7 }
    }
}

/// Why a seat is in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "see the module's table")]
pub enum Reason {
    Inactive,
    NeverActive,
    Unknown,
    TermEnded,
    AssignmentEnded,
    AddOnWithoutBase,
}

impl Reason {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 6] = [
        Self::Inactive,
        Self::NeverActive,
        Self::Unknown,
        Self::TermEnded,
        Self::AssignmentEnded,
        Self::AddOnWithoutBase,
    ];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::NeverActive => "never-active",
            Self::Unknown => "unknown",
            Self::TermEnded => "term-ended",
            Self::AssignmentEnded => "assignment-ended",
            Self::AddOnWithoutBase => "add-on-without-base",
        }
    }

    /// The reason of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    pub(super) fn bit(self) -> i64 {
        match self {
            Self::Inactive => 1,
            Self::NeverActive => 2,
            Self::Unknown => 4,
            Self::TermEnded => 8,
            Self::AssignmentEnded => 16,
            Self::AddOnWithoutBase => 32,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Of which sources and pools.
    pub filter: Filter,
    /// What is too long ago.
    pub rule: Rule,
    /// Rows of this reason alone.
    pub reason: Option<Reason>,
    /// A moment of the past; none: now.
    pub at: Option<At>,
}

/// One seat and one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unused {
    /// The source's name for people.
    pub server: String,
    /// Who sells it.
    pub vendor: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// Login name, or what stands for it.
    pub user: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Address.
    pub email: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The day that proves it, `YYYY-MM-DD`.
    pub evidence_on: String,
    /// Days from then to today.
    pub days: Option<i64>,
    /// Whether the vendor lets the assignment be removed by itself; none: it does not say.
    pub removable: Option<bool>,
}

impl Row for Unused {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("vendor", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("user", Kind::Text),
        column("display_name", Kind::Text),
        column("email", Kind::Text),
        column("reason", Kind::Text),
        column("evidence_on", Kind::Day),
        column("days", Kind::Integer),
        column("removable", Kind::Boolean),
    ];

    fn values(&self) -> Vec<Value> {
        vec![
            self.server.as_str().into(),
            self.vendor.as_str().into(),
            self.product.as_str().into(),
            self.feature.as_str().into(),
            self.scope.as_str().into(),
            self.user.as_str().into(),
            self.display_name.clone().into(),
            self.email.clone().into(),
            self.reason.name().into(),
            self.evidence_on.as_str().into(),
            self.days.into(),
            self.removable.into(),
        ]
    }
}

/// The seats of one pool, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolSummary {
    /// The pool's number in the store.
    pub pool_no: i64,
    /// The source's name for people.
    pub server: String,
    /// The product.
    pub product: String,
    /// What of it was bought.
    pub feature: String,
    /// The subscription: a group or the instance.
    pub scope: String,
    /// Seats that are held.
    pub holders: i64,
    /// Of those: seen to be active within the threshold.
    pub active: i64,
    /// Of those: never active, and still within the grace.
    pub new: i64,
    /// Of those, by reason. A seat with several counts in each.
    pub inactive: i64,
    /// See `inactive`.
    pub never_active: i64,
    /// Neither active nor unused: nobody can tell.
    pub unknown: i64,
    /// See `inactive`.
    pub term_ended: i64,
    /// See `inactive`.
    pub assignment_ended: i64,
    /// See `inactive`.
    pub add_on_without_base: i64,
    /// Seats with any reason but `unknown`, each once.
    pub expired_or_unused: i64,
    /// The same without those whose only reason is the end of the pool's term: there a whole subscription is over, and taking
    /// a seat from somebody saves nothing.
    pub reclaimable: i64,
}

impl Row for PoolSummary {
    const COLUMNS: &'static [Column] = &[
        column("server", Kind::Text),
        column("product", Kind::Text),
        column("feature", Kind::Text),
        column("scope", Kind::Text),
        column("holders", Kind::Integer),
        column("active", Kind::Integer),
        column("new", Kind::Integer),
        column("inactive", Kind::Integer),
        column("never_active", Kind::Integer),
        column("unknown", Kind::Integer),
        column("term_ended", Kind::Integer),
        column("assignment_ended", Kind::Integer),
        column("add_on_without_base", Kind::Integer),
        column("expired_or_unused", Kind::Integer),
        column("reclaimable", Kind::Integer),
    ];

    fn values(&self) -> Vec<Value> {
        let texts = [&self.server, &self.product, &self.feature, &self.scope];
        let numbers = [
            self.holders,
            self.active,
            self.new,
            self.inactive,
            self.never_active,
            self.unknown,
            self.term_ended,
            self.assignment_ended,
            self.add_on_without_base,
            self.expired_or_unused,
            self.reclaimable,
        ];
        texts.into_iter().map(|text| text.as_str().into()).chain(numbers.into_iter().map(Value::from)).collect()
    }
}

/// What is counted by pool; pools that were not there are not told of.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot; [`StoreError::Invalid`] threshold.
pub fn summary(store: &Store, tenant: &str, query: &Query, today: Date) -> Result<Vec<PoolSummary>, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    summary_of(&view, query.rule, today)
}

pub(super) fn summary_of(view: &View, rule: Rule, today: Date) -> Result<Vec<PoolSummary>, StoreError> {
    let judge = Judge::of(view, rule, today)?;
    let mut pools = Vec::new();
    for (pool, _) in view.present() {
        pools.push(count(pool, &judge.counts(pool.pool_no)?));
    }
    Ok(pools)
}

pub(super) fn count(pool: &PoolAt, verdicts: &[(i64, i64)]) -> PoolSummary {
    let sum = |test: &dyn Fn(i64) -> bool| {
        verdicts.iter().filter(|(verdict, _)| test(*verdict)).map(|(_, seats)| seats).sum::<i64>()
    };
    let of = |bits: i64| sum(&|verdict| verdict & bits != 0);
    let [inactive, never_active, unknown, term_ended, assignment_ended, add_on_without_base] =
        Reason::ALL.map(|reason| of(reason.bit()));
    let all = Reason::ALL.iter().map(|reason| reason.bit()).sum::<i64>();
    PoolSummary {
        pool_no: pool.pool_no,
        server: pool.server.clone(),
        product: pool.product.clone(),
        feature: pool.feature.clone(),
        scope: pool.scope_name.clone(),
        holders: sum(&|_| true),
        active: of(judge::ACTIVE),
        new: of(judge::NEW),
        inactive,
        never_active,
        unknown,
        term_ended,
        assignment_ended,
        add_on_without_base,
        expired_or_unused: of(all - Reason::Unknown.bit()),
        reclaimable: of(all - Reason::Unknown.bit() - Reason::TermEnded.bit()),
    }
}

/// Some of the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Page {
    /// By pool, then person, then reason.
    pub rows: Vec<Unused>,
    /// Rows of the report, whatever the page.
    pub total: i64,
}

/// Up to `most` rows after the first `skip`.
///
/// # Errors
/// [`StoreError::Unknown`] tenant or snapshot; [`StoreError::Invalid`] threshold.
pub fn page(
    store: &Store,
    tenant: &str,
    query: &Query,
    today: Date,
    skip: u64,
    most: usize,
) -> Result<Page, StoreError> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let judge = Judge::of(&view, query.rule, today)?;
    let wanted = wanted(query);
    let mut total = 0;
    let mut rows = Vec::new();
    let mut skip = i64::try_from(skip).unwrap_or(i64::MAX);
    for (pool, _) in view.present() {
        let of_pool: i64 = judge
            .counts(pool.pool_no)?
            .into_iter()
            .map(|(verdict, seats)| i64::from((verdict & wanted).count_ones()) * seats)
            .sum();
        total += of_pool;
        if skip >= of_pool {
            skip -= of_pool;
            continue;
        }
        if rows.len() < most {
            each_of(&judge, pool, wanted, today, |row| {
                if skip > 0 {
                    skip -= 1;
                } else {
                    rows.push(row);
                }
                Ok::<_, StoreError>(rows.len() < most)
            })?;
        }
    }
    Ok(Page { rows, total })
}

/// Every row, one by one. Returns how many.
///
/// # Errors
/// As [`page`], and those of `act`, after which no further row is read.
pub fn each<E: From<StoreError>>(
    store: &Store,
    tenant: &str,
    query: &Query,
    today: Date,
    mut act: impl FnMut(Unused) -> Result<(), E>,
) -> Result<u64, E> {
    let view = View::of(store, tenant, query.at, &query.filter)?;
    let judge = Judge::of(&view, query.rule, today)?;
    let mut count = 0;
    for (pool, _) in view.present() {
        each_of(&judge, pool, wanted(query), today, |row| {
            count += 1;
            act(row).map(|()| true)
        })?;
    }
    Ok(count)
}

fn wanted(query: &Query) -> i64 {
    query.reason.map_or_else(|| Reason::ALL.iter().map(|reason| reason.bit()).sum(), Reason::bit)
}

/// Rows of one pool, until `act` says no.
fn each_of<E: From<StoreError>>(
    judge: &Judge<'_>,
    pool: &PoolAt,
    wanted: i64,
    today: Date,
    mut act: impl FnMut(Unused) -> Result<bool, E>,
) -> Result<(), E> {
    judge.each(pool, wanted, |seat| {
        for reason in Reason::ALL {
            if seat.verdict & wanted & reason.bit() == 0 {
                continue;
            }
            let evidence_on = match reason {
                Reason::Inactive => seat.last_on.clone(),
                Reason::NeverActive => Some(seat.since.clone()),
                Reason::Unknown => None,
                Reason::TermEnded => pool.figures.as_ref().and_then(|figures| figures.term_end.clone()),
                Reason::AssignmentEnded => seat.ends_on.clone(),
                Reason::AddOnWithoutBase => judge.base_left_on(pool, seat.person_no)?,
            }
            .unwrap_or_else(|| pool.taken_on.clone());
            let go_on = act(Unused {
                server: pool.server.clone(),
                vendor: pool.vendor.clone(),
                product: pool.product.clone(),
                feature: pool.feature.clone(),
                scope: pool.scope_name.clone(),
                user: seat.user.clone(),
                display_name: seat.display_name.clone(),
                email: seat.email.clone(),
                reason,
                days: days_between(&evidence_on, today),
                evidence_on,
                removable: seat.removable,
            })?;
            if !go_on {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
