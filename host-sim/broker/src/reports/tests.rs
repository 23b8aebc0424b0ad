//! The rules of the reports, case by case.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use time::Date;
use time::macros::date;

use super::activity::{self, daily, ranking, usage};
use super::ledger::{self, balances, each_event, events};
use super::sizing::{Sizing, sizing, sizing_within};
use super::unused::{self, PoolSummary, Query, Reason, Rule, page, summary};
use crate::samples::{Company, START};
use crate::store::StoreError;
use crate::store::prices::Price;
use crate::table::Row;
use crate::view::{At, Filter, Period};

/// The day of the first run.
const TODAY: Date = date!(2026 - 03 - 01);

/// `user reason evidence` of every row.
fn rows(company: &Company, query: &Query, today: Date) -> Vec<String> {
    let page = page(&company.store, "acme", query, today, 0, 1000).unwrap();
    assert_eq!(usize::try_from(page.total).unwrap(), page.rows.len());
    page.rows.into_iter().map(|row| format!("{} {} {}", row.user, row.reason.name(), row.evidence_on)).collect()
}

/// One person with one seat.
fn one() -> Company {
    let mut company = Company::new();
    company.leave("2");
    company.leave("3");
    company
}

fn first(company: &Company, query: &Query, today: Date) -> PoolSummary {
    summary(&company.store, "acme", query, today).unwrap().remove(0)
}

#[test]
fn a_seat_is_unused_when_its_last_activity_is_too_long_ago() {
    // The threshold is 90 days: from 2025-12-01 on it is used.
    for (activity, last, sign_in, own, expected) in [
        ("known", Some("2025-12-01"), None, None, "active"),
        ("known", Some("2025-11-30"), None, None, "inactive 2025-11-30"),
        ("known", Some("2025-11-30"), Some("2025-12-01T00:00:00Z"), None, "active"),
        ("known", Some("2025-11-29"), Some("2025-11-30T23:59:59Z"), None, "inactive 2025-11-30"),
        ("known", None, Some("2025-11-30T23:59:59Z"), None, "inactive 2025-11-30"),
        ("known", None, Some("2025-12-01T01:00:00+02:00"), None, "inactive 2025-11-30"),
        ("known", Some("2026-02-28"), None, Some("2025-11-30"), "inactive 2025-11-30"),
        ("known", Some("2025-01-01"), None, Some("2025-12-01"), "active"),
        ("never", None, None, Some("2025-11-30"), "inactive 2025-11-30"),
        ("not-readable", None, None, Some("2025-11-30"), "inactive 2025-11-30"),
        ("not-readable", None, None, None, "unknown 2026-03-01"),
        ("not-readable", Some("2025-11-30"), None, None, "unknown 2026-03-01"),
        ("not-readable", Some("2025-12-01"), None, None, "active"),
        ("not-readable", None, Some("2025-12-01T00:00:00Z"), None, "active"),
        ("known", None, None, None, "unknown 2026-03-01"),
        ("never", None, Some("2025-11-30T00:00:00Z"), None, "inactive 2025-11-30"),
    ] {
        let mut company = one();
        company.user("1").activity = activity;
        company.user("1").last_activity_on = last;
        company.user("1").last_sign_in_at = sign_in;
        company.seat("base", "1").last_activity_on = own;
        let run_no = company.run("complete");
        company.pass_days(1);
        company.seat("base", "1").role = Some("other");
        company.run("complete");
        let case = format!("{activity} {last:?} {sign_in:?} {own:?}");
        let query = Query { at: Some(At::Run(run_no)), ..Query::default() };
        let expected_rows: &[_] = if expected == "active" { &[] } else { &[format!("anna {expected}")] };
        assert_eq!(rows(&company, &query, TODAY), expected_rows, "{case}");
        let now = rows(&company, &Query::default(), TODAY);
        let strip =
            |rows: &[String]| rows.iter().map(|row| row.replace("2026-03-02", "2026-03-01")).collect::<Vec<_>>();
        assert_eq!(strip(&now), expected_rows, "{case}");
        for found in [first(&company, &query, TODAY), first(&company, &Query::default(), TODAY)] {
            let unused = i64::from(expected.starts_with("inactive"));
            assert_eq!((found.holders, found.new, found.inactive, found.never_active), (1, 0, unused, 0), "{case}");
            assert_eq!((found.expired_or_unused, found.reclaimable), (unused, unused), "{case}");
            assert_eq!(found.active, i64::from(expected == "active"), "{case}");
            assert_eq!(found.unknown, i64::from(expected.starts_with("unknown")), "{case}");
        }
    }
}

#[test]
fn the_threshold_and_the_grace_can_be_chosen() {
    let mut company = one();
    company.user("1").activity = "known";
    company.user("1").last_activity_on = Some("2026-01-30");
    company.run("complete");
    let with = |threshold, grace| Query { rule: Rule { threshold, grace }, ..Query::default() };
    for (threshold, unused) in [(1, true), (29, true), (30, false), (60, false), (120, false), (3660, false)] {
        assert_eq!(!rows(&company, &with(threshold, 7), TODAY).is_empty(), unused, "{threshold}");
    }
    for (threshold, grace) in [(0, 7), (3661, 7), (90, 3661)] {
        let error = summary(&company.store, "acme", &with(threshold, grace), TODAY).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    }
    assert_eq!(unused::THRESHOLDS, [30, 60, 90, 120]);
    assert_eq!(Rule::default(), Rule { threshold: 90, grace: 7 });
}

