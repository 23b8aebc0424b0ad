//! What one page of a hundred accounts costs: in fuel, and in time against the same code without a sandbox.
//!
//! | measured | how |
//! | --- | --- |
//! | fuel | instructions of the guest, counted by an engine made for that; the same answers take the same fuel |
//! | wasm | the time that the guest computes, as the bill has it: its code alone, with the bodies that it copies in and the records that it lays out |
//! | native | the same crate, called as a function, with the same answers out of memory; what it delivers is given back, as in the guest |
//!
//! All three walk a whole run, from the license to the last page: what comes once is divided among the pages. Answers are those of
//! the stand-in, recorded once and replayed, so that no network and no stand-in is in any of the times.
//!
//! Guarantees: wasm and native read the same bytes and deliver as many records, in alternating rounds; the median of the rounds'
//! ratios counts. Refuses to flatter: the native side is compiled with the highest level of optimisation
//! (`[profile.dev.package.gitlab-seats]`), and lays out no records for a host. It has the overflow checks and assertions of that profile,
//! which the guest has not: they take a twentieth of its time.

mod native;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use native::Walk;

use fake_gitlab::{FakeGitlab, Options as StandIn, Tokens};
use serde::Serialize;

use super::figures::median;
use super::honest::{LOOPBACK, Quiet, configured, network};
use super::isolation::BenchError;
use crate::bill::{Bill, Records};
use crate::collection::{Collection, PageSink};
use crate::contract::Batch;
use crate::egress::{Recorder, Replay, Tape};
use crate::engine::{Engine, EngineOptions, Plugin};
use crate::policy::limits::Limits;
use crate::tenant::Tenant;

/// How many times as long as native code the guest may take.
pub const MOST: f64 = 1.6;

/// Rows of a page.
const ROWS: u32 = 100;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Pages of a hundred accounts in a run.
    pub pages: u32,
    /// Runs of each side.
    pub rounds: u32,
}

/// One round, a page of each side, microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// In the sandbox.
    pub wasm_us: f64,
    /// Without it.
    pub native_us: f64,
}

/// The figures of a page.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Pages of a hundred accounts.
    pub pages: u32,
    /// Bytes of bodies for each.
    pub bytes: u64,
    /// Fuel for each.
    pub fuel: u64,
    /// Largest memory of the guest in any call, bytes.
    pub peak_memory_bytes: usize,
    /// Connections that a whole run opened.
    pub connections: u64,
    /// The rounds, in their order.
    pub rounds: Vec<Round>,
    /// The median of the rounds, microseconds.
    pub wasm_us: f64,
    /// The same of native code.
    pub native_us: f64,
    /// The median of the rounds' ratios.
    pub ratio: f64,
    /// The most that it may be.
    pub bound: f64,
    /// Whether it is.
    pub passed: bool,
}

/// Measures the plugin in `component`, which is loaded in `engine` as `plugin`.
///
/// # Errors
/// [`BenchError`], if it cannot; figures out of bounds are no error.
pub async fn run(engine: &Engine, plugin: &Plugin, component: Vec<u8>, options: Options) -> Result<Report, BenchError> {
    let Options { pages, rounds } = options;
    let folder = tempfile::tempdir().map_err(|error| setup(&error))?;
    let path = folder.path().join("run.tape");
    let recorded = record(engine, plugin, pages, &path).await?;
    // A thread of its own: a replay needs a runtime whose clock stands still.
    let measured = std::thread::spawn(move || measure(&component, &recorded, &path, pages, rounds));
    let measured = tokio::task::spawn_blocking(|| measured.join()).await.map_err(|error| setup(&error))?;
    measured.map_err(|_| BenchError::Setup("the thread that measures broke off".to_owned()))?
}

/// The native side alone, of a run of so many pages, for whoever counts what it does.
///
/// # Errors
/// [`BenchError`], if the run cannot be recorded.
pub async fn native(engine: &Engine, plugin: &Plugin, pages: u32) -> Result<Walk, BenchError> {
    let folder = tempfile::tempdir().map_err(|error| setup(&error))?;
    let path = folder.path().join("run.tape");
    let recorded = record(engine, plugin, pages, &path).await?;
    Walk::new(&path, &recorded.url)
}

fn setup(error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Setup(error.to_string())
}

/// A run that was recorded.
struct Recorded {
    url: String,
    records: Records,
    bytes: u64,
    connections: u64,
}

