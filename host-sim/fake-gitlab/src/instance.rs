//! The instance behind the address: its data, and the way of a request through it.
//!
//! Order of the steps, as on a real instance: what stands in front (faults of proxies and throttles), the router, the
//! token, its scopes, its owner, the right to the endpoint, the endpoint.

use std::net::SocketAddr;
use std::sync::OnceLock;

use http::request::Parts;
use http::{HeaderName, Method, StatusCode};
use serde::Serialize;

use crate::answer::{self, Answer};
use crate::calendar::{Day, Instant};
use crate::entity::{self, View};
use crate::fault::{Endpoint, FaultKind, Faults};
use crate::journal::Journal;
use crate::license;
use crate::options::{CONFIGURED_URL, LinkBase, Options};
use crate::population::Population;
use crate::query::Query;
use crate::random::{Purpose, draw};
use crate::rows::Rows;
use crate::scenario::Scenario;
use crate::throttle::{Standing, Throttle};
use crate::token::{self, Need, Refusal, TokenFacts};
use crate::truth::Truth;
use crate::users::{self, Reader};

/// Everything that answers share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) options: Options,
    pub(crate) population: Population,
    pub(crate) rows: Rows,
    pub(crate) journal: Journal,
    /// Scheme, address and relative root, as a client on this machine reaches it.
    pub(crate) base_url: String,
    license: Vec<u8>,
    faults: Faults,
    throttle: Option<Throttle>,
    truth: OnceLock<Truth>,
}

/// Where the router sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Api(Endpoint),
    /// Of the API, and not there.
    Unknown,
    VersionThree,
    UnknownVersion,
    SignIn,
    /// A page for browsers.
    Page,
}

impl Instance {
    pub(crate) fn new(options: Options, address: SocketAddr) -> Self {
        let base_url = format!("http://{address}{}", options.scenario.root());
        let external_url = match options.link_base {
            LinkBase::Own => base_url.clone(),
            LinkBase::Foreign => format!("{CONFIGURED_URL}{}", options.scenario.root()),
        };
        let population = Population::new(&options, external_url);
        let facts = license::facts(&options, population.seats());
        Self {
            rows: Rows::new(&population),
            license: license::body(facts.as_ref()),
            journal: Journal::default(),
            base_url,
            faults: Faults::new(options.faults.clone()),
            throttle: options.rate_limit.map(|limit| Throttle::new(limit, options.rate_window)),
            truth: OnceLock::new(),
            population,
            options,
        }
    }

    pub(crate) fn truth(&self) -> &Truth {
        self.truth.get_or_init(|| Truth::of(&self.population, &self.options))
    }

    /// Answer a request, or never.
    pub(crate) async fn answer(&self, number: u64, request: &Parts) -> Answer {
        if !self.options.latency.is_zero() {
            tokio::time::sleep(self.options.latency).await;
        }
        let route = self.route(request.uri.path());
        let endpoint = match route {
            Route::Api(endpoint) => Some(endpoint),
            _ => None,
        };
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let credential = credential(request, &query);
        let struck = self.faults.strike(endpoint);
        let mut answer = match struck.and_then(|kind| self.in_front(kind)) {
            Some(answer) => answer,
            None if struck == Some(FaultKind::Hang) => std::future::pending().await,
            None => self.throttled(route, request, &query, credential, struck),
        };
        if struck == Some(FaultKind::Cut) {
            answer = answer::cut(answer);
        }
        answer::set(&mut answer, HeaderName::from_static("x-request-id"), &request_id(self.options.seed, number));
        answer
    }

    /// The answer that a fault gives in place of the instance, if it does.
    fn in_front(&self, kind: FaultKind) -> Option<Answer> {
        let refused_for = |seconds| {
            let mut answer = answer::retry_later(seconds);
            Standing::refused_for(seconds).announce(&mut answer);
            answer
        };
        Some(match kind {
            FaultKind::RateLimitText => refused_for(1),
            FaultKind::RateLimitTextLong => refused_for(60),
            FaultKind::RateLimitJson => answer::requested_too_many_times(None),
            FaultKind::RateLimitJsonRetry => answer::requested_too_many_times(Some(1)),
            FaultKind::Html => answer::sign_in_page(),
            FaultKind::Html502 => answer::bad_gateway(),
            FaultKind::Html403Challenge => answer::challenge(),
            FaultKind::Error500 => answer::internal_error(),
            FaultKind::Revoked => answer::refused(Refusal::Revoked),
            FaultKind::Expired => answer::refused(Refusal::Expired),
            FaultKind::RedirectSignIn => answer::redirect_to_sign_in(&self.base_url),
            FaultKind::Cut | FaultKind::RepeatCursor | FaultKind::Hang => return None,
        })
    }

