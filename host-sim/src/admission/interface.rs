//! Whether the connector that a component exports is the connector of the contract, type by type.
//!
//! Name and version are only a claim. Functions, parameters and results are compared with `wit/connector.wit` as it was
//! compiled into this host, before anything of the component is compiled. The comparison walks along the contract and
//! stops at the first difference, so that it takes no longer than the contract is large, whatever the component holds.

use std::sync::OnceLock;

use wit_parser::{Function, FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, TypeId};

use super::Refusal;

/// The contract as text.
const CONTRACT: &str = include_str!("../../../wit/connector.wit");

/// Longest chain of type aliases that is followed. The contract's own have one step.
const ALIASES: usize = 16;

/// Compares an exported connector with the contract.
///
/// # Errors
/// [`Refusal::Function`], which names the function and the place in its signature.
pub(super) fn compare(found: &Resolve, interface: InterfaceId) -> Result<(), Refusal> {
    let refuse = |function: &str, why: String| Err(Refusal::Function { function: function.to_owned(), why });
    let Some((contract, expected)) = contract() else {
        return refuse("*", "the contract in this host cannot be read".to_owned());
    };
    let (Some(expected), Some(exported)) = (contract.interfaces.get(*expected), found.interfaces.get(interface)) else {
        return refuse("*", "the interface cannot be read".to_owned());
    };
    for (name, function) in &expected.functions {
        let Some(other) = exported.functions.get(name) else {
            return refuse(name, "it is missing".to_owned());
        };
        let pair = Pair { contract, found };
        if let Err(Difference { place, expected, found }) = pair.function(function, other) {
            let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(", ")) };
            return refuse(name, format!("{place}{found}, where the contract has {expected}"));
        }
    }
    match exported.functions.keys().find(|name| !expected.functions.contains_key(*name)) {
        Some(name) => refuse(name, "the contract has no such function".to_owned()),
        None => Ok(()),
    }
}

/// The contract, parsed once.
fn contract() -> Option<&'static (Resolve, InterfaceId)> {
    static CONTRACT_TYPES: OnceLock<Option<(Resolve, InterfaceId)>> = OnceLock::new();
    CONTRACT_TYPES
        .get_or_init(|| {
            let mut resolve = Resolve::default();
            let package = resolve.push_source("connector.wit", CONTRACT).ok()?;
            let interface = resolve.packages.get(package)?.interfaces.get("connector").copied()?;
            Some((resolve, interface))
        })
        .as_ref()
}

/// Where two signatures differ, and how.
struct Difference {
    /// From the outside in.
    place: Vec<String>,
    expected: String,
    found: String,
}

impl Difference {
    /// The same difference, seen from one step further out.
    fn inside(mut self, step: String) -> Self {
        self.place.insert(0, step);
        self
    }
}

fn differ(expected: impl Into<String>, found: impl Into<String>) -> Result<(), Difference> {
    Err(Difference { place: Vec::new(), expected: expected.into(), found: found.into() })
}

/// The two sides of a comparison. A type is an index into its own side.
#[derive(Clone, Copy)]
struct Pair<'a> {
    contract: &'a Resolve,
    found: &'a Resolve,
}

/// A type with its aliases taken off.
enum Shape<'a> {
    Plain(Type),
    Defined(&'a TypeDefKind),
    Unknown,
}

