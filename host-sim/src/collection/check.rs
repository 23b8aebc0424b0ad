//! What the contract and the limits say of the batches of one run.
//!
//! Guarantees that what reaches a sink is what the contract promises: identifiers are there, days and instants are such,
//! a pool stands before its assignments and a user beside them, the source comes first and once, the summary counts what
//! was delivered, and nothing is longer than its limit.
//!
//! Does not judge what is odd and possible: any number, any character in a name. What steers a terminal is taken out
//! where a terminal is written to.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::{CollectionError, Earlier};
use crate::bill::{Bill, Records};
use crate::contract::{Assignment, Batch, Counts, Entry, Pool, Source, User};
use crate::engine::CallError;
use crate::policy::limits::Limits;

/// Most pools of one run. They are what is kept from batch to batch, here by a hash and by others whole, so that they must
/// not grow without end.
const MOST_POOLS: usize = 100_000;

/// Most bytes of text of all pools of one run, each as it was delivered last. So many pools of a usual length have a third.
const MOST_POOL_TEXT: usize = 64 << 20;

/// The checks of one run, and what they keep from batch to batch.
pub(super) struct Checker<'a> {
    limits: &'a Limits,
    /// Whether all that the run delivered is known. A run that goes on may have delivered a part that nobody kept account of.
    whole: bool,
    batches: u64,
    /// Delivered to earlier attempts.
    earlier: Records,
    source: bool,
    /// Bytes of text by the hash of the id, keyed anew for each run, so that no plugin finds two ids with one hash.
    pools: HashMap<u64, usize>,
    pool_text: usize,
    hasher: RandomState,
}

impl<'a> Checker<'a> {
    pub(super) fn new(limits: &'a Limits, whole: bool) -> Self {
        let (pools, hasher, earlier) = (HashMap::new(), RandomState::new(), Records::default());
        Self { limits, whole, batches: 0, earlier, source: false, pools, pool_text: 0, hasher }
    }

    /// For a run that goes on from what is known.
    pub(super) fn after(limits: &'a Limits, earlier: &Earlier) -> Self {
        let mut checker = Self::new(limits, true);
        checker.batches = earlier.batches;
        checker.earlier = earlier.records;
        checker.source = earlier.records.source > 0;
        checker.pool_text = earlier.pools.iter().map(|(_, bytes)| bytes).sum();
        let hash = |(pool, bytes): &(String, usize)| (checker.hasher.hash_one(pool), *bytes);
        checker.pools = earlier.pools.iter().map(hash).collect();
        checker
    }

    /// Checks the batch that came after `cursor`, and counts it on the bill.
    ///
    /// # Errors
    /// [`CollectionError::Contract`], which says what is wrong, and a passed limit by its name.
    pub(super) fn batch(
        &mut self,
        batch: &Batch,
        cursor: Option<&str>,
        bill: &mut Bill,
    ) -> Result<(), CollectionError> {
        self.batches += 1;
        if self.batches > self.limits.batches {
            let value = self.limits.batches.to_string();
            let error = CallError::Limit { name: "batches", value };
            return Err(CollectionError::Call { error, last_failure: None });
        }
        self.ends(batch, cursor, bill)?;
        self.size(batch, bill)?;
        self.entries(batch)?;
        bill.count(batch);
        match &batch.summary {
            Some(summary) if self.whole => counts(&summary.counts, self.all(bill.records)),
            _ => Ok(()),
        }
    }

    /// What the whole run delivered.
    fn all(&self, now: Records) -> Records {
        let before = self.earlier;
        Records {
            source: before.source.saturating_add(now.source),
            pool: before.pool.saturating_add(now.pool),
            user: before.user.saturating_add(now.user),
            assignment: before.assignment.saturating_add(now.assignment),
            warning: before.warning.saturating_add(now.warning),
        }
    }

