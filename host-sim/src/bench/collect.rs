//! How fast two lists are read from afar, and what that takes.
//!
//! A tenant has two sources, each before a stand-in of its own: the accounts of a self-managed GitLab and the billable members of a
//! group on GitLab.com. Both are read at the same time, under the tenant's one ceiling of requests in flight. The limit of what
//! can be reached is `⌈requests ÷ in flight⌉ × latency`: every place in flight is in use all the time, and computing takes none.
//!
//! Guarantees: what is delivered is compared with what is true on the stand-ins in every round; another number of people or seats
//! is an error, and no figure is told. Requests and connections are as the stand-ins count them.

use std::sync::Arc;

use super::honest::Quiet;
use super::isolation::BenchError;
use super::numbers::{float, ms};
use super::reading::{self, Out, Reading, Source, Watched};
use super::sheet::{Bound, Figure, Sheet, Unit};
use super::standins::{Kind, Seen, Spec, StandIns};
use crate::engine::{Engine, Plugin};

/// How many times the limit a collection may take.
const MOST_OF_LIMIT: f64 = 1.3;

/// From so many rows on, what is asked beside the pages of the two lists has to fit into that, too.
const MANY_ROWS: u64 = 10_000;

/// Of all answers, so many may be 429: more, and the pace of the server was not found.
const MOST_LIMITED: f64 = 0.01;

/// Linear memory that a guest may take, bytes.
pub(super) const MOST_GUEST: f64 = 16.0 * 1024.0 * 1024.0;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rows of both lists together.
    pub rows: u32,
    /// Before every answer, milliseconds.
    pub latency_ms: u64,
    /// Requests in flight.
    pub in_flight: u16,
    /// How often.
    pub rounds: u32,
    /// Requests a minute, before a stand-in answers 429.
    pub rate_limit: Option<u32>,
    /// Further fields of the plugin.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// Whether of the group only those who hold a seat are read, and no other list beside the two.
    fn seats_alone(&self) -> bool {
        self.settings.iter().any(|(key, value)| key == "members" && value == "false")
    }
}

/// One round.
struct Round {
    reading: Reading,
    seen: Vec<Seen>,
    rows: u64,
    /// That the two lists have, a hundred rows each.
    pages: u64,
}

/// Measures; `step` is told the number of each round, from 0.
///
/// # Errors
/// [`BenchError`], if it cannot, or if what is read is wrong.
pub async fn run(
    engine: &Engine,
    plugin: &Plugin,
    options: &Options,
    out: Out,
    step: &mut dyn FnMut(u32),
) -> Result<Sheet, BenchError> {
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        step(number);
        rounds.push(round(engine, plugin, options, Arc::clone(&out)).await?);
    }
    let rows = rounds.first().map_or(0, |round| round.rows);
    let &Options { latency_ms, in_flight, .. } = options;
    let settings: Vec<String> = options.settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut title = format!(
        "two lists of {rows} rows together, {latency_ms} ms before each answer, {in_flight} requests in flight"
    );
    settings.iter().for_each(|setting| title.push_str(&format!(", {setting}")));
    let mut sheet = Sheet::new("collect", title)
        .with("rows", rows)
        .with("latency_ms", latency_ms)
        .with("in_flight", in_flight)
        .with("rounds", options.rounds)
        .with("rate_limit", options.rate_limit)
        .with("settings", settings);
    figures(&mut sheet, options, &rounds);
    Ok(sheet)
}

/// With stand-ins of its own, so that their windows of the rate limit and their counts begin with it.
async fn round(engine: &Engine, plugin: &Plugin, options: &Options, out: Out) -> Result<Round, BenchError> {
    let &Options { rows, latency_ms, rate_limit, .. } = options;
    let spec = |kind, rows| Spec { kind, rows, seed: 1, latency_ms, rate_limit };
    let mut stand_ins = StandIns::start(&[spec(Kind::Users, rows - rows / 2), spec(Kind::Group, rows / 2)]).await?;
    let mut sources: Vec<Watched> = Vec::new();
    for facts in &mut stand_ins.facts {
        // Without the list of members, those of a group are those who hold a seat.
        if options.seats_alone() && facts.deployment == "gitlab-com" {
            (facts.users, facts.rows) = (facts.seats, facts.seats);
        }
        let mut source = Source::of(facts)?;
        source.settings.extend(options.settings.iter().cloned());
        sources.push((source, Box::new(Quiet)));
    }
    let reading = reading::read(engine, plugin, sources, out).await?;
    for (delivered, facts) in reading.delivered.iter().zip(&stand_ins.facts) {
        delivered.check(facts)?;
    }
    let seen = stand_ins.told().await?.seen;
    let rows = stand_ins.facts.iter().map(|facts| facts.rows).sum();
    let pages = stand_ins.facts.iter().map(|facts| facts.rows.div_ceil(100)).sum();
    Ok(Round { reading, seen, rows, pages })
}