#[test]
fn whoever_was_never_active_has_a_grace() {
    // Seven days: what is of 2026-02-22 or later is new.
    for (created, assigned, today, expected) in [
        (Some("2026-02-22T00:00:00Z"), None, TODAY, "new"),
        (Some("2026-02-21T23:59:59Z"), None, TODAY, "never-active 2026-02-21"),
        (Some("2020-01-01T00:00:00Z"), Some("2026-02-22"), TODAY, "new"),
        (Some("2020-01-01T00:00:00Z"), Some("2026-02-21"), TODAY, "never-active 2026-02-21"),
        (Some("2026-02-22T00:00:00Z"), Some("2020-01-01"), TODAY, "new"),
        (None, Some("2026-02-21"), TODAY, "never-active 2026-02-21"),
        (None, None, date!(2026 - 03 - 08), "new"),
        (None, None, date!(2026 - 03 - 09), "never-active 2026-03-01"),
    ] {
        let mut company = one();
        company.user("1").created_at = created;
        company.seat("base", "1").assigned_on = assigned;
        company.run("complete");
        let expected_rows: &[_] = if expected == "new" { &[] } else { &[format!("anna {expected}")] };
        assert_eq!(rows(&company, &Query::default(), today), expected_rows, "{created:?} {assigned:?}");
        let found = first(&company, &Query::default(), today);
        let is_new = i64::from(expected == "new");
        assert_eq!(
            (found.new, found.never_active, found.reclaimable, found.active),
            (is_new, 1 - is_new, 1 - is_new, 0)
        );
    }
}

#[test]
fn the_last_day_of_a_term_and_of_an_assignment_is_a_good_one() {
    for (term_end, ends_on, expected, reclaimable) in [
        (Some("2026-03-01"), Some("2026-03-01"), &[][..], 0),
        (Some("2026-02-28"), None, &["anna term-ended 2026-02-28"], 0),
        (None, Some("2026-02-28"), &["anna assignment-ended 2026-02-28"], 1),
        (
            Some("2026-02-27"),
            Some("2026-02-28"),
            &["anna term-ended 2026-02-27", "anna assignment-ended 2026-02-28"],
            1,
        ),
        (None, None, &[], 0),
    ] {
        let mut company = one();
        company.user("1").last_activity_on = Some("2026-03-01");
        company.pool("base").term_end = term_end;
        company.seat("base", "1").ends_on = ends_on;
        company.run("complete");
        assert_eq!(rows(&company, &Query::default(), TODAY), expected);
        let found = first(&company, &Query::default(), TODAY);
        assert_eq!((found.active, found.reclaimable), (1, reclaimable), "{term_end:?} {ends_on:?}");
        assert_eq!(found.expired_or_unused, i64::from(!expected.is_empty()), "each seat once");
        assert_eq!(
            (found.term_ended, found.assignment_ended),
            (
                i64::from(expected.iter().any(|row| row.contains("term-ended"))),
                i64::from(expected.iter().any(|row| row.contains("assignment-ended")))
            )
        );
    }
}

/// Anna and Ben hold an add-on; what else they hold is up to the test.
fn with_add_on() -> Company {
    let mut company = Company::new();
    company.leave("3");
    for id in ["1", "2"] {
        company.user(id).last_activity_on = Some("2026-03-01");
        company.seat("duo", id);
    }
    company.pool("duo").kind = "add-on";
    company
}

#[test]
fn an_add_on_is_lost_on_whoever_has_no_base_of_its_scope() {
    let lost = |change: &dyn Fn(&mut Company)| {
        let mut company = with_add_on();
        change(&mut company);
        company.run("complete");
        rows(&company, &Query::default(), TODAY)
    };
    let none: [&str; 0] = [];
    assert_eq!(lost(&|_| ()), none);
    let ben = ["ben add-on-without-base 2026-03-01"];
    assert_eq!(lost(&|company| company.seats.retain(|key, _| *key != ("base", "2"))), ben);
    assert_eq!(lost(&|company| company.seat("base", "2").consumes_seat = Some(false)), ben);
    assert_eq!(lost(&|company| company.seat("base", "2").consumes_seat = None), none);
    let elsewhere = |company: &mut Company| {
        company.pool("other").scope_id = "group/7";
        company.seats.remove(&("base", "2"));
        company.seat("other", "2");
    };
    assert_eq!(lost(&elsewhere), ben, "a base of another scope is none");
    let another = |company: &mut Company| {
        company.pool("other");
        company.seats.remove(&("base", "2"));
        company.seat("other", "2");
    };
    assert_eq!(lost(&another), none, "another base of the scope is one");
    let unread = |company: &mut Company| {
        company.pools.remove("base");
        company.seats.retain(|(pool, _), _| *pool != "base");
    };
    assert_eq!(lost(&unread), none, "no base pool was ever delivered: nobody can tell");
    let of_a_base = |company: &mut Company| {
        company.pool("duo").kind = "base";
        company.seats.remove(&("base", "2"));
    };
    assert_eq!(lost(&of_a_base), none, "it is no add-on");
}

#[test]
fn the_day_the_base_was_left_proves_the_lost_add_on() {
    let mut company = with_add_on();
    let first_run = company.run("complete");
    company.pass_days(1);
    company.seats.remove(&("base", "2"));
    company.run("complete");
    company.pass_days(2);
    company.run("complete");
    let of_duo = Filter { feature: None, ..Filter::default() };
    let query = Query { filter: of_duo, reason: Some(Reason::AddOnWithoutBase), ..Query::default() };
    let today = date!(2026 - 03 - 04);
    assert_eq!(rows(&company, &query, today), ["ben add-on-without-base 2026-03-02"]);
    let row = page(&company.store, "acme", &query, today, 0, 9).unwrap().rows.remove(0);
    assert_eq!(row.days, Some(2));
    assert_eq!(
        rows(&company, &Query { at: Some(At::Run(first_run)), ..query.clone() }, today),
        [""; 0],
        "not yet then"
    );
    let second = Query { at: Some(At::Day(date!(2026 - 03 - 03))), ..query };
    assert_eq!(rows(&company, &second, today), ["ben add-on-without-base 2026-03-02"]);
}

