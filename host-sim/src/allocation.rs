//! What the administrator sees: who holds which license since when, and which seats nobody uses.
//!
//! Derived from one run, without a store: the first day a person was seen is then today, and is marked so.
//!
//! | figure | rule |
//! | --- | --- |
//! | row | an assignment that holds a seat, or of which the source does not say; each once, as it came first |
//! | start | `assigned_on`, else the day of this run, marked as first seen |
//! | end | the earlier of `ends_on` and the pool's `term_end` |
//! | last active | the later of `last_activity_on` and the day of `last_sign_in_at` |
//! | unused | holds a seat, and last active more than 90 days ago; or never, with an account older than 7 days |
//!
//! Exactly 90 days is not unused. Activity that cannot be read is never called unused.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde::Serialize;
use time::{Date, Duration};

use crate::contract::{Activity, Assignment, Batch, Entry, Pool, User};
use crate::records;

/// Days without activity after which a seat counts as unused. GitLab's own default for dormant users.
pub const UNUSED_AFTER_DAYS: i64 = 90;

/// Days that a new account has before never having been active counts. GitLab's own grace for dormant users.
pub const GRACE_DAYS: i64 = 7;

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

/// A seat that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnusedSeat {
    /// Feature.
    pub feature: String,
    /// Login name.
    pub user: String,
    /// Last active, `YYYY-MM-DD`; none for never.
    pub last_active: Option<String>,
    /// When the account was made, `YYYY-MM-DD`.
    pub created: Option<String>,
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

/// The rows of one batch.
#[derive(Debug, Default)]
pub struct Rows {
    /// Allocation.
    pub allocation: Vec<AllocationRow>,
    /// The unused among them.
    pub unused: Vec<UnusedSeat>,
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

