//! A company of which some want to be forgotten.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod erase;
mod identity;
mod retention;

use std::collections::BTreeSet;

use crate::record::{Identity, Record, Warning};
use crate::samples::{Company, summary};
use crate::store::runs::Running;

/// Whether the file of the store, or its log of changes, has these bytes somewhere.
fn holds(company: &Company, word: &str) -> bool {
    let path = company.store.path();
    [path.to_owned(), path.with_extension("sqlite-wal")].iter().any(|path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    })
}

/// All that `words` makes and the file still has.
fn rare(company: &Company) -> BTreeSet<String> {
    let bytes = [company.store.path().to_owned(), company.store.path().with_extension("sqlite-wal")]
        .map(|path| std::fs::read(path).unwrap_or_default())
        .concat();
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    let kinds = ["id", "login", "Name", "mail", "elsewhere", "former"];
    let ends = text.match_indices("rare").map(|(place, _)| &text[..place]);
    ends.flat_map(|head| {
        let (name, number) = head.split_at(head.len() - 4);
        kinds.iter().filter(move |kind| name.ends_with(**kind)).map(move |kind| format!("{kind}{number}rare"))
    })
    .collect()
}

fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// What is told of the person of this number, and of nobody else.
fn words(number: i64) -> [&'static str; 6] {
    ["id", "login", "Name", "mail", "elsewhere", "former"].map(|what| leak(format!("{what}{number:04}rare")))
}

/// Two hundred people, so that rows fill many pages; all of them were called otherwise on day 0 and had another role, and are in a run under way, too.
fn crowd() -> (Company, Running) {
    let mut company = Company::empty();
    company.pools.insert("base", crate::samples::pool("base"));
    for number in 0..200 {
        let [id, _, name, mail, elsewhere, former] = words(number);
        company.join(id, former);
        let user = company.users.get_mut(id).unwrap();
        user.display_name = Some(name);
        user.email = Some(leak(format!("{mail}@example.com")));
        user.email_kind = "primary";
        user.identities = vec![Identity { provider: "saml", external_id: elsewhere }];
        user.created_at = Some(leak(format!("2011-01-01T{:02}:{:02}:07Z", number / 60, number % 60)));
        user.last_activity_on = Some("2026-02-20");
        user.activity = "known";
        let seat = company.seats.get_mut(&("base", id)).unwrap();
        seat.assigned_on = Some("2024-05-06");
        seat.last_activity_on = Some("2026-02-21");
    }
    company.run("complete");
    for number in 0..200 {
        let [id, login, ..] = words(number);
        company.users.get_mut(id).unwrap().username = login;
        company.seats.get_mut(&("base", id)).unwrap().role = Some("Maintainer");
    }
    company.pass_days(1);
    let run_no = company.begin().run_no;
    let mut records = company.records();
    records.push(Record::Warning(Warning {
        code: "odd",
        message: "login0100rare is odd; login0101rare is not.",
        scope: None,
    }));
    company.store.finish_run(company.act(), run_no, None, &records, &summary("complete")).unwrap();
    let report =
        r#"{"checks":[{"id":"token","status":"pass","detail":"GitLab accepts the token of @login0100rare."}]}"#;
    company.store.note_test(company.act(), "acme", company.source_no, report, true).unwrap();
    company.pass_days(1);
    let running = company.begin();
    company.store.add_page(running.run_no, None, &company.records(), "2", 0).unwrap();
    company.store.scour().unwrap();
    (company, running)
}

/// Ends the run under way with all records once more, so that they came before and after.
fn finish(company: &Company, running: &Running) {
    let records = company.records();
    company.store.finish_run(company.act(), running.run_no, Some("2"), &records, &summary("complete")).unwrap();
    company.store.scour().unwrap();
}

/// Rows of the tables in which somebody could be twice.
fn counts(company: &Company) -> Vec<i64> {
    ["person", "person_past", "seat", "seat_past", "seat_event"]
        .map(|table| company.number(&format!("SELECT count(*) FROM {table}")))
        .to_vec()
}
