//! Many tenants at once, each before a server of its own.
//!
//! All begin at the same moment, in one process and one engine, each as a tenant with limits, connections and turns of its own. What
//! can be reached is that the processors are never idle: the processor time of host and stand-ins together, divided by the number
//! of processors, is the ideal, and wall time is compared with it.
//!
//! Guarantees: each tenant's people and seats are compared with what is true on its own stand-in; another number is an error.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::collect::MOST_GUEST;
use super::figures::median;
use super::honest::{LOOPBACK, Quiet};
use super::isolation::BenchError;
use super::numbers::{float, ms};
use super::reading::{self, Delivered, Rows, Source};
use super::sheet::{Bound, Figure, Sheet, Unit};
use super::standins::{Facts, Kind, Spec, StandIns, Told};
use super::{memory, process};
use crate::engine::{Engine, Plugin};
use crate::tenant::Tenant;

/// The ideal as a part of wall time.
const LEAST_OF_IDEAL: f64 = 0.8;

/// Memory of the host, bytes.
const MOST_HOST: f64 = 512.0 * 1024.0 * 1024.0;

/// How many times the median the slowest tenant may take.
const MOST_OF_MEDIAN: f64 = 3.0;

/// Files that the host has open beside connections, and some for good measure.
const OTHER_FILES: u64 = 200;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Tenants.
    pub tenants: u32,
    /// People of each.
    pub users: u32,
    /// Before every answer, milliseconds.
    pub latency_ms: u64,
    /// How often.
    pub rounds: u32,
}

/// One round.
#[derive(Debug, Clone)]
struct Round {
    wall: Duration,
    host_cpu: Option<Duration>,
    stand_ins_cpu: Option<Duration>,
    host_peak: Option<u64>,
    guest_peak: u64,
    requests: u64,
    connections: u64,
    times: Vec<Duration>,
}

/// Measures in one engine, whose limits are those of each tenant; `step` is told the number of each round, from 0.
///
/// # Errors
/// [`BenchError`], if it cannot, or if what is read is wrong.
pub async fn run(
    engine: &Engine,
    plugin: &Plugin,
    options: &Options,
    step: &mut dyn FnMut(u32),
) -> Result<Sheet, BenchError> {
    let Options { tenants, users, latency_ms, rounds } = *options;
    let in_flight = u64::try_from(engine.limits().in_flight).unwrap_or(u64::MAX);
    let needed = u64::from(tenants).saturating_mul(in_flight.saturating_add(1)).saturating_add(OTHER_FILES);
    if let Some(most) = process::open_files().filter(|most| *most < needed) {
        return Err(BenchError::Setup(format!("{tenants} tenants take {needed} open files, and {most} are allowed")));
    }
    let specs: Vec<Spec> = (0..tenants)
        .map(|number| Spec {
            kind: Kind::Users,
            rows: users,
            seed: u64::from(number) + 1,
            latency_ms,
            rate_limit: None,
        })
        .collect();
    let mut stand_ins = StandIns::start(&specs).await?;
    let mut measured = Vec::new();
    for number in 0..rounds {
        step(number);
        measured.push(round(engine, plugin, &mut stand_ins).await?);
    }
    let title =
        format!("{tenants} tenants of {users} people, each with its own server, {latency_ms} ms before each answer");
    let mut sheet = Sheet::new("tenants", title)
        .with("tenants", tenants)
        .with("users", users)
        .with("latency_ms", latency_ms)
        .with("in_flight", in_flight)
        .with("rounds", rounds);
    figures(&mut sheet, options, &measured, process::processors());
    Ok(sheet)
}

async fn round(engine: &Engine, plugin: &Plugin, stand_ins: &mut StandIns) -> Result<Round, BenchError> {
    let before = stand_ins.told().await?;
    memory::forget_peak();
    let (cpu, started) = (process::cpu(), Instant::now());
    let mut tasks = JoinSet::new();
    for facts in &stand_ins.facts {
        let tenant = Tenant::new(engine, engine.limits().clone(), LOOPBACK, None)
            .map_err(|error| BenchError::Setup(error.to_string()))?;
        tasks.spawn(one(tenant, plugin.clone(), facts.clone(), started));
    }
    let mut round = Round {
        wall: Duration::ZERO,
        host_cpu: None,
        stand_ins_cpu: None,
        host_peak: None,
        guest_peak: 0,
        requests: 0,
        connections: 0,
        times: Vec::new(),
    };
    while let Some(ended) = tasks.join_next().await {
        let (delivered, guest_peak) = ended.map_err(|error| BenchError::Honest(error.to_string()))??;
        round.times.push(delivered.time);
        round.guest_peak = round.guest_peak.max(guest_peak);
    }
    round.wall = started.elapsed();
    round.host_cpu = process::cpu().zip(cpu).map(|(now, before)| now.saturating_sub(before));
    round.host_peak = memory::peak();
    round.seen(&before, &stand_ins.told().await?);
    Ok(round)
}

/// A tenant's whole way, from its settings to its last record.
async fn one(tenant: Tenant, plugin: Plugin, facts: Facts, started: Instant) -> Result<(Delivered, u64), BenchError> {
    let connection = reading::connected(&tenant, &plugin, &Source::of(&facts)?).await?;
    let mut sink = Rows::to(Arc::new(Mutex::new(std::io::sink())));
    let bill = reading::collected(&connection, &mut sink, &mut Quiet).await?;
    let delivered = Delivered { time: started.elapsed(), ..sink.delivered };
    delivered.check(&facts)?;
    Ok((delivered, reading::guest_peak(&bill)))
}

