//! GitLab's GraphQL endpoint: one query, and an answer that may hold data and errors together.
//!
//! Guarantees: what is sent is one query with its variables as JSON, so that no value can change the query; an answer
//! keeps its errors beside its data, told apart by what can be done about them (see [`QueryError`]).
//!
//! Refuses answers with neither data nor errors, and everything that is not JSON, as REST does. The text of an error is
//! kept as one sentence, cleaned and cut.
//!
//! | status | body | meaning |
//! | --- | --- | --- |
//! | 200 | `data`, `errors`, or both | [`Answer`] |
//! | 401 | `errors`: Invalid token | [`Refusal::TokenOrScope`] |
//! | 403 | `errors`: API not accessible for user | [`Refusal::Account`] |
//! | 404 | any | [`Refusal::NoSuchEndpoint`] |
//! | 422 | `errors`: Query too large | [`Answer`] with [`QueryError::TooLarge`] |
//! | 503 | `errors`: Request timed out | [`Answer`] with [`QueryError::TimedOut`] |
//! | other | | as for REST |
//!
//! Source: GitLab 15.4 to 19.3, `app/controllers/graphql_controller.rb`, `app/graphql/gitlab_schema.rb`; the codes of
//! errors in the query itself are those of the library graphql-ruby.

use super::json::{self, Read, Reader, Text, object};
use super::refusal::{self, Content, Refusal, Stranger};
use super::scalars::Id;
use crate::clock::Clock;
use crate::quoting::quoted;
use crate::transport::Response;

/// Method and path for messages.
pub const NAME: &str = "POST /api/graphql";

/// Most errors of one answer that are kept. A query has fewer fields than this.
const MOST_ERRORS: usize = 64;

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// A text; also ids, cursors and names of an enumeration.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// No value: the first page, all groups.
    Null,
}

/// A query.
///
/// Nothing can be changed with it: the operation is always `query`, and since no operation is named, GitLab refuses a
/// text that smuggles in a second one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    text: String,
    variables: Vec<(&'static str, Variable)>,
}

impl Query {
    /// A query of at most 10,000 characters: `{ currentLicense { plan } }`, or with the declaration of its variables,
    /// `($ns: NamespaceID) { … }`. The word `query` may stand before it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim_start();
        Self { text: ["query", text.strip_prefix("query").unwrap_or(text)].concat(), variables: Vec::new() }
    }

    /// The same with one variable more, named without `$`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Variable) -> Self {
        self.variables.push((name, value));
        self
    }

    /// The JSON that is sent.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = b"{\"query\":".to_vec();
        write(&mut body, &self.text);
        body.extend_from_slice(b",\"variables\":{");
        for (position, (name, value)) in self.variables.iter().enumerate() {
            if position > 0 {
                body.push(b',');
            }
            write(&mut body, name);
            body.push(b':');
            match value {
                Variable::Text(text) => write(&mut body, text),
                Variable::Texts(texts) => {
                    body.push(b'[');
                    for (position, text) in texts.iter().enumerate() {
                        if position > 0 {
                            body.push(b',');
                        }
                        write(&mut body, text);
                    }
                    body.push(b']');
                }
                Variable::Null => body.extend_from_slice(b"null"),
            }
        }
        body.extend_from_slice(b"}}");
        body
    }
}

/// A JSON text, quoted and escaped.
fn write(body: &mut Vec<u8>, text: &str) {
    // A text can always be written to memory.
    let _ = serde_json::to_writer(body, text);
}

/// What is wrong with a query, or with a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryError {
    /// This version or edition has no such field: ask without it.
    UndefinedField {
        /// The field.
        field: String,
        /// The type that would have it; empty if GitLab does not say.
        on: String,
    },
    /// This version or edition knows the field without this argument.
    UndefinedArgument {
        /// The argument.
        argument: String,
        /// The field; empty if GitLab does not say.
        on: String,
    },
    /// Another part of the query is not in the schema: a type, a value of an enumeration. Comes also in the wake of an
    /// undefined field, whose variables are then of no use. One sentence.
    Schema(String),
    /// The field, by its name in the answer, is not for the token's user, or what it would hold does not exist.
    NotPermitted(String),
    /// A fine-grained token is not let in here, whatever its permissions. One sentence.
    FineGrainedToken(String),
    /// The database took too long, also when asked again: ask for fewer rows.
    TimedOut,
    /// Beyond GitLab's limit for the length or complexity of a query: ask for fewer fields. One sentence.
    TooLarge(String),
    /// The limit of a single field was reached; later it answers again.
    TooOften,
    /// One sentence of GitLab's.
    Other(String),
}

