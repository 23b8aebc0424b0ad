//! The network through `wasi:http`: the only module that speaks it.
//!
//! Guarantees: up to `max_concurrency` requests are under way at once inside one call; each has a connect, a first-byte
//! and a between-bytes timeout and a deadline for the whole; a body is read in pieces and given up beyond
//! [`LONGEST_BODY`]; every error code of the host becomes one of a few causes.
//!
//! Refuses to follow redirects, as does the host. Has no executor: a `poll` over a list of exchanges is all that GET
//! requests without a body need; tasks and wakers would be more code to trust for the same overlap.

use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingRequest, RequestOptions,
    Scheme as WasiScheme, http_error_code,
};
use wasi::io::poll::{Pollable, poll};
use wasi::io::streams::{InputStream, StreamError};

use crate::transport::{Request, Response, Scheme, Transport, TransportError, Unreachable};

/// Longest body, in bytes. A page of 100 accounts has some 200 KiB; an answer beyond this is not one of GitLab's lists.
/// Four of them under way at once, each doubled while it grows, stay below what a host lets a guest have.
pub const LONGEST_BODY: u64 = 4 * 1024 * 1024;

/// A piece of a body, in bytes.
const PIECE: u64 = 64 * 1024;

const SECOND: u64 = 1_000_000_000;

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
pub struct WasiHttp {
    at_once: usize,
}

impl WasiHttp {
    /// A network that keeps at most so many requests under way; 0 counts as 1.
    #[must_use]
    pub fn new(max_concurrency: u8) -> Self {
        Self { at_once: usize::from(max_concurrency.max(1)) }
    }
}

impl Transport for WasiHttp {
    fn send_all(&mut self, requests: Vec<Request>) -> Vec<Result<Response, TransportError>> {
        let mut results: Vec<_> = requests.iter().map(|_| Err(Unreachable::Other.into())).collect();
        let mut waiting = requests.into_iter().enumerate();
        let mut under_way: Vec<Exchange> = Vec::new();
        loop {
            while under_way.len() < self.at_once {
                let Some((place, request)) = waiting.next() else { break };
                match start(&request) {
                    Ok(phase) => {
                        under_way.push(Exchange { phase, place, deadline: monotonic_clock::subscribe_duration(WHOLE) })
                    }
                    Err(error) => put(&mut results, place, Err(error)),
                }
            }
            if under_way.is_empty() {
                return results;
            }
            let pollables: Vec<&Pollable> =
                under_way.iter().flat_map(|exchange| [exchange.phase.pollable(), &exchange.deadline]).collect();
            // What is ready is asked of each exchange below; the indices would only say the same.
            drop(poll(&pollables));
            drop(pollables);
            under_way = under_way
                .into_iter()
                .filter_map(|exchange| match exchange.advance() {
                    Step::Wait(exchange) => Some(exchange),
                    Step::Done(place, result) => {
                        put(&mut results, place, result);
                        None
                    }
                })
                .collect();
        }
    }
}

type Outcome = Result<Response, TransportError>;

fn put(results: &mut [Outcome], place: usize, result: Outcome) {
    if let Some(slot) = results.get_mut(place) {
        *slot = result;
    }
}

/// One request and its answer, as far as it is.
struct Exchange {
    phase: Phase,
    place: usize,
    deadline: Pollable,
}

enum Phase {
    Asked { ready: Pollable, future: FutureIncomingResponse },
    Answering(Answering),
}

/// Fields are dropped from the top: a child resource must go before the one it came from.
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
            Self::Asked { ready, .. } => ready,
            Self::Answering(answering) => &answering.ready,
        }
    }
}

