//! Thirty days of one source: people join, leave, are blocked, go idle and come back, seats are bought for a new term; one
//! run fails, and one reads a part. On each day the ledger, the trends, the reports and Allocation say what is true of that
//! day: of the last whole snapshot, and of the activity that was read since.

use std::collections::{BTreeMap, BTreeSet};

use broker::allocation;
use broker::journey::State;
use broker::reports::activity::{self, Query};
use broker::reports::ledger;
use broker::reports::unused::{self, Reason, Rule};
use broker::store::Store;
use broker::store::audit::Act;
use broker::store::runs::Cause;
use broker::view::{At, Filter, Period};
use fake_gitlab::{Change, Fault, Options, Renewal, Script, Truth, UserFacts};
use host_sim::journey::host::{Host, TenantPolicy};
use host_sim::journey::reading::Outcome;
use time::{Date, Duration, OffsetDateTime, Time};

use crate::support::host::{Nobody, SetClock, TENANT, approved};
use crate::support::runtime;

const DAYS: i64 = 30;
const FAILED: i64 = 13;
const PARTIAL: i64 = 23;
/// Small enough for thirty days to pass them.
const RULE: Rule = Rule { threshold: 7, grace: 3 };

/// What must be known after each day.
#[derive(Default)]
struct Expected {
    /// Who holds a seat, and since which day it was seen.
    holders: BTreeMap<String, Date>,
    /// Accounts of the last whole snapshot.
    known: BTreeSet<String>,
    /// Every account and day of activity that was read.
    observed: BTreeSet<(String, Date)>,
    /// When accounts of the last whole snapshot were made.
    created: BTreeMap<String, Date>,
    /// Events by day: kind and name.
    events: BTreeMap<Date, BTreeSet<(&'static str, String)>>,
    /// Figures of each whole snapshot: day, bought, in use, most in use, holders.
    usage: Vec<(Date, i64, i64, i64, i64)>,
    /// The last day of the term.
    term_end: Option<Date>,
    /// Holders by day.
    past: BTreeMap<Date, BTreeSet<String>>,
}

fn days_of(user: &UserFacts) -> impl Iterator<Item = Date> {
    let sign_in = user.current_sign_in_at.or(user.last_sign_in_at).map(OffsetDateTime::date);
    user.last_activity_on.into_iter().chain(sign_in)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

impl Expected {
    fn read_whole(&mut self, today: Date, truth: &Truth) {
        let now: BTreeSet<String> = truth
            .users
            .iter()
            .filter(|user| user.using_license_seat == Some(true))
            .map(|user| user.username.clone())
            .collect();
        let is_first = self.usage.is_empty();
        let events = self.events.entry(today).or_default();
        for name in &now {
            if !self.holders.contains_key(name) {
                events.insert((if is_first { "found" } else { "taken" }, name.clone()));
                self.holders.insert(name.clone(), today);
            }
        }
        self.holders.retain(|name, _| {
            let stays = now.contains(name);
            if !stays {
                events.insert(("left", name.clone()));
            }
            stays
        });
        self.known = truth.users.iter().map(|user| user.username.clone()).collect();
        self.created = truth.users.iter().map(|user| (user.username.clone(), user.created_at.date())).collect();
        let license = truth.license.as_ref().unwrap();
        let figure = |number: u64| i64::try_from(number).unwrap();
        self.usage.push((
            today,
            figure(license.user_limit),
            figure(license.active_users),
            figure(license.maximum_user_count),
            count(self.holders.len()),
        ));
        self.term_end = license.expires_at;
        self.read_activity(truth);
    }

    /// Of accounts that are known.
    fn read_activity(&mut self, truth: &Truth) {
        for user in truth.users.iter().filter(|user| self.known.contains(&user.username)) {
            self.observed.extend(days_of(user).map(|day| (user.username.clone(), day)));
        }
    }

    fn last_day(&self, name: &str) -> Option<Date> {
        self.observed.iter().filter(|(user, _)| user == name).map(|(_, day)| *day).max()
    }

    fn unused(&self, today: Date) -> BTreeSet<(String, &'static str, String)> {
        let age = |day: Date| (today - day).whole_days();
        self.holders
            .keys()
            .filter_map(|name| match self.last_day(name) {
                Some(last) => (age(last) > i64::from(RULE.threshold)).then(|| (name.clone(), "inactive", text(last))),
                None => {
                    let made = self.created[name];
                    (age(made) > i64::from(RULE.grace)).then(|| (name.clone(), "never-active", text(made)))
                }
            })
            .collect()
    }

    fn assert_told(&self, store: &Store, begins: Date, today: Date) {
        let all = Query { filter: Filter::default(), period: Period { from: begins, to: today }, at: None };

        let mut since = BTreeMap::new();
        allocation::each(store, TENANT, &allocation::Query::default(), |row| {
            assert!(row.start_is_first_seen && !row.obsolete, "{row:?}");
            assert_eq!(row.allocation_end, self.term_end.map(text), "{today}");
            since.insert(row.user, row.allocation_start);
            Ok::<(), broker::store::StoreError>(())
        })
        .unwrap();
        let expected: BTreeMap<_, _> = self.holders.iter().map(|(name, day)| (name.clone(), text(*day))).collect();
        assert_eq!(since, expected, "Allocation, {today}");

        let events = ledger::events(store, TENANT, &all, 0, 100_000).unwrap();
        let told: BTreeSet<_> =
            events.iter().map(|event| (event.on_day.clone(), event.kind.clone(), event.user.clone())).collect();
        let expected: BTreeSet<_> = self
            .events
            .iter()
            .flat_map(|(day, events)| events.iter().map(|(kind, name)| (text(*day), (*kind).to_owned(), name.clone())))
            .collect();
        assert_eq!(told, expected, "ledger, {today}");
        assert_eq!(events.len(), expected.len(), "ledger, {today}");
        let balance = &ledger::balances(store, TENANT, &all).unwrap()[0];
        let of_kind = |kind: &str| count(expected.iter().filter(|(_, is, _)| is == kind).count());
        assert_eq!(
            [balance.opening, balance.found, balance.taken, balance.left, balance.closing],
            [0, of_kind("found"), of_kind("taken"), of_kind("left"), count(self.holders.len())].map(Some),
            "balance, {today}"
        );

        let usage: Vec<_> = activity::usage(store, TENANT, &all)
            .unwrap()
            .into_iter()
            .map(|usage| {
                (
                    usage.day,
                    usage.entitled.unwrap(),
                    usage.allocated.unwrap(),
                    usage.max_allocated.unwrap(),
                    usage.holders,
                )
            })
            .collect();
        let expected: Vec<_> = self.usage.iter().map(|(day, a, b, c, d)| (text(*day), *a, *b, *c, *d)).collect();
        assert_eq!(usage, expected, "usage, {today}");

        let ever = Query { period: Period { from: begins - Duration::days(4_000), to: today }, ..all.clone() };
        let daily: BTreeMap<_, _> =
            activity::daily(store, TENANT, &ever).unwrap().into_iter().map(|day| (day.day, day.accounts)).collect();
        let mut expected = BTreeMap::new();
        for (_, day) in &self.observed {
            *expected.entry(text(*day)).or_insert(0) += 1;
        }
        assert_eq!(daily, expected, "active accounts by day, {today}");

        let ranked = activity::ranking(store, TENANT, &all, 0, 100_000).unwrap();
        let told: BTreeMap<_, _> = ranked.rows.iter().map(|row| (row.user.clone(), row.observed_days)).collect();
        let mut expected: BTreeMap<String, i64> = BTreeMap::new();
        // Who has left since was active all the same.
        for (name, _) in self.observed.iter().filter(|(_, day)| *day >= begins) {
            *expected.entry(name.clone()).or_insert(0) += 1;
        }
        assert_eq!(told, expected, "ranking, {today}");
        assert!(ranked.rows.is_sorted_by(|one, next| one.observed_days >= next.observed_days), "{today}");

        let query = unused::Query { rule: RULE, ..unused::Query::default() };
        let page = unused::page(store, TENANT, &query, today, 0, 100_000).unwrap();
        let told: BTreeSet<_> =
            page.rows.into_iter().map(|row| (row.user, row.reason.name(), row.evidence_on)).collect();
        assert_eq!(told, self.unused(today), "unused, {today}");
        let summary = &unused::summary(store, TENANT, &query, today).unwrap()[0];
        let with = |reason: Reason| count(told.iter().filter(|(_, is, _)| *is == reason.name()).count());
        assert_eq!(
            (summary.inactive, summary.never_active, summary.reclaimable),
            (with(Reason::Inactive), with(Reason::NeverActive), count(told.len())),
            "{today}"
        );
    }
}

fn text(day: Date) -> String {
    broker::calendar::day_text(day)
}

struct Story {
    begins: Date,
    script: Script,
    /// Somebody who goes idle on day 4 and is active again on day 17.
    idle: String,
}

impl Story {
    fn day(&self, number: i64) -> Date {
        self.begins + Duration::days(number)
    }

    fn options(&self, number: i64) -> Options {
        let fault = |text: &str| vec![text.parse::<Fault>().unwrap()];
        Options {
            script: Some(self.script.clone()),
            today: self.day(number),
            faults: match number {
                FAILED => fault("users@*=error-500"),
                // The list of users is read to its end; whether there are add-ons stays unknown.
                PARTIAL => fault("graphql@*=error-500"),
                _ => Vec::new(),
            },
            ..Options::default()
        }
    }
}

/// Picks people who are in use on the first day, and tells what becomes of them.
async fn story(begins: Date) -> Story {
    let quiet = Options { script: Some(Script::beginning(begins)), today: begins, ..Options::default() };
    let first = fake_gitlab::start(quiet).await.unwrap();
    let people: Vec<&UserFacts> = first
        .truth()
        .users
        .iter()
        .filter(|user| user.id > 3 && user.using_license_seat == Some(true))
        .filter(|user| user.last_activity_on.is_some_and(|day| day >= begins - Duration::days(1)))
        .collect();
    let day = |number: i64| begins + Duration::days(number);
    let id = |number: usize| people[number].id;
    let renewal = Renewal { starts: day(20), ends: day(20 + 365), seats: 260 };
    let script = Script::beginning(begins)
        .account(day(2), 1_000, Change::Joins)
        .account(day(4), id(0), Change::GoesIdle)
        .account(day(5), 1_001, Change::Joins)
        .account(day(8), id(1), Change::Leaves)
        .account(day(11), id(2), Change::Blocked)
        // On the day of the run that fails, and of the one that reads a part: seen later.
        .account(day(FAILED), id(3), Change::Leaves)
        .account(day(FAILED), 1_002, Change::Joins)
        .account(day(16), id(2), Change::Unblocked)
        .account(day(17), id(0), Change::Active)
        .account(day(18), id(2), Change::Active)
        .license(day(20), renewal)
        .account(day(PARTIAL), id(4), Change::Leaves)
        .account(day(PARTIAL), id(5), Change::GoesIdle)
        .account(day(26), 1_003, Change::Joins)
        .account(day(28), id(6), Change::Leaves);
    let idle = people[0].username.clone();
    first.shutdown().await;
    Story { begins, script, idle }
}

#[test]
fn each_day_is_told_as_it_was() {
    runtime().block_on(async {
        // The plugin's clock is the machine's: the last day is today.
        let begins = OffsetDateTime::now_utc().date() - Duration::days(DAYS - 1);
        let story = story(begins).await;
        let noon = |day: Date| day.with_time(Time::MIDNIGHT + Duration::hours(12)).assume_utc();
        let clock = SetClock::at(noon(begins));
        let folder = tempfile::tempdir().unwrap();
        let host = Host::open(&folder.path().join("data"), None, None).unwrap();
        let mut gitlab = fake_gitlab::start(story.options(0)).await.unwrap();
        let act = Act { actor: "test", now: noon(begins) };
        let source = approved(&host, &gitlab.base_url(), act, TenantPolicy::default()).await;

        let mut expected = Expected::default();
        let mut idle_days = Vec::new();
        for number in 0..DAYS {
            let today = story.day(number);
            clock.set(noon(today));
            gitlab.play(story.options(number)).await.unwrap();
            let reading = host.read("test", &clock, &source, Cause::Schedule, &mut Nobody).await.unwrap();
            let after = host.store().source(TENANT, source.source_no).unwrap();
            match number {
                FAILED => {
                    assert!(
                        matches!(reading.outcome, Outcome::Failed { code: "upstream", .. }),
                        "{:?}",
                        reading.outcome
                    );
                    assert_eq!((after.state, after.failures), (State::Problem, 1));
                }
                PARTIAL => {
                    assert_eq!((reading.outcome, after.state), (Outcome::Partial, State::Problem));
                    expected.read_activity(gitlab.truth());
                }
                _ => {
                    assert_eq!((reading.outcome, after.state), (Outcome::Complete, State::Active), "day {number}");
                    expected.read_whole(today, gitlab.truth());
                }
            }
            expected.past.insert(today, expected.holders.keys().cloned().collect());
            expected.assert_told(host.store(), begins, today);
            if expected.unused(today).iter().any(|(name, _, _)| *name == story.idle) {
                idle_days.push(number);
            }
        }
        // Idle on day 4, seen seven days later and one more, until active again on day 17.
        assert_eq!(idle_days, [12, 13, 14, 15, 16]);
        let kinds: BTreeSet<_> = expected.events.values().flatten().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, BTreeSet::from(["found", "left", "taken"]));

        for (day, holders) in &expected.past {
            let query = allocation::Query { at: Some(At::Day(*day)), ..allocation::Query::default() };
            let mut told = BTreeSet::new();
            allocation::each(host.store(), TENANT, &query, |row| {
                told.insert(row.user);
                Ok::<(), broker::store::StoreError>(())
            })
            .unwrap();
            assert_eq!(told, *holders, "Allocation of {day}, looked back at");
        }
        host.store().check().unwrap();
        gitlab.shutdown().await;
    });
}
