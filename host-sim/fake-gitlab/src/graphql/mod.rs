//! `POST /api/graphql`: queries for licenses, accounts, members and add-on seats.
//!
//! Order of the steps, as in GitLab: the token (401, and 403 for a blocked account), the length of the query (422), the
//! query itself (all its errors at once, status 200, no data), depth and cost, the variables, and then the fields, each
//! with its own right: what is not allowed is null, with or without an error as the field has it. A token that is simply
//! absent is the public. Mutations, subscriptions, directives, introspection and batches of queries are not played.
//!
//! Rights are those of `/api/v4`, except that Admin Mode does not matter here.

mod caller;
mod connection;
mod document;
mod moved;
mod people;
mod problem;
mod resolve;
mod schema;
mod undefined;
mod validate;
mod values;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::fault::{Endpoint, FaultKind, Struck};
use crate::instance::Instance;
use crate::token::{self, Need, Presented, Refusal};
use caller::Caller;
use document::{Field, Operation};
use problem::Problem;

/// Characters of a query, at most.
const LONGEST: usize = 10_000;

/// A request's body, as far as it could be made out.
#[derive(Debug)]
pub(crate) struct Posed {
    query: Option<String>,
    variables: Map<String, Value>,
    operation: Option<Result<Operation, Problem>>,
    readable: bool,
}

impl Posed {
    /// Read a body. What is no JSON object is told in the answer, not here.
    pub(crate) fn read(body: &[u8]) -> Self {
        let Ok(Value::Object(mut parameters)) = serde_json::from_slice::<Value>(body) else {
            return Self { query: None, variables: Map::new(), operation: None, readable: false };
        };
        let query = parameters.remove("query").and_then(|query| query.as_str().map(str::to_owned));
        let variables = match parameters.remove("variables") {
            Some(Value::Object(variables)) => variables,
            _ => Map::new(),
        };
        let name = parameters.get("operationName").and_then(Value::as_str);
        let short = query.as_deref().filter(|query| query.chars().count() <= LONGEST);
        let operation = short.map(|query| Operation::read(query, name));
        Self { query, variables, operation, readable: true }
    }

    /// The endpoints at which faults address it.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = vec![Endpoint::Graphql];
        if let Some(Ok(operation)) = &self.operation {
            for endpoint in operation.fields.iter().flat_map(endpoints) {
                if !all.contains(&endpoint) {
                    all.push(endpoint);
                }
            }
        }
        all
    }
}

/// The endpoints of one root field.
fn endpoints(root: &Field) -> Vec<Endpoint> {
    let within = root.fields.iter().filter_map(|field| Endpoint::of_field(&root.name, Some(&field.name)));
    Endpoint::of_field(&root.name, None).into_iter().chain(within).collect()
}

/// Answer a query.
pub(crate) fn answer(
    instance: &Instance,
    posed: &Posed,
    credential: Option<Presented<'_>>,
    struck: Option<Struck>,
) -> Answer {
    let scenario = instance.options.scenario;
    let token = match token::admit(credential, Need::ReadApi, scenario) {
        Ok(token) => Some(token),
        Err(Refusal::Missing) => None,
        Err(Refusal::Blocked) => return answer::graphql_error(StatusCode::FORBIDDEN, "API not accessible for user"),
        Err(_) => return answer::graphql_error(StatusCode::UNAUTHORIZED, "Invalid token"),
    };
    let caller = Caller::new(token, instance);
    if !posed.readable {
        return answer::json(StatusCode::BAD_REQUEST, r#"{"status":400,"error":"Bad Request"}"#);
    }
    let operation = match (&posed.query, &posed.operation) {
        (None, _) => return answer::graphql_error(StatusCode::OK, "No query string was present"),
        (Some(_), None) => return answer::graphql_error(StatusCode::UNPROCESSABLE_ENTITY, "Query too large"),
        (Some(_), Some(Err(problem))) => return refused(std::slice::from_ref(problem)),
        (Some(_), Some(Ok(operation))) => operation,
    };
    let undefined = match struck.map(|struck| struck.kind) {
        Some(FaultKind::UndefinedField) => undefined::last_leaf(operation).into_iter().collect(),
        Some(FaultKind::UndefinedEveryField) => undefined::every_leaf(operation),
        _ => Vec::new(),
    };
    if !undefined.is_empty() {
        return refused(&undefined);
    }
    let problems = validate::errors(operation, scenario);
    if !problems.is_empty() {
        return refused(&problems);
    }
    let values = match validate::variables(operation, &posed.variables, scenario) {
        Ok(values) => values,
        Err(problems) => return refused(&problems),
    };
    if let Some(problem) = validate::too_much(operation, caller.complexity(), &values) {
        return refused(&[problem]);
    }
    let (data, problems) = resolve::Resolution::new(instance, caller, values, struck).run(operation);
    let mut body = Map::from_iter([("data".to_owned(), data)]);
    if !problems.is_empty() {
        body.insert("errors".to_owned(), problems.iter().map(Problem::json).collect());
    }
    answer::json(StatusCode::OK, Value::Object(body).to_string())
}

/// Errors that leave nothing to be answered.
fn refused(problems: &[Problem]) -> Answer {
    let errors: Vec<Value> = problems.iter().map(Problem::json).collect();
    answer::json(StatusCode::OK, json!({ "errors": errors }).to_string())
}
