//! The hook that wasmtime calls for every outgoing request.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, HOST};
use http::{HeaderValue, Request};
use http_body_util::BodyExt as _;
use wasmtime_wasi::clocks::WasiClocksCtx;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::BodyLimits;
use super::ledger::{Denial, DenialCode, Ledger};
use super::send::{Answer, Sending};
use super::tape::Tape;
use super::upload::UploadBody;
use super::{Access, Network};
use crate::policy::origin::{Origin, OriginError};
use crate::policy::path::PathError;
use crate::policy::request::{self, Refusal, Rules, Wanted};
use crate::policy::{
    fields,
    limits::{BODY_PIECE, Limits},
    sign_in,
};
use crate::tenant::pace::{Pace, Paced};

/// What a request that is refused takes of its tenant's share of the processors. wasmtime hands over every answer by a task of its own, also
/// one that is there at once, which is made, run and cleared away outside of what is timed: a plugin that asked a million times slowed
/// others down by two thirds. The time is an estimate: no task was measured by itself, and with this one `bench isolation` finds that plugin
/// contained. Requests that are sent are as many as the limit `requests` allows, and their tasks are left out.
const HANDED_OVER: Duration = Duration::from_micros(4);

/// Egress of one call.
pub(crate) struct Hooks {
    /// None for a call that has no network at all.
    network: Option<Network>,
    limits: Arc<Limits>,
    ledger: Arc<Ledger>,
    /// Of the tenant whose call it is; none for calls that are nobody's.
    pace: Option<Arc<Pace>>,
}

impl Hooks {
    pub(crate) fn new(
        network: Option<Network>,
        limits: Arc<Limits>,
        ledger: Arc<Ledger>,
        pace: Option<Arc<Pace>>,
    ) -> Self {
        Self { network, limits, ledger, pace }
    }

    /// The guest's clocks for this call.
    pub(crate) fn clocks(&self) -> WasiClocksCtx {
        let tape = self.network.as_ref().and_then(|network| network.client.tape.as_ref());
        tape.map_or_else(WasiClocksCtx::default, Tape::clocks)
    }

    /// Everything that can be decided before a connection is made.
    fn admit<B>(&self, request: &Request<B>) -> Result<(Origin, &Network), Denial> {
        let target = target(request);
        let deny = |code, message: String| Denial { code, target: target.clone(), message, hint: NOTHING.to_owned() };
        if !self.ledger.admit(self.limits.requests) {
            let limit = self.limits.requests;
            if !self.limits.only_warns("requests") {
                return Err(deny(
                    DenialCode::RequestBudget,
                    format!("the limit requests = {limit} of one call is used up"),
                ));
            }
            self.ledger.warn("requests");
        }
        let Some(network) = &self.network else {
            return Err(deny(DenialCode::Origin, "this call has no network".to_owned()));
        };
        let Network { client, access } = network;
        let rules = Rules { grant: &access.grant, network: client.network, credential: access.injection.is_some() };
        let wanted = Wanted {
            method: request.method().as_str(),
            uri: &request.uri().to_string(),
            path_and_query: request.uri().path_and_query().map_or("/", |path| path.as_str()),
        };
        let own = access.injection.as_ref().map(|injection| injection.header().as_str());
        // What was refused when it was written is taken out before it leaves.
        let head = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = head.filter(|(name, _)| !fields::is_forbidden(name));
        let origin = request::decide(rules, wanted)
            .and_then(|origin| Ok(sign_in::check_head(wanted.method, own, head).map(|()| origin)?))
            .map_err(|refusal| refused(&refusal, target))?;
        Ok((origin, network))
    }

