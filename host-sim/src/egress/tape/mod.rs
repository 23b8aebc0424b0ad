//! Record and replay at the HTTP boundary: what the network answered, kept so that a run can be repeated without it.
//!
//! | | records | replays |
//! | --- | --- | --- |
//! | the network | is used as always | is not there: no connection is made |
//! | the credential | is written into requests as always, and is not in the file | is not needed |
//! | the grant and the limits | hold | hold, with the address policy of the recording |
//! | wall clock of the guest | stands still during a call, at the time in the file | the same times, call by call |
//! | waits and time-outs | as always | pass at once: on a runtime with paused time the clock jumps from wait to wait |
//!
//! The file has one JSON object a line: a head, one line at the start of each call, one for each exchange when its answer has
//! ended, and a last line with the counts. A file without its last line is not whole and is refused.
//!
//! Kept: method, address with query, digest of the request's body, how long the answer took to begin, status, headers, body as the
//! guest got it, and how it ended: whole, given up by the guest, never answered, or failed. Left out: all headers of the
//! request, and `set-cookie` of the answer, since a session is a credential too. The credential is masked in what a server
//! echoed. Names of people are not left out: they are what is collected.
//!
//! A request is matched by method, address and digest of the body, and the so manieth of a kind gets the so manieth answer
//! of that kind: requests of one call may come in another order.

mod code;
mod format;
mod recorder;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full, Limited};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use wasmtime_wasi::clocks::WasiClocksCtx;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};
use wasmtime_wasi_http::{Error, WasiBody};

use super::cause::{Cause, denied_body};
use super::upload;
use crate::policy::network::NetworkPolicy;

pub use recorder::Recorder;
pub(super) use recorder::Taping;
pub(super) use replay::Played;
pub(crate) use replay::RecordedAnswer;
pub use replay::{Replay, ReplayError};

/// Largest body of a request on a recorded or replayed run, bytes, where the limit `request_bytes` does not allow more: it
/// is taken in whole, for its digest, even where that limit only warns.
const REQUEST_BODY: u64 = 1 << 20;

/// The same, whatever that limit allows: the limit bounds what passes, and this what is kept in memory.
const MOST_REQUEST_BODY: u64 = 16 << 20;

/// A tape in one of its two uses.
#[derive(Debug, Clone)]
pub enum Tape {
    /// What is answered is kept.
    Record(Arc<Recorder>),
    /// What was kept is answered.
    Replay(Arc<Replay>),
}

impl Tape {
    /// When the recording was begun.
    #[must_use]
    pub fn started(&self) -> OffsetDateTime {
        match self {
            Self::Record(recorder) => recorder.started(),
            Self::Replay(replay) => replay.started(),
        }
    }

    /// The address policy of a recording that is replayed: what was allowed then is no danger now, since nothing connects.
    #[must_use]
    pub fn policy(&self) -> Option<NetworkPolicy> {
        match self {
            Self::Record(_) => None,
            Self::Replay(replay) => Some(replay.policy()),
        }
    }

    /// The clocks of the next call.
    pub(super) fn clocks(&self) -> WasiClocksCtx {
        let mut builder = WasiCtxBuilder::new();
        match self {
            Self::Record(recorder) => builder.wall_clock(Still(recorder.call())),
            Self::Replay(replay) => {
                // The runtime's clock, which is paused: what the guest waits for is what passes on it.
                builder.wall_clock(Still(replay.call())).monotonic_clock(Paused(tokio::time::Instant::now()))
            }
        };
        std::mem::take(builder.build().clocks())
    }
}

/// A wall clock that stands still: time since 1970.
struct Still(Duration);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// The runtime's own clock, from a start.
struct Paused(tokio::time::Instant);

impl HostMonotonicClock for Paused {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What a request is told by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Origin, path and query.
    pub(super) url: String,
    /// Digest of the body, in hexadecimal digits; none for a request without a body.
    pub(super) body_sha256: Option<String>,
}

/// Takes in a request's body, and tells what the request is told by. `request_bytes` is the limit of that name.
pub(super) async fn asked(request: Request<WasiBody>, request_bytes: u64) -> Result<(Request<WasiBody>, Asked), Cause> {
    let (head, body) = request.into_parts();
    let most = request_bytes.clamp(REQUEST_BODY, MOST_REQUEST_BODY);
    let body = Limited::new(body, usize::try_from(most).unwrap_or(usize::MAX));
    let body = body.collect().await.map_err(|error| match error.downcast::<Error>() {
        // The limit, which ends a run that is not recorded in the same way.
        Ok(error) => match *error {
            Error::HttpRequestBodySize(Some(limit)) => {
                Cause::new(Error::HttpRequestBodySize(Some(limit)), upload::too_large(limit))
            }
            Error::HttpRequestDenied => denied_body(),
            error => Cause::new(error, "the plugin did not write the whole body of its request"),
        },
        Err(_) => Cause::new(
            Error::HttpRequestBodySize(Some(most)),
            format!("the body of a request has more than {most} bytes, which is too much for a recording"),
        ),
    })?;
    let body = body.to_bytes();
    let asked = Asked {
        method: head.method.to_string(),
        url: head.uri.to_string(),
        body_sha256: (!body.is_empty()).then(|| format!("{:x}", Sha256::digest(&body))),
    };
    Ok((Request::from_parts(head, whole(body)), asked))
}