#[test]
fn an_add_on_that_was_never_used_is_not_judged_by_the_account() {
    let days = |company: &mut Company| {
        company.user("1").activity = "known";
        company.user("2").activity = "known";
        let first_run = company.run("complete");
        company.pass_days(8);
        company.user("2").last_activity_on = Some("2026-03-09");
        company.seat("duo", "2").role = Some("other");
        company.run("complete");
        first_run
    };
    let (today, query) = (date!(2026 - 03 - 09), Query::default());
    let mut company = with_add_on();
    days(&mut company);
    assert_eq!(rows(&company, &query, today), [""; 0], "no seat tells its own use: the account's counts");

    let mut company = with_add_on();
    company.seat("duo", "1").last_activity_on = Some("2026-02-27");
    let first_run = days(&mut company);
    assert_eq!(rows(&company, &query, today), ["ben never-active 2026-03-01"]);
    let then = Query { at: Some(At::Run(first_run)), ..Query::default() };
    assert_eq!(rows(&company, &then, date!(2026 - 03 - 08)), [""; 0], "within the grace");
    assert_eq!(rows(&company, &then, today), ["ben never-active 2026-03-01"]);
    let found = summary(&company.store, "acme", &query, today).unwrap().remove(1);
    assert_eq!((found.active, found.never_active, found.reclaimable), (1, 1, 1));
    let base = first(&company, &query, today);
    assert_eq!((base.active, base.never_active), (2, 0), "the base seat is another matter");

    let mut company = with_add_on();
    company.seat("duo", "1").last_activity_on = Some("2026-02-27");
    company.seat("duo", "2").assigned_on = Some("2026-02-20");
    company.run("complete");
    assert_eq!(rows(&company, &query, TODAY), ["ben never-active 2026-02-20"]);
    let ben = crate::privacy::erase::Who::Username("ben");
    company.store.erase_person(company.act(), "acme", None, ben).unwrap();
    let of_duo = summary(&company.store, "acme", &query, TODAY).unwrap().remove(1);
    assert_eq!((of_duo.unknown, of_duo.never_active), (1, 0), "of whoever was erased nobody can tell");

    let mut company = with_add_on();
    let first_run = company.run("complete");
    company.pass_days(8);
    company.seat("duo", "1").last_activity_on = Some("2026-03-09");
    company.run("complete");
    assert_eq!(rows(&company, &query, today), ["ben never-active 2026-03-01"]);
    let then = Query { at: Some(At::Run(first_run)), ..Query::default() };
    assert_eq!(rows(&company, &then, today), [""; 0], "it told none then");
}

#[test]
fn a_filter_on_the_add_on_does_not_hide_its_base() {
    let mut company = with_add_on();
    company.pool("duo").feature = "Duo Pro seat";
    company.run("complete");
    let filter = Filter { feature: Some("Duo Pro seat".to_owned()), ..Filter::default() };
    assert_eq!(rows(&company, &Query { filter, ..Query::default() }, TODAY), [""; 0]);
}

#[test]
fn a_seat_with_several_reasons_has_a_row_for_each_and_counts_once() {
    let mut company = with_add_on();
    company.user("2").last_activity_on = Some("2025-01-01");
    company.pool("duo").term_end = Some("2026-01-31");
    company.seat("duo", "2").ends_on = Some("2026-01-30");
    company.seats.remove(&("base", "2"));
    company.user("2").activity = "known";
    company.run("complete");
    let all = [
        "anna term-ended 2026-01-31",
        "ben inactive 2025-01-01",
        "ben term-ended 2026-01-31",
        "ben assignment-ended 2026-01-30",
        "ben add-on-without-base 2026-03-01",
    ];
    assert_eq!(rows(&company, &Query::default(), TODAY), all);
    let found = summary(&company.store, "acme", &Query::default(), TODAY).unwrap().remove(1);
    assert_eq!((found.holders, found.term_ended, found.expired_or_unused, found.reclaimable), (2, 2, 2, 1));
    for reason in Reason::ALL {
        let query = Query { reason: Some(reason), ..Query::default() };
        let count = all.iter().filter(|row| row.contains(&format!(" {} ", reason.name()))).count();
        assert_eq!(rows(&company, &query, TODAY).len(), count, "{reason:?}");
        assert_eq!(Reason::named(reason.name()), Some(reason));
    }
    let mut streamed = Vec::new();
    unused::each(&company.store, "acme", &Query::default(), TODAY, |row| {
        streamed.push(row);
        Ok::<_, StoreError>(())
    })
    .unwrap();
    for most in 1..6 {
        let mut paged = Vec::new();
        for skip in (0..5).step_by(most) {
            let part =
                page(&company.store, "acme", &Query::default(), TODAY, u64::try_from(skip).unwrap(), most).unwrap();
            assert_eq!(part.total, 5);
            paged.extend(part.rows);
        }
        assert_eq!(paged, streamed, "{most}");
    }
}

#[test]
fn whoever_consumes_no_seat_is_not_judged() {
    let mut company = one();
    company.seat("base", "1").consumes_seat = Some(false);
    company.run("complete");
    assert_eq!(rows(&company, &Query::default(), TODAY), [""; 0]);
    assert_eq!(first(&company, &Query::default(), TODAY).holders, 0);
}

