//! What an answer that is not data means.
//!
//! Guarantees: the one place where a status, a content type and an error body become a meaning. Two families of JSON
//! errors are told apart: key `message` comes from an endpoint (no right, or gone), key `error` from the layers before
//! it (no such route, bad token, small scope). Whether a body is JSON is decided by its `Content-Type`; only where
//! that is missing does the body itself decide.
//!
//! Refuses to repeat a body. One sentence of it, cleaned and cut, is the most that is kept.
//!
//! Source: GitLab 13.x to 19.3, `lib/api/helpers.rb`, `lib/api/api_guard.rb`, `lib/api/api.rb`, Rack::Attack.

use crate::clock::Clock;
use crate::failure::Rejection;
use crate::gitlab::json::{self, Kind, Read, Text, object};
use crate::gitlab::scalars::Moment;
use crate::quoting::quoted;
use crate::transport::{Response, TransportError};

/// Longest accepted wait, in seconds: a day. What is beyond is a fault of the server, or an attempt to put the run off
/// for ever.
const LONGEST_WAIT: u64 = 86_400;

/// What answered in place of GitLab's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// GitLab's or a proxy's page where people sign in.
    SignInPage,
    /// A redirect to another host, which is named.
    OtherHost(String),
    /// A redirect on the same host.
    Moved,
    /// A web page.
    WebPage,
    /// Something that is neither a page nor JSON; its content type.
    OtherContent(String),
}

/// Why there is no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The network or the host gave no answer.
    NoAnswer(TransportError),
    /// 401 for the token; a sentence of GitLab's if there is a telling one.
    Token(Rejection, Option<String>),
    /// 401 of GraphQL, which says the same of a token that is not valid and of one without `read_api`.
    TokenOrScope,
    /// 403: the token's scopes do not reach; which would do.
    Scope(Vec<String>),
    /// 403: a fine-grained token lacks a permission; GitLab's sentence.
    Permission(String),
    /// 403: the account may not, with GitLab's sentence (blocked, deactivated, terms not accepted).
    Account(String),
    /// 403 without a word: not an effective administrator, or an address filter.
    NotAllowed,
    /// 404 by the router: this GitLab has no such endpoint.
    NoSuchEndpoint,
    /// 404 by the endpoint: gone, or hidden.
    NotFound,
    /// 429; seconds to wait if the server said.
    TooOften(Option<u32>),
    /// A web page with 403, or with the mark of a bot check: something before GitLab asks for a browser.
    BrowserCheck(u16),
    /// 5xx.
    ServerError(u16),
    /// Any other status; GitLab's sentence.
    Unexpected(u16, String),
    /// 200 of GraphQL: this version or edition does not know a part of the query; GitLab's sentence.
    NotInSchema(String),
    /// 200 of GraphQL without data; GitLab's sentence.
    QueryFailed(String),
    /// The answer is not GitLab's API.
    NotTheApi(Stranger),
    /// 200, and not what the endpoint answers. What is wrong, without any of the content.
    Unreadable(String),
}

impl Refusal {
    /// Whether this may be so at one endpoint, for one group or one query, while GitLab answers elsewhere: an error of the
    /// application itself, such as a statement that took too long, or an answer that makes no sense. Asking the same
    /// again brings the same. A gateway that fails (502 to 504) fails for all.
    #[must_use]
    pub const fn is_of_one_thing(&self) -> bool {
        matches!(
            self,
            Self::ServerError(500)
                | Self::Unreadable(_)
                | Self::Unexpected(..)
                | Self::QueryFailed(_)
                | Self::NotInSchema(_)
        )
    }

    /// JSON came, and not what this endpoint answers.
    #[must_use]
    pub fn another_service() -> Self {
        Self::NotTheApi(Stranger::OtherContent("JSON of another service".to_owned()))
    }
}

impl From<TransportError> for Refusal {
    fn from(error: TransportError) -> Self {
        Self::NoAnswer(error)
    }
}

/// Read the JSON of an answer.
///
/// # Errors
/// Whatever else came; see [`Refusal`].
pub fn read<T: Read>(response: &Response, clock: &dyn Clock) -> Result<T, Refusal> {
    if response.status != 200 {
        return Err(refusal(response, clock));
    }
    match content(response) {
        Content::Json => {}
        Content::Page => return Err(Refusal::NotTheApi(page(response))),
        Content::Other(kind) => return Err(Refusal::NotTheApi(Stranger::OtherContent(kind))),
    }
    json::from_slice(&response.body).map_err(|error| unreadable(&error))
}