impl Pair<'_> {
    fn function(self, expected: &Function, found: &Function) -> Result<(), Difference> {
        if found.kind != FunctionKind::Freestanding || expected.kind != FunctionKind::Freestanding {
            return differ("a plain function", "an async function or a method");
        }
        let names = |function: &Function| {
            let names: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
            if names.is_empty() { "no parameters".to_owned() } else { format!("parameters {}", names.join(", ")) }
        };
        if names(expected) != names(found) {
            return differ(names(expected), names(found));
        }
        for (one, other) in expected.params.iter().zip(&found.params) {
            self.types(&one.ty, &other.ty)
                .map_err(|difference| difference.inside(format!("parameter {}", one.name)))?;
        }
        self.optional(expected.result.as_ref(), found.result.as_ref())
            .map_err(|difference| difference.inside("result".to_owned()))
    }

    fn optional(self, expected: Option<&Type>, found: Option<&Type>) -> Result<(), Difference> {
        match (expected, found) {
            (None, None) => Ok(()),
            (Some(expected), Some(found)) => self.types(expected, found),
            (Some(expected), None) => differ(word(&shape(self.contract, *expected)), "nothing"),
            (None, Some(found)) => differ("nothing", word(&shape(self.found, *found))),
        }
    }

    fn types(self, expected: &Type, found: &Type) -> Result<(), Difference> {
        let (expected, found) = (shape(self.contract, *expected), shape(self.found, *found));
        let (one, other) = match (&expected, &found) {
            (Shape::Plain(one), Shape::Plain(other)) if one == other => return Ok(()),
            (Shape::Defined(one), Shape::Defined(other)) => (*one, *other),
            _ => return differ(word(&expected), word(&found)),
        };
        match (one, other) {
            (TypeDefKind::Record(one), TypeDefKind::Record(other)) => {
                same_names(
                    "fields",
                    one.fields.iter().map(|field| &field.name),
                    other.fields.iter().map(|field| &field.name),
                )?;
                one.fields.iter().zip(&other.fields).try_for_each(|(one, other)| {
                    self.types(&one.ty, &other.ty)
                        .map_err(|difference| difference.inside(format!("field {}", one.name)))
                })
            }
            (TypeDefKind::Variant(one), TypeDefKind::Variant(other)) => {
                same_names(
                    "cases",
                    one.cases.iter().map(|case| &case.name),
                    other.cases.iter().map(|case| &case.name),
                )?;
                one.cases.iter().zip(&other.cases).try_for_each(|(one, other)| {
                    self.optional(one.ty.as_ref(), other.ty.as_ref())
                        .map_err(|difference| difference.inside(format!("case {}", one.name)))
                })
            }
            (TypeDefKind::Enum(one), TypeDefKind::Enum(other)) => {
                same_names("cases", one.cases.iter().map(|case| &case.name), other.cases.iter().map(|case| &case.name))
            }
            (TypeDefKind::Flags(one), TypeDefKind::Flags(other)) => {
                same_names("flags", one.flags.iter().map(|flag| &flag.name), other.flags.iter().map(|flag| &flag.name))
            }
            (TypeDefKind::Tuple(one), TypeDefKind::Tuple(other)) if one.types.len() == other.types.len() => {
                one.types.iter().zip(&other.types).try_for_each(|(one, other)| self.types(one, other))
            }
            (TypeDefKind::Option(one), TypeDefKind::Option(other)) => {
                self.types(one, other).map_err(|difference| difference.inside("option".to_owned()))
            }
            (TypeDefKind::List(one), TypeDefKind::List(other)) => {
                self.types(one, other).map_err(|difference| difference.inside("list".to_owned()))
            }
            (TypeDefKind::Result(one), TypeDefKind::Result(other)) => {
                self.optional(one.ok.as_ref(), other.ok.as_ref())
                    .map_err(|difference| difference.inside("ok".to_owned()))?;
                self.optional(one.err.as_ref(), other.err.as_ref())
                    .map_err(|difference| difference.inside("err".to_owned()))
            }
            // The contract has none of the other kinds; a version that does must say here how they compare.
            _ => differ(word(&expected), word(&found)),
        }
    }
}

