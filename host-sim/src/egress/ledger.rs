//! What happened on the network during one call.
//!
//! Paths are kept without their query: a query may hold names of people, and a bill needs none.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Method, Request};
use serde::Serialize;

/// Most refusals of one call that are kept one by one; further ones are counted. A plugin may provoke any number.
pub const MOST_DENIALS: usize = 100;

/// Most requests of one call that are kept one by one; further ones are counted. So many there are only where the limit on
/// requests but warns.
const MOST_REQUESTS: usize = 10_000;

/// Longest text that is kept of what a plugin or a server wrote, characters.
const LONGEST: usize = 400;

/// The beginning of a text that may be of any length.
fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
}

/// One request that left the sandbox, or tried to.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRecord {
    /// Method.
    pub method: String,
    /// Origin.
    pub origin: String,
    /// Path without query.
    pub path: String,
    /// HTTP status, if a response came.
    pub status: Option<u16>,
    /// Bytes of the body that were passed on.
    pub bytes: u64,
    /// Milliseconds from being sent to the end of the body, or to the failure.
    pub ms: u64,
    /// Why there was no response or no whole body.
    pub error: Option<String>,
}

/// Why a request was refused. Codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialCode {
    /// Not the granted origin.
    Origin,
    /// Not below the granted paths, or to be read as another path.
    Path,
    /// A user name or password in the authority.
    UserInfo,
    /// A method other than GET and POST.
    Method,
    /// A credential of the plugin's own, or a field or body that could carry one.
    SignIn,
    /// An address that the tenant's policy does not allow.
    Address,
    /// The request, and with it the credential, would travel unencrypted.
    PlainHttp,
    /// The call has used up its requests.
    RequestBudget,
    /// The request itself is not well-formed.
    Malformed,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// Why, as a code.
    pub code: DenialCode,
    /// Where the request wanted to go: origin and path, without query.
    pub target: String,
    /// Why, in a sentence.
    pub message: String,
    /// What would allow it, or that nothing does.
    pub hint: String,
}

/// What kind of failure it was, as far as what to do about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkFailureKind {
    /// The policy refused the request.
    Denied,
    /// A limit was passed.
    Limit,
    /// The server's certificate or protocol is not trusted.
    Tls,
    /// Anything else.
    Other,
}

/// The last thing that went wrong, in the host's words: they are more exact than the codes a guest gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFailure {
    /// Its kind.
    pub kind: NetworkFailureKind,
    /// What happened, without header, body or query.
    pub words: String,
    /// What would allow it, where the policy refused it.
    pub hint: Option<String>,
}

#[derive(Debug, Default)]
struct Entries {
    /// The first few, as `denials`.
    requests: Vec<RequestRecord>,
    more_requests: u64,
    /// The first few: a plugin may provoke any number, and this is the host's memory.
    denials: Vec<Denial>,
    more_denials: u64,
    warned: BTreeMap<&'static str, u64>,
    last_failure: Option<NetworkFailure>,
    /// What was asked for first, as hashes: the addresses themselves have queries.
    asked: HashSet<u64>,
    repeats: u64,
}

/// The record of one call. Shared between the hook, the response bodies and the engine.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<Entries>,
    admitted: AtomicU64,
    body_bytes: AtomicU64,
}

impl Ledger {
    fn with<T>(&self, act: impl FnOnce(&mut Entries) -> T) -> T {
        // A poisoned lock means that another thread panicked while pushing; the lists are still lists.
        let mut entries = self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        act(&mut entries)
    }

    /// Takes one request out of the budget; false when it is used up.
    pub(super) fn admit(&self, budget: u32) -> bool {
        self.admitted.fetch_add(1, Ordering::Relaxed) < u64::from(budget)
    }

    /// Counts body bytes; false when the call's total passes `limit`.
    pub(super) fn count_body(&self, bytes: u64, limit: u64) -> bool {
        self.body_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= limit
    }

    /// Notes what is asked for. Only GET: another method's address does not tell what is asked for.
    pub(super) fn ask<B>(&self, request: &Request<B>) {
        if *request.method() != Method::GET {
            return;
        }
        let mut hasher = DefaultHasher::new();
        request.uri().hash(&mut hasher);
        let hash = hasher.finish();
        self.with(|entries| {
            let known = entries.asked.contains(&hash);
            entries.repeats += u64::from(known);
            if !known && entries.asked.len() < MOST_REQUESTS {
                entries.asked.insert(hash);
            }
        });
    }

    /// GET requests so far that asked again for what had been asked for.
    pub fn repeats(&self) -> u64 {
        self.with(|entries| entries.repeats)
    }

    pub(super) fn request(&self, mut record: RequestRecord) {
        cut(&mut record.path);
        record.error.as_mut().into_iter().for_each(cut);
        tracing::debug!(
            target: "egress",
            method = %record.method,
            origin = %record.origin,
            path = %record.path,
            status = record.status,
            bytes = record.bytes,
            ms = record.ms,
            error = record.error.as_deref(),
            "request"
        );
        self.with(|entries| {
            if entries.requests.len() < MOST_REQUESTS {
                entries.requests.push(record);
            } else {
                entries.more_requests += 1;
            }
        });
    }

