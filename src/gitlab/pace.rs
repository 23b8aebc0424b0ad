//! How many requests a run sends, and when: what the server takes, found out by asking.
//!
//! Guarantees: additive increase, multiplicative decrease, of two numbers that the cursor carries from call to call.
//!
//! | number | grows | shrinks |
//! | --- | --- | --- |
//! | requests under way at once | by one for each call, or for each window of known size, up to the settings | by half for a 429 |
//! | requests in one window | by a fiftieth for each window that was used up | to nine tenths of what went well before a 429 |
//!
//! How many a window takes is learnt from a window that was seen from its beginning, after a wait. A server that has sent
//! one request away, for whatever reason, is not a server with a small window.
//!
//! Where GitLab counts aloud (`RateLimit-Remaining` and `RateLimit-Reset`, on every answer of recent versions whose
//! throttle is on), nothing is found out by being sent away: what remains is kept to.
//!
//! Refuses to believe a server that announces a pause of more than ten minutes beside an answer that it gave.

use serde::Serialize;

use crate::gitlab::json::object;
use crate::transport::Response;

/// Longest window of any of GitLab's throttles, in seconds.
const LONGEST_WINDOW: u64 = 600;

/// Length of a window where the server does not tell, in seconds: that of most of GitLab's throttles.
const USUAL_WINDOW: u64 = 60;

object! {
    /// What is known of the server's pace.
    #[derive(Serialize)]
    pub struct Pace {
        needed {}
        optional {
            /// Requests under way at once, at most; 0 for what the settings allow.
            pub at_once: u8,
            /// Since when requests are counted, in seconds since 1970; 0 before the first.
            pub since: u64,
            /// Requests sent since then.
            pub sent: u64,
            /// Length of a window, in seconds, as far as it was seen; 0 before the first 429.
            pub length: u64,
            /// Requests that a window takes; 0 where that is not known.
            pub most: u64,
            /// Whether the window is seen from its beginning.
            pub whole: bool,
            /// Moment before which nothing is to be sent, in seconds since 1970.
            pub not_before: u64,
        }
    }
}

impl Pace {
    /// How many seconds to wait before anything is sent; then a new window begins.
    pub fn wait(&mut self, now: u64) -> u64 {
        let is_used_up = self.most > 0 && self.sent >= self.most;
        if is_used_up && self.not_before == 0 {
            self.not_before = self.since.saturating_add(self.length);
        }
        if now < self.not_before {
            return self.not_before - now;
        }
        let is_over = self.length > 0 && now >= self.since.saturating_add(self.length);
        if self.since == 0 || self.not_before > 0 || is_over {
            if is_used_up {
                self.most = self.most.saturating_add((self.most / 50).max(1));
                self.at_once = self.at_once.saturating_add(u8::from(self.at_once > 0));
            }
            self.whole = self.not_before > 0;
            (self.since, self.sent, self.not_before) = (now, 0, 0);
        }
        0
    }

    /// What had to be waited for is over.
    pub fn waited(&mut self, now: u64) {
        self.not_before = self.not_before.min(now).max(1);
        self.wait(now);
    }

    /// How many requests may be under way at once, where the settings allow so many.
    #[must_use]
    pub fn at_once(&self, settings: u8) -> u8 {
        if self.at_once == 0 { settings } else { self.at_once.min(settings) }.max(1)
    }

    /// How many more this window takes, as far as that is known.
    #[must_use]
    pub fn room(&self) -> u64 {
        if self.most == 0 { u64::MAX } else { self.most.saturating_sub(self.sent) }
    }

    /// Count an answer. Whether the next ones might be sent away.
    pub fn answered(&mut self, answer: &Response, settings: u8, now: u64) -> bool {
        self.sent = self.sent.saturating_add(1);
        let number = |name| answer.header(name).and_then(|value| value.trim().parse::<u64>().ok());
        let (Some(left), Some(reset)) = (number("ratelimit-remaining"), number("ratelimit-reset")) else {
            return false;
        };
        let under_way = u64::from(self.at_once(settings));
        let ends_soon = reset > now && reset - now <= LONGEST_WINDOW;
        // The next request may have been sent before this answer was looked at.
        if left > under_way || !ends_soon {
            return false;
        }
        self.not_before = self.not_before.max(reset);
        true
    }

