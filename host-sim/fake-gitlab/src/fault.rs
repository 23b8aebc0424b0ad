//! What can be made to go wrong, and at which request.
//!
//! Syntax: `ENDPOINT@N=KIND`. N counts the requests to that endpoint from 1, whoever makes them: `3` is the third alone,
//! `3+` the third and every later one, `*` every one. Where several faults fit a request, the first applies.
//!
//! | ENDPOINT | counts |
//! | --- | --- |
//! | `metadata`, `version`, `user`, `token`, `license`, `users`, `groups` | requests to that path of the API |
//! | `namespace`, `subscription` | `/namespaces/:id`, and `/gitlab_subscription` below it |
//! | `billable`, `members` | `/groups/:id/billable_members`; `/groups/:id/members` and `/members/all` |
//! | `memberships`, `indirect` | those of a billable member |
//! | `graphql` | `POST /api/graphql` |
//! | `graphql-license`, `-users`, `-purchases`, `-holders`, `-members` | queries for these (see [`Endpoint`]) |
//! | `any` | every request, also to paths that do not exist |
//!
//! | KIND | answer | at |
//! | --- | --- | --- |
//! | `rate-limit-text` | 429, `text/plain`, `Retry later`, `Retry-After: 1` and `RateLimit-*` (the throttle per user) | all |
//! | `rate-limit-text-long` | the same with `Retry-After: 60` | all |
//! | `rate-limit-json` | 429, JSON whose `message` is an object, no header (the limit per endpoint, older versions) | all |
//! | `rate-limit-json-retry` | the same with `Retry-After: 1` | all |
//! | `html` | 200, `text/html`, a sign-in page | all |
//! | `html-502`, `html-503`, `html-504` | that status, `text/html`, as nginx writes it | all |
//! | `html-403-challenge` | 403, `text/html`, a CDN's bot check | all |
//! | `error-500`, `error-503` | that status, JSON | all |
//! | `maintenance` | 503, JSON, `Retry-After: 900` | all |
//! | `unauthorized`, `revoked`, `expired`, `impersonation` | 401 with the body for that kind of token; GraphQL: `Invalid token` | all |
//! | `blocked` | 403 for a blocked account | all |
//! | `insufficient-scope` | 403 that names the scopes; GraphQL: 401 `Invalid token` | all |
//! | `granular` | 403 for a fine-grained token; GraphQL: 200, root field null, an error | all |
//! | `forbidden` | 403 `{"message":"403 Forbidden"}` | REST |
//! | `not-found` | 404 `{"message":"404 Not found"}` | REST |
//! | `no-route` | 404 `{"error":"404 Not Found"}` | all |
//! | `redirect-sign-in`, `redirect-other-host` | 302 to the sign-in page, to `https://sso.example/` | all |
//! | `ip-block` | 403, no type, empty body | all |
//! | `reset` | none: the connection is closed | all |
//! | `hang` | none until the stand-in stops | all |
//! | `slow` | the true one, after two seconds | all |
//! | `cut` | the true one, announced at full length, broken off half-way | all |
//! | `truncated-json` | the first half of the true one, with the length of that half | all |
//! | `null-body`, `other-json` | 200 `null`, 200 `{"hello":"world"}` | all |
//! | `empty-list` | 200 `[]` under the true headers | lists |
//! | `empty-page-with-next` | 200 `[]` that always names a next page | lists |
//! | `drop-headers` | the true rows without any header of paging | lists |
//! | `drop-total` | the true rows without totals | lists |
//! | `foreign-link` | the true rows, next page in `Link` alone, on another host | lists |
//! | `first-page-again` | page one, whichever was asked for, with a next one | lists |
//! | `too-deep`, `keyset-refused` | 405 of the offset ceiling, of an order without keyset | `users` |
//! | `repeat-cursor` | the true page, whose next cursor is the one just used | `users` |
//! | `half-page` | the true headers over the first half of the page's rows: of one row, none | lists |
//! | `half-page-no-headers` | the page as though half of `per_page` had been asked for, without any header of paging | lists |
//! | `too-many-rows` | every row (by keyset: from the cursor on), whatever `per_page` and `page` say, as the only page | lists |
//! | `row-deleted` | from this request on, whatever N says: the list without its first row | lists that move |
//! | `row-inserted` | the same: the list with a row before its first, a copy of it with the id [`INSERTED_ID`] | lists that move |
//! | `row-swapped` | the same: without its first row, and behind its last a copy of that with this id: the total stays | lists that move |
//! | `no-version` | 200 without a version: of `metadata` the key `enterprise` alone, of `version` `{}` | `metadata`, `version` |
//! | `graphql-timeout` | 503 `Request timed out…` | GraphQL |
//! | `graphql-too-complex` | 200, no data, `Query has complexity of…` | GraphQL |
//! | `undefined-field` | 200, no data, the last leaf of the query is unknown | GraphQL |
//! | `undefined-every-field` | 200, no data, every leaf is unknown but `id`, `username`, `cursor`, `__typename` and those of `pageInfo`; a query of these alone is answered | GraphQL |
//! | `null-with-errors` | 200, root field null, `…does not exist or you don't have permission…` | GraphQL |
//! | `short-page` | half of the nodes, `hasNextPage`, and a cursor to the rest | `graphql`, `-users`, `-holders`, `-members` |
//! | `no-nodes` | no node, `hasNextPage`, and a new cursor to the same page | the same |
//! | `repeat-end-cursor` | the true nodes, `hasNextPage`, and the cursor just used | the same |
//! | `null-end-cursor` | the true nodes, `hasNextPage`, and no cursor | the same |
//!
//! Lists are `users`, `groups`, `billable`, `members`, `memberships` and `indirect`. Those that move are `users`,
//! `billable`, `members`, `graphql-users`, `graphql-holders` and `graphql-members`: under an offset all rows move, under
//! keyset only what lies before the cursor has changed. What a purchase says of its seats stays as it was, and accounts
//! that GraphQL is asked for by id are no list. A kind at an endpoint where it makes no sense is refused when parsed, as
//! is anything else, never ignored. Faults of paging leave answers other than 200 alone.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

