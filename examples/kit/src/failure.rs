//! What can go wrong, as the failure that tells the host what to do.
//!
//! | status | failure |
//! | --- | --- |
//! | 401 | `unauthorized` |
//! | 403 | `forbidden` |
//! | 404, 410 | `not-found` |
//! | 429 | `rate-limited` |
//! | 5xx | `upstream` |
//! | any other, redirects among them | `malformed`: where a redirect leads nobody has granted |

use wasi::http::types::ErrorCode;

use crate::connector::{
    Explanation, Failure, ForbiddenFailure, MalformedFailure, RateLimitedFailure, Rejection, UnauthorizedFailure,
    UpstreamFailure,
};

/// What happened, and what to do; one sentence each.
pub fn say(message: impl Into<String>, hint: &str) -> Explanation {
    Explanation { message: message.into(), hint: Some(hint.to_owned()), endpoint: None }
}

/// The answer is not what it should be. `why` says where, never what stands there.
pub fn malformed(why: impl Into<String>) -> Failure {
    let why = why.into();
    let explanation = say(format!("The answer is not what was expected: {why}."), "Correct what the server gives out.");
    Failure::Malformed(MalformedFailure { why, explanation })
}

/// Another status than 200. `retry_after` in seconds, if the server said.
pub fn of_status(status: u16, retry_after: Option<u32>) -> Failure {
    let explanation = |hint| say(format!("The server answered {status}."), hint);
    match status {
        401 => Failure::Unauthorized(UnauthorizedFailure {
            reason: Rejection::Rejected,
            explanation: explanation("Enter another token."),
        }),
        403 => Failure::Forbidden(ForbiddenFailure {
            missing: "read".to_owned(),
            explanation: explanation("Let the token read this address."),
        }),
        404 | 410 => Failure::NotFound(explanation("Correct the address.")),
        429 => Failure::RateLimited(RateLimitedFailure {
            retry_after,
            explanation: explanation("Ask again after a while."),
        }),
        500.. => Failure::Upstream(UpstreamFailure { status, explanation: explanation("Try again later.") }),
        _ => malformed(format!("status {status}")),
    }
}

/// No answer. Trust, the host's own policy and the network are told apart, since each has another remedy and only the last may
/// get better by itself.
pub fn of_network(code: &ErrorCode) -> Failure {
    match code {
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            Failure::Tls(say("The connection is not trustworthy.", "Check the certificate of the server."))
        }
        ErrorCode::HttpRequestDenied
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpRequestUriInvalid => {
            Failure::DeniedByHost(say("The host's policy or limits stopped the request.", "Ask who runs the host."))
        }
        _ => Failure::Unreachable(say("The server was not reached, or broke off.", "Try again later.")),
    }
}

/// The words of any failure.
#[must_use]
pub fn words(failure: Failure) -> Explanation {
    match failure {
        Failure::InvalidConfiguration(words)
        | Failure::InvalidCursor(words)
        | Failure::NotFound(words)
        | Failure::Unreachable(words)
        | Failure::Tls(words)
        | Failure::DeniedByHost(words) => words,
        Failure::Unauthorized(failure) => failure.explanation,
        Failure::Forbidden(failure) => failure.explanation,
        Failure::RateLimited(failure) => failure.explanation,
        Failure::Upstream(failure) => failure.explanation,
        Failure::Malformed(failure) => failure.explanation,
    }
}
