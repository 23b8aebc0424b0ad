//! The license: what was bought, and GitLab's own counts of what is used.
//!
//! Seats bought follow from the live count, so that every size of instance tells the same story: on Premium more is in
//! use than was bought and the peak was higher still; on Ultimate there is room, and the nightly count differs by one
//! from the live one. The figures obey GitLab's rules: `maximum_user_count` is the larger of the historical peak and
//! today's count; `overage` is counted from today's count while the license runs and from the peak afterwards, is never
//! negative, and is 0 where `user_limit` is 0.
//!
//! Under a script the first license stays what it was on the first day, and the counts are those of the script's days. A
//! peak is the largest daily count within the license's own term, up to today. The nightly count of Premium is today's, that
//! of Ultimate the one of the evening before.

use serde::Serialize;
use time::{Date, Duration, OffsetDateTime};

use crate::calendar::{Day, Instant};
use crate::options::{LicenseTerm, Options};
use crate::population::Population;
use crate::scenario::Plan;
use crate::truth::{day, moment, optional_day};

/// Row id of the license that an instance begins with; later ones count on.
const FIRST_ID: u64 = 7;

/// The facts of a license, as `GET /license` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LicenseFacts {
    /// Row id.
    pub id: u64,
    /// `premium` or `ultimate`.
    pub plan: &'static str,
    /// When it was installed.
    #[serde(serialize_with = "moment")]
    pub created_at: OffsetDateTime,
    /// First day.
    #[serde(serialize_with = "day")]
    pub starts_at: Date,
    /// Last day; `None` without end.
    #[serde(serialize_with = "optional_day")]
    pub expires_at: Option<Date>,
    /// Highest daily count inside the term.
    pub historical_max: u64,
    /// The larger of that and today's count.
    pub maximum_user_count: u64,
    /// Whether it has ended.
    pub expired: bool,
    /// Seats over what was bought, by GitLab's rule for this endpoint.
    pub overage: u64,
    /// Seats bought; 0 is unlimited.
    pub user_limit: u64,
    /// Seats in use by the nightly count.
    pub active_users: u64,
    /// `licensee.Company`; an ended license here has none.
    pub company: Option<&'static str>,
}

/// A license as it was bought.
#[derive(Debug, Clone, Copy)]
struct Bought {
    id: u64,
    installed: Date,
    starts_at: Date,
    expires_at: Option<Date>,
    seats: u64,
}

/// GitLab's counts, as far as they concern one license.
#[derive(Debug, Clone, Copy)]
struct Counted {
    nightly: u64,
    peak: u64,
}

/// The counts of a day on which `seats` people use a seat, and the peak before it.
fn counted(plan: Plan, seats: u64) -> Counted {
    match plan {
        Plan::Premium => Counted { nightly: seats, peak: seats + seats / 40 + 1 },
        Plan::Ultimate => Counted { nightly: seats.saturating_sub(1), peak: seats + seats / 50 },
    }
}

/// The license that an instance begins with, when `seats` people use a seat on that day.
fn first(options: &Options, plan: Plan, seats: u64, day: Date) -> Bought {
    let bought = match plan {
        Plan::Premium => rounded(seats - seats / 16),
        Plan::Ultimate => rounded(seats + seats / 8 + 10),
    };
    let (age, length, limit) = match options.scenario.license_term(options) {
        LicenseTerm::Current => (200, Some(365), bought),
        LicenseTerm::Expired => (400, Some(365), bought),
        LicenseTerm::Unrestricted => (200, None, 0),
    };
    let starts_at = day.saturating_sub(Duration::days(age));
    let expires_at = length.map(|days| starts_at.saturating_add(Duration::days(days)));
    Bought { id: FIRST_ID, installed: starts_at, starts_at, expires_at, seats: limit }
}

