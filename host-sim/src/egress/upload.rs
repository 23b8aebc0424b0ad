//! A request body on its way out: counted, limited, and looked through for a sign-in. A plugin only asks questions, and these
//! are short.
//!
//! Trailers are left out: nothing that a plugin asks needs them, and a server may take them for the fields that the host
//! writes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::ledger::{Ledger, NetworkFailureKind};
use crate::policy::body;

/// What the administrator is told when the body of a request is too large.
pub(super) fn too_large(limit: u64) -> String {
    format!("the body of the request is larger than the limit request_bytes = {limit}")
}

/// The body, and how much of it may pass.
pub(super) struct UploadBody {
    inner: WasiBody,
    limit: u64,
    only_warn: bool,
    bytes: u64,
    json: body::Body,
    ledger: Arc<Ledger>,
}

impl UploadBody {
    pub(super) fn new(inner: WasiBody, limit: u64, only_warn: bool, ledger: Arc<Ledger>) -> Self {
        Self { inner, limit, only_warn, bytes: 0, json: body::Body::default(), ledger }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            if frame.is_trailers() {
                return Poll::Ready(None);
            }
            let within = self.bytes <= self.limit;
            let length = frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX));
            self.bytes = self.bytes.saturating_add(length);
            if self.bytes > self.limit {
                if !self.only_warn {
                    self.ledger.failed(NetworkFailureKind::Limit, &too_large(self.limit));
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit)))));
                }
                if within {
                    self.ledger.warn("request_bytes");
                }
            }
            if let Some(data) = frame.data_ref()
                && let Err(refusal) = self.json.read(data)
            {
                self.ledger.failed(NetworkFailureKind::Denied, &refusal.to_string());
                return Poll::Ready(Some(Err(Error::HttpRequestDenied)));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
