//! How often the plugin's core asks for memory for a row, counted by the allocator of this process. Nothing else runs in it.

#![allow(
    clippy::as_conversions,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    missing_docs,
    reason = "tests"
)]

#[path = "../support/budget.rs"]
#[allow(dead_code, reason = "shared with the tests of the whole")]
mod budget;

use host_sim::bench::page::{self, Walk};
use host_sim::engine::{Engine, EngineOptions};
use host_sim::plugin_build::{self, BuildOptions};
use host_sim::policy::limits::Limits;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// Allocations of one walk, and the rows in it.
fn counted(walk: &mut Walk) -> (usize, u64) {
    let region = Region::new(GLOBAL);
    let (records, _) = walk.run().unwrap();
    let change = region.change();
    (change.allocations + change.reallocations, records.user)
}

/// Of the difference between a long run and a short one, so that what comes once does not count. The answers of the network
/// that is played are in it, with less than one for a row.
#[test]
fn budgets_of_allocations() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        BuildOptions { out: Some(folder.path().join("plugin.wasm")), ..BuildOptions::from_environment().unwrap() };
    let component = std::fs::read(plugin_build::build(&options).unwrap().path).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let [mut short, mut long] = [5, 25].map(|pages| {
        runtime.block_on(async {
            let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
            let plugin = engine.load(&component).unwrap();
            page::native(&engine, &plugin, pages).await.unwrap()
        })
    });
    // The threads that recorded are gone.
    drop(runtime);
    let (few, few_rows) = counted(&mut short);
    let (many, rows) = counted(&mut long);
    let each = (many - few) as f64 / (rows - few_rows) as f64;
    budget::hold(&[("allocations_per_row", (each * 100.0).round() / 100.0)]);
}
