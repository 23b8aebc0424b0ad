//! The instance behind the address: its data, and the way of a request through it.
//!
//! Order of the steps, as on a real instance: what stands in front (faults of proxies and throttles), the router, the
//! token, its scopes, its owner, the right to the endpoint, the endpoint.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, Method, StatusCode};

use crate::answer::{self, Answer};
use crate::fault::{self, Endpoint, FaultKind, Faults, List, Manner, Struck};
use crate::graphql::{self, Posed};
use crate::groups::Groups;
use crate::hostile;
use crate::license::{self, LicenseFacts};
use crate::options::{CONFIGURED_URL, LinkBase, Options};
use crate::population::Population;
use crate::query::Query;
use crate::random::{Purpose, draw};
use crate::rest::{self, Asked};
use crate::route::{self, Route};
use crate::rows::Rows;
use crate::script::ScriptError;
use crate::throttle::Throttle;
use crate::token::Presented;
use crate::truth::Truth;

/// How late the fault `slow` answers.
const SLOW: Duration = Duration::from_secs(2);

/// Everything that answers share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) options: Options,
    pub(crate) population: Population,
    pub(crate) rows: Rows,
    /// Scheme, address and relative root, as a client on this machine reaches it.
    pub(crate) base_url: String,
    faults: Faults,
    throttle: Option<Throttle>,
    groups: OnceLock<Groups>,
    truth: OnceLock<Truth>,
}

/// A request on its way to what it names.
#[derive(Debug, Clone, Copy)]
struct Incoming<'a> {
    request: &'a Parts,
    body: &'a [u8],
    query: &'a Query,
    credential: Option<Presented<'a>>,
    struck: Option<Struck>,
}

impl Instance {
    /// Fails for a script that cannot be played.
    pub(crate) fn new(options: Options, address: SocketAddr) -> Result<Self, ScriptError> {
        let base_url = format!("http://{address}{}", options.scenario.root());
        let external_url = match options.link_base {
            LinkBase::Own => base_url.clone(),
            LinkBase::Foreign => format!("{CONFIGURED_URL}{}", options.scenario.root()),
        };
        let mut population = Population::new(&options, external_url);
        if let Some(script) = &options.script {
            population.play(script)?;
        }
        let groups = OnceLock::new();
        if options.scenario.gitlab_com() {
            groups.get_or_init(|| Groups::new(&population));
        }
        Ok(Self {
            groups,
            rows: Rows::new(&population),
            base_url,
            faults: Faults::new(options.faults.clone()),
            throttle: options
                .rate_limit
                .or(options.scenario.rate_limit())
                .map(|limit| Throttle::new(limit, options.rate_window)),
            truth: OnceLock::new(),
            population,
            options,
        })
    }

    pub(crate) fn truth(&self) -> &Truth {
        self.truth.get_or_init(|| Truth::of(&self.population, self.groups(), &self.options))
    }

    /// The license in force, when there is one.
    pub(crate) fn license_facts(&self) -> Option<LicenseFacts> {
        license::in_force(self.licenses(), self.options.today)
    }

    /// Every license that was installed, the newest first.
    pub(crate) fn licenses(&self) -> Vec<LicenseFacts> {
        license::installed(&self.options, &self.population)
    }

    /// The groups. A self-managed instance, which is mostly asked for accounts, makes them when first asked.
    pub(crate) fn groups(&self) -> &Groups {
        self.groups.get_or_init(|| Groups::new(&self.population))
    }

    /// Answer a request, or never. `None`: close the connection without an answer.
    pub(crate) async fn answer(&self, number: u64, request: &Parts, body: &[u8]) -> Option<Answer> {
        if !self.options.latency.is_zero() {
            // A thread's own wait: tokio's goes by the millisecond and up, and figures are compared at what was asked for. It does not
            // stand still where tokio's clock does.
            futures_timer::Delay::new(self.options.latency).await;
        }
        let scenario = self.options.scenario;
        let route = route::route(request.uri.path(), scenario);
        let path = request.uri.path().strip_prefix(scenario.root()).unwrap_or_default();
        let (manner, endpoints) = match &route {
            Route::Graphql => (Manner::Graphql, Posed::read(body).endpoints()),
            _ => (Manner::Rest, Endpoint::of_path(path).into_iter().collect()),
        };
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let credential = credential(request, &query);
        let struck = self.faults.strike(&endpoints);
        let kind = struck.map(|struck| struck.kind);
        match kind {
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::Reset) => return None,
            Some(FaultKind::Slow) => tokio::time::sleep(SLOW).await,
            _ => {}
        }
        let honest = |query: &Query| {
            let answer = self.throttled(&route, &Incoming { request, body, query, credential, struck });
            match scenario.hostile() && answer.status() == StatusCode::OK {
                true => hostile::rewrite(answer, &self.population, manner == Manner::Rest),
                false => answer,
            }
        };
        let list = List {
            ask: &honest,
            query: request.uri.query().unwrap_or_default(),
            url: format!("{}{path}", self.population.external_url),
        };
        // The lists of GraphQL are twisted where its fields are answered.
        let twisted = |struck| if manner == Manner::Rest { fault::twist(struck, &list) } else { None };
        let instead =
            struck.and_then(|struck| fault::in_front(struck.kind, manner, &self.base_url).or_else(|| twisted(struck)));
        let answer = instead.unwrap_or_else(|| honest(&query));
        let mut answer = match kind {
            Some(FaultKind::Cut) => answer::cut(answer),
            Some(FaultKind::TruncatedJson) => answer::truncated(answer),
            _ => answer,
        };
        answer::set(&mut answer, HeaderName::from_static("x-request-id"), &request_id(self.options.seed, number));
        Some(answer)
    }

    fn throttled(&self, route: &Route, incoming: &Incoming<'_>) -> Answer {
        let Some(throttle) = &self.throttle else {
            return self.routed(route, incoming);
        };
        let standing = throttle.count(incoming.credential.map(|credential| credential.text));
        let mut answer =
            if standing.exceeded() { answer::retry_later(standing.reset_in) } else { self.routed(route, incoming) };
        if standing.exceeded() || self.options.scenario.announces_rate_limit() {
            standing.announce(&mut answer);
        }
        answer
    }

    fn routed(&self, route: &Route, incoming: &Incoming<'_>) -> Answer {
        let Incoming { request, body, query, credential, struck } = *incoming;
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
            // Only queries that are posted are played.
            Route::Graphql if request.method != Method::POST => answer::no_route(),
            Route::Graphql => graphql::answer(self, &Posed::read(body), credential, struck),
            Route::Api(_) if request.method != Method::GET && request.method != Method::HEAD => {
                answer::method_not_allowed()
            }
            Route::Api(resource) => {
                let path = request.uri.path();
                let path = path.strip_prefix(self.options.scenario.root()).unwrap_or(path);
                let struck = struck.map(|struck| struck.kind);
                rest::answer(&Asked { instance: self, path, query, credential, struck }, resource)
            }
        }
    }
}

/// The token of a request, in GitLab's order of precedence: parameter, own header, bearer.
pub(crate) fn credential<'a>(request: &'a Parts, query: &'a Query) -> Option<Presented<'a>> {
    let header = |name: &str| request.headers.get(name)?.to_str().ok();
    let bearer = || {
        let (scheme, token) = header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Presented { text: token.trim(), bearer: true })
    };
    let plain = query.get("private_token").or_else(|| header("private-token"));
    let plain = plain.map(|text| Presented { text, bearer: false });
    plain.or_else(bearer).filter(|token| !token.text.is_empty())
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
