//! What runs make of the store.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::StoreError;
use super::runs::{Cause, Earlier, Failed, RunEnd};
use super::sources::Approved;
use super::tenants::Identity;
use crate::journey::State;
use crate::record::{self, Assignment, Counts, Record, User};
use crate::samples::{Company, ENTERED, pool, seat, summary, user};

const HOLDERS: &str = "SELECT p.username FROM seat JOIN person p USING (person_no) ORDER BY 1";
const EVENTS: &str =
    "SELECT e.on_day || ' ' || e.kind || ' ' || p.username FROM seat_event e JOIN person p USING (person_no)
     ORDER BY e.on_day, e.kind, p.username";

#[test]
fn nothing_is_read_before_approval() {
    let company = Company::empty();
    let (store, act) = (&company.store, company.act());
    let source_no = store.add_source(act, "acme", &ENTERED, "sealed").unwrap().source_no;
    let begin = || store.begin_run(act, "acme", source_no, Cause::Manual);
    assert!(begin().unwrap_err().to_string().contains("nothing is read before it is approved"));
    assert!(store.save_source(act, "acme", source_no).is_err(), "not tested");
    store.note_test(act, "acme", source_no, "{}", false).unwrap();
    assert!(store.save_source(act, "acme", source_no).is_err(), "the test failed");
    store.note_test(act, "acme", source_no, "{}", true).unwrap();
    store.edit_source(act, "acme", source_no, None, Some("other")).unwrap();
    assert!(store.save_source(act, "acme", source_no).is_err(), "edited since");
    store.note_test(act, "acme", source_no, "{}", true).unwrap();
    assert_eq!(store.save_source(act, "acme", source_no).unwrap().state, State::Pending);
    assert!(begin().is_err(), "pending");
    assert_eq!(store.reject_source(act, "acme", source_no).unwrap().state, State::Rejected);
    assert!(begin().is_err(), "rejected");
    assert!(store.credential("acme", source_no).is_err(), "forgotten");
}

#[test]
fn a_run_is_seen_when_it_is_whole() {
    let mut company = Company::new();
    let run_no = company.begin().run_no;
    company.store.add_page(run_no, None, &company.records(), "2", 0).unwrap();
    assert_eq!(company.texts(HOLDERS), Vec::<String>::new());
    company.store.finish_run(company.act(), run_no, Some("2"), &[], &summary("complete")).unwrap();
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"]);
    company.leave("2");
    company.pass_days(1);
    let run_no = company.begin().run_no;
    company.store.add_page(run_no, None, &company.records(), "2", 0).unwrap();
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"], "the run before");
    company.store.finish_run(company.act(), run_no, Some("2"), &[], &summary("complete")).unwrap();
    assert_eq!(company.texts(HOLDERS), ["anna", "cleo"]);
    assert_eq!(company.number("SELECT count(*) FROM stage_user"), 0);
}

