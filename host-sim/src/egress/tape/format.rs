//! The lines of a recording.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::Error;

use super::super::cause::Cause;
use super::Asked;
use super::code::Code;

/// Version of the form. A host reads its own version only.
pub(super) const FORMAT: u32 = 2;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first line.
    Recording {
        format: u32,
        /// When it was begun, RFC 3339.
        started: String,
        allow_loopback: bool,
        allow_private_network: bool,
    },
    /// A call began.
    Call {
        /// The guest's wall clock during the call: seconds since 1970, and nanoseconds.
        seconds: u64,
        nanoseconds: u32,
    },
    /// An answer ended.
    Exchange(Box<Exchange>),
    /// The last line.
    End { calls: u64, exchanges: u64 },
}

/// A request and what came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Exchange {
    /// From 1, in the order in which requests were sent: lines stand in the order in which answers ended.
    pub(super) number: u64,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) body_sha256: Option<String>,
    /// Until the head of the answer had come, or the failure.
    pub(super) ms: u64,
    /// None without an answer.
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, Text)>,
    /// What the guest got of the body, with the credential masked.
    pub(super) body: Text,
    pub(super) ended: Ended,
}

impl Exchange {
    pub(super) fn asked(&self) -> Asked {
        Asked { method: self.method.clone(), url: self.url.clone(), body_sha256: self.body_sha256.clone() }
    }
}

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::egress) enum Ended {
    /// With the whole body.
    Whole,
    /// The guest stopped reading, or its call ended.
    GivenUp,
    /// Before the head of an answer, by the guest or the end of its call.
    Unanswered,
    /// With an error.
    Failed(Failed),
}

/// An error as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::egress) struct Failed {
    code: Code,
    words: String,
    /// The address that was refused, if that was why.
    prohibited: Option<IpAddr>,
}

impl From<&Cause> for Failed {
    fn from(cause: &Cause) -> Self {
        Self { code: Code::from(&cause.code), words: cause.words.clone(), prohibited: cause.prohibited }
    }
}

impl From<Failed> for Cause {
    fn from(failed: Failed) -> Self {
        Self { prohibited: failed.prohibited, ..Self::new(Error::from(failed.code), failed.words) }
    }
}

/// Bytes as text where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    Plain(String),
    Encoded { base64: String },
}

impl Text {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Plain(text.to_owned()),
            Err(_) => Self::Encoded { base64: BASE64_STANDARD.encode(bytes) },
        }
    }

    /// The same of bytes that are no longer needed.
    pub(super) fn taking(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes)
            .map_or_else(|error| Self::Encoded { base64: BASE64_STANDARD.encode(error.as_bytes()) }, Self::Plain)
    }

    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(text) => Some(text.into_bytes()),
            Self::Encoded { base64 } => BASE64_STANDARD.decode(base64).ok(),
        }
    }
}
