//! What the administrator sees of one run: who holds which license since when.
//!
//! Derived from one run, without a store: the first day a person was seen is then today, and is marked so.
//!
//! | figure | rule |
//! | --- | --- |
//! | row | an assignment that holds a seat, or of which the source does not say; each once, as it came first |
//! | start | `assigned_on`, else the day of this run, marked as first seen |
//! | end | the earlier of `ends_on` and the pool's `term_end` |
//!
//! Which seats nobody uses is told by the broker's reports, of what was kept.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde::Serialize;
use time::Date;

use crate::contract::{Assignment, Batch, Entry, Pool, User};
use crate::records;

/// One row of Allocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllocationRow {
    /// Name of the source.
    pub server: String,
    /// Vendor.
    pub vendor: String,
    /// Feature.
    pub feature: String,
    /// How the license is bound.
    pub license_type: &'static str,
    /// Login name.
    pub user: String,
    /// First day, `YYYY-MM-DD`.
    pub start: String,
    /// Whether `start` is only the first day on which the person was seen.
    pub start_is_first_seen: bool,
    /// Last day, `YYYY-MM-DD`, if there is one.
    pub end: Option<String>,
}

/// Turns batches into rows. Holds the source and the pools, which are few; of users only those of the batch at hand, and
/// eight bytes for each row made.
pub struct Allocation {
    today: Date,
    server: String,
    vendor: String,
    pools: BTreeMap<String, Pool>,
    hasher: RandomState,
    made: HashSet<u64>,
}

impl Allocation {
    /// Rows as of `today`.
    #[must_use]
    pub fn new(today: Date) -> Self {
        Self {
            today,
            server: String::new(),
            vendor: String::new(),
            pools: BTreeMap::new(),
            hasher: RandomState::new(),
            made: HashSet::new(),
        }
    }

    /// The rows of the next batch.
    pub fn rows(&mut self, batch: &Batch) -> Vec<AllocationRow> {
        let mut rows = Vec::new();
        let mut users: BTreeMap<&str, &User> = BTreeMap::new();
        for entry in &batch.entries {
            match entry {
                Entry::Source(source) => {
                    self.server.clone_from(&source.display_name);
                    self.vendor.clone_from(&source.vendor);
                }
                Entry::Pool(pool) => {
                    self.pools.insert(pool.pool_id.clone(), pool.clone());
                }
                Entry::User(user) => {
                    users.insert(&user.user_id, user);
                }
                Entry::Assignment(assignment) => {
                    let pool = self.pools.get(&assignment.pool_id);
                    if assignment.consumes_seat == Some(false) {
                        continue;
                    }
                    let (Some(pool), Some(user)) = (pool, users.get(assignment.user_id.as_str())) else {
                        continue;
                    };
                    // Somebody who stands in several lists of the service is delivered several times.
                    if self.made.insert(self.hasher.hash_one((&assignment.pool_id, &assignment.user_id))) {
                        rows.push(self.row(pool, user, assignment));
                    }
                }
            }
        }
        rows
    }

    fn row(&self, pool: &Pool, user: &User, assignment: &Assignment) -> AllocationRow {
        let ends = [assignment.ends_on.as_deref(), pool.term_end.as_deref()];
        AllocationRow {
            server: self.server.clone(),
            vendor: self.vendor.clone(),
            feature: pool.feature.clone(),
            license_type: records::license_type(pool.license_type),
            user: user.username.clone(),
            start: assignment.assigned_on.clone().unwrap_or_else(|| self.today.to_string()),
            start_is_first_seen: assignment.assigned_on.is_none(),
            // Days are text that sorts as the days do.
            end: ends.into_iter().flatten().min().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use time::macros::date;

    use super::{Allocation, AllocationRow};
    use crate::contract::{Assignment, Entry, Pool, User};
    use crate::samples;

    const TODAY: time::Date = date!(2026 - 05 - 01);

    fn rows(pool: Pool, user: User, assignment: Assignment) -> Option<AllocationRow> {
        let entries =
            vec![Entry::Source(samples::source()), Entry::Pool(pool), Entry::User(user), Entry::Assignment(assignment)];
        let mut rows = Allocation::new(TODAY).rows(&samples::batch(entries));
        assert!(rows.len() <= 1);
        rows.pop()
    }

    #[test]
    fn who_holds_no_seat_has_no_row() {
        for (consumes_seat, has_row) in [(Some(true), true), (None, true), (Some(false), false)] {
            let assignment = Assignment { consumes_seat, ..samples::assignment() };
            assert_eq!(rows(samples::pool(), samples::user(), assignment).is_some(), has_row, "{consumes_seat:?}");
        }
    }

    #[test]
    fn somebody_who_is_delivered_twice_has_one_row() {
        let user = || Entry::User(samples::user());
        let other = Pool { pool_id: "other".to_owned(), ..samples::pool() };
        let in_other = Assignment { pool_id: "other".to_owned(), ..samples::assignment() };
        let mut allocation = Allocation::new(TODAY);
        let first = vec![Entry::Source(samples::source()), Entry::Pool(samples::pool()), Entry::Pool(other), user()];
        allocation.rows(&samples::batch(first));
        let mut made = Vec::new();
        for assignment in [samples::assignment(), in_other, samples::assignment()] {
            let rows = allocation.rows(&samples::batch(vec![user(), Entry::Assignment(assignment)]));
            made.push(rows.len());
        }
        assert_eq!(made, [1, 1, 0]);
    }

    #[test]
    fn a_row_starts_and_ends_with_the_days_that_are_known() {
        let row = |assigned: Option<&str>, ends: Option<&str>, term: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let pool = Pool { term_end: own(term), ..samples::pool() };
            let assignment = Assignment { assigned_on: own(assigned), ends_on: own(ends), ..samples::assignment() };
            let row = rows(pool, samples::user(), assignment).unwrap();
            (row.start, row.start_is_first_seen, row.end)
        };
        assert_eq!(row(None, None, None), ("2026-05-01".to_owned(), true, None));
        assert_eq!(row(Some("2024-02-29"), None, None), ("2024-02-29".to_owned(), false, None));
        for (ends, term) in [
            (Some("2026-12-31"), Some("2027-06-30")),
            (Some("2027-06-30"), Some("2026-12-31")),
            (Some("2026-12-31"), None),
            (None, Some("2026-12-31")),
        ] {
            assert_eq!(row(None, ends, term).2.as_deref(), Some("2026-12-31"), "{ends:?} {term:?}");
        }
    }
}