    fn throttled(
        &self,
        route: Route,
        request: &Parts,
        query: &Query,
        credential: Option<&str>,
        struck: Option<FaultKind>,
    ) -> Answer {
        let Some(throttle) = &self.throttle else {
            return self.routed(route, request, query, credential, struck);
        };
        let standing = throttle.count(credential);
        let mut answer = if standing.exceeded() {
            answer::retry_later(standing.reset_in)
        } else {
            self.routed(route, request, query, credential, struck)
        };
        if standing.exceeded() || self.options.scenario.announces_rate_limit() {
            standing.announce(&mut answer);
        }
        answer
    }

    fn route(&self, path: &str) -> Route {
        let Some(path) = path.strip_prefix(self.options.scenario.root()) else { return Route::Page };
        if path == "/users/sign_in" {
            return Route::SignIn;
        }
        let Some(rest) = path.strip_prefix("/api/") else { return Route::Page };
        let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
        match version {
            "v4" => {}
            "v3" => return Route::VersionThree,
            _ if version.strip_prefix('v').is_some_and(|digits| digits.parse::<u32>().is_ok()) => {
                return Route::UnknownVersion;
            }
            _ => return Route::Unknown,
        }
        match rest.strip_suffix('/').unwrap_or(rest) {
            "metadata" => Route::Api(Endpoint::Metadata),
            "version" => Route::Api(Endpoint::Version),
            "user" => Route::Api(Endpoint::User),
            "users" => Route::Api(Endpoint::Users),
            "personal_access_tokens/self" => Route::Api(Endpoint::Token),
            "license" if self.options.scenario.enterprise() => Route::Api(Endpoint::License),
            _ => Route::Unknown,
        }
    }

    fn routed(
        &self,
        route: Route,
        request: &Parts,
        query: &Query,
        credential: Option<&str>,
        struck: Option<FaultKind>,
    ) -> Answer {
        match route {
            Route::Unknown => answer::no_route(),
            Route::VersionThree => {
                answer::error(StatusCode::GONE, "API V3 is no longer supported. Use API V4 instead.")
            }
            Route::UnknownVersion => answer::error(StatusCode::NOT_FOUND, "404 API Version Not Found"),
            Route::SignIn => answer::sign_in_page(),
            Route::Page if request.uri.path().ends_with(".json") => {
                answer::error(StatusCode::UNAUTHORIZED, "You need to sign in or sign up before continuing.")
            }
            Route::Page => answer::redirect_to_sign_in(&self.base_url),
            Route::Api(_) if request.method != Method::GET && request.method != Method::HEAD => {
                answer::method_not_allowed()
            }
            Route::Api(endpoint) => self.endpoint(endpoint, query, credential, struck),
        }
    }

    fn endpoint(
        &self,
        endpoint: Endpoint,
        query: &Query,
        credential: Option<&str>,
        struck: Option<FaultKind>,
    ) -> Answer {
        let need = match endpoint {
            Endpoint::License => Need::ReadApi,
            Endpoint::Token => Need::Nothing,
            _ => Need::ReadUser,
        };
        let token = match token::admit(credential, need) {
            Ok(token) => token,
            Err(Refusal::Missing) if endpoint == Endpoint::Users => {
                let sentence = "403 Forbidden - Not authorized to access /api/v4/users";
                return answer::message(StatusCode::FORBIDDEN, sentence);
            }
            Err(refusal) => return answer::refused(refusal),
        };
        let scenario = self.options.scenario;
        let administrator = token::effective_administrator(token, scenario.admin_mode());
        match endpoint {
            Endpoint::License if administrator => answer::json(StatusCode::OK, self.license.clone()),
            Endpoint::License => answer::message(StatusCode::FORBIDDEN, "403 Forbidden"),
            Endpoint::User => answer::json(StatusCode::OK, self.own_account(token)),
            Endpoint::Token => answer::json(StatusCode::OK, self.token_row(token)),
            Endpoint::Users => {
                let reader = if administrator { Reader::Administrator } else { Reader::Anyone };
                users::list(self, reader, query, struck == Some(FaultKind::RepeatCursor))
            }
            Endpoint::Metadata | Endpoint::Version | Endpoint::Any => answer::json(StatusCode::OK, metadata(scenario)),
        }
    }

