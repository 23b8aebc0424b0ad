//! What is wrong with a query before it is answered: every error of it, in the order of the query.

use serde_json::{Value, json};

use super::document::{Field, Given, Operation, Variable};
use super::problem::Problem;
use super::schema::{Argument, Gives, INPUTS, InputKind, Type};
use crate::scenario::Scenario;

/// Deeper queries are refused.
const MOST_DEPTH: usize = 20;

/// Rows of a page when a query does not say, and the most.
pub(super) const PAGE: u64 = 100;

/// All errors of an operation.
pub(super) fn errors(operation: &Operation, scenario: Scenario) -> Vec<Problem> {
    let mut check = Check { operation, scenario, problems: Vec::new() };
    if operation.kind != "query" {
        for field in &operation.fields {
            let name = if operation.kind == "mutation" { "Mutation" } else { "Subscription" };
            let path = vec![json!(operation.root()), json!(field.key)];
            check.problems.push(Problem::undefined_field(&field.name, name, field.place, path));
        }
        return check.problems;
    }
    for variable in &operation.variables {
        check.declared(variable);
    }
    check.selection(Type::Query, &operation.fields, &[json!(operation.root())]);
    check.problems
}

struct Check<'a> {
    operation: &'a Operation,
    scenario: Scenario,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn declared(&mut self, variable: &Variable) {
        let Variable { name, place, ty, .. } = variable;
        if !INPUTS.iter().any(|input| input.name == ty.name && input.since.holds(self.scenario)) {
            let sentence = format!("{} isn't a defined input type (on ${name})", ty.name);
            let extensions = json!({ "code": "variableRequiresValidType", "typeName": ty.name, "variableName": name });
            let path = vec![json!(self.operation.root())];
            self.problems.push(Problem::new(sentence, *place).at(path).with(extensions));
        }
        let used = self.operation.fields.iter().any(|field| uses(field, name));
        if !used {
            let owner = self.operation.name.as_deref().unwrap_or("anonymous query");
            let sentence = format!("Variable ${name} is declared by {owner} but not used");
            let path = vec![json!(self.operation.root())];
            let extensions = json!({ "code": "variableNotUsed", "variableName": name });
            self.problems.push(Problem::new(sentence, *place).at(path).with(extensions));
        }
    }

    fn selection(&mut self, ty: Type, fields: &[Field], above: &[Value]) {
        for field in fields {
            let mut path = above.to_vec();
            path.push(json!(field.key));
            let Some(definition) = ty.field(&field.name, self.scenario) else {
                self.problems.push(Problem::undefined_field(&field.name, ty.name(), field.place, path));
                continue;
            };
            self.arguments(field, definition.arguments, &path);
            match definition.gives {
                Gives::Leaf(name) if !field.fields.is_empty() => {
                    let sentence = format!(
                        "Selections can't be made on scalars (field '{}' returns {name} but has selections)",
                        field.name
                    );
                    self.mismatch(field, sentence, name, path);
                }
                Gives::Leaf(_) => {}
                Gives::Object(below) | Gives::List(below) | Gives::Connection(below) => {
                    if field.fields.is_empty() {
                        let sentence = format!(
                            "Field must have selections (field '{0}' returns {1} but has no selections. Did you mean '{0} {{ ... }}'?)",
                            field.name,
                            below.name()
                        );
                        self.mismatch(field, sentence, below.name(), path);
                    } else {
                        self.selection(below, &field.fields, &path);
                    }
                }
            }
        }
    }

    fn mismatch(&mut self, field: &Field, sentence: String, type_name: &str, path: Vec<Value>) {
        let extensions = json!({
            "code": "selectionMismatch",
            "nodeName": format!("field '{}'", field.name),
            "typeName": type_name,
        });
        self.problems.push(Problem::new(sentence, field.place).at(path).with(extensions));
    }

    fn arguments(&mut self, field: &Field, known: &'static [Argument], path: &[Value]) {
        for (name, given) in &field.arguments {
            let mut path = path.to_vec();
            path.push(json!(name));
            let problem = |sentence| Problem::new(sentence, field.place).at(path.clone());
            let argument = known.iter().find(|argument| argument.name == name && argument.since.holds(self.scenario));
            let Some(argument) = argument else {
                let sentence = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let extensions = json!({
                    "code": "argumentNotAccepted",
                    "name": field.name,
                    "typeName": "Field",
                    "argumentName": name,
                });
                self.problems.push(problem(sentence).with(extensions));
                continue;
            };
            if let Given::Variable(variable) = given {
                self.problems.extend(self.variable(variable, argument, field).map(|problem| problem.at(path)));
            } else if !self.admits(argument, given) {
                let sentence = format!(
                    "Argument '{name}' on Field '{}' has an invalid value ({}). Expected type '{}'.",
                    field.name,
                    written(given),
                    argument.text()
                );
                let extensions =
                    json!({ "code": "argumentLiteralsIncompatible", "typeName": "Field", "argumentName": name });
                self.problems.push(problem(sentence).with(extensions));
            }
        }
        let missing: Vec<&str> = known
            .iter()
            .filter(|argument| argument.required && argument.since.holds(self.scenario))
            .map(|argument| argument.name)
            .filter(|wanted| !field.arguments.iter().any(|(name, _)| name == wanted))
            .collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            let sentence = format!("Field '{}' is missing required arguments: {missing}", field.name);
            let extensions = json!({
                "code": "missingRequiredArguments",
                "className": "Field",
                "name": field.name,
                "arguments": missing,
            });
            self.problems.push(Problem::new(sentence, field.place).at(path.to_vec()).with(extensions));
        }
    }

    /// Whether a variable goes where it is put.
    fn variable(&self, name: &str, argument: &Argument, field: &Field) -> Option<Problem> {
        let Some(variable) = self.operation.variables.iter().find(|variable| variable.name == name) else {
            let owner = self.operation.name.as_deref().unwrap_or("anonymous query");
            let sentence = format!("Variable ${name} is used by {owner} but not declared");
            let extensions = json!({ "code": "variableNotDefined", "variableName": name });
            return Some(Problem::new(sentence, field.place).with(extensions));
        };
        let ty = &variable.ty;
        let fault = if ty.name != argument.takes.name {
            "Type mismatch"
        } else if ty.list != argument.list {
            "List dimension mismatch"
        } else if argument.required && !ty.required && variable.default.is_none() {
            "Nullability mismatch"
        } else {
            return None;
        };
        let sentence =
            format!("{fault} on variable ${name} and argument {} ({} / {})", argument.name, ty.text, argument.text());
        Some(Problem::new(sentence, field.place).with(json!({
            "code": "variableMismatch",
            "variableName": name,
            "typeName": ty.text,
            "argumentName": argument.name,
            "errorMessage": fault,
        })))
    }

    fn admits(&self, argument: &Argument, given: &Given) -> bool {
        match given {
            Given::Plain(Value::Null) => !argument.required,
            Given::List(items) => {
                argument.list
                    && items.iter().all(|item| match item {
                        Given::Variable(name) => self.operation.variables.iter().any(|declared| declared.name == *name),
                        item => self.admits(&Argument { list: false, required: true, ..*argument }, item),
                    })
            }
            // One value does for a list of one.
            Given::Word(word) => words(argument.takes.kind, self.scenario).contains(&word.as_str()),
            Given::Plain(value) => {
                !matches!(argument.takes.kind, InputKind::Words(_)) && fits(value, argument.takes.kind, self.scenario)
            }
            Given::Variable(_) => true,
        }
    }
}