/// Kind and place are all that is told of the error.
pub(super) fn unreadable(error: &json::Error) -> Refusal {
    let what = match error.kind() {
        Kind::Syntax => "is no valid JSON",
        Kind::CutOff => "ends in the middle of its JSON",
        Kind::Shape => "is JSON of another shape than documented",
    };
    let (line, column) = error.place();
    Refusal::Unreadable(format!("the answer {what} (line {line}, column {column})"))
}

/// The same for an answer that may not have come.
///
/// # Errors
/// Whatever else came, or that nothing did.
pub fn decode<T: Read>(answer: Result<Response, Refusal>, clock: &dyn Clock) -> Result<T, Refusal> {
    read(&answer?, clock)
}

/// The same of a page of a list, with the head of the answer, which says how the list goes on. The body is given back.
///
/// # Errors
/// Whatever else came, or that nothing did.
pub fn page_of<T: Read>(answer: Result<Response, Refusal>, clock: &dyn Clock) -> Result<(Response, Vec<T>), Refusal> {
    let mut answer = answer?;
    let rows = read(&answer, clock)?;
    answer.body = Vec::new();
    Ok((answer, rows))
}

/// What a body is.
pub(super) enum Content {
    /// JSON.
    Json,
    /// A web page.
    Page,
    /// Anything else, by its content type.
    Other(String),
}

pub(super) fn content(response: &Response) -> Content {
    let Some(kind) = response.header("content-type") else {
        let looks_like_json = response
            .body
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .is_some_and(|byte| matches!(byte, b'{' | b'[' | b'n'));
        return if looks_like_json { Content::Json } else { Content::Other("no content type".to_owned()) };
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        Content::Json
    } else if kind == "text/html" || kind == "application/xhtml+xml" {
        Content::Page
    } else {
        Content::Other(quoted(&kind))
    }
}

/// The meaning of an answer that is not 200.
pub(super) fn refusal(response: &Response, clock: &dyn Clock) -> Refusal {
    let status = response.status;
    match status {
        300..=399 => return Refusal::NotTheApi(redirect(response)),
        429 => return Refusal::TooOften(wait(response, clock)),
        _ => {}
    }
    let error = match content(response) {
        Content::Json => ErrorBody::read(&response.body),
        Content::Page if status == 403 || asks_for_browser(response) => return Refusal::BrowserCheck(status),
        Content::Page if status < 500 => return Refusal::NotTheApi(page(response)),
        Content::Other(kind) if matches!(status, 401 | 404) || status < 300 => {
            return Refusal::NotTheApi(Stranger::OtherContent(kind));
        }
        Content::Page | Content::Other(_) => ErrorBody::default(),
    };
    match status {
        401 => unauthorized(&error),
        403 => forbidden(&error),
        404 => match (error.error, error.message) {
            (Some(_), _) => Refusal::NoSuchEndpoint,
            (None, Some(_)) => Refusal::NotFound,
            (None, None) => Refusal::another_service(),
        },
        410 => Refusal::NoSuchEndpoint,
        500..=599 => Refusal::ServerError(status),
        _ => Refusal::Unexpected(status, error.sentence()),
    }
}

/// The two families in one, as text.
#[derive(Default)]
struct ErrorBody {
    message: Option<String>,
    error: Option<String>,
    description: Option<String>,
    scope: Option<String>,
    /// The first one of GraphQL's.
    query: Option<String>,
}

object! {
    /// The keys of both families.
    pub struct Written {
        needed {}
        optional {
            /// Of an endpoint.
            pub message: Text,
            /// Of the layers before it.
            pub error: Text,
            /// A sentence beside `error`.
            pub error_description: Text,
            /// Scopes that would do.
            pub scope: Text,
        }
    }
}

object! {
    /// A sentence within `message`.
    pub struct Nested {
        needed {}
        optional {
            /// What holds it.
            pub message: Option<Inner>,
        }
    }
}

object! {
    /// What holds a sentence.
    pub struct Inner {
        needed {}
        optional {
            /// Of the limiter.
            pub error: Text,
            /// Of GraphQL.
            pub message: Text,
        }
    }
}

object! {
    /// GraphQL's errors.
    pub struct Queried {
        needed {}
        optional {
            /// In its order.
            pub errors: Option<Vec<Inner>>,
        }
    }
}