fn same_names<'a>(
    what: &str,
    expected: impl Iterator<Item = &'a String>,
    found: impl Iterator<Item = &'a String>,
) -> Result<(), Difference> {
    let (expected, found): (Vec<&str>, Vec<&str>) =
        (expected.map(String::as_str).collect(), found.map(String::as_str).collect());
    if expected == found {
        return Ok(());
    }
    // The first that differs: lists may be long, and a component's own may be endless.
    let place = expected.iter().zip(&found).take_while(|(one, other)| one == other).count();
    let at = |names: &[&str]| {
        names.get(place).map_or_else(|| format!("no more {what}"), |name| format!("`{name:.64}` among its {what}"))
    };
    differ(at(&expected), at(&found))
}

/// A type with its aliases taken off; unknown if they do not come to an end.
fn shape(resolve: &Resolve, ty: Type) -> Shape<'_> {
    let mut ty = ty;
    for _ in 0..ALIASES {
        let Type::Id(id) = ty else { return Shape::Plain(ty) };
        match kind(resolve, id) {
            Some(TypeDefKind::Type(aliased)) => ty = *aliased,
            Some(kind) => return Shape::Defined(kind),
            None => return Shape::Unknown,
        }
    }
    Shape::Unknown
}

fn kind(resolve: &Resolve, id: TypeId) -> Option<&TypeDefKind> {
    resolve.types.get(id).map(|definition| &definition.kind)
}

fn word(shape: &Shape<'_>) -> String {
    match shape {
        Shape::Plain(ty) => format!("{ty:?}").to_lowercase(),
        Shape::Defined(TypeDefKind::Tuple(tuple)) => format!("tuple of {}", tuple.types.len()),
        Shape::Defined(kind) => kind.as_str().to_owned(),
        Shape::Unknown => "an unknown type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use wit_parser::Resolve;

    use super::{CONTRACT, compare};

    /// The refusal of a connector that differs from the contract by one replacement of text.
    #[track_caller]
    fn refusal(from: &str, to: &str) -> String {
        assert!(from.is_empty() || CONTRACT.contains(from), "{from}");
        let mut resolve = Resolve::default();
        let package = resolve.push_source("other.wit", &CONTRACT.replacen(from, to, 1)).unwrap();
        let interface = resolve.packages[package].interfaces["connector"];
        compare(&resolve, interface).err().map(|refusal| refusal.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_contract_is_itself() {
        assert_eq!(refusal("", ""), "");
    }

    #[test]
    fn a_difference_is_named_by_function_and_place() {
        let about = "the plugin's connector is not that of license-broker:plugin/connector@0.1.0: function ";
        for (from, to, words) in [
            ("  describe: func() -> descriptor;", "  type unused = u8;", "describe: it is missing"),
            (
                "  describe: func() -> descriptor;",
                "  describe: func() -> descriptor;\n  steal: func() -> string;",
                "steal: the contract has no such function",
            ),
            (
                "describe: func() -> descriptor",
                "describe: func()",
                "describe: result: nothing, where the contract has record",
            ),
            (
                "describe: func()",
                "describe: func(secret: string)",
                "describe: parameters secret, where the contract has no parameters",
            ),
            (
                "cursor: option<cursor>) ->",
                "cursor: cursor) ->",
                "collect: parameter cursor: string, where the contract has option",
            ),
            (
                "values: list<field-value>) ->",
                "values: list<string>) ->",
                "configure: parameter values, list: string, where the contract has record",
            ),
            (
                "result<batch, failure>",
                "result<batch, string>",
                "collect: result, err: string, where the contract has variant",
            ),
            (
                "  record choice {",
                "  record choice {\n    hidden: u64,",
                "describe: result, field fields, list, field choices, list: `hidden` among its fields, where the contract \
                 has `value` among its fields",
            ),
            (
                "    /// One line of text.\n    text,\n",
                "",
                "describe: result, field fields, list, field kind: `url` among its cases",
            ),
        ] {
            let found = refusal(from, to);
            assert!(found.starts_with(&format!("{about}{words}")), "{from} → {to}: {found}");
        }
    }

    #[test]
    fn an_async_function_is_another() {
        assert!(refusal("collect: func(", "collect: async func(").contains("function collect: an async function"));
    }
}
