//! Sending a request that was admitted, and taking its response in.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONTENT_ENCODING, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use tokio::sync::Notify;
use wasmtime_wasi_http::{Error, WasiBody};

use super::body::{BodyLimits, MeteredBody, OpenRecord, Source};
use super::cause::{self, Cause};
use super::hooks::refused;
use super::ledger::{Ledger, RequestRecord, milliseconds};
use super::mask::{Mask, masked};
use super::tape::{self, Tape, Taping};
use super::{Client, Secret};
use crate::policy::origin::Origin;
use crate::policy::request::Refusal;

/// Turns that others get before a request goes out: the connection's own task, and the one that puts it back.
const TURNS: usize = 3;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What the hook promises: a response, and the rest of its I/O, of which there is none.
pub(super) type Answer = Result<(Response<WasiBody>, Io), Error>;

/// A request that was admitted, with all it needs once the hook has returned.
pub(super) struct Sending {
    pub(super) client: Arc<Client>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) body_limits: BodyLimits,
    pub(super) head_bytes: usize,
    pub(super) first_byte: Duration,
    /// The limit of this name, for what is taken in whole.
    pub(super) request_bytes: u64,
    pub(super) origin: Origin,
    /// Masked in the response.
    pub(super) secret: Option<Secret>,
}

impl Sending {
    pub(super) async fn send(self, request: Request<WasiBody>) -> Answer {
        // Waiting for a place is the tenant's own doing and counts against no timeout of the request, only against
        // the wall clock of the call.
        let permit = Arc::clone(&self.client.in_flight)
            .acquire_owned()
            .await
            .map_err(|_| Error::InternalError(Some("the tenant is shut down".to_owned())))?;
        // Who gave up the place has read an answer to its end just now; its connection gets back to the pool when what serves it
        // has had its turn. Without that a new connection would be opened, and the old one lie idle.
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        let started = Instant::now();
        self.ledger.ask(&request);
        let mut record = RequestRecord {
            method: request.method().to_string(),
            origin: self.origin.to_string(),
            path: request.uri().path().to_owned(),
            status: None,
            bytes: 0,
            ms: 0,
            error: None,
        };
        let mut taping = None;
        let deadline = tokio::time::Instant::now() + self.first_byte;
        let exchanged = match self.client.tape.clone() {
            None => self.exchange(request, deadline).await.map(|response| response.map(Source::Wire)),
            Some(tape) => self.exchange_with(&tape, request, deadline, &mut taping).await,
        };
        let cause = match exchanged {
            Ok(response) => {
                record.status = Some(response.status().as_u16());
                let (mut head, body) = response.into_parts();
                match self.check_head(&head.headers) {
                    Ok(()) => {
                        self.clean_head(&mut head.headers);
                        if let Some(taping) = &mut taping {
                            taping.head(head.status.as_u16(), &head.headers);
                        }
                        let open = OpenRecord { record, started };
                        let mask = Mask::new(self.secret);
                        let body = MeteredBody::new(body, self.body_limits, open, self.ledger, mask, taping, permit);
                        let response = Response::from_parts(head, body.boxed_unsync());
                        return Ok((response, Box::new(std::future::ready(Ok(())))));
                    }
                    Err(cause) => cause,
                }
            }
            Err(cause) => cause,
        };
        if let Some(taping) = &mut taping {
            taping.failed(&cause);
        }
        if let Some(address) = cause.prohibited {
            let target = format!("{}{}", record.origin, record.path);
            let refusal = Refusal::of_address(&self.origin, self.client.network, self.secret.is_some(), address);
            self.ledger.deny(refused(&refusal, target));
        } else {
            self.ledger.failed(cause.kind, &cause.words);
            record.ms = milliseconds(started.elapsed());
            record.error = Some(cause.words);
            self.ledger.request(record);
        }
        Err(cause.code)
    }

    async fn exchange_with(
        &self,
        tape: &Tape,
        request: Request<WasiBody>,
        deadline: tokio::time::Instant,
        taping: &mut Option<Taping>,
    ) -> Result<Response<Source>, Cause> {
        // Within the time that the request has without a tape, where its body goes out as the guest writes it.
        let asked = tokio::time::timeout_at(deadline, tape::asked(request, self.request_bytes));
        let (request, asked) = asked.await.unwrap_or_else(|_| Err(self.unanswered()))?;
        match tape {
            Tape::Record(recorder) => {
                *taping = Some(recorder.begin(asked));
                self.exchange(request, deadline).await.map(|response| response.map(Source::Wire))
            }
            Tape::Replay(replay) => replay.answer(&asked).await.map(|response| response.map(Source::Tape)),
        }
    }

    fn unanswered(&self) -> Cause {
        Cause::new(Error::HttpResponseTimeout, format!("no answer within {} s", self.first_byte.as_secs()))
    }

