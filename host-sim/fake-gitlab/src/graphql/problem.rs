//! Errors in GitLab's shapes.

use graphql_parser::Pos;
use serde_json::{Map, Value, json};

/// What GitLab says where something is not there or not allowed; it does not say which.
pub(super) const NOT_ALLOWED: &str =
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action";

/// What it says to a fine-grained token.
pub(super) const GRANULAR: &str = "Access denied: This operation doesn't support fine-grained personal access tokens.";

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    message: String,
    place: Option<Pos>,
    path: Vec<Value>,
    extensions: Option<Value>,
}

impl Problem {
    pub(super) fn new(message: String, place: Pos) -> Self {
        Self { message, place: Some(place), path: Vec::new(), extensions: None }
    }

    /// About the query as a whole.
    pub(super) fn anywhere(message: String) -> Self {
        Self { message, place: None, path: Vec::new(), extensions: None }
    }

    pub(super) fn at(self, path: Vec<Value>) -> Self {
        Self { path, ..self }
    }

    pub(super) fn with(self, extensions: Value) -> Self {
        Self { extensions: Some(extensions), ..self }
    }

    /// A field that a type does not have.
    pub(super) fn undefined_field(name: &str, type_name: &str, place: Pos, path: Vec<Value>) -> Self {
        Self::new(format!("Field '{name}' doesn't exist on type '{type_name}'"), place)
            .at(path)
            .with(json!({ "code": "undefinedField", "typeName": type_name, "fieldName": name }))
    }

    pub(super) fn json(&self) -> Value {
        let mut entry = Map::new();
        entry.insert("message".to_owned(), json!(self.message));
        if let Some(place) = self.place {
            entry.insert("locations".to_owned(), json!([{ "line": place.line, "column": place.column }]));
        }
        if !self.path.is_empty() {
            entry.insert("path".to_owned(), json!(self.path));
        }
        if let Some(extensions) = &self.extensions {
            entry.insert("extensions".to_owned(), extensions.clone());
        }
        Value::Object(entry)
    }
}