    /// Whether it leads somewhere.
    fn ends(&self, batch: &Batch, cursor: Option<&str>, bill: &mut Bill) -> Result<(), CollectionError> {
        match (&batch.next, &batch.summary) {
            (Some(_), Some(_)) => broken("a batch with both next and summary"),
            (None, None) => broken("a batch without next and summary"),
            (Some(next), None) if Some(next.as_str()) == cursor => broken("a batch that leads back to itself"),
            (Some(next), None) => self.within("cursor_bytes", self.limits.cursor_bytes, next.len(), bill, |bytes| {
                format!("a cursor of {bytes} bytes")
            }),
            (None, Some(_)) => Ok(()),
        }
    }

    /// How much there is, and how long the longest text.
    fn size(&self, batch: &Batch, bill: &mut Bill) -> Result<(), CollectionError> {
        self.within("batch_entries", self.limits.batch_entries, batch.entries.len(), bill, |count| {
            format!("a batch of {count} entries")
        })?;
        // Warnings are delivered as entries are, and are as many at most.
        self.within("batch_entries", self.limits.batch_entries, batch.warnings.len(), bill, |count| {
            format!("a batch of {count} warnings")
        })?;
        let longest = longest_text(batch);
        self.within("text_bytes", self.limits.text_bytes, longest, bill, |bytes| format!("a text of {bytes} bytes"))
    }

    fn within(
        &self,
        name: &'static str,
        limit: usize,
        found: usize,
        bill: &mut Bill,
        what: impl FnOnce(usize) -> String,
    ) -> Result<(), CollectionError> {
        if found <= limit {
            return Ok(());
        }
        if self.limits.only_warns(name) {
            bill.warn(name);
            return Ok(());
        }
        broken(format!("{}, over the limit {name} = {limit}", what(found)))
    }

