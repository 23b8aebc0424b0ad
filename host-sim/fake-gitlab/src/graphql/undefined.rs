//! Leaves that a fault takes out of the schema.

use serde_json::{Value, json};

use super::document::{Field, Operation};
use super::problem::Problem;
use super::schema::{Gives, Type};

/// By these rows are told apart and paged; every schema has them.
const KEPT: [&str; 4] = ["id", "username", "cursor", "__typename"];

/// The last leaf of a query, with the name of the type that it is asked of.
pub(super) fn last_leaf(operation: &Operation) -> Option<Problem> {
    let mut path = vec![json!(operation.root())];
    let mut ty = Type::Query;
    let mut fields = &operation.fields;
    loop {
        let field = fields.last()?;
        path.push(json!(field.key));
        let below = ty.any_field(&field.name).map(|definition| definition.gives);
        match below {
            Some(Gives::Object(below) | Gives::List(below) | Gives::Connection(below)) if !field.fields.is_empty() => {
                ty = below;
                fields = &field.fields;
            }
            _ => return Some(Problem::undefined_field(&field.name, ty.name(), field.place, path)),
        }
    }
}

/// Every leaf of a query but those without which no list can be read, in the order of the query.
pub(super) fn every_leaf(operation: &Operation) -> Vec<Problem> {
    let mut problems = Vec::new();
    leaves(Type::Query, &operation.fields, &[json!(operation.root())], &mut problems);
    problems
}

fn leaves(ty: Type, fields: &[Field], above: &[Value], problems: &mut Vec<Problem>) {
    for field in fields {
        let mut path = above.to_vec();
        path.push(json!(field.key));
        match ty.any_field(&field.name).map(|definition| definition.gives) {
            Some(Gives::Object(below) | Gives::List(below) | Gives::Connection(below)) => {
                leaves(below, &field.fields, &path, problems);
            }
            _ if ty == Type::PageInfo || KEPT.contains(&field.name.as_str()) => {}
            _ => problems.push(Problem::undefined_field(&field.name, ty.name(), field.place, path)),
        }
    }
}
