//! Asking one GitLab: base, headers, credential, what is asked again, and how many requests were sent.
//!
//! Guarantees: every request goes to the configured origin and path with the same headers; with
//! [`Credential::Injected`] there is no credential header at all; every request sent is counted, those sent again too.
//! An answer that may get better is asked for again as [`super::patience`] allows, and after a 429 no more than half as
//! many requests as before go out together, for the rest of the call. Where the plugin knows the secret, it is blotted
//! out of answers before anything reads them: a server that echoes requests, as debugging proxies do, cannot bring it
//! into a message.
//!
//! Refuses to go on after an answer that says that nothing more is wanted, a 401 or a 429 which is not waited out: what
//! has not been sent then is not sent, and gets that answer. All others are read through [`super::refusal`].

use std::collections::VecDeque;

use super::endpoint::Endpoint;
use super::graphql::Query;
use super::patience::{Fault, Patience};
use super::refusal::Refusal;
use crate::clock::Clock;
use crate::configuration::fields::{CREDENTIAL_HEADER, CREDENTIAL_PREFIX, VERSION};
use crate::configuration::settings::Settings;
use crate::transport::{Request, RequestHeader, Response, Transport, TransportError, Unreachable};

/// How the secret gets on a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The host writes it.
    Injected,
    /// This plugin writes it, for hosts that cannot.
    Value(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Injected => "Injected",
            Self::Value(_) => "Value(secret)",
        })
    }
}

/// One thing to ask.
#[derive(Debug, Clone, Copy)]
pub enum Ask<'a> {
    /// By REST.
    Get(&'a Endpoint),
    /// By GraphQL.
    Query(&'a Query),
}

/// A request that waits to be sent.
struct Turn {
    /// Among the asks.
    place: usize,
    /// How often it has been sent again.
    tries: u8,
}

/// Stands where no answer has come yet.
pub const UNANSWERED: Result<Response, Refusal> =
    Err(Refusal::NoAnswer(TransportError::Unreachable(Unreachable::Other)));

/// In a millisecond.
const NANOSECONDS: u64 = 1_000_000;

/// One GitLab, for the length of one call.
pub struct Client<'a> {
    settings: &'a Settings,
    credential: &'a Credential,
    transport: &'a mut dyn Transport,
    clock: &'a dyn Clock,
    sent: u64,
    patience: Patience,
    /// On the transport's clock, in nanoseconds.
    began: u64,
    at_once: usize,
    /// Whether a 429 has come.
    is_limited: bool,
}

impl<'a> Client<'a> {
    /// A client that has sent nothing yet.
    pub fn new(
        settings: &'a Settings,
        credential: &'a Credential,
        transport: &'a mut dyn Transport,
        clock: &'a dyn Clock,
    ) -> Self {
        let began = transport.now();
        let at_once = usize::from(settings.max_concurrency.max(1));
        let patience = Patience::default();
        Self { settings, credential, transport, clock, sent: 0, patience, began, at_once, is_limited: false }
    }

    /// The settings that this client was made with.
    #[must_use]
    pub const fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// The clock for dates in answers.
    #[must_use]
    pub const fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// Requests sent so far.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Ask several endpoints at once. The answers come in the order of the endpoints, one for each.
    pub fn ask_all<const N: usize>(&mut self, endpoints: [&Endpoint; N]) -> [Result<Response, Refusal>; N] {
        let asks: Vec<Ask<'_>> = endpoints.iter().map(|endpoint| Ask::Get(endpoint)).collect();
        let mut answers = self.send(&asks).into_iter();
        std::array::from_fn(|_| answers.next().unwrap_or(UNANSWERED))
    }

    /// The same for any number of endpoints.
    pub fn ask_many(&mut self, endpoints: &[Endpoint]) -> Vec<Result<Response, Refusal>> {
        let asks: Vec<Ask<'_>> = endpoints.iter().map(Ask::Get).collect();
        self.send(&asks)
    }

    /// Ask one endpoint.
    ///
    /// # Errors
    /// When no answer came. An answer of any status is no error here.
    pub fn ask(&mut self, endpoint: &Endpoint) -> Result<Response, Refusal> {
        self.send(&[Ask::Get(endpoint)]).pop().unwrap_or(UNANSWERED)
    }

    /// Ask by GraphQL; [`super::graphql::read`] reads the answer.
    ///
    /// # Errors
    /// When no answer came. An answer of any status is no error here.
    pub fn query(&mut self, query: &Query) -> Result<Response, Refusal> {
        self.send(&[Ask::Query(query)]).pop().unwrap_or(UNANSWERED)
    }