impl ErrorBody {
    fn read(body: &[u8]) -> Self {
        let written: Written = json::from_slice(body).unwrap_or_default();
        // The limiter of single endpoints nests its sentence: {"message":{"error":"…"}}.
        let nested = || json::from_slice::<Nested>(body).ok()?.message?.error.0;
        let query = || json::from_slice::<Queried>(body).ok()?.errors?.into_iter().next()?.message.0;
        Self {
            message: written.message.0.or_else(nested),
            error: written.error.0,
            description: written.error_description.0,
            scope: written.scope.0,
            query: query(),
        }
    }

    fn sentence(self) -> String {
        quoted(&self.description.or(self.message).or(self.error).or(self.query).unwrap_or_default())
    }
}

fn unauthorized(body: &ErrorBody) -> Refusal {
    let contains = |text: &Option<String>, words: &str| {
        text.as_ref().is_some_and(|text| text.to_ascii_lowercase().contains(words))
    };
    if contains(&body.error, "sign in or sign up") || contains(&body.message, "sign in or sign up") {
        return Refusal::NotTheApi(Stranger::SignInPage);
    }
    if body.query.is_some() {
        return Refusal::TokenOrScope;
    }
    if body.error.as_deref() == Some("invalid_token") {
        if contains(&body.description, "expired") {
            return Refusal::Token(Rejection::Expired, None);
        }
        if contains(&body.description, "revoked") {
            return Refusal::Token(Rejection::Revoked, None);
        }
    }
    let sentence = body.description.as_deref().map(quoted);
    Refusal::Token(Rejection::Rejected, sentence.filter(|words| !words.is_empty()))
}

fn forbidden(body: &ErrorBody) -> Refusal {
    match body.error.as_deref() {
        Some("insufficient_scope") => {
            let scopes = body.scope.as_deref().unwrap_or_default().split_whitespace();
            return Refusal::Scope(scopes.map(quoted).take(8).collect());
        }
        Some("insufficient_granular_scope") => {
            return Refusal::Permission(quoted(body.description.as_deref().unwrap_or_default()));
        }
        _ => {}
    }
    let sentence = body.message.as_deref().and_then(|message| message.strip_prefix("403 Forbidden - "));
    let sentence = sentence.or(body.query.as_deref());
    match sentence.map(quoted) {
        Some(words) if !words.is_empty() => Refusal::Account(words),
        _ => Refusal::NotAllowed,
    }
}

/// A page of a content delivery network which lets browsers through and nothing else.
pub(super) fn asks_for_browser(response: &Response) -> bool {
    response.header("cf-mitigated").is_some()
        || (response.status == 503 && begins_with_words(&response.body, "checking your browser"))
}

fn page(response: &Response) -> Stranger {
    if begins_with_words(&response.body, "sign in") || begins_with_words(&response.body, "users/sign_in") {
        Stranger::SignInPage
    } else {
        Stranger::WebPage
    }
}

/// Whether the words, in lower case, stand in the first 16 KiB.
fn begins_with_words(body: &[u8], words: &str) -> bool {
    let head = body.get(..16 * 1024).unwrap_or(body);
    head.windows(words.len()).any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

fn redirect(response: &Response) -> Stranger {
    let location = response.header("location").unwrap_or_default();
    if location.contains("/users/sign_in") {
        return Stranger::SignInPage;
    }
    // Addresses also stand in the parameters of an address.
    let absolute = || location.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?', '#']));
    let Some(rest) = location.strip_prefix("//").or_else(|| Some(absolute()?.1)) else {
        return Stranger::Moved;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    Stranger::OtherHost(quoted(host))
}

/// How long a 429 asks to wait: `Retry-After`, else `RateLimit-Reset` (Unix time) minus now. Some versions and limiters
/// send neither.
pub(super) fn wait(response: &Response, clock: &dyn Clock) -> Option<u32> {
    retry_after(response, clock).or_else(|| until(header_number(response, "ratelimit-reset")?, clock))
}

/// `Retry-After` in seconds (GitLab) or as a date (proxies) minus now.
pub(super) fn retry_after(response: &Response, clock: &dyn Clock) -> Option<u32> {
    match header_number(response, "retry-after") {
        Some(seconds) => u32::try_from(seconds.min(LONGEST_WAIT)).ok(),
        None => until(Moment::from_http_date(response.header("retry-after")?.trim())?.unix_seconds(), clock),
    }
}

fn header_number(response: &Response, name: &str) -> Option<u64> {
    response.header(name)?.trim().parse().ok()
}

fn until(moment: u64, clock: &dyn Clock) -> Option<u32> {
    u32::try_from(moment.saturating_sub(clock.unix_seconds()).min(LONGEST_WAIT)).ok()
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
