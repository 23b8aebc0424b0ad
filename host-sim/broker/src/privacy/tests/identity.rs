//! A tenant wants to know less, or more, of its people.

use super::{counts, crowd, finish, rare, words};
use crate::privacy::erase::Who;
use crate::samples::Company;
use crate::store::StoreError;
use crate::store::tenants::Identity;

#[test]
fn what_is_not_to_be_kept_is_dropped_and_no_row_doubles() {
    // Names of `words`: id, log-in name, name, address, identity, former log-in name.
    for (steps, kept) in [
        (&[Identity::Username][..], [true, true, false, false, false, true]),
        (&[Identity::Pseudonym], [false; 6]),
        (&[Identity::Username, Identity::Pseudonym], [false; 6]),
    ] {
        let (company, running) = crowd();
        let before = counts(&company);
        company.store.erase_person(company.act(), "acme", None, Who::UserId("id0150rare")).unwrap();
        for level in steps {
            company.store.set_identity(company.act(), "acme", *level).unwrap();
        }
        for moment in ["at once", "after the run that was under way"] {
            let found = rare(&company);
            // What a plugin wrote in words is not searched: it names these two.
            for number in (0..200).filter(|number| !matches!(number, 100 | 101 | 150)) {
                for (word, kept) in words(number).iter().zip(kept) {
                    assert_eq!(found.contains(*word), kept, "{steps:?} {moment} {word}");
                }
            }
            assert_eq!(counts(&company), before, "{steps:?} {moment}");
            let marks = company.number("SELECT count(*) FROM person WHERE erased = 1 AND user_id LIKE 'erased-%'");
            assert_eq!(marks, 1, "{steps:?} {moment}");
            if moment == "at once" {
                finish(&company, &running);
            }
        }
        company.store.check().unwrap();
        let entry = company.store.audit(Some("acme"), 1).unwrap().remove(0);
        assert_eq!(entry.action, "set-identity");
    }
}

#[test]
fn a_higher_level_holds_from_the_next_run_on() {
    let mut company = Company::new();
    let (store, act) = (&company.store, company.act());
    store.set_identity(act, "acme", Identity::Username).unwrap();
    company.users.get_mut("1").unwrap().display_name = Some("Anna A.");
    company.run("complete");
    let names = "SELECT coalesce(display_name, 'none') FROM person WHERE username = 'anna'";
    assert_eq!(company.texts(names), ["none"]);
    company.store.set_identity(company.act(), "acme", Identity::Full).unwrap();
    assert_eq!(company.texts(names), ["none"], "not yet");
    company.pass_days(1);
    company.run("complete");
    assert_eq!(company.texts(names), ["Anna A."]);
    assert_eq!(company.number("SELECT count(*) FROM person"), 3);
    let entries = company.store.audit(Some("acme"), 9).unwrap();
    company.store.set_identity(company.act(), "acme", Identity::Full).unwrap();
    assert_eq!(company.store.audit(Some("acme"), 9).unwrap(), entries, "nothing changed");
}

#[test]
fn pseudonyms_are_not_given_back() {
    let company = Company::new();
    let (store, act) = (&company.store, company.act());
    for level in [Identity::Pseudonym, Identity::Username, Identity::Pseudonym] {
        store.set_identity(act, "acme", level).unwrap();
    }
    let running = company.begin();
    store.add_page(running.run_no, None, &company.records(), "2", 0).unwrap();
    let refused = |level| store.set_identity(act, "acme", level);
    for level in [Identity::Username, Identity::Full] {
        assert!(matches!(refused(level), Err(StoreError::Invalid { .. })), "staged people count, too");
    }
    finish(&company, &running);
    let error = refused(Identity::Full).unwrap_err();
    assert!(error.to_string().contains("pseudonyms, which are not given back"), "{error}");
    assert_eq!(store.tenant("acme").unwrap().identity, Identity::Pseudonym);
    assert!(store.set_identity(act, "nobody", Identity::Full).is_err());
}

#[test]
fn another_tenant_keeps_what_it_wants() {
    let (company, _) = crowd();
    company.store.add_tenant(company.act(), "other", Identity::Full, None).unwrap();
    company.store.set_identity(company.act(), "other", Identity::Pseudonym).unwrap();
    for table in ["person", "person_past", "stage_user"] {
        let full =
            format!("SELECT count(*) FROM {table} WHERE display_name IS NOT NULL AND username NOT LIKE 'person-%'");
        assert_eq!(company.number(&full), 200, "{table}");
    }
}
