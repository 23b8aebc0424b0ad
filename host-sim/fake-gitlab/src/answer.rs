//! Answers: bodies that can be sent in pieces or broken off, and GitLab's exact error bodies.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};

use crate::token::Refusal;

/// The answer to one request.
pub(crate) type Answer = Response<Payload>;

/// Why a body ended early: because a fault said so.
#[derive(Debug, thiserror::Error)]
#[error("the body is cut on purpose")]
pub(crate) struct Cut;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    /// One more poll passes before the connection breaks, so that what was sent is flushed.
    CutAfterFlush,
    CutNow,
}

/// A body of known length.
#[derive(Debug)]
pub(crate) struct Payload {
    pieces: VecDeque<Bytes>,
    /// What is left of the announced length, whether or not it will be sent.
    announced: u64,
    ending: Ending,
}

impl Payload {
    pub(crate) fn new(pieces: Vec<Bytes>) -> Self {
        let announced = pieces.iter().map(length).sum();
        Self { pieces: pieces.into(), announced, ending: Ending::Whole }
    }

    /// Everything that is still to be sent.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.pieces.iter().flatten().copied().collect()
    }

    /// Announce all, send half.
    fn cut(mut self) -> Self {
        let whole = self.whole();
        let half = whole.get(..whole.len() / 2).unwrap_or_default();
        self.pieces = VecDeque::from([Bytes::copy_from_slice(half)]);
        self.ending = Ending::CutAfterFlush;
        self
    }
}