    fn entries(&mut self, batch: &Batch) -> Result<(), CollectionError> {
        // An assignment without its user would be a seat that nobody holds: Allocation could only drop it.
        let mut users = HashSet::new();
        for (number, entry) in batch.entries.iter().enumerate() {
            match entry {
                Entry::Source(source) => {
                    let first = self.batches == 1 && number == 0;
                    if self.source || (self.whole && !first) {
                        return broken("a source that does not come first, or comes again");
                    }
                    self.source = true;
                    of_source(source)?;
                }
                Entry::Pool(pool) => {
                    of_pool(pool)?;
                    self.keep(pool)?;
                }
                Entry::User(user) => {
                    of_user(user)?;
                    users.insert(user.user_id.as_str());
                }
                Entry::Assignment(assignment) => {
                    of_assignment(assignment)?;
                    if !users.contains(assignment.user_id.as_str()) {
                        let user = shown(&assignment.user_id);
                        return broken(format!("an assignment of user {user}, who is not before it in its batch"));
                    }
                    if self.whole && !self.pools.contains_key(&self.hasher.hash_one(&assignment.pool_id)) {
                        let pool = shown(&assignment.pool_id);
                        return broken(format!("an assignment in pool {pool}, which is not before it"));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Checker<'_> {
    fn keep(&mut self, pool: &Pool) -> Result<(), CollectionError> {
        let bytes = pool_text(pool);
        let before = self.pools.insert(self.hasher.hash_one(&pool.pool_id), bytes).unwrap_or(0);
        self.pool_text = self.pool_text.saturating_sub(before).saturating_add(bytes);
        if self.pools.len() > MOST_POOLS {
            return broken(format!("more than {MOST_POOLS} pools"));
        }
        if self.pool_text > MOST_POOL_TEXT {
            return broken(format!("more than {MOST_POOL_TEXT} bytes of pools"));
        }
        Ok(())
    }
}

/// Bytes of all texts of a pool.
fn pool_text(pool: &Pool) -> usize {
    let texts = [&pool.pool_id, &pool.scope_id, &pool.scope_name, &pool.product, &pool.feature];
    // Days have been checked.
    texts.into_iter().chain(&pool.plan_code).map(String::len).sum()
}

fn broken<T>(what: impl Into<String>) -> Result<T, CollectionError> {
    Err(CollectionError::Contract(what.into()))
}

/// The beginning of a text that may be of any length.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

fn of_source(source: &Source) -> Result<(), CollectionError> {
    present("source.source_key", &source.source_key)
}

fn of_pool(pool: &Pool) -> Result<(), CollectionError> {
    present("pool.pool_id", &pool.pool_id)?;
    day("pool.term_start", pool.term_start.as_deref())?;
    day("pool.term_end", pool.term_end.as_deref())?;
    day("pool.as_of", pool.as_of.as_deref())
}

fn of_user(user: &User) -> Result<(), CollectionError> {
    present("user.user_id", &user.user_id)?;
    instant("user.created_at", user.created_at.as_deref())?;
    day("user.last_activity_on", user.last_activity_on.as_deref())?;
    instant("user.last_sign_in_at", user.last_sign_in_at.as_deref())
}

fn of_assignment(assignment: &Assignment) -> Result<(), CollectionError> {
    present("assignment.pool_id", &assignment.pool_id)?;
    day("assignment.assigned_on", assignment.assigned_on.as_deref())?;
    day("assignment.ends_on", assignment.ends_on.as_deref())?;
    day("assignment.last_activity_on", assignment.last_activity_on.as_deref())
}

fn present(field: &str, id: &str) -> Result<(), CollectionError> {
    if id.is_empty() { broken(format!("{field} is empty")) } else { Ok(()) }
}

fn day(field: &str, text: Option<&str>) -> Result<(), CollectionError> {
    match text {
        Some(text) if Date::parse(text, format_description!("[year]-[month]-[day]")).is_err() => {
            broken(format!("{field} is `{}`, which is no day", shown(text)))
        }
        _ => Ok(()),
    }
}

fn instant(field: &str, text: Option<&str>) -> Result<(), CollectionError> {
    match text {
        Some(text) if !text.ends_with('Z') || OffsetDateTime::parse(text, &Rfc3339).is_err() => {
            broken(format!("{field} is `{}`, which is no moment in UTC", shown(text)))
        }
        _ => Ok(()),
    }
}

/// Bytes of the longest text of a batch.
fn longest_text(batch: &Batch) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let of_entry = |entry: &Entry| match entry {
        Entry::Source(source) => {
            let texts = [&source.source_key, &source.display_name, &source.vendor, &source.host_url];
            let rest = [&source.product_version, &source.edition, &source.plan];
            longest(texts).max(rest.into_iter().map(optional).max().unwrap_or(0))
        }
        Entry::Pool(pool) => {
            let texts = [&pool.pool_id, &pool.scope_id, &pool.scope_name, &pool.product, &pool.feature];
            longest(texts).max(optional(&pool.plan_code))
        }
        Entry::User(user) => {
            let identities =
                user.identities.iter().map(|identity| longest([&identity.provider, &identity.external_id]));
            longest([&user.user_id, &user.username, &user.account_state_raw])
                .max(optional(&user.display_name).max(optional(&user.email)))
                .max(identities.max().unwrap_or(0))
        }
        Entry::Assignment(assignment) => longest([&assignment.pool_id, &assignment.user_id])
            .max(optional(&assignment.non_consuming_reason).max(optional(&assignment.role))),
    };
    let warnings =
        batch.warnings.iter().map(|warning| longest([&warning.code, &warning.message]).max(optional(&warning.scope)));
    batch.entries.iter().map(of_entry).chain(warnings).chain([batch.progress.stage.len()]).max().unwrap_or(0)
}

fn longest<'a>(texts: impl IntoIterator<Item = &'a String>) -> usize {
    texts.into_iter().map(String::len).max().unwrap_or(0)
}

/// The whole run's own count must be what was delivered, unless a part was delivered to an earlier run.
fn counts(counts: &Counts, delivered: Records) -> Result<(), CollectionError> {
    let told = Records::from(counts);
    if told == delivered {
        return Ok(());
    }
    Err(CollectionError::Contract(format!("a summary that counts {told:?}, where {delivered:?} were delivered")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Checker, CollectionError, Earlier, counts};
    use crate::bill::{Bill, Records};
    use crate::contract::{Assignment, Batch, Counts, Entry, Pool, User};
    use crate::policy::limits::{Limits, Mode};
    use crate::samples;

    fn limits() -> Limits {
        Limits { cursor_bytes: 4, batch_entries: 4, text_bytes: 40, ..Limits::default() }
    }

    fn check(batch: &Batch, cursor: Option<&str>) -> Result<(), CollectionError> {
        // As if it were not the first run, so that a batch can be looked at alone.
        Checker::new(&limits(), false).batch(batch, cursor, &mut Bill::default())
    }

    #[track_caller]
    fn assert_broken(batch: &Batch, cursor: Option<&str>, words: &str) {
        match check(batch, cursor) {
            Err(CollectionError::Contract(why)) => assert!(!words.is_empty() && why.contains(words), "{why}"),
            other => assert!(words.is_empty() && other.is_ok(), "{words}: {other:?}"),
        }
    }

    fn last(entries: Vec<Entry>) -> Batch {
        Batch { summary: Some(samples::summary()), ..samples::batch(entries) }
    }

    #[test]
    fn a_batch_that_breaks_the_contract_is_refused() {
        let next = |cursor: &str| Batch { next: Some(cursor.to_owned()), ..samples::batch(vec![]) };
        assert_broken(&last(vec![]), Some("a"), "");
        assert_broken(&next("b"), None, "");
        assert_broken(&next("b"), Some("a"), "");
        assert_broken(&next("a"), Some("a"), "leads back to itself");
        assert_broken(&Batch { summary: last(vec![]).summary, ..next("b") }, Some("a"), "both next and summary");
        assert_broken(&samples::batch(vec![]), Some("a"), "without next and summary");
        assert_broken(&next("abcd"), None, "");
        assert_broken(&next("abcde"), None, "a cursor of 5 bytes, over the limit cursor_bytes = 4");
        let user = || Entry::User(samples::user());
        let assignment = || Entry::Assignment(samples::assignment());
        assert_broken(&last(vec![user(); 4]), None, "");
        assert_broken(&last(vec![user(); 5]), None, "a batch of 5 entries, over the limit batch_entries = 4");
        assert_broken(&last(vec![user(), assignment()]), None, "");
        assert_broken(&last(vec![assignment(), user()]), None, "who is not before it in its batch");
        let source = || Entry::Source(samples::source());
        assert_broken(&last(vec![source(), source()]), None, "comes again");
        let named = |bytes| User { display_name: Some("x".repeat(bytes)), ..samples::user() };
        assert_broken(&last(vec![Entry::User(named(40))]), None, "");
        let words = "a text of 41 bytes, over the limit text_bytes = 40";
        assert_broken(&last(vec![Entry::User(named(41))]), None, words);
    }

    #[test]
    fn days_instants_and_ids_are_such() {
        let some = |text: &str| Some(text.to_owned());
        for (text, is_day) in [
            ("2026-02-28", true),
            ("2026-02-29", false),
            ("2024-02-29", true),
            ("2026-2-3", false),
            ("2026-02-03T00:00:00Z", false),
            ("", false),
        ] {
            let pool = Pool { term_end: some(text), ..samples::pool() };
            assert_broken(&last(vec![Entry::Pool(pool)]), None, if is_day { "" } else { "pool.term_end is `" });
            let user = Entry::User(User { last_activity_on: some(text), ..samples::user() });
            assert_broken(&last(vec![user]), None, if is_day { "" } else { "which is no day" });
            let assignment = Assignment { ends_on: some(text), ..samples::assignment() };
            let batch = last(vec![Entry::User(samples::user()), Entry::Assignment(assignment)]);
            assert_broken(&batch, None, if is_day { "" } else { "assignment.ends_on is `" });
        }
        for (text, is_instant) in [
            ("2026-02-03T06:41:10Z", true),
            ("2026-02-03T06:41:10.123456Z", true),
            ("2026-02-03T06:41:10+00:00", false),
            ("2026-02-03T06:41:10", false),
            ("2026-02-03", false),
            ("2026-02-30T06:41:10Z", false),
        ] {
            let user = Entry::User(User { created_at: some(text), ..samples::user() });
            assert_broken(&last(vec![user]), None, if is_instant { "" } else { "which is no moment in UTC" });
        }
        let nobody = Entry::User(User { user_id: String::new(), ..samples::user() });
        assert_broken(&last(vec![nobody]), None, "user.user_id is empty");
        let nowhere = Entry::Pool(Pool { pool_id: String::new(), ..samples::pool() });
        assert_broken(&last(vec![nowhere]), None, "pool.pool_id is empty");
    }

    #[test]
    fn a_pool_comes_before_its_assignments_in_a_run_from_the_start() {
        let seats = || vec![Entry::User(samples::user()), Entry::Assignment(samples::assignment())];
        let run = |from_start, first: Vec<Entry>, second: Vec<Entry>| {
            let limits = Limits::default();
            let mut checker = Checker::new(&limits, from_start);
            let mut bill = Bill::default();
            let first = Batch { next: Some("b".to_owned()), ..samples::batch(first) };
            let second = Batch { next: Some("c".to_owned()), ..samples::batch(second) };
            checker.batch(&first, None, &mut bill).and_then(|()| checker.batch(&second, Some("b"), &mut bill))
        };
        let pool = || vec![Entry::Pool(samples::pool())];
        assert!(run(true, pool(), seats()).is_ok());
        let error = run(true, seats(), pool()).unwrap_err().to_string();
        assert!(error.ends_with("an assignment in pool premium, which is not before it"), "{error}");
        assert!(run(false, seats(), pool()).is_ok(), "the pool may have been in the part that an earlier run got");
        let source = || vec![Entry::Source(samples::source())];
        assert!(run(true, source(), pool()).is_ok());
        assert!(run(true, pool(), source()).is_err(), "not first");
        assert!(run(true, source(), source()).is_err(), "twice");
    }

    #[test]
    fn pools_are_bounded_in_number_and_text_and_kept_as_hashes() {
        let limits = Limits { batch_entries: 200_000, text_bytes: 1 << 20, ..Limits::default() };
        let pools = |count: usize, bytes: usize| {
            let pool = |number: usize| Pool {
                pool_id: format!("{}{number:06}", "0".repeat(bytes - 6)),
                ..Pool {
                    scope_id: String::new(),
                    scope_name: String::new(),
                    product: String::new(),
                    feature: String::new(),
                    plan_code: None,
                    ..samples::pool()
                }
            };
            samples::batch((0..count).map(|number| Entry::Pool(pool(number))).collect())
        };
        let run = |batches: &[Batch]| {
            let (mut checker, mut bill) = (Checker::new(&limits, true), Bill::default());
            let next = |batch: &Batch| Batch { next: Some("a".to_owned()), ..batch.clone() };
            batches.iter().try_for_each(|batch| checker.batch(&next(batch), None, &mut bill))
        };
        assert!(run(&[pools(super::MOST_POOLS, 6)]).is_ok());
        let error = run(&[pools(super::MOST_POOLS + 1, 6)]).unwrap_err().to_string();
        assert!(error.ends_with("more than 100000 pools"), "{error}");
        // The same pools again are the same text.
        let half = pools(super::MOST_POOL_TEXT >> 21, 1 << 20);
        assert!(run(&[half.clone(), half.clone(), half.clone()]).is_ok());
        let error = run(&[half, pools((super::MOST_POOL_TEXT >> 21) + 1, (1 << 20) - 1)]).unwrap_err().to_string();
        assert!(error.ends_with("more than 67108864 bytes of pools"), "{error}");
    }

    /// A plugin that broke off, or had its service do so, was free of what is checked over a whole run.
    #[test]
    fn a_run_that_goes_on_is_checked_as_if_it_had_not_been_broken_off() {
        let limits = Limits { batches: 3, ..Limits::default() };
        let pool = samples::pool().pool_id;
        let earlier = Earlier {
            batches: 2,
            records: Records { source: 1, pool: 1, user: 5, assignment: 5, warning: 2 },
            pools: vec![(pool, 20)],
            ..Earlier::default()
        };
        let check = |earlier: &Earlier, batch: &Batch| {
            Checker::after(&limits, earlier)
                .batch(batch, Some("a"), &mut Bill::default())
                .map_err(|error| error.to_string())
        };
        let next = |entries| Batch { next: Some("b".to_owned()), ..samples::batch(entries) };
        let seat = vec![Entry::User(samples::user()), Entry::Assignment(samples::assignment())];
        assert_eq!(check(&earlier, &next(seat.clone())), Ok(()));
        let without = Earlier { pools: Vec::new(), ..earlier.clone() };
        assert!(check(&without, &next(seat.clone())).unwrap_err().ends_with("premium, which is not before it"));
        let source = next(vec![Entry::Source(samples::source())]);
        assert!(check(&earlier, &source).unwrap_err().contains("comes again"));
        let none = Earlier { records: Records::default(), ..earlier.clone() };
        assert!(check(&none, &source).unwrap_err().contains("does not come first"), "an earlier batch was without it");
        let used = Earlier { batches: 3, ..earlier.clone() };
        assert_eq!(check(&used, &next(vec![])).unwrap_err(), "the plugin passed the limit batches = 3");
        let ends = |users: u64| {
            let mut summary = samples::summary();
            summary.counts = Counts { sources: 1, pools: 1, users, assignments: 6, warnings: 2 };
            Batch { summary: Some(summary), ..samples::batch(seat.clone()) }
        };
        assert_eq!(check(&earlier, &ends(6)), Ok(()));
        for users in [1, 5, 7] {
            assert!(check(&earlier, &ends(users)).unwrap_err().contains("a summary that counts"), "{users}");
        }
        let full = vec![("x".to_owned(), super::MOST_POOL_TEXT)];
        let error = check(&Earlier { pools: full, ..earlier }, &next(vec![Entry::Pool(samples::pool())])).unwrap_err();
        assert!(error.ends_with("bytes of pools"), "{error}");
    }

    #[test]
    fn batches_are_counted() {
        let limits = Limits { batches: 2, ..Limits::default() };
        let mut checker = Checker::new(&limits, true);
        let mut bill = Bill::default();
        let mut next = |cursor: &str| {
            checker.batch(&Batch { next: Some(cursor.to_owned()), ..samples::batch(vec![]) }, None, &mut bill)
        };
        assert!(next("a").is_ok() && next("b").is_ok());
        assert_eq!(next("c").unwrap_err().to_string(), "the plugin passed the limit batches = 2");
    }

    #[test]
    fn a_limit_that_warns_lets_pass_and_says_so() {
        let mut limits = limits();
        for name in ["cursor_bytes", "batch_entries", "text_bytes"] {
            limits.set_mode(name, Mode::Warn).unwrap();
        }
        let user = User { display_name: Some("x".repeat(41)), ..samples::user() };
        let batch = Batch { next: Some("abcde".to_owned()), ..samples::batch(vec![Entry::User(user); 5]) };
        let mut bill = Bill::default();
        Checker::new(&limits, true).batch(&batch, None, &mut bill).unwrap();
        let warned: Vec<_> = bill.limits_passed.into_iter().collect();
        assert_eq!(warned, [("batch_entries", 1), ("cursor_bytes", 1), ("text_bytes", 1)]);
    }

    #[test]
    fn a_summary_counts_what_was_delivered() {
        let told = samples::summary().counts;
        let delivered = Records::from(&told);
        assert!(counts(&told, delivered).is_ok());
        let fewer = Records { user: delivered.user + 1, ..delivered };
        assert!(matches!(counts(&told, fewer), Err(CollectionError::Contract(_))));
    }
}