#[test]
fn of_a_past_snapshot_later_activity_does_not_count() {
    let mut company = one();
    company.user("1").activity = "known";
    company.user("1").last_activity_on = Some("2025-11-20");
    let first_run = company.run("complete");
    company.pass_days(10);
    company.user("1").last_activity_on = Some("2026-03-05");
    company.run("complete");
    let then = Query { at: Some(At::Run(first_run)), ..Query::default() };
    assert_eq!(rows(&company, &then, TODAY), ["anna inactive 2025-11-20"]);
    assert_eq!(rows(&company, &Query::default(), date!(2026 - 03 - 11)), [""; 0]);
    company.pass_days(1);
    company.user("1").activity = "not-readable";
    company.user("1").username = "anna.b";
    company.run("complete");
    assert_eq!(rows(&company, &then, TODAY), ["anna inactive 2025-11-20"], "it could be read then");
}

#[test]
fn later_days_of_the_same_month_do_not_count_either() {
    let mut company = one();
    company.user("1").activity = "known";
    company.user("1").last_activity_on = Some("2026-03-02");
    company.pass_days(9);
    let first_run = company.run("complete");
    company.user("1").last_activity_on = Some("2026-03-15");
    company.pass_days(10);
    company.run("complete");
    let rule = Rule { threshold: 5, grace: 7 };
    let then = Query { at: Some(At::Run(first_run)), rule, ..Query::default() };
    assert_eq!(rows(&company, &then, date!(2026 - 03 - 10)), ["anna inactive 2026-03-02"]);
    assert_eq!(rows(&company, &Query { rule, ..Query::default() }, date!(2026 - 03 - 20)), [""; 0]);
}

fn asked(from: Date, to: Date) -> activity::Query {
    activity::Query { filter: Filter::default(), period: Period { from, to }, at: None }
}

/// Anna was active on 28 February, 1 and 3 March, Ben on 3 March, and their source is read every day.
fn active() -> Company {
    let mut company = Company::new();
    let days: [&[(&str, &str)]; 4] =
        [&[("1", "2026-02-28")], &[("1", "2026-03-01")], &[], &[("1", "2026-03-03"), ("2", "2026-03-03")]];
    for day in days {
        for (id, last) in day {
            company.user(id).activity = "known";
            company.user(id).last_activity_on = Some(last);
        }
        company.run("complete");
        company.pass_days(1);
    }
    company
}

#[test]
fn accounts_are_counted_by_the_day_of_their_activity() {
    let mut company = active();
    let count = |company: &Company, query: &activity::Query| {
        let days = daily(&company.store, "acme", query).unwrap();
        days.into_iter()
            .map(|day| format!("{} {} {} {}", day.day, day.server, day.feature.unwrap_or_default(), day.accounts))
            .collect::<Vec<_>>()
    };
    let all = asked(date!(2026 - 02 - 28), date!(2026 - 03 - 03));
    assert_eq!(
        count(&company, &all),
        ["2026-02-28 GitLab of Acme  1", "2026-03-01 GitLab of Acme  1", "2026-03-03 GitLab of Acme  2"]
    );
    assert_eq!(count(&company, &asked(date!(2026 - 03 - 01), date!(2026 - 03 - 02))).len(), 1);
    let then = activity::Query { at: Some(At::Day(date!(2026 - 03 - 02))), ..all.clone() };
    assert_eq!(count(&company, &then).len(), 2, "what came later is left out");
    company.pool("duo").kind = "add-on";
    company.pool("duo").feature = "Duo Pro seat";
    company.seat("duo", "1").last_activity_on = Some("2026-03-03");
    company.run("complete");
    let found = count(&company, &asked(date!(2026 - 03 - 03), date!(2026 - 03 - 03)));
    assert_eq!(found, ["2026-03-03 GitLab of Acme  2", "2026-03-03 GitLab of Acme Duo Pro seat 1"]);
    company.second();
    let filter = Filter { server: Some("second".to_owned()), ..Filter::default() };
    let only = activity::Query { filter, ..asked(date!(2026 - 03 - 03), date!(2026 - 03 - 03)) };
    assert_eq!(count(&company, &only), ["2026-03-03 Second  2", "2026-03-03 Second Duo Pro seat 1"]);
}

#[test]
fn people_are_ranked_by_their_observed_days_in_the_period() {
    let company = active();
    for (from, to, at, expected) in [
        (date!(2026 - 02 - 01), date!(2026 - 03 - 31), None, &["anna 3", "ben 1"][..]),
        (date!(2026 - 02 - 28), date!(2026 - 03 - 03), None, &["anna 3", "ben 1"]),
        (date!(2026 - 03 - 01), date!(2026 - 03 - 03), None, &["anna 2", "ben 1"]),
        (date!(2026 - 03 - 02), date!(2026 - 03 - 03), None, &["anna 1", "ben 1"]),
        (date!(2026 - 02 - 28), date!(2026 - 02 - 28), None, &["anna 1"]),
        (date!(2026 - 02 - 01), date!(2026 - 02 - 27), None, &[]),
        (date!(2026 - 03 - 04), date!(2027 - 01 - 01), None, &[]),
        (date!(2026 - 02 - 01), date!(2026 - 03 - 31), Some(At::Day(date!(2026 - 03 - 02))), &["anna 2"]),
        (date!(2026 - 03 - 03), date!(2026 - 03 - 31), Some(At::Run(1)), &[]),
    ] {
        let query = activity::Query { at, ..asked(from, to) };
        let ranked = ranking(&company.store, "acme", &query, 0, 9).unwrap();
        let found: Vec<_> = ranked.rows.iter().map(|row| format!("{} {}", row.user, row.observed_days)).collect();
        assert_eq!(found, expected, "{from} {to} {at:?}");
        assert_eq!(usize::try_from(ranked.total).unwrap(), expected.len());
        let mut streamed = Vec::new();
        activity::each_ranked(&company.store, "acme", &query, |row| {
            streamed.push(row);
            Ok::<_, StoreError>(())
        })
        .unwrap();
        assert_eq!(streamed, ranked.rows);
        for skip in 0..3 {
            let part = ranking(&company.store, "acme", &query, skip, 1).unwrap();
            assert_eq!(part.rows, ranked.rows.iter().skip(skip).take(1).cloned().collect::<Vec<_>>(), "{skip}");
        }
    }
    assert_eq!(Period::ending(TODAY, 30), Period { from: date!(2026 - 01 - 31), to: TODAY });
}

