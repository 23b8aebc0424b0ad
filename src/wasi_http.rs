//! The network through `wasi:http`: the only module that speaks it.
//!
//! Guarantees: no more requests than asked for are under way at once; while an answer is looked at, the next request is
//! under way already; each has a connect, a first-byte and a between-bytes timeout and a deadline for the whole; a body is read in pieces and given up beyond
//! [`LONGEST_BODY`]; every error code of the host becomes one of a few causes.
//!
//! Refuses to follow redirects, as does the host, and to block on one exchange: also the body of a query is written as
//! the host takes it. Has no executor: a `poll` over a list of exchanges is all that is needed; tasks and wakers would
//! be more code to trust for the same overlap.

use std::collections::VecDeque;

use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme as WasiScheme, http_error_code,
};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::{InputStream, OutputStream, StreamError};

use crate::transport::{Flow, Kind, Request, Response, Scheme, Take, Transport, TransportError, Unreachable};

mod cause;

use cause::cause;

/// Longest body, in bytes. A page of 100 accounts has some 200 KiB; an answer beyond this is not one of GitLab's lists.
/// Six of them under way at once, each doubled while it grows, stay below what a host lets a guest have.
pub const LONGEST_BODY: u64 = 4 * 1024 * 1024;

/// A piece of a body, in bytes.
const PIECE: u64 = 64 * 1024;

/// Room that is made for a body by what is announced of it, in bytes: that of a page with long rows.
const MOST_ROOM: u64 = 256 * 1024;

const MILLISECOND: u64 = 1_000_000;

const SECOND: u64 = 1000 * MILLISECOND;

/// Ten seconds are long for a handshake on any network that is not broken.
const CONNECT: u64 = 10 * SECOND;

/// GitLab computes the seat flag row by row, which takes tens of seconds on large instances, and gives up after 60.
const FIRST_BYTE: u64 = 60 * SECOND;

/// Between two pieces of one body.
const BETWEEN_BYTES: u64 = 30 * SECOND;

/// For the whole exchange. The timeout between bytes is no bound for a server that sends one byte at a time.
const WHOLE: u64 = 180 * SECOND;

/// The host's network.
#[derive(Debug, Clone, Copy)]
pub struct WasiHttp;

impl Transport for WasiHttp {
    fn send_all(&mut self, requests: Vec<Request>, at_once: usize, take: Take<'_>) {
        let at_once = at_once.max(1);
        let mut places = requests.len();
        let mut waiting: VecDeque<(usize, Request)> = requests.into_iter().enumerate().collect();
        let mut under_way: Vec<Exchange> = Vec::new();
        let mut timer = Timer::of(WHOLE);
        let mut answers: Vec<(usize, Outcome)> = Vec::new();
        let mut goes_on = true;
        loop {
            // Answers take their time to be read: the next requests are under way before, unless an answer may end it all.
            let is_well = answers.iter().all(|(_, answer)| answer.as_ref().is_ok_and(|answer| answer.status == 200));
            while goes_on && is_well && under_way.len() < at_once {
                let Some((place, request)) = waiting.pop_front() else { break };
                match start(request) {
                    Ok(phase) => under_way.push(Exchange { phase, place, deadline: monotonic_clock::now() + WHOLE }),
                    Err(error) => {
                        answers.push((place, Err(error)));
                        break;
                    }
                }
            }
            if !answers.is_empty() {
                for (place, answer) in answers.drain(..) {
                    match take(place, monotonic_clock::now(), answer) {
                        Flow::GoOn => {}
                        Flow::Also(request) => {
                            waiting.push_back((places, *request));
                            places += 1;
                        }
                        Flow::Stop => goes_on = false,
                    }
                }
                continue;
            }
            if under_way.is_empty() {
                return;
            }
            let ready = timer.poll(&under_way);
            let now = if timer.has_fired(&ready, under_way.len()) { timer.again(&under_way) } else { 0 };
            // A plain loop: filtering an `Exchange` in place costs more than a kilobyte of the component.
            let before = std::mem::take(&mut under_way);
            for (index, exchange) in before.into_iter().enumerate() {
                let is_ready = ready.iter().any(|ready| usize::try_from(*ready) == Ok(index));
                // Whatever has come: the timer is not set for it again.
                let step = if exchange.deadline <= now {
                    Step::Done(exchange.place, Err(Unreachable::TimedOut.into()))
                } else if is_ready {
                    exchange.advance()
                } else {
                    Step::Wait(exchange)
                };
                match step {
                    Step::Wait(exchange) => under_way.push(exchange),
                    Step::Done(place, result) => answers.push((place, result)),
                }
            }
        }
    }

