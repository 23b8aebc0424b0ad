//! What Allocation shows, and in which order.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use time::macros::date;

use super::{Allocated, Days, Query, Sort, each, page};
use crate::samples::{Company, ENTERED};
use crate::store::StoreError;
use crate::table::{Row as _, Value};
use crate::view::{At, Filter};

/// Every row, by pages of `most`, each total checked.
fn by_pages(company: &Company, query: &Query, most: u32) -> Vec<Allocated> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = page(&company.store, "acme", query, most, after.as_deref()).unwrap();
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            assert_eq!(usize::try_from(page.total).unwrap(), rows.len());
            return rows;
        }
    }
}

fn users(company: &Company, query: &Query) -> Vec<String> {
    by_pages(company, query, 2).into_iter().map(|row| row.user).collect()
}

/// Two sources with two pools each; people who joined, left and read differently on three days.
fn varied() -> Company {
    let mut company = Company::new();
    company.user("1").display_name = Some("Anna B");
    company.user("1").email = Some("anna@example.com");
    company.user("2").email = Some("ben@example.com");
    company.seat("base", "1").role = Some("owner");
    company.seat("base", "1").assigned_on = Some("2025-05-01");
    company.seat("base", "2").ends_on = Some("2026-06-30");
    company.seat("base", "3").consumes_seat = None;
    company.pool("duo").feature = "Duo Pro seat";
    company.pool("duo").term_end = None;
    company.seat("duo", "2").assigned_on = Some("2026-02-01");
    company.seat("duo", "3");
    company.run("complete");
    company.pass_days(1);
    company.user("1").username = "zanna";
    company.seat("base", "3").role = Some("developer");
    company.leave("2");
    company.join("4", "dora");
    company.run("complete");
    company.second();
    company.pass_days(1);
    company.join("2", "ben");
    company.seats.remove(&("duo", "3"));
    company.run("complete");
    company
}

#[test]
fn a_row_has_the_columns_of_the_platform() {
    let mut company = Company::new();
    company.leave("2");
    company.leave("3");
    company.user("1").display_name = Some("Anna B");
    company.user("1").email = Some("anna@example.com");
    company.seat("base", "1").role = Some("owner");
    company.run("complete");
    let row = by_pages(&company, &Query::default(), 9).remove(0);
    let columns: Vec<_> = Allocated::COLUMNS.iter().map(|column| column.name).collect();
    let values: Vec<_> = row
        .values()
        .into_iter()
        .map(|value| match value {
            Value::Null => "-".to_owned(),
            Value::Text(text) => text,
            Value::Integer(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
        })
        .collect();
    let expected = [
        ("server", "GitLab of Acme"),
        ("source_no", "1"),
        ("vendor", "GitLab"),
        ("product", "GitLab"),
        ("feature", "Premium seat"),
        ("version", "19.0.0"),
        ("license_type", "named-user"),
        ("user", "anna"),
        ("display_name", "Anna B"),
        ("email", "anna@example.com"),
        ("allocation_start", "2026-03-01"),
        ("start_is_first_seen", "true"),
        ("allocation_end", "2026-12-31"),
        ("role", "owner"),
        ("consumes_seat", "true"),
        ("obsolete", "false"),
    ];
    let found: Vec<_> = columns.into_iter().zip(values.iter().map(String::as_str)).collect();
    assert_eq!(found, expected);
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json.as_object().unwrap().len(), expected.len());
}

#[test]
fn it_starts_when_assigned_and_ends_with_the_assignment_or_the_term() {
    for (assigned, ends, term, start, first_seen, end) in [
        (None, None, None, "2026-03-01", true, None),
        (Some("2025-01-02"), None, Some("2026-12-31"), "2025-01-02", false, Some("2026-12-31")),
        (None, Some("2026-05-01"), Some("2026-12-31"), "2026-03-01", true, Some("2026-05-01")),
        (None, Some("2027-05-01"), Some("2026-12-31"), "2026-03-01", true, Some("2026-12-31")),
        (None, Some("2027-05-01"), None, "2026-03-01", true, Some("2027-05-01")),
    ] {
        let mut company = Company::new();
        company.seat("base", "1").assigned_on = assigned;
        company.seat("base", "1").ends_on = ends;
        company.pool("base").term_end = term;
        let run_no = company.run("complete");
        company.pass_days(1);
        company.seat("base", "1").role = Some("other");
        company.run("complete");
        for at in [None, Some(At::Run(run_no))] {
            let row = by_pages(&company, &Query { at, ..Query::default() }, 9).remove(0);
            assert_eq!(
                (row.allocation_start.as_str(), row.start_is_first_seen, row.allocation_end.as_deref()),
                (start, first_seen, end),
                "{assigned:?} {ends:?} {term:?} {at:?}"
            );
        }
    }
}