async fn record(engine: &Engine, plugin: &Plugin, pages: u32, path: &Path) -> Result<Recorded, BenchError> {
    let users = pages.saturating_mul(ROWS);
    let gitlab = fake_gitlab::start(StandIn { users, ..StandIn::default() }).await.map_err(|error| setup(&error))?;
    gitlab.warm_up().await;
    let recorded = recorded(&gitlab, engine, plugin, path).await;
    gitlab.shutdown().await;
    recorded
}

async fn recorded(gitlab: &FakeGitlab, engine: &Engine, plugin: &Plugin, path: &Path) -> Result<Recorded, BenchError> {
    let most = engine.limits().recording_bytes;
    let recorder = Arc::new(Recorder::create(path, LOOPBACK, most).map_err(|error| setup(&error))?);
    let url = gitlab.base_url();
    let bill = collected(engine, plugin, &url, Tape::Record(Arc::clone(&recorder))).await?;
    recorder.finish().map_err(|error| setup(&error))?;
    Ok(Recorded { url, records: bill.records, bytes: bill.response_bytes, connections: bill.connections_opened })
}

/// One collection of a tenant of its own.
async fn collected(engine: &Engine, plugin: &Plugin, url: &str, tape: Tape) -> Result<Bill, BenchError> {
    let limits = Limits { requests_per_minute: u64::from(u32::MAX), ..engine.limits().clone() };
    let tenant = Tenant::new(engine, limits.clone(), LOOPBACK, None).map_err(|error| setup(&error))?.with_tape(tape);
    let network = network(&tenant, url, Tokens::ADMINISTRATOR)?;
    let plugin = tenant.plugin(plugin);
    let config = configured(&plugin, url.to_owned()).await?;
    let collection = Collection { plugin: &plugin, network: &network, config: &config, limits: &limits };
    let mut bill = Bill::default();
    let summary = collection.run(None, &mut Nowhere, &mut Quiet, &mut bill).await;
    summary.map_err(|error| BenchError::Honest(error.to_string()))?;
    Ok(bill)
}

/// Records are counted, and no more.
struct Nowhere;

impl PageSink for Nowhere {
    fn page(&mut self, _: &Batch) -> std::io::Result<()> {
        Ok(())
    }
}

fn measure(component: &[u8], run: &Recorded, tape: &Path, pages: u32, rounds: u32) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.map_err(|error| setup(&error))?;
    let with = |options: EngineOptions| {
        let engine = Engine::new(Limits::default(), options).map_err(|error| setup(&error))?;
        let plugin = engine.load(component).map_err(|error| setup(&error))?;
        Ok((engine, plugin))
    };
    let replayed = |(engine, plugin): &(Engine, Plugin)| {
        let tape = Tape::Replay(Arc::new(Replay::open(tape).map_err(|error| setup(&error))?));
        let bill = runtime.block_on(collected(engine, plugin, &run.url, tape))?;
        if bill.records == run.records { Ok(bill) } else { Err(differs(run.records, bill.records)) }
    };
    let per_page = |value: f64| value / f64::from(pages.max(1));
    let counting = replayed(&with(EngineOptions { count_fuel: true, ..EngineOptions::default() })?)?;
    let timing = with(EngineOptions::default())?;
    let mut native = native::Walk::new(tape, &run.url)?;
    let mut taken = Vec::new();
    // The first round fills caches on both sides.
    for round in 0..=rounds {
        let wasm = replayed(&timing)?.guest_ms * 1e3;
        let (records, time): (Records, Duration) = native.run()?;
        if (records.user, records.assignment) != (run.records.user, run.records.assignment) {
            return Err(differs(run.records, records));
        }
        if round > 0 {
            taken.push(Round { wasm_us: per_page(wasm), native_us: per_page(time.as_secs_f64() * 1e6) });
        }
    }
    let of_rounds = |of: fn(&Round) -> f64| median(&taken.iter().map(of).collect::<Vec<f64>>());
    let ratio = of_rounds(|round| round.wasm_us / round.native_us.max(1e-9));
    Ok(Report {
        pages,
        bytes: run.bytes / u64::from(pages.max(1)),
        fuel: counting.fuel.unwrap_or(0) / u64::from(pages.max(1)),
        connections: run.connections,
        peak_memory_bytes: counting.peak_memory_bytes,
        wasm_us: of_rounds(|round| round.wasm_us),
        native_us: of_rounds(|round| round.native_us),
        ratio,
        bound: MOST,
        passed: !taken.is_empty() && ratio <= MOST,
        rounds: taken,
    })
}

fn differs(expected: Records, found: Records) -> BenchError {
    BenchError::Setup(format!("a run of other records: {found:?}, where {expected:?} were recorded"))
}
