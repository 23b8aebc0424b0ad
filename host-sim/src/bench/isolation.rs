//! Nine honest tenants alone, then beside each attack in turn, in one process.
//!
//! Guarantees of a run that passes, for each attack:
//!
//! | asserted | how |
//! | --- | --- |
//! | the attack's calls end within their limits | the wall clock and processor time of each, with a second to notice |
//! | honest tenants deliver what they deliver alone | digests of all their records |
//! | they take at most [`MOST`] times as long | each tenant's median over pairs of rounds, one alone and one beside |
//! | the process stays under its cap | the largest resident size, as the system counts it |
//!
//! Times over the bound are measured again, since the machine may be shared, and nothing else is: `verdict.rs` says when and why.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;

use super::figures::{median, ratios};
use super::honest::{Honest, Round};
use super::hostile::{Attack, Ends};
use super::numbers::float;
use super::sheet::{Bound, Figure, Sheet, Unit};
pub use super::verdict::MOST;
use super::verdict::Verdict;
use super::{hostile, memory, servers};
use crate::admission::Digest;
use crate::bill::human_bytes;
use crate::engine::{Engine, Plugin};
use crate::plugin_build::Guest;
use crate::policy::limits::Limits;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// Honest tenants.
    pub tenants: u64,
    /// Accounts of each.
    pub users: u32,
    /// Rounds alone, and as many beside each attack, in the first measurement of it.
    pub rounds: u32,
    /// Collections of each tenant in a round.
    pub collections: u32,
    /// Before every answer of a stand-in.
    pub latency: Duration,
    /// Only attacks whose name holds one of these; all of them if there is none.
    pub only: Vec<String>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Something that the measurement needs could not be had.
    #[error("the measurement cannot begin: {0}")]
    Setup(String),
    /// An honest tenant did not come to its end.
    #[error("the collection of an honest tenant failed: {0}")]
    Honest(String),
    /// What was read is not what is there.
    #[error("what was read is wrong: {0}")]
    Wrong(String),
}

/// What became of one attack, and of those beside it.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Who is hostile: `guest` or `server`.
    pub family: &'static str,
    /// Which one.
    pub name: String,
    /// How its calls usually ended.
    pub ended: String,
    /// How many did.
    pub calls: u64,
    /// The longest of them, milliseconds.
    pub longest_ms: f64,
    /// Whether each ended within its limits.
    pub within_limits: bool,
    /// How often the honest tenants' times were measured: again each time that a tenant was over [`MOST`].
    pub measurements: u32,
    /// Rounds of the last measurement, from which the ratios are.
    pub rounds: u32,
    /// The honest tenants' time beside it as a ratio to their time alone: the median of the tenants.
    pub ratio_median: f64,
    /// The same of the tenant that was slowed down most.
    pub ratio_worst: f64,
    /// Whether the honest tenants delivered the same as alone.
    pub same_records: bool,
    /// Largest resident size of the process meanwhile, bytes; none where the system does not say.
    pub peak_bytes: Option<u64>,
    /// Whether all of it is as it should be.
    pub passed: bool,
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Honest tenants.
    pub tenants: u64,
    /// Accounts of each.
    pub users: u32,
    /// The median time of a round alone, milliseconds.
    pub alone_ms: f64,
    /// What the process may have at most, bytes: what it has without an attack, and the attacked tenant's calls.
    pub cap_bytes: u64,
    /// Largest resident size without an attack, bytes.
    pub alone_peak_bytes: Option<u64>,
    /// The attacks.
    pub attacks: Vec<Line>,
    /// Whether all passed.
    pub passed: bool,
}

/// Who is told how it goes.
pub trait Watcher {
    /// Before each attack: its name, its number from 0, and how many there are.
    fn attack(&mut self, name: &str, number: usize, of: usize);
}

/// Measures in one engine, with `plugin` for that of the honest tenants; their limits are the engine's.
///
/// # Errors
/// [`BenchError`], if it cannot; a measurement that does not pass is no error.
pub async fn run(
    engine: &Engine,
    plugin: &Plugin,
    guests: &[Guest],
    options: &Options,
    watcher: &mut dyn Watcher,
) -> Result<Report, BenchError> {
    let mut honest = Vec::new();
    for number in 0..options.tenants {
        honest.push(Honest::start(engine, plugin, number + 1, options.users, options.latency).await?);
    }
    let mut attacks = hostile::guests(engine, guests).await?;
    attacks.extend(servers::servers(engine, plugin).await?);
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()));
    attacks.retain(|attack| wanted(&attack.name));

    let stage = Stage { honest, collections: options.collections };
    // The first round fills pools and caches, and tells what the records are.
    let truth = digests(&stage.round().await?);
    memory::forget_peak();
    stage.round().await?;
    let alone_peak_bytes = memory::peak();
    let cap_bytes = alone_peak_bytes.unwrap_or(0).saturating_add(calls_bytes(&hostile::limits(engine.limits())));

    let mut lines = Vec::new();
    let mut all_alone = Vec::new();
    let of = attacks.len();
    for (number, attack) in attacks.iter().enumerate() {
        watcher.attack(&attack.name, number, of);
        let (line, alone) = stage.beside(attack, &truth, options.rounds, cap_bytes).await?;
        all_alone.extend(alone);
        lines.push(line);
    }
    stage.stop().await;
    let passed = lines.iter().all(|line| line.passed);
    let alone_ms = median(&all_alone) * 1e3;
    let Options { tenants, users, .. } = *options;
    Ok(Report { tenants, users, alone_ms, cap_bytes, alone_peak_bytes, attacks: lines, passed })
}