fn length(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if let Some(piece) = self.pieces.pop_front() {
            self.announced = self.announced.saturating_sub(length(&piece));
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::CutAfterFlush => {
                self.ending = Ending::CutNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ending::CutNow => Poll::Ready(Some(Err(Cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.ending == Ending::Whole
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");

fn of(status: StatusCode, kind: HeaderValue, pieces: Vec<Bytes>) -> Answer {
    let mut answer = Response::new(Payload::new(pieces));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// Set a header. A value that no header can carry is left out; the stand-in makes none.
pub(crate) fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// A JSON answer in pieces.
pub(crate) fn json_pieces(status: StatusCode, pieces: Vec<Bytes>) -> Answer {
    let mut answer = of(status, JSON, pieces);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0, private, must-revalidate"));
    answer
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    json_pieces(status, vec![body.into()])
}

/// `{"message":…}`, the family of GitLab's endpoint code.
pub(crate) fn message(status: StatusCode, text: &str) -> Answer {
    keyed(status, "message", text)
}

/// `{"error":…}`, the family of framework and router.
pub(crate) fn error(status: StatusCode, text: &str) -> Answer {
    keyed(status, "error", text)
}

fn keyed(status: StatusCode, key: &str, text: &str) -> Answer {
    json(status, serde_json::json!({ key: text }).to_string())
}

/// No such route, which is also what Community Edition says of Enterprise routes.
pub(crate) fn no_route() -> Answer {
    error(StatusCode::NOT_FOUND, "404 Not Found")
}

/// A known route with another method.
pub(crate) fn method_not_allowed() -> Answer {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED, "405 Not Allowed");
    answer.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static("OPTIONS, GET, HEAD"));
    answer
}

/// The application failed.
pub(crate) fn internal_error() -> Answer {
    message(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error")
}

/// What becomes of a credential that does not do.
pub(crate) fn refused(refusal: Refusal) -> Answer {
    let body = match refusal {
        Refusal::Missing | Refusal::Unknown => r#"{"message":"401 Unauthorized"}"#,
        Refusal::Expired => {
            r#"{"error":"invalid_token","error_description":"Token is expired. You can either do re-authorization or token refresh."}"#
        }
        Refusal::Revoked => {
            r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#
        }
        Refusal::Scope => {
            r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api read_api"}"#
        }
        Refusal::Blocked => r#"{"message":"403 Forbidden - Your account has been blocked."}"#,
    };
    let status = match refusal {
        Refusal::Missing | Refusal::Unknown | Refusal::Expired | Refusal::Revoked => StatusCode::UNAUTHORIZED,
        Refusal::Scope | Refusal::Blocked => StatusCode::FORBIDDEN,
    };
    json(status, Bytes::from_static(body.as_bytes()))
}

/// 429 of the throttle per user. The rate-limit headers are the throttle's to add.
pub(crate) fn retry_later(seconds: u64) -> Answer {
    let mut answer = of(StatusCode::TOO_MANY_REQUESTS, TEXT, vec![Bytes::from_static(b"Retry later")]);
    set(&mut answer, RETRY_AFTER, &seconds.to_string());
    answer
}

/// 429 of the limit per endpoint.
pub(crate) fn requested_too_many_times(retry_after: Option<u64>) -> Answer {
    let body = br#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    let mut answer = json(StatusCode::TOO_MANY_REQUESTS, Bytes::from_static(body));
    if let Some(seconds) = retry_after {
        set(&mut answer, RETRY_AFTER, &seconds.to_string());
    }
    answer
}

/// The page of a browser that is not signed in.
pub(crate) fn sign_in_page() -> Answer {
    let page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><title>Sign in \u{b7} GitLab</title></head>\n<body class=\"login-page\">\n\
        <form action=\"/users/sign_in\" method=\"post\"><label>Username or primary email <input name=\"user[login]\"></label>\
        <label>Password <input type=\"password\" name=\"user[password]\"></label><button>Sign in</button></form>\n\
        </body>\n</html>\n";
    of(StatusCode::OK, HTML, vec![Bytes::from_static(page.as_bytes())])
}

/// 302 to that page.
pub(crate) fn redirect_to_sign_in(base: &str) -> Answer {
    let location = format!("{base}/users/sign_in");
    let body = format!("<html><body>You are being <a href=\"{location}\">redirected</a>.</body></html>");
    let mut answer = of(StatusCode::FOUND, HTML, vec![Bytes::from(body)]);
    set(&mut answer, LOCATION, &location);
    answer
}

/// 302 to a place elsewhere, as a proxy that signs people in answers.
pub(crate) fn redirect(location: &str) -> Answer {
    let body = format!("<html><body>You are being <a href=\"{location}\">redirected</a>.</body></html>");
    let mut answer = of(StatusCode::FOUND, HTML, vec![Bytes::from(body)]);
    set(&mut answer, LOCATION, location);
    answer
}

/// A page of the proxy in front.
pub(crate) fn nginx_page(status: StatusCode) -> Answer {
    let reason = status.canonical_reason().unwrap_or_default();
    let title = format!("{} {}", status.as_u16(), if status.as_u16() == 504 { "Gateway Time-out" } else { reason });
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let mut answer = of(status, HeaderValue::from_static("text/html"), vec![page.into()]);
    answer.headers_mut().insert(SERVER, HeaderValue::from_static("nginx"));
    answer
}

/// A status and nothing else, not even a type.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Payload::new(Vec::new()));
    *answer.status_mut() = status;
    answer
}

/// 405 of the offset ceiling on accounts.
pub(crate) fn offset_too_deep() -> Answer {
    let sentence = "Offset pagination has a maximum allowed offset of 50000 for requests that return objects of \
                    type User. Remaining records can be retrieved using keyset pagination.";
    error(StatusCode::METHOD_NOT_ALLOWED, sentence)
}

/// 405 where keyset pagination does not go.
pub(crate) fn keyset_refused() -> Answer {
    error(StatusCode::METHOD_NOT_ALLOWED, "Keyset pagination is not yet available for this type of request")
}

/// One error of GraphQL that belongs to no place in the query.
pub(crate) fn graphql_error(status: StatusCode, sentence: &str) -> Answer {
    json(status, serde_json::json!({ "errors": [{ "message": sentence }] }).to_string())
}

/// 403 of a CDN that takes the client for a robot.
pub(crate) fn challenge() -> Answer {
    let page = "<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Just a moment...</title></head>\n\
        <body><h1>Checking your browser before accessing the site.</h1></body></html>\n";
    let mut answer = of(StatusCode::FORBIDDEN, HTML, vec![page.into()]);
    answer.headers_mut().insert(SERVER, HeaderValue::from_static("cloudflare"));
    answer.headers_mut().insert(HeaderName::from_static("cf-mitigated"), HeaderValue::from_static("challenge"));
    answer
}

/// The same headers over another body.
pub(crate) fn with_body(answer: Answer, body: impl Into<Bytes>) -> Answer {
    answer.map(|_| Payload::new(vec![body.into()]))
}

/// The same answer as though its first half were all of it.
pub(crate) fn truncated(answer: Answer) -> Answer {
    answer.map(|payload| {
        let whole = payload.whole();
        Payload::new(vec![Bytes::copy_from_slice(whole.get(..whole.len() / 2).unwrap_or_default())])
    })
}

/// The same answer, broken off half-way.
pub(crate) fn cut(answer: Answer) -> Answer {
    answer.map(Payload::cut)
}
