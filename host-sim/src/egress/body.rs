//! A response body on its way to the guest: counted, limited, and recorded once, at its end or when it is dropped. Trailers
//! are not passed on.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use wasmtime_wasi_http::Error;

use super::cause::{self, Cause};
use super::ledger::{Ledger, RequestRecord, milliseconds};
use super::mask::Mask;
use super::tape::{Played, Taping};

/// How much of a body may pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) response: u64,
    pub(super) call: u64,
    pub(super) between_bytes: Duration,
    /// Whether passing `response` and `call` is but a word on the bill.
    pub(super) only_warn: [bool; 2],
}

/// Where a body comes from.
pub(super) enum Source {
    Wire(Incoming),
    Tape(Played),
}

impl Body for Source {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        match &mut *self {
            Self::Wire(body) => {
                Pin::new(body).poll_frame(context).map(|frame| Some(frame?.map_err(|error| cause::of(&error))))
            }
            Self::Tape(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Wire(body) => body.is_end_stream(),
            Self::Tape(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Wire(body) => body.size_hint(),
            Self::Tape(body) => body.size_hint(),
        }
    }
}

/// The body, and what has to happen when it ends.
pub(super) struct MeteredBody {
    inner: Source,
    limits: BodyLimits,
    pause: Pin<Box<Sleep>>,
    /// Taken when the record is written, so that it is written once.
    open: Option<OpenRecord>,
    ledger: Arc<Ledger>,
    bytes: u64,
    mask: Mask,
    /// Where what is passed on is recorded, if it is.
    taping: Option<Taping>,
    /// Held until the body is through: a response that is still being read is still in flight.
    permit: Option<OwnedSemaphorePermit>,
}

/// A record that waits for the end of its body.
pub(super) struct OpenRecord {
    pub(super) record: RequestRecord,
    pub(super) started: Instant,
}

impl MeteredBody {
    pub(super) fn new(
        inner: Source,
        limits: BodyLimits,
        open: OpenRecord,
        ledger: Arc<Ledger>,
        mask: Mask,
        taping: Option<Taping>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let pause = Box::pin(tokio::time::sleep(limits.between_bytes));
        Self { inner, limits, pause, open: Some(open), ledger, bytes: 0, mask, taping, permit: Some(permit) }
    }

    fn close(&mut self, error: Option<String>) {
        self.permit = None;
        if let Some(OpenRecord { mut record, started }) = self.open.take() {
            record.bytes = self.bytes;
            record.ms = milliseconds(started.elapsed());
            record.error = error;
            self.ledger.request(record);
        }
    }

    fn fail(&mut self, cause: Cause) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.ledger.failed(cause.kind, &cause.words);
        if let Some(taping) = &mut self.taping {
            taping.failed(&cause);
        }
        self.close(Some(cause.words));
        Poll::Ready(Some(Err(cause.code)))
    }
}

impl MeteredBody {
    /// The next frame, which may be an empty one.
    fn poll_any(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.open.is_none() {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.inner).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                ready!(self.pause.as_mut().poll(context));
                let words = format!("the answer stopped for {} s", self.limits.between_bytes.as_secs());
                return self.fail(Cause::new(Error::ConnectionReadTimeout, words));
            }
        };
        let deadline = tokio::time::Instant::now() + self.limits.between_bytes;
        self.pause.as_mut().reset(deadline);
        match frame {
            None => {
                self.close(None);
                let rest = self.mask.finish();
                if let Some(taping) = &mut self.taping {
                    taping.data(&rest);
                    taping.whole();
                }
                Poll::Ready((!rest.is_empty()).then(|| Ok(Frame::data(rest))))
            }
            Some(Err(cause)) => self.fail(cause),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
                let before = self.bytes;
                self.bytes = self.bytes.saturating_add(length);
                let limit = self.limits.response;
                let [response_warns, call_warns] = self.limits.only_warn;
                if self.bytes > limit && response_warns {
                    if before <= limit {
                        self.ledger.warn("response_bytes");
                    }
                } else if self.bytes > limit {
                    return self.fail(Cause::new(
                        Error::HttpResponseBodySize(Some(limit)),
                        format!("the answer is larger than the limit response_bytes = {limit}"),
                    ));
                }
                let limit = self.limits.call;
                let within = self.ledger.count_body(length, limit);
                if !within && call_warns {
                    self.ledger.warn("response_bytes_per_call");
                } else if !within {
                    return self.fail(Cause::new(
                        Error::HttpResponseBodySize(Some(limit)),
                        format!("the answers together are larger than the limit response_bytes_per_call = {limit}"),
                    ));
                }
                Poll::Ready(Some(Ok(match frame.into_data() {
                    Ok(data) => {
                        let data = self.mask.feed(data);
                        if let Some(taping) = &mut self.taping {
                            taping.data(&data);
                        }
                        Frame::data(data)
                    }
                    // Trailers: neither counted nor masked, and nothing that a plugin needs.
                    Err(_) => Frame::data(Bytes::new()),
                })))
            }
        }
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let frame = ready!(self.as_mut().poll_any(context));
            let is_empty = |frame: &Frame<Bytes>| frame.data_ref().is_some_and(Bytes::is_empty);
            if !matches!(&frame, Some(Ok(frame)) if is_empty(frame)) {
                return Poll::Ready(frame);
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        (self.open.is_none() || self.inner.is_end_stream()) && !self.mask.holds()
    }

    fn size_hint(&self) -> SizeHint {
        // A mask holds bytes back: they come later, but they come.
        if self.mask.holds() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

impl Drop for MeteredBody {
    fn drop(&mut self) {
        // Dropped at its end without having been asked for one more frame is not broken off.
        let whole = self.is_end_stream();
        if let (Some(taping), true) = (&mut self.taping, whole) {
            taping.whole();
        }
        self.close((!whole).then(|| "the plugin did not read the whole answer".to_owned()));
    }
}