/// What the calls of one tenant may take of this process.
fn calls_bytes(limits: &Limits) -> u64 {
    limits.call_bytes().saturating_mul(u64::try_from(limits.calls).unwrap_or(u64::MAX))
}

/// The honest tenants, ready to work at the same time.
struct Stage {
    honest: Vec<Arc<Honest>>,
    collections: u32,
}

impl Stage {
    /// One round of all tenants at the same time, in their order.
    async fn round(&self) -> Result<Vec<Round>, BenchError> {
        let mut tasks = JoinSet::new();
        for (number, honest) in self.honest.iter().enumerate() {
            let round = Arc::clone(honest).round(self.collections);
            tasks.spawn(async move { (number, round.await) });
        }
        let mut rounds = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let (number, round) = ended.map_err(|error| BenchError::Honest(error.to_string()))?;
            rounds.push((number, round?));
        }
        rounds.sort_by_key(|(number, _)| *number);
        Ok(rounds.into_iter().map(|(_, round)| round).collect())
    }

    async fn beside(
        &self,
        attack: &Attack,
        truth: &[Digest],
        rounds: u32,
        cap: u64,
    ) -> Result<(Line, Vec<f64>), BenchError> {
        let mut all_alone = Vec::new();
        let mut same_records = true;
        let mut ends = Ends::default();
        let mut peak_bytes: Option<u64> = None;
        let mut verdict = Verdict::new(rounds);
        while let Some(rounds) = verdict.next() {
            let (mut alone, mut beside) = (Vec::new(), Vec::new());
            for number in 0..rounds {
                // In turn first and second, so that neither is always the one that finds the machine warm.
                if number % 2 == 0 {
                    alone.push(times(&self.round().await?));
                }
                memory::forget_peak();
                let under_way = attack.begin().await;
                let round = self.round().await?;
                ends.merge(under_way.end().await);
                peak_bytes = peak_bytes.max(memory::peak());
                same_records &= digests(&round) == truth;
                beside.push(times(&round));
                if number % 2 == 1 {
                    alone.push(times(&self.round().await?));
                }
            }
            verdict.measured(rounds, ratios(&alone, &beside));
            all_alone.extend(alone.iter().flatten().map(Duration::as_secs_f64));
        }
        let (ended, calls) = ends.usual();
        let within_limits = !ends.outlived;
        let line = Line {
            family: attack.family,
            name: attack.name.clone(),
            ended: ended.to_owned(),
            calls,
            longest_ms: ends.longest.as_secs_f64() * 1e3,
            within_limits,
            measurements: verdict.measurements(),
            rounds: verdict.rounds(),
            ratio_median: verdict.median(),
            ratio_worst: verdict.worst(),
            same_records,
            peak_bytes,
            passed: within_limits
                && calls > 0
                && same_records
                && verdict.is_within()
                // A memory that cannot be read is not known to be within the cap.
                && peak_bytes.is_some_and(|peak| peak <= cap),
        };
        Ok((line, all_alone))
    }

    async fn stop(self) {
        for honest in self.honest {
            honest.stop().await;
        }
    }
}

fn digests(rounds: &[Round]) -> Vec<Digest> {
    rounds.iter().map(|round| round.records).collect()
}

fn times(rounds: &[Round]) -> Vec<Duration> {
    rounds.iter().map(|round| round.time).collect()
}

/// Columns of the table.
const COLUMNS: usize = 9;

/// Longest end of a call that the table shows, characters.
const LONGEST_END: usize = 76;

/// Each family has a head of its own, which says what its rows name.
fn head(family: &str) -> [String; COLUMNS] {
    let first = format!("hostile {family}");
    [&first, "ended", "calls", "longest", "median", "worst", "measured", "records", "memory"].map(str::to_owned)
}

fn shortened(words: &str) -> String {
    let begin: String = words.chars().take(LONGEST_END).collect();
    if begin.len() < words.len() { format!("{}…", begin.trim_end()) } else { begin }
}

