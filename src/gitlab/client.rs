//! Asking one GitLab: base, headers, credential, what is asked again, and how many requests were sent.
//!
//! Guarantees: every request goes to the configured origin and path with the same headers; with
//! [`Credential::Injected`] there is no credential header at all; every request sent is counted, those sent again too.
//! An answer that may get better is asked for again as [`super::patience`] allows, and until then nothing more is begun;
//! [`super::pace`] tells how many requests are under way at once. Where the plugin knows the secret, it is blotted out of
//! answers before anything reads them: a server that echoes requests, as debugging proxies do, cannot bring it into a
//! message.
//!
//! Refuses to go on after an answer that says that nothing more is wanted, a 401 or a 429 which is not waited out: what
//! has not been sent then is not sent, and gets that answer. What is only hoped for ends nothing, and is not asked for again. All others
//! are read through [`super::refusal`].

use super::endpoint::Endpoint;
use super::graphql::Query;
use super::pace::Pace;
use super::patience::{Fault, Patience};
use super::refusal::Refusal;
use crate::clock::Clock;
use crate::configuration::fields::{CREDENTIAL_HEADER, CREDENTIAL_PREFIX, VERSION};
use crate::configuration::settings::Settings;
use crate::transport::{Flow, Request, RequestHeader, Response, Transport, TransportError, Unreachable};

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
    /// By REST, in the hope that it is wanted: what goes wrong is not tried again, and says nothing of other requests.
    Hoped(&'a Endpoint),
    /// The same by GraphQL.
    HopedQuery(&'a Query),
}

impl Ask<'_> {
    const fn is_hoped(self) -> bool {
        matches!(self, Self::Hoped(_) | Self::HopedQuery(_))
    }
}

/// A request that waits to be sent.
struct Turn {
    /// Among the asks.
    place: usize,
    /// How often it has been sent again.
    tries: u8,
    /// What came last.
    answer: Option<Outcome>,
}

type Outcome = Result<Response, Refusal>;

/// What becomes of requests that were not sent, after an answer that ends a round for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unsent {
    /// They get that answer.
    GetLastWord,
    /// Nobody has to have them: what comes after one that failed is of no use, and the server's pace is kept to.
    AreLeft,
}

/// Stands where no answer has come yet.
pub const UNANSWERED: Result<Response, Refusal> =
    Err(Refusal::NoAnswer(TransportError::Unreachable(Unreachable::Other)));

/// In a millisecond.
const NANOSECONDS: u64 = 1_000_000;

/// What a call takes before it ends with the pages that it has, in nanoseconds. A host ends it after 180 seconds, and each of the requests
/// under way may take 60.
const LONGEST: u64 = 75_000 * NANOSECONDS;

/// In milliseconds.
const SECOND: u64 = 1000;

/// Answers that a connection brings in one call. The more, the less the pause between two calls counts; the longer, too,
/// until what was read is safe.
const ROUNDS: usize = 5;