#[test]
fn a_renewed_term_moves_the_end() {
    let mut company = Company::new();
    company.run("complete");
    company.pass_days(1);
    company.pool("base").term_end = Some("2027-12-31");
    company.run("complete");
    let ends: Vec<_> = by_pages(&company, &Query::default(), 9).into_iter().map(|row| row.allocation_end).collect();
    assert_eq!(ends, vec![Some("2027-12-31".to_owned()); 3]);
    let then = Query { at: Some(At::Day(date!(2026 - 03 - 01))), ..Query::default() };
    assert_eq!(by_pages(&company, &then, 9)[0].allocation_end.as_deref(), Some("2026-12-31"));
}

/// The column's value as it sorts: empty before all others, as text otherwise.
fn shown(row: &Allocated, sort: Sort) -> String {
    let place = Allocated::COLUMNS.iter().position(|column| column.name == sort.name()).unwrap();
    match row.values().swap_remove(place) {
        Value::Null if sort == Sort::ConsumesSeat => "false".to_owned(),
        Value::Null => String::new(),
        Value::Text(text) => text,
        Value::Integer(number) => format!("{number:09}"),
        Value::Boolean(flag) => flag.to_string(),
    }
}

#[test]
fn every_sort_shows_every_row_once_in_order_whatever_the_page() {
    let company = varied();
    let moments = [
        (false, None, 8),
        (true, None, 11),
        (false, Some(At::Day(date!(2026 - 03 - 01))), 5),
        (true, Some(At::Run(2)), 6),
    ];
    for (obsolete, at, count) in moments {
        for sort in Sort::ALL {
            for descending in [false, true] {
                let query = Query { obsolete, at, sort, descending, ..Query::default() };
                let mut all = Vec::new();
                let counted = each(&company.store, "acme", &query, |row| {
                    all.push(row);
                    Ok::<_, StoreError>(())
                });
                assert_eq!((counted.unwrap(), all.len()), (count, usize::try_from(count).unwrap()), "{query:?}");
                for most in [1, 3, 100] {
                    assert_eq!(by_pages(&company, &query, most), all, "{query:?}");
                }
                let mut keys: Vec<_> = all.iter().map(|row| shown(row, sort)).collect();
                if descending {
                    keys.reverse();
                }
                assert!(keys.is_sorted(), "{query:?}: {keys:?}");
                assert_eq!(Sort::named(sort.name()), Some(sort));
            }
        }
    }
}

#[test]
fn stretches_that_are_over_end_when_they_were_missed() {
    let company = varied();
    let query = Query { obsolete: true, user: Some("ben".to_owned()), ..Query::default() };
    let rows: Vec<_> = by_pages(&company, &query, 9)
        .into_iter()
        .map(|row| {
            (row.feature, row.allocation_start, row.start_is_first_seen, row.allocation_end.unwrap(), row.obsolete)
        })
        .collect();
    let row = |feature: &str, start: &str, first_seen, end: &str, obsolete| {
        (feature.to_owned(), start.to_owned(), first_seen, end.to_owned(), obsolete)
    };
    assert_eq!(
        rows,
        [
            row("Premium seat", "2026-03-01", true, "2026-03-02", true),
            row("Premium seat", "2026-03-03", true, "2026-12-31", false),
            row("Duo Pro seat", "2026-02-01", false, "2026-03-02", true),
        ]
    );
}

#[test]
fn a_past_snapshot_reads_as_it_did() {
    let company = varied();
    let at = |at| users(&company, &Query { at: Some(at), ..Query::default() });
    let first = ["anna", "ben", "ben", "cleo", "cleo"];
    assert_eq!(at(At::Run(1)), first);
    assert_eq!(at(At::Day(date!(2026 - 03 - 01))), first);
    assert_eq!(at(At::Run(2)), ["cleo", "cleo", "dora", "zanna"], "before the second source was read");
    assert_eq!(at(At::Day(date!(2026 - 03 - 02))), ["cleo", "cleo", "cleo", "cleo", "dora", "dora", "zanna", "zanna"]);
    assert_eq!(users(&company, &Query::default()), at(At::Run(4)));
    let search =
        |at, user: &str| users(&company, &Query { at: Some(at), user: Some(user.to_owned()), ..Query::default() });
    assert_eq!(search(At::Run(1), "zanna"), [""; 0], "nobody was called so");
    assert_eq!(search(At::Run(1), "anna"), ["anna"]);
    for at in [At::Day(date!(2026 - 02 - 28)), At::Run(99)] {
        let error = page(&company.store, "acme", &Query { at: Some(at), ..Query::default() }, 9, None).unwrap_err();
        assert!(matches!(error, StoreError::Unknown { what: "snapshot", .. }), "{error}");
    }
}

