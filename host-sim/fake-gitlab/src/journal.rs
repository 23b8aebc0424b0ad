//! What was asked, as it arrived: the side of the wire on which tests look for leaks and needless requests.
//!
//! Keeps the latest [`KEPT`] requests; older ones are forgotten, so that a benchmark does not eat the memory.
//! Credentials are kept as sent, in memory only.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;

/// Requests kept.
const KEPT: usize = 65_536;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Counts the requests of this stand-in from 1.
    pub number: u64,
    /// Counts the connections of this stand-in from 1.
    pub connection: u64,
    /// Method, in upper case.
    pub method: String,
    /// Path, undecoded.
    pub path: String,
    /// Query without its question mark, undecoded; empty when there is none.
    pub query: String,
    /// All headers in the order of arrival, names in lower case, values as sent (bytes that are no text are replaced).
    pub headers: Vec<(String, String)>,
    /// Status of the answer; `None` while there is none.
    pub status: Option<u16>,
    body: String,
}

impl LoggedRequest {
    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// What was sent after the headers, as text (bytes that are no text are replaced); empty when nothing was.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The last value of a query parameter, decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .filter(|(parameter, _)| parameter == name)
            .last()
            .map(|(_, value)| value.into_owned())
    }
}

/// The requests of one stand-in.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    seen: u64,
    kept: VecDeque<LoggedRequest>,
}

impl Journal {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Note a request; returns its number.
    pub(crate) fn arrived(&self, connection: u64, request: &Parts, body: &[u8]) -> u64 {
        let mut noted = LoggedRequest {
            number: 0,
            connection,
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            query: request.uri.query().unwrap_or_default().to_owned(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect(),
            status: None,
            body: String::from_utf8_lossy(body).into_owned(),
        };
        let mut pages = self.pages();
        pages.seen += 1;
        noted.number = pages.seen;
        if pages.kept.len() == KEPT {
            pages.kept.pop_front();
        }
        pages.kept.push_back(noted);
        pages.seen
    }

    /// Note its answer.
    pub(crate) fn answered(&self, number: u64, status: u16) {
        let mut pages = self.pages();
        let oldest = pages.kept.front().map_or(0, |request| request.number);
        let place = number.checked_sub(oldest).and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| pages.kept.get_mut(place)) {
            request.status = Some(status);
        }
    }

    pub(crate) fn kept(&self) -> Vec<LoggedRequest> {
        self.pages().kept.iter().cloned().collect()
    }

    pub(crate) fn answered_with(&self, status: u16) -> u64 {
        let count = self.pages().kept.iter().filter(|request| request.status == Some(status)).count();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    pub(crate) fn seen(&self) -> u64 {
        self.pages().seen
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_noted_at_its_own_request_also_after_older_ones_are_forgotten() {
        let journal = Journal::default();
        let (parts, ()) =
            http::Request::builder().uri("/a?b=1&b=%32").header("X-One", "1").body(()).unwrap().into_parts();
        for _ in 0..KEPT + 3 {
            journal.arrived(1, &parts, b"");
        }
        let number = journal.arrived(2, &parts, b"{}");
        journal.answered(number, 200);
        journal.answered(1, 500);
        let kept = journal.kept();
        assert_eq!((kept.len(), journal.seen()), (KEPT, number));
        assert_eq!([200, 500].map(|status| journal.answered_with(status)), [1, 0]);
        let last = kept.last().unwrap();
        assert_eq!((last.number, last.status, last.connection), (number, Some(200), 2));
        assert_eq!((last.body(), kept[0].body()), ("{}", ""));
        assert_eq!((last.header("x-one"), last.parameter("b").as_deref()), (Some("1"), Some("2")));
        assert!(kept[..KEPT - 1].iter().all(|request| request.status.is_none()));
    }
}
