//! Asking one GitLab: base, headers, credential, and how many requests were sent.
//!
//! Guarantees: every request goes to the configured origin and path with the same headers; with
//! [`Credential::Injected`] there is no credential header at all; every request sent is counted. Where the plugin
//! knows the secret, it is blotted out of answers before anything reads them: a server that echoes requests, as
//! debugging proxies do, cannot bring it into a message.
//!
//! Refuses nothing itself: it sends what it is given, and reads answers through [`super::refusal`].

use super::endpoint::Endpoint;
use super::refusal::Refusal;
use crate::clock::Clock;
use crate::configuration::fields::{CREDENTIAL_HEADER, VERSION};
use crate::configuration::settings::Settings;
use crate::transport::{Request, RequestHeader, Response, Transport};

/// How the secret gets on a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// The host writes it.
    Injected,
    /// This plugin writes it, for hosts that cannot.
    Value(String),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Injected => "Injected",
            Self::Value(_) => "Value(secret)",
        })
    }
}

/// One GitLab, for the length of one call.
pub struct Client<'a> {
    settings: &'a Settings,
    credential: &'a Credential,
    transport: &'a mut dyn Transport,
    clock: &'a dyn Clock,
    sent: u64,
}

impl<'a> Client<'a> {
    /// A client that has sent nothing yet.
    pub fn new(
        settings: &'a Settings,
        credential: &'a Credential,
        transport: &'a mut dyn Transport,
        clock: &'a dyn Clock,
    ) -> Self {
        Self { settings, credential, transport, clock, sent: 0 }
    }

    /// The settings that this client was made with.
    #[must_use]
    pub const fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// The clock for dates in answers.
    #[must_use]
    pub const fn clock(&self) -> &'a dyn Clock {
        self.clock
    }

    /// Requests sent so far.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Ask several endpoints at once. The answers come in the order of the endpoints, one for each.
    pub fn ask_all<const N: usize>(&mut self, endpoints: [&Endpoint; N]) -> [Result<Response, Refusal>; N] {
        let requests: Vec<Request> = endpoints.iter().map(|endpoint| self.request(endpoint)).collect();
        self.sent = self.sent.saturating_add(u64::try_from(N).unwrap_or(u64::MAX));
        let mut answers = self.transport.send_all(requests).into_iter();
        endpoints.map(|_| {
            let answer = answers.next().unwrap_or(Err(crate::transport::Unreachable::Other.into()));
            answer.map(|response| self.without_secret(response)).map_err(Refusal::from)
        })
    }

    /// Ask one endpoint.
    ///
    /// # Errors
    /// When no answer came. An answer of any status is no error here.
    pub fn ask(&mut self, endpoint: &Endpoint) -> Result<Response, Refusal> {
        let [answer] = self.ask_all([endpoint]);
        answer
    }

    fn request(&self, endpoint: &Endpoint) -> Request {
        let base = &self.settings.base_url;
        let mut headers = vec![
            RequestHeader { name: "user-agent", value: format!("gitlab-seats/{VERSION}"), secret: false },
            RequestHeader { name: "accept", value: "application/json".to_owned(), secret: false },
        ];
        if let Credential::Value(secret) = self.credential {
            headers.push(RequestHeader { name: CREDENTIAL_HEADER, value: secret.clone(), secret: true });
        }
        Request {
            scheme: base.scheme(),
            authority: base.authority(),
            path_and_query: format!("{}{}", base.path(), endpoint.path_and_query()),
            headers,
        }
    }

    fn without_secret(&self, mut response: Response) -> Response {
        let Credential::Value(secret) = self.credential else {
            return response;
        };
        if secret.is_empty() {
            return response;
        }
        for (_, value) in &mut response.headers {
            *value = value.replace(secret.as_str(), "(secret)");
        }
        blot_out(&mut response.body, secret.as_bytes());
        response
    }
}

/// Overwrite each occurrence of `secret` with asterisks; the length stays, and with it the shape of any JSON.
fn blot_out(body: &mut [u8], secret: &[u8]) {
    let Some(first) = secret.first() else { return };
    let mut rest = body;
    while let Some(start) = rest.iter().position(|byte| byte == first) {
        let Some(candidate) = rest.get_mut(start..) else { return };
        let step = match candidate.get_mut(..secret.len()) {
            Some(window) if window == secret => {
                window.fill(b'*');
                secret.len()
            }
            Some(_) => 1,
            None => return,
        };
        let Some(after) = candidate.get_mut(step..) else { return };
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a missing element is a failed test")]

    use super::*;
    use crate::clock::FixedClock;
    use crate::scripted::{Script, json, settings};

    fn exchange(credential: &Credential, answer: Response) -> (Request, Response) {
        let settings = settings("https://host:8443/gitlab");
        let mut script = Script::new([("/gitlab/api/v4/user", answer)]);
        let clock = FixedClock(0);
        let mut client = Client::new(&settings, credential, &mut script, &clock);
        let answer = client.ask(&Endpoint::CurrentUser);
        assert_eq!(client.sent(), 1);
        (script.seen[0].clone(), answer.unwrap_or_else(|_| json(500, "")))
    }

    #[test]
    fn a_request_goes_to_the_base_with_our_headers_and_no_credential_of_ours() {
        let (request, _) = exchange(&Credential::Injected, json(200, "{}"));
        assert_eq!(request.authority, "host:8443");
        assert_eq!(request.path_and_query, "/gitlab/api/v4/user");
        let headers: Vec<_> = request.headers.iter().map(|header| (header.name, header.value.as_str())).collect();
        assert_eq!(
            headers,
            [("user-agent", concat!("gitlab-seats/", env!("CARGO_PKG_VERSION"))), ("accept", "application/json")]
        );
    }

    #[test]
    fn a_known_token_goes_in_its_header_only_and_never_prints() {
        let credential = Credential::Value("glpat-abc".to_owned());
        let (request, _) = exchange(&credential, json(200, "{}"));
        assert_eq!(request.headers[2].name, "private-token");
        assert_eq!(request.headers[2].value, "glpat-abc");
        assert!(!format!("{request:?} {credential:?}").contains("glpat-abc"));
    }

    #[test]
    fn an_echoed_token_is_blotted_out() {
        let mut answer =
            json(401, r#"{"error":"invalid_token","error_description":"no glpat-glpat-abc here: glpat-abc"}"#);
        answer.headers.push(("location".to_owned(), "https://x/?t=glpat-abc".to_owned()));
        let (_, seen) = exchange(&Credential::Value("glpat-abc".to_owned()), answer);
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        assert_eq!(body, r#"{"error":"invalid_token","error_description":"no glpat-********* here: *********"}"#);
        assert_eq!(seen.header("location"), Some("https://x/?t=(secret)"));
    }
}
