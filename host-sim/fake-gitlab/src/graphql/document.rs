//! A query as it was posed: parsed, its fragments put in place.
//!
//! Directives are refused: the stand-in does not play `@include` and `@skip`. Type conditions of fragments are taken for
//! granted, since no field here has more than one type.

use graphql_parser::Pos;
use graphql_parser::query as ast;
use serde_json::{Value, json};

use super::problem::Problem;

/// Fragments within fragments. GitLab's limit of the depth is smaller, and checked later.
const DEEPEST: usize = 40;

/// A field with its selection.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Under which key its value is answered.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) place: Pos,
    pub(super) arguments: Vec<(String, Given)>,
    pub(super) fields: Vec<Field>,
}

/// What an argument is given.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Variable(String),
    /// A bare word.
    Word(String),
    /// Text, number, boolean or null.
    Plain(Value),
    List(Vec<Given>),
}

impl Given {
    /// The variables in it.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Variable(name) => vec![name],
            Self::List(items) => items.iter().flat_map(Self::variables).collect(),
            Self::Word(_) | Self::Plain(_) => Vec::new(),
        }
    }
}

/// A declared variable.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) place: Pos,
    pub(super) ty: Ty,
    pub(super) default: Option<Value>,
}

/// A type as it is written in a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ty {
    pub(super) name: String,
    pub(super) list: bool,
    /// Whether the value may not be null; of a list, the list.
    pub(super) required: bool,
    /// The text, such as `[ID!]!`.
    pub(super) text: String,
}

/// What is to be answered.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// `query`, or `mutation` or `subscription`, of which the stand-in plays none.
    pub(super) kind: &'static str,
    pub(super) name: Option<String>,
    pub(super) variables: Vec<Variable>,
    pub(super) fields: Vec<Field>,
}

impl Operation {
    /// The operation of this name, or the only one.
    pub(super) fn read(text: &str, wanted: Option<&str>) -> Result<Self, Problem> {
        let document = ast::parse_query::<String>(text).map_err(|error| {
            let sentence = error.to_string();
            Problem::new(format!("Parse error: {}", sentence.replace('\n', " ").trim()), Pos { line: 1, column: 1 })
        })?;
        let mut fragments = Vec::new();
        let mut operations = Vec::new();
        for definition in document.definitions {
            match definition {
                ast::Definition::Fragment(fragment) => fragments.push(fragment),
                ast::Definition::Operation(operation) => operations.push(operation),
            }
        }
        let named = |operation: &ast::OperationDefinition<'_, String>| match operation {
            ast::OperationDefinition::Query(query) => query.name.clone(),
            ast::OperationDefinition::Mutation(mutation) => mutation.name.clone(),
            ast::OperationDefinition::Subscription(subscription) => subscription.name.clone(),
            ast::OperationDefinition::SelectionSet(_) => None,
        };
        let found = match wanted {
            Some(wanted) => operations.into_iter().find(|operation| named(operation).as_deref() == Some(wanted)),
            None if operations.len() > 1 => None,
            None => operations.into_iter().next(),
        };
        let Some(operation) = found else {
            return Err(Problem::anywhere("An operation name is required".to_owned()));
        };
        let name = named(&operation);
        let (kind, variables, selection) = match operation {
            ast::OperationDefinition::SelectionSet(selection) => ("query", Vec::new(), selection),
            ast::OperationDefinition::Query(query) => ("query", query.variable_definitions, query.selection_set),
            ast::OperationDefinition::Mutation(one) => ("mutation", one.variable_definitions, one.selection_set),
            ast::OperationDefinition::Subscription(one) => {
                ("subscription", one.variable_definitions, one.selection_set)
            }
        };
        Ok(Self {
            kind,
            name,
            variables: variables.iter().map(variable).collect(),
            fields: fields(&selection, &fragments, DEEPEST)?,
        })
    }

    /// The first elements of the paths of errors.
    pub(super) fn root(&self) -> String {
        self.name.as_ref().map_or_else(|| self.kind.to_owned(), |name| format!("{} {name}", self.kind))
    }
}

fn fields(
    selection: &ast::SelectionSet<'_, String>,
    fragments: &[ast::FragmentDefinition<'_, String>],
    depth: usize,
) -> Result<Vec<Field>, Problem> {
    let mut found = Vec::new();
    for item in &selection.items {
        let (place, directives) = match item {
            ast::Selection::Field(field) => (field.position, &field.directives),
            ast::Selection::FragmentSpread(spread) => (spread.position, &spread.directives),
            ast::Selection::InlineFragment(inline) => (inline.position, &inline.directives),
        };
        if let Some(directive) = directives.first() {
            return Err(Problem::new(format!("Directive @{} is not defined", directive.name), directive.position));
        }
        let Some(below) = depth.checked_sub(1) else {
            return Err(Problem::new("Fragments contain one another".to_owned(), place));
        };
        match item {
            ast::Selection::Field(field) => found.push(Field {
                key: field.alias.clone().unwrap_or_else(|| field.name.clone()),
                name: field.name.clone(),
                place: field.position,
                arguments: field.arguments.iter().map(|(name, value)| (name.clone(), given(value))).collect(),
                fields: fields(&field.selection_set, fragments, below)?,
            }),
            ast::Selection::InlineFragment(inline) => found.extend(fields(&inline.selection_set, fragments, below)?),
            ast::Selection::FragmentSpread(spread) => {
                let fragment = fragments.iter().find(|fragment| fragment.name == spread.fragment_name);
                let Some(fragment) = fragment else {
                    let sentence = format!("Fragment {} was used, but not defined", spread.fragment_name);
                    return Err(Problem::new(sentence, place));
                };
                found.extend(fields(&fragment.selection_set, fragments, below)?);
            }
        }
    }
    Ok(found)
}

fn given(value: &ast::Value<'_, String>) -> Given {
    match value {
        ast::Value::Variable(name) => Given::Variable(name.clone()),
        ast::Value::Enum(word) => Given::Word(word.clone()),
        ast::Value::List(items) => Given::List(items.iter().map(given).collect()),
        ast::Value::Int(number) => Given::Plain(json!(number.as_i64())),
        ast::Value::Float(number) => Given::Plain(json!(number)),
        ast::Value::String(text) => Given::Plain(json!(text)),
        ast::Value::Boolean(flag) => Given::Plain(json!(flag)),
        ast::Value::Null => Given::Plain(Value::Null),
        // No argument here is an object, so that any object is refused by its type.
        ast::Value::Object(_) => Given::Plain(json!({})),
    }
}

fn variable(definition: &ast::VariableDefinition<'_, String>) -> Variable {
    Variable {
        name: definition.name.clone(),
        place: definition.position,
        ty: ty(&definition.var_type),
        default: definition.default_value.as_ref().map(|value| constant(&given(value))),
    }
}

fn constant(given: &Given) -> Value {
    match given {
        Given::Variable(_) => Value::Null,
        Given::Word(word) => json!(word),
        Given::Plain(value) => value.clone(),
        Given::List(items) => items.iter().map(constant).collect(),
    }
}

fn ty(written: &ast::Type<'_, String>) -> Ty {
    match written {
        ast::Type::NamedType(name) => Ty { name: name.clone(), list: false, required: false, text: name.clone() },
        ast::Type::ListType(items) => {
            let items = ty(items);
            Ty { text: format!("[{}]", items.text), name: items.name, list: true, required: false }
        }
        ast::Type::NonNullType(inner) => {
            let inner = ty(inner);
            Ty { text: format!("{}!", inner.text), required: true, ..inner }
        }
    }
}
