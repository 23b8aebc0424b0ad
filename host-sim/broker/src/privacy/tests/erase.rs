//! One person goes, and the others stay.

use super::{counts, crowd, finish, holds, words};
use crate::export::tables::{At, PersonRow, Query, Stored};
use crate::privacy::erase::Who;
use crate::samples::{Company, ENTERED, approved, summary};
use crate::store::StoreError;
use crate::store::runs::Cause;
use crate::store::tenants::Identity;

/// What would be a trace of the hundredth.
fn traces() -> Vec<String> {
    let mut traces: Vec<String> = words(100).into_iter().map(str::to_owned).collect();
    traces.push("2011-01-01T01:40:07Z".to_owned());
    traces
}

fn erased(company: &Company, who: Who<'_>) -> u64 {
    company.store.erase_person(company.act(), "acme", None, who).unwrap()
}

#[test]
fn nothing_is_left_whoever_is_named_and_the_next_run_brings_nothing_back() {
    for who in [
        Who::UserId("id0100rare"),
        Who::Username("login0100rare"),
        Who::Username("former0100rare"),
        Who::Email("MAIL0100RARE@example.com"),
    ] {
        let (company, running) = crowd();
        for trace in traces() {
            assert!(holds(&company, &trace), "{trace}");
        }
        let before = counts(&company);
        assert_eq!(erased(&company, who), 1, "{who:?}");
        for trace in traces() {
            assert!(!holds(&company, &trace), "{who:?} {trace}");
        }
        assert_eq!(counts(&company), before, "every count stays true");
        finish(&company, &running);
        for trace in traces() {
            assert!(!holds(&company, &trace), "{who:?} {trace} is back");
        }
        assert_eq!(counts(&company), before, "{who:?} is not two");
        for word in words(101) {
            assert!(holds(&company, word), "{word} was not asked for");
        }
        assert_eq!(company.number("SELECT count(*) FROM person WHERE erased = 1 AND username LIKE 'erased-%'"), 1);
        company.store.check().unwrap();
    }
}

#[test]
fn activity_and_dates_are_gone_and_stay_away() {
    let (company, running) = crowd();
    let months = "SELECT count(*) FROM activity_month a JOIN person p USING (person_no) WHERE p.erased = 1";
    let days = "SELECT day || ' ' || people FROM activity_count ORDER BY 1";
    let counted = company.texts(days);
    assert_eq!(company.number("SELECT count(*) FROM activity_month"), 400);
    erased(&company, Who::UserId("id0100rare"));
    let dates =
        "SELECT count(*) FROM person p JOIN seat s USING (person_no) WHERE p.erased = 1 AND p.last_activity_on IS NULL
        AND p.last_sign_in_at IS NULL AND p.created_at IS NULL AND s.assigned_on IS NULL AND s.last_activity_on IS NULL
        AND p.activity = 'not-readable'
        AND NOT EXISTS (SELECT 1 FROM seat_past o WHERE o.person_no = p.person_no AND o.assigned_on IS NOT NULL)";
    assert_eq!(company.number("SELECT count(*) FROM seat_past WHERE assigned_on IS NOT NULL"), 199);
    for moment in ["at once", "after the run that was under way"] {
        assert_eq!((company.number(months), company.number(dates)), (0, 1), "{moment}");
        assert_eq!(company.texts(days), counted, "{moment}");
        assert_eq!(company.number("SELECT count(*) FROM activity_month"), 398, "{moment}");
        if moment == "at once" {
            finish(&company, &running);
        }
    }
}