impl Exchange {
    fn advance(self) -> Step {
        let Self { phase, place, deadline } = self;
        if !phase.pollable().ready() {
            return if deadline.ready() {
                Step::Done(place, Err(Unreachable::TimedOut.into()))
            } else {
                Step::Wait(Self { phase, place, deadline })
            };
        }
        let next = match phase {
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

fn start(request: &Request) -> Result<Phase, TransportError> {
    let headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|header| (header.name.to_owned(), header.value.clone().into_bytes())).collect();
    let refused = |_| TransportError::Denied("it does not accept one of the request's headers");
    let headers = Fields::from_list(&headers).map_err(refused)?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match request.scheme {
        Scheme::Http => WasiScheme::Http,
        Scheme::Https => WasiScheme::Https,
    };
    let refused = |()| TransportError::Denied("it does not accept the address");
    outgoing.set_method(&Method::Get).map_err(refused)?;
    outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
    outgoing.set_authority(Some(&request.authority)).map_err(refused)?;
    outgoing.set_path_with_query(Some(&request.path_and_query)).map_err(refused)?;
    let options = RequestOptions::new();
    // A host that knows no timeouts may refuse them; the deadline of the exchange stands in any case.
    let _ = options.set_connect_timeout(Some(CONNECT));
    let _ = options.set_first_byte_timeout(Some(FIRST_BYTE));
    let _ = options.set_between_bytes_timeout(Some(BETWEEN_BYTES));
    let future = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| cause(&code))?;
    Ok(Phase::Asked { ready: future.subscribe(), future })
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
    let read = Response { status: response.status(), headers, body: Vec::new() };
    let announced = read.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > LONGEST_BODY) {
        return Err(TransportError::TooLarge { limit: LONGEST_BODY });
    }
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

/// The host's error code as one of our causes.
fn cause(code: &ErrorCode) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied => TransportError::Denied("the address is not among those granted"),
        ErrorCode::DestinationIpProhibited => TransportError::Denied("the network address is not allowed"),
        ErrorCode::ConnectionLimitReached => TransportError::Denied("too many connections are open"),
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_) => TransportError::Denied("the answer is larger than it allows"),
        ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_) => TransportError::Denied("the request is not one that it sends"),
        ErrorCode::TlsProtocolError => TransportError::Tls("no TLS session could be agreed on"),
        ErrorCode::TlsCertificateError => TransportError::Tls("the certificate is not accepted"),
        ErrorCode::TlsAlertReceived(_) => TransportError::Tls("the other side broke the handshake off"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => Unreachable::NameNotFound.into(),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Unreachable::TimedOut.into(),
        ErrorCode::ConnectionRefused => Unreachable::Refused.into(),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => Unreachable::BrokeOff.into(),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => Unreachable::NoRoute.into(),
        ErrorCode::HttpProtocolError
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_) => Unreachable::Protocol.into(),
        ErrorCode::LoopDetected | ErrorCode::ConfigurationError | ErrorCode::InternalError(_) => {
            Unreachable::Other.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_trust_and_network_are_told_apart() {
        let table = [
            (ErrorCode::HttpRequestDenied, "the broker's own policy stopped the request"),
            (ErrorCode::DestinationIpProhibited, "the broker's own policy stopped the request"),
            (ErrorCode::HttpResponseBodySize(Some(1)), "the broker's own policy stopped the request"),
            (ErrorCode::TlsCertificateError, "the connection is not trustworthy"),
            (ErrorCode::TlsProtocolError, "the connection is not trustworthy"),
            (ErrorCode::DestinationNotFound, "its name was not found in DNS"),
            (ErrorCode::DnsTimeout, "it did not answer in time"),
            (ErrorCode::ConnectionRefused, "the connection was refused"),
            (ErrorCode::ConnectionReadTimeout, "it did not answer in time"),
            (ErrorCode::ConnectionTerminated, "the connection broke off"),
            (ErrorCode::HttpResponseIncomplete, "the connection broke off"),
            (ErrorCode::DestinationIpUnroutable, "no network path"),
            (ErrorCode::HttpProtocolError, "does not speak HTTP"),
            (ErrorCode::InternalError(Some("glpat-x".to_owned())), "the connection failed"),
        ];
        for (code, words) in table {
            let error = cause(&code).to_string();
            assert!(error.contains(words), "{code:?}: {error}");
            assert!(!error.contains("glpat"), "the host's own words stay out");
        }
    }

    #[test]
    fn no_concurrency_is_one() {
        assert_eq!((WasiHttp::new(0).at_once, WasiHttp::new(16).at_once), (1, 16));
    }
}
