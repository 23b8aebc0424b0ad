//! A POST of the host itself, to a receiver that an administrator has entered.
//!
//! Guarantees: it goes by the client of the tenant, and so to addresses that the tenant's policy allows, with TLS verified; the
//! body is signed, and the key is read here alone; all of it takes [`TIME`] at most. A redirect is an answer like others, and of
//! an answer the status and the wish to be asked later are all that is read: what a server says in words is for nobody to see.
//!
//! Refuses plain http to anything but this machine, which needs the policy's word, too.

use std::time::Duration;

use broker::alerts::signature;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{Client, Secret, cause};
use crate::policy::origin::{Origin, OriginError};
use crate::policy::request::{self, Refusal};

/// Look-up, connection, TLS, sending and the head of the answer together. Receivers that do more than take note of it before they
/// answer are slow by mistake.
pub const TIME: Duration = Duration::from_secs(10);

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// How long not to ask again.
    pub retry_after: Option<time::Duration>,
}

/// Why nothing was answered. Displays as a sentence without path and query.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// No address of a server.
    #[error("the address is not accepted: {0}")]
    Address(#[from] OriginError),
    /// The policy says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It went wrong on the way.
    #[error("{0}")]
    Failed(String),
    /// It took too long.
    #[error("no answer within {} s", TIME.as_secs())]
    Late,
}

impl Client {
    /// Whether a POST may go there, as far as that can be told before a connection is made.
    ///
    /// # Errors
    /// [`PostError`].
    pub(crate) fn may_post(&self, url: &str) -> Result<(Origin, Uri), PostError> {
        let origin = Origin::of_url(url)?;
        request::connectable(self.network, false, &origin)?;
        let uri = Uri::try_from(url).map_err(|_| PostError::Address(OriginError::Ambiguous))?;
        Ok((origin, uri))
    }

    /// Posts a body of JSON, signed by `key` as of `now`.
    ///
    /// # Errors
    /// [`PostError`].
    pub(crate) async fn post(
        &self,
        key: &Secret,
        now: OffsetDateTime,
        url: &str,
        body: &str,
    ) -> Result<Answered, PostError> {
        let (origin, uri) = self.may_post(url)?;
        let failed = |_| PostError::Failed("the request cannot be written".to_owned());
        let signature = signature::signature(key.as_bytes(), now, body);
        let whole = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let mut request = Request::new(whole.map_err(|never| match never {}).boxed_unsync());
        *request.method_mut() = Method::POST;
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::try_from(authority).map_err(failed)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("host-sim/", env!("CARGO_PKG_VERSION"))));
        headers.insert(signature::HEADER, HeaderValue::try_from(signature).map_err(failed)?);
        // The answer's body stays unread, and the connection is of no more use.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let answer = tokio::time::timeout(TIME, self.http.request(request)).await.map_err(|_| PostError::Late)?;
        let answer = answer.map_err(|error| {
            let cause = cause::of(&error);
            match cause.prohibited {
                Some(address) => PostError::Refused(Refusal::of_address(&origin, self.network, false, address)),
                None => PostError::Failed(cause.words),
            }
        })?;
        Ok(Answered { status: answer.status(), retry_after: retry_after(answer.headers(), now) })
    }
}

/// In seconds, or as a date.
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<time::Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(time::Duration::seconds(i64::from(seconds))),
        Err(_) => Some(OffsetDateTime::parse(text, &Rfc2822).ok()? - now),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue};
    use time::Duration;
    use time::macros::datetime;

    use super::retry_after;
    use crate::egress::Client;
    use crate::policy::limits::Limits;
    use crate::policy::network::NetworkPolicy;

    #[test]
    fn a_wish_to_be_asked_later_is_seconds_or_a_date() {
        let now = datetime!(2026-03-01 12:00 UTC);
        for (text, expected) in [
            ("120", Some(Duration::minutes(2))),
            (" 0 ", Some(Duration::ZERO)),
            ("Sun, 01 Mar 2026 13:00:00 GMT", Some(Duration::HOUR)),
            ("Sun, 01 Mar 2026 11:00:00 GMT", Some(-Duration::HOUR)),
            ("-1", None),
            ("soon", None),
            ("99999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, now), expected, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    /// What is refused before anybody is connected to; names are looked at when they are resolved.
    #[test]
    fn a_receiver_is_where_the_tenant_may_go() {
        let may = |loopback, private, url: &str| {
            let client = Client::new(&Limits::default(), NetworkPolicy { loopback, private }, None).unwrap();
            client.may_post(url).is_ok()
        };
        for (url, without, with) in [
            ("https://hooks.example.com/a?b=c", true, true),
            ("https://127.0.0.1/", false, true),
            ("http://127.0.0.1:9/", false, true),
            ("https://10.0.0.1/", false, true),
            ("http://10.0.0.1/", false, false),
            ("http://hooks.example.com/", false, false),
            ("https://169.254.169.254/", false, false),
            ("https://[fd00:ec2::254]/", false, false),
            ("https://[::ffff:169.254.169.254]/", false, false),
            ("https://user@hooks.example.com/", false, false),
            ("ftp://hooks.example.com/", false, false),
        ] {
            assert_eq!((may(false, false, url), may(true, true, url)), (without, with), "{url}");
        }
    }
}