    /// `GET /user`. The fields depend on the flag of the account, whatever Admin Mode says.
    fn own_account(&self, token: &TokenFacts) -> Vec<u8> {
        let account = self.population.account(self.population.place_from(token.user_id));
        let view = if account.archetype.administrator { View::WithAdmin } else { View::Public };
        let mut body = Vec::new();
        entity::write(&mut body, &account, &self.population, view);
        body
    }

    fn token_row(&self, token: &TokenFacts) -> Vec<u8> {
        #[derive(Serialize)]
        struct Row {
            id: u64,
            name: &'static str,
            revoked: bool,
            created_at: Instant,
            /// Newer versions only.
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<Option<&'static str>>,
            scopes: &'static [&'static str],
            user_id: u64,
            last_used_at: Option<Instant>,
            active: bool,
            /// Since 18.10.
            #[serde(skip_serializing_if = "Option::is_none")]
            granular: Option<bool>,
            expires_at: Day,
        }
        let scenario = self.options.scenario;
        let today = self.options.today;
        let days_ago = |days, milliseconds| Instant::at(today.saturating_sub(time::Duration::days(days)), milliseconds);
        serde_json::to_vec(&Row {
            id: token.id,
            name: token.name,
            revoked: false,
            created_at: days_ago(25, 28_811_120),
            description: scenario.at_least(17, 7).then_some(None),
            scopes: token.scopes,
            user_id: token.user_id,
            last_used_at: Some(days_ago(1, 37_200_000)),
            active: true,
            granular: scenario.at_least(18, 10).then_some(false),
            expires_at: Day(token.expires_at(today)),
        })
        .unwrap_or_default()
    }
}

/// The body of `GET /metadata` and, since 15.5, of `GET /version`.
fn metadata(scenario: Scenario) -> Vec<u8> {
    #[derive(Serialize)]
    struct Kas {
        enabled: bool,
        #[serde(rename = "externalUrl")]
        external_url: Option<&'static str>,
        /// Since 17.6.
        #[serde(rename = "externalK8sProxyUrl", skip_serializing_if = "Option::is_none")]
        external_k8s_proxy_url: Option<Option<&'static str>>,
        version: Option<&'static str>,
    }
    #[derive(Serialize)]
    struct Metadata {
        version: &'static str,
        revision: &'static str,
        kas: Kas,
        enterprise: bool,
    }
    let external_k8s_proxy_url = scenario.at_least(17, 6).then_some(None);
    serde_json::to_vec(&Metadata {
        version: scenario.version(),
        revision: scenario.revision(),
        kas: Kas { enabled: false, external_url: None, external_k8s_proxy_url, version: None },
        enterprise: scenario.enterprise(),
    })
    .unwrap_or_default()
}

/// The token of a request, in GitLab's order of precedence: parameter, own header, bearer.
fn credential<'a>(request: &'a Parts, query: &'a Query) -> Option<&'a str> {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, token) = header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    };
    query.get("private_token").or_else(|| header("private-token")).or_else(bearer).filter(|token| !token.is_empty())
}

/// Shaped like the ULIDs that GitLab hands out: 26 digits of Crockford's base 32.
fn request_id(seed: u64, number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits = u128::from(draw(seed, number, Purpose::Gap)) << 64 | u128::from(draw(seed, number, Purpose::Idle));
    (0..26_u32)
        .rev()
        .filter_map(|place| DIGITS.get(usize::try_from((bits >> (5 * place)) & 31).ok()?))
        .map(|digit| char::from(*digit))
        .collect()
}