mod endpoint;
mod front;
mod kind;
mod paging;
mod rows;
mod size;
mod version;

pub use endpoint::Endpoint;
pub(crate) use front::{Manner, in_front};
pub use kind::FaultKind;
pub(crate) use paging::{List, twist};
pub use rows::INSERTED_ID;
pub(crate) use rows::NEWCOMER;

fn spelled<T: Copy + PartialEq>(table: &[(T, &'static str)], wanted: T) -> &'static str {
    table.iter().find(|(value, _)| *value == wanted).map_or("", |(_, text)| text)
}

fn list<T>(table: &[(T, &'static str)]) -> String {
    table.iter().map(|(_, text)| *text).collect::<Vec<_>>().join(", ")
}

/// Which requests a fault strikes, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Occurrence {
    /// `*`: every one.
    Every,
    /// `N`: this one alone.
    Only(u64),
    /// `N+`: this one and every later one.
    From(u64),
}

impl Occurrence {
    const fn holds(self, number: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Only(nth) => number == nth,
            Self::From(first) => number >= first,
        }
    }
}

impl FromStr for Occurrence {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|number| plain && *number > 0);
            number.ok_or_else(|| FaultSyntax::Number(text.to_owned()))
        };
        match text.strip_suffix('+') {
            _ if text == "*" => Ok(Self::Every),
            Some(first) => number(first).map(Self::From),
            None => number(text).map(Self::Only),
        }
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*"),
            Self::Only(nth) => write!(f, "{nth}"),
            Self::From(first) => write!(f, "{first}+"),
        }
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Whose requests are counted.
    pub endpoint: Endpoint,
    /// Which of them it strikes.
    pub when: Occurrence,
    /// What happens.
    pub kind: FaultKind,
}

impl Fault {
    /// The words of the syntax, for listings: endpoints and kinds, comma-separated each.
    #[must_use]
    pub fn words() -> (String, String) {
        (list(&endpoint::WORDS), list(kind::WORDS))
    }