    pub(super) fn deny(&self, mut denial: Denial) {
        [&mut denial.target, &mut denial.message, &mut denial.hint].into_iter().for_each(cut);
        tracing::debug!(target: "egress", code = ?denial.code, target = %denial.target, why = %denial.message, "denied");
        self.with(|entries| {
            let kind = match denial.code {
                DenialCode::RequestBudget => NetworkFailureKind::Limit,
                _ => NetworkFailureKind::Denied,
            };
            let hint = (kind == NetworkFailureKind::Denied).then(|| denial.hint.clone());
            entries.last_failure = Some(NetworkFailure { kind, words: denial.message.clone(), hint });
            if entries.denials.len() < MOST_DENIALS {
                entries.denials.push(denial);
            } else {
                entries.more_denials += 1;
            }
        });
    }

    /// Requests beyond those that are kept.
    pub fn more_requests(&self) -> u64 {
        self.with(|entries| entries.more_requests)
    }

    /// The first requests.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.with(|entries| entries.requests.clone())
    }

    /// Requests that were let out and neither answered, failed nor refused: the call ended first.
    pub fn unfinished(&self) -> u64 {
        let told = self.with(|entries| {
            let listed = u64::try_from(entries.requests.len() + entries.denials.len()).unwrap_or(u64::MAX);
            listed.saturating_add(entries.more_denials).saturating_add(entries.more_requests)
        });
        self.admitted.load(Ordering::Relaxed).saturating_sub(told)
    }

    /// Notes that a limit was passed that only warns.
    pub(super) fn warn(&self, limit: &'static str) {
        self.with(|entries| *entries.warned.entry(limit).or_default() += 1);
    }

    /// The limits that were passed and only warn, and how often.
    pub fn limits_passed(&self) -> BTreeMap<&'static str, u64> {
        self.with(|entries| entries.warned.clone())
    }

    /// Refusals beyond those that are kept.
    pub fn more_denials(&self) -> u64 {
        self.with(|entries| entries.more_denials)
    }

    /// The first refusals.
    pub fn denials(&self) -> Vec<Denial> {
        self.with(|entries| entries.denials.clone())
    }

    pub(super) fn failed(&self, kind: NetworkFailureKind, words: &str) {
        let mut words = words.to_owned();
        cut(&mut words);
        self.with(|entries| entries.last_failure = Some(NetworkFailure { kind, words, hint: None }));
    }

    /// The last failure or refusal.
    pub fn last_failure(&self) -> Option<NetworkFailure> {
        self.with(|entries| entries.last_failure.clone())
    }
}

/// Milliseconds of a duration.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Denial, DenialCode, LONGEST, Ledger, MOST_REQUESTS, NetworkFailureKind, RequestRecord};

    #[test]
    fn of_what_a_plugin_writes_the_beginning_is_kept() {
        let long = "ä".repeat(1 << 20);
        let ledger = Ledger::default();
        ledger.deny(Denial {
            code: DenialCode::Method,
            target: long.clone(),
            message: long.clone(),
            hint: long.clone(),
        });
        let words = |ledger: &Ledger| ledger.last_failure().unwrap().words;
        let denial = ledger.denials().pop().unwrap();
        for text in [&denial.target, &denial.message, &denial.hint, &words(&ledger)] {
            assert_eq!(*text, format!("{}…", "ä".repeat(LONGEST)));
        }
        let whole = "ä".repeat(LONGEST);
        ledger.failed(NetworkFailureKind::Other, &whole);
        assert_eq!(words(&ledger), whole);
        ledger.failed(NetworkFailureKind::Other, &long);
        assert_eq!(words(&ledger).chars().count(), LONGEST + 1);
        ledger.request(RequestRecord { path: long.clone(), error: Some(long), ..record() });
        let kept = ledger.requests().pop().unwrap();
        assert_eq!([kept.path, kept.error.unwrap()].map(|text| text.chars().count()), [LONGEST + 1; 2]);
    }

    fn record() -> RequestRecord {
        let (method, origin, path) = ("GET".to_owned(), "https://gitlab.example.com".to_owned(), "/".to_owned());
        RequestRecord { method, origin, path, status: Some(200), bytes: 0, ms: 0, error: None }
    }

    #[test]
    fn of_any_number_of_requests_the_first_are_kept_and_the_others_counted() {
        let ledger = Ledger::default();
        for number in 0..MOST_REQUESTS + 7 {
            ledger.admit(0);
            ledger.ask(&http::Request::get(format!("https://gitlab.example.com/{number}")).body(()).unwrap());
            ledger.request(record());
        }
        assert_eq!((ledger.requests().len(), ledger.more_requests()), (MOST_REQUESTS, 7));
        assert_eq!((ledger.unfinished(), ledger.repeats()), (0, 0));
        assert_eq!(ledger.with(|entries| entries.asked.len()), MOST_REQUESTS);
        ledger.ask(&http::Request::get("https://gitlab.example.com/0").body(()).unwrap());
        assert_eq!(ledger.repeats(), 1);
    }

    #[test]
    fn a_budget_is_used_up_to_the_last_and_not_beyond() {
        let ledger = Ledger::default();
        assert_eq!([ledger.admit(2), ledger.admit(2), ledger.admit(2), ledger.admit(2)], [true, true, false, false]);
        assert!(!Ledger::default().admit(0));
        let ledger = Ledger::default();
        assert_eq!([ledger.count_body(7, 10), ledger.count_body(3, 10), ledger.count_body(1, 10)], [true, true, false]);
        assert!(!ledger.count_body(u64::MAX, 10));
    }
}