fn facts(plan: Plan, bought: Bought, counted: Counted, today: Date) -> LicenseFacts {
    let Bought { id, installed, starts_at, expires_at, seats } = bought;
    let expired = expires_at.is_some_and(|end| end < today);
    let maximum_user_count = counted.peak.max(counted.nightly);
    let over = if expired { maximum_user_count } else { counted.nightly };
    LicenseFacts {
        id,
        plan: plan.name(),
        created_at: Instant::at(installed, 26_100_511).0,
        starts_at,
        expires_at,
        historical_max: counted.peak,
        maximum_user_count,
        expired,
        overage: if seats == 0 { 0 } else { over.saturating_sub(seats) },
        user_limit: seats,
        active_users: counted.nightly,
        company: (!expired).then_some("Example GmbH"),
    }
}

/// Every license that was installed, the newest first. None on Community Edition and without a license.
pub(crate) fn installed(options: &Options, population: &Population) -> Vec<LicenseFacts> {
    let Some(plan) = options.scenario.plan() else { return Vec::new() };
    let today = options.today;
    let Some(played) = population.played() else {
        let seats = population.seats();
        return vec![facts(plan, first(options, plan, seats, today), counted(plan, seats), today)];
    };
    let seats = played.seats_at_first;
    let first = first(options, plan, seats, played.begins);
    let at_first = counted(plan, seats);
    // The nightly job of Ultimate ran before anything of today happened.
    let counted_on = match plan {
        Plan::Premium => Some(today),
        Plan::Ultimate => today.previous_day().filter(|eve| *eve >= played.begins),
    };
    let nightly = counted_on.map_or(at_first.nightly, |day| played.seats_on(day));
    let renewals = played.renewals.iter().zip(FIRST_ID + 1..).map(|((installed, renewal), id)| Bought {
        id,
        installed: *installed,
        starts_at: renewal.starts,
        expires_at: Some(renewal.ends),
        seats: renewal.seats,
    });
    let mut all: Vec<_> = std::iter::once(first)
        .chain(renewals)
        .map(|bought| {
            let last_day = bought.expires_at.map_or(today, |end| end.min(today));
            // Before the script the peak was on the first day of the first term, and every later day was like its eve.
            let before = match (bought.starts_at <= first.starts_at, bought.starts_at < played.begins) {
                (true, _) => at_first.peak,
                (false, true) => at_first.nightly,
                (false, false) => 0,
            };
            let peak = before.max(played.peak(bought.starts_at, last_day));
            facts(plan, bought, Counted { nightly, peak }, today)
        })
        .collect();
    all.reverse();
    all
}

/// The one in force: the newest that has started.
pub(crate) fn in_force(mut installed: Vec<LicenseFacts>, today: Date) -> Option<LicenseFacts> {
    let place = installed.iter().position(|license| license.starts_at <= today)?;
    Some(installed.swap_remove(place))
}

/// Licenses are sold in round numbers; small ones stay exact, so that a tiny instance keeps its overage.
fn rounded(seats: u64) -> u64 {
    if seats < 50 { seats.saturating_sub(1).max(1) } else { seats - seats % 5 }
}

#[derive(Serialize)]
struct Licensee {
    #[serde(rename = "Name")]
    name: &'static str,
    #[serde(rename = "Company", skip_serializing_if = "Option::is_none")]
    company: Option<&'static str>,
    #[serde(rename = "Email")]
    email: &'static str,
}

#[derive(Serialize)]
struct NoAddOns {}

#[derive(Serialize)]
struct Row {
    id: u64,
    plan: &'static str,
    created_at: Instant,
    starts_at: Day,
    expires_at: Option<Day>,
    historical_max: u64,
    maximum_user_count: u64,
    licensee: Licensee,
    add_ons: NoAddOns,
    expired: bool,
    overage: u64,
    user_limit: u64,
    /// Not in `GET /licenses`.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_users: Option<u64>,
}

