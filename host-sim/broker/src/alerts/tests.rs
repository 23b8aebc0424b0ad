//! Alerts and their deliveries over a company's days.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use time::{Duration, OffsetDateTime};

use super::outbox::{ATTEMPTS, Due, Event, FIRST_WAIT, LONGEST_WAIT, Next, PATIENCE};
use super::rules::Thresholds;
use super::{Alert, Judged};
use crate::samples::Company;
use crate::store::StoreError;
use crate::store::tenants::Identity;

const HOOK: &str = "https://hooks.example.com/secret-path";

fn judge(company: &Company) -> Judged {
    company.store.judge(company.act(), "acme", &Thresholds::default()).unwrap()
}

fn kinds(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.kind.as_str()).collect()
}

fn allocate(company: &mut Company, seats: u64) -> Judged {
    company.pools.get_mut("base").unwrap().allocated = Some(seats);
    company.run("complete");
    judge(company)
}

fn due(company: &Company) -> Vec<Due> {
    company.store.due_deliveries(company.now, 99).unwrap()
}

#[test]
fn an_alert_is_opened_once_cleared_and_opened_again() {
    let mut company = Company::new();
    assert_eq!(judge(&company), Judged::default(), "approved and never read");
    let judged = allocate(&mut company, 9);
    assert_eq!((kinds(&judged.raised), kinds(&judged.cleared)), (vec!["utilisation"], vec![]));
    let first = judged.raised[0].clone();
    assert_eq!(first.message, "Premium seat (The instance) of GitLab of Acme: 9 of 10 seats are in use, 90 %");
    assert_eq!(first.pool_id.as_deref(), Some("base"));
    assert_eq!(first.evidence["allocated"], 9);
    assert_eq!(first.evidence["snapshot_on"], "2026-03-01");
    company.pass_days(1);
    assert_eq!(allocate(&mut company, 10), Judged::default(), "still true");
    assert_eq!(company.store.alerts("acme", true, 9).unwrap(), std::slice::from_ref(&first), "as it was raised");
    company.pass_days(1);
    let judged = allocate(&mut company, 8);
    assert_eq!((kinds(&judged.raised), kinds(&judged.cleared)), (vec![], vec!["utilisation"]));
    assert_eq!(judged.cleared[0].cleared_at.as_deref(), Some("2026-03-03T12:00:00Z"));
    assert_eq!(judge(&company), Judged::default());
    company.pass_days(1);
    let judged = allocate(&mut company, 11);
    assert_eq!(kinds(&judged.raised), ["utilisation", "overage"]);
    assert_ne!(judged.raised[0].alert_no, first.alert_no, "another one");
    let all = company.store.alerts("acme", false, 9).unwrap();
    assert_eq!(kinds(&all), ["overage", "utilisation", "utilisation"]);
    assert!(all[0].alert_no > all[1].alert_no);
}

#[test]
fn days_pass_without_a_run() {
    let mut company = Company::new();
    company.pools.get_mut("base").unwrap().term_end = Some("2026-04-01");
    company.run("complete");
    assert_eq!(judge(&company), Judged::default(), "31 days");
    company.pass_days(1);
    assert_eq!(kinds(&judge(&company).raised), ["term-ending"]);
    company.pass_days(30);
    assert_eq!(judge(&company), Judged::default(), "the day itself");
    company.pass_days(1);
    let judged = judge(&company);
    assert_eq!((kinds(&judged.raised), kinds(&judged.cleared)), (vec!["term-ended"], vec!["term-ending"]));
    company.pools.get_mut("base").unwrap().term_end = Some("2027-04-01");
    company.run("complete");
    assert_eq!(kinds(&judge(&company).cleared), ["term-ended"], "renewed");
}

#[test]
fn days_are_those_of_utc() {
    let mut company = Company::new();
    company.pools.get_mut("base").unwrap().term_end = Some("2026-04-01");
    company.run("complete");
    company.now =
        company.now.replace_time(time::Time::MIDNIGHT).to_offset(time::UtcOffset::from_hms(14, 0, 0).unwrap());
    company.now += Duration::hours(23);
    assert_eq!(judge(&company), Judged::default(), "the next day has come in the Pacific, not in UTC");
}