/// An attempt that goes on knew nothing of those before: what they delivered was not counted, and their time began anew.
#[test]
fn an_attempt_that_goes_on_is_told_what_those_before_delivered_and_took() {
    let company = Company::new();
    let first = company.begin();
    assert_eq!((first.resumed, first.earlier), (false, Earlier::default()));
    let run_no = first.run_no;
    company.store.add_page(run_no, None, &company.records(), "2", 1_500).unwrap();
    let again = Record::User(user("2", "ben"));
    company.store.add_page(run_no, Some("2"), &[again], "3", 1_700).unwrap();
    let earlier = |company: &Company| {
        let running = company.begin();
        assert_eq!((running.run_no, running.resumed), (run_no, true));
        running.earlier
    };
    let records = company.records();
    let number = |test: fn(&Record<'_>) -> bool| u64::try_from(records.iter().filter(|one| test(one)).count()).unwrap();
    let expected = Counts {
        source: number(|one| matches!(one, Record::Source(_))),
        pool: number(|one| matches!(one, Record::Pool(_))),
        user: number(|one| matches!(one, Record::User(_))) + 1,
        assignment: number(|one| matches!(one, Record::Assignment(_))),
        warning: 0,
    };
    let told = earlier(&company);
    assert_eq!((told.pages, told.spent_ms, told.records), (2, 1_700, expected));
    let text = |record: &Record<'_>| match record {
        Record::Pool(pool) => {
            let texts = [pool.pool_id, pool.scope_id, pool.scope_name, pool.product, pool.feature];
            let bytes: usize = texts.iter().chain(&pool.plan_code).map(|text| text.len()).sum();
            Some((pool.pool_id.to_owned(), u64::try_from(bytes).unwrap()))
        }
        _ => None,
    };
    assert_eq!(told.pools, records.iter().filter_map(text).collect::<Vec<_>>());
    // Time that an attempt took without a page counts, too, and is never less than before.
    company.store.note_spent(run_no, 2_600).unwrap();
    company.store.note_spent(run_no, 10).unwrap();
    assert_eq!(earlier(&company).spent_ms, 2_600);
    company.store.finish_run(company.act(), run_no, Some("3"), &[], &summary("complete")).unwrap();
    assert!(matches!(company.store.note_spent(run_no, 1), Err(StoreError::NotRunning(_))));
    assert_eq!(company.begin().earlier, Earlier::default(), "another run");
}

#[test]
fn a_page_that_comes_again_changes_nothing() {
    let company = Company::new();
    let run_no = company.begin().run_no;
    let first = company.records();
    company.store.add_page(run_no, None, &first, "2", 0).unwrap();
    let renamed = Record::User(User { username: "benjamin", ..user("2", "ben") });
    company.store.add_page(run_no, Some("2"), &[renamed], "3", 0).unwrap();
    company.store.add_page(run_no, None, &first, "2", 0).unwrap();
    let error = company.store.finish_run(company.act(), run_no, Some("2"), &[], &summary("complete"));
    assert!(matches!(error, Err(StoreError::NotRunning(_))), "a last page that does not follow");
    company.store.finish_run(company.act(), run_no, Some("3"), &[], &summary("complete")).unwrap();
    assert_eq!(company.texts(HOLDERS), ["anna", "benjamin", "cleo"]);
    assert_eq!(company.store.runs("acme", company.source_no, 9).unwrap()[0].pages, 3);
    let error = company.store.add_page(run_no, Some("3"), &first, "4", 0);
    assert!(matches!(error, Err(StoreError::NotRunning(_))), "it is over");
}

#[test]
fn a_run_of_the_same_changes_nothing_but_the_snapshot() {
    let mut company = Company::new();
    company.run("complete");
    let tables = "SELECT count(*) FROM person_past UNION ALL SELECT count(*) FROM seat_past UNION ALL SELECT count(*) FROM seat_event";
    let before = company.texts(&tables.replace("count(*)", "'' || count(*)"));
    company.pass_days(1);
    let run_no = company.run("complete");
    assert_eq!(company.texts(&tables.replace("count(*)", "'' || count(*)")), before);
    assert_eq!(company.store.source("acme", company.source_no).unwrap().snapshot_run, Some(run_no));
    assert_eq!(company.number("SELECT count(*) FROM pool_figures"), 2);
}

#[test]
fn seats_are_taken_and_left_between_two_complete_snapshots_only() {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    let (users, seats) = (company.users.clone(), company.seats.clone());
    company.leave("2");
    company.join("4", "dora");
    company.run("partial");
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"]);
    let source = company.store.source("acme", company.source_no).unwrap();
    assert_eq!((source.state, source.failures), (State::Problem, 1));
    company.pass_days(1);
    company.run("complete");
    (company.users, company.seats) = (users, seats);
    company.pass_days(1);
    company.run("complete");
    assert_eq!(
        company.texts(EVENTS),
        [
            "2026-03-01 found anna",
            "2026-03-01 found ben",
            "2026-03-01 found cleo",
            "2026-03-03 left ben",
            "2026-03-03 taken dora",
            "2026-03-04 left dora",
            "2026-03-04 taken ben",
        ]
    );
    let stretch = "SELECT s.first_seen_on FROM seat s JOIN person p USING (person_no) WHERE p.username = 'ben'";
    assert_eq!(company.texts(stretch), ["2026-03-04"], "a new stretch");
    assert_eq!(company.store.source("acme", company.source_no).unwrap().failures, 0);
}

