//! Fields of the form, and what was entered for the usual two: an address and a token that goes as `Authorization: Bearer`.

use crate::connector::{
    Configuration, CredentialPlacement, Field, FieldKind, FieldProblem, FieldValue, Input, ProblemKind,
};
use crate::http;

/// Keys of the two fields.
pub const ADDRESS: &str = "address";
/// See [`ADDRESS`].
pub const TOKEN: &str = "token";

/// A field that must be filled in.
#[must_use]
pub fn field(key: &str, label: &str, help: &str, kind: FieldKind, placeholder: Option<&str>) -> Field {
    Field {
        key: key.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        kind,
        required: true,
        default_value: None,
        placeholder: placeholder.map(str::to_owned),
        choices: Vec::new(),
    }
}

/// The token goes where most services want it.
#[must_use]
pub fn bearer() -> CredentialPlacement {
    CredentialPlacement {
        field_key: TOKEN.to_owned(),
        header_name: "authorization".to_owned(),
        prefix: "Bearer ".to_owned(),
    }
}

/// A source that is one address. Asked for is this address and not its server: a plugin that is broken into reaches nothing
/// else.
///
/// # Errors
/// All problems, not the first: a form is filled in once.
pub fn address_and_token(values: Vec<FieldValue>) -> Result<Configuration, Vec<FieldProblem>> {
    let (mut address, mut token) = (Err(missing(ADDRESS)), Err(missing(TOKEN)));
    let mut problems = Vec::new();
    for FieldValue { key, value } in values {
        match (key.as_str(), value) {
            (ADDRESS, Input::Text(typed)) => {
                address = http::address(&typed).map_err(|why| problem(ADDRESS, ProblemKind::Malformed, why));
            }
            (TOKEN, Input::SecretSet) => token = Ok(()),
            (ADDRESS, _) => address = Err(problem(ADDRESS, ProblemKind::Malformed, "An address is expected.")),
            (TOKEN, _) => token = Err(problem(TOKEN, ProblemKind::Malformed, "A secret is expected.")),
            _ => problems.push(problem(&key, ProblemKind::UnknownField, "There is no such field.")),
        }
    }
    match (address, token) {
        (Ok(address), Ok(())) if problems.is_empty() => Ok(Configuration {
            source_key: address.clone(),
            display_name: address.split("://").last().unwrap_or_default().to_owned(),
            allowed_origins: vec![address.clone()],
            help_links: Vec::new(),
            settings: address,
        }),
        (address, token) => Err([address.err(), token.err()].into_iter().flatten().chain(problems).collect()),
    }
}

fn missing(key: &str) -> FieldProblem {
    problem(key, ProblemKind::Missing, "This is needed.")
}

fn problem(key: &str, kind: ProblemKind, message: &str) -> FieldProblem {
    FieldProblem { key: key.to_owned(), kind, message: message.to_owned(), hint: None }
}
