//! Months pass, and what is old goes.

use super::holds;
use crate::alerts::rules::Thresholds;
use crate::export::tables::{At, PersonRow, PoolRow, Query, Stored};
use crate::privacy::erase::Who;
use crate::privacy::retention::Dropped;
use crate::samples::{Company, user};
use crate::store::audit::Act;

/// A run every ten days from 2026-03-01 to 2026-06-09 (days 0 to 100); Ben is gone since day 10, Anna is called otherwise since day
/// 20, Cleo since day 60; Dora comes on day 70 and goes on day 80; Edgar, who has no seat, is gone since day 90; a run on day 30 is partial.
fn months() -> Company {
    let mut company = Company::new();
    company.users.insert("5", user("5", "edgar"));
    company.users.get_mut("2").unwrap().last_activity_on = Some("2026-03-01");
    company.pools.get_mut("base").unwrap().allocated = Some(10);
    for day in (0..=100).step_by(10) {
        match day {
            10 => company.leave("2"),
            20 => company.users.get_mut("1").unwrap().username = "anna-the-second",
            60 => company.users.get_mut("3").unwrap().username = "cleo-the-second",
            70 => company.join("4", "dora"),
            80 => company.leave("4"),
            90 => company.leave("5"),
            _ => {}
        }
        if day == 20 {
            company.pools.get_mut("base").unwrap().allocated = Some(1);
        }
        company.users.get_mut("3").unwrap().last_activity_on = match day {
            0 => Some("2026-02-28"),
            50 => Some("2026-04-18"),
            100 => Some("2026-06-09"),
            _ => company.users["3"].last_activity_on,
        };
        company.run(if day == 30 { "partial" } else { "complete" });
        // A single run that is not good is told of after an hour.
        let later = Act { actor: "test", now: company.now + time::Duration::hours(2) };
        company.store.judge(later, "acme", &Thresholds::default()).unwrap();
        company.pass_days(if day == 100 { 0 } else { 10 });
    }
    company
}

fn keep(company: &Company, days: u32) -> Dropped {
    company.store.set_retention(company.act(), "acme", Some(days)).unwrap();
    company.store.apply_retention(company.act()).unwrap()
}

fn names(company: &Company, at: Option<At>) -> Vec<String> {
    let mut names = Vec::new();
    let query = Query { tenant: "acme", source_no: None, at };
    PersonRow::each(&company.store, &query, |row| {
        names.push(row.username);
        Ok(())
    })
    .unwrap();
    names
}

#[test]
fn what_ended_before_the_day_is_dropped_and_the_rest_is_as_it_was() {
    let company = months();
    let runs = || company.texts("SELECT taken_on FROM run ORDER BY run_no");
    let later: Vec<i64> = company
        .texts("SELECT '' || run_no FROM run WHERE taken_on >= '2026-04-10' AND state = 'complete'")
        .iter()
        .map(|run_no| run_no.parse().unwrap())
        .collect();
    assert_eq!(later.len(), 7);
    let past = || later.iter().map(|run_no| names(&company, Some(At::Run(*run_no)))).collect::<Vec<_>>();
    let before = past();
    // 86 days before 2026-06-09 is 2026-03-15. What Ben did in March is kept as long as March is, and so is he.
    let dropped = keep(&company, 86);
    let expected =
        Dropped { runs: 2, person_past: 1, seat_past: 1, events: 4, activity_months: 1, people: 0, alerts: 0 };
    assert_eq!(dropped, expected);
    assert!(holds(&company, "ben"));
    // 60 days before is 2026-04-10, the day of a run, which stays.
    let dropped = keep(&company, 60);
    let expected =
        Dropped { runs: 2, person_past: 1, seat_past: 0, events: 0, activity_months: 1, people: 1, alerts: 1 };
    assert_eq!(dropped, expected);
    assert_eq!(runs().first().map(String::as_str), Some("2026-04-10"));
    assert_eq!(past(), before, "every snapshot that is left is whole");
    assert!(!holds(&company, "ben") && holds(&company, "dora"), "who is gone for long is forgotten");
    assert_eq!(
        company.texts("SELECT kind || ' ' || on_day FROM seat_event ORDER BY 1"),
        ["left 2026-05-20", "taken 2026-05-10"]
    );
    assert_eq!(company.number("SELECT count(*) FROM activity_count"), 4, "names nobody");
    assert_eq!(company.texts("SELECT '' || (month % 12 + 1) FROM activity_month ORDER BY month"), ["4", "6"]);
    let alerts: Vec<_> = company.store.alerts("acme", false, 9).unwrap().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(alerts, ["source-failing"], "cleared on the day itself");
    company.store.check().unwrap();
    assert_eq!(company.store.apply_retention(company.act()).unwrap(), Dropped::default(), "and nothing more");
    // 2026-05-20, the day on which Dora was gone.
    keep(&company, 20);
    assert_eq!(company.texts("SELECT kind || ' ' || on_day FROM seat_event"), ["left 2026-05-20"]);
    assert!(holds(&company, "dora") && holds(&company, "edgar"), "gone on the day itself, and later");
}