#[test]
fn whoever_consumes_no_seat_holds_none() {
    let mut company = Company::new();
    company.seats.get_mut(&("base", "2")).unwrap().consumes_seat = Some(false);
    company.seats.get_mut(&("base", "3")).unwrap().consumes_seat = None;
    company.run("complete");
    company.pass_days(1);
    company.seats.get_mut(&("base", "2")).unwrap().consumes_seat = Some(true);
    company.seats.get_mut(&("base", "1")).unwrap().consumes_seat = Some(false);
    company.run("complete");
    assert_eq!(
        company.texts(EVENTS),
        ["2026-03-01 found anna", "2026-03-01 found cleo", "2026-03-02 left anna", "2026-03-02 taken ben"]
    );
    let first_seen = "SELECT s.first_seen_on FROM seat s JOIN person p USING (person_no) WHERE p.username = 'ben'";
    assert_eq!(company.texts(first_seen), ["2026-03-02"]);
    let stretch =
        "SELECT s.held_from_run = s.from_run FROM seat s JOIN person p USING (person_no) WHERE p.username = 'ben'";
    assert_eq!(company.number(stretch), 1, "the stretch begins with the verdict");
    assert_eq!(company.texts("SELECT p.username || ' ' || s.left_on FROM seat_past s JOIN person p USING (person_no) WHERE left_on IS NOT NULL"), [
        "anna 2026-03-02"
    ]);
    assert_eq!(company.texts("SELECT holders || ' ' || consuming FROM pool_figures ORDER BY run_no"), ["2 1", "2 1"]);
}

#[test]
fn the_past_of_people_and_seats_is_kept_as_it_read() {
    let mut company = Company::new();
    let first = company.run("complete");
    company.users.get_mut("1").unwrap().username = "anna.b";
    company.seats.get_mut(&("base", "1")).unwrap().role = Some("owner");
    company.pass_days(1);
    let second = company.run("complete");
    company.users.get_mut("1").unwrap().last_activity_on = Some("2026-03-03");
    company.pass_days(1);
    company.run("complete");
    let past = "SELECT username || ' ' || from_run || '-' || to_run FROM person_past";
    assert_eq!(company.texts(past), [format!("anna {first}-{second}")], "activity makes no past");
    let past = "SELECT coalesce(role, 'none') || ' ' || from_run || '-' || to_run FROM seat_past";
    assert_eq!(company.texts(past), [format!("none {first}-{second}")]);
    assert_eq!(
        company.texts("SELECT first_seen_on FROM seat WHERE role = 'owner'"),
        ["2026-03-01"],
        "the same stretch"
    );
}

#[test]
fn a_pool_that_is_gone_or_new_is_noticed() {
    let mut company = Company::new();
    company.run("complete");
    company.pools.insert("duo", pool("duo"));
    company.seats.insert(("duo", "1"), seat("duo", "1"));
    company.pass_days(1);
    company.run("complete");
    company.pools.remove("duo");
    company.seats.remove(&("duo", "1"));
    company.pass_days(1);
    let third = company.run("complete");
    assert_eq!(company.number("SELECT gone_run FROM pool WHERE pool_id = 'duo'"), third);
    let of_duo = "SELECT e.kind FROM seat_event e JOIN pool USING (pool_no) WHERE pool_id = 'duo' ORDER BY event_no";
    assert_eq!(company.texts(of_duo), ["found", "left"]);
    company.pools.insert("duo", pool("duo"));
    company.seats.insert(("duo", "1"), seat("duo", "1"));
    company.pass_days(1);
    company.run("complete");
    assert_eq!(company.texts(of_duo), ["found", "left", "taken"]);
    assert_eq!(company.number("SELECT count(*) FROM pool WHERE gone_run IS NULL"), 2);
}

