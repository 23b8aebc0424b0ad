//! What the administrator sees: who holds which license since when, and which seats nobody uses.
//!
//! Derived from one run, without a store: the first day a person was seen is then today, and is marked so.
//!
//! | figure | rule |
//! | --- | --- |
//! | row | an assignment that holds a seat, or of which the source does not say |
//! | start | `assigned_on`, else the day of this run, marked as first seen |
//! | end | the earlier of `ends_on` and the pool's `term_end` |
//! | last active | the later of `last_activity_on` and the day of `last_sign_in_at` |
//! | unused | holds a seat, and last active more than 90 days ago; or never, with an account older than 7 days |
//!
//! Exactly 90 days is not unused. Activity that cannot be read is never called unused.

use std::collections::BTreeMap;

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

/// Turns batches into rows. Holds the source and the pools, which are few; of users only those of the batch at hand.
pub struct Allocation {
    today: Date,
    server: String,
    vendor: String,
    pools: BTreeMap<String, Pool>,
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
        Self { today, server: String::new(), vendor: String::new(), pools: BTreeMap::new() }
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
                    rows.allocation.push(self.row(pool, user, assignment));
                    rows.unused.extend(self.unused(pool, user, assignment));
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
