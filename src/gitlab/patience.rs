//! Which answers are asked for again inside a call, after which wait, and when enough is enough.
//!
//! Guarantees: a call waits at most [`MOST_WAITING`] and asks at most [`MOST_RETRIES`] times again, over all its
//! requests; no wait is shorter than the server asked for. Both keep a call far from the 180 seconds after which a host
//! ends it, and leave long waits to the host, which can sleep without holding an instance.
//!
//! | came | again | after |
//! | --- | --- | --- |
//! | 429 with a wait | 3 times | that wait, at least 0.5, 1, 2 s |
//! | 429 without one | no | the host knows better how long to sleep |
//! | 500, 502, 503, 504, 520 to 524 | 3 times | 0.5, 1, 2 s, or `Retry-After` if that is longer |
//! | one of these with the page of a bot check | once | the same; asking more often is what raises suspicion |
//! | nothing in time | 3 times, within the first 75 s: once after a whole minute | 0.5, 1, 2 s |
//! | refused or broken connection, JSON cut off | 3 times | 0.5, 1, 2 s |
//! | anything else | no | it would come again |
//!
//! Refuses a wait that goes beyond what is left of the budget: the answer is then returned as it is.

use super::json::is_cut_off;
use super::refusal::{Content, asks_for_browser, content, retry_after, wait};
use crate::clock::Clock;
use crate::transport::{Response, TransportError, Unreachable};

/// Waiting in one call, in milliseconds.
pub const MOST_WAITING: u64 = 20_000;

/// Requests sent again in one call.
pub const MOST_RETRIES: u8 = 8;

/// Tries of one request after its first.
const MOST_TRIES: u8 = 3;

/// The first wait, in milliseconds; doubled each time.
const FIRST_WAIT: u64 = 500;

/// The latest start of a retry after an answer that may have taken a minute and may do so again, in milliseconds since
/// the call began: later than the first time-out of a first byte, earlier than the second.
const LATEST_AFTER_SLOW: u64 = 75_000;

/// The same after an answer that came at once.
const LATEST: u64 = 100_000;

/// What went wrong in a way that may get better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 429; seconds to wait if the server said.
    Limited(Option<u32>),
    /// A status of servers that are overloaded, starting or broken; seconds of `Retry-After`.
    Failing(Option<u32>),
    /// The same with a page that asks for a browser.
    BrowserCheck,
    /// Nothing came in time.
    Slow,
    /// No connection, or one that ended in the middle.
    Broken,
}

impl Fault {
    /// The fault of an answer; nothing if asking again would bring the same.
    #[must_use]
    pub fn of(answer: &Result<Response, TransportError>, clock: &dyn Clock) -> Option<Self> {
        let response = match answer {
            Ok(response) => response,
            Err(TransportError::Unreachable(Unreachable::TimedOut)) => return Some(Self::Slow),
            Err(TransportError::Unreachable(Unreachable::Refused | Unreachable::BrokeOff)) => {
                return Some(Self::Broken);
            }
            Err(_) => return None,
        };
        match response.status {
            // A body cut by a proxy that knows no length looks like a whole one to HTTP.
            200 => (matches!(content(response), Content::Json) && is_cut_off(&response.body)).then_some(Self::Broken),
            429 => Some(Self::Limited(wait(response, clock))),
            // From 520 on: the delivery network before GitLab.com did not get an answer from GitLab.
            500 | 502 | 503 | 504 | 520..=524 if asks_for_browser(response) => Some(Self::BrowserCheck),
            500 | 502 | 503 | 504 | 520..=524 => Some(Self::Failing(retry_after(response, clock))),
            _ => None,
        }
    }

    const fn most_tries(self) -> u8 {
        match self {
            Self::BrowserCheck => 1,
            Self::Limited(_) | Self::Failing(_) | Self::Slow | Self::Broken => MOST_TRIES,
        }
    }

    const fn latest(self) -> u64 {
        match self {
            Self::Slow | Self::Failing(_) => LATEST_AFTER_SLOW,
            Self::Limited(_) | Self::BrowserCheck | Self::Broken => LATEST,
        }
    }
}

/// What one call has left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patience {
    waited: u64,
    retries: u8,
}