#[test]
fn the_ranking_is_of_the_tenant_and_of_the_names_of_then() {
    let mut company = active();
    company.second();
    company.user("1").username = "zanna";
    company.run("complete");
    let all = asked(date!(2026 - 02 - 01), date!(2026 - 03 - 31));
    let names = |query: &activity::Query| {
        let rows = ranking(&company.store, "acme", query, 0, 9).unwrap().rows;
        rows.into_iter().map(|row| format!("{} {}", row.user, row.server)).collect::<Vec<_>>()
    };
    // The second source has been read once.
    let anna = "anna Second";
    assert_eq!(names(&all), ["zanna GitLab of Acme", "ben GitLab of Acme", anna, "ben Second"]);
    let then = activity::Query { at: Some(At::Run(4)), ..all.clone() };
    assert_eq!(names(&then), ["anna GitLab of Acme", "ben GitLab of Acme"]);
    let filter = Filter { source_no: Some(2), ..Filter::default() };
    assert_eq!(names(&activity::Query { filter, ..all.clone() }), [anna, "ben Second"]);
    company.store.add_tenant(company.act(), "other", crate::store::tenants::Identity::Full, None).unwrap();
    assert_eq!(ranking(&company.store, "other", &all, 0, 9).unwrap().total, 0);
}

#[test]
fn people_with_others_between_their_numbers_are_ranked_alone() {
    // Few between are passed over, many are not gone through at all.
    for others in [2, 50] {
        let mut company = active();
        let (seats, users) = (company.seats.clone(), company.users.clone());
        for number in 0..others {
            let name: &'static str = format!("user{number}").leak();
            company.join(name, name);
            company.user(name).last_activity_on = Some("2026-03-02");
        }
        company.second();
        (company.seats, company.users) = (seats, users);
        company.join("9", "zoe");
        company.user("9").last_activity_on = Some("2026-03-02");
        company.run("complete");
        let query = asked(date!(2026 - 02 - 01), date!(2026 - 03 - 31));
        let one = activity::Query { filter: Filter { source_no: Some(1), ..Filter::default() }, ..query.clone() };
        let rows = ranking(&company.store, "acme", &one, 0, 99).unwrap().rows;
        let found: Vec<_> = rows.into_iter().map(|row| format!("{} {}", row.user, row.observed_days)).collect();
        assert_eq!(found, ["anna 3", "ben 1", "zoe 1"], "{others}");
        assert_eq!(ranking(&company.store, "acme", &query, 0, 99).unwrap().total, 3 + 2 + others);
    }
}

#[test]
fn each_snapshot_of_the_period_is_a_point_of_the_trend() {
    let mut company = Company::new();
    for (entitled, allocated) in
        [(Some(10), Some(9)), (Some(3), Some(4)), (None, Some(4)), (Some(0), Some(4)), (Some(10), None)]
    {
        company.pool("base").entitled = entitled;
        company.pool("base").allocated = allocated;
        company.pool("base").max_allocated = Some(12);
        company.run("complete");
        company.pass_days(1);
    }
    company.run("partial");
    let points: Vec<_> = usage(&company.store, "acme", &asked(date!(2026 - 03 - 01), date!(2026 - 03 - 31)))
        .unwrap()
        .into_iter()
        .map(|point| {
            (point.day, point.entitled, point.allocated, point.holders, point.max_allocated, point.allocated_percent)
        })
        .collect();
    let point =
        |day: &str, entitled, allocated, percent| (format!("2026-03-{day}"), entitled, allocated, 3, Some(12), percent);
    let expected = [
        point("01", Some(10), Some(9), Some(90)),
        point("02", Some(3), Some(4), Some(133)),
        point("03", None, Some(4), None),
        point("04", Some(0), Some(4), None),
        point("05", Some(10), None, None),
    ];
    assert_eq!(points, expected);
    assert_eq!(usage(&company.store, "acme", &asked(date!(2026 - 03 - 02), date!(2026 - 03 - 03))).unwrap().len(), 2);
    let then = activity::Query { at: Some(At::Run(2)), ..asked(date!(2026 - 03 - 01), date!(2026 - 03 - 31)) };
    assert_eq!(usage(&company.store, "acme", &then).unwrap().len(), 2);
}

/// Anna and Cleo stay; Ben leaves on 2 March and comes back on 4 March, Dora joins on 3 March; read twice on 4 March.
fn moving() -> Company {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    company.leave("2");
    company.run("complete");
    company.pass_days(1);
    company.join("4", "dora");
    company.run("complete");
    company.pass_days(1);
    company.run("complete");
    company.join("2", "ben");
    company.run("complete");
    company
}

