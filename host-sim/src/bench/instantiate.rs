//! What one call costs beside its work, and what one process does before its work.
//!
//! | measured | from, to | bound |
//! | --- | --- | --- |
//! | a call | the host's own `describe`: a turn, a store with its limits, a pooled instance, the export, all of it cleared away | [`MOST_CALL`] |
//! | a start | a process of `test` is spawned, its first request is read by a listener on loopback | [`MOST_START`] |
//!
//! Guarantees of a run that passes: the median of the rounds' medians is within the bound, of calls and of starts. The plugin's
//! code is warm for both: it was compiled before. Refuses to judge by the fastest: a median over the bound is one.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::figures::{median, quantile};
use super::isolation::BenchError;
use crate::engine::Plugin;

/// The most that a call which does nothing may take.
pub const MOST_CALL: Duration = Duration::from_micros(30);

/// The most that a process may take to its first request.
pub const MOST_START: Duration = Duration::from_millis(50);

/// A process that has sent nothing by then will not.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable in which the processes find their token, which opens nothing.
const TOKEN_VARIABLE: &str = "HOST_SIM_BENCH_TOKEN";

/// Times of one round, in the unit of the figure.
#[derive(Debug, Clone, Serialize)]
pub struct Round {
    /// The middle one.
    pub median: f64,
    /// Of a hundred, ninety-nine take no longer.
    pub p99: f64,
}

/// Rounds of one thing.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// `us` or `ms`.
    pub unit: &'static str,
    /// Times in a round.
    pub times: u32,
    /// The rounds, in their order.
    pub rounds: Vec<Round>,
    /// The median of their medians.
    pub median: f64,
    /// The median of their `p99`.
    pub p99: f64,
    /// The most that `median` may be.
    pub bound: f64,
    /// Whether it is.
    pub holds: bool,
}

impl Figure {
    /// The figure of some rounds; the times are in the unit that `scale` makes of seconds.
    fn of(what: &'static str, unit: &'static str, scale: f64, rounds: &[Vec<Duration>], bound: Duration) -> Self {
        let round = |times: &Vec<Duration>| {
            let times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * scale).collect();
            Round { median: median(&times), p99: quantile(&times, 0.99) }
        };
        let times = rounds.first().map_or(0, |times| u32::try_from(times.len()).unwrap_or(u32::MAX));
        let rounds: Vec<Round> = rounds.iter().map(round).collect();
        let of_rounds = |of: fn(&Round) -> f64| median(&rounds.iter().map(of).collect::<Vec<f64>>());
        let (median, p99) = (of_rounds(|round| round.median), of_rounds(|round| round.p99));
        let bound = bound.as_secs_f64() * scale;
        Self { what, unit, times, median, p99, bound, holds: !rounds.is_empty() && median <= bound, rounds }
    }
}

/// So many rounds of so many calls of `describe`, one after another.
///
/// # Errors
/// [`BenchError`], when a call does not come to its end.
pub async fn calls(plugin: &Plugin, rounds: u32, calls: u32) -> Result<Figure, BenchError> {
    let mut taken = Vec::new();
    for _ in 0..rounds {
        let mut times = Vec::new();
        for _ in 0..calls {
            let started = Instant::now();
            let outcome = plugin.describe().await;
            times.push(started.elapsed());
            outcome.result.map_err(|error| BenchError::Setup(error.to_string()))?;
        }
        taken.push(times);
    }
    Ok(Figure::of("instantiate, call describe, drop", "us", 1e6, &taken, MOST_CALL))
}

/// So many rounds of so many starts of `program`, which is this one.
///
/// # Errors
/// [`BenchError`], when it does not start, or sends nothing.
pub fn starts(program: &OsStr, plugin: Option<&Path>, rounds: u32, starts: u32) -> Result<Figure, BenchError> {
    // The first one compiles, if nobody has yet.
    start(program, plugin)?;
    let round = |_| (0..starts).map(|_| start(program, plugin)).collect();
    let taken = (0..rounds).map(round).collect::<Result<Vec<Vec<Duration>>, BenchError>>()?;
    Ok(Figure::of("start of `test` to its first request", "ms", 1e3, &taken, MOST_START))
}

/// A process that is gone when this is.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How long a process takes to its first request, which is not answered.
fn start(program: &OsStr, plugin: Option<&Path>) -> Result<Duration, BenchError> {
    let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(format!("a process of `test`: {error}"));
    // Each has a listener of its own, so that no connection of the one before is taken for its.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| wrong(&error))?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| wrong(&error))?);
    let mut command = Command::new(program);
    command.args(["test", "--url", &url, "--token-env", TOKEN_VARIABLE, "--allow-loopback"]);
    if let Some(plugin) = plugin {
        command.arg("--plugin").arg(plugin);
    }
    command.env(TOKEN_VARIABLE, "glpat-of-a-measurement");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let mut process = Started(command.spawn().map_err(|error| wrong(&error))?);
    listener.set_nonblocking(true).map_err(|error| wrong(&error))?;
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(wrong(&error)),
        }
        if let Some(status) = process.0.try_wait().map_err(|error| wrong(&error))? {
            return Err(wrong(&format!("it ended without a request, {status}")));
        }
        if started.elapsed() > PATIENCE {
            return Err(wrong(&"it sends no request"));
        }
        // Short beside the milliseconds that are measured, and leaves the processor to the process.
        std::thread::sleep(Duration::from_micros(50));
    };
    stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_read_timeout(Some(PATIENCE)))
        .map_err(|error| wrong(&error))?;
    let mut first = [0; 1];
    stream.read_exact(&mut first).map_err(|error| wrong(&error))?;
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Figure;

    #[test]
    fn the_median_of_the_rounds_counts_and_is_held_to_the_bound_itself() {
        let us = |times: [u64; 3]| times.map(Duration::from_micros).to_vec();
        let of = |rounds: &[Vec<Duration>]| Figure::of("a call", "us", 1e6, rounds, Duration::from_micros(30));
        let rounds = [us([10, 30, 900]), us([29, 31, 32]), us([1, 2, 3])];
        let figure = of(&rounds);
        assert!(figure.holds && (figure.median - 30.0).abs() < 1e-6 && (figure.p99 - 32.0).abs() < 1e-6, "{figure:?}");
        let slower = of(&[us([10, 30, 900]), us([29, 31, 32]), us([31, 31, 31])]);
        assert!(!slower.holds && slower.times == 3, "{slower:?}");
        assert!(!of(&[]).holds, "nothing measured is nothing passed");
    }
}