#[test]
fn what_holds_now_and_the_two_newest_snapshots_are_never_dropped() {
    let mut company = months();
    company.pools.get_mut("base").unwrap().allocated = Some(10);
    company.run("complete");
    company.store.judge(company.act(), "acme", &Thresholds::default()).unwrap();
    company.pass_days(400);
    let running = company.begin();
    company.pass_days(400);
    let two = company.texts("SELECT '' || run_no FROM run WHERE state = 'complete' ORDER BY run_no DESC LIMIT 2");
    let people = names(&company, None);
    keep(&company, 1);
    let left = company.texts("SELECT '' || run_no FROM run ORDER BY run_no DESC");
    assert_eq!(left, [running.run_no.to_string(), two[0].clone(), two[1].clone()], "the run under way, too");
    assert_eq!(names(&company, None), people);
    assert_eq!(names(&company, Some(At::Run(two[1].parse().unwrap()))), ["anna-the-second", "cleo-the-second"]);
    assert_eq!(company.number("SELECT count(*) FROM pool_figures"), 2);
    assert_eq!(company.number("SELECT count(*) FROM seat"), 2);
    let open: Vec<_> = company.store.alerts("acme", true, 9).unwrap().into_iter().map(|alert| alert.kind).collect();
    assert_eq!(open, ["utilisation"], "open alerts");
    assert_eq!(company.texts("SELECT username FROM person ORDER BY 1"), ["anna-the-second", "cleo-the-second"]);
    assert!(!holds(&company, "dora"));
    company.pass_days(1);
    company.leave("1");
    company.run("complete");
    let events = company.texts("SELECT kind FROM seat_event");
    assert_eq!(events, ["left"], "the next run compares with what was kept");
    let mut pools = 0;
    PoolRow::each(&company.store, &Query { tenant: "acme", source_no: None, at: None }, |_| {
        pools += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(pools, 1);
}

#[test]
fn the_past_of_the_second_newest_snapshot_stays_however_old() {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    company.users.get_mut("1").unwrap().username = "anna2";
    company.run("complete");
    company.pass_days(1);
    company.users.get_mut("1").unwrap().username = "anna3";
    company.run("complete");
    company.pass_days(900);
    let dropped = keep(&company, 1);
    assert_eq!((dropped.runs, dropped.person_past), (1, 1));
    let second = company.number("SELECT min(run_no) FROM run");
    assert_eq!(names(&company, Some(At::Run(second))), ["anna2", "ben", "cleo"]);
}

#[test]
fn without_a_retention_nothing_is_dropped_and_the_erased_stay_so() {
    let mut company = months();
    company.pass_days(4000);
    assert_eq!(company.store.apply_retention(company.act()).unwrap(), Dropped::default());
    assert_eq!(company.number("SELECT count(*) FROM run"), 11);
    assert!(company.store.set_retention(company.act(), "acme", Some(0)).is_err());
    company.store.erase_person(company.act(), "acme", None, Who::Username("ben")).unwrap();
    assert!(keep(&company, 30).people > 0);
    assert_eq!(company.number("SELECT count(*) FROM person WHERE erased = 1"), 0, "gone for long");
    company.join("2", "ben");
    company.run("complete");
    assert_eq!(company.number("SELECT count(*) FROM person WHERE erased = 1"), 1, "and still a mark when he is back");
    assert!(!holds(&company, "ben"));
    assert_eq!(company.store.set_retention(company.act(), "acme", None).unwrap().retention_days, None);
}
