//! When a source is read next.
//!
//! | after | next |
//! | --- | --- |
//! | a good run, or a partial one | the source's own time of day: its intervals are counted from when it was added, so that they do not drift, plus a jitter that spreads sources of one interval |
//! | a failed run | a minute, then two, four, … up to the interval, give or take a fifth |
//! | a failed run that the service answered with "not before" | not before that |
//!
//! Runs that were missed, because nobody was there, are caught up once: a source is due or it is not.

use time::{Duration, OffsetDateTime};

use crate::store::runs::Cause;
use crate::store::sources::{SHORTEST_INTERVAL_S, Source};

/// The first wait after a failure.
const FIRST_RETRY: Duration = Duration::MINUTE;

/// Largest jitter. Sources that were added by one script would otherwise all be read in the same second, each day.
const LARGEST_JITTER: Duration = Duration::minutes(10);

/// A run that begins this long after it was due was missed.
const MISSED: Duration = Duration::hours(1);

/// The next regular time of a source that was added at `anchor`, after a run that began at `begun`.
///
/// A run somebody asked for shortly before a regular time stands for that one, too.
#[must_use]
pub fn next_run(source_no: i64, anchor: OffsetDateTime, interval_s: u32, begun: OffsetDateTime) -> OffsetDateTime {
    let interval = i64::from(interval_s.max(1));
    let first = anchor.saturating_add(jitter(source_no, 0, Duration::seconds(interval / 20).min(LARGEST_JITTER)));
    let free = begun.saturating_add(Duration::seconds((interval / 2).min(i64::from(SHORTEST_INTERVAL_S))));
    let passed = (free - first).whole_seconds().div_euclid(interval).max(0);
    first.saturating_add(Duration::seconds((passed + 1).saturating_mul(interval)))
}

/// When to try again after the `failures`-th failure in a row, 1 the first.
#[must_use]
pub fn retry(
    source_no: i64,
    failures: u32,
    interval_s: u32,
    retry_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> OffsetDateTime {
    let doublings = failures.saturating_sub(1).min(20);
    let wait =
        Duration::seconds(FIRST_RETRY.whole_seconds() << doublings).min(Duration::seconds(i64::from(interval_s)));
    let spread = Duration::seconds(wait.whole_seconds() / 5);
    let at = now.saturating_add(wait - spread + jitter(source_no, i64::from(failures), spread * 2));
    retry_at.map_or(at, |earliest| at.max(earliest))
}

/// Why a source that is due is read.
#[must_use]
pub fn cause(source: &Source, now: OffsetDateTime) -> Cause {
    let due = source.next_run_at.as_deref().and_then(crate::calendar::parse_instant);
    if source.asked {
        Cause::Manual
    } else if source.failures > 0 {
        Cause::Retry
    } else if source.snapshot_run.is_none() {
        Cause::Approval
    } else if due.is_some_and(|due| now - due > MISSED) {
        Cause::CatchUp
    } else {
        Cause::Schedule
    }
}

/// Between nothing and `most`, by the numbers alone: a restart changes no time.
fn jitter(source_no: i64, number: i64, most: Duration) -> Duration {
    // Mixes as splitmix64 does; what matters is that neighbours are apart.
    let mut mixed = source_no.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ number.unsigned_abs().wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let seconds = most.whole_seconds().max(0);
    Duration::seconds(i64::try_from(mixed % (seconds.unsigned_abs() + 1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::{LARGEST_JITTER, next_run, retry};

    const DAY: u32 = 86_400;

    #[test]
    fn regular_times_do_not_drift() {
        let anchor = datetime!(2026-03-01 12:00 UTC);
        let mut now = anchor;
        for day in 1..=400 {
            now = next_run(7, anchor, DAY, now);
            let late = now - (anchor + Duration::days(day));
            assert!((Duration::ZERO..=LARGEST_JITTER).contains(&late), "day {day}: {late}");
        }
    }

    #[test]
    fn a_time_is_always_to_come_and_the_missed_ones_are_one() {
        let anchor = datetime!(2026-03-01 12:00 UTC);
        for (now, day) in [
            (datetime!(2026-03-01 12:00 UTC), 2),
            (datetime!(2026-03-02 11:40 UTC), 2),
            (datetime!(2026-03-02 11:59 UTC), 3),
            (datetime!(2026-03-02 12:11 UTC), 3),
            (datetime!(2026-03-20 03:00 UTC), 20),
            (datetime!(2026-02-01 03:00 UTC), 2),
        ] {
            let next = next_run(7, anchor, DAY, now);
            assert!(next > now && next.day() == day, "{now} {next}");
        }
    }

    #[test]
    fn sources_of_one_moment_are_spread() {
        let anchor = datetime!(2026-03-01 12:00 UTC);
        let times: std::collections::BTreeSet<_> =
            (0..100).map(|source| next_run(source, anchor, DAY, anchor)).collect();
        assert!(times.len() > 75, "{}", times.len());
    }

    #[test]
    fn retries_back_off_up_to_the_interval_and_obey_the_service() {
        let now = datetime!(2026-03-01 12:00 UTC);
        for (failures, least, most) in [(1, 48, 72), (2, 96, 144), (5, 768, 1_152), (40, 69_120, 103_680)] {
            let wait = (retry(7, failures, DAY, None, now) - now).whole_seconds();
            assert!((least..=most).contains(&wait), "{failures}: {wait}");
        }
        let earliest = now + Duration::hours(5);
        assert_eq!(retry(7, 1, DAY, Some(earliest), now), earliest);
        assert!(retry(7, 1, DAY, Some(now), now) > now);
    }
}