fn uses(field: &Field, name: &str) -> bool {
    field.arguments.iter().any(|(_, given)| given.variables().contains(&name))
        || field.fields.iter().any(|field| uses(field, name))
}

fn words(kind: InputKind, scenario: Scenario) -> Vec<&'static str> {
    let InputKind::Words(words) = kind else { return Vec::new() };
    words.iter().filter(|(_, (major, minor))| scenario.at_least(*major, *minor)).map(|(word, _)| *word).collect()
}

fn fits(value: &Value, kind: InputKind, scenario: Scenario) -> bool {
    match (value, kind) {
        (Value::String(text), InputKind::GlobalId) => text.starts_with("gid://gitlab/"),
        (Value::String(word), InputKind::Words(_)) => words(kind, scenario).contains(&word.as_str()),
        (Value::String(_), InputKind::Text | InputKind::Id) => true,
        (Value::Number(number), InputKind::Id | InputKind::Whole) => number.is_i64(),
        (Value::Bool(_), InputKind::Flag) => true,
        _ => false,
    }
}

fn written(given: &Given) -> String {
    match given {
        Given::Variable(name) => format!("${name}"),
        Given::Word(word) => word.clone(),
        Given::Plain(value) => value.to_string(),
        Given::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
    }
}

/// The values of the declared variables, or what is wrong with those that were sent.
pub(super) fn variables(
    operation: &Operation,
    sent: &serde_json::Map<String, Value>,
    scenario: Scenario,
) -> Result<serde_json::Map<String, Value>, Vec<Problem>> {
    let mut values = serde_json::Map::new();
    let mut problems = Vec::new();
    for Variable { name, place, ty, default } in &operation.variables {
        let value = sent.get(name).or(default.as_ref());
        let null = value.is_none_or(Value::is_null);
        let Some(input) = INPUTS.iter().find(|input| input.name == ty.name) else { continue };
        let right = match value {
            Some(Value::Array(items)) if ty.list => items.iter().all(|item| fits(item, input.kind, scenario)),
            Some(value) if !null => fits(value, input.kind, scenario),
            _ => !ty.required,
        };
        if right {
            values.extend(value.map(|value| (name.clone(), value.clone())));
            continue;
        }
        let explanation = match (null, words(input.kind, scenario)) {
            (true, _) => "Expected value to not be null".to_owned(),
            (false, words) if words.is_empty() => {
                format!("Could not coerce value {} to {}", value.unwrap_or(&Value::Null), ty.name)
            }
            (false, words) => {
                format!("Expected {} to be one of: {}", value.unwrap_or(&Value::Null), words.join(", "))
            }
        };
        let sentence = format!("Variable ${name} of type {} was provided invalid value", ty.text);
        let extensions = json!({ "value": value, "problems": [{ "path": [], "explanation": explanation }] });
        problems.push(Problem::new(sentence, *place).with(extensions));
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// What is too much about a valid query for a caller who may spend `most`: GitLab counts one for each field, and a
/// connection of 100 rows doubles what is below it.
pub(super) fn too_much(operation: &Operation, most: u64, values: &serde_json::Map<String, Value>) -> Option<Problem> {
    let depth = operation.fields.iter().map(depth).max().unwrap_or(0);
    if depth > MOST_DEPTH {
        return Some(Problem::anywhere(format!("Query has depth of {depth}, which exceeds max depth of {MOST_DEPTH}")));
    }
    let cost = operation.fields.iter().map(|field| cost(Type::Query, field, values)).sum::<u64>();
    (cost > most)
        .then(|| Problem::anywhere(format!("Query has complexity of {cost}, which exceeds max complexity of {most}")))
}

fn depth(field: &Field) -> usize {
    1 + field.fields.iter().map(depth).max().unwrap_or(0)
}

fn cost(ty: Type, field: &Field, values: &serde_json::Map<String, Value>) -> u64 {
    // The newest version has every field that is not gone; what is gone costs nothing more than a leaf.
    let Some(definition) = ty.any_field(&field.name) else { return 1 };
    match definition.gives {
        Gives::Leaf(_) => 1,
        Gives::Object(below) | Gives::List(below) => 1 + costs(below, field, values),
        Gives::Connection(below) => {
            let below = 1 + costs(below, field, values);
            below + below * first(field, values) / 100
        }
    }
}

fn costs(ty: Type, field: &Field, values: &serde_json::Map<String, Value>) -> u64 {
    field.fields.iter().map(|below| cost(ty, below, values)).sum()
}

fn first(field: &Field, values: &serde_json::Map<String, Value>) -> u64 {
    let given = field.arguments.iter().find(|(name, _)| name == "first").map(|(_, given)| given);
    let number = match given {
        Some(Given::Plain(value)) => value.as_u64(),
        Some(Given::Variable(name)) => values.get(name).and_then(Value::as_u64),
        _ => None,
    };
    number.unwrap_or(PAGE).min(PAGE)
}
