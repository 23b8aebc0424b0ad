//! A network out of a list, for tests: each expected path with its answer, in any order.
//!
//! Guarantees that a request for anything else is seen: it fails as an unreachable host, which nobody asks again, and
//! stays in [`Script::seen`]. Answers of one path are given in the order in which they were listed; when all are given,
//! a server that failed goes on failing as it did last, so that a test need not count tries. A query's path may have
//! words after a blank, which its body must contain: `/api/graphql currentLicense`. Time passes only in a pause, and by
//! [`Script::wave_takes`].
#![allow(clippy::unwrap_used, reason = "only tests use this module")]

use std::collections::VecDeque;

use crate::configuration::base_url::BaseUrl;
use crate::configuration::settings::{Deployment, IdentityLevel, Settings};
use crate::transport::{Flow, Kind, Request, Response, Take, Transport, TransportError, Unreachable};

/// Expected requests and their answers.
pub struct Script {
    /// What was sent, in order.
    pub seen: Vec<Request>,
    /// How many requests each call of `send_all` sent.
    pub waves: Vec<usize>,
    /// The pauses, in milliseconds.
    pub pauses: Vec<u64>,
    /// How long each call of `send_all` takes, in milliseconds.
    pub wave_takes: u64,
    /// Nanoseconds on the clock; the last ones decide the jitter, and 0 is none.
    pub now: u64,
    lines: Vec<Line>,
    failed: Vec<Line>,
}

/// Path and words, and the answer.
type Line = (String, Result<Response, TransportError>);

impl Script {
    /// Path and query, with the answer.
    pub fn new<P: Into<String>>(lines: impl IntoIterator<Item = (P, Response)>) -> Self {
        Self::with_errors(lines.into_iter().map(|(path, response)| (path, Ok(response))))
    }

    /// The same with answers that did not come.
    pub fn with_errors<P: Into<String>>(
        lines: impl IntoIterator<Item = (P, Result<Response, TransportError>)>,
    ) -> Self {
        Self {
            seen: Vec::new(),
            waves: Vec::new(),
            pauses: Vec::new(),
            wave_takes: 0,
            now: 0,
            failed: Vec::new(),
            lines: lines.into_iter().map(|(path, answer)| (path.into(), answer)).collect(),
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        let place = self.lines.iter().position(|(line, _)| expects(line, request));
        let Some(place) = place else {
            let failed = self.failed.iter().rev().find(|(line, _)| expects(line, request));
            return failed.map_or(Err(Unreachable::NoRoute.into()), |(_, answer)| answer.clone());
        };
        let (line, answer) = self.lines.remove(place);
        let has_failed = match &answer {
            Ok(response) => response.status >= 500,
            Err(_) => true,
        };
        self.failed.retain(|(other, _)| *other != line);
        if has_failed {
            self.failed.push((line, answer.clone()));
        }
        answer
    }

    /// The bodies of the queries that were sent, in order.
    pub fn queries(&self) -> Vec<String> {
        self.seen
            .iter()
            .filter_map(|request| match request.kind() {
                Kind::Get => None,
                Kind::Query { body } => Some(String::from_utf8(body.clone()).unwrap()),
            })
            .collect()
    }

    /// Paths that nobody asked for.
    pub fn unused(&self) -> Vec<&str> {
        self.lines.iter().map(|(path, _)| path.as_str()).collect()
    }
}

impl Transport for Script {
    /// Answers in the order of the requests, as if each took the same time.
    fn send_all(&mut self, requests: Vec<Request>, at_once: usize, take: Take<'_>) {
        self.now += self.wave_takes * 1_000_000;
        let mut begun = usize::MAX;
        let mut sent = 0;
        let mut waiting = VecDeque::from(requests);
        while let Some(request) = waiting.pop_front().filter(|_| sent < begun) {
            let place = sent;
            let answer = self.answer(&request);
            self.seen.push(request);
            sent += 1;
            // When an answer says stop, as many as fit are under way, and one more where it looked well.
            let looked_well = answer.as_ref().is_ok_and(|answer| answer.status == 200);
            match take(place, self.now, answer) {
                Flow::GoOn => {}
                Flow::Also(request) => waiting.push_back(*request),
                Flow::Stop => begun = begun.min(place + at_once.max(1) + usize::from(looked_well)),
            }
        }
        self.waves.push(sent);
    }

    fn pause(&mut self, milliseconds: u64) {
        self.pauses.push(milliseconds);
        self.now += milliseconds * 1_000_000;
    }

    fn now(&self) -> u64 {
        self.now
    }
}

fn expects(line: &str, request: &Request) -> bool {
    let (path, words) = line.split_once(' ').unwrap_or((line, ""));
    path == request.path_and_query()
        && match request.kind() {
            Kind::Get => words.is_empty(),
            Kind::Query { body } => std::str::from_utf8(body).unwrap().contains(words),
        }
}

/// A JSON answer.
pub fn json(status: u16, body: &str) -> Response {
    response(status, "application/json", body)
}

/// An answer of any content type.
pub fn response(status: u16, content_type: &str, body: &str) -> Response {
    Response {
        status,
        headers: vec![("content-type".to_owned(), content_type.to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

/// The same answer with one header more.
pub fn and_header(mut response: Response, name: &str, value: &str) -> Response {
    // In place of an empty one, which a list ends with.
    response.headers.retain(|(other, value)| other != name || !value.is_empty());
    response.headers.push((name.to_owned(), value.to_owned()));
    response
}

/// Default settings of a self-managed GitLab at `base`.
pub fn settings(base: &str) -> Settings {
    Settings {
        base_url: BaseUrl::parse(base).unwrap(),
        deployment: Deployment::SelfManaged,
        group: None,
        members: true,
        memberships: false,
        add_ons: false,
        identity: IdentityLevel::Full,
        max_concurrency: 4,
    }
}
