//! The throttle per user: so many requests in a window, then 429 until the window ends.
//!
//! Windows are counted from the start of the stand-in on tokio's clock, so that a test with a paused clock decides when
//! one ends. The key is the credential as it was sent, valid or not; requests without one share a key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderName;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::answer::{Answer, set};
use crate::calendar::http_date;

/// A throttle that is switched on.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: u32,
    window: Duration,
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    window: u128,
    by_key: HashMap<String, u32>,
}

/// Where a key stands after one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) observed: u32,
    pub(crate) limit: u32,
    /// The limit as the header gives it: per minute, rounded up.
    pub(crate) limit_per_minute: u64,
    /// Until the window ends, in whole seconds, rounded up.
    pub(crate) reset_in: u64,
    pub(crate) anonymous: bool,
}

impl Throttle {
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        let window = window.max(Duration::from_secs(1));
        Self { limit, window, started: Instant::now(), seen: Mutex::default() }
    }

    /// Count a request.
    pub(crate) fn count(&self, credential: Option<&str>) -> Standing {
        let elapsed = self.started.elapsed().as_millis();
        let length = self.window.as_millis().max(1);
        let current = elapsed / length;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.window != current {
            *seen = Seen { window: current, by_key: HashMap::new() };
        }
        let observed = seen.by_key.entry(credential.unwrap_or_default().to_owned()).or_insert(0);
        *observed = observed.saturating_add(1);
        let left = length - elapsed % length;
        let per_minute = (u128::from(self.limit) * 60_000).div_ceil(length);
        Standing {
            observed: *observed,
            limit: self.limit,
            limit_per_minute: u64::try_from(per_minute).unwrap_or(u64::MAX),
            reset_in: u64::try_from(left.div_ceil(1000)).unwrap_or(u64::MAX),
            anonymous: credential.is_none(),
        }
    }
}

impl Standing {
    /// What a throttle would say that refuses a request for `seconds` more.
    pub(crate) fn refused_for(seconds: u64) -> Self {
        Self { observed: 121, limit: 120, limit_per_minute: 120, reset_in: seconds, anonymous: false }
    }

    pub(crate) fn exceeded(self) -> bool {
        self.observed > self.limit
    }

    /// Add the `RateLimit-*` headers.
    pub(crate) fn announce(self, answer: &mut Answer) {
        let name = if self.anonymous { "throttle_unauthenticated_api" } else { "throttle_authenticated_api" };
        let seconds = i64::try_from(self.reset_in).unwrap_or(i64::MAX);
        let reset = OffsetDateTime::now_utc().saturating_add(time::Duration::seconds(seconds));
        let remaining = self.limit.saturating_sub(self.observed);
        set(answer, HeaderName::from_static("ratelimit-name"), name);
        set(answer, HeaderName::from_static("ratelimit-limit"), &self.limit_per_minute.to_string());
        set(answer, HeaderName::from_static("ratelimit-observed"), &self.observed.to_string());
        set(answer, HeaderName::from_static("ratelimit-remaining"), &remaining.to_string());
        set(answer, HeaderName::from_static("ratelimit-reset"), &reset.unix_timestamp().to_string());
        if self.exceeded() {
            set(answer, HeaderName::from_static("ratelimit-resettime"), &http_date(reset));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_window_counts_each_credential_and_ends() {
        let throttle = Throttle::new(2, Duration::from_secs(60));
        let exceeded = |key| throttle.count(key).exceeded();
        assert_eq!([exceeded(Some("a")), exceeded(Some("a")), exceeded(Some("a"))], [false, false, true]);
        assert_eq!([exceeded(Some("b")), exceeded(None)], [false, false]);
        tokio::time::advance(Duration::from_millis(59_001)).await;
        let standing = throttle.count(Some("a"));
        assert_eq!((standing.observed, standing.reset_in, standing.exceeded()), (4, 1, true));
        tokio::time::advance(Duration::from_millis(999)).await;
        let standing = throttle.count(Some("a"));
        assert_eq!((standing.observed, standing.reset_in, standing.exceeded()), (1, 60, false));
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_is_announced_per_minute() {
        assert_eq!(Throttle::new(7, Duration::from_secs(25)).count(None).limit_per_minute, 17);
    }
}