#[test]
fn the_ledger_balances() {
    let company = moving();
    for (from, to, at, expected) in [
        (date!(2026 - 03 - 01), date!(2026 - 03 - 04), None, Some((0, 3, 2, 1, 4))),
        (date!(2026 - 03 - 02), date!(2026 - 03 - 04), None, Some((3, 0, 2, 1, 4))),
        (date!(2026 - 03 - 02), date!(2026 - 03 - 02), None, Some((3, 0, 0, 1, 2))),
        (date!(2026 - 03 - 03), date!(2026 - 03 - 03), None, Some((2, 0, 1, 0, 3))),
        (date!(2026 - 03 - 05), date!(2026 - 03 - 09), None, Some((4, 0, 0, 0, 4))),
        (date!(2026 - 02 - 01), date!(2026 - 02 - 28), None, None),
        (date!(2026 - 03 - 01), date!(2026 - 03 - 04), Some(At::Run(4)), Some((0, 3, 1, 1, 3))),
        (date!(2026 - 03 - 01), date!(2026 - 03 - 04), Some(At::Day(date!(2026 - 03 - 02))), Some((0, 3, 0, 1, 2))),
    ] {
        let query = activity::Query { at, ..asked(from, to) };
        let found = balances(&company.store, "acme", &query).unwrap();
        let figures = found.first().map(|pool| {
            let [opening, found, taken, left, closing] =
                [pool.opening, pool.found, pool.taken, pool.left, pool.closing].map(Option::unwrap);
            (opening, found, taken, left, closing)
        });
        assert_eq!(figures, expected, "{from} {to} {at:?}");
        let count = ledger::total(&company.store, "acme", &query).unwrap();
        assert_eq!(count, figures.map_or(0, |(_, found, taken, left, _)| found + taken + left).cast_unsigned());
        if let Some((opening, found, taken, left, closing)) = figures {
            assert_eq!(opening + found + taken - left, closing);
        }
    }
}

#[test]
fn a_pool_that_is_gone_closes_with_nothing() {
    let mut company = moving();
    company.pass_days(1);
    company.pools.clear();
    company.seats.clear();
    company.run("complete");
    let found = balances(&company.store, "acme", &asked(date!(2026 - 03 - 05), date!(2026 - 03 - 05))).unwrap();
    assert_eq!((found[0].opening, found[0].left, found[0].closing), (Some(4), Some(4), Some(0)));
}

#[test]
fn what_a_retention_has_dropped_is_unknown_and_not_nought() {
    let mut company = moving();
    company.pass_days(1);
    company.join("5", "edgar");
    company.run("complete");
    let of = |company: &Company, from, to| {
        let found = balances(&company.store, "acme", &asked(from, to)).unwrap().remove(0);
        let first = found.kept_from.unwrap_or_default();
        (found.opening, found.found, found.taken, found.left, found.closing, first)
    };
    let (first, last) = (date!(2026 - 03 - 01), date!(2026 - 03 - 05));
    let whole = (Some(0), Some(3), Some(3), Some(1), Some(5), String::new());
    assert_eq!(of(&company, first, last), whole);
    company.store.set_retention(company.act(), "acme", Some(400)).unwrap();
    company.store.apply_retention(company.act()).unwrap();
    assert_eq!(of(&company, first, last), whole, "nothing was so old");
    // Three days before 5 March is 2 March.
    company.store.set_retention(company.act(), "acme", Some(3)).unwrap();
    company.store.apply_retention(company.act()).unwrap();
    let kept = "2026-03-02".to_owned();
    assert_eq!(of(&company, first, last), (None, None, None, None, Some(5), kept.clone()));
    assert_eq!(of(&company, date!(2026 - 03 - 02), last), (None, Some(0), Some(3), Some(1), Some(5), kept.clone()));
    assert_eq!(of(&company, date!(2026 - 03 - 03), last), (Some(2), Some(0), Some(3), Some(0), Some(5), kept.clone()));
    assert_eq!(of(&company, date!(2025 - 01 - 01), date!(2025 - 12 - 31)), (None, None, None, None, None, kept));
    let total = ledger::total(&company.store, "acme", &asked(first, last)).unwrap();
    assert_eq!(total, 4, "those that are kept");
    // A shorter one that is made longer again brings nothing back.
    company.store.set_retention(company.act(), "acme", Some(400)).unwrap();
    company.store.apply_retention(company.act()).unwrap();
    assert_eq!(of(&company, first, last).0, None);
}

#[test]
fn events_are_told_one_by_one() {
    let company = moving();
    let query = asked(date!(2026 - 03 - 01), date!(2026 - 03 - 04));
    let mut all = Vec::new();
    let count = each_event(&company.store, "acme", &query, |event| {
        all.push(format!("{} {} {}", event.on_day, event.kind, event.user));
        Ok::<_, StoreError>(())
    });
    assert_eq!(count.unwrap(), 6);
    assert_eq!(
        all,
        [
            "2026-03-01 found anna",
            "2026-03-01 found ben",
            "2026-03-01 found cleo",
            "2026-03-02 left ben",
            "2026-03-03 taken dora",
            "2026-03-04 taken ben",
        ]
    );
    let part = events(&company.store, "acme", &query, 2, 3).unwrap();
    let part: Vec<_> =
        part.into_iter().map(|event| format!("{} {} {}", event.on_day, event.kind, event.user)).collect();
    assert_eq!(part, all[2..5]);
    let then = activity::Query { at: Some(At::Run(4)), ..query };
    assert_eq!(events(&company.store, "acme", &then, 0, 99).unwrap().len(), 5);
    assert_eq!(events(&company.store, "acme", &then, 0, 0).unwrap(), []);
}

fn sized(company: &Company, query: &Query, today: Date) -> Sizing {
    sizing(&company.store, "acme", query, today).unwrap().remove(0)
}