#[test]
fn days_of_activity_add_up_and_count_once() {
    let mut company = Company::new();
    company.users.get_mut("1").unwrap().last_activity_on = Some("2026-02-28");
    company.users.get_mut("1").unwrap().last_sign_in_at = Some("2026-03-01T01:30:00+02:00");
    company.users.get_mut("2").unwrap().last_activity_on = Some("2026-02-28");
    company.run("complete");
    let days = "SELECT day || ' ' || people FROM activity_count ORDER BY day";
    assert_eq!(company.texts(days), ["2026-02-28 2"], "the sign-in is of the same day in UTC");
    company.users.get_mut("1").unwrap().last_activity_on = Some("2026-03-02");
    company.users.get_mut("2").unwrap().last_activity_on = Some("2026-02-27");
    company.pass_days(1);
    company.run("partial");
    assert_eq!(company.texts(days), ["2026-02-28 2", "2026-03-02 1"], "a partial run's days are true");
    company.run("complete");
    assert_eq!(company.texts(days), ["2026-02-28 2", "2026-03-02 1"], "and count once");
    let months = "SELECT username || ' ' || (month % 12) || ' ' || days FROM activity_month JOIN person USING (person_no) ORDER BY 1";
    assert_eq!(
        company.texts(months),
        [format!("anna 1 {}", 1 << 27), format!("anna 2 {}", 1 << 1), format!("ben 1 {}", 1 << 27),]
    );
    assert_eq!(
        company.texts("SELECT last_activity_on FROM person ORDER BY username LIMIT 2"),
        ["2026-03-02", "2026-02-28"]
    );
}

#[test]
fn what_an_add_on_was_used_is_kept_apart() {
    let mut company = Company::new();
    company.pools.insert("duo", pool("duo"));
    company.seats.insert(("duo", "1"), seat("duo", "1"));
    company.seats.get_mut(&("duo", "1")).unwrap().last_activity_on = Some("2026-02-10");
    company.run("complete");
    assert_eq!(
        company.texts(
            "SELECT coalesce(pool_id, 'account') || ' ' || day FROM activity_count LEFT JOIN pool USING (pool_no)"
        ),
        ["duo 2026-02-10"]
    );
}

#[test]
fn a_run_that_was_broken_off_goes_on_and_an_old_one_does_not() {
    let mut company = Company::new();
    let run_no = company.begin().run_no;
    company.store.add_page(run_no, None, &company.records(), "2", 0).unwrap();
    let failed =
        Failed { code: "unreachable", message: "gone", hint: None, unreachable: true, resumable: true, retry_at: None };
    company.store.fail_run(company.act(), run_no, &failed).unwrap();
    assert_eq!(company.store.source("acme", company.source_no).unwrap().state, State::Unreachable);
    let states = || -> Vec<_> {
        company.store.runs("acme", company.source_no, 9).unwrap().into_iter().map(|run| run.state).collect()
    };
    assert_eq!(states(), ["broken-off"]);
    let again = company.begin();
    assert_eq!(states(), ["running"]);
    assert_eq!((again.run_no, again.cursor.as_deref(), again.resumed), (run_no, Some("2"), true));
    company.now += super::runs::RESUMABLE + time::Duration::SECOND;
    let other = company.begin();
    assert_ne!(other.run_no, run_no);
    assert_eq!((other.cursor, other.resumed), (None, false));
    assert_eq!(company.number("SELECT count(*) FROM stage_user"), 0, "its pages are forgotten");
    let failed = Failed { resumable: false, unreachable: false, ..failed };
    company.store.fail_run(company.act(), other.run_no, &failed).unwrap();
    let states: Vec<_> =
        company.store.runs("acme", company.source_no, 9).unwrap().into_iter().map(|run| run.state).collect();
    assert_eq!(states, ["failed", "abandoned"]);
    assert_eq!(company.store.source("acme", company.source_no).unwrap().state, State::Problem);
}