impl Patience {
    /// How long to wait, in milliseconds, before a request that has been sent again `tries` times is sent once more;
    /// nothing if it is not. `elapsed` milliseconds of the call have passed. What is granted counts as sent.
    pub fn grant(&mut self, fault: Fault, tries: u8, elapsed: u64) -> Option<u64> {
        let asked = match fault {
            Fault::Limited(None) => return None,
            Fault::Limited(Some(seconds)) | Fault::Failing(Some(seconds)) => u64::from(seconds).saturating_mul(1000),
            Fault::Failing(None) | Fault::BrowserCheck | Fault::Slow | Fault::Broken => 0,
        };
        let wait = asked.max(FIRST_WAIT.checked_shl(u32::from(tries))?);
        let allowed = tries < fault.most_tries()
            && self.retries < MOST_RETRIES
            && wait <= MOST_WAITING.saturating_sub(self.waited)
            && elapsed.saturating_add(wait) <= fault.latest();
        self.retries = self.retries.saturating_add(u8::from(allowed));
        allowed.then_some(wait)
    }

    /// The pause for a wait that was granted, in milliseconds: up to a quarter longer by `chance`, so that many callers
    /// who were sent away together do not come back together. The longest one stands for all that were granted at once.
    pub fn pause(&mut self, wait: u64, chance: u64) -> u64 {
        let jitter = chance.checked_rem(wait / 4 + 1).unwrap_or(0);
        let pause = wait.saturating_add(jitter).min(MOST_WAITING.saturating_sub(self.waited).max(wait));
        self.waited = self.waited.saturating_add(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "a failed step is a failed test")]

    use super::*;
    use crate::clock::FixedClock;
    use crate::scripted::{and_header, json, response};

    const NOW: FixedClock = FixedClock(1_769_904_000);

    fn fault(answer: Result<Response, TransportError>) -> Option<Fault> {
        Fault::of(&answer, &NOW)
    }

    fn html(status: u16, body: &str) -> Response {
        response(status, "text/html", body)
    }