    fn prepare(access: &Access, request: &mut Request<WasiBody>, origin: &Origin) -> Result<(), Denial> {
        let malformed = |what: &str| Denial {
            code: DenialCode::Malformed,
            target: origin.to_string(),
            message: format!("the {what} of the request cannot be written"),
            hint: NOTHING.to_owned(),
        };
        // Where the connection goes and what the request claims must be one: both are the granted origin.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{origin}{path}").parse::<http::Uri>().map_err(|_| malformed("URI"))?;
        let authority = uri.authority().ok_or_else(|| malformed("host"))?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed("host"))?;
        // They were refused when they were written; what counts is what leaves.
        let forbidden = |name: &&http::HeaderName| fields::is_forbidden(name.as_str());
        let unwanted: Vec<_> = request.headers().keys().filter(forbidden).cloned().collect();
        for name in unwanted {
            request.headers_mut().remove(name);
        }
        request.headers_mut().insert(HOST, host);
        // In compressed bytes no credential is found.
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        *request.uri_mut() = uri;
        if let Some(injection) = &access.injection {
            let value = injection.secret().header_value(injection.prefix()).ok_or_else(|| malformed("credential"))?;
            request.headers_mut().insert(injection.header().clone(), value);
        }
        Ok(())
    }
}

impl WasiHttpHooks for Hooks {
    /// Asked for every field that a guest writes, be it in a head or in trailers, and for every one it would be shown.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| fields::is_forbidden(name.as_str()))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_PIECE
    }

    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let admitted = self.admit(&request).and_then(|(origin, network)| {
            Self::prepare(&network.access, &mut request, &origin)?;
            let secret = network.access.injection.as_ref().map(|injection| injection.secret().clone());
            Ok((origin, Arc::clone(&network.client), secret))
        });
        let (origin, client, secret) = match admitted {
            Ok(admitted) => admitted,
            Err(denial) => {
                let code = match denial.code {
                    DenialCode::Address => Error::DestinationIpProhibited,
                    _ => Error::HttpRequestDenied,
                };
                self.ledger.deny(denial);
                if let Some(pace) = &self.pace {
                    pace.spend(HANDED_OVER);
                }
                return Box::new(std::future::ready(Err(code)));
            }
        };
        let timeouts = Timeouts::clamped(options, &self.limits);
        let request = request.map(|body| {
            let only_warn = self.limits.only_warns("request_bytes");
            UploadBody::new(body, self.limits.request_bytes, only_warn, Arc::clone(&self.ledger)).boxed_unsync()
        });
        let sending = Sending {
            client,
            ledger: Arc::clone(&self.ledger),
            body_limits: BodyLimits {
                response: self.limits.response_bytes,
                call: self.limits.response_bytes_per_call,
                between_bytes: timeouts.between_bytes,
                only_warn: ["response_bytes", "response_bytes_per_call"].map(|name| self.limits.only_warns(name)),
            },
            head_bytes: self.limits.response_head_bytes,
            first_byte: timeouts.first_byte,
            request_bytes: self.limits.request_bytes,
            origin,
            secret,
        };
        let pace = sending.client.pace.clone();
        Box::new(Paced::new(sending.send(request), pace))
    }
}

/// What would allow a request that is not well-formed.
const NOTHING: &str = "nothing allows it";

/// A refusal of the policy as it stands in the ledger.
pub(super) fn refused(refusal: &Refusal, target: String) -> Denial {
    let code = match refusal {
        Refusal::Method(_) | Refusal::NotByMethod { .. } => DenialCode::Method,
        Refusal::Path(PathError::NotOriginForm) => DenialCode::Malformed,
        Refusal::Path(_) | Refusal::NotBelow { .. } => DenialCode::Path,
        Refusal::SignIn(_) => DenialCode::SignIn,
        Refusal::Origin(OriginError::UserInfo) => DenialCode::UserInfo,
        Refusal::Origin(_) => DenialCode::Malformed,
        Refusal::NotGranted { .. } => DenialCode::Origin,
        Refusal::Address { .. } => DenialCode::Address,
        Refusal::PlainHttp { .. } => DenialCode::PlainHttp,
    };
    Denial { code, target, message: refusal.to_string(), hint: refusal.hint() }
}

/// What a guest asks for, but never more than the limits, and never zero.
struct Timeouts {
    first_byte: Duration,
    between_bytes: Duration,
}

