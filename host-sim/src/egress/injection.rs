//! The credential, and how it is written into a request. A plugin chooses header and prefix, so neither is believed.
//!
//! | refused | why |
//! | --- | --- |
//! | a header other than `authorization`, `private-token`, `job-token`, `deploy-token`, `api-key`, `x-…-token` and `…-api-key` | the others shape the exchange, or honest servers echo them altered, where no mask finds the token |
//! | a prefix of more than 32 bytes, or of other than visible characters and blanks | it is the name of a scheme, such as `Bearer`, and no place for data |

use http::HeaderName;

use super::Secret;
use crate::policy::fields;

/// Longest prefix, bytes.
const LONGEST_PREFIX: usize = 32;

/// A secret and the header it is written in.
#[derive(Debug, Clone)]
pub struct Injection {
    header: HeaderName,
    prefix: String,
    secret: Secret,
}

/// Why a secret is not written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InjectionError {
    /// No name of a header.
    #[error("the plugin wants the token in a header that does not exist")]
    NoHeader,
    /// A header that means something to more than the service's sign-in.
    #[error(
        "the plugin wants the token in a header that is for something else; a token is written into authorization, \
         private-token, job-token, deploy-token, api-key, x-...-token or ...-api-key"
    )]
    Header,
    /// Too long, or not of visible characters and blanks.
    #[error("the plugin wants more before the token than the name of a scheme")]
    Prefix,
}

impl Injection {
    /// `prefix` and `secret` in the header of this name.
    ///
    /// # Errors
    /// See [`InjectionError`].
    pub fn new(header: &str, prefix: &str, secret: Secret) -> Result<Self, InjectionError> {
        let header: HeaderName = header.parse().map_err(|_| InjectionError::NoHeader)?;
        if !fields::may_carry_a_credential(header.as_str()) {
            return Err(InjectionError::Header);
        }
        let is_plain = prefix.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if prefix.len() > LONGEST_PREFIX || !is_plain {
            return Err(InjectionError::Prefix);
        }
        Ok(Self { header, prefix: prefix.to_owned(), secret })
    }

    /// Name of the header.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Text before the secret.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The secret.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Injection, InjectionError};
    use crate::egress::Secret;

    fn verdict(header: &str, prefix: &str) -> Result<(), InjectionError> {
        Injection::new(header, prefix, Secret::new("glpat-secret".to_owned()).unwrap()).map(|_| ())
    }

    #[test]
    fn a_plugin_does_not_choose_what_the_token_says() {
        for header in [
            "authorization",
            "Private-Token",
            "job-token",
            "deploy-token",
            "api-key",
            "x-api-key",
            "dd-api-key",
            "x-auth-token",
            "X-Vault-Token",
        ] {
            assert_eq!(verdict(header, ""), Ok(()), "{header}");
        }
        for header in ["", "a b", "x\r\ny", ":authority", "host:"] {
            assert_eq!(verdict(header, ""), Err(InjectionError::NoHeader), "{header:?}");
        }
        for header in [
            "host",
            "Host",
            "transfer-encoding",
            "connection",
            "x-original-url",
            "X-Forwarded-Host",
            "x-http-method-override",
            "proxy-authorization",
            "content-length",
            "Content-Type",
            "content-encoding",
            "content-range",
            "range",
            "if-range",
            "if-none-match",
            "accept",
            "accept-encoding",
            "set-cookie",
            // Honest servers echo these, cut, escaped, in other letters or as they are.
            "cookie",
            "x-request-id",
            "x-correlation-id",
            "user-agent",
            "referer",
            "traceparent",
            "tracestate",
            "access-control-request-headers",
            "accept-language",
            "origin",
            "from",
            "x-csrf-token",
            "X-XSRF-TOKEN",
            "csrf-api-key",
            "x-forwarded-token",
            "proxy-api-key",
            "token",
            "sudo",
            "x-token-id",
        ] {
            assert_eq!(verdict(header, ""), Err(InjectionError::Header), "{header}");
        }
        for (prefix, expected) in [
            ("Bearer ", Ok(())),
            ("token=", Ok(())),
            (&*"x".repeat(32), Ok(())),
            (&*"x".repeat(33), Err(InjectionError::Prefix)),
            ("a\r\nx-injected: ", Err(InjectionError::Prefix)),
            ("a\t", Err(InjectionError::Prefix)),
            ("ä", Err(InjectionError::Prefix)),
        ] {
            assert_eq!(verdict("authorization", prefix), expected, "{prefix:?}");
        }
    }
}