    async fn exchange(
        &self,
        request: Request<WasiBody>,
        deadline: tokio::time::Instant,
    ) -> Result<Response<Incoming>, Cause> {
        let flood = Arc::new(Flood::default());
        let sending = self.send_until_answered(request, &flood);
        let sending = async {
            tokio::select! {
                outcome = sending => outcome.map_err(|error| cause::of(&error)),
                () = flood.passed.notified() => {
                    let words = format!("the server sent more than {MOST_INFORMATIONAL} interim answers and none that counts");
                    Err(Cause::new(Error::HttpProtocolError, words))
                }
            }
        };
        tokio::time::timeout_at(deadline, sending).await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// A server may close an idle connection at the very moment a request is sent on it. Nothing was answered, and a GET
    /// changes nothing: so it is sent again, on the next connection, until one is new. A new one gets one more try.
    async fn send_until_answered(
        &self,
        mut request: Request<WasiBody>,
        flood: &Arc<Flood>,
    ) -> Result<Response<Incoming>, legacy::Error> {
        let mut on_new_ones = 0;
        loop {
            let again = repeated(&request);
            let flood = Arc::clone(flood);
            hyper::ext::on_informational(&mut request, move |_| flood.one_more());
            let opened = self.client.connections_opened();
            let outcome = self.client.http.request(request).await;
            on_new_ones += u32::from(self.client.connections_opened() > opened);
            match (outcome, again) {
                (Err(error), Some(again)) if is_closed(&error) && on_new_ones < 2 => request = again,
                (outcome, _) => return outcome,
            }
        }
    }

    /// The limit on the head, to the byte: the HTTP library's own only keeps its buffer from growing without end. And a body
    /// that is as it was sent: in a compressed one no credential is found.
    fn check_head(&self, headers: &HeaderMap) -> Result<(), Cause> {
        if let Some(coding) = coding(headers, &CONTENT_ENCODING, &["identity"]) {
            return Err(Cause::new(Error::HttpResponseContentCoding(None), encoded(CONTENT_ENCODING.as_str(), coding)));
        }
        if let Some(coding) = coding(headers, &TRANSFER_ENCODING, &["identity", "chunked"]) {
            return Err(Cause::new(
                Error::HttpResponseTransferCoding(None),
                encoded(TRANSFER_ENCODING.as_str(), coding),
            ));
        }
        // Name, colon, blank, value, line end; the status line is short and not kept.
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if bytes <= self.head_bytes {
            return Ok(());
        }
        let limit = self.head_bytes;
        let words = format!("the headers of the answer are larger than the limit response_head_bytes = {limit}");
        Err(Cause::new(Error::HttpResponseHeaderSectionSize(None), words))
    }

    /// Takes out what sets a session, which is a credential, too, and masks the one that is known.
    fn clean_head(&self, headers: &mut HeaderMap) {
        headers.remove(SET_COOKIE);
        headers.remove("set-cookie2");
        let Some(secret) = &self.secret else { return };
        for value in headers.values_mut() {
            if let Some(clean) = masked(value.as_bytes(), secret)
                && let Ok(clean) = HeaderValue::from_bytes(&clean)
            {
                *value = clean;
            }
        }
    }
}

/// Codings by the names that are known. Any other name is a server's own words, which could be the token.
const CODINGS: [&str; 6] = ["gzip", "x-gzip", "deflate", "br", "zstd", "compress"];

/// The first coding in these fields that is none of those that leave a body as it is.
fn coding(headers: &HeaderMap, name: &HeaderName, plain: &[&str]) -> Option<&'static str> {
    let codings = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is = |coding: &[u8], name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
    let mut others = codings
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty() && !plain.iter().any(|plain| is(coding, plain)));
    let other = others.next()?;
    Some(CODINGS.into_iter().find(|name| is(other, name)).unwrap_or("unknown"))
}

/// What the administrator is told of an answer that is not as it was asked for.
fn encoded(name: &str, coding: &str) -> String {
    format!(
        "the answer is encoded ({name}: {coding}) although the request forbids it, and the token could not be masked in it"
    )
}

/// Interim answers (1xx) that one request may get. Servers send one or two; each costs the host work and the server nothing.
const MOST_INFORMATIONAL: u32 = 32;

/// Counts interim answers.
#[derive(Default)]
struct Flood {
    seen: AtomicU32,
    passed: Notify,
}

impl Flood {
    fn one_more(&self) {
        if self.seen.fetch_add(1, Ordering::Relaxed) == MOST_INFORMATIONAL {
            self.passed.notify_one();
        }
    }
}

/// The same request once more, if it may be sent twice.
fn repeated(request: &Request<WasiBody>) -> Option<Request<WasiBody>> {
    if request.method() != Method::GET || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    Some(again)
}

/// A connection was there, and was closed before it answered. One that never came to be is no reason to call again.
fn is_closed(error: &legacy::Error) -> bool {
    !error.is_connect() && matches!(cause::of(error).code, Error::ConnectionTerminated)
}
