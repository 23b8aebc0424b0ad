//! Counts and times as the numbers of figures.

use std::time::Duration;

/// A count. Up to 2^53 it is exact.
#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a float counts to 2^53 exactly")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