impl Line {
    fn cells(&self) -> [String; COLUMNS] {
        let mark = if self.passed { "" } else { "FAILED " };
        [
            format!("{mark}{}", self.name),
            shortened(&self.ended),
            self.calls.to_string(),
            format!("{:.0} ms", self.longest_ms),
            format!("{:.2}", self.ratio_median),
            format!("{:.2}", self.ratio_worst),
            if self.measurements == 1 { "once".to_owned() } else { format!("{} times", self.measurements) },
            if self.same_records { "same" } else { "OTHER" }.to_owned(),
            self.peak_bytes.map_or_else(|| "unknown".to_owned(), human_bytes),
        ]
    }
}

impl Report {
    /// The figures beside their bounds: for each attack the most slowed-down tenant, and what else it did not do as it should.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        let title = format!(
            "{} honest tenants of {} accounts each beside each attack: time of the most slowed-down one, as a ratio to alone",
            self.tenants, self.users
        );
        let mut sheet = Sheet::new("isolation", title).with("tenants", self.tenants).with("users", self.users);
        let cap = float(self.cap_bytes);
        for line in &self.attacks {
            let name = format!("{}: {}", line.family, line.name);
            let ratio = Figure::of(&line.name, &name, Unit::Ratio, Some(line.ratio_worst)).within(Bound::AtMost(MOST));
            sheet.add(Figure { samples: vec![line.ratio_median, line.ratio_worst], ..ratio });
            let [calls, others] =
                [!line.within_limits || line.calls == 0, !line.same_records].map(|bad| f64::from(u8::from(bad)));
            for (bad, what) in [(calls, "calls not ended within limits"), (others, "other records than alone")] {
                if bad > 0.0 {
                    let what = format!("{name}: {what}");
                    sheet.add(Figure::of(&line.name, &what, Unit::Count, Some(bad)).within(Bound::AtMost(0.0)));
                }
            }
        }
        let peaks: Vec<f64> = self.attacks.iter().filter_map(|line| line.peak_bytes).map(float).collect();
        // Where that of one attack is not known, neither is the most.
        let peak = (peaks.len() == self.attacks.len()).then(|| peaks.iter().copied().fold(0.0, f64::max));
        let memory = Figure::of("peak_bytes", "memory of the process, most", Unit::Bytes, peak);
        sheet.add(Figure { samples: peaks, ..memory }.within(Bound::AtMost(cap)));
        sheet
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;

        let mut text = format!(
            "{} honest tenants of {} accounts each, beside one attacked tenant; alone a round takes {:.0} ms\n\n",
            self.tenants, self.users, self.alone_ms
        );
        let mut rows = Vec::new();
        for family in self.attacks.chunk_by(|one, next| one.family == next.family) {
            if !rows.is_empty() {
                rows.push([const { String::new() }; COLUMNS]);
            }
            rows.push(head(family.first().map_or("", |line| line.family)));
            rows.extend(family.iter().map(Line::cells));
        }
        let mut widths = [0; COLUMNS];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &rows {
            let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            // Writing to a String does not fail.
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        let worst = self.attacks.iter().map(|line| line.ratio_worst).fold(0.0, f64::max);
        let peak = self.attacks.iter().filter_map(|line| line.peak_bytes).max().map_or_else(String::new, human_bytes);
        let _ = writeln!(
            text,
            "\n{}: the most slowed-down tenant takes {worst:.2} of its time alone, of at most {MOST}; memory at most {peak} of {}, without attack {}",
            if self.passed { "contained" } else { "NOT CONTAINED" },
            human_bytes(self.cap_bytes),
            self.alone_peak_bytes.map_or_else(|| "unknown".to_owned(), human_bytes),
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, MOST, Report};

    fn line() -> Line {
        Line {
            family: "guest",
            name: "sleeper".to_owned(),
            ended: "limit wall".to_owned(),
            calls: 4,
            longest_ms: 1.0,
            within_limits: true,
            measurements: 1,
            rounds: 1,
            ratio_median: 1.0,
            ratio_worst: MOST,
            same_records: true,
            peak_bytes: Some(1_000),
            passed: true,
        }
    }

    /// The exit code is the sheet's, `passed` the report's.
    #[test]
    fn a_sheet_passes_when_all_lines_do_and_only_then() {
        let wrong: [fn(&mut Line); 7] = [
            |_| {},
            |line| line.ratio_worst = MOST + 0.01,
            |line| line.within_limits = false,
            |line| line.calls = 0,
            |line| line.same_records = false,
            |line| line.peak_bytes = Some(1_001),
            |line| line.peak_bytes = None,
        ];
        for (number, spoil) in wrong.into_iter().enumerate() {
            let mut spoilt = line();
            spoil(&mut spoilt);
            let attacks = vec![line(), spoilt];
            let (alone_ms, cap_bytes) = (1.0, 1_000);
            let report =
                Report { tenants: 1, users: 3, alone_ms, cap_bytes, alone_peak_bytes: None, attacks, passed: true };
            let sheet = report.sheet();
            assert_eq!(sheet.passed(), number == 0, "{number}: {:?}", sheet.rows());
        }
    }
}
