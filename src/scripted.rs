//! A network out of a list, for tests: each expected path with its answer, in any order.
//!
//! Guarantees that a request for anything else is seen: it fails as an unreachable host and stays in
//! [`Script::seen`]. Answers of one path are given in the order in which they were listed.
#![allow(clippy::unwrap_used, reason = "only tests use this module")]

use crate::configuration::base_url::BaseUrl;
use crate::configuration::settings::{Deployment, IdentityLevel, Settings};
use crate::transport::{Request, Response, Transport, TransportError, Unreachable};

/// Expected requests and their answers.
pub struct Script {
    /// What was sent, in order.
    pub seen: Vec<Request>,
    /// How many requests each call of `send_all` held.
    pub waves: Vec<usize>,
    lines: Vec<(String, Result<Response, TransportError>)>,
}

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
            lines: lines.into_iter().map(|(path, answer)| (path.into(), answer)).collect(),
        }
    }

    /// Paths that nobody asked for.
    pub fn unused(&self) -> Vec<&str> {
        self.lines.iter().map(|(path, _)| path.as_str()).collect()
    }
}

impl Transport for Script {
    fn send_all(&mut self, requests: Vec<Request>) -> Vec<Result<Response, TransportError>> {
        self.waves.push(requests.len());
        let answers = requests
            .iter()
            .map(|request| {
                let place = self.lines.iter().position(|(path, _)| *path == request.path_and_query);
                place.map_or(Err(Unreachable::NoRoute.into()), |place| self.lines.remove(place).1)
            })
            .collect();
        self.seen.extend(requests);
        answers
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
    response.headers.push((name.to_owned(), value.to_owned()));
    response
}

/// Default settings of a self-managed GitLab at `base`.
pub fn settings(base: &str) -> Settings {
    Settings {
        base_url: BaseUrl::parse(base).unwrap(),
        deployment: Deployment::SelfManaged,
        group: None,
        memberships: false,
        add_ons: false,
        identity: IdentityLevel::Full,
        max_concurrency: 4,
    }
}