    fn pause(&mut self, milliseconds: u64) {
        let end = monotonic_clock::subscribe_duration(milliseconds.saturating_mul(MILLISECOND));
        drop(poll(&[&end]));
    }

    fn now(&self) -> u64 {
        monotonic_clock::now()
    }
}

type Outcome = Result<Response, TransportError>;

/// One request and its answer, as far as it is.
struct Exchange {
    phase: Phase,
    place: usize,
    /// On the monotonic clock, nanoseconds.
    deadline: u64,
}

enum Phase {
    Sending(Sending),
    Asked { ready: Pollable, future: FutureIncomingResponse },
    Answering(Answering),
}

/// A body on its way out. Fields are dropped from the top: a child resource must go before the one it came from.
struct Sending {
    ready: Pollable,
    stream: OutputStream,
    body: OutgoingBody,
    left: Vec<u8>,
    flushed: bool,
    future: FutureIncomingResponse,
}

/// Dropped from the top, as above.
struct Answering {
    ready: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
    read: Response,
}

enum Step {
    Wait(Exchange),
    Done(usize, Outcome),
}

impl Phase {
    const fn pollable(&self) -> &Pollable {
        match self {
            Self::Sending(sending) => &sending.ready,
            Self::Asked { ready, .. } => ready,
            Self::Answering(answering) => &answering.ready,
        }
    }
}

/// One timer for the deadlines of all exchanges: each pollable costs the host as much as an answer that it waits for.
struct Timer {
    pollable: Pollable,
}

impl Timer {
    fn of(duration: u64) -> Self {
        Self { pollable: monotonic_clock::subscribe_duration(duration) }
    }

    /// Waits until an exchange can go on or the time is up. What is ready, by its place; the timer's is behind those of the exchanges.
    fn poll(&self, under_way: &[Exchange]) -> Vec<u32> {
        let exchanges = under_way.iter().map(|exchange| exchange.phase.pollable());
        poll(&exchanges.chain([&self.pollable]).collect::<Vec<_>>())
    }

    fn has_fired(&self, ready: &[u32], exchanges: usize) -> bool {
        ready.iter().any(|ready| usize::try_from(*ready) == Ok(exchanges))
    }

    /// Sets it anew, for the first deadline that is to come, and says what time it is. It was set for one that may have ended long ago.
    fn again(&mut self, under_way: &[Exchange]) -> u64 {
        let now = monotonic_clock::now();
        let left =
            under_way.iter().map(|exchange| exchange.deadline.saturating_sub(now)).filter(|left| *left > 0).min();
        *self = Self::of(left.unwrap_or(WHOLE));
        now
    }
}

impl Exchange {
    /// One step of what is ready for it.
    fn advance(self) -> Step {
        let Self { phase, place, deadline } = self;
        let next = match phase {
            Phase::Sending(sending) => write_piece(sending),
            Phase::Asked { ready, future } => {
                drop(ready);
                answered(&future)
            }
            Phase::Answering(answering) => read_piece(answering),
        };
        match next {
            Ok(Progress::More(phase)) => Step::Wait(Self { phase, place, deadline }),
            Ok(Progress::Complete(response)) => Step::Done(place, Ok(response)),
            Err(error) => Step::Done(place, Err(error)),
        }
    }
}

enum Progress {
    More(Phase),
    Complete(Response),
}