#[test]
fn a_run_that_contradicts_itself_changes_nothing() {
    let mut company = Company::new();
    company.run("complete");
    company.users.remove("2");
    company.pass_days(1);
    let run_no = company.begin().run_no;
    let error = company.store.finish_run(company.act(), run_no, None, &company.records(), &summary("complete"));
    assert!(matches!(error, Err(StoreError::Incoherent(why)) if why.contains("1 assignments")));
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"]);
    assert_eq!(company.number("SELECT count(*) FROM stage_user"), 0, "nor was the page kept");
}

#[test]
fn merging_keeps_the_history_and_takes_what_was_entered() {
    let company = Company::new();
    company.run("complete");
    let (store, act) = (&company.store, company.act());
    let entered = super::sources::Entered { display_name: "GitLab, new token", ..ENTERED };
    let newcomer = store.add_source(act, "acme", &entered, "sealed again").unwrap().source_no;
    store.note_test(act, "acme", newcomer, "{}", true).unwrap();
    store.save_source(act, "acme", newcomer).unwrap();
    let (source, approved) = store.approve_source(act, "acme", newcomer).unwrap();
    assert_eq!(approved, Approved::Merged { into: company.source_no });
    assert_eq!((source.source_no, source.display_name.as_str()), (company.source_no, "GitLab, new token"));
    assert_eq!(store.credential("acme", company.source_no).unwrap(), "sealed again");
    assert_eq!(store.sources(Some("acme")).unwrap().len(), 1);
    company.run("complete");
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"], "no row doubled");
    assert_eq!(company.number("SELECT count(*) FROM seat_event"), 3);
}

#[test]
fn an_approved_source_stays_the_one_that_it_is() {
    let company = Company::new();
    let other = super::sources::Entered { source_key: "https://elsewhere.example.com", ..ENTERED };
    let error = company.store.edit_source(company.act(), "acme", company.source_no, Some(&other), None).unwrap_err();
    assert!(error.to_string().contains("another source"), "{error}");
}

