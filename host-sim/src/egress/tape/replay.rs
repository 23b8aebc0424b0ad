//! Reading a recording, and answering from it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use http_body::{Body, Frame, SizeHint};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wasmtime_wasi_http::Error;

use super::super::cause::Cause;
use super::Asked;
use super::format::{Ended, Exchange, FORMAT, Line, Text};
use crate::policy::network::NetworkPolicy;

/// Requests that were not recorded and are named; a plugin that goes astray may send no end of them.
const MISSING: usize = 100;

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("the recording {} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// It is not one, or damaged.
    #[error("{} is no recording: line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// It was written by another version.
    #[error("the recording {} has the form {found}, and this host reads {FORMAT}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its end is missing.
    #[error("the recording {} is not whole: it ends before its last line", .0.display())]
    NotWhole(PathBuf),
}

/// A recording that is replayed. It stays in its file; memory holds where each answer is.
#[derive(Debug)]
pub struct Replay {
    started: OffsetDateTime,
    policy: NetworkPolicy,
    rest: Mutex<Rest>,
}

/// An answer, and what it was given to.
#[derive(Debug, Clone)]
pub(crate) struct RecordedAnswer {
    pub(crate) method: String,
    /// Origin, path and query.
    pub(crate) url: String,
    /// Of the request, in hexadecimal digits; none for a request without a body.
    pub(crate) body_sha256: Option<String>,
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What was not asked for yet.
#[derive(Debug)]
struct Rest {
    file: File,
    /// Where the answers of each request are, in the order in which it was sent.
    places: HashMap<Asked, VecDeque<(u64, usize)>>,
    calls: VecDeque<Duration>,
    last_call: Duration,
    missing: Vec<String>,
}

impl Replay {
    /// Opens a recording, and reads it once from end to end.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let unreadable = |why| ReplayError::Unreadable { path: path.to_owned(), why };
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut places: HashMap<Asked, BTreeMap<u64, (u64, usize)>> = HashMap::new();
        let (mut head, mut calls, mut exchanges, mut ended) = (None, VecDeque::new(), 0, false);
        let (mut text, mut number, mut place) = (Vec::new(), 0, 0);
        loop {
            text.clear();
            let length = reader.read_until(b'\n', &mut text).map_err(unreadable)?;
            if length == 0 {
                break;
            }
            number += 1;
            let wrong = |why: &str| ReplayError::Line { path: path.to_owned(), line: number, why: why.to_owned() };
            if !text.ends_with(b"\n") {
                return Err(ReplayError::NotWhole(path.to_owned()));
            }
            // Another version may have other lines: its head is all that is asked of it.
            if number == 1
                && let Ok(Head { format }) = serde_json::from_slice(&text)
                && format != FORMAT
            {
                return Err(ReplayError::Format { path: path.to_owned(), found: format });
            }
            let line = serde_json::from_slice(&text).map_err(|error| wrong(&error.to_string()))?;
            match line {
                _ if ended => return Err(wrong("it comes after the last")),
                Line::Recording { started, allow_loopback, allow_private_network, .. } if number == 1 => {
                    let started = OffsetDateTime::parse(&started, &Rfc3339).map_err(|_| wrong("when it was begun"))?;
                    head = Some((started, NetworkPolicy { loopback: allow_loopback, private: allow_private_network }));
                }
                Line::Call { seconds, nanoseconds } if number > 1 => {
                    calls.push_back(
                        Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanoseconds.into())),
                    );
                }
                Line::Exchange(exchange) if number > 1 => {
                    exchanges += 1;
                    let number = exchange.number;
                    if places.entry(exchange.asked()).or_default().insert(number, (place, length)).is_some() {
                        return Err(wrong("its number comes twice"));
                    }
                }
                Line::End { calls: told, exchanges: in_all } if number > 1 => {
                    if u64::try_from(calls.len()) != Ok(told) || exchanges != in_all {
                        return Err(wrong("it counts other lines than there are"));
                    }
                    ended = true;
                }
                _ => return Err(wrong("it is not the line that belongs here")),
            }
            place += u64::try_from(length).unwrap_or(u64::MAX);
        }
        let (Some((started, policy)), true) = (head, ended) else {
            return Err(ReplayError::NotWhole(path.to_owned()));
        };
        let last_call = Duration::from_secs(u64::try_from(started.unix_timestamp()).unwrap_or(0));
        let places = places.into_iter().map(|(asked, places)| (asked, places.into_values().collect())).collect();
        let rest = Rest { file: reader.into_inner(), places, calls, last_call, missing: Vec::new() };
        Ok(Self { started, policy, rest: Mutex::new(rest) })
    }

    /// When it was begun.
    #[must_use]
    pub fn started(&self) -> OffsetDateTime {
        self.started
    }

    /// What was allowed when it was made.
    #[must_use]
    pub fn policy(&self) -> NetworkPolicy {
        self.policy
    }

    /// Requests that were not recorded, as method and address, the first of them. A run with any is not the run that was recorded.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.with(|rest| rest.missing.clone())
    }

    /// All answers that are left, those to the same request in the order in which it was sent. Exchanges without an answer
    /// are not among them.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub(crate) fn answers(&self) -> io::Result<Vec<RecordedAnswer>> {
        self.with(|rest| {
            let asked: Vec<Asked> =
                rest.places.iter().flat_map(|(asked, places)| vec![asked.clone(); places.len()]).collect();
            let mut answers = Vec::new();
            for asked in asked {
                let Some(exchange) = rest.next(&asked)? else { continue };
                let (Some(status), Some(body)) = (exchange.status, exchange.body.into_bytes()) else { continue };
                let text = |value: Text| value.into_bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                let header = |(name, value): (String, Text)| Some((name.to_ascii_lowercase(), text(value)?));
                let headers = exchange.headers.into_iter().filter_map(header).collect();
                let Asked { method, url, body_sha256 } = asked;
                answers.push(RecordedAnswer { method, url, body_sha256, status, headers, body });
            }
            Ok(answers)
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Rest) -> T) -> T {
        act(&mut self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The guest's wall clock during the next call; in a call beyond the recording, that of its last.
    pub(super) fn call(&self) -> Duration {
        self.with(|rest| {
            rest.last_call = rest.calls.pop_front().unwrap_or(rest.last_call);
            rest.last_call
        })
    }

    /// The next answer to a request.
    pub(in crate::egress) async fn answer(&self, asked: &Asked) -> Result<Response<Played>, Cause> {
        let found = self.with(|rest| rest.next(asked));
        let exchange = match found {
            Ok(Some(exchange)) => exchange,
            Ok(None) => {
                let request = format!("{} {}", asked.method, asked.url);
                let words = format!("the recording has no answer to {request}");
                self.with(|rest| rest.miss(request));
                return Err(Cause::new(Error::InternalError(Some(words.clone())), words));
            }
            Err(error) => {
                let words = format!("the recording cannot be read: {error}");
                self.with(|rest| rest.miss(words.clone()));
                return Err(Cause::new(Error::InternalError(Some(words.clone())), words));
            }
        };
        if exchange.ended == Ended::Unanswered {
            // Until the guest, or the limit of its call, gives up as it did then.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(exchange.ms)).await;
        let damaged = || Cause::new(Error::HttpProtocolError, "the recording holds an answer that is not HTTP");
        let Some(status) = exchange.status else {
            return Err(match exchange.ended {
                Ended::Failed(failed) => failed.into(),
                _ => damaged(),
            });
        };
        let mut response = Response::builder().status(status);
        for (name, value) in exchange.headers {
            let name = HeaderName::try_from(name).map_err(|_| damaged())?;
            let value =
                value.into_bytes().and_then(|value| HeaderValue::from_bytes(&value).ok()).ok_or_else(damaged)?;
            response = response.header(name, value);
        }
        let body = Bytes::from(exchange.body.into_bytes().ok_or_else(damaged)?);
        response.body(Played { body, ended: exchange.ended }).map_err(|_| damaged())
    }
}

/// The part of the first line that every version has.
#[derive(serde::Deserialize)]
struct Head {
    format: u32,
}

impl Rest {
    fn miss(&mut self, request: String) {
        if self.missing.len() < MISSING {
            self.missing.push(request);
        }
    }

    fn next(&mut self, asked: &Asked) -> io::Result<Option<Exchange>> {
        let Some((place, length)) = self.places.get_mut(asked).and_then(VecDeque::pop_front) else {
            return Ok(None);
        };
        self.file.seek(SeekFrom::Start(place))?;
        let mut text = vec![0; length];
        self.file.read_exact(&mut text)?;
        match serde_json::from_slice(&text)? {
            Line::Exchange(exchange) => Ok(Some(*exchange)),
            _ => Err(io::Error::other("it has changed meanwhile")),
        }
    }
}

/// Most bytes of a body that are passed on at once: about as many as come at once from a network, so that limits are looked at
/// as often.
const PIECE: usize = 64 * 1024;

/// A body from a recording: all that there was of it, and then the same end.
pub(in crate::egress) struct Played {
    body: Bytes,
    ended: Ended,
}

impl Body for Played {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        if !self.body.is_empty() {
            let length = self.body.len().min(PIECE);
            return Poll::Ready(Some(Ok(Frame::data(self.body.split_to(length)))));
        }
        match &self.ended {
            Ended::Whole => Poll::Ready(None),
            Ended::Failed(failed) => Poll::Ready(Some(Err(failed.clone().into()))),
            // The guest gave it up at this point, or its call ended; whoever waits for more has a time-out of its own.
            Ended::GivenUp | Ended::Unanswered => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_empty() && self.ended == Ended::Whole
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.ended, u64::try_from(self.body.len())) {
            (Ended::Whole, Ok(length)) => SizeHint::with_exact(length),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use bytes::Bytes;
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::{Ended, PIECE, Played};

    /// A recorded answer of megabytes came as one piece, which no network gives.
    #[tokio::test]
    async fn a_body_comes_in_pieces_and_is_the_same() {
        for length in [0, 1, PIECE, PIECE + 1, 3 * PIECE, (1 << 20) + 5] {
            let whole: Bytes = (0..length).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let mut body = Played { body: whole.clone(), ended: Ended::Whole };
            assert_eq!(body.size_hint().exact(), u64::try_from(length).ok());
            let mut pieces = Vec::new();
            while let Some(frame) = body.frame().await {
                pieces.push(frame.map_err(|cause| cause.words).unwrap().into_data().unwrap());
            }
            assert!(pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())), "{length}");
            assert_eq!((pieces.len(), pieces.concat()), (length.div_ceil(PIECE), whole.to_vec()), "{length}");
            assert!(body.is_end_stream());
        }
    }
}