#[test]
fn filters_leave_what_they_name() {
    let company = varied();
    let days = |from, to| Days { from, to };
    let of = |filter| Query { filter, ..Query::default() };
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        ("a source", of(Filter { source_no: Some(2), ..Filter::default() }), "cleo cleo dora zanna"),
        ("a server", of(Filter { server: text("second"), ..Filter::default() }), "cleo cleo dora zanna"),
        (
            "a vendor",
            of(Filter { vendor: text("gitlab"), ..Filter::default() }),
            "ben cleo cleo cleo dora dora zanna zanna",
        ),
        ("no vendor", of(Filter { vendor: text("git"), ..Filter::default() }), ""),
        ("a product", of(Filter { product: text("Jira"), ..Filter::default() }), ""),
        ("a feature", of(Filter { feature: text("duo pro seat"), ..Filter::default() }), "cleo"),
        ("a type", of(Filter { license_type: text("floating"), ..Filter::default() }), ""),
        ("starts from", Query { start: days(Some(date!(2026 - 03 - 03)), None), ..Query::default() }, "ben"),
        ("starts until", Query { start: days(None, Some(date!(2026 - 02 - 28))), ..Query::default() }, "zanna zanna"),
        (
            "starts within",
            Query { start: days(Some(date!(2026 - 03 - 01)), Some(date!(2026 - 03 - 02))), ..Query::default() },
            "cleo cleo cleo dora dora",
        ),
        ("ends from", Query { end: days(Some(date!(2027 - 01 - 01)), None), ..Query::default() }, ""),
        (
            "ends until",
            Query { end: days(None, Some(date!(2026 - 12 - 31))), ..Query::default() },
            "ben cleo cleo dora dora zanna zanna",
        ),
    ];
    for (name, query, expected) in cases {
        assert_eq!(users(&company, &query).join(" "), expected, "{name}");
    }
}

#[test]
fn text_is_searched_as_it_is_written() {
    let mut company = Company::empty();
    for (id, name) in [("1", "a%b"), ("2", "a_b"), ("3", "axb"), ("4", "zoë")] {
        company.pool("base");
        company.join(id, name);
    }
    company.user("1").display_name = Some("Fritz MÜLLER");
    company.user("2").email = Some("Person@Example.com");
    company.run("complete");
    for (wanted, expected) in [
        ("a%b", "a%b"),
        ("%", "a%b"),
        ("_", "a_b"),
        ("A_B", "a_b"),
        ("müll", "a%b"),
        ("person@", "a_b"),
        ("ZOË", "zoë"),
        ("b", "a%b a_b axb"),
        ("\\", ""),
        ("", "a%b a_b axb zoë"),
    ] {
        let query = Query { user: Some(wanted.to_owned()), ..Query::default() };
        assert_eq!(users(&company, &query).join(" "), expected, "{wanted}");
        let past = Query { obsolete: true, ..query };
        assert_eq!(users(&company, &past).join(" "), expected, "{wanted}");
    }
}

#[test]
fn whoever_consumes_no_seat_and_whatever_is_not_approved_is_not_shown() {
    let mut company = Company::new();
    company.seat("base", "1").consumes_seat = Some(false);
    company.seat("base", "2").consumes_seat = None;
    company.run("complete");
    assert_eq!(users(&company, &Query::default()), ["ben", "cleo"]);
    let act = company.act();
    company.store.add_tenant(act, "other", crate::store::tenants::Identity::Full, None).unwrap();
    assert_eq!(page(&company.store, "other", &Query::default(), 9, None).unwrap().total, 0);
    let error = page(&company.store, "other", &Query { at: Some(At::Run(1)), ..Query::default() }, 9, None);
    assert!(matches!(error, Err(StoreError::Unknown { what: "snapshot", .. })), "of the other tenant");
    let entered = crate::store::sources::Entered { source_key: "https://third.example.com", ..ENTERED };
    company.store.add_source(act, "acme", &entered, "sealed").unwrap();
    company
        .store
        .write(|transaction| Ok(transaction.execute("UPDATE source SET state = 'pending' WHERE source_no = 1", [])?))
        .unwrap();
    assert_eq!(page(&company.store, "acme", &Query::default(), 9, None).unwrap().rows, []);
}

#[test]
fn a_cursor_belongs_to_its_order_and_a_page_has_bounds() {
    let company = varied();
    let next = page(&company.store, "acme", &Query::default(), 1, None).unwrap().next.unwrap();
    for (query, most, after) in [
        (Query { sort: Sort::Role, ..Query::default() }, 1, Some(next.as_str())),
        (Query { descending: true, ..Query::default() }, 1, Some(next.as_str())),
        (Query::default(), 1, Some("nonsense")),
        (Query::default(), 0, None),
        (Query::default(), super::LARGEST_PAGE + 1, None),
    ] {
        let error = page(&company.store, "acme", &query, most, after).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    }
}

#[test]
fn rows_that_come_and_go_between_two_pages_hide_no_others() {
    let mut company = Company::new();
    company.run("complete");
    let first = page(&company.store, "acme", &Query::default(), 2, None).unwrap();
    assert_eq!((first.rows[0].user.as_str(), first.rows[1].user.as_str()), ("anna", "ben"));
    company.leave("1");
    company.join("0", "aaron");
    company.pass_days(1);
    company.run("complete");
    let second = page(&company.store, "acme", &Query::default(), 2, first.next.as_deref()).unwrap();
    assert_eq!(second.rows.len(), 1);
    assert_eq!(second.rows[0].user, "cleo");
}