    #[test]
    fn what_may_get_better_is_told_from_what_will_not() {
        let limited = || response(429, "text/plain", "Retry later\n");
        let maintenance = json(503, r#"{"message":"GitLab Maintenance: system is in maintenance mode"}"#);
        let too_slow = r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#;
        let table = [
            (limited(), Some(Fault::Limited(None))),
            (and_header(limited(), "retry-after", "7"), Some(Fault::Limited(Some(7)))),
            (and_header(limited(), "retry-after", "Sun, 01 Feb 2026 00:00:09 GMT"), Some(Fault::Limited(Some(9)))),
            (and_header(limited(), "ratelimit-reset", "1769904011"), Some(Fault::Limited(Some(11)))),
            (json(500, r#"{"message":"500 Internal Server Error"}"#), Some(Fault::Failing(None))),
            // Recent versions send the end of the window with every answer: no reason to wait for it.
            (and_header(json(500, "{}"), "ratelimit-reset", "1769904050"), Some(Fault::Failing(None))),
            (html(502, "<html>Bad gateway</html>"), Some(Fault::Failing(None))),
            (and_header(maintenance, "retry-after", "900"), Some(Fault::Failing(Some(900)))),
            (json(503, too_slow), Some(Fault::Failing(None))),
            (html(504, ""), Some(Fault::Failing(None))),
            (html(522, ""), Some(Fault::Failing(None))),
            (html(503, "<title>Checking your browser</title>"), Some(Fault::BrowserCheck)),
            (and_header(html(503, ""), "cf-mitigated", "challenge"), Some(Fault::BrowserCheck)),
            (json(200, r#"{"a":[{"b":{}"#), Some(Fault::Broken)),
            (json(200, ""), Some(Fault::Broken)),
            (json(200, "[]"), None),
            (json(200, "[1 2]"), None),
            (html(200, "[1,"), None),
            (html(302, ""), None),
            (json(400, "{}"), None),
            (json(401, "{"), None),
            (and_header(html(403, ""), "cf-mitigated", "challenge"), None),
            (json(404, "{}"), None),
            (json(405, "{}"), None),
            (json(422, "{}"), None),
            (json(501, "{}"), None),
            (html(525, ""), None),
        ];
        for (answer, expected) in table {
            let shown = format!("{answer:?}: {}", String::from_utf8_lossy(&answer.body));
            assert_eq!(fault(Ok(answer)), expected, "{shown}");
        }
    }

    #[test]
    fn only_connections_that_may_come_about_next_time_are_tried_again() {
        for (error, expected) in [
            (Unreachable::TimedOut.into(), Some(Fault::Slow)),
            (Unreachable::BrokeOff.into(), Some(Fault::Broken)),
            (Unreachable::Refused.into(), Some(Fault::Broken)),
            (Unreachable::NameNotFound.into(), None),
            (Unreachable::NoRoute.into(), None),
            (Unreachable::Protocol.into(), None),
            (Unreachable::Other.into(), None),
            (TransportError::Tls("x"), None),
            (TransportError::Denied("x"), None),
            (TransportError::TooLarge { limit: 1 }, None),
        ] {
            assert_eq!(fault(Err(error)), expected);
        }
    }

    #[test]
    fn waits_double_and_end() {
        let fresh = |fault, tries| Patience::default().grant(fault, tries, 0);
        for (fault, waits) in [
            (Fault::Failing(None), [Some(500), Some(1000), Some(2000), None]),
            (Fault::Failing(Some(1)), [Some(1000), Some(1000), Some(2000), None]),
            (Fault::Failing(Some(900)), [None; 4]),
            (Fault::Limited(Some(0)), [Some(500), Some(1000), Some(2000), None]),
            (Fault::Limited(Some(20)), [Some(20_000), Some(20_000), Some(20_000), None]),
            (Fault::Limited(Some(21)), [None; 4]),
            (Fault::Limited(Some(u32::MAX)), [None; 4]),
            (Fault::Limited(None), [None; 4]),
            (Fault::BrowserCheck, [Some(500), None, None, None]),
            (Fault::Slow, [Some(500), Some(1000), Some(2000), None]),
            (Fault::Broken, [Some(500), Some(1000), Some(2000), None]),
        ] {
            assert_eq!([0, 1, 2, 3].map(|tries| fresh(fault, tries)), waits, "{fault:?}");
        }
    }

    #[test]
    fn a_retry_starts_early_enough_in_the_call() {
        for (fault, latest) in [
            (Fault::Slow, 75_000),
            (Fault::Failing(None), 75_000),
            (Fault::Limited(Some(0)), 100_000),
            (Fault::Broken, 100_000),
        ] {
            assert_eq!(Patience::default().grant(fault, 0, latest - 500), Some(500), "{fault:?}");
            assert_eq!(Patience::default().grant(fault, 0, latest - 499), None, "{fault:?}");
        }
    }

    #[test]
    fn one_call_has_eight_retries() {
        let mut patience = Patience::default();
        let granted = (0..20).filter(|_| patience.grant(Fault::Broken, 0, 0).is_some()).count();
        assert_eq!(granted, usize::from(MOST_RETRIES));
    }

    #[test]
    fn refused_retries_cost_nothing() {
        let mut patience = Patience::default();
        for _ in 0..20 {
            assert_eq!(patience.grant(Fault::Limited(Some(3600)), 0, 0), None);
        }
        assert_eq!(patience, Patience::default());
    }

    #[test]
    fn one_call_waits_twenty_seconds() {
        let mut patience = Patience::default();
        assert_eq!(patience.grant(Fault::Limited(Some(12)), 0, 0), Some(12_000));
        assert_eq!(patience.pause(12_000, 0), 12_000);
        assert_eq!(patience.grant(Fault::Limited(Some(9)), 1, 12_000), None, "eight seconds are left");
        assert_eq!(patience.grant(Fault::Limited(Some(8)), 1, 12_000), Some(8000));
        assert_eq!(patience.pause(8000, 1999), 8000, "and no jitter fits any more");
        assert_eq!(patience.grant(Fault::Broken, 0, 20_000), None);
    }

    #[test]
    fn jitter_is_up_to_a_quarter_and_never_less() {
        for (chance, pause) in [(0, 1000), (1, 1001), (250, 1250), (251, 1000), (u64::MAX, 1000 + u64::MAX % 251)] {
            assert_eq!(Patience::default().pause(1000, chance), pause, "{chance}");
        }
    }
}
