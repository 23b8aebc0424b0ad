//! Faults that are answered in place of the instance.

use http::StatusCode;

use super::kind::FaultKind;
use crate::answer::{self, Answer};
use crate::throttle::Standing;
use crate::token::Refusal;

/// Whose error bodies an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Rest,
    Graphql,
}

const IMPERSONATION: &str = r#"{"error":"invalid_token","error_description":"Token is an impersonation token but impersonation was disabled."}"#;
const GRANULAR: &str = r#"{"error":"insufficient_granular_scope","error_description":"Access denied: This operation requires a fine-grained personal access token with the following group permissions: [Member: Read]."}"#;
const MAINTENANCE: &str = r#"{"message":"GitLab Maintenance: system is in maintenance mode"}"#;

/// The answer that a fault gives in place of the instance, if it does; `base_url` is the address of the stand-in.
pub(crate) fn in_front(kind: FaultKind, manner: Manner, base_url: &str) -> Option<Answer> {
    if manner == Manner::Graphql
        && let Some(answer) = of_graphql(kind)
    {
        return Some(answer);
    }
    // There it is a field that is refused, not the request.
    if manner == Manner::Graphql && kind == FaultKind::Granular {
        return None;
    }
    let page = |status: StatusCode| answer::nginx_page(status);
    Some(match kind {
        FaultKind::RateLimitText => throttled(1),
        FaultKind::RateLimitTextLong => throttled(60),
        FaultKind::RateLimitJson => answer::requested_too_many_times(None),
        FaultKind::RateLimitJsonRetry => answer::requested_too_many_times(Some(1)),
        FaultKind::Html => answer::sign_in_page(),
        FaultKind::Html502 => page(StatusCode::BAD_GATEWAY),
        FaultKind::Html503 => page(StatusCode::SERVICE_UNAVAILABLE),
        FaultKind::Html504 => page(StatusCode::GATEWAY_TIMEOUT),
        FaultKind::Html403Challenge => answer::challenge(),
        FaultKind::Error500 => answer::internal_error(),
        FaultKind::Error503 => answer::message(StatusCode::SERVICE_UNAVAILABLE, "503 Service Unavailable"),
        FaultKind::Maintenance => {
            let mut answer = answer::json(StatusCode::SERVICE_UNAVAILABLE, MAINTENANCE);
            answer::set(&mut answer, http::header::RETRY_AFTER, "900");
            answer
        }
        FaultKind::Unauthorized => answer::refused(Refusal::Unknown),
        FaultKind::Revoked => answer::refused(Refusal::Revoked),
        FaultKind::Expired => answer::refused(Refusal::Expired),
        FaultKind::Impersonation => answer::json(StatusCode::UNAUTHORIZED, IMPERSONATION),
        FaultKind::Forbidden => answer::message(StatusCode::FORBIDDEN, "403 Forbidden"),
        FaultKind::Blocked => answer::refused(Refusal::Blocked),
        FaultKind::InsufficientScope => answer::refused(Refusal::Scope),
        FaultKind::Granular => answer::json(StatusCode::FORBIDDEN, GRANULAR),
        FaultKind::NotFound => answer::message(StatusCode::NOT_FOUND, "404 Not found"),
        FaultKind::NoRoute => answer::no_route(),
        FaultKind::RedirectSignIn => answer::redirect_to_sign_in(base_url),
        FaultKind::RedirectOtherHost => answer::redirect("https://sso.example/"),
        FaultKind::IpBlock => answer::empty(StatusCode::FORBIDDEN),
        FaultKind::NullBody => answer::json(StatusCode::OK, "null"),
        FaultKind::OtherJson => answer::json(StatusCode::OK, r#"{"hello":"world"}"#),
        FaultKind::TooDeep => answer::offset_too_deep(),
        FaultKind::KeysetRefused => answer::keyset_refused(),
        FaultKind::Reset
        | FaultKind::Hang
        | FaultKind::Slow
        | FaultKind::Cut
        | FaultKind::TruncatedJson
        | FaultKind::EmptyList
        | FaultKind::EmptyPageWithNext
        | FaultKind::DropHeaders
        | FaultKind::DropTotal
        | FaultKind::ForeignLink
        | FaultKind::FirstPageAgain
        | FaultKind::RepeatCursor
        | FaultKind::HalfPage
        | FaultKind::HalfPageNoHeaders
        | FaultKind::TooManyRows
        | FaultKind::RowDeleted
        | FaultKind::RowInserted
        | FaultKind::RowSwapped
        | FaultKind::NoVersion
        | FaultKind::GraphqlTimeout
        | FaultKind::GraphqlTooComplex
        | FaultKind::UndefinedField
        | FaultKind::UndefinedEveryField
        | FaultKind::NullWithErrors
        | FaultKind::ShortPage
        | FaultKind::NoNodes
        | FaultKind::RepeatEndCursor
        | FaultKind::NullEndCursor => return None,
    })
}

/// What GraphQL says in a shape of its own.
fn of_graphql(kind: FaultKind) -> Option<Answer> {
    let (status, sentence) = match kind {
        FaultKind::Unauthorized
        | FaultKind::Revoked
        | FaultKind::Expired
        | FaultKind::Impersonation
        | FaultKind::InsufficientScope => (StatusCode::UNAUTHORIZED, "Invalid token"),
        FaultKind::Blocked => (StatusCode::FORBIDDEN, "API not accessible for user"),
        FaultKind::Error500 => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"),
        FaultKind::Error503 => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        FaultKind::GraphqlTimeout => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Request timed out. Please try a less complex query or a smaller set of records.",
        ),
        FaultKind::GraphqlTooComplex => {
            (StatusCode::OK, "Query has complexity of 312, which exceeds max complexity of 250")
        }
        _ => return None,
    };
    Some(answer::graphql_error(status, sentence))
}

/// 429 of the throttle per user, over after `seconds`.
fn throttled(seconds: u64) -> Answer {
    let mut answer = answer::retry_later(seconds);
    Standing::refused_for(seconds).announce(&mut answer);
    answer
}