impl Round {
    fn requests(&self) -> u64 {
        self.seen.iter().map(|seen| seen.requests).sum()
    }

    fn limited(&self) -> u64 {
        self.seen.iter().map(|seen| seen.limited).sum()
    }

    /// To the server that has the most.
    fn connections(&self) -> u64 {
        self.seen.iter().map(|seen| seen.connections).max().unwrap_or(0)
    }

    fn limit_ms(&self, options: &Options) -> f64 {
        float(self.requests().div_ceil(u64::from(options.in_flight).max(1)).saturating_mul(options.latency_ms))
    }
}

fn figures(sheet: &mut Sheet, options: &Options, rounds: &[Round]) {
    let of = |each: &dyn Fn(&Round) -> f64| rounds.iter().map(each).collect::<Vec<f64>>();
    let known = |each: &dyn Fn(&Round) -> Option<f64>| rounds.iter().filter_map(each).collect::<Vec<f64>>();
    sheet.add(Figure::median("wall_ms", "wall time", Unit::Ms, of(&|round| ms(round.reading.wall))));
    let limit = of(&|round| round.limit_ms(options));
    sheet.add(Figure::median("limit_ms", "limit: ⌈requests ÷ in flight⌉ × latency", Unit::Ms, limit));
    if options.latency_ms > 0 {
        let ratios = of(&|round| ms(round.reading.wall) / round.limit_ms(options).max(1e-9));
        let ratio = Figure::median("ratio_to_limit", "wall time as a ratio to the limit", Unit::Ratio, ratios);
        // A server that holds back is what there is to wait for then, and not the latency.
        sheet.add(match options.rate_limit {
            None => ratio.within(Bound::AtMost(MOST_OF_LIMIT)),
            Some(_) => ratio,
        });
        let by_pages = of(&|round| {
            let waves = round.pages.div_ceil(u64::from(options.in_flight).max(1));
            ms(round.reading.wall) / float(waves.saturating_mul(options.latency_ms)).max(1e-9)
        });
        let what = "wall time as a ratio to ⌈pages of both lists ÷ in flight⌉ × latency";
        let ratio = Figure::median("ratio_to_pages", what, Unit::Ratio, by_pages);
        let is_many = rounds.iter().all(|round| round.rows >= MANY_ROWS);
        sheet.add(match options.rate_limit {
            None if is_many && options.seats_alone() => ratio.within(Bound::AtMost(MOST_OF_LIMIT)),
            _ => ratio,
        });
    }
    sheet.add(Figure::median("requests", "requests", Unit::Count, of(&|round| float(round.requests()))));
    let (all, limited) =
        rounds.iter().fold((0, 0), |(all, limited), round| (all + round.requests(), limited + round.limited()));
    let share = Figure::of(
        "share_429",
        "share of 429 among the answers",
        Unit::Share,
        Some(float(limited) / float(all).max(1.0)),
    );
    let shares = of(&|round| float(round.limited()) / float(round.requests()).max(1.0));
    sheet.add(Figure { samples: shares, ..share }.within(Bound::AtMost(MOST_LIMITED)));
    let opened = of(&|round| float(round.connections()));
    let most = opened.iter().copied().fold(0.0, f64::max);
    let opened = Figure {
        samples: opened,
        ..Figure::of("connections", "connections opened to one server, most", Unit::Count, Some(most))
    };
    // Where answers come at once, one is often asked for before the connection of the one before is back in the pool; and what is not
    // in use for a window of a server that holds back is closed.
    sheet.add(match (options.latency_ms, options.rate_limit) {
        (1.., None) => opened.within(Bound::AtMost(f64::from(options.in_flight))),
        _ => opened,
    });
    let guest = of(&|round| float(round.reading.guest_peak));
    let most = guest.iter().copied().fold(0.0, f64::max);
    let guest =
        Figure { samples: guest, ..Figure::of("guest_peak_bytes", "memory of a guest, most", Unit::Bytes, Some(most)) };
    sheet.add(guest.within(Bound::AtMost(MOST_GUEST)));
    sheet.add(Figure::median(
        "host_peak_bytes",
        "memory of the host, largest resident size",
        Unit::Bytes,
        known(&|round| round.reading.host_peak.map(float)),
    ));
    sheet.add(Figure::median(
        "rows_per_second",
        "rows a second",
        Unit::PerSecond,
        of(&|round| float(round.rows) / round.reading.wall.as_secs_f64().max(1e-9)),
    ));
    sheet.add(Figure::median(
        "cpu_us_per_page",
        "processor time of the host for each page",
        Unit::Us,
        known(&|round| Some(ms(round.reading.cpu?) * 1e3 / float(round.requests()).max(1.0))),
    ));
}

