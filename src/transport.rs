//! What the plugin asks of a network: several requests under way together, their answers as they come.
//!
//! Guarantees: a [`Request`] is either a GET without a body, or a POST of JSON to GitLab's GraphQL endpoint; there is
//! no way to give it another method, to add a body to the one or to send the other elsewhere. A header that holds a
//! secret prints as `(secret)`.
//!
//! Refuses to follow redirects, to retry and to judge a status: an answer is an answer, whatever its status,
//! and who asked decides what it means. Whether to ask again is decided in [`crate::gitlab::patience`].

use std::fmt;

/// How a request travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP: development, or a network that is trusted for another reason.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The name in front of `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is not written.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Lower-case name.
    pub name: &'static str,
    /// Value, visible ASCII.
    pub value: String,
    /// Whether the value must never be printed.
    pub secret: bool,
}

impl fmt::Debug for RequestHeader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.secret { "(secret)" } else { &self.value };
        write!(out, "{}: {shown}", self.name)
    }
}

/// Where GitLab has what is read by GET, below its base.
pub const REST_PATH: &str = "/api/v4";

/// Where GitLab takes GraphQL queries, below its base.
pub const GRAPHQL_PATH: &str = "/api/graphql";

/// What a request does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// GET without a body.
    Get,
    /// POST of a GraphQL query to [`GRAPHQL_PATH`].
    Query {
        /// JSON; under 16 KiB, since GitLab refuses longer queries.
        body: Vec<u8>,
    },
}

/// A request. Made by [`Request::get`] and [`Request::query`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    scheme: Scheme,
    authority: String,
    path_and_query: String,
    headers: Vec<RequestHeader>,
    kind: Kind,
}

impl Request {
    /// A GET. `authority` is `host` or `host:port`; `path_and_query` begins with `/`; the headers are sent in their
    /// order.
    #[must_use]
    pub const fn get(scheme: Scheme, authority: String, path_and_query: String, headers: Vec<RequestHeader>) -> Self {
        Self { scheme, authority, path_and_query, headers, kind: Kind::Get }
    }

    /// A GraphQL query: a POST of `body`, which is JSON, to [`GRAPHQL_PATH`] below `base_path` (empty, or `/gitlab`).
    /// Content type and length are added to the headers.
    #[must_use]
    pub fn query(
        scheme: Scheme,
        authority: String,
        base_path: &str,
        mut headers: Vec<RequestHeader>,
        body: Vec<u8>,
    ) -> Self {
        let mut add = |name, value| headers.push(RequestHeader { name, value, secret: false });
        add("content-type", "application/json".to_owned());
        add("content-length", body.len().to_string());
        Self {
            scheme,
            authority,
            path_and_query: [base_path, GRAPHQL_PATH].concat(),
            headers,
            kind: Kind::Query { body },
        }
    }

    /// How it travels.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// `host` or `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// From the first `/` on, the query included.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// In the order in which they are sent.
    #[must_use]
    pub fn headers(&self) -> &[RequestHeader] {
        &self.headers
    }

    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The same, with the body to keep.
    #[must_use]
    pub fn into_kind(self) -> Kind {
        self.kind
    }
}