    /// Every pair of endpoint and kind that makes sense, for tables of tests. Endpoints in the order of
    /// [`Fault::words`], kinds in theirs within.
    #[must_use]
    pub fn places() -> Vec<(Endpoint, FaultKind)> {
        let kinds = |endpoint: Endpoint| {
            let fitting = kind::WORDS.iter().filter(move |(kind, _)| kind.fits().admits(endpoint));
            fitting.map(move |(kind, _)| (endpoint, *kind))
        };
        endpoint::WORDS.iter().flat_map(|(endpoint, _)| kinds(*endpoint)).collect()
    }
}

/// Why a text is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSyntax {
    /// Not of the form at all.
    #[error("`{0}` is not of the form ENDPOINT@N=KIND")]
    Form(String),
    /// No such endpoint.
    #[error("no endpoint is called `{0}`; there are: {endpoints}", endpoints = list(&endpoint::WORDS))]
    Endpoint(String),
    /// N is none of `*`, a whole number from 1, and such a number with `+`.
    #[error("`{0}` is no request number: a whole number from 1, such a number with + behind it, or *")]
    Number(String),
    /// No such kind.
    #[error("no fault is called `{0}`; there are: {kinds}", kinds = list(kind::WORDS))]
    Kind(String),
    /// The kind makes no sense at that endpoint.
    #[error(
        "{kind} makes no sense at {endpoint}; it is possible at: {places}",
        kind = spelled(kind::WORDS, *kind),
        endpoint = spelled(&endpoint::WORDS, *endpoint),
        places = places(*kind)
    )]
    Misplaced {
        /// The kind asked for.
        kind: FaultKind,
        /// Where it was asked for.
        endpoint: Endpoint,
    },
}

fn places(kind: FaultKind) -> String {
    let fitting = endpoint::WORDS.iter().filter(|(endpoint, _)| kind.fits().admits(*endpoint));
    fitting.map(|(_, word)| *word).collect::<Vec<_>>().join(", ")
}

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || FaultSyntax::Form(text.to_owned());
        let (place, kind) = text.split_once('=').ok_or_else(form)?;
        let (endpoint, when) = place.split_once('@').ok_or_else(form)?;
        let endpoint = look_up(&endpoint::WORDS, endpoint).ok_or_else(|| FaultSyntax::Endpoint(endpoint.to_owned()))?;
        let when = when.parse()?;
        let kind = look_up(kind::WORDS, kind).ok_or_else(|| FaultSyntax::Kind(kind.to_owned()))?;
        if !kind.fits().admits(endpoint) {
            return Err(FaultSyntax::Misplaced { kind, endpoint });
        }
        Ok(Self { endpoint, when, kind })
    }
}

fn look_up<T: Copy>(table: &[(T, &'static str)], wanted: &str) -> Option<T> {
    table.iter().find(|(_, text)| *text == wanted).map(|(value, _)| *value)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = spelled(&endpoint::WORDS, self.endpoint);
        let kind = spelled(kind::WORDS, self.kind);
        write!(f, "{endpoint}@{}={kind}", self.when)
    }
}

/// A fault that strikes a request, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Struck {
    pub(crate) endpoint: Endpoint,
    pub(crate) kind: FaultKind,
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

    /// Count one request, which may be to several endpoints at once (a query has several root fields) or to none that
    /// has a name, and tell what strikes it.
    pub(crate) fn strike(&self, endpoints: &[Endpoint]) -> Option<Struck> {
        let mut struck = None;
        for (fault, seen) in &self.armed {
            if fault.endpoint != Endpoint::Any && !endpoints.contains(&fault.endpoint) {
                continue;
            }
            let number = seen.fetch_add(1, Ordering::Relaxed) + 1;
            let when = match fault.when {
                Occurrence::Only(first) if fault.kind.lasts() => Occurrence::From(first),
                when => when,
            };
            if struck.is_none() && when.holds(number) {
                struck = Some(Struck { endpoint: fault.endpoint, kind: fault.kind });
            }
        }
        struck
    }
}

#[cfg(test)]
mod tests;