impl Round {
    /// Takes what the stand-ins saw meanwhile.
    fn seen(&mut self, before: &Told, after: &Told) {
        self.stand_ins_cpu =
            after.cpu_us.zip(before.cpu_us).map(|(after, before)| Duration::from_micros(after.saturating_sub(before)));
        for (before, after) in before.seen.iter().zip(&after.seen) {
            self.requests += after.requests.saturating_sub(before.requests);
            self.connections = self.connections.max(after.connections.saturating_sub(before.connections));
        }
    }

    fn ideal_ms(&self, processors: f64) -> Option<f64> {
        Some((ms(self.host_cpu?) + ms(self.stand_ins_cpu?)) / processors)
    }

    /// The slowest tenant's time as a ratio to the median.
    fn slowest(&self) -> f64 {
        let times: Vec<f64> = self.times.iter().map(Duration::as_secs_f64).collect();
        times.iter().copied().fold(0.0, f64::max) / median(&times).max(1e-9)
    }
}

fn figures(sheet: &mut Sheet, options: &Options, rounds: &[Round], processors: f64) {
    let of = |each: &dyn Fn(&Round) -> f64| rounds.iter().map(each).collect::<Vec<f64>>();
    let known = |each: &dyn Fn(&Round) -> Option<f64>| rounds.iter().filter_map(each).collect::<Vec<f64>>();
    let most = |name: &str, what: &str, unit, samples: Vec<f64>| {
        let all = samples.len() == rounds.len();
        let most = all.then(|| samples.iter().copied().fold(0.0, f64::max));
        Figure { samples, ..Figure::of(name, what, unit, most) }
    };
    sheet.add(Figure::median("wall_ms", "wall time", Unit::Ms, of(&|round| ms(round.wall))));
    let ideal = known(&|round| round.ideal_ms(processors));
    sheet.add(Figure::median("ideal_ms", "ideal: processor time of host and stand-ins ÷ processors", Unit::Ms, ideal));
    let ratios = known(&|round| Some(round.ideal_ms(processors)? / ms(round.wall).max(1e-9)));
    let ratio = Figure::median("ratio_to_ideal", "ideal as a part of wall time", Unit::Ratio, ratios);
    sheet.add(ratio.within(Bound::AtLeast(LEAST_OF_IDEAL)));
    let slowest = of(&Round::slowest);
    let slowest = most("slowest_to_median", "the slowest tenant, as a ratio to the median", Unit::Ratio, slowest);
    sheet.add(slowest.within(Bound::AtMost(MOST_OF_MEDIAN)));
    let host = known(&|round| round.host_peak.map(float));
    let host = most("host_peak_bytes", "memory of the host, largest resident size", Unit::Bytes, host);
    sheet.add(host.within(Bound::AtMost(MOST_HOST)));
    let guest = most("guest_peak_bytes", "memory of a guest, most", Unit::Bytes, of(&|round| float(round.guest_peak)));
    sheet.add(guest.within(Bound::AtMost(MOST_GUEST)));
    sheet.add(Figure::median("requests", "requests", Unit::Count, of(&|round| float(round.requests))));
    let opened = of(&|round| float(round.connections));
    sheet.add(most("connections", "connections opened to one server, most", Unit::Count, opened));
    let people = float(u64::from(options.tenants).saturating_mul(u64::from(options.users)));
    let per_second = of(&|round| people / round.wall.as_secs_f64().max(1e-9));
    sheet.add(Figure::median("rows_per_second", "people a second, all tenants", Unit::PerSecond, per_second));
    let each = float(u64::from(options.tenants)).max(1.0);
    let host_cpu = known(&|round| round.host_cpu.map(|cpu| ms(cpu) / each));
    sheet.add(Figure::median(
        "host_cpu_ms_per_tenant",
        "processor time of the host for each tenant",
        Unit::Ms,
        host_cpu,
    ));
    let theirs = known(&|round| round.stand_ins_cpu.map(|cpu| ms(cpu) / each));
    let what = "processor time of the stand-in for each tenant";
    sheet.add(Figure::median("stand_in_cpu_ms_per_tenant", what, Unit::Ms, theirs));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Options, Round, Sheet, figures};

    const OPTIONS: Options = Options { tenants: 3, users: 10, latency_ms: 0, rounds: 1 };

    fn round() -> Round {
        let second = Duration::from_secs;
        Round {
            wall: second(10),
            host_cpu: Some(second(12)),
            stand_ins_cpu: Some(second(4)),
            host_peak: Some(512 << 20),
            guest_peak: 1 << 20,
            requests: 9,
            connections: 4,
            times: vec![second(2), second(3), second(9)],
        }
    }

    #[test]
    fn each_bound_is_held_to_by_itself() {
        let wrong: [fn(&mut Round); 7] = [
            |_| {},
            |round| round.wall = Duration::from_millis(10_010),
            |round| round.times = [2_000, 3_000, 9_010].map(Duration::from_millis).to_vec(),
            |round| round.host_peak = Some((512 << 20) + 1),
            |round| round.host_peak = None,
            |round| round.stand_ins_cpu = None,
            |round| round.guest_peak = (16 << 20) + 1,
        ];
        for (number, spoil) in wrong.into_iter().enumerate() {
            let mut spoilt = round();
            spoil(&mut spoilt);
            let mut sheet = Sheet::new("tenants", String::new());
            figures(&mut sheet, &OPTIONS, &[spoilt], 2.0);
            assert_eq!(sheet.passed(), number == 0, "{number}: {:?}", sheet.rows());
        }
    }
}