    /// One or more of the requests under way were sent away, for so many seconds if the server said.
    pub fn sent_away(&mut self, seconds: Option<u32>, settings: u8, now: u64) {
        self.at_once = (self.at_once(settings) / 2).max(1);
        if self.whole {
            self.most = (self.sent.saturating_mul(9) / 10).max(1);
        }
        let wait = seconds.map_or(USUAL_WINDOW, u64::from).max(1);
        self.not_before = now.saturating_add(wait);
        // A server says how long its window still is. Its length is seen when it began with a wait for the one before.
        let since = if self.since == 0 { now } else { self.since };
        self.length = self.length.max(self.not_before.saturating_sub(since).min(LONGEST_WINDOW));
        // A window that was cut off has not been used up.
        (self.since, self.sent) = (0, 0);
    }

    /// A call went well.
    pub const fn went_well(&mut self, settings: u8) {
        if self.at_once > 0 && self.most == 0 {
            self.at_once = if self.at_once >= settings { 0 } else { self.at_once.saturating_add(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{and_header, json};

    const NOW: u64 = 1_769_904_000;

    /// A run against a server that takes `limit` requests in a window of a minute and says nothing until it is passed,
    /// four at once at most: how many were sent, and how many of them away.
    fn run(limit: u64, minutes: u64) -> (u64, u64) {
        let mut pace = Pace::default();
        let (mut now, mut sent, mut away) = (NOW, 0, 0);
        let (mut window, mut taken) = (0, 0);
        while now < NOW + minutes * 60 {
            let wait = pace.wait(now);
            if wait > 0 {
                now += wait;
                continue;
            }
            if now / 60 != window {
                (window, taken) = (now / 60, 0);
            }
            let calls = pace.room().min(16);
            let mut ended = false;
            for call in 0..calls {
                sent += 1;
                if taken < limit {
                    taken += 1;
                    pace.answered(&json(200, "[]"), 4, now);
                } else {
                    // Those under way with it.
                    let others = (u64::from(pace.at_once(4)) - 1).min(calls - call - 1);
                    (sent, away) = (sent + others, away + others + 1);
                    pace.sent_away(Some(u32::try_from(60 - now % 60).unwrap_or(60)), 4, now);
                    ended = true;
                    break;
                }
            }
            if !ended {
                pace.went_well(4);
                now += 1;
            }
        }
        (sent, away)
    }

    #[test]
    fn the_pace_of_a_server_that_says_nothing_is_found() {
        for limit in [60, 100, 300, 600] {
            let (sent, away) = run(limit, 30);
            assert!(away > 0 && away * 100 <= sent, "{limit}: {away} of {sent} were sent away");
            // Little is left lying.
            assert!(sent * 10 >= limit * 30 * 8, "{limit}: {sent}");
        }
    }

    #[test]
    fn a_server_that_counts_aloud_sends_nobody_away() {
        let answer = |left: u64, reset: u64| {
            let answer = and_header(json(200, "[]"), "ratelimit-remaining", &left.to_string());
            and_header(answer, "ratelimit-reset", &reset.to_string())
        };
        for (left, reset, stops) in
            [(5, NOW + 30, false), (4, NOW + 30, true), (0, NOW, false), (0, NOW + 600, true), (0, NOW + 601, false)]
        {
            let mut pace = Pace::default();
            assert_eq!(pace.wait(NOW), 0);
            assert_eq!(pace.answered(&answer(left, reset), 4, NOW), stops, "{left} {reset}");
            assert_eq!(pace.wait(NOW), if stops { reset - NOW } else { 0 });
            assert_eq!(pace.wait(reset), 0);
        }
    }

    #[test]
    fn half_of_what_is_under_way_and_one_more_each_time() {
        let mut pace = Pace::default();
        let at_once: Vec<u8> = (0..3)
            .map(|_| {
                pace.sent_away(Some(1), 6, NOW);
                pace.at_once(6)
            })
            .collect();
        assert_eq!(at_once, [3, 1, 1]);
        let at_once: Vec<u8> = (0..7)
            .map(|_| {
                pace.went_well(6);
                pace.at_once(6)
            })
            .collect();
        assert_eq!(at_once, [2, 3, 4, 5, 6, 6, 6]);
    }
}
