//! What is exported of a company's days.

#![allow(clippy::unwrap_used, reason = "tests")]

use time::macros::date;

use super::{At, EventRow, PersonRow, PoolRow, Query, Stored, Table};
use crate::export::{ExportError, Format};
use crate::samples::{Company, ENTERED, pool};
use crate::store::StoreError;
use crate::store::tenants::Identity;

fn rows<R: Stored>(company: &Company, at: Option<At>) -> Vec<R> {
    let mut rows = Vec::new();
    let query = Query { tenant: "acme", source_no: None, at };
    R::each(&company.store, &query, |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    rows
}

/// Day 0: Anna, Ben, Cleo. Day 1: Ben is renamed. Day 2: Anna is gone, Dora is there. Day 3: a partial run. Day 4: Anna is back.
fn days() -> (Company, [i64; 4]) {
    let mut company = Company::new();
    company.users.get_mut("3").unwrap().last_activity_on = Some("2026-02-27");
    let first = company.run("complete");
    company.pass_days(1);
    company.users.get_mut("2").unwrap().username = "benjamin";
    let second = company.run("complete");
    company.pass_days(1);
    let anna = company.users.get("1").cloned().unwrap();
    company.leave("1");
    company.join("4", "dora");
    company.users.get_mut("3").unwrap().last_activity_on = Some("2026-03-03");
    company.pools.get_mut("base").unwrap().entitled = Some(20);
    company.pools.get_mut("base").unwrap().allocated = Some(25);
    company.pools.insert("duo", pool("duo"));
    let third = company.run("complete");
    company.pass_days(1);
    company.leave("3");
    company.run("partial");
    company.pass_days(1);
    company.join("3", "cleo");
    company.users.get_mut("3").unwrap().last_activity_on = Some("2026-03-03");
    company.users.insert("1", anna);
    let fourth = company.run("complete");
    (company, [first, second, third, fourth])
}

#[test]
fn people_are_as_they_were() {
    let (mut company, [first, second, third, fourth]) = days();
    let names = |at| rows::<PersonRow>(&company, at).into_iter().map(|row| row.username).collect::<Vec<_>>();
    for (at, run_no, expected) in [
        (Some(At::Run(first)), first, &["anna", "ben", "cleo"][..]),
        (Some(At::Run(second)), second, &["anna", "benjamin", "cleo"]),
        (Some(At::Run(third)), third, &["benjamin", "cleo", "dora"]),
        (Some(At::Day(date!(2026 - 03 - 01))), first, &["anna", "ben", "cleo"]),
        (Some(At::Day(date!(2026 - 03 - 04))), third, &["benjamin", "cleo", "dora"]),
        (Some(At::Run(fourth)), fourth, &["anna", "benjamin", "cleo", "dora"]),
        (None, fourth, &["anna", "benjamin", "cleo", "dora"]),
    ] {
        assert_eq!(names(at), expected, "{at:?}");
        assert!(rows::<PersonRow>(&company, at).iter().all(|row| row.snapshot_run == run_no), "{at:?}");
    }
    let active = |company: &Company, at| {
        let cleo = rows::<PersonRow>(company, at).into_iter().find(|row| row.username == "cleo").unwrap();
        cleo.last_activity_on
    };
    assert_eq!(active(&company, None).as_deref(), Some("2026-03-03"));
    assert_eq!(active(&company, Some(At::Run(first))), None, "was later than the snapshot");
    company.users.get_mut("3").unwrap().last_activity_on = Some("2026-03-06");
    company.pass_days(1);
    company.run("partial");
    assert_eq!(active(&company, None).as_deref(), Some("2026-03-06"), "later than the snapshot, and known now");
}

#[test]
fn pools_are_as_they_were() {
    let (company, [first, _, third, _]) = days();
    let pools = |at| {
        let rows = rows::<PoolRow>(&company, at);
        rows.into_iter()
            .map(|row| (row.pool_id, row.entitled, row.holders, row.allocated.zip(row.free)))
            .collect::<Vec<_>>()
    };
    assert_eq!(pools(Some(At::Run(first))), [("base".to_owned(), Some(10), 3, None)]);
    let both = [("base".to_owned(), Some(20), 3, Some((25, 0))), ("duo".to_owned(), Some(10), 0, None)];
    assert_eq!(pools(Some(At::Run(third))), both);
    assert_eq!(pools(None).len(), 2);
}

#[test]
fn what_happened_is_in_order() {
    let (company, _) = days();
    let events: Vec<_> = rows::<EventRow>(&company, None)
        .into_iter()
        .map(|row| format!("{} {} {}", row.on_day, row.kind, row.username))
        .collect();
    assert_eq!(events.iter().filter(|event| event.starts_with("2026-03-01 found")).count(), 3);
    assert_eq!(events.get(3..).unwrap(), ["2026-03-03 taken dora", "2026-03-03 left anna"]);
    for (table, lines) in
        [(Table::Pools, 2), (Table::People, 4), (Table::Runs, 5), (Table::Events, 5), (Table::Alerts, 0)]
    {
        let query = Query { tenant: "acme", source_no: Some(company.source_no), at: None };
        for format in Format::ALL {
            let bytes = table.export(&company.store, &query, format, Vec::new()).unwrap();
            let count = match format {
                Format::Csv => csv::Reader::from_reader(bytes.as_slice()).records().map(Result::unwrap).count(),
                Format::Json => serde_json::from_slice::<Vec<serde_json::Value>>(&bytes).unwrap().len(),
                Format::Ndjson => String::from_utf8(bytes).unwrap().lines().count(),
                Format::Parquet => {
                    use parquet::file::reader::{FileReader as _, SerializedFileReader};
                    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
                    usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
                }
            };
            assert_eq!(count, lines, "{} {}", table.name(), format.name());
        }
    }
    let query = Query { tenant: "acme", source_no: None, at: None };
    let audit = Table::Audit.export(&company.store, &query, Format::Ndjson, Vec::new()).unwrap();
    let audit = String::from_utf8(audit).unwrap();
    assert!(audit.lines().next().unwrap().contains("add-tenant") && audit.contains("approve-source"), "{audit}");
}

#[test]
fn what_is_not_there_is_said() {
    let (company, _) = days();
    let (store, act) = (&company.store, company.act());
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let try_it = |table: Table, tenant, source_no, at| {
        table.export(store, &Query { tenant, source_no, at }, Format::Csv, Vec::new()).unwrap_err().to_string()
    };
    let early = Some(At::Day(date!(2026 - 02 - 28)));
    assert_eq!(try_it(Table::Pools, "acme", None, early), "there is no snapshot of 2026-02-28 or before");
    let partial = company.number("SELECT run_no FROM run WHERE state = 'partial'");
    assert_eq!(try_it(Table::People, "acme", None, Some(At::Run(partial))), format!("there is no snapshot {partial}"));
    assert!(try_it(Table::People, "other", None, Some(At::Run(1))).contains("no snapshot"), "another tenant's");
    assert!(try_it(Table::Runs, "other", Some(company.source_no), None).contains("no source"));
    assert!(try_it(Table::Pools, "other", Some(company.source_no), None).contains("no source"));
    assert!(try_it(Table::Runs, "nobody", None, None).contains("no tenant"));
    assert_eq!(try_it(Table::Runs, "acme", None, early), "at: the table runs has no snapshots");
    let mut calls = 0;
    let query = Query { tenant: "acme", source_no: None, at: None };
    let stopped = PersonRow::each(store, &query, |_| {
        calls += 1;
        Err(ExportError::Store(StoreError::Random))
    });
    assert!(stopped.is_err() && calls == 1, "a writer that fails ends it");
}

#[test]
fn tenants_and_sources_do_not_meet() {
    let (company, _) = days();
    let (store, act) = (&company.store, company.act());
    store.add_tenant(act, "other", Identity::Full, None).unwrap();
    let second = store.add_source(act, "acme", &ENTERED, "sealed").unwrap().source_no;
    for table in [Table::Pools, Table::People, Table::Runs, Table::Events, Table::Alerts] {
        for (tenant, source_no) in [("other", None), ("acme", Some(second))] {
            let query = Query { tenant, source_no, at: None };
            let out = table.export(store, &query, Format::Ndjson, Vec::new()).unwrap();
            assert!(out.is_empty(), "{} {tenant}", table.name());
        }
    }
    let query = Query { tenant: "other", source_no: None, at: None };
    let audit = Table::Audit.export(store, &query, Format::Ndjson, Vec::new()).unwrap();
    assert_eq!(String::from_utf8(audit).unwrap().lines().count(), 1, "its own entry");
    assert_eq!(Table::named("people"), Some(Table::People));
}
