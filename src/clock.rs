//! What day it is, behind a trait, so that a test or a replay fixes it.
//!
//! Guarantees UTC. Refuses to tell anything finer than a second: nothing in this plugin may depend on it.

use time::{Date, OffsetDateTime};

/// A source of the present.
pub trait Clock {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> u64;

    /// The UTC day. A clock beyond the calendar (year 9999) stands at its end.
    fn today(&self) -> Date {
        i64::try_from(self.unix_seconds())
            .ok()
            .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
            .map_or(Date::MAX, OffsetDateTime::date)
    }
}

/// The host's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct WasiClock;

impl Clock for WasiClock {
    fn unix_seconds(&self) -> u64 {
        wasi::clocks::wall_clock::now().seconds
    }
}

/// A clock that stands still.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock(pub u64);

impl Clock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_changes_at_midnight_utc() {
        assert_eq!(FixedClock(1_767_225_599).today().to_string(), "2025-12-31");
        assert_eq!(FixedClock(1_767_225_600).today().to_string(), "2026-01-01");
    }

    #[test]
    fn a_clock_beyond_the_calendar_stands_at_its_end() {
        assert_eq!(FixedClock(u64::MAX).today(), Date::MAX);
    }
}
