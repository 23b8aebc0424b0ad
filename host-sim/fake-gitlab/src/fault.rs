//! What can be made to go wrong, and at which request.
//!
//! Syntax: `ENDPOINT@N=KIND`. N counts the requests to that endpoint from 1, whoever makes them; `*` is every one.
//!
//! | ENDPOINT | counts |
//! | --- | --- |
//! | `metadata`, `version`, `user`, `token`, `license`, `users` | requests to that path of the API |
//! | `any` | every request, also to paths that do not exist |
//!
//! | KIND | answer |
//! | --- | --- |
//! | `rate-limit-text` | 429, `text/plain`, `Retry later`, `Retry-After: 1` and `RateLimit-*` (the throttle per user) |
//! | `rate-limit-text-long` | the same with `Retry-After: 60` |
//! | `rate-limit-json` | 429, JSON whose `message` is an object, no header (the limit per endpoint, older versions) |
//! | `rate-limit-json-retry` | the same with `Retry-After: 1` |
//! | `html` | 200, `text/html`, a sign-in page |
//! | `html-502` | 502, `text/html`, as nginx writes it |
//! | `html-403-challenge` | 403, `text/html`, a CDN's bot check |
//! | `error-500` | 500, JSON |
//! | `revoked`, `expired` | 401 with the body for that kind of token |
//! | `cut` | the true answer, announced at full length, broken off half-way |
//! | `redirect-sign-in` | 302 to the sign-in page |
//! | `repeat-cursor` | `users` only: the true page, whose next cursor is the one just used |
//! | `hang` | nothing, until the stand-in stops |
//!
//! Anything else is refused when parsed, never ignored.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /metadata`
    Metadata,
    /// `GET /version`
    Version,
    /// `GET /user`
    User,
    /// `GET /personal_access_tokens/self`
    Token,
    /// `GET /license`
    License,
    /// `GET /users`
    Users,
    /// Every request.
    Any,
}

impl Endpoint {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Metadata, "metadata"),
        (Self::Version, "version"),
        (Self::User, "user"),
        (Self::Token, "token"),
        (Self::License, "license"),
        (Self::Users, "users"),
        (Self::Any, "any"),
    ];
}

/// What goes wrong; see the table of the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// 429 of the throttle per user, over in a second.
    RateLimitText,
    /// 429 of the throttle per user, over in a minute.
    RateLimitTextLong,
    /// 429 of the limit per endpoint, without headers.
    RateLimitJson,
    /// 429 of the limit per endpoint, with `Retry-After: 1`.
    RateLimitJsonRetry,
    /// 200 with a sign-in page.
    Html,
    /// 502 of a proxy.
    Html502,
    /// 403 of a CDN.
    Html403Challenge,
    /// 500 of the application.
    Error500,
    /// 401 for a revoked token.
    Revoked,
    /// 401 for an expired token.
    Expired,
    /// The answer breaks off half-way.
    Cut,
    /// 302 to the sign-in page.
    RedirectSignIn,
    /// The next cursor is the one just used.
    RepeatCursor,
    /// No answer.
    Hang,
}

