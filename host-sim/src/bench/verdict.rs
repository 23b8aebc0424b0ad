//! Whether the honest tenants are slowed down too much, on a machine that others use, too.
//!
//! A bound must not be passed by chance, or nobody heeds it. On a shared machine a neighbour's burst can raise a tenant's
//! median of a few rounds; of many rounds it cannot, while an attack that slows somebody down does so in every round. So
//! a ratio over the bound is measured again with twice the rounds, and once more with twice as many. What counts is the
//! tenant that was slowed down most: of nine that are promised their time, eight that have it are not enough.
//!
//! | most slowed-down tenant of | within the bound | over it |
//! | --- | --- | --- |
//! | the first measurement | passed | measured again, twice the rounds |
//! | the second | passed | measured again, twice the rounds |
//! | the third | passed | failed |
//!
//! Guarantees: the last measurement counts, which is the largest, and nothing of those before it. Refuses to pardon anything
//! else: a call that outlived its limit, other records and too much memory are no matter of chance, in whichever measurement.

use super::figures::median;

/// How many times as long as alone an honest tenant may take.
pub const MOST: f64 = 1.5;

/// Measurements of one attack at most.
const MOST_MEASUREMENTS: u32 = 3;

/// The measurements of one attack.
#[derive(Debug)]
pub(super) struct Verdict {
    rounds: u32,
    measurements: u32,
    ratios: Vec<f64>,
}

impl Verdict {
    /// Nothing is measured yet; the first measurement has so many rounds, at least one.
    pub(super) fn new(rounds: u32) -> Self {
        Self { rounds: rounds.max(1), measurements: 0, ratios: Vec::new() }
    }

    /// The rounds of the next measurement; none when the last one counts.
    pub(super) fn next(&self) -> Option<u32> {
        match self.measurements {
            0 => Some(self.rounds),
            MOST_MEASUREMENTS.. => None,
            _ if self.is_within() => None,
            _ => Some(self.rounds.saturating_mul(2)),
        }
    }

    /// A measurement of so many rounds: the ratio of each tenant. It replaces those before it.
    pub(super) fn measured(&mut self, rounds: u32, ratios: Vec<f64>) {
        self.measurements = self.measurements.saturating_add(1);
        (self.rounds, self.ratios) = (rounds, ratios);
    }

    /// Measurements so far.
    pub(super) fn measurements(&self) -> u32 {
        self.measurements
    }

    /// Rounds of the last measurement.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The tenants' median.
    pub(super) fn median(&self) -> f64 {
        median(&self.ratios)
    }

    /// The tenant that was slowed down most.
    pub(super) fn worst(&self) -> f64 {
        self.ratios.iter().copied().fold(0.0, f64::max)
    }

    /// Whether every tenant is within the bound.
    pub(super) fn is_within(&self) -> bool {
        self.measurements > 0 && self.worst() <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Verdict};

    /// Measures as long as it is asked for, each time with the next worst ratio: the rounds each time, and the verdict.
    fn measured(rounds: u32, worsts: &[f64]) -> (Vec<u32>, Verdict) {
        let mut verdict = Verdict::new(rounds);
        let mut asked = Vec::new();
        let mut worsts = worsts.iter();
        while let Some((rounds, worst)) = verdict.next().zip(worsts.next()) {
            asked.push(rounds);
            verdict.measured(rounds, vec![0.9, *worst, 0.5]);
        }
        (asked, verdict)
    }

    #[test]
    fn what_is_over_the_bound_is_measured_again_and_the_last_measurement_counts() {
        let over = MOST + 0.01;
        for (worsts, rounds, within) in [
            (vec![1.0, over, over], vec![5], true),
            (vec![MOST, over, over], vec![5], true),
            (vec![over, 1.0, over], vec![5, 10], true),
            (vec![over, over, MOST, over], vec![5, 10, 20], true),
            (vec![over, over, over, 1.0], vec![5, 10, 20], false),
            (vec![over, over + 0.2, over + 0.1, 1.0], vec![5, 10, 20], false),
        ] {
            let (asked, verdict) = measured(5, &worsts);
            assert_eq!((&asked, verdict.is_within()), (&rounds, within), "{worsts:?}");
            assert_eq!((Some(&verdict.rounds()), verdict.next()), (asked.last(), None), "{worsts:?}");
            assert_eq!(usize::try_from(verdict.measurements()), Ok(asked.len()), "{worsts:?}");
            // Of the last measurement, not the mean nor the best of them.
            let last = worsts.get(asked.len() - 1).copied().unwrap_or_default();
            assert!((verdict.worst() - last).abs() < 1e-9 && (verdict.median() - 0.9).abs() < 1e-9, "{verdict:?}");
        }
    }

    #[test]
    fn nothing_measured_is_nothing_passed_and_no_number_of_rounds_is_too_large() {
        let verdict = Verdict::new(0);
        assert_eq!((verdict.next(), verdict.is_within()), (Some(1), false));
        assert_eq!(measured(u32::MAX, &[2.0, 2.0, 2.0]).0, [u32::MAX; 3]);
    }
}