#[test]
fn the_past_has_a_mark_in_their_place() {
    let (company, _) = crowd();
    let first = company.number("SELECT min(run_no) FROM run");
    erased(&company, Who::UserId("id0100rare"));
    let mut rows = Vec::new();
    let query = Query { tenant: "acme", source_no: None, at: Some(At::Run(first)) };
    PersonRow::each(&company.store, &query, |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    assert_eq!(rows.len(), 200);
    let mark: Vec<_> = rows.iter().filter(|row| row.erased).collect();
    assert!(
        mark.len() == 1 && mark[0].username == mark[0].user_id && mark[0].username.starts_with("erased-"),
        "{mark:?}"
    );
    assert_eq!((&mark[0].email, &mark[0].created_at), (&None, &None));
}

#[test]
fn texts_for_people_have_the_mark_and_keep_the_rest() {
    let (company, _) = crowd();
    erased(&company, Who::UserId("id0100rare"));
    let mark = company.texts("SELECT username FROM person WHERE erased = 1").remove(0);
    assert_eq!(company.texts("SELECT message FROM run_warning"), [format!("{mark} is odd; login0101rare is not.")]);
    let report = company.store.source("acme", company.source_no).unwrap().report.unwrap();
    assert!(report.contains(&format!("the token of @{mark}.")) && report.contains(r#""id":"token""#), "{report}");
}

#[test]
fn the_log_names_nobody_and_nobody_unknown_is_erased() {
    let (company, _) = crowd();
    assert_eq!(erased(&company, Who::Username("login0100rare")), 1);
    let entry = company.store.audit(Some("acme"), 1).unwrap().remove(0);
    assert_eq!((entry.action.as_str(), entry.detail.as_deref()), ("erase-person", Some("1 accounts")));
    assert_eq!(erased(&company, Who::UserId("id0100rare")), 0, "was before");
    for who in
        [Who::UserId("id9999rare"), Who::Username("login0100rare"), Who::Username("Login0101rare"), Who::Email("")]
    {
        let error = company.store.erase_person(company.act(), "acme", None, who).unwrap_err();
        assert_eq!(error.to_string(), "there is no person of that description", "{who:?}");
        assert!(!format!("{who:?}").contains("rare"));
    }
    assert_eq!(company.store.audit(Some("acme"), 1).unwrap()[0], entry);
}

#[test]
fn of_one_source_or_of_all_and_of_no_other_tenant() {
    let company = Company::new();
    company.run("complete");
    let (store, act) = (&company.store, company.act());
    let entered = crate::store::sources::Entered { source_key: "https://second.example.com", ..ENTERED };
    let second = store.add_source(act, "acme", &entered, "sealed").unwrap().source_no;
    store.note_test(act, "acme", second, "{}", true).unwrap();
    store.save_source(act, "acme", second).unwrap();
    store.approve_source(act, "acme", second).unwrap();
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let others = approved(store, "other");
    for (tenant, source_no) in [("acme", second), ("other", others)] {
        let run_no = store.begin_run(act, tenant, source_no, Cause::Approval).unwrap().run_no;
        store.finish_run(act, run_no, None, &company.records(), &summary("complete")).unwrap();
    }
    let bens = || company.texts("SELECT '' || source_no FROM person WHERE username = 'ben' ORDER BY source_no");
    assert_eq!(bens().len(), 3);
    assert_eq!(store.erase_person(act, "acme", Some(second), Who::Username("ben")).unwrap(), 1);
    assert_eq!(bens(), [company.source_no.to_string(), others.to_string()]);
    let error = store.erase_person(act, "acme", Some(others), Who::Username("ben")).unwrap_err();
    assert!(matches!(error, StoreError::Unknown { what: "source", .. }), "{error}");
    assert_eq!(store.erase_person(act, "acme", None, Who::UserId("2")).unwrap(), 1);
    assert_eq!(bens(), [others.to_string()]);
    assert_eq!(
        company.number("SELECT count(DISTINCT username) FROM person WHERE erased = 1"),
        2,
        "sources have no mark in common"
    );
}

#[test]
fn whoever_is_called_so_now_is_meant_and_not_who_was_before() {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    company.users.get_mut("1").unwrap().username = "anna2";
    company.users.get_mut("2").unwrap().username = "anna";
    company.run("complete");
    assert_eq!(erased(&company, Who::Username("anna")), 1);
    assert_eq!(company.texts("SELECT user_id FROM person WHERE erased = 0 ORDER BY 1"), ["1", "3"]);
    company.pass_days(1);
    company.join("4", "dora");
    let running = company.begin();
    company.store.add_page(running.run_no, None, &company.records(), "2", 0).unwrap();
    assert_eq!(erased(&company, Who::Username("dora")), 1, "known to the run under way alone");
    finish(&company, &running);
    assert_eq!(company.number("SELECT count(*) FROM person WHERE erased = 1"), 2);
    assert!(!holds(&company, "dora"));
    assert_eq!(company.number("SELECT count(*) FROM seat"), 4);
}

#[test]
fn a_pseudonym_is_enough_to_be_erased_by() {
    for by_pseudonym in [true, false] {
        let mut company = Company::new();
        company.store.set_identity(company.act(), "acme", Identity::Pseudonym).unwrap();
        company.run("complete");
        let people = || company.texts("SELECT user_id FROM person ORDER BY user_id");
        let before = people();
        let id = if by_pseudonym { before[1].as_str() } else { "2" };
        assert_eq!(erased(&company, Who::UserId(id)), 1, "{by_pseudonym}");
        let after = people();
        let gone: Vec<_> = before.iter().filter(|id| !after.contains(id)).collect();
        assert_eq!((gone.len(), after.len()), (1, 3));
        assert!(!by_pseudonym || gone[0] == id);
        assert!(!holds(&company, gone[0]), "{by_pseudonym}");
        company.now += time::Duration::DAY;
        company.run("complete");
        assert_eq!(company.texts("SELECT user_id FROM person ORDER BY user_id"), after, "the same, and no fourth");
        assert!(after[0].starts_with("erased-"));
        assert_eq!(company.number("SELECT count(*) FROM seat_event"), 3);
    }
}

#[test]
fn a_source_that_is_added_anew_or_merged_brings_nobody_back() {
    for identity in [Identity::Full, Identity::Pseudonym] {
        let mut company = Company::new();
        company.store.set_identity(company.act(), "acme", identity).unwrap();
        company.run("complete");
        assert_eq!(erased(&company, Who::UserId("2")), 1);
        let people = |company: &Company| company.texts("SELECT user_id FROM person ORDER BY user_id");
        let before = people(&company);
        assert_eq!(approved(&company.store, "acme"), company.source_no, "merged");
        company.now += time::Duration::DAY;
        company.run("complete");
        assert_eq!(people(&company), before, "{identity:?}");
        company.store.remove_source(company.act(), "acme", company.source_no).unwrap();
        // Another takes the number that was free.
        company.second();
        company.source_no = approved(&company.store, "acme");
        company.run("complete");
        let of_it = format!("SELECT user_id FROM person WHERE source_no = {} ORDER BY user_id", company.source_no);
        assert_eq!(company.texts(&of_it), before, "{identity:?}");
        let marks = company.texts("SELECT '' || source_no FROM person WHERE erased = 1 AND activity = 'not-readable'");
        assert_eq!(marks, [company.source_no.to_string()], "and of no other source");
        company.store.remove_tenant(company.act(), "acme").unwrap();
        assert_eq!(company.number("SELECT count(*) FROM erased"), 0, "with the tenant");
        company.store.check().unwrap();
    }
}