impl QueryError {
    /// Whether the version or edition is the cause: the same query without some of its parts may succeed.
    #[must_use]
    pub const fn is_about_schema(&self) -> bool {
        matches!(self, Self::UndefinedField { .. } | Self::UndefinedArgument { .. } | Self::Schema(_))
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::UndefinedField { field, .. } => Self::NotInSchema(format!("the field {field}")),
            QueryError::UndefinedArgument { argument, on } => {
                Self::NotInSchema(format!("the argument {argument} of {on}"))
            }
            QueryError::Schema(sentence) => Self::NotInSchema(sentence),
            QueryError::NotPermitted(_) => Self::NotFound,
            QueryError::FineGrainedToken(sentence) => Self::Permission(sentence),
            QueryError::TimedOut => Self::QueryFailed("the database took too long".to_owned()),
            QueryError::TooOften => Self::TooOften(None),
            QueryError::TooLarge(sentence) | QueryError::Other(sentence) => Self::QueryFailed(sentence),
        }
    }
}

/// Data and errors of one answer. Either may be missing, not both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for; nothing if the whole query failed.
    pub data: Option<T>,
    /// In GitLab's order.
    pub errors: Vec<QueryError>,
}

impl<T> Answer<T> {
    /// The data, where no error is acceptable.
    ///
    /// # Errors
    /// The first error, as a refusal.
    pub fn into_data(self) -> Result<T, Refusal> {
        match (self.errors.into_iter().next(), self.data) {
            (None, Some(data)) => Ok(data),
            (Some(error), _) => Err(error.into()),
            (None, None) => Err(Refusal::QueryFailed("no data and no error".to_owned())),
        }
    }

    /// Names of the fields that this version or edition lacks, in GitLab's order.
    pub fn undefined_fields(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().filter_map(|error| match error {
            QueryError::UndefinedField { field, .. } => Some(field.as_str()),
            _ => None,
        })
    }
}