/// An answer, of any status.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status, 100 to 599.
    pub status: u16,
    /// Names in lower case, values as bytes that were UTF-8 or were made so.
    pub headers: Vec<(String, String)>,
    /// The whole body, at most the transport's cap.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }

    /// All values of a header that may be repeated, such as `link`; `name` in lower case.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A body holds people's names: its length says enough in a failed assertion.
        write!(out, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why the connection to a service did not come about, or did not last.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name has no address, or the name service did not answer.
    #[error("its name was not found in DNS")]
    NameNotFound,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused,
    /// Nothing came in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// It ended before the answer did.
    #[error("the connection broke off before the answer was complete")]
    BrokeOff,
    /// No route, or the address answers no connections.
    #[error("no network path leads to it")]
    NoRoute,
    /// What came was not HTTP, or not well-formed.
    #[error("what answered does not speak HTTP correctly")]
    Protocol,
    /// The host gave another reason, or none.
    #[error("the connection failed")]
    Other,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The host's policy or one of its limits stopped the request.
    #[error("the broker's own policy stopped the request: {0}")]
    Denied(&'static str),
    /// The connection could not be trusted.
    #[error("the connection is not trustworthy: {0}")]
    Tls(&'static str),
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(#[from] Unreachable),
    /// The answer is longer than this plugin reads.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The cap, in bytes.
        limit: u64,
    },
}

/// What to send after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// What waits.
    GoOn,
    /// What waits, and this behind it. Its place is that behind the last request there has been.
    Also(Box<Request>),
    /// Nothing more is begun. What is under way is still answered.
    Stop,
}

/// Takes the answers of [`Transport::send_all`] as they come: the place of the request among the requests, the moment on
/// the transport's clock, and the answer.
pub type Take<'a> = &'a mut dyn FnMut(usize, u64, Result<Response, TransportError>) -> Flow;

/// A network, and the time that passes on it.
///
/// ```
/// use gitlab_seats::transport::{Flow, Request, Take, Transport, Unreachable};
///
/// struct Unplugged {
///     milliseconds: u64,
/// }
///
/// impl Transport for Unplugged {
///     fn send_all(&mut self, requests: Vec<Request>, _at_once: usize, take: Take<'_>) {
///         for place in 0..requests.len() {
///             let refused = Err(Unreachable::NoRoute.into());
///             if take(place, self.now(), refused) == Flow::Stop {
///                 return;
///             }
///         }
///     }
///
///     fn pause(&mut self, milliseconds: u64) {
///         self.milliseconds += milliseconds;
///     }
///
///     fn now(&self) -> u64 {
///         self.milliseconds * 1_000_000
///     }
/// }
/// ```
pub trait Transport {
    /// Send the requests in their order, at most `at_once` under way at the same time (0 counts as 1), and hand over each
    /// answer as soon as it is whole, while others are under way. Returns when nothing is under way and nothing more is
    /// to be sent.
    ///
    /// A request that was begun is answered once. After [`Flow::Stop`] none is begun, and after an answer that looks wrong none
    /// before it was handed over.
    fn send_all(&mut self, requests: Vec<Request>, at_once: usize, take: Take<'_>);

    /// Let so many milliseconds pass.
    fn pause(&mut self, milliseconds: u64);

    /// Nanoseconds since any fixed moment, never less than before. Also the one source of chance that there is.
    fn now(&self) -> u64;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &str) -> RequestHeader {
        RequestHeader { name, value: value.to_owned(), secret: false }
    }

    #[test]
    fn a_query_goes_to_one_path_and_says_what_it_sends() {
        for (base, path) in [("", "/api/graphql"), ("/gitlab", "/gitlab/api/graphql")] {
            let own = vec![header("accept", "application/json")];
            let request =
                Request::query(Scheme::Https, "host:8443".to_owned(), base, own, b"{\"query\":\"\"}".to_vec());
            assert_eq!(
                (request.scheme(), request.authority(), request.path_and_query()),
                (Scheme::Https, "host:8443", path)
            );
            let expected =
                [("accept", "application/json"), ("content-type", "application/json"), ("content-length", "12")];
            assert_eq!(request.headers(), expected.map(|(name, value)| header(name, value)));
            assert_eq!(request.into_kind(), Kind::Query { body: b"{\"query\":\"\"}".to_vec() });
        }
    }

    #[test]
    fn a_get_has_nothing_but_what_it_was_given() {
        let request = Request::get(Scheme::Http, "host".to_owned(), "/a?b".to_owned(), vec![header("accept", "x")]);
        assert_eq!((request.path_and_query(), request.headers()), ("/a?b", [header("accept", "x")].as_slice()));
        assert_eq!(request.into_kind(), Kind::Get);
    }
}
