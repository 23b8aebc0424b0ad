//! Whether memory is the same however many people there are.
//!
//! Each size is read by a process of its own, so that the largest memory of one is not that of another; the stand-in is a third.
//! No latency: what is measured is memory, and the time that it takes is only told.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::collect::MOST_GUEST;
use super::isolation::BenchError;
use super::numbers::float;
use super::reading::Delivered;
use super::sheet::{Bound, Figure, Sheet, Unit};
use super::standins::{Kind, Spec, StandIns, of_this_program};

/// How much the largest memories of the guests may differ, bytes.
const GUESTS_WITHIN: f64 = 64.0 * 1024.0;

/// How many times the memory of the fewest people the host may take with the most.
const HOST_WITHIN: f64 = 1.1;

/// Holds the token of a stand-in, which is public.
const TOKEN: &str = "BENCH_STAND_IN_TOKEN";

/// One size.
#[derive(Debug, Clone, Copy)]
struct Run {
    users: u32,
    guest: f64,
    host: Option<f64>,
    wall_ms: f64,
    per_second: f64,
}

/// Reads so many people, for each of `sizes`; `step` is told each before it begins.
///
/// # Errors
/// [`BenchError`], also where what is read is wrong.
pub async fn run(sizes: &[u32], plugin: Option<&Path>, step: &mut dyn FnMut(u32)) -> Result<Sheet, BenchError> {
    let mut runs = Vec::new();
    for users in sizes {
        step(*users);
        runs.push(one(*users, plugin).await?);
    }
    let mut sheet = Sheet::new("flat", format!("memory of guest and host, by number of people; sizes {sizes:?}"))
        .with("sizes", sizes.to_vec());
    figures(&mut sheet, &runs);
    Ok(sheet)
}

async fn one(users: u32, plugin: Option<&Path>) -> Result<Run, BenchError> {
    let spec = Spec { kind: Kind::Users, rows: users, seed: 1, latency_ms: 0, rate_limit: None };
    let stand_ins = StandIns::start(&[spec]).await?;
    let Some(facts) = stand_ins.facts.first() else {
        return Err(BenchError::Setup("there is no stand-in".to_owned()));
    };
    let mut command = of_this_program(["bench", "collect", "--json", "--users-server"])?;
    command.arg(&facts.url).args(["--users-token-env", TOKEN]).env(TOKEN, &facts.token);
    if let Some(plugin) = plugin {
        command.arg("--plugin").arg(plugin);
    }
    // Progress, if it is a terminal, and what went wrong.
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().await;
    let output = output.map_err(|error| BenchError::Setup(error.to_string()))?;
    if !output.status.success() {
        return Err(BenchError::Honest(format!("the collection of {users} people ended with {}", output.status)));
    }
    let document: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| BenchError::Setup(error.to_string()))?;
    let figure = |name: &str| {
        let figures = document.get("figures")?.as_array()?;
        figures.iter().find(|figure| figure.get("name").and_then(Value::as_str) == Some(name))?.get("value")?.as_f64()
    };
    let must =
        |name: &str| figure(name).ok_or_else(|| BenchError::Setup(format!("the collection does not tell {name}")));
    let counted = |name: &str| must(name).map(whole);
    Delivered { users: counted("users")?, seats: counted("seats")?, ..Delivered::default() }.check(facts)?;
    Ok(Run {
        users,
        guest: must("guest_peak_bytes")?,
        host: figure("host_peak_bytes"),
        wall_ms: must("wall_ms")?,
        per_second: must("users_per_second")?,
    })
}

/// A count that came as a number of a figure.
#[allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it was a count before, and is compared with one"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

fn figures(sheet: &mut Sheet, runs: &[Run]) {
    for run in runs {
        let users = run.users;
        let name = |name: &str| format!("{name}_{users}");
        let what = |what: &str| format!("{users} people: {what}");
        let guest =
            Figure::of(&name("guest_peak_bytes"), &what("memory of a guest, most"), Unit::Bytes, Some(run.guest));
        sheet.add(guest.within(Bound::AtMost(MOST_GUEST)));
        sheet.add(Figure::of(&name("host_peak_bytes"), &what("memory of the host"), Unit::Bytes, run.host));
        sheet.add(Figure::of(&name("wall_ms"), &what("wall time"), Unit::Ms, Some(run.wall_ms)));
        sheet.add(Figure::of(&name("per_second"), &what("people a second"), Unit::PerSecond, Some(run.per_second)));
    }
    let guests: Vec<f64> = runs.iter().map(|run| run.guest).collect();
    let least = guests.iter().copied().fold(f64::INFINITY, f64::min);
    let most = guests.iter().copied().fold(0.0, f64::max);
    let apart = Figure::of(
        "guest_spread_bytes",
        "how far the memories of the guests are apart",
        Unit::Bytes,
        Some(most - least),
    );
    sheet.add(apart.within(Bound::AtMost(GUESTS_WITHIN)));
    let fewest = runs.iter().min_by_key(|run| run.users).and_then(|run| run.host);
    let largest = runs.iter().max_by_key(|run| run.users).and_then(|run| run.host);
    let growth = largest.zip(fewest).map(|(most, least)| most / least.max(1.0));
    let what = "memory of the host with the most people, as a ratio to that with the fewest";
    let hosts = runs.iter().filter_map(|run| Some(run.host? / fewest?.max(1.0))).collect();
    let growth = Figure::of("host_growth", what, Unit::Ratio, growth);
    sheet.add(Figure { samples: hosts, ..growth }.within(Bound::AtMost(HOST_WITHIN)));
    let people: u64 = runs.iter().map(|run| u64::from(run.users)).sum();
    sheet.add(Figure::of("people", "people read, all sizes together", Unit::Count, Some(float(people))));
}

#[cfg(test)]
mod tests {
    use super::{Run, Sheet, figures};

    #[test]
    fn memory_that_grows_is_out_of_bounds() {
        let kib = 1024.0;
        let run = |users, guest, host| Run { users, guest, host, wall_ms: 1.0, per_second: 1.0 };
        for (guest, host, passed) in [
            (2_000.0 * kib, Some(100.0), true),
            (2_064.0 * kib, Some(110.0), true),
            (2_065.0 * kib, Some(100.0), false),
            (1_935.0 * kib, Some(100.0), false),
            (2_000.0 * kib, Some(110.2), false),
            (2_000.0 * kib, None, false),
        ] {
            let mut sheet = Sheet::new("flat", String::new());
            // The order of the sizes is no matter.
            figures(&mut sheet, &[run(1_000, guest, host), run(10, 2_000.0 * kib, Some(100.0))]);
            assert_eq!(sheet.passed(), passed, "{:?}", sheet.rows());
        }
        let mut sheet = Sheet::new("flat", String::new());
        figures(&mut sheet, &[run(10, 17_000.0 * kib, Some(100.0))]);
        assert!(!sheet.passed(), "{:?}", sheet.rows());
    }
}