/// One GitLab, for the length of one call.
pub struct Client<'a> {
    settings: &'a Settings,
    credential: &'a Credential,
    transport: &'a mut dyn Transport,
    clock: &'a dyn Clock,
    sent: u64,
    patience: Patience,
    pace: Pace,
    /// On the transport's clock, in nanoseconds.
    began: u64,
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
        Self::at_pace(settings, credential, transport, clock, Pace::default())
    }

    /// The same, which knows the server's pace from earlier calls.
    pub fn at_pace(
        settings: &'a Settings,
        credential: &'a Credential,
        transport: &'a mut dyn Transport,
        clock: &'a dyn Clock,
        pace: Pace,
    ) -> Self {
        let began = transport.now();
        let patience = Patience::default();
        Self { settings, credential, transport, clock, sent: 0, patience, pace, began, is_limited: false }
    }

    /// Wait until the server takes requests again, if that is soon.
    ///
    /// # Errors
    /// How many seconds it is not soon enough: a wait that is the caller's, who holds nothing meanwhile.
    pub fn wait_for_window(&mut self) -> Result<(), u32> {
        loop {
            match self.pace.wait(self.clock.unix_seconds()) {
                0 => return Ok(()),
                // One more, since the clock shows whole seconds only.
                1 if self.patience.grant(Fault::Limited(Some(1)), 0, 0).is_some() => {
                    let pause = self.patience.pause(SECOND, 0);
                    self.transport.pause(pause);
                    self.pace.waited(self.clock.unix_seconds());
                }
                seconds => return Err(u32::try_from(seconds).unwrap_or(u32::MAX)),
            }
        }
    }

    /// The server's pace, as far as it is known now.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let mut pace = self.pace.clone();
        if !self.is_limited {
            pace.went_well(self.most_at_once());
        }
        pace
    }

    /// Whether the server has sent a request of this call away.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Whether the call has taken so long that nothing more is asked for ahead.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.transport.now().saturating_sub(self.began) > LONGEST
    }

    /// How many requests are worth sending together: they keep the connections busy for a while, and the server takes
    /// them, as far as is known.
    #[must_use]
    pub fn worth_sending(&self) -> usize {
        let busy = self.at_once().saturating_mul(ROUNDS);
        busy.min(usize::try_from(self.pace.room()).unwrap_or(usize::MAX)).max(1)
    }

    /// How many requests are under way at the same time now, at most.
    #[must_use]
    pub fn at_once(&self) -> usize {
        usize::from(self.pace.at_once(self.most_at_once()))
    }

    fn most_at_once(&self) -> u8 {
        self.settings.max_concurrency.max(1)
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
    pub fn ask_all<const N: usize>(&mut self, endpoints: [&Endpoint; N]) -> [Outcome; N] {
        let asks: Vec<Ask<'_>> = endpoints.iter().map(|endpoint| Ask::Get(endpoint)).collect();
        let mut answers = self.send(&asks).into_iter();
        std::array::from_fn(|_| answers.next().unwrap_or(UNANSWERED))
    }

    /// The same for any number of endpoints.
    pub fn ask_many(&mut self, endpoints: &[Endpoint]) -> Vec<Outcome> {
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
    pub fn send(&mut self, asks: &[Ask<'_>]) -> Vec<Outcome> {
        // Plain loops: chains of iterators over these types cost kilobytes of the component.
        let mut answers = Vec::new();
        answers.resize_with(asks.len(), || UNANSWERED);
        let asks: Vec<Option<Ask<'_>>> = asks.iter().copied().map(Some).collect();
        self.send_each(&asks, Unsent::GetLastWord, &mut |place, answer| {
            if let Some(slot) = answers.get_mut(place) {
                *slot = answer;
            }
            None
        });
        answers
    }

    /// Ask for as many of these as the server takes now. Each answer is handed over when it has come, with its place among
    /// the endpoints, while others are under way; those that were not asked for are not.
    ///
    /// What `done` gives back for an answer is asked for, too, behind all that waits, at the place after that answer's, which has
    /// to be an empty one.
    pub fn ask_ahead(
        &mut self,
        endpoints: &[Option<Endpoint>],
        done: &mut dyn FnMut(usize, Outcome) -> Option<Endpoint>,
    ) {
        let asks: Vec<Option<Ask<'_>>> = endpoints.iter().map(|endpoint| endpoint.as_ref().map(Ask::Get)).collect();
        self.send_each(&asks, Unsent::AreLeft, done);
    }

    fn send_each(
        &mut self,
        asks: &[Option<Ask<'_>>],
        unsent: Unsent,
        done: &mut dyn FnMut(usize, Outcome) -> Option<Endpoint>,
    ) {
        let mut queue = Vec::with_capacity(asks.len());
        for (place, ask) in asks.iter().enumerate() {
            if ask.is_some() {
                queue.push(Some(Turn { place, tries: 0, answer: None }));
            }
        }
        // For the empty places.
        let mut added: Vec<(usize, Endpoint)> = Vec::new();
        let mut held: Vec<Option<Turn>> = Vec::new();
        // The first, by its place, that got no data.
        let mut failed = usize::MAX;
        while !queue.is_empty() {
            let mut requests = Vec::with_capacity(queue.len());
            for turn in queue.iter().flatten() {
                let added = added.iter().find(|(place, _)| *place == turn.place);
                let added = added.map(|(_, endpoint)| Ask::Get(endpoint));
                if let Some(ask) = asks.get(turn.place).copied().flatten().or(added) {
                    requests.push(request(self.settings, self.credential, ask));
                }
            }
            // What follows on something that is asked for again waits until all of that has gone well.
            let holds = queue.iter().flatten().any(|turn| turn.tries > 0);
            let most = self.most_at_once();
            let at_once = usize::from(self.pace.at_once(most));
            let (settings, credential, clock, began) = (self.settings, self.credential, self.clock, self.began);
            let (pace, sent) = (&mut self.pace, &mut self.sent);
            let mut round = Round::default();
            self.transport.send_all(requests, at_once, &mut |number, at, answer| {
                let Some(turn) = queue.get_mut(number).and_then(Option::take) else {
                    return Flow::Stop;
                };
                *sent = sent.saturating_add(1);
                round.is_full |= at.saturating_sub(began) > LONGEST;
                let fault = Fault::of(&answer, clock);
                if let Some(Fault::Limited(seconds)) = fault {
                    round.limited = Some(seconds.max(round.limited.flatten()));
                } else if let Ok(response) = &answer {
                    round.is_full |= pace.answered(response, most, clock.unix_seconds());
                }
                let answer = match answer {
                    Ok(response) => Ok(without_secret(credential, response)),
                    Err(error) => Err(Refusal::NoAnswer(error)),
                };
                let is_hoped = asks.get(turn.place).copied().flatten().is_some_and(Ask::is_hoped);
                if is_hoped {
                    let _ = done(turn.place, answer);
                } else if let Some(fault) = fault {
                    let elapsed = at.saturating_sub(began) / NANOSECONDS;
                    round.faulty.push((Turn { answer: Some(answer), ..turn }, fault, elapsed));
                } else {
                    round.note(turn.place, &answer, unsent, &mut failed);
                    if let Some(endpoint) = done(turn.place, answer) {
                        let place = turn.place.saturating_add(1);
                        let flow = match round.flow(unsent, failed) {
                            Flow::GoOn if !holds => {
                                Flow::Also(Box::new(request(settings, credential, Ask::Get(&endpoint))))
                            }
                            // Sent when the rest is, if it is.
                            flow => flow,
                        };
                        queue.push(Some(Turn { place, tries: 0, answer: None }));
                        added.push((place, endpoint));
                        return flow;
                    }
                }
                round.flow(unsent, failed)
            });
            // In the order of the asks, so that it does not depend on whose answer came first who is asked again.
            round.faulty.sort_by_key(|(turn, ..)| turn.place);
            let mut again = Vec::new();
            for (turn, fault, elapsed) in std::mem::take(&mut round.faulty) {
                if let Some(wait) = self.patience.grant(fault, turn.tries, elapsed) {
                    round.longest = round.longest.max(wait);
                    again.push(Some(Turn { tries: turn.tries.saturating_add(1), ..turn }));
                } else if let Some(answer) = turn.answer {
                    round.note(turn.place, &answer, unsent, &mut failed);
                    let _ = done(turn.place, answer);
                }
            }
            if let Some(seconds) = round.limited {
                self.is_limited = true;
                self.pace.sent_away(seconds, most, self.clock.unix_seconds());
            }
            let is_full = round.is_full && unsent == Unsent::AreLeft;
            // Nothing more is asked for until what went wrong has gone well.
            queue.append(&mut held);
            queue.retain(|turn| turn.as_ref().is_some_and(|turn| turn.place < failed));
            held = std::mem::replace(&mut queue, again);
            if queue.is_empty() || is_full || round.last_word.is_some() {
                queue.append(&mut held);
            }
            if is_full || round.last_word.is_some() {
                for Turn { place, answer, .. } in queue.into_iter().flatten() {
                    // What was to be sent again keeps the answer that it has.
                    match (answer, &round.last_word, unsent) {
                        (Some(answer), ..) => drop(done(place, answer)),
                        (None, Some(word), Unsent::GetLastWord) => drop(done(place, Ok(word.clone()))),
                        (None, ..) => {}
                    }
                }
                return;
            }
            if round.longest > 0 {
                // What a clock shows below the millisecond is chance enough, and the only one there is.
                let pause = self.patience.pause(round.longest, self.transport.now() % NANOSECONDS);
                self.transport.pause(pause);
                if round.limited.is_some() {
                    self.pace.waited(self.clock.unix_seconds());
                }
            }
        }
    }
}

fn request(settings: &Settings, credential: &Credential, ask: Ask<'_>) -> Request {
    let base = &settings.base_url;
    let mut headers = vec![
        RequestHeader { name: "user-agent", value: format!("gitlab-seats/{VERSION}"), secret: false },
        RequestHeader { name: "accept", value: "application/json".to_owned(), secret: false },
    ];
    if let Credential::Value(secret) = credential {
        let value = [CREDENTIAL_PREFIX, secret].concat();
        headers.push(RequestHeader { name: CREDENTIAL_HEADER, value, secret: true });
    }
    match ask {
        Ask::Get(endpoint) | Ask::Hoped(endpoint) => {
            let path = format!("{}{}", base.path(), endpoint.path_and_query());
            Request::get(base.scheme(), base.authority(), path, headers)
        }
        Ask::Query(query) | Ask::HopedQuery(query) => {
            Request::query(base.scheme(), base.authority(), base.path(), headers, query.body())
        }
    }
}

/// What a round of requests brought beside answers.
#[derive(Default)]
struct Round {
    /// What went wrong in a way that may get better, and when, in milliseconds of the call.
    faulty: Vec<(Turn, Fault, u64)>,
    /// The longest pause before any of that is sent again, in milliseconds.
    longest: u64,
    /// A 429, with the longest wait in seconds that one has asked for.
    limited: Option<Option<u32>>,
    /// Whether the server takes no more, by what it says of itself, or the call has taken long.
    is_full: bool,
    /// An answer after which nothing more is wanted.
    last_word: Option<Response>,
}

impl Round {
    /// A server in trouble is not asked for more until what it owes is asked for again.
    fn flow(&self, unsent: Unsent, failed: usize) -> Flow {
        let is_full = self.is_full && unsent == Unsent::AreLeft;
        let is_over = is_full || self.last_word.is_some() || failed < usize::MAX;
        if is_over || !self.faulty.is_empty() { Flow::Stop } else { Flow::GoOn }
    }

    /// An answer that stands.
    fn note(&mut self, place: usize, answer: &Outcome, unsent: Unsent, failed: &mut usize) {
        match answer {
            Ok(Response { status: 200, .. }) => {}
            Ok(response @ Response { status: 401 | 429, .. }) => self.last_word = Some(response.clone()),
            Ok(_) | Err(_) if unsent == Unsent::AreLeft => *failed = place.min(*failed),
            Ok(_) | Err(_) => {}
        }
    }
}

fn without_secret(credential: &Credential, mut response: Response) -> Response {
    let Credential::Value(secret) = credential else {
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
