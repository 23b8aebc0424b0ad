//! How much a tenant may take in a minute, paid for afterwards.
//!
//! What a call costs is known when it has ended, so a call begins when nothing is owed, and what it cost beyond the budget
//! is waited for by the next. A budget that was not used for a minute is whole again, and never more than that.

use std::time::Duration;

use tokio::time::Instant;

/// The time in which a budget is whole again.
const MINUTE: Duration = Duration::from_secs(60);

/// So much of something in a minute.
#[derive(Debug, Clone)]
pub struct Budget {
    per_minute: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// A whole budget. One of nothing is never there.
    #[must_use]
    pub fn new(per_minute: f64, now: Instant) -> Self {
        Self { per_minute, left: per_minute, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let share = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        self.left = (self.left + self.per_minute * share).min(self.per_minute);
        self.at = now;
    }

    /// How long until something is left; zero if there is.
    pub fn wait(&mut self, now: Instant) -> Duration {
        self.refill(now);
        if self.left > 0.0 {
            return Duration::ZERO;
        }
        let minutes = -self.left / self.per_minute;
        // A moment more, since nothing owed is not yet something left.
        let wait = Duration::try_from_secs_f64(minutes * MINUTE.as_secs_f64()).unwrap_or(MINUTE);
        wait.saturating_add(Duration::from_millis(1))
    }

    /// Takes what a call cost, even where that is more than is left.
    pub fn spend(&mut self, cost: f64, now: Instant) {
        self.refill(now);
        self.left -= cost;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Budget;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_taken_beyond_it_is_waited_for() {
        let start = Instant::now();
        let mut budget = Budget::new(60.0, start);
        budget.spend(59.0, start);
        assert_eq!(budget.wait(start), Duration::ZERO, "one is left");
        budget.spend(11.0, start);
        let wait = budget.wait(start);
        assert!(wait > 10 * SECOND && wait < 11 * SECOND, "{wait:?}");
        assert!(budget.wait(start + 9 * SECOND) > Duration::ZERO, "no sooner");
        assert_eq!(budget.wait(start + wait), Duration::ZERO);
    }

    #[test]
    fn it_is_whole_again_after_a_minute_and_never_more() {
        let start = Instant::now();
        let mut budget = Budget::new(60.0, start);
        budget.spend(60.0, start);
        let later = start + 600 * SECOND;
        budget.spend(60.0, later);
        assert!(budget.wait(later) > Duration::ZERO);
        assert!(Budget::new(0.0, start).wait(start) > Duration::ZERO);
    }
}