#[test]
fn what_is_removed_is_not_in_the_file_any_more() {
    let mut company = Company::new();
    company.users.get_mut("1").unwrap().email = Some("anna.rare-word@example.com");
    company.run("complete");
    company.pass_days(1);
    company.users.get_mut("1").unwrap().username = "other-rare-word";
    company.run("complete");
    company.store.scour().unwrap();
    let bytes = || {
        let mut bytes = std::fs::read(company.store.path()).unwrap();
        bytes.extend(std::fs::read(company.store.path().with_extension("sqlite-wal")).unwrap_or_default());
        bytes
    };
    let holds = |word: &str| bytes().windows(word.len()).any(|window| window == word.as_bytes());
    assert!(holds("anna.rare-word") && holds("other-rare-word") && holds("cleo"));
    company.store.remove_source(company.act(), "acme", company.source_no).unwrap();
    assert!(!holds("anna.rare-word") && !holds("other-rare-word") && !holds("cleo"));
    for table in ["person", "person_past", "seat", "pool", "seat_event", "activity_month", "run", "credential"] {
        assert_eq!(company.number(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    let actions: Vec<_> = company.store.audit(Some("acme"), 2).unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions, ["remove-source", "approve-source"]);
}

#[test]
fn tenants_do_not_meet() {
    let company = Company::new();
    let (store, act) = (&company.store, company.act());
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let error = store.source("other", company.source_no).unwrap_err();
    assert_eq!(error.to_string(), format!("there is no source {} of the tenant other", company.source_no));
    assert!(store.credential("other", company.source_no).is_err());
    assert!(store.remove_source(act, "other", company.source_no).is_err());
    assert!(matches!(store.add_tenant(act, "acme", Identity::Full, None), Err(StoreError::Exists { .. })));
    for name in ["", "Acme", "-a", "a b", "ü", &"a".repeat(64)] {
        assert!(matches!(store.add_tenant(act, name, Identity::Full, None), Err(StoreError::Invalid { .. })), "{name}");
    }
}

#[test]
fn of_a_person_no_more_is_kept_than_the_tenant_says() {
    for (identity, name, email, id) in [
        (Identity::Full, Some("anna"), true, Some("1")),
        (Identity::Username, Some("anna"), false, Some("1")),
        (Identity::Pseudonym, None, false, None),
    ] {
        let mut company = Company::empty();
        company.pools.insert("base", pool("base"));
        company.join("1", "anna");
        company.users.get_mut("1").unwrap().email = Some("anna@example.com");
        company.users.get_mut("1").unwrap().email_kind = "primary";
        company.store.add_tenant(company.act(), "private", identity, None).unwrap();
        company
            .store
            .write(|transaction| {
                transaction.execute(
                    "UPDATE source SET tenant_no = (SELECT tenant_no FROM tenant WHERE name = 'private')",
                    [],
                )?;
                Ok(())
            })
            .unwrap();
        let run_no =
            company.store.begin_run(company.act(), "private", company.source_no, Cause::Manual).unwrap().run_no;
        company.store.finish_run(company.act(), run_no, None, &company.records(), &summary("complete")).unwrap();
        let kept =
            company.texts("SELECT user_id || '|' || username || '|' || coalesce(email, '') FROM person").remove(0);
        let mut parts = kept.split('|');
        let (kept_id, kept_name, kept_email) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        match (id, name) {
            (Some(id), Some(name)) => assert_eq!((kept_id, kept_name), (id, name)),
            _ => assert!(kept_id.starts_with("person-") && kept_id == kept_name, "{kept}"),
        }
        assert_eq!(!kept_email.is_empty(), email, "{identity:?}");
        assert_eq!(company.number("SELECT count(*) FROM seat"), 1);
    }
}

/// One run in which the user 1 and the seat come twice.
fn twice(users: [User<'static>; 2], seats: [Assignment<'static>; 2]) -> (String, String) {
    let mut company = Company::empty();
    company.pools.insert("base", pool("base"));
    let run_no = company.begin().run_no;
    let [first, second] = users;
    let [one, other] = seats;
    let mut records = company.records();
    records.extend([Record::User(first), Record::Assignment(one)]);
    company.store.add_page(run_no, None, &records, "2", 0).unwrap();
    let records = [Record::User(second), Record::Assignment(other)];
    company.store.finish_run(company.act(), run_no, Some("2"), &records, &summary("complete")).unwrap();
    let user = "SELECT concat_ws('|', display_name, email, email_kind, identities, account_state, account_state_raw, account_kind,
                created_at, last_activity_on, last_sign_in_at, activity) FROM person";
    let seat =
        "SELECT concat_ws('|', consumes_seat, coalesce(non_consuming_reason, 'no reason'), role, via, reclaimable,
                assigned_on, ends_on, last_activity_on) FROM seat";
    (company.texts(user).remove(0), company.texts(seat).remove(0))
}

