//! An instance that does not say which version it is, as behind a filter that hides it.

use serde_json::{Map, Value, json};

use super::endpoint::Endpoint;
use crate::answer::{self, Answer};

/// The answer without anything that tells the version: of `/metadata` the edition is left, where it is told, and of
/// `/version` nothing.
pub(super) fn hidden(endpoint: Endpoint, answer: Answer) -> Answer {
    let told: Map<String, Value> = serde_json::from_slice(&answer.body().whole()).unwrap_or_default();
    let left = match (endpoint, told.get("enterprise")) {
        (Endpoint::Metadata, Some(enterprise)) => json!({ "enterprise": enterprise }),
        _ => json!({}),
    };
    answer::with_body(answer, left.to_string())
}