/// Servers that somebody else has started, read once.
///
/// # Errors
/// [`BenchError`].
pub async fn once(
    engine: &Engine,
    plugin: &Plugin,
    sources: Vec<Watched>,
    in_flight: u16,
    out: Out,
) -> Result<Sheet, BenchError> {
    let before = super::memory::peak();
    let servers = sources.len();
    let reading = reading::read(engine, plugin, sources, out).await?;
    let title = format!("{servers} servers, {in_flight} requests in flight, once");
    let mut sheet = Sheet::new("collect", title).with("servers", servers).with("in_flight", in_flight);
    let users = reading.delivered.iter().map(|delivered| delivered.users).sum();
    let seats = reading.delivered.iter().map(|delivered| delivered.seats).sum();
    let mut tell = |name, what, unit, value| sheet.add(Figure::of(name, what, unit, value));
    tell("wall_ms", "wall time", Unit::Ms, Some(ms(reading.wall)));
    tell("users", "people", Unit::Count, Some(float(users)));
    tell("seats", "seats", Unit::Count, Some(float(seats)));
    tell("requests", "requests", Unit::Count, Some(float(reading.requests)));
    tell("limited", "answers with 429", Unit::Count, Some(float(reading.limited)));
    tell("connections", "connections opened", Unit::Count, Some(float(reading.connections)));
    tell("guest_peak_bytes", "memory of a guest, most", Unit::Bytes, Some(float(reading.guest_peak)));
    tell("host_peak_bytes", "memory of the host while it read", Unit::Bytes, reading.host_peak.map(float));
    tell(
        "process_peak_bytes",
        "memory of the host since it began",
        Unit::Bytes,
        before.max(reading.host_peak).map(float),
    );
    tell(
        "users_per_second",
        "people a second",
        Unit::PerSecond,
        Some(float(users) / reading.wall.as_secs_f64().max(1e-9)),
    );
    let per_page = reading.cpu.map(|cpu| ms(cpu) * 1e3 / float(reading.requests).max(1.0));
    tell("cpu_us_per_page", "processor time of the host for each page", Unit::Us, per_page);
    Ok(sheet)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::{Options, Reading, Round, Seen, Sheet, figures};

    fn round(wall_ms: u64, requests: u64, limited: u64, connections: u64) -> Round {
        let reading = Reading {
            delivered: vec![],
            wall: Duration::from_millis(wall_ms),
            cpu: Some(Duration::from_millis(100)),
            host_peak: Some(1),
            guest_peak: 1 << 21,
            requests,
            limited,
            connections,
        };
        let half = |part: u64| Seen { requests: part, limited, connections };
        let seen = vec![half(requests / 2), Seen { limited: 0, connections: 1, ..half(requests - requests / 2) }];
        Round { reading, seen, rows: 1_000, pages: 10 }
    }

    fn value(sheet: &Sheet, name: &str) -> f64 {
        sheet.figures.iter().find(|figure| figure.name == name).unwrap().value.unwrap()
    }

    #[test]
    fn figures_are_those_of_the_rounds() {
        let mut options =
            Options { rows: 1_000, latency_ms: 40, in_flight: 4, rounds: 3, rate_limit: None, settings: Vec::new() };
        let rounds = [round(520, 39, 0, 4), round(2_000, 39, 0, 4), round(400, 41, 1, 3)];
        let mut sheet = Sheet::new("collect", String::new());
        figures(&mut sheet, &options, &rounds);
        // Ten rounds of four in flight, and eleven.
        let limits = &sheet.figures.iter().find(|figure| figure.name == "limit_ms").unwrap().samples;
        assert_eq!(limits, &[400.0, 400.0, 440.0]);
        assert!((value(&sheet, "ratio_to_limit") - 1.3).abs() < 1e-9, "{:?}", sheet.rows());
        assert!((value(&sheet, "share_429") - 1.0 / 119.0).abs() < 1e-9);
        assert!((value(&sheet, "wall_ms") - 520.0).abs() < 1e-9 && (value(&sheet, "connections") - 4.0).abs() < 1e-9);
        assert!(sheet.passed(), "{:?}", sheet.rows());
        for (slow, limited, opened) in [(521, 0, 4), (520, 2, 4), (520, 0, 5)] {
            let mut sheet = Sheet::new("collect", String::new());
            figures(&mut sheet, &options, &[round(slow, 39, limited, opened)]);
            assert!(!sheet.passed(), "{:?}", sheet.rows());
        }
        // A server that holds back takes its time, in which connections are closed and opened anew.
        options.rate_limit = Some(60);
        let mut sheet = Sheet::new("collect", String::new());
        figures(&mut sheet, &options, &[round(60_000, 39, 0, 9)]);
        assert!(sheet.passed(), "{:?}", sheet.rows());
    }
}