#[test]
fn figures_of_which_a_part_is_unknown_are_unknown() {
    for (entitled, allocated, most, trial, free, over_now, over_term, percent) in [
        (Some(10), Some(9), Some(12), false, Some(1), Some(0), Some(2), Some(90)),
        (Some(10), Some(12), Some(12), false, Some(0), Some(2), Some(2), Some(120)),
        (Some(10), Some(12), Some(12), true, Some(0), Some(2), Some(0), Some(120)),
        (None, Some(12), Some(12), false, None, None, None, None),
        (Some(10), None, None, false, None, None, None, None),
        (Some(0), Some(1), Some(1), false, Some(0), Some(1), Some(1), None),
    ] {
        let mut company = Company::new();
        let pool = company.pool("base");
        (pool.entitled, pool.allocated, pool.max_allocated, pool.is_trial) = (entitled, allocated, most, Some(trial));
        company.run("complete");
        let found = sized(&company, &Query::default(), TODAY);
        let figures = (found.free, found.over_now, found.over_term, found.allocated_percent);
        assert_eq!(figures, (free, over_now, over_term, percent), "{entitled:?} {allocated:?} {most:?}");
        assert_eq!(
            (found.entitled, found.allocated, found.holders),
            (entitled.map(u64::cast_signed), allocated.map(u64::cast_signed), 3)
        );
    }
}

#[test]
fn the_vendors_own_overage_goes_before_the_difference() {
    for (now, term, trial, unlimited, expected) in [
        (None, None, false, false, (Some(2), Some(5))),
        (Some(0), Some(1), false, false, (Some(0), Some(1))),
        (Some(7), Some(9), true, false, (Some(7), Some(0))),
        (Some(7), Some(9), false, true, (Some(7), Some(9))),
        (None, None, false, true, (None, None)),
    ] {
        let mut company = Company::new();
        let pool = company.pool("base");
        (pool.entitled, pool.allocated, pool.max_allocated) = (Some(10), Some(12), Some(15));
        (pool.overage_now, pool.overage_term, pool.is_trial, pool.unlimited) = (now, term, Some(trial), unlimited);
        company.run("complete");
        let found = sized(&company, &Query::default(), TODAY);
        assert_eq!((found.over_now, found.over_term), expected, "{now:?} {term:?} {trial} {unlimited}");
        let alert = crate::headroom::sources(&company.store.reader().unwrap(), None).unwrap();
        assert_eq!(found.over_now, alert[0].pools[0].over(), "an alert says the same");
    }
}

#[test]
fn utilisation_is_of_the_window_and_not_of_the_threshold() {
    let mut company = Company::new();
    company.join("4", "dora");
    // 30 days before 1 March is 30 January.
    for (id, last) in [("1", "2026-01-30"), ("2", "2026-01-29"), ("3", "2025-01-01")] {
        company.user(id).activity = "known";
        company.user(id).last_activity_on = Some(last);
    }
    company.user("4").activity = "not-readable";
    company.pool("base").allocated = Some(8);
    company.run("complete");
    let of = |company: &Company, window| {
        let found = sizing_within(&company.store, "acme", &Query::default(), window, TODAY).unwrap().remove(0);
        assert_eq!((found.active, found.unused, found.unknown), (2, 1, 1), "whatever the window");
        (found.active_in_window, found.utilisation_percent, found.unused_percent)
    };
    assert_eq!(of(&company, 29), (0, Some(0), Some(12)));
    assert_eq!(of(&company, 30), (1, Some(12), Some(12)));
    assert_eq!(of(&company, 31), (2, Some(25), Some(12)));
    assert_eq!(sized(&company, &Query::default(), TODAY).active_in_window, 1, "30 days, unless asked otherwise");
    for window in [0, 3661] {
        let error = sizing_within(&company.store, "acme", &Query::default(), window, TODAY).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    }
    for allocated in [None, Some(0)] {
        company.pool("base").allocated = allocated;
        company.run("complete");
        assert_eq!(of(&company, 30), (1, None, None), "{allocated:?}");
    }
    company.pool("base").allocated = Some(4);
    for id in ["1", "2", "3"] {
        company.leave(id);
    }
    company.run("complete");
    let found = sized(&company, &Query::default(), TODAY);
    assert_eq!((found.utilisation_percent, found.unused_percent), (None, None), "nobody can tell of anybody");
}

#[test]
fn seats_that_could_be_had_back_have_a_price_and_unknown_ones_have_not() {
    let mut company = Company::new();
    company.join("4", "dora");
    company.user("1").last_activity_on = Some("2026-03-01");
    company.user("2").last_activity_on = Some("2025-01-01");
    company.user("3").activity = "not-readable";
    company.user("4").created_at = Some("2026-02-25T00:00:00Z");
    company.run("complete");
    let (store, act) = (&company.store, company.act());
    let price = |cents, currency: &str| Price { cents, currency: currency.to_owned() };
    let bare = sized(&company, &Query::default(), TODAY);
    assert_eq!((bare.price_cents, bare.bought_cents, bare.saving_cents, bare.forecast_cents), (None, None, None, None));
    store.set_price(act, "acme", 1, "base", &price(1, "USD")).unwrap();
    store.set_price(act, "acme", 1, "base", &price(34_800, "EUR")).unwrap();
    let found = sized(&company, &Query::default(), TODAY);
    assert_eq!((found.holders, found.active, found.unused, found.unknown, found.new), (4, 1, 1, 1, 1));
    assert_eq!((found.reclaimable, found.needed), (1, 3));
    assert_eq!((found.bought_cents, found.saving_cents), (Some(348_000), Some(34_800)));
    assert_eq!(found.currency.as_deref(), Some("EUR"));
    for (source_no, pool_id, price) in [
        (2, "base", price(1, "EUR")),
        (1, "duo", price(1, "EUR")),
        (1, "base", price(-1, "EUR")),
        (1, "base", price(crate::store::prices::HIGHEST_PRICE + 1, "EUR")),
        (1, "base", price(1, "eur")),
        (1, "base", price(1, "EURO")),
    ] {
        assert!(store.set_price(act, "acme", source_no, pool_id, &price).is_err(), "{source_no} {pool_id} {price:?}");
    }
    assert!(store.clear_price(act, "acme", 1, "duo").is_err());
    store.clear_price(act, "acme", 1, "base").unwrap();
    assert_eq!(sized(&company, &Query::default(), TODAY).price_cents, None);
    let log: Vec<_> =
        store.audit(Some("acme"), 3).unwrap().into_iter().map(|entry| (entry.action, entry.detail)).collect();
    let entry = |action: &str, detail: &str| (action.to_owned(), Some(detail.to_owned()));
    assert_eq!(
        log,
        [
            entry("clear-price", "base"),
            entry("set-price", "base: 34800 cents (EUR) for a seat and year"),
            entry("set-price", "base: 1 cents (USD) for a seat and year"),
        ]
    );
}