impl Row {
    fn of(facts: &LicenseFacts) -> Self {
        Self {
            id: facts.id,
            plan: facts.plan,
            created_at: Instant(facts.created_at),
            starts_at: Day(facts.starts_at),
            expires_at: facts.expires_at.map(Day),
            historical_max: facts.historical_max,
            maximum_user_count: facts.maximum_user_count,
            licensee: Licensee { name: "Dana Admin", company: facts.company, email: "dana@example.test" },
            add_ons: NoAddOns {},
            expired: facts.expired,
            overage: facts.overage,
            user_limit: facts.user_limit,
            active_users: Some(facts.active_users),
        }
    }
}

/// The body of `GET /licenses`: every license, without its nightly count.
pub(crate) fn list(all: &[LicenseFacts]) -> Vec<u8> {
    let rows: Vec<_> = all.iter().map(|facts| Row { active_users: None, ..Row::of(facts) }).collect();
    serde_json::to_vec(&rows).unwrap_or_default()
}

/// The body of `GET /license`; `null` on Enterprise Edition without a license.
pub(crate) fn body(facts: Option<&LicenseFacts>) -> Vec<u8> {
    let row = facts.map(Row::of);
    serde_json::to_vec(&row).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use time::macros::date;

    fn of(scenario: Scenario, license_term: LicenseTerm, seats: u64) -> Option<LicenseFacts> {
        let today = date!(2026 - 03 - 04);
        let options = Options { scenario, license_term, today, ..Options::default() };
        let plan = scenario.plan()?;
        Some(facts(plan, first(&options, plan, seats, today), counted(plan, seats), today))
    }

    #[test]
    fn premium_is_over_now_and_more_so_at_its_peak() {
        for seats in [2, 3, 17, 49, 50, 51, 214, 100_000] {
            let license = of(Scenario::SelfManagedPremium, LicenseTerm::Current, seats).unwrap();
            assert_eq!(license.active_users, seats);
            assert!(license.overage > 0, "{license:?}");
            assert_eq!(license.overage, license.active_users - license.user_limit);
            assert!(license.maximum_user_count - license.user_limit > license.overage);
        }
    }

    #[test]
    fn ultimate_has_room_and_counts_one_less_than_live() {
        let license = of(Scenario::SelfManagedUltimate, LicenseTerm::Current, 214).unwrap();
        assert_eq!((license.active_users, license.overage), (213, 0));
        assert!(license.maximum_user_count < license.user_limit);
    }

    #[test]
    fn an_ended_license_counts_from_its_peak_and_an_open_one_not_at_all() {
        let ended = of(Scenario::SelfManagedPremium, LicenseTerm::Expired, 214).unwrap();
        assert!(ended.expired);
        assert_eq!(ended.expires_at, Some(date!(2026 - 01 - 28)));
        assert_eq!(ended.overage, ended.maximum_user_count - ended.user_limit);
        let open = of(Scenario::SelfManagedPremium, LicenseTerm::Unrestricted, 214).unwrap();
        assert_eq!((open.user_limit, open.overage, open.expires_at), (0, 0, None));
    }

    #[test]
    fn without_a_license_the_body_is_null() {
        assert_eq!(of(Scenario::Unlicensed, LicenseTerm::Current, 0), None);
        assert_eq!(body(None), b"null");
        let license = of(Scenario::SelfManagedPremium, LicenseTerm::Current, 214).unwrap();
        assert_eq!(
            String::from_utf8(body(Some(&license))).unwrap(),
            "{\"id\":7,\"plan\":\"premium\",\"created_at\":\"2025-08-16T07:15:00.511Z\",\"starts_at\":\"2025-08-16\",\
             \"expires_at\":\"2026-08-16\",\"historical_max\":220,\"maximum_user_count\":220,\
             \"licensee\":{\"Name\":\"Dana Admin\",\"Company\":\"Example GmbH\",\"Email\":\"dana@example.test\"},\
             \"add_ons\":{},\"expired\":false,\"overage\":14,\"user_limit\":200,\"active_users\":214}"
        );
    }
}
