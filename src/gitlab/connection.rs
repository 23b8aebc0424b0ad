//! A page of a GraphQL list, with its rows.
//!
//! Guarantees: a page is taken with all of its rows or not at all; a hidden row stays visible as a gap.
//!
//! Refuses a list beside which an error stands: it may lack rows.

use super::entities::{Data, Listed};
use super::graphql::Answer;
use super::json::{self, Read};
use super::refusal::{Refusal, unreadable};

/// A page of a GraphQL list. It may hold fewer rows than asked for, even none, and not be the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection<T> {
    /// The rows.
    pub edges: Vec<Edge<T>>,
    /// Whether another page follows.
    pub has_next_page: bool,
    /// Its cursor.
    pub end_cursor: Option<String>,
}

/// A row of a GraphQL list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge<T> {
    /// Cursor of the page behind it; asked for where cursors count rows.
    pub cursor: Option<String>,
    /// The row; nothing where the caller may not see it.
    pub node: Option<T>,
}

/// The list in an answer.
///
/// # Errors
/// The first error beside it or in its place; [`Refusal::NotFound`] where there is neither.
pub fn connection<T: Read>(answer: Answer<Data>) -> Result<Connection<T>, Refusal> {
    let Answer { data, errors } = answer;
    let found = data.and_then(|data| data.list.or_else(|| data.scope?.list));
    let Listed { edges, pageInfo: info } = match (found, errors.into_iter().next()) {
        (Some(found), None) => found,
        (_, Some(error)) => return Err(error.into()),
        (None, None) => return Err(Refusal::NotFound),
    };
    let mut rows = Vec::with_capacity(edges.len());
    for edge in edges {
        let node = match &edge.node {
            Some(node) => Some(json::from_slice(&node.0).map_err(|error| unreadable(&error))?),
            None => None,
        };
        rows.push(Edge { cursor: edge.cursor, node });
    }
    Ok(Connection { edges: rows, has_next_page: info.hasNextPage, end_cursor: info.endCursor })
}