/// One run a day from 1 March on, with so many allocated.
fn grown(allocated: &[u64], change: impl Fn(&mut crate::record::Pool<'static>)) -> Company {
    let mut company = Company::new();
    for seats in allocated {
        let pool = company.pool("base");
        (pool.allocated, pool.term_start, pool.term_end) = (Some(*seats), Some("2026-03-01"), Some("2026-03-31"));
        change(pool);
        company.run("complete");
        company.pass_days(1);
    }
    let price = Price { cents: 36_500, currency: "EUR".to_owned() };
    company.store.set_price(company.act(), "acme", company.source_no, "base", &price).unwrap();
    company
}

#[test]
fn the_true_up_is_of_the_peak_that_was_or_is_to_come() {
    let week = [5, 6, 7, 8, 9, 10, 11];
    let today = date!(2026 - 03 - 07);
    let forecast = |company: &Company, today| {
        let found = sized(company, &Query::default(), today);
        (found.forecast_peak, found.forecast_over, found.forecast_cents)
    };
    // One more a day: 35 on the 31st, 25 over; 31 days of a year at one euro a day and seat.
    let rising = grown(&week, |_| ());
    assert_eq!(forecast(&rising, today), (Some(35), Some(25), Some(25 * 3100)));
    let falling = grown(&[20, 19, 18, 17, 16, 15, 14], |_| ());
    assert_eq!(forecast(&falling, today), (Some(20), Some(10), Some(10 * 3100)), "the peak so far");
    let peak = grown(&week, |pool| pool.max_allocated = Some(40));
    assert_eq!(forecast(&peak, today), (Some(40), Some(30), Some(30 * 3100)), "the vendor's own peak");
    let enough = grown(&week, |pool| pool.entitled = Some(35));
    assert_eq!(forecast(&enough, today), (Some(35), Some(0), Some(0)));
    assert_eq!(forecast(&grown(&week[..6], |_| ()), today), (None, None, None), "too few days");
    assert_eq!(forecast(&grown(&week, |pool| pool.is_trial = Some(true)), today), (Some(35), Some(0), Some(0)));
    assert_eq!(forecast(&grown(&week, |pool| pool.unlimited = true), today), (None, None, None));
    assert_eq!(forecast(&grown(&week, |pool| pool.entitled = None), today), (Some(35), None, None));
    assert_eq!(forecast(&grown(&week, |pool| pool.term_end = None), today), (None, None, None));
    assert_eq!(forecast(&grown(&week, |pool| pool.term_start = None), today), (None, None, None));
    let renewed = grown(&week, |pool| pool.term_start = Some("2026-03-02"));
    assert_eq!(forecast(&renewed, today), (None, None, None), "days before the term do not count");
    assert!(forecast(&rising, date!(2026 - 03 - 31)).0.is_some(), "its last day");
    assert_eq!(forecast(&rising, date!(2026 - 04 - 01)), (None, None, None), "it has ended");
    let then = Query { at: Some(At::Day(date!(2026 - 03 - 06))), ..Query::default() };
    assert_eq!(sized(&rising, &then, today).forecast_peak, None, "of the snapshots until then");
}

#[test]
fn of_two_runs_on_a_day_the_last_counts() {
    let mut company = grown(&[5, 6, 7, 8, 9, 10], |_| ());
    company.pool("base").allocated = Some(0);
    company.run("complete");
    company.pool("base").allocated = Some(11);
    company.run("complete");
    assert_eq!(sized(&company, &Query::default(), date!(2026 - 03 - 07)).forecast_peak, Some(35));
}

#[test]
fn every_row_has_a_value_for_each_column() {
    fn check<R: Row + serde::Serialize>(row: &R) {
        let columns: Vec<_> = R::COLUMNS.iter().map(|column| column.name).collect();
        let json = serde_json::to_value(row).unwrap();
        let json = json.as_object().unwrap();
        for (name, value) in columns.iter().zip(row.values()) {
            assert_eq!(json.get(*name), Some(&serde_json::to_value(&value).unwrap()), "{name}");
        }
        assert_eq!(row.values().len(), columns.len());
    }
    let company = active();
    assert_eq!(START.date(), TODAY);
    let query = Query::default();
    let days = asked(date!(2026 - 02 - 01), date!(2026 - 03 - 31));
    check(&page(&company.store, "acme", &query, TODAY, 0, 1).unwrap().rows[0]);
    check(&first(&company, &query, TODAY));
    check(&sized(&company, &query, TODAY));
    check(&daily(&company.store, "acme", &days).unwrap()[0]);
    check(&ranking(&company.store, "acme", &days, 0, 1).unwrap().rows[0]);
    check(&usage(&company.store, "acme", &days).unwrap()[0]);
    check(&balances(&company.store, "acme", &days).unwrap()[0]);
    check(&events(&company.store, "acme", &days, 0, 1).unwrap()[0]);
}