fn start(request: Request) -> Result<Phase, TransportError> {
    let headers: Vec<(String, Vec<u8>)> =
        request.headers().iter().map(|header| (header.name.to_owned(), header.value.clone().into_bytes())).collect();
    let refused = |_| TransportError::Denied("it does not accept one of the request's headers");
    let headers = Fields::from_list(&headers).map_err(refused)?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match request.scheme() {
        Scheme::Http => WasiScheme::Http,
        Scheme::Https => WasiScheme::Https,
    };
    let refused = |()| TransportError::Denied("it does not accept the address");
    outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
    outgoing.set_authority(Some(request.authority())).map_err(refused)?;
    outgoing.set_path_with_query(Some(request.path_and_query())).map_err(refused)?;
    let (method, left) = match request.into_kind() {
        Kind::Get => (Method::Get, None),
        Kind::Query { body } => (Method::Post, Some(body)),
    };
    let refused = |()| TransportError::Denied("it does not accept the method");
    outgoing.set_method(&method).map_err(refused)?;
    // The body can only be had before the request is handed over, and only be written after.
    let body = left.map(|left| outgoing.body().map(|body| (body, left))).transpose().map_err(refused)?;
    let options = RequestOptions::new();
    // A host that knows no timeouts may refuse them; the deadline of the exchange stands in any case.
    let _ = options.set_connect_timeout(Some(CONNECT));
    let _ = options.set_first_byte_timeout(Some(FIRST_BYTE));
    let _ = options.set_between_bytes_timeout(Some(BETWEEN_BYTES));
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| cause(&code))?;
    let Some((body, left)) = body else { return Ok(asked(future)) };
    let stream = body.write().map_err(|()| TransportError::from(Unreachable::Other))?;
    Ok(Phase::Sending(Sending { ready: stream.subscribe(), stream, body, left, flushed: false, future }))
}

fn asked(future: FutureIncomingResponse) -> Phase {
    Phase::Asked { ready: future.subscribe(), future }
}

/// One step of write, flush, finish: each takes what the host takes now, and waits for the next readiness.
fn write_piece(mut sending: Sending) -> Result<Progress, TransportError> {
    let permitted = sending.stream.check_write();
    let step = permitted.and_then(|permitted| {
        let piece = usize::try_from(permitted).unwrap_or(usize::MAX).min(sending.left.len());
        if permitted == 0 {
            return Ok(false);
        }
        if piece > 0 {
            let rest = sending.left.split_off(piece);
            sending.stream.write(&std::mem::replace(&mut sending.left, rest))?;
            return Ok(false);
        }
        if !sending.flushed {
            sending.flushed = true;
            sending.stream.flush()?;
            return Ok(false);
        }
        Ok(true)
    });
    match step {
        Ok(false) => Ok(Progress::More(Phase::Sending(sending))),
        Ok(true) => {
            let Sending { ready, stream, body, future, .. } = sending;
            drop(ready);
            drop(stream);
            OutgoingBody::finish(body, None).map_err(|code| cause(&code))?;
            Ok(Progress::More(asked(future)))
        }
        // Who stops reading a body has answered already, or has failed: the future says which.
        Err(_) => {
            let Sending { ready, stream, body, future, .. } = sending;
            drop((ready, stream, body));
            Ok(Progress::More(asked(future)))
        }
    }
}

fn answered(future: &FutureIncomingResponse) -> Result<Progress, TransportError> {
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(cause(&code)),
        Some(Err(())) | None => return Err(Unreachable::Other.into()),
    };
    let headers: Vec<(String, String)> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let mut read = Response { status: response.status(), headers, body: Vec::new() };
    let announced = read.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LONGEST_BODY) {
        return Err(TransportError::TooLarge { limit: LONGEST_BODY });
    }
    // So that a page is copied once. What is announced has not come yet, and need not.
    let room = announced.unwrap_or(0).min(MOST_ROOM);
    read.body.reserve_exact(usize::try_from(room).unwrap_or(0));
    let broke_off = |()| TransportError::from(Unreachable::BrokeOff);
    let body = response.consume().map_err(broke_off)?;
    let stream = body.stream().map_err(broke_off)?;
    Ok(Progress::More(Phase::Answering(Answering {
        ready: stream.subscribe(),
        stream,
        _body: body,
        _response: response,
        read,
    })))
}

fn read_piece(mut answering: Answering) -> Result<Progress, TransportError> {
    match answering.stream.read(PIECE) {
        Ok(piece) => {
            let read = &mut answering.read.body;
            let length = u64::try_from(read.len().saturating_add(piece.len())).unwrap_or(u64::MAX);
            if length > LONGEST_BODY {
                return Err(TransportError::TooLarge { limit: LONGEST_BODY });
            }
            read.extend_from_slice(&piece);
            Ok(Progress::More(Phase::Answering(answering)))
        }
        Err(StreamError::Closed) => Ok(Progress::Complete(answering.read)),
        // The stream only says that it failed; the reason is the HTTP layer's to tell.
        Err(StreamError::LastOperationFailed(error)) => {
            Err(http_error_code(&error).map_or_else(|| Unreachable::BrokeOff.into(), |code| cause(&code)))
        }
    }
}
