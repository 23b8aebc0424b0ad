//! The plugin's core as a function of this program: the same answers, without a sandbox.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::{Duration, Instant};

use gitlab_seats::clock::FixedClock;
use gitlab_seats::configuration::{Configuration, Input, configure};
use gitlab_seats::gitlab::client::Credential;
use gitlab_seats::record::Then;
use gitlab_seats::transport::{Flow, Kind, Request, Response, Take, Transport, TransportError, Unreachable};
use sha2::{Digest as _, Sha256};

use super::super::isolation::BenchError;
use crate::bill::Records;
use crate::egress::{RecordedAnswer, Replay};

/// A walk through a recording that can be repeated.
pub struct Walk {
    configuration: Configuration,
    clock: FixedClock,
    answers: HashMap<Asked, Vec<Response>>,
    url: String,
}

/// Method, address and digest of the body.
type Asked = (String, String, Option<String>);

impl Walk {
    /// Of a recording at `tape`, of a GitLab at `url`.
    pub(super) fn new(tape: &Path, url: &str) -> Result<Self, BenchError> {
        let wrong = |error: &dyn std::fmt::Display| BenchError::Setup(error.to_string());
        let replay = Replay::open(tape).map_err(|error| wrong(&error))?;
        let mut answers: HashMap<Asked, Vec<Response>> = HashMap::new();
        for RecordedAnswer { method, url, body_sha256, status, headers, body } in
            replay.answers().map_err(|error| wrong(&error))?
        {
            answers.entry((method, url, body_sha256)).or_default().push(Response { status, headers, body });
        }
        let entered = [("host_url".to_owned(), Input::Text(url.to_owned())), ("token".to_owned(), Input::SecretSet)];
        let configuration = configure(&entered)
            .map_err(|problems| BenchError::Setup(format!("the plugin refuses its settings: {problems:?}")))?;
        let clock = FixedClock(u64::try_from(replay.started().unix_timestamp()).unwrap_or(0));
        Ok(Self { configuration, clock, answers, url: url.to_owned() })
    }

    /// Walks once: what was delivered, and how long all calls took.
    ///
    /// # Errors
    /// [`BenchError`], when a call fails, which none of a recorded run did.
    pub fn run(&mut self) -> Result<(Records, Duration), BenchError> {
        let queues = self.answers.iter().map(|(asked, answers)| (asked.clone(), answers.clone().into()));
        let mut network =
            Replayed { url: &self.url, queues: queues.collect(), now: 0, read: Vec::new(), looking: Duration::ZERO };
        let (mut taken, mut cursor) = (Duration::ZERO, None);
        loop {
            let started = Instant::now();
            let batch = gitlab_seats::collect::collect(
                &self.configuration,
                &Credential::Injected,
                cursor.as_deref(),
                &mut network,
                &self.clock,
            );
            let delivered = std::hint::black_box(batch).map(|batch| {
                // Given back in the measured time, as the guest does, which the host asks for it after each call.
                drop((batch.entries, batch.warnings));
                batch.then
            });
            taken += started.elapsed().saturating_sub(std::mem::take(&mut network.looking));
            match delivered.map_err(|failure| BenchError::Honest(format!("native code reports {failure:?}")))? {
                Then::Next(next) => cursor = Some(next),
                Then::End(summary) => {
                    let counts = summary.counts;
                    let records = Records {
                        source: counts.sources,
                        pool: counts.pools,
                        user: counts.users,
                        assignment: counts.assignments,
                        warning: counts.warnings,
                    };
                    return Ok((records, taken));
                }
            }
        }
    }
}

/// A network out of memory.
struct Replayed<'a> {
    url: &'a str,
    queues: HashMap<Asked, VecDeque<Response>>,
    now: u64,
    /// Bodies that were copied.
    read: Vec<Vec<u8>>,
    /// Time for finding answers, which is none of the plugin's.
    looking: Duration,
}

impl Replayed<'_> {
    fn answer(&mut self, request: Request) -> Result<Response, TransportError> {
        let started = Instant::now();
        let url = format!("{}{}", self.url, request.path_and_query());
        let asked = match request.into_kind() {
            Kind::Get => ("GET".to_owned(), url, None),
            Kind::Query { body } => ("POST".to_owned(), url, Some(format!("{:x}", Sha256::digest(&body)))),
        };
        let found = self.queues.get_mut(&asked).and_then(VecDeque::pop_front);
        self.looking += started.elapsed();
        let mut kept = found.ok_or(TransportError::Unreachable(Unreachable::NoRoute))?;
        // Whoever reads from a network copies the body once, which is the plugin's work on either side.
        let body = kept.body.as_slice().to_vec();
        // Given back when all is over: it is none of the plugin's.
        self.read.push(std::mem::replace(&mut kept.body, body));
        Ok(kept)
    }
}

impl Transport for Replayed<'_> {
    fn send_all(&mut self, requests: Vec<Request>, _at_once: usize, take: Take<'_>) {
        for (place, request) in requests.into_iter().enumerate() {
            let answer = self.answer(request);
            if take(place, self.now, answer) == Flow::Stop {
                break;
            }
        }
    }

    fn pause(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(milliseconds.saturating_mul(1_000_000));
    }

    fn now(&self) -> u64 {
        self.now
    }
}