#[test]
fn a_record_that_comes_again_is_merged_as_the_contract_says() {
    let full = User {
        display_name: Some("Anna"),
        email: Some("anna@example.com"),
        email_kind: "primary",
        identities: vec![record::Identity { provider: "saml", external_id: "a" }],
        account_state: "blocked",
        account_state_raw: "ldap_blocked",
        account_kind: "human",
        last_activity_on: Some("2026-02-01"),
        last_sign_in_at: Some("2026-02-02T01:00:00+02:00"),
        activity: "known",
        ..user("1", "anna")
    };
    let poor = User {
        email: Some("public@example.com"),
        email_kind: "public",
        account_state: "other",
        account_state_raw: "?",
        account_kind: "unknown",
        created_at: None,
        activity: "not-readable",
        ..user("1", "anna")
    };
    let holds = Assignment {
        role: Some("owner"),
        via: "group-invite",
        reclaimable: Some(true),
        assigned_on: Some("2026-01-01"),
        ends_on: Some("2026-12-31"),
        last_activity_on: Some("2026-02-03"),
        ..seat("base", "1")
    };
    let bare = Assignment { consumes_seat: None, via: "unknown", ..seat("base", "1") };
    let expected = (
        "Anna|anna@example.com|primary|[{\"provider\":\"saml\",\"external_id\":\"a\"}]|blocked|ldap_blocked|human|\
         2020-01-01T00:00:00Z|2026-02-01|2026-02-01T23:00:00Z|known"
            .to_owned(),
        "1|no reason|owner|group-invite|1|2026-01-01|2026-12-31|2026-02-03".to_owned(),
    );
    assert_eq!(twice([full.clone(), poor.clone()], [holds.clone(), bare.clone()]), expected);
    assert_eq!(twice([poor.clone(), full.clone()], [bare, holds.clone()]), expected);
    // What is present replaces, of whatever kind it is.
    let other = User {
        display_name: Some("Anna B"),
        email: Some("b@example.com"),
        identities: vec![record::Identity { provider: "ldap", external_id: "b" }],
        account_state: "active",
        account_state_raw: "active",
        account_kind: "service",
        created_at: Some("2021-01-01T00:00:00Z"),
        last_activity_on: Some("2026-01-31"),
        last_sign_in_at: Some("2026-02-03T00:00:00Z"),
        ..full.clone()
    };
    let refused = Assignment {
        consumes_seat: Some(false),
        non_consuming_reason: Some("guest"),
        role: Some("guest"),
        via: "direct",
        reclaimable: Some(false),
        assigned_on: Some("2026-01-02"),
        ends_on: Some("2026-12-30"),
        last_activity_on: Some("2026-02-04"),
        ..seat("base", "1")
    };
    let (user, held) = twice([full.clone(), other], [holds.clone(), refused.clone()]);
    assert_eq!(
        user,
        "Anna B|b@example.com|primary|[{\"provider\":\"ldap\",\"external_id\":\"b\"}]|active|active|service|2021-01-01T00:00:00Z|\
         2026-01-31|2026-02-03T00:00:00Z|known"
    );
    assert_eq!(held, "0|guest|guest|direct|0|2026-01-02|2026-12-30|2026-02-04");
    // A verdict takes the reason of the earlier one along.
    let (_, held) = twice([full.clone(), full.clone()], [refused.clone(), holds]);
    assert!(held.starts_with("1|no reason|"), "{held}");
    let (_, held) = twice([full.clone(), full], [refused, Assignment { consumes_seat: None, ..seat("base", "1") }]);
    assert!(held.starts_with("0|guest|"), "{held}");
}

/// Pages with full names were continued with those of another setting, and the mixture was published.
#[test]
fn what_was_entered_anew_is_not_gone_on_with() {
    let mut company = Company::new();
    company.run("complete");
    company.leave("3");
    company.pass_days(1);
    let first = company.begin();
    company.store.add_page(first.run_no, None, &company.records(), "2", 0).unwrap();
    company.store.edit_source(company.act(), "acme", company.source_no, None, Some("other")).unwrap();
    let second = company.begin();
    assert!(second.run_no != first.run_no && !second.resumed && second.cursor.is_none());
    assert_eq!(company.number("SELECT count(*) FROM stage_user"), 0);
    // The same while it is read.
    company.store.edit_source(company.act(), "acme", company.source_no, Some(&ENTERED), None).unwrap();
    let end = company.store.finish_run(company.act(), second.run_no, None, &company.records(), &summary("complete"));
    assert_eq!(end.unwrap(), RunEnd::Abandoned);
    assert_eq!(company.texts(HOLDERS), ["anna", "ben", "cleo"]);
    let states: Vec<_> =
        company.store.runs("acme", company.source_no, 9).unwrap().into_iter().map(|run| run.state).collect();
    assert_eq!(states, ["abandoned", "abandoned", "complete"]);
    company.run("complete");
    assert_eq!(company.texts(HOLDERS), ["anna", "ben"]);
}