#[test]
fn a_drop_is_seen_between_two_complete_snapshots() {
    let mut company = Company::new();
    let names: Vec<&'static str> =
        (10..30).map(|number: i32| -> &'static str { Box::leak(number.to_string().into_boxed_str()) }).collect();
    for name in &names {
        company.join(name, name);
    }
    company.run("complete");
    let (users, seats) = (company.users.clone(), company.seats.clone());
    names.iter().take(11).for_each(|name| company.leave(name));
    company.pass_days(1);
    company.run("partial");
    assert_eq!(judge(&company), Judged::default(), "once may happen, and who was not read may still be there");
    company.run("partial");
    assert_eq!(kinds(&judge(&company).raised), ["source-failing"], "who was not read may still be there");
    company.run("complete");
    let judged = judge(&company);
    assert_eq!((kinds(&judged.raised), kinds(&judged.cleared)), (vec!["sudden-drop"], vec!["source-failing"]));
    assert_eq!((&judged.raised[0].evidence["before"], &judged.raised[0].evidence["holders"]), (&23.into(), &12.into()));
    (company.users, company.seats) = (users, seats);
    company.run("complete");
    assert_eq!(kinds(&judge(&company).cleared), ["sudden-drop"]);
}

#[test]
fn a_token_that_ends_soon_is_told_of_until_another_is_entered() {
    let mut company = Company::new();
    let (store, source_no) = (&company.store, company.source_no);
    let report =
        r#"{"checks":[{"id":"token-expiry","status":"warn","detail":"The token ends on 2026-03-09, in 8 days."}]}"#;
    store.note_test(company.act(), "acme", source_no, report, true).unwrap();
    let judged = judge(&company);
    assert_eq!(kinds(&judged.raised), ["token-expiring"]);
    assert_eq!(judged.raised[0].message, "GitLab of Acme: The token ends on 2026-03-09, in 8 days.");
    assert_eq!(judged.raised[0].evidence["tested_at"], "2026-03-01T12:00:00Z");
    company.pass_days(1);
    company.store.edit_source(company.act(), "acme", source_no, None, Some("another")).unwrap();
    assert_eq!(kinds(&judge(&company).cleared), ["token-expiring"], "nobody knows when the new one ends");
    company.pass_days(1);
    company.store.note_test(company.act(), "acme", source_no, report, true).unwrap();
    assert_eq!(kinds(&judge(&company).raised), ["token-expiring"]);
}

#[test]
fn a_token_that_has_ended_or_a_server_that_is_away_clears_nothing() {
    let mut company = Company::new();
    let test = |company: &Company, checks: &str| {
        let report = format!(r#"{{"checks":[{checks}]}}"#);
        company.store.note_test(company.act(), "acme", company.source_no, &report, false).unwrap();
        judge(company)
    };
    let skipped = r#"{"id":"token","status":"fail","detail":"401"},{"id":"token-expiry","status":"skipped"}"#;
    assert_eq!(test(&company, skipped), Judged::default(), "nothing is raised by it either");
    assert_eq!(kinds(&test(&company, r#"{"id":"token-expiry","status":"warn"}"#).raised), ["token-expiring"]);
    for checks in [skipped, r#"{"id":"server","status":"fail"}"#, "", r#"{"id":"token-expiry","status":"fail"}"#] {
        company.pass_days(1);
        assert_eq!(test(&company, checks), Judged::default(), "{checks}");
    }
    assert_eq!(company.store.alerts("acme", true, 9).unwrap().len(), 1);
    assert_eq!(kinds(&test(&company, r#"{"id":"token-expiry","status":"pass"}"#).cleared), ["token-expiring"]);
}

#[test]
fn a_source_that_fails_once_is_told_of_when_that_lasts() {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    for _ in 0..3 {
        company.run("partial");
        assert_eq!(judge(&company), Judged::default());
        company.run("complete");
        assert_eq!(judge(&company), Judged::default(), "it comes and goes");
    }
    company.run("partial");
    company.now += Duration::HOUR;
    assert_eq!(judge(&company), Judged::default());
    company.now += Duration::SECOND;
    assert_eq!(kinds(&judge(&company).raised), ["source-failing"], "more than an hour");
    company.run("complete");
    assert_eq!(kinds(&judge(&company).cleared), ["source-failing"]);
}

#[test]
fn tenants_and_sources_without_approval_are_not_judged() {
    let mut company = Company::new();
    company.store.add_tenant(company.act(), "other", Identity::Full, None).unwrap();
    company.store.add_webhook(company.act(), "other", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 11);
    assert!(due(&company).is_empty(), "no receiver of this tenant");
    assert!(company.store.alerts("other", false, 9).unwrap().is_empty());
    let judged = company.store.judge(company.act(), "other", &Thresholds::default()).unwrap();
    assert_eq!(judged, Judged::default(), "another's alerts stay open");
    assert_eq!(company.store.alerts("acme", true, 9).unwrap().len(), 2);
    assert!(company.store.judge(company.act(), "nobody", &Thresholds::default()).is_err());
    company.store.pause_source(company.act(), "acme", company.source_no, true).unwrap();
    assert_eq!(judge(&company), Judged::default(), "what was bought is still over");
    company.store.remove_source(company.act(), "acme", company.source_no).unwrap();
    assert!(company.store.alerts("acme", false, 9).unwrap().is_empty());
}

#[test]
fn receivers_are_told_of_both_ends_in_order() {
    let mut company = Company::new();
    let hook = company.store.add_webhook(company.act(), "acme", HOOK, "sealed key", false).unwrap();
    allocate(&mut company, 9);
    let late = company.store.add_webhook(company.act(), "acme", "https://late.example.com/", "sealed", false).unwrap();
    let raised = due(&company);
    assert_eq!(raised.len(), 1, "the second came too late");
    let first = &raised[0];
    assert_eq!((first.url.as_str(), first.sealed.as_str(), first.tenant.as_str()), (HOOK, "sealed key", "acme"));
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!(body["id"], first.id.as_str());
    assert_eq!(
        (&body["event"], &body["at"], &body["alert"]["kind"], &body["pool"]["id"], &body["source"]["key"]),
        (
            &"raised".into(),
            &"2026-03-01T12:00:00Z".into(),
            &"utilisation".into(),
            &"base".into(),
            &"https://gitlab.example.com".into()
        )
    );
    assert_eq!(body["alert"]["evidence"]["entitled"], 10);
    company.pass_days(1);
    allocate(&mut company, 1);
    let again = due(&company);
    assert_eq!(again.len(), 1, "the end waits for the beginning");
    assert_eq!((&again[0].body, &again[0].id), (&first.body, &first.id), "the same in each attempt");
    company.store.note_delivered(company.act(), first.key).unwrap();
    let cleared = due(&company);
    assert_eq!(cleared.len(), 1);
    assert_eq!((cleared[0].key.event, cleared[0].key.webhook_no), (Event::Cleared, hook.webhook_no));
    let body: serde_json::Value = serde_json::from_str(&cleared[0].body).unwrap();
    assert_eq!(
        (&body["at"], &body["alert"]["cleared_at"]),
        (&"2026-03-02T12:00:00Z".into(), &"2026-03-02T12:00:00Z".into())
    );
    company.store.note_delivered(company.act(), cleared[0].key).unwrap();
    assert!(due(&company).is_empty() && company.store.next_delivery_at().unwrap().is_none());
    let next = company.store.note_failed(company.act(), first.key, "late", None).unwrap();
    assert_eq!(next, Next::Gone, "it was delivered");
    allocate(&mut company, 9);
    assert_eq!(due(&company).len(), 2, "both hear of the next");
    company.store.remove_webhook(company.act(), "acme", late.webhook_no).unwrap();
    assert_eq!(due(&company).len(), 1);
    let pending: Vec<_> =
        company.store.webhooks("acme").unwrap().into_iter().map(|hook| (hook.url, hook.pending)).collect();
    assert_eq!(pending, [(HOOK.to_owned(), 1)]);
    let audit = company.store.audit(Some("acme"), 2).unwrap();
    assert_eq!(audit[1].detail.as_deref(), Some("https://late.example.com"));
    assert!(!format!("{:?}", company.store.audit(Some("acme"), 99).unwrap()).contains("secret-path"));
}

#[test]
fn a_receiver_is_waited_for_and_then_given_up() {
    let mut company = Company::new();
    company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 9);
    let start = company.now;
    let key = due(&company)[0].key;
    let fail = |now: OffsetDateTime, company: &Company, retry_after| {
        let act = crate::store::audit::Act { actor: "outbox", now };
        company.store.note_failed(act, key, &"x".repeat(999), retry_after).unwrap()
    };
    let mut waits = vec![];
    let (mut now, mut attempts) = (start, 0);
    loop {
        attempts += 1;
        match fail(now, &company, None) {
            Next::At(at) => {
                waits.push(at - now);
                assert!(company.store.due_deliveries(at - Duration::SECOND, 9).unwrap().is_empty(), "not before");
                assert_eq!(company.store.due_deliveries(at, 9).unwrap()[0].attempts, attempts);
                assert_eq!(company.store.next_delivery_at().unwrap(), Some(at));
                now = at;
            }
            next => break assert_eq!(next, Next::GivenUp),
        }
    }
    assert_eq!(waits[..4], [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4, FIRST_WAIT * 8]);
    assert_eq!(waits.last(), Some(&LONGEST_WAIT));
    assert!(attempts <= ATTEMPTS && now - start <= PATIENCE && now - start > PATIENCE - LONGEST_WAIT, "{attempts}");
    assert!(company.store.due_deliveries(now + PATIENCE, 9).unwrap().is_empty());
    let delivery = company.store.deliveries("acme", 9).unwrap().remove(0);
    assert_eq!((delivery.state.as_str(), delivery.last_error.unwrap().len()), ("given-up", 300));
    let entry = company.store.audit(Some("acme"), 1).unwrap().remove(0);
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("outbox", "give-up-delivery"));
    assert!(entry.detail.unwrap().contains("alert 1 (raised) to the webhook 1 after"));
    assert_eq!(fail(now, &company, None), Next::Gone);
}

#[test]
fn the_receivers_wish_is_heard_and_attempts_are_counted() {
    let mut company = Company::new();
    company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 9);
    let key = due(&company)[0].key;
    let fail = |wish: i64| company.store.note_failed(company.act(), key, "503", Some(Duration::seconds(wish))).unwrap();
    assert_eq!(fail(5), Next::At(company.now + FIRST_WAIT), "not sooner");
    assert_eq!(fail(7200), Next::At(company.now + Duration::hours(2)), "later");
    for attempt in 3..ATTEMPTS {
        assert!(matches!(fail(0), Next::At(_)), "{attempt}");
    }
    assert_eq!(fail(0), Next::GivenUp, "the twentieth");
    let mut company = Company::new();
    company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 9);
    let far = PATIENCE + Duration::SECOND;
    let key = due(&company)[0].key;
    assert_eq!(
        company.store.note_failed(company.act(), key, "429", Some(far)).unwrap(),
        Next::GivenUp,
        "too late then"
    );
}

#[test]
fn a_receiver_that_is_gone_for_good_is_given_up_at_once() {
    let mut company = Company::new();
    company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 9);
    let key = due(&company)[0].key;
    assert_eq!(company.store.give_up_delivery(company.act(), key, "410").unwrap(), Next::GivenUp);
    assert_eq!(company.store.give_up_delivery(company.act(), key, "410").unwrap(), Next::Gone, "once");
    assert!(due(&company).is_empty());
    let delivery = company.store.deliveries("acme", 9).unwrap().remove(0);
    assert_eq!(
        (delivery.state.as_str(), delivery.attempts, delivery.last_error.as_deref()),
        ("given-up", 1, Some("410"))
    );
    assert_eq!(company.store.audit(Some("acme"), 1).unwrap()[0].action, "give-up-delivery");
    let (url, sealed) = company.store.webhook("acme", key.webhook_no).unwrap();
    assert_eq!((url.as_str(), sealed.as_str()), (HOOK, "sealed"));
    company.store.add_tenant(company.act(), "other", Identity::Full, None).unwrap();
    assert!(company.store.webhook("other", key.webhook_no).is_err(), "another tenant's");
}

#[test]
fn whoever_did_not_hear_of_the_beginning_does_not_hear_of_the_end() {
    for cleared_first in [true, false] {
        let mut company = Company::new();
        company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
        allocate(&mut company, 9);
        let key = due(&company)[0].key;
        if cleared_first {
            allocate(&mut company, 1);
        }
        company.store.give_up_delivery(company.act(), key, "410").unwrap();
        if !cleared_first {
            allocate(&mut company, 1);
        }
        company.pass_days(1);
        assert!(due(&company).is_empty() && company.store.next_delivery_at().unwrap().is_none(), "{cleared_first}");
        assert!(company.store.deliveries("acme", 9).unwrap().iter().all(|delivery| delivery.state == "given-up"));
    }
}

#[test]
fn a_dead_receiver_is_posted_to_once_in_each_wait_and_keeps_nobody_waiting() {
    let mut company = Company::new();
    let dead = company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap().webhook_no;
    for _ in 0..10 {
        allocate(&mut company, 9);
        allocate(&mut company, 1);
    }
    let (store, act) = (&company.store, company.act());
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let other = store.add_webhook(act, "other", HOOK, "sealed", false).unwrap().webhook_no;
    let others = crate::samples::approved(store, "other");
    let run_no = store.begin_run(act, "other", others, crate::store::runs::Cause::Approval).unwrap().run_no;
    company.pools.get_mut("base").unwrap().allocated = Some(9);
    store.finish_run(act, run_no, None, &company.records(), &crate::samples::summary("complete")).unwrap();
    store.judge(act, "other", &Thresholds::default()).unwrap();
    let turns: Vec<_> = store.due_deliveries(company.now, 3).unwrap().iter().map(|due| due.key.webhook_no).collect();
    assert_eq!(turns, [dead, other, dead], "by turns");
    let (start, mut now, mut attempts) = (company.now, company.now, 0);
    loop {
        let due = store.due_deliveries(now, 99).unwrap();
        let Some(first) = due.iter().find(|due| due.key.webhook_no == dead) else { break };
        attempts += 1;
        let act = crate::store::audit::Act { actor: "outbox", now };
        store.note_failed(act, first.key, "503", None).unwrap();
        let due = store.due_deliveries(now, 99).unwrap();
        assert_eq!(due.iter().map(|due| due.key.webhook_no).collect::<Vec<_>>(), [other], "the others go on");
        now += super::outbox::FIRST_WAIT * 2_i32.pow(attempts - 1).min(360);
        assert!(store.due_deliveries(now - Duration::SECOND, 99).unwrap().len() == 1, "not before: {attempts}");
    }
    assert!(attempts <= ATTEMPTS && now - start <= PATIENCE + LONGEST_WAIT, "{attempts}");
    let all = store.deliveries("acme", 99).unwrap();
    assert!(all.len() == 20 && all.iter().all(|delivery| delivery.state == "given-up"), "too old, without an attempt");
    let later = crate::store::audit::Act { actor: "outbox", now };
    let key = store.due_deliveries(now, 9).unwrap()[0].key;
    assert_eq!(key.webhook_no, other);
    store.note_failed(later, key, "503", None).unwrap();
    assert_eq!(store.webhooks("acme").unwrap()[0].pending, 0);
}

#[test]
fn a_receiver_that_takes_one_is_waited_for_no_longer() {
    let mut company = Company::new();
    company.store.add_webhook(company.act(), "acme", HOOK, "sealed", false).unwrap();
    allocate(&mut company, 11);
    let all = due(&company);
    assert_eq!(all.len(), 2);
    company.store.note_failed(company.act(), all[0].key, "503", None).unwrap();
    assert_eq!(company.store.next_delivery_at().unwrap(), Some(company.now + FIRST_WAIT), "of both");
    company.now += FIRST_WAIT;
    assert_eq!(due(&company).len(), 2);
    company.store.note_delivered(company.act(), all[0].key).unwrap();
    assert_eq!(
        company.store.note_failed(company.act(), all[1].key, "503", None).unwrap(),
        Next::At(company.now + FIRST_WAIT),
        "the waits begin anew"
    );
}

#[test]
fn a_receiver_is_added_once() {
    let company = Company::new();
    let (store, act) = (&company.store, company.act());
    store.add_webhook(act, "acme", HOOK, "sealed", false).unwrap();
    let error = store.add_webhook(act, "acme", HOOK, "sealed", false).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }) && !error.to_string().contains("secret-path"), "{error}");
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let others = store.add_webhook(act, "other", HOOK, "sealed", false).unwrap().webhook_no;
    assert!(store.remove_webhook(act, "acme", others).is_err(), "another tenant's");
    assert!(store.add_webhook(act, "acme", "http://hooks.example.com/", "sealed", true).is_err());
    store.add_webhook(act, "acme", "http://127.0.0.1:1/", "sealed", true).unwrap();
    assert_eq!(store.webhooks("acme").unwrap().len(), 2);
}