fn whole(body: Bytes) -> WasiBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bytes::Bytes;
    use http::Request;
    use http_body::{Body, Frame};
    use http_body_util::BodyExt as _;
    use tokio::time::{Instant, Sleep};
    use wasmtime_wasi_http::{Error, WasiHttpHooks as _};

    use super::{MOST_REQUEST_BODY, REQUEST_BODY, Recorder, Replay, Tape, asked, whole};
    use crate::egress::ledger::{Ledger, NetworkFailureKind};
    use crate::egress::upload::UploadBody;
    use crate::egress::{Access, Client, Hooks, Lookup, Network, Resolve};
    use crate::policy::limits::Limits;
    use crate::policy::network::NetworkPolicy;
    use crate::policy::origin::{Grant, Origin};

    /// What a body of so many bytes comes to under the limit `request_bytes`.
    async fn outcome(bytes: u64, limit: u64, only_warn: bool) -> Result<usize, (NetworkFailureKind, String)> {
        let body = whole(Bytes::from(vec![b'0'; usize::try_from(bytes).unwrap()]));
        let body = UploadBody::new(body, limit, only_warn, Arc::new(Ledger::default())).boxed_unsync();
        let taken = asked(Request::new(body), limit).await.map_err(|cause| (cause.kind, cause.words))?;
        Ok(taken.0.into_body().collect().await.unwrap().to_bytes().len())
    }

    #[tokio::test]
    async fn a_recorded_request_ends_at_the_limit_of_one_that_is_not_recorded() {
        for limit in [10, REQUEST_BODY, 2 * REQUEST_BODY] {
            assert_eq!(outcome(limit, limit, false).await, Ok(usize::try_from(limit).unwrap()));
            let words = format!("the body of the request is larger than the limit request_bytes = {limit}");
            assert_eq!(outcome(limit + 1, limit, false).await, Err((NetworkFailureKind::Limit, words)));
        }
        assert_eq!(outcome(REQUEST_BODY, 10, true).await, Ok(usize::try_from(REQUEST_BODY).unwrap()));
        let (kind, words) = outcome(REQUEST_BODY + 1, 10, true).await.unwrap_err();
        assert_eq!(kind, NetworkFailureKind::Limit);
        assert!(words.ends_with("too much for a recording"), "{words}");
    }

    /// With a raised limit a body was taken into memory at any size.
    #[tokio::test]
    async fn a_raised_limit_raises_what_a_recording_keeps_in_memory_to_a_bound() {
        for limit in [MOST_REQUEST_BODY, MOST_REQUEST_BODY + 1, u64::MAX] {
            let all = usize::try_from(MOST_REQUEST_BODY).unwrap();
            assert_eq!(outcome(MOST_REQUEST_BODY, limit, false).await, Ok(all), "{limit}");
        }
        let words = "the body of a request has more than 16777216 bytes, which is too much for a recording";
        for only_warn in [false, true] {
            let (kind, found) = outcome(MOST_REQUEST_BODY + 1, u64::MAX, only_warn).await.unwrap_err();
            assert_eq!((kind, found.as_str()), (NetworkFailureKind::Limit, words));
        }
    }

    /// A body that the guest takes its time with.
    struct Late(Pin<Box<Sleep>>);

    impl Body for Late {
        type Data = Bytes;
        type Error = Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
            self.0.as_mut().poll(context).map(|()| None)
        }
    }

    /// Nobody there ever answers, and the name server does not, either.
    #[derive(Debug)]
    struct Silent;

    impl Resolve for Silent {
        fn lookup(&self, _: &str) -> Lookup {
            Box::pin(std::future::pending())
        }
    }

    /// With a tape the body was taken in before the clock of `first_byte` began to run: a guest that never ended it waited
    /// for the wall clock, and one that ended it late had the whole time once more.
    #[tokio::test(start_paused = true)]
    async fn the_clock_of_the_first_byte_is_the_same_with_and_without_a_recording() {
        let (second, url) = (Duration::from_secs(1), "http://localhost:1");
        let policy = NetworkPolicy { loopback: true, private: false };
        let limits = Arc::new(Limits { first_byte: 5 * second, connect: 60 * second, ..Limits::default() });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recording");
        let resolver: Arc<dyn Resolve> = Arc::new(Silent);
        let ended = async |tape: Option<Tape>, body: Duration| {
            let client = Client::resolving(&limits, policy, None, &resolver).unwrap();
            let client = Arc::new(match tape {
                Some(tape) => client.with_tape(tape),
                None => client,
            });
            let grant = Grant::of(&[format!("POST {url}")], &[Origin::of_url(url).unwrap()]).unwrap();
            let network = Network { client, access: Access { grant, injection: None } };
            let ledger = Arc::new(Ledger::default());
            let mut hooks = Hooks::new(Some(network), Arc::clone(&limits), Arc::clone(&ledger), None);
            let body = Late(Box::pin(tokio::time::sleep(body))).boxed_unsync();
            let request =
                Request::post(format!("{url}/")).header("content-type", "application/json").body(body).unwrap();
            let started = Instant::now();
            let sent = hooks.send_request(request, None, Box::new(std::future::ready(Ok(()))));
            let answer = tokio::time::timeout(60 * second, Box::into_pin(sent)).await;
            assert!(matches!(answer, Ok(Err(Error::HttpResponseTimeout))));
            (started.elapsed().as_secs(), ledger.last_failure().unwrap().words)
        };
        let expected = (5, "no answer within 5 s".to_owned());
        // Whether the guest never ends the body, or late, or at once.
        for body in [600, 4, 0].map(|seconds| seconds * second) {
            assert_eq!(ended(None, body).await, expected, "{body:?}");
            let recorder = Arc::new(Recorder::create(&path, policy, u64::MAX).unwrap());
            assert_eq!(ended(Some(Tape::Record(Arc::clone(&recorder))), body).await, expected, "recorded, {body:?}");
            recorder.finish().unwrap();
            let replay = Tape::Replay(Arc::new(Replay::open(&path).unwrap()));
            assert_eq!(ended(Some(replay), body).await, expected, "replayed, {body:?}");
        }
    }
}