/// A test that took its time called a credential tested that was entered meanwhile.
#[test]
fn a_test_is_of_what_was_tested() {
    let company = Company::empty();
    let (store, act) = (&company.store, company.act());
    let tested = store.add_source(act, "acme", &ENTERED, "sealed").unwrap();
    let source_no = tested.source_no;
    store.edit_source(act, "acme", source_no, None, Some("other")).unwrap();
    assert!(matches!(store.note_test_of(act, &tested, "{}", true), Err(StoreError::Edited(_))));
    assert_eq!(store.source("acme", source_no).unwrap().state, State::Configured);
    store.note_test(act, "acme", source_no, "{}", true).unwrap();
    assert_eq!(store.source("acme", source_no).unwrap().state, State::Tested);
    store.remove_source(act, "acme", source_no).unwrap();
    let next = store.add_source(act, "acme", &ENTERED, "sealed").unwrap();
    assert!(next.source_no > source_no, "a number is not used again");
    assert!(store.note_test_of(act, &tested, "{}", true).is_err());
}

#[test]
fn what_is_asked_for_during_a_run_is_answered_by_the_next() {
    let mut company = Company::new();
    let source = |company: &Company| company.store.source("acme", company.source_no).unwrap();
    let due = |company: &Company| company.store.due(company.now).unwrap().len();
    let tomorrow = company.now + time::Duration::DAY;
    for ask in 0..4 {
        let begun = source(&company);
        company.run("complete");
        let (store, act, number) = (&company.store, company.act(), company.source_no);
        match ask {
            0 => drop(store.run_now(act, "acme", number).unwrap()),
            1 => drop(store.edit_source(act, "acme", number, None, Some("other")).unwrap()),
            2 => {
                store.pause_source(act, "acme", number, true).unwrap();
                store.pause_source(act, "acme", number, false).unwrap();
            }
            _ => {}
        }
        store.set_due(number, tomorrow, begun.requests).unwrap();
        assert_eq!((due(&company), source(&company).asked), (usize::from(ask < 3), ask < 3), "{ask}");
        store.set_due(number, tomorrow, source(&company).requests).unwrap();
        assert_eq!((due(&company), source(&company).asked), (0, false), "{ask}");
    }
    company.store.pause_source(company.act(), "acme", company.source_no, true).unwrap();
    company.store.set_due(company.source_no, company.now, source(&company).requests).unwrap();
    assert_eq!(source(&company).next_run_at, None, "paused while it was read");
    company.pass_days(2);
    assert_eq!(due(&company), 0);
}

#[test]
fn nobody_is_asked_before_the_moment_that_the_service_named() {
    let mut company = Company::new();
    let due_in = |company: &Company, minutes: i64| {
        company.store.due(company.now + time::Duration::minutes(minutes)).unwrap().len()
    };
    company.store.hold(company.source_no, company.now + time::Duration::minutes(10)).unwrap();
    assert_eq!((due_in(&company, 9), due_in(&company, 10)), (0, 1), "kept before it is waited for");
    company.store.run_now(company.act(), "acme", company.source_no).unwrap();
    assert_eq!(due_in(&company, 9), 0, "whoever asks");
    let run_no = company.begin().run_no;
    let retry_at = Some(company.now + time::Duration::minutes(30));
    let failed = Failed { code: "x", message: "x", hint: None, unreachable: false, resumable: false, retry_at };
    company.store.fail_run(company.act(), run_no, &failed).unwrap();
    assert_eq!((due_in(&company, 29), due_in(&company, 30)), (0, 1), "with the failure itself");
    company.pass_days(1);
    company.run("complete");
    company.store.set_due(company.source_no, company.now, 99).unwrap();
    assert_eq!(due_in(&company, 0), 1, "over with the next good run");
}

#[test]
fn a_time_that_a_wrong_clock_has_set_is_not_waited_for() {
    let company = Company::new();
    company.run("complete");
    for (days, due) in [(1, 0), (30, 1), (4_000, 1)] {
        company.store.set_due(company.source_no, company.now + time::Duration::days(days), 99).unwrap();
        assert_eq!(company.store.due(company.now).unwrap().len(), due, "{days}");
    }
}
