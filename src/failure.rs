//! Why a call gave nothing, in the words of an administrator.
//!
//! Guarantees: every failure has one sentence of cause; no message holds a token or a response body. Words of the
//! server pass through [`crate::quoting`] before they come here.
//!
//! Refuses to be built from a bare string: a caller picks the case that says what is to be done. The two sources
//! below this module, [`crate::transport::TransportError`] and [`crate::gitlab::refusal::Refusal`], become a
//! `Failure` in [`crate::gitlab::refusal`] only.

use std::fmt;

/// The words of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence: what happened.
    pub message: String,
    /// One sentence: what to do.
    pub hint: Option<String>,
    /// Method and path, without query.
    pub endpoint: Option<String>,
}

impl Explanation {
    /// A cause, without a hint yet.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, endpoint: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with where it happened.
    #[must_use]
    pub fn at(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

/// Why a credential was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// It was valid once.
    Expired,
    /// Somebody took it back.
    Revoked,
    /// Unknown, mistyped, or of a kind that is not accepted.
    Rejected,
}

/// Why a call gave nothing. The cases are those of the contract's `failure`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Settings that this version did not make or cannot serve.
    #[error("{0}")]
    InvalidConfiguration(Explanation),
    /// A cursor of another version or of another source.
    #[error("{0}")]
    InvalidCursor(Explanation),
    /// The credential was not accepted.
    #[error("{explanation}")]
    Unauthorized {
        /// Why.
        reason: Rejection,
        /// In words.
        explanation: Explanation,
    },
    /// The credential is valid and may not do this.
    #[error("{explanation}")]
    Forbidden {
        /// The role or scope that would do, in GitLab's spelling.
        missing: String,
        /// In words.
        explanation: Explanation,
    },
    /// What was to be read is not there.
    #[error("{0}")]
    NotFound(Explanation),
    /// Asked too often.
    #[error("{explanation}")]
    RateLimited {
        /// Seconds to wait, if the server said.
        retry_after: Option<u32>,
        /// In words.
        explanation: Explanation,
    },
    /// No connection, or one that broke.
    #[error("{0}")]
    Unreachable(Explanation),
    /// The connection is not trustworthy.
    #[error("{0}")]
    Tls(Explanation),
    /// The host's policy or limit.
    #[error("{0}")]
    DeniedByHost(Explanation),
    /// The service, or a proxy before it, said that it failed.
    #[error("{explanation}")]
    Upstream {
        /// HTTP status.
        status: u16,
        /// In words.
        explanation: Explanation,
    },
    /// The answer is not what the endpoint answers.
    #[error("{explanation}")]
    Malformed {
        /// What was expected and what came, in short.
        why: String,
        /// In words.
        explanation: Explanation,
    },
}

impl Failure {
    /// The words of any case.
    #[must_use]
    pub const fn explanation(&self) -> &Explanation {
        match self {
            Self::InvalidConfiguration(explanation)
            | Self::InvalidCursor(explanation)
            | Self::NotFound(explanation)
            | Self::Unreachable(explanation)
            | Self::Tls(explanation)
            | Self::DeniedByHost(explanation)
            | Self::Unauthorized { explanation, .. }
            | Self::Forbidden { explanation, .. }
            | Self::RateLimited { explanation, .. }
            | Self::Upstream { explanation, .. }
            | Self::Malformed { explanation, .. } => explanation,
        }
    }
}