    /// Ask all of these, endpoints and queries mixed. The answers come in the order of the asks, one for each: the last
    /// one that came, where one was asked for again.
    pub fn send(&mut self, asks: &[Ask<'_>]) -> Vec<Result<Response, Refusal>> {
        // Plain loops: chains of iterators over these types cost kilobytes of the component.
        let mut answers = Vec::with_capacity(asks.len());
        let mut queue = VecDeque::with_capacity(asks.len());
        for place in 0..asks.len() {
            answers.push(UNANSWERED);
            queue.push_back(Turn { place, tries: 0 });
        }
        while !queue.is_empty() {
            let mut wave = Vec::new();
            let mut requests = Vec::new();
            while let Some(turn) = if wave.len() < self.wave_size() { queue.pop_front() } else { None } {
                let Some(ask) = asks.get(turn.place) else { continue };
                requests.push(self.request(*ask));
                wave.push(turn);
            }
            self.sent = self.sent.saturating_add(u64::try_from(wave.len()).unwrap_or(u64::MAX));
            let mut came = self.transport.send_all(requests).into_iter();
            let elapsed = self.transport.now().saturating_sub(self.began) / NANOSECONDS;
            let mut saw_limit = false;
            let mut last_word = None;
            let mut longest = 0;
            let mut again = Vec::new();
            for Turn { place, tries } in wave {
                let answer = came.next().unwrap_or(Err(TransportError::Unreachable(Unreachable::Other)));
                let fault = Fault::of(&answer, self.clock);
                saw_limit |= matches!(fault, Some(Fault::Limited(_)));
                if let Some(wait) = fault.and_then(|fault| self.patience.grant(fault, tries, elapsed)) {
                    longest = wait.max(longest);
                    again.push(Turn { place, tries: tries.saturating_add(1) });
                } else if let Ok(response @ Response { status: 401 | 429, .. }) = &answer {
                    last_word = Some(response.clone());
                }
                if let Some(slot) = answers.get_mut(place) {
                    *slot = match answer {
                        Ok(response) => Ok(self.without_secret(response)),
                        Err(error) => Err(Refusal::NoAnswer(error)),
                    };
                }
            }
            if saw_limit {
                self.at_once = (self.at_once / 2).max(1);
                self.is_limited = true;
            }
            if let Some(word) = last_word {
                let word = self.without_secret(word);
                for turn in queue {
                    // What was to be sent again keeps the answer that it has.
                    if let Some(slot) = answers.get_mut(turn.place).filter(|_| turn.tries == 0) {
                        *slot = Ok(word.clone());
                    }
                }
                return answers;
            }
            if longest > 0 {
                // What a clock shows below the millisecond is chance enough, and the only one there is.
                let pause = self.patience.pause(longest, self.transport.now() % NANOSECONDS);
                self.transport.pause(pause);
            }
            for turn in again.into_iter().rev() {
                queue.push_front(turn);
            }
        }
        answers
    }

    /// The transport keeps `at_once` requests under way and takes up the next when one is answered; twice as many keep
    /// it busy, and let a 429 be noticed before much more is sent.
    const fn wave_size(&self) -> usize {
        if self.is_limited { self.at_once } else { self.at_once * 2 }
    }

    fn request(&self, ask: Ask<'_>) -> Request {
        let base = &self.settings.base_url;
        let mut headers = vec![
            RequestHeader { name: "user-agent", value: format!("gitlab-seats/{VERSION}"), secret: false },
            RequestHeader { name: "accept", value: "application/json".to_owned(), secret: false },
        ];
        if let Credential::Value(secret) = self.credential {
            let value = [CREDENTIAL_PREFIX, secret].concat();
            headers.push(RequestHeader { name: CREDENTIAL_HEADER, value, secret: true });
        }
        match ask {
            Ask::Get(endpoint) => {
                let path = format!("{}{}", base.path(), endpoint.path_and_query());
                Request::get(base.scheme(), base.authority(), path, headers)
            }
            Ask::Query(query) => Request::query(base.scheme(), base.authority(), base.path(), headers, query.body()),
        }
    }

    fn without_secret(&self, mut response: Response) -> Response {
        let Credential::Value(secret) = self.credential else {
            return response;
        };
        if secret.is_empty() {
            return response;
        }
        for (_, value) in &mut response.headers {
            *value = value.replace(secret.as_str(), "(secret)");
        }
        blot_out(&mut response.body, secret.as_bytes());
        response
    }
}

/// Overwrite each occurrence of `secret` with asterisks; the length stays, and with it the shape of any JSON.
fn blot_out(body: &mut [u8], secret: &[u8]) {
    let Some(first) = secret.first() else { return };
    let mut rest = body;
    while let Some(start) = rest.iter().position(|byte| byte == first) {
        let Some(candidate) = rest.get_mut(start..) else { return };
        let step = match candidate.get_mut(..secret.len()) {
            Some(window) if window == secret => {
                window.fill(b'*');
                secret.len()
            }
            Some(_) => 1,
            None => return,
        };
        let Some(after) = candidate.get_mut(step..) else { return };
        rest = after;
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