impl FaultKind {
    const ALL: [(Self, &'static str); 14] = [
        (Self::RateLimitText, "rate-limit-text"),
        (Self::RateLimitTextLong, "rate-limit-text-long"),
        (Self::RateLimitJson, "rate-limit-json"),
        (Self::RateLimitJsonRetry, "rate-limit-json-retry"),
        (Self::Html, "html"),
        (Self::Html502, "html-502"),
        (Self::Html403Challenge, "html-403-challenge"),
        (Self::Error500, "error-500"),
        (Self::Revoked, "revoked"),
        (Self::Expired, "expired"),
        (Self::Cut, "cut"),
        (Self::RedirectSignIn, "redirect-sign-in"),
        (Self::RepeatCursor, "repeat-cursor"),
        (Self::Hang, "hang"),
    ];
}

fn spelled<T: Copy + PartialEq>(table: &[(T, &'static str)], wanted: T) -> &'static str {
    table.iter().find(|(value, _)| *value == wanted).map_or("", |(_, text)| text)
}

fn list<T>(table: &[(T, &'static str)]) -> String {
    table.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(", ")
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Whose requests are counted.
    pub endpoint: Endpoint,
    /// The request that it strikes, from 1; `None` is every one.
    pub nth: Option<u64>,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// The words of the syntax, for listings: endpoints and kinds, comma-separated each.
    #[must_use]
    pub fn words() -> (String, String) {
        (list(&Endpoint::ALL), list(&FaultKind::ALL))
    }
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSyntax {
    /// Not of the form at all.
    #[error("`{0}` is not of the form ENDPOINT@N=KIND")]
    Form(String),
    /// No such endpoint.
    #[error("no endpoint is called `{0}`; there are: {endpoints}", endpoints = list(&Endpoint::ALL))]
    Endpoint(String),
    /// N is neither `*` nor a whole number from 1.
    #[error("`{0}` is no request number: a whole number from 1, or *")]
    Number(String),
    /// No such kind.
    #[error("no fault is called `{0}`; there are: {kinds}", kinds = list(&FaultKind::ALL))]
    Kind(String),
    /// Cursors are a matter of `users` alone.
    #[error("repeat-cursor is possible at `users` only")]
    NoCursor,
}

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || FaultSyntax::Form(text.to_owned());
        let (place, kind) = text.split_once('=').ok_or_else(form)?;
        let (endpoint, nth) = place.split_once('@').ok_or_else(form)?;
        let endpoint = look_up(&Endpoint::ALL, endpoint).ok_or_else(|| FaultSyntax::Endpoint(endpoint.to_owned()))?;
        let nth = match nth {
            "*" => None,
            digits => {
                let number = digits.parse().ok().filter(|n| *n > 0);
                Some(number.ok_or_else(|| FaultSyntax::Number(digits.to_owned()))?)
            }
        };
        let kind = look_up(&FaultKind::ALL, kind).ok_or_else(|| FaultSyntax::Kind(kind.to_owned()))?;
        if kind == FaultKind::RepeatCursor && endpoint != Endpoint::Users {
            return Err(FaultSyntax::NoCursor);
        }
        Ok(Self { endpoint, nth, kind })
    }
}

fn look_up<T: Copy>(table: &[(T, &'static str)], wanted: &str) -> Option<T> {
    table.iter().find(|(_, text)| *text == wanted).map(|(value, _)| *value)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = spelled(&Endpoint::ALL, self.endpoint);
        let kind = spelled(&FaultKind::ALL, self.kind);
        match self.nth {
            Some(nth) => write!(f, "{endpoint}@{nth}={kind}"),
            None => write!(f, "{endpoint}@*={kind}"),
        }
    }
}

/// The faults of one stand-in, with how often each of their endpoints was asked.
#[derive(Debug)]
pub(crate) struct Faults {
    /// A counter per fault, not per endpoint: each sees every request that it could strike, and no table is needed.
    armed: Vec<(Fault, AtomicU64)>,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self { armed: faults.into_iter().map(|fault| (fault, AtomicU64::new(0))).collect() }
    }

    /// Count one request and tell what strikes it. `None` as endpoint: a path that only `any` counts.
    pub(crate) fn strike(&self, endpoint: Option<Endpoint>) -> Option<FaultKind> {
        let mut struck = None;
        for (fault, seen) in &self.armed {
            if fault.endpoint != Endpoint::Any && Some(fault.endpoint) != endpoint {
                continue;
            }
            let number = seen.fetch_add(1, Ordering::Relaxed) + 1;
            if struck.is_none() && fault.nth.is_none_or(|nth| nth == number) {
                struck = Some(fault.kind);
            }
        }
        struck
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_spelled_as_it_is_parsed() {
        for (endpoint, _) in Endpoint::ALL {
            for (kind, _) in FaultKind::ALL {
                let fault = Fault { endpoint, nth: Some(12), kind };
                let parsed = fault.to_string().parse::<Fault>();
                if kind == FaultKind::RepeatCursor && endpoint != Endpoint::Users {
                    assert_eq!(parsed, Err(FaultSyntax::NoCursor));
                } else {
                    assert_eq!(parsed, Ok(fault));
                }
            }
        }
        assert_eq!("any@*=hang".parse::<Fault>().unwrap().to_string(), "any@*=hang");
    }

    #[test]
    fn what_is_no_fault_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<Fault>().unwrap_err();
        assert_eq!(refused("users"), FaultSyntax::Form("users".into()));
        assert_eq!(refused("users=cut"), FaultSyntax::Form("users=cut".into()));
        assert_eq!(refused("groups@1=cut"), FaultSyntax::Endpoint("groups".into()));
        assert_eq!(refused("users@0=cut"), FaultSyntax::Number("0".into()));
        assert_eq!(refused("users@-1=cut"), FaultSyntax::Number("-1".into()));
        assert_eq!(refused("users@1=fire"), FaultSyntax::Kind("fire".into()));
    }

    #[test]
    fn a_fault_strikes_the_request_of_its_own_endpoint() {
        let faults = Faults::new(vec!["users@2=cut".parse().unwrap(), "any@4=html".parse().unwrap()]);
        let strikes: Vec<_> = [Some(Endpoint::Users), Some(Endpoint::License), Some(Endpoint::Users), None]
            .map(|endpoint| faults.strike(endpoint))
            .to_vec();
        assert_eq!(strikes, [None, None, Some(FaultKind::Cut), Some(FaultKind::Html)]);
    }
}
