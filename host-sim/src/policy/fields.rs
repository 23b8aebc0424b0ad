//! Header fields: which a plugin may send, which it may not even write and is not shown, and which the credential is written in.
//!
//! Sent are [`may_be_sent`]'s alone, beside the credential's own. Not even written are:
//!
//! | fields | why |
//! | --- | --- |
//! | `host`, `:authority` and other pseudo-headers | where the connection goes and what the request claims must be one |
//! | `connection`, `keep-alive`, `te`, `trailer`, `transfer-encoding`, `upgrade`, `http2-settings` | the connection is the host's, and with it the framing |
//! | `expect` | the host would wait for a server's leave to send a body |
//! | `proxy-…` | they speak to whatever stands between, not to the service |
//! | `forwarded`, `x-forwarded-…`, `x-real-ip`, `x-original-url`, `x-rewrite-url`, `x-http-method-override` and its kin | a proxy takes another host, path, method or sender from them than the ones that were checked |
//! | `range`, `if-range` | the credential, echoed in two halves, would be masked in neither |
//! | `set-cookie`, `set-cookie2` | a session is a credential, too |
//!
//! `accept-encoding` is overwritten with `identity`: in compressed bytes nothing can be masked. An answer that is compressed all
//! the same is refused (`egress`).
//! The credential's field is not among them: what a plugin writes there is overwritten, so that a plugin which sets a
//! placeholder for hosts that cannot inject runs on both. Nor does a plugin choose any field for it: see
//! [`may_carry_a_credential`]. Trailers are left out altogether (`egress`).

/// Names, in lower case.
const FORBIDDEN: [&str; 24] = [
    "host",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
    "forwarded",
    "via",
    "x-real-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-url-scheme",
    "range",
    "if-range",
    "set-cookie",
    "set-cookie2",
];

/// Beginnings of names, in lower case.
const FORBIDDEN_BEGINNINGS: [&str; 4] = ["proxy-", "x-forwarded-", "x-proxy-", ":"];

/// Names of fields that are for a credential and nothing else, in lower case.
const CREDENTIALS: [&str; 5] = ["authorization", "private-token", "job-token", "deploy-token", "api-key"];

/// Whether the host writes a credential into the field `name`, which a plugin chose: the usual names, `x-…-token` and `…-api-key`.
///
/// Honest servers echo other fields: `x-request-id` and `traceparent` in the head of an answer, `user-agent` and `referer` cut,
/// escaped or in other letters. Nor tokens against forged forms, which are written into pages.
#[must_use]
pub fn may_carry_a_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let vendors = (name.starts_with("x-") && name.ends_with("-token")) || name.ends_with("-api-key");
    let echoed = name.contains("csrf") || name.contains("xsrf");
    !is_forbidden(&name) && (CREDENTIALS.contains(&name.as_str()) || (vendors && !echoed))
}

/// Names of the fields that a plugin sends, in lower case. They say what is wanted and in which form, and nobody signs in by them.
const SENT: [&str; 13] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-length",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
    "user-agent",
];

/// Whether a request that has the field `name`, in lower case, may leave. Services have their version asked for by a field of
/// their own name: `notion-version`, `x-github-api-version`.
#[must_use]
pub fn may_be_sent(name: &str) -> bool {
    SENT.contains(&name) || name.ends_with("-version")
}

/// Whether a plugin may not write the field `name`.
#[must_use]
pub fn is_forbidden(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FORBIDDEN.contains(&name.as_str()) || FORBIDDEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::is_forbidden;

    #[test]
    fn what_speaks_to_another_than_the_service() {
        for (name, forbidden) in [
            ("host", true),
            ("Host", true),
            (":authority", true),
            ("Connection", true),
            ("proxy-connection", true),
            ("Proxy-Authorization", true),
            ("TRANSFER-ENCODING", true),
            ("te", true),
            ("trailer", true),
            ("upgrade", true),
            ("expect", true),
            ("x-forwarded-host", true),
            ("X-Forwarded-For", true),
            ("forwarded", true),
            ("x-http-method-override", true),
            ("x-original-url", true),
            ("Range", true),
            ("if-range", true),
            ("if-match", false),
            ("Set-Cookie", true),
            ("cookie", false),
            ("content-length", false),
            ("content-type", false),
            ("accept", false),
            ("accept-encoding", false),
            ("authorization", false),
            ("private-token", false),
            ("user-agent", false),
            ("hostname", false),
            ("x-request-id", false),
            ("", false),
        ] {
            assert_eq!(is_forbidden(name), forbidden, "{name}");
        }
    }
}
