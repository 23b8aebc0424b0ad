//! What the plugin asks of a network: several GET requests sent together, their answers in the same order.
//!
//! Guarantees: a [`Request`] can be nothing but a GET on a scheme, an authority and a path; there is no way to
//! give it another method or a body, so a fault above this line cannot write to GitLab. A header that holds a
//! secret prints as `(secret)`.
//!
//! Refuses to follow redirects, to retry and to judge a status: an answer is an answer, whatever its status,
//! and who asked decides what it means.

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

/// A GET request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How it travels.
    pub scheme: Scheme,
    /// `host` or `host:port`.
    pub authority: String,
    /// From the first `/` on, the query included.
    pub path_and_query: String,
    /// In the order in which they are sent.
    pub headers: Vec<RequestHeader>,
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

/// A network.
///
/// ```
/// use gitlab_seats::transport::{Request, Response, Transport, TransportError, Unreachable};
///
/// struct Unplugged;
///
/// impl Transport for Unplugged {
///     fn send_all(&mut self, requests: Vec<Request>) -> Vec<Result<Response, TransportError>> {
///         requests.iter().map(|_| Err(Unreachable::NoRoute.into())).collect()
///     }
/// }
/// ```
pub trait Transport {
    /// Send all requests, as many at once as the implementation allows, and wait for all.
    ///
    /// The result has one element for each request, in the order of the requests.
    fn send_all(&mut self, requests: Vec<Request>) -> Vec<Result<Response, TransportError>>;
}
