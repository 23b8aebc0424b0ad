//! The loops that every page goes through, one by one, for whoever changes one of them: `cargo bench -p host-sim --bench inner_loops`.
//!
//! | loop | what |
//! | --- | --- |
//! | `read` | answers to records: the plugin's core, natively, a run of twenty pages |
//! | `mask` | a body searched for the token, in every way to write it |
//! | `write` | the records of a page to lines of JSON |
//! | `inspect` | a component's bytes to what it asks for, before anything is compiled |
//!
//! `cargo sim bench` measures the whole; criterion tells here whether a change of a part is one.

#![allow(clippy::unwrap_used, missing_docs, reason = "what fails here is no figure")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use host_sim::admission::Manifest;
use host_sim::bench::page;
use host_sim::contract::{
    AccountKind, AccountState, Activity, Assignment, Batch, EmailKind, Entry, Identity, Progress, User, Via,
};
use host_sim::egress::Secret;
use host_sim::engine::{Engine, EngineOptions};
use host_sim::plugin_build::{self, BuildOptions};
use host_sim::policy::limits::Limits;
use host_sim::records;

/// Rows of a page.
const ROWS: u32 = 100;

/// Pages of a run.
const PAGES: u32 = 20;

fn component() -> Vec<u8> {
    std::fs::read(plugin_build::component(&BuildOptions::from_environment().unwrap()).unwrap()).unwrap()
}

fn read(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut walk = runtime.block_on(async {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&component()).unwrap();
        page::native(&engine, &plugin, PAGES).await.unwrap()
    });
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(u64::from(PAGES * ROWS)));
    // What plays the network looks for its answers meanwhile, which is none of the plugin's time.
    group.bench_function("twenty pages of accounts", |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| walk.run().unwrap().1).sum());
    });
    group.finish();
}

fn mask(criterion: &mut Criterion) {
    let secret = Secret::new("glpat-Zx8_yW-3kQpL1mNvB7dR".to_owned()).unwrap();
    let page = String::from_utf8(lines(&page_of_records())).unwrap();
    let echoed = page.replacen("user50", "glpat-Zx8_yW-3kQpL1mNvB7dR", 1);
    let mut group = criterion.benchmark_group("mask");
    for (name, body) in [("a page without the token", page), ("a page with the token in it", echoed)] {
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap()));
        group.bench_function(name, |bencher| bencher.iter(|| secret.redact(black_box(&body))));
    }
    group.finish();
}

fn page_of_records() -> Batch {
    let entries = (0..ROWS).flat_map(|number| [Entry::User(user(number)), Entry::Assignment(assignment(number))]);
    let progress = Progress { stage: "accounts".to_owned(), done: u64::from(ROWS), expected: None };
    Batch { entries: entries.collect(), warnings: vec![], progress, next: Some("cursor".to_owned()), summary: None }
}

fn user(number: u32) -> User {
    User {
        user_id: number.to_string(),
        username: format!("user{number}"),
        display_name: Some(format!("User \"{number}\" Exämple")),
        email: Some(format!("user{number}@example.com")),
        email_kind: EmailKind::Primary,
        identities: vec![Identity { provider: "saml".to_owned(), external_id: format!("uid-{number}") }],
        account_state: AccountState::Active,
        account_state_raw: "active".to_owned(),
        account_kind: AccountKind::Human,
        created_at: Some("2024-02-03T06:41:10Z".to_owned()),
        last_activity_on: Some("2026-02-03".to_owned()),
        last_sign_in_at: Some("2026-02-03T06:41:10Z".to_owned()),
        activity: Activity::Known,
    }
}

fn assignment(number: u32) -> Assignment {
    Assignment {
        pool_id: "instance:premium".to_owned(),
        user_id: number.to_string(),
        consumes_seat: Some(true),
        non_consuming_reason: None,
        role: None,
        via: Via::Direct,
        reclaimable: Some(true),
        assigned_on: None,
        ends_on: None,
        last_activity_on: Some("2026-02-03".to_owned()),
    }
}

fn lines(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records::of_batch(batch) {
        serde_json::to_writer(&mut out, &record).unwrap();
        out.push(b'\n');
    }
    out
}

fn write(criterion: &mut Criterion) {
    let batch = page_of_records();
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Bytes(u64::try_from(lines(&batch).len()).unwrap()));
    group.bench_function("a page of records", |bencher| {
        bencher.iter(|| lines(black_box(&batch)));
    });
    group.finish();
}

fn inspect(criterion: &mut Criterion) {
    let component = component();
    let most = Limits::default().component_bytes;
    let mut group = criterion.benchmark_group("inspect");
    group.throughput(Throughput::Bytes(u64::try_from(component.len()).unwrap()));
    group.bench_function("the component", |bencher| {
        bencher.iter(|| Manifest::read(black_box(&component), most).unwrap().admit().unwrap());
    });
    group.finish();
}

criterion_group!(loops, read, mask, write, inspect);
criterion_main!(loops);
