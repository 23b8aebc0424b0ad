//! Times, and what is made of them.

use std::time::Duration;

/// The middle one, or the mean of the two in the middle; zero of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or(0.0);
    if sorted.len() % 2 == 1 {
        return upper;
    }
    let lower = middle.checked_sub(1).and_then(|lower| sorted.get(lower)).copied().unwrap_or(upper);
    (lower + upper) / 2.0
}

/// The smallest one that so large a part of all does not exceed; zero of none. `part` is from 0 to 1.
pub(super) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let least = |place: &usize| {
        let reached = u32::try_from(place.saturating_add(1)).map_or(f64::MAX, f64::from);
        reached >= part * u32::try_from(sorted.len()).map_or(f64::MAX, f64::from)
    };
    (0..sorted.len()).find(least).and_then(|place| sorted.get(place)).copied().unwrap_or(0.0)
}

/// For each tenant, how much longer it takes beside others than alone: the median of the ratios of its rounds. Each round is
/// compared with the one alone that was next to it, since a machine that does other things, too, is not always as fast.
pub(super) fn ratios(alone: &[Vec<Duration>], beside: &[Vec<Duration>]) -> Vec<f64> {
    let tenants = alone.iter().chain(beside).map(Vec::len).min().unwrap_or(0);
    let of = |tenant: usize| {
        let pairs = alone.iter().zip(beside).filter_map(|(alone, beside)| alone.get(tenant).zip(beside.get(tenant)));
        let ratio = |(alone, beside): (&Duration, &Duration)| beside.as_secs_f64() / alone.as_secs_f64().max(1e-9);
        median(&pairs.map(ratio).collect::<Vec<f64>>())
    };
    (0..tenants).map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{median, quantile, ratios};

    #[test]
    fn the_middle_one() {
        for (values, middle) in [(vec![], 0.0), (vec![3.0], 3.0), (vec![9.0, 1.0], 5.0), (vec![9.0, 1.0, 2.0], 2.0)] {
            assert!((median(&values) - middle).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn so_many_of_a_hundred_are_no_larger() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        for (part, value) in [(0.99, 99.0), (0.5, 50.0), (1.0, 100.0), (0.0, 1.0), (0.991, 100.0)] {
            assert!((quantile(&hundred, part) - value).abs() < 1e-9, "{part}");
        }
        assert!((quantile(&[7.0, 3.0], 0.99) - 7.0).abs() < 1e-9 && quantile(&[], 0.99).abs() < 1e-9);
    }

    #[test]
    fn each_tenant_is_compared_with_itself_in_the_same_round() {
        let ms = |times: [u64; 2]| times.map(Duration::from_millis).to_vec();
        let alone = [ms([10, 100]), ms([100, 100]), ms([900, 100])];
        let beside = [ms([15, 100]), ms([200, 110]), ms([900, 900])];
        let found = ratios(&alone, &beside);
        let rounded: Vec<String> = found.iter().map(|ratio| format!("{ratio:.6}")).collect();
        assert_eq!(rounded, ["1.500000", "1.100000"]);
    }
}
