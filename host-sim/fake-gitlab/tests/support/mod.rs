//! A small HTTP client and the settings that all tests of the stand-in share.

pub mod query;

use fake_gitlab::{FakeGitlab, LinkBase, Options, Scenario, Tokens};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use time::macros::date;

/// The administrator's walk, as a connector asks for it.
pub const WALK: &str =
    "exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=100";

/// Options whose answers are the same on every day.
pub fn on_a_fixed_day(scenario: Scenario, users: u32) -> Options {
    Options { scenario, users, seed: 20, today: date!(2026 - 03 - 04), ..Options::default() }
}

/// A stand-in with those options.
pub async fn started(scenario: Scenario, users: u32) -> FakeGitlab {
    fake_gitlab::start(on_a_fixed_day(scenario, users)).await.unwrap()
}

/// One answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn ids(&self) -> Vec<u64> {
        self.json().as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    /// The query of the `Link` with this relation.
    pub fn link(&self, relation: &str) -> Option<String> {
        let suffix = format!(">; rel=\"{relation}\"");
        let link = self.header("link")?.split(", ").find_map(|link| link.strip_suffix(&suffix))?;
        Some(link.trim_start_matches('<').to_owned())
    }
}

/// A client that keeps its connections.
pub struct Caller {
    client: Client<HttpConnector, Empty<Bytes>>,
    base: String,
}

impl Caller {
    pub fn of(gitlab: &FakeGitlab) -> Self {
        Self::at(gitlab.base_url())
    }

    pub fn at(base: String) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), base }
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Box<dyn std::error::Error>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = self.client.request(request.body(Empty::new())?).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, &[("PRIVATE-TOKEN", token)]).await.unwrap()
    }

    /// With a token as `Authorization: Bearer`.
    pub async fn bearer(&self, path: &str, token: &str) -> Answer {
        self.send(Method::GET, path, &[("Authorization", &format!("Bearer {token}"))]).await.unwrap()
    }

    /// As the scenario's own caller, which may have an OAuth token.
    pub async fn own(&self, path: &str, scenario: Scenario) -> Answer {
        self.bearer(path, scenario.caller()).await
    }

    /// Every row of an offset walk, a hundred a page, by `X-Next-Page`.
    pub async fn rows(&self, path: &str, token: &str) -> Vec<Value> {
        let (mut rows, mut page) = (Vec::new(), "1".to_owned());
        let joint = if path.contains('?') { '&' } else { '?' };
        while !page.is_empty() {
            let answer = self.bearer(&format!("{path}{joint}per_page=100&page={page}"), token).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
            rows.extend(answer.json().as_array().unwrap().iter().cloned());
            page = answer.header("x-next-page").unwrap().to_owned();
        }
        rows
    }

    pub async fn admin(&self, path: &str) -> Answer {
        self.get(path, Tokens::ADMINISTRATOR).await
    }

    /// Every page of a keyset walk, by the cursor in `Link` alone, with nothing taken from its host.
    pub async fn keyset(&self, query: &str, token: &str) -> Vec<Answer> {
        let mut pages = vec![self.get(&format!("/api/v4/users?{query}"), token).await];
        while let Some(link) = pages.last().unwrap().link("next") {
            assert!(pages.len() < 1_000, "the walk does not end");
            let query = link.split_once('?').unwrap().1.to_owned();
            pages.push(self.get(&format!("/api/v4/users?{query}"), token).await);
        }
        pages
    }
}

/// Options under which a client may follow `Link` as it stands.
pub fn own_links(options: Options) -> Options {
    Options { link_base: LinkBase::Own, ..options }
}
