//! A client for queries.

use fake_gitlab::FakeGitlab;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Answer;

/// Poses queries as one caller.
pub struct Asker {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    token: String,
}

impl Asker {
    /// An empty token is none.
    pub fn new(gitlab: &FakeGitlab, token: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: format!("{}/api/graphql", gitlab.base_url()), token: token.to_owned() }
    }

    /// Send a body as it is.
    pub async fn send(&self, body: &str) -> Result<Answer, Box<dyn std::error::Error>> {
        let mut request = Request::post(&self.url).header("content-type", "application/json");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        let (parts, body) = self.client.request(request).await?.into_parts();
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.collect().await?.to_bytes() })
    }

    /// Pose a query.
    pub async fn pose(&self, query: &str, variables: Value) -> Answer {
        self.send(&json!({ "query": query, "variables": variables }).to_string()).await.unwrap()
    }

    /// The data of a query that must be without error.
    pub async fn data(&self, query: &str, variables: Value) -> Value {
        let answer = self.pose(query, variables).await;
        let body = answer.json();
        assert!(body.get("errors").is_none(), "{query}: {body}");
        body["data"].clone()
    }

    /// All nodes of a connection: `query` takes `$after`, the connection is at `place`.
    pub async fn walk(&self, query: &str, variables: Value, place: &str) -> Vec<Value> {
        let (mut nodes, mut after) = (Vec::new(), Value::Null);
        for _ in 0..1_000 {
            let mut variables = variables.clone();
            variables["after"] = after;
            let data = self.data(query, variables).await;
            let page = data.pointer(place).unwrap_or_else(|| panic!("{place}: {data}"));
            nodes.extend(page["nodes"].as_array().unwrap().iter().cloned());
            if page["pageInfo"]["hasNextPage"] == false {
                return nodes;
            }
            after = page["pageInfo"]["endCursor"].clone();
            assert!(after.is_string(), "{page}");
        }
        panic!("the walk does not end");
    }
}