    /// The pools seen so far.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    /// The rows of the next batch.
    pub fn rows(&mut self, batch: &Batch) -> Rows {
        let mut rows = Rows::default();
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
                        rows.allocation.push(self.row(pool, user, assignment));
                        rows.unused.extend(self.unused(pool, user, assignment));
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

    fn unused(&self, pool: &Pool, user: &User, assignment: &Assignment) -> Option<UnusedSeat> {
        if assignment.consumes_seat != Some(true) {
            return None;
        }
        let sign_in = user.last_sign_in_at.as_deref().and_then(day_of);
        let activity = assignment.last_activity_on.as_deref().or(user.last_activity_on.as_deref()).and_then(day_of);
        let created = user.created_at.as_deref().and_then(day_of);
        let last_active = sign_in.max(activity);
        let is_unused = match (user.activity, last_active) {
            (Activity::NotReadable, _) | (Activity::Known, None) => false,
            (_, Some(day)) => self.today - day > Duration::days(UNUSED_AFTER_DAYS),
            (Activity::Never, None) => created.is_some_and(|created| self.today - created > Duration::days(GRACE_DAYS)),
        };
        is_unused.then(|| UnusedSeat {
            feature: pool.feature.clone(),
            user: user.username.clone(),
            last_active: last_active.map(|day| day.to_string()),
            created: created.map(|day| day.to_string()),
        })
    }
}

/// The day of a `day` or an `instant`.
fn day_of(text: &str) -> Option<Date> {
    let format = time::macros::format_description!("[year]-[month]-[day]");
    Date::parse(text.get(..10)?, format).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use time::macros::date;

    use super::{Allocation, AllocationRow, UnusedSeat};
    use crate::contract::{Activity, Assignment, Entry, Pool, User};
    use crate::samples;

    /// 90 days after 2026-01-31, and 7 after 2026-04-24.
    const TODAY: time::Date = date!(2026 - 05 - 01);

    fn rows(pool: Pool, user: User, assignment: Assignment) -> (Option<AllocationRow>, Option<UnusedSeat>) {
        let entries =
            vec![Entry::Source(samples::source()), Entry::Pool(pool), Entry::User(user), Entry::Assignment(assignment)];
        let mut rows = Allocation::new(TODAY).rows(&samples::batch(entries));
        assert!(rows.allocation.len() <= 1 && rows.unused.len() <= 1);
        (rows.allocation.pop(), rows.unused.pop())
    }

    fn is_unused(user: User, assignment: Assignment) -> bool {
        rows(samples::pool(), user, assignment).1.is_some()
    }

    fn day(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn ninety_days_are_not_unused_and_one_more_is() {
        for (last, unused) in [("2026-01-31", false), ("2026-01-30", true), ("2026-05-01", false)] {
            let by_activity = User { last_activity_on: day(last), ..samples::user() };
            assert_eq!(is_unused(by_activity, samples::assignment()), unused, "{last}");
            let by_sign_in = User { last_sign_in_at: day(&format!("{last}T23:59:59Z")), ..samples::user() };
            assert_eq!(is_unused(by_sign_in, samples::assignment()), unused, "{last}");
            let of_the_seat = Assignment { last_activity_on: day(last), ..samples::assignment() };
            assert_eq!(is_unused(samples::user(), of_the_seat), unused, "{last}");
        }
    }

    #[test]
    fn the_later_of_activity_and_sign_in_counts() {
        let (old, new) = ("2025-01-01", "2026-04-30");
        for (activity, sign_in) in [(old, new), (new, old)] {
            let sign_in = day(&format!("{sign_in}T06:41:10Z"));
            let user = User { last_activity_on: day(activity), last_sign_in_at: sign_in, ..samples::user() };
            assert!(!is_unused(user, samples::assignment()), "{activity}");
        }
        // What the seat itself says goes before what the account says.
        let user = User { last_activity_on: day(old), ..samples::user() };
        assert!(!is_unused(user, Assignment { last_activity_on: day(new), ..samples::assignment() }));
        let user = User { last_activity_on: day(new), ..samples::user() };
        assert!(is_unused(user, Assignment { last_activity_on: day(old), ..samples::assignment() }));
    }

    #[test]
    fn never_active_is_unused_after_seven_days_and_unreadable_is_not() {
        let never = |created: Option<&str>| User {
            activity: Activity::Never,
            created_at: created.map(str::to_owned),
            ..samples::user()
        };
        assert!(!is_unused(never(Some("2026-04-24T00:00:00Z")), samples::assignment()), "exactly seven days");
        assert!(is_unused(never(Some("2026-04-23T23:59:59Z")), samples::assignment()), "one more");
        assert!(!is_unused(never(None), samples::assignment()), "nobody knows since when");
        for activity in [Activity::NotReadable, Activity::Known] {
            let user = User { activity, created_at: day("2020-01-01T00:00:00Z"), ..samples::user() };
            assert!(!is_unused(user, samples::assignment()), "{activity:?}");
        }
        let user = User { activity: Activity::NotReadable, last_activity_on: day("2020-01-01"), ..samples::user() };
        assert!(!is_unused(user, samples::assignment()), "not readable, whatever stands beside it");
    }

    #[test]
    fn only_who_holds_a_seat_can_leave_one_unused() {
        let idle = User { last_activity_on: day("2020-01-01"), ..samples::user() };
        for (consumes_seat, row, unused) in [(Some(true), true, true), (None, true, false), (Some(false), false, false)]
        {
            let assignment = Assignment { consumes_seat, ..samples::assignment() };
            let found = rows(samples::pool(), idle.clone(), assignment);
            assert_eq!((found.0.is_some(), found.1.is_some()), (row, unused), "{consumes_seat:?}");
        }
    }

    #[test]
    fn somebody_who_is_delivered_twice_has_one_row() {
        let idle = || Entry::User(User { last_activity_on: day("2020-01-01"), ..samples::user() });
        let other = Pool { pool_id: "other".to_owned(), ..samples::pool() };
        let in_other = Assignment { pool_id: "other".to_owned(), ..samples::assignment() };
        let mut allocation = Allocation::new(TODAY);
        let first = vec![Entry::Source(samples::source()), Entry::Pool(samples::pool()), Entry::Pool(other), idle()];
        allocation.rows(&samples::batch(first));
        let mut made = Vec::new();
        for assignment in [samples::assignment(), in_other, samples::assignment()] {
            let rows = allocation.rows(&samples::batch(vec![idle(), Entry::Assignment(assignment)]));
            made.push((rows.allocation.len(), rows.unused.len()));
        }
        assert_eq!(made, [(1, 1), (1, 1), (0, 0)]);
    }

    #[test]
    fn a_row_starts_and_ends_with_the_days_that_are_known() {
        let row = |assigned: Option<&str>, ends: Option<&str>, term: Option<&str>| {
            let own = |text: Option<&str>| text.map(str::to_owned);
            let pool = Pool { term_end: own(term), ..samples::pool() };
            let assignment = Assignment { assigned_on: own(assigned), ends_on: own(ends), ..samples::assignment() };
            let row = rows(pool, samples::user(), assignment).0.unwrap();
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
