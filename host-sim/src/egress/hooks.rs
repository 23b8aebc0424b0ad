//! The hook that wasmtime calls for every outgoing request.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderValue, Method, Request};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::BodyLimits;
use super::ledger::{Denial, DenialCode, Ledger};
use super::send::{Answer, Sending, prohibited};
use super::{Access, Network};
use crate::policy::limits::Limits;
use crate::policy::network::{AddressKind, NetworkPolicy};
use crate::policy::origin::{Origin, OriginError, Scheme};

/// Egress of one call.
pub(crate) struct Hooks {
    /// None for a call that has no network at all.
    network: Option<Network>,
    limits: Arc<Limits>,
    ledger: Arc<Ledger>,
}

impl Hooks {
    pub(crate) fn new(network: Option<Network>, limits: Arc<Limits>, ledger: Arc<Ledger>) -> Self {
        Self { network, limits, ledger }
    }

    /// Everything that can be decided before a connection is made.
    fn admit<B>(&self, request: &Request<B>) -> Result<(Origin, &Network), Denial> {
        let target = target(request);
        let deny = |code, message: String| Denial { code, target: target.clone(), message };
        if !self.ledger.admit(self.limits.requests) {
            let limit = self.limits.requests;
            return Err(deny(
                DenialCode::RequestBudget,
                format!("the limit requests = {limit} of one call is used up"),
            ));
        }
        if !matches!(*request.method(), Method::GET | Method::POST) {
            let method = request.method();
            return Err(deny(DenialCode::Method, format!("the method {method} is not allowed, only GET and POST")));
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        if !path.starts_with('/') {
            // Origin form only: an absolute URI in the request line would name another server.
            return Err(deny(DenialCode::Malformed, "the path of the request does not start with a slash".to_owned()));
        }
        let origin = Origin::of_url(&request.uri().to_string()).map_err(|error| {
            let code = if error == OriginError::UserInfo { DenialCode::UserInfo } else { DenialCode::Malformed };
            deny(code, format!("the address of the request is not accepted: {error}"))
        })?;
        let Some(network) = &self.network else {
            return Err(deny(DenialCode::Origin, "this call has no network".to_owned()));
        };
        let Network { client, access } = network;
        if !access.grant.allows(&origin) {
            let granted = &access.grant;
            return Err(deny(DenialCode::Origin, format!("{origin} is not the granted origin ({granted})")));
        }
        if let Some(address) = origin.address()
            && !client.network.allows(address)
        {
            return Err(deny(DenialCode::Address, prohibited(&origin.host(), address)));
        }
        if access.injection.is_some() && origin.scheme() == Scheme::Http && !is_development(&origin, client.network) {
            return Err(deny(
                DenialCode::PlainHttp,
                format!("the token is not sent unencrypted to {origin}; use https"),
            ));
        }
        Ok((origin, network))
    }

    fn prepare(access: &Access, request: &mut Request<WasiBody>, origin: &Origin) -> Result<(), Denial> {
        let malformed = |what: &str| Denial {
            code: DenialCode::Malformed,
            target: origin.to_string(),
            message: format!("the {what} of the request cannot be written"),
        };
        // Where the connection goes and what the request claims must be one: both are the granted origin.
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = format!("{origin}{path}").parse::<http::Uri>().map_err(|_| malformed("URI"))?;
        let authority = uri.authority().ok_or_else(|| malformed("host"))?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed("host"))?;
        request.headers_mut().insert(HOST, host);
        *request.uri_mut() = uri;
        if let Some(injection) = &access.injection {
            let value = injection.secret.header_value(&injection.prefix).ok_or_else(|| malformed("credential"))?;
            request.headers_mut().insert(injection.header.clone(), value);
        }
        Ok(())
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let admitted = self.admit(&request).and_then(|(origin, network)| {
            Self::prepare(&network.access, &mut request, &origin)?;
            let secret = network.access.injection.as_ref().map(|injection| injection.secret.clone());
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
                return Box::new(std::future::ready(Err(code)));
            }
        };
        let timeouts = Timeouts::clamped(options, &self.limits);
        let sending = Sending {
            client,
            ledger: Arc::clone(&self.ledger),
            body_limits: BodyLimits {
                response: self.limits.response_bytes,
                call: self.limits.response_bytes_per_call,
                between_bytes: timeouts.between_bytes,
            },
            head_bytes: self.limits.response_head_bytes,
            first_byte: timeouts.first_byte,
            origin,
            secret,
        };
        Box::new(sending.send(request))
    }
}

/// Plain http with a credential: only to this machine, only when loopback is allowed, and only to an address or to the
/// reserved name, since any other name could be made to resolve elsewhere.
fn is_development(origin: &Origin, policy: NetworkPolicy) -> bool {
    let loopback = origin
        .address()
        .map_or_else(|| origin.host() == "localhost", |address| AddressKind::of(address) == AddressKind::Loopback);
    loopback && policy.loopback
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