impl Timeouts {
    fn clamped(options: Option<RequestOptions>, limits: &Limits) -> Self {
        let options = options.unwrap_or_default();
        let clamp = |asked: Option<Duration>, limit: Duration| {
            asked.unwrap_or(limit).clamp(Duration::from_millis(1).min(limit), limit)
        };
        Self {
            first_byte: clamp(options.first_byte_timeout, limits.first_byte),
            between_bytes: clamp(options.between_bytes_timeout, limits.between_bytes),
        }
    }
}

fn target<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or("https");
    // Without user-info, which could hold anything.
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{}{port}{}", uri.host().unwrap_or_default(), uri.path())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::time::Duration;

    use http::{Method, Request};
    use http_body_util::{BodyExt as _, Empty};
    use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpHooks as _};

    use super::{Hooks, Timeouts};
    use crate::egress::ledger::{DenialCode, Ledger};
    use crate::egress::{Access, Client, Injection, Network, Secret};
    use crate::policy::limits::Limits;
    use crate::policy::network::NetworkPolicy;
    use crate::policy::origin::{Grant, Origin};
    use crate::tenant::pace::{Floor, Pace};

    /// Egress to `origin` alone, with a credential.
    fn hooks(origin: &str, policy: NetworkPolicy, limits: Limits) -> Hooks {
        let entries = [origin.to_owned(), format!("POST {origin}/api/graphql")];
        let grant = Grant::of(&entries, &[Origin::of_url(origin).unwrap()]).unwrap();
        let injection =
            Injection::new("private-token", "Bearer ", Secret::new("glpat-secret".to_owned()).unwrap()).unwrap();
        let client = Arc::new(Client::new(&limits, policy, None).unwrap());
        let network = Network { client, access: Access { grant, injection: Some(injection) } };
        Hooks::new(Some(network), Arc::new(limits), Arc::new(Ledger::default()), None)
    }

    fn request(method: &str, uri: &str) -> Request<WasiBody> {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::builder().method(method).uri(uri).body(body).unwrap();
        if method == "POST" {
            request.headers_mut().insert("content-type", "application/json".parse().unwrap());
        }
        request
    }

    const OPEN: NetworkPolicy = NetworkPolicy { loopback: true, private: true };

    /// Also in a call without network, in which there is nothing else to be done than to be refused.
    #[tokio::test(start_paused = true)]
    async fn a_refused_request_takes_of_the_share() {
        let pace = Arc::new(Pace::new(Arc::new(Floor::new(2))));
        let (limits, ledger) = (Arc::new(Limits::default()), Arc::new(Ledger::default()));
        let mut hooks = Hooks::new(None, limits, ledger, Some(Arc::clone(&pace)));
        let before = pace.left();
        for _ in 0..1_000 {
            drop(hooks.send_request(request("GET", "https://git.example.com/"), None, Box::new(async { Ok(()) })));
        }
        // The clock stands still.
        let taken = before - pace.left();
        assert!((taken - 0.004).abs() < 1e-6, "{taken}");
    }

    #[test]
    fn nothing_passes_but_what_was_granted() {
        let hooks = hooks("https://gitlab.example.com", OPEN, Limits::default());
        let verdict = |method: &str, uri: &str| hooks.admit(&request(method, uri)).err().map(|denial| denial.code);
        assert_eq!(verdict("GET", "https://gitlab.example.com/api/v4/users?per_page=100"), None);
        assert_eq!(verdict("POST", "https://GitLab.example.com:443/api/graphql"), None);
        assert_eq!(verdict("POST", "https://gitlab.example.com/api/v4/users"), Some(DenialCode::Method));
        for method in [Method::DELETE, Method::PUT, Method::PATCH, Method::HEAD, Method::CONNECT, Method::OPTIONS] {
            let uri = "https://gitlab.example.com/api/v4/users/1";
            assert_eq!(verdict(method.as_str(), uri), Some(DenialCode::Method), "{method}");
        }
        for (uri, code) in [
            ("https://gitlab.example.com:8443/", DenialCode::Origin),
            ("http://gitlab.example.com/", DenialCode::Origin),
            ("https://evil.example/", DenialCode::Origin),
            ("https://gitlab.example.com@evil.example/", DenialCode::UserInfo),
            ("https://a:b@gitlab.example.com/", DenialCode::UserInfo),
            ("ftp://gitlab.example.com/", DenialCode::Malformed),
            ("/api/v4/users", DenialCode::Malformed),
            ("gitlab.example.com:443", DenialCode::Malformed),
            ("https://gitlab.example.com?per_page=100", DenialCode::Malformed),
            ("https://gitlab.example.com/api/v4/%2e%2e/admin", DenialCode::Path),
            ("https://gitlab.example.com/api/v4/..", DenialCode::Path),
        ] {
            assert_eq!(verdict("GET", uri), Some(code), "{uri}");
        }
    }

    #[test]
    fn a_refusal_names_no_user_and_no_query() {
        let hooks = hooks("https://gitlab.example.com", OPEN, Limits::default());
        let denial = hooks.admit(&request("GET", "https://dana:x@evil.example:444/a?email=dana")).err().unwrap();
        assert_eq!(denial.target, "https://evil.example:444/a");
        assert!(!denial.message.contains("dana"), "{}", denial.message);
    }

    #[test]
    fn addresses_need_their_switch_even_where_they_are_granted() {
        let none = NetworkPolicy::default();
        let loopback = NetworkPolicy { loopback: true, private: false };
        let private = NetworkPolicy { loopback: false, private: true };
        for (origin, policy, code) in [
            ("https://127.0.0.1", none, Some(DenialCode::Address)),
            ("https://127.0.0.1", private, Some(DenialCode::Address)),
            ("https://127.0.0.1", loopback, None),
            ("https://[::ffff:127.0.0.1]", private, Some(DenialCode::Address)),
            ("https://10.0.0.1", loopback, Some(DenialCode::Address)),
            ("https://10.0.0.1", private, None),
            ("https://169.254.169.254", OPEN, Some(DenialCode::Address)),
            ("http://localhost", none, Some(DenialCode::PlainHttp)),
            ("http://localhost", private, Some(DenialCode::PlainHttp)),
            ("http://localhost", loopback, None),
            ("http://127.0.0.1", loopback, None),
            ("http://10.0.0.1", OPEN, Some(DenialCode::PlainHttp)),
            ("http://localhost.example.com", OPEN, Some(DenialCode::PlainHttp)),
        ] {
            let hooks = hooks(origin, policy, Limits::default());
            let found = hooks.admit(&request("GET", &format!("{origin}/"))).err().map(|denial| denial.code);
            assert_eq!(found, code, "{origin} {policy:?}");
        }
    }

    #[test]
    fn refused_requests_count_against_the_budget_too() {
        let hooks = hooks("https://gitlab.example.com", OPEN, Limits { requests: 2, ..Limits::default() });
        let verdict = |uri: &str| hooks.admit(&request("GET", uri)).err().map(|denial| denial.code);
        assert_eq!(verdict("https://evil.example/"), Some(DenialCode::Origin));
        assert_eq!(verdict("https://gitlab.example.com/"), None);
        assert_eq!(verdict("https://gitlab.example.com/"), Some(DenialCode::RequestBudget));
    }

    #[test]
    fn the_host_writes_credential_and_host_over_whatever_the_guest_wrote() {
        let mut hooks = hooks("https://gitlab.example.com", OPEN, Limits::default());
        let mut request = request("GET", "https://GITLAB.example.com:443/api/v4/users?page=2");
        for value in ["mine", "another"] {
            request.headers_mut().append("private-token", value.parse().unwrap());
            request.headers_mut().append("host", format!("{value}.example").parse().unwrap());
            request.headers_mut().append("x-forwarded-host", "evil.example".parse().unwrap());
            request.headers_mut().append("trailer", "private-token".parse().unwrap());
            request.headers_mut().append("accept-encoding", "gzip".parse().unwrap());
            request.headers_mut().append("range", "bytes=0-9".parse().unwrap());
        }
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let (origin, network) = hooks.admit(&request).unwrap();
        Hooks::prepare(&network.access, &mut request, &origin).unwrap();
        let values = |name: &str| request.headers().get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(values("private-token"), ["Bearer glpat-secret"]);
        assert!(values("private-token").iter().all(http::HeaderValue::is_sensitive));
        assert_eq!(values("host"), ["gitlab.example.com"]);
        assert_eq!(values("accept-encoding"), ["identity"]);
        let mut names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "private-token"]);
        let filter = hooks.forbidden_header_filter();
        assert!(filter(&http::header::HOST) && filter(&http::header::TRAILER) && !filter(&http::header::ACCEPT));
        assert_eq!(request.uri(), "https://gitlab.example.com/api/v4/users?page=2");
    }

    /// Each of these left beside the host's `private-token`.
    #[test]
    fn no_credential_of_the_plugins_own_leaves() {
        let hooks = hooks("https://gitlab.example.com", OPEN, Limits::default());
        let users = "https://gitlab.example.com/api/v4/users";
        for (name, value) in [
            ("authorization", "Bearer ATTACKER"),
            ("job-token", "ATTACKER"),
            ("cookie", "_gitlab_session=ATTACKER"),
            ("sudo", "root"),
            ("x-gitlab-static-object-token", "ATTACKER"),
            ("content-type", "application/x-www-form-urlencoded"),
        ] {
            let mut request = request("GET", users);
            request.headers_mut().insert("private-token", "placeholder".parse().unwrap());
            assert!(hooks.admit(&request).is_ok());
            request.headers_mut().insert(name, value.parse().unwrap());
            let denial = hooks.admit(&request).err().unwrap();
            assert_eq!(denial.code, DenialCode::SignIn, "{name}");
            assert!(!format!("{denial:?}").contains("ATTACKER"), "{denial:?}");
        }
        for (method, uri) in [
            ("POST", "https://gitlab.example.com/api/graphql?private_token=glpat-ATTACKER"),
            ("GET", "https://gitlab.example.com/api/v4/users?page=2&PRIVATE%5Ftoken[]=glpat-ATTACKER"),
        ] {
            let denial = hooks.admit(&request(method, uri)).err().unwrap();
            assert_eq!(denial.code, DenialCode::SignIn, "{uri}");
            assert!(!format!("{denial:?}").contains("ATTACKER"), "{denial:?}");
        }
        let mut form = request("POST", "https://gitlab.example.com/api/graphql");
        assert!(hooks.admit(&form).is_ok());
        form.headers_mut().remove("content-type");
        assert_eq!(hooks.admit(&form).err().unwrap().code, DenialCode::SignIn);
    }

    #[test]
    fn a_guest_may_ask_for_less_time_and_not_for_more() {
        let seconds = Duration::from_secs;
        let limits = Limits { first_byte: seconds(5), between_bytes: seconds(3), ..Limits::default() };
        let clamped = |first_byte_timeout, between_bytes_timeout| {
            let options = RequestOptions { connect_timeout: None, first_byte_timeout, between_bytes_timeout };
            let Timeouts { first_byte, between_bytes } = Timeouts::clamped(Some(options), &limits);
            (first_byte, between_bytes)
        };
        assert_eq!(clamped(None, None), (seconds(5), seconds(3)));
        assert_eq!(clamped(Some(seconds(6)), Some(Duration::MAX)), (seconds(5), seconds(3)));
        assert_eq!(clamped(Some(seconds(4)), Some(seconds(2))), (seconds(4), seconds(2)));
        let least = Duration::from_millis(1);
        assert_eq!(clamped(Some(Duration::ZERO), Some(Duration::ZERO)), (least, least));
    }
}