/// The outer object, whatever was asked for.
struct Envelope<'a> {
    /// As it came.
    data: Option<&'a [u8]>,
    /// The same of each.
    errors: Vec<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    fn read(body: &'a [u8]) -> Result<Self, json::Error> {
        let mut envelope = Self { data: None, errors: Vec::new() };
        let mut reader = Reader::new(body);
        reader.members(|reader, key| {
            match key {
                b"data" if !reader.null()? => envelope.data = Some(reader.raw()?),
                b"errors" if !reader.null()? => reader.elements(&mut |reader| {
                    envelope.errors.push(reader.raw()?);
                    Ok(())
                })?,
                b"data" | b"errors" => {}
                _ => {
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(envelope)
    }
}

object! {
    /// An error as GitLab writes it.
    pub struct WrittenError {
        needed {}
        optional {
            /// A sentence, or several.
            pub message: Text,
            /// Code and names.
            pub extensions: Option<Extensions>,
            /// Fields from the root to the one concerned, and numbers of rows.
            pub path: Option<Vec<Text>>,
        }
    }
}

object! {
    /// What graphql-ruby adds to its own errors, in its spelling.
    #[allow(non_snake_case, reason = "the names are those of the answer")]
    pub struct Extensions {
        needed {}
        optional {
            /// Kind of error.
            pub code: Text,
            /// The field that is not there.
            pub fieldName: Text,
            /// The type that lacks it.
            pub typeName: Text,
            /// The argument that is not accepted.
            pub argumentName: Text,
            /// The field that does not accept it.
            pub name: Text,
        }
    }
}

/// Read the answer to a query.
///
/// # Errors
/// Whatever came in place of data and errors; see the table above.
pub fn read<T: Read>(response: &Response, clock: &dyn Clock) -> Result<Answer<T>, Refusal> {
    let (data, errors) = open(response, clock)?;
    let data = match data {
        Some(data) => Some(json::from_slice(data).map_err(|error| refusal::unreadable(&error))?),
        None => None,
    };
    Ok(Answer { data, errors })
}

/// The same for an answer that may not have come.
///
/// # Errors
/// Whatever else came, or that nothing did.
pub fn decode<T: Read>(answer: Result<Response, Refusal>, clock: &dyn Clock) -> Result<Answer<T>, Refusal> {
    read(&answer?, clock)
}

/// Whether a refusal of GraphQL leaves REST readable: also where something before GitLab lets `/api/v4` through and nothing
/// else.
#[must_use]
pub const fn is_of_graphql_alone(refusal: &Refusal) -> bool {
    refusal.is_of_one_thing()
        || matches!(
            refusal,
            Refusal::NotTheApi(_)
                | Refusal::BrowserCheck(_)
                | Refusal::NotAllowed
                | Refusal::NotFound
                | Refusal::NoSuchEndpoint
                | Refusal::Permission(_)
                | Refusal::Scope(_)
        )
}

/// The part of [`read`] that is the same for all kinds of data, which keeps the component small.
fn open<'a>(response: &'a Response, clock: &dyn Clock) -> Result<(Option<&'a [u8]>, Vec<QueryError>), Refusal> {
    let is_json = matches!(refusal::content(response), Content::Json);
    let may_be_ours = response.status == 200 || matches!(response.status, 422 | 503) && is_json;
    if !may_be_ours || !is_json {
        return Err(refusal::refusal(response, clock));
    }
    let envelope = match Envelope::read(&response.body) {
        Ok(envelope) => envelope,
        Err(error) if response.status == 200 => return Err(refusal::unreadable(&error)),
        Err(_) => return Err(refusal::refusal(response, clock)),
    };
    let errors: Vec<QueryError> = envelope.errors.iter().take(MOST_ERRORS).map(|error| classify(error)).collect();
    if response.status != 200 {
        // Only these two errors have a status of their own; anything else with it is a server that fails.
        let known = !errors.is_empty()
            && errors.iter().all(|error| matches!(error, QueryError::TimedOut | QueryError::TooLarge(_)));
        if !known {
            return Err(refusal::refusal(response, clock));
        }
    } else if envelope.data.is_none() && errors.is_empty() {
        return Err(Refusal::NotTheApi(Stranger::OtherContent("JSON of another service".to_owned())));
    }
    Ok((envelope.data, errors))
}

/// Codes of graphql-ruby for a query that does not fit the schema, beside the two that have a case of their own.
const SCHEMA_CODES: [&str; 8] = [
    "argumentLiteralsIncompatible",
    "fieldConflict",
    "missingRequiredArguments",
    "selectionMismatch",
    "undefinedType",
    "variableMismatch",
    "variableNotUsed",
    "variableRequiresValidType",
];

/// The same by words: errors about the value of a variable have no code, and old versions send none.
const SCHEMA_WORDS: [&str; 4] =
    ["isn't a defined input type", "has an invalid value", "was provided invalid value", "but not used"];

/// By the library's code where there is one; old versions have the sentence only.
fn classify(error: &[u8]) -> QueryError {
    let error: WrittenError = json::from_slice(error).unwrap_or_default();
    let message = error.message.0.as_deref().unwrap_or_default();
    let none = Extensions::default();
    let extensions = error.extensions.as_ref().unwrap_or(&none);
    let code = extensions.code.0.as_deref().unwrap_or_default();
    // The names in a sentence such as "Field 'a' doesn't exist on type 'B'", by their place.
    let name =
        |told: &Text, place: usize| quoted(told.0.as_deref().or_else(|| in_quotes(message, place)).unwrap_or_default());
    if code == "undefinedField" || message.contains("doesn't exist on type") {
        return QueryError::UndefinedField { field: name(&extensions.fieldName, 0), on: name(&extensions.typeName, 1) };
    }
    if code == "argumentNotAccepted" || message.contains("doesn't accept argument") {
        return QueryError::UndefinedArgument {
            argument: name(&extensions.argumentName, 1),
            on: name(&extensions.name, 0),
        };
    }
    if message.contains("does not exist or you don't have permission") {
        let field = error.path.iter().flatten().rev().find_map(|step| step.0.as_deref());
        return QueryError::NotPermitted(quoted(field.unwrap_or_default()));
    }
    let sentence = quoted(first_sentence(message));
    if message.contains("fine-grained") {
        QueryError::FineGrainedToken(sentence)
    } else if message.starts_with("Request timed out") {
        QueryError::TimedOut
    } else if message.contains("exceeds max") || message.starts_with("Query too large") {
        QueryError::TooLarge(sentence)
    } else if message.contains("requested too many times") {
        QueryError::TooOften
    } else if SCHEMA_CODES.contains(&code) || SCHEMA_WORDS.iter().any(|words| message.contains(words)) {
        QueryError::Schema(sentence)
    } else {
        QueryError::Other(sentence)
    }
}

/// The text between the apostrophes number `place`, where letters stand on neither side: `doesn't` quotes nothing.
fn in_quotes(message: &str, place: usize) -> Option<&str> {
    message.split_whitespace().filter_map(|word| word.strip_prefix('\'')?.split('\'').next()).nth(place)
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").and_then(|end| text.get(..=end)).unwrap_or(text)
}

/// The number in a global id: `42` of `gid://gitlab/User/42`. Nothing for ids that are no numbers.
#[must_use]
pub fn id_of_gid(gid: &str) -> Option<Id> {
    let (kind, id) = gid.strip_prefix("gid://gitlab/")?.rsplit_once('/')?;
    if kind.is_empty() { None } else { Id::parse(id) }
}

#[cfg(test)]
#[path = "graphql_tests.rs"]
mod tests;
