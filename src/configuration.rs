//! What an administrator entered, parsed once into what every later call needs.
//!
//! Guarantees: all problems are reported together, each for the field it is about; no problem repeats the token, user
//! information of an address, or text that was put in the token's field; the same input gives the same configuration.
//!
//! Refuses unknown fields, fields given twice, and settings that contradict the deployment. Sends nothing: whether the
//! address answers is for *Test connection* to say.

use std::collections::BTreeMap;

pub mod base_url;
pub mod fields;
mod host_name;
pub mod settings;

use base_url::{BaseUrl, Refused};
use fields::{FieldKind, describe, key};
use settings::{Deployment, IdentityLevel, NotOurs, Settings, token_page};

use crate::transport::{GRAPHQL_PATH, REST_PATH};

/// Upper end of `max_concurrency`. GitLab's own advice is one or two; a host may lower it further.
pub const MOST_CONCURRENT: u8 = 16;

/// What was entered for one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Text as typed.
    Text(String),
    /// A secret is set; its value is elsewhere.
    SecretSet,
}

/// Why a field was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Required and not given.
    Missing,
    /// Not of the expected form.
    Malformed,
    /// Well-formed and not supported.
    Unsupported,
    /// No such field.
    UnknownField,
}

/// One thing to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field, or the unknown key.
    pub key: String,
    /// What kind of problem.
    pub kind: ProblemKind,
    /// One sentence: what is wrong.
    pub message: String,
    /// What would do.
    pub hint: Option<String>,
}

/// A page that helps with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpLink {
    /// The field.
    pub field_key: &'static str,
    /// What is found there.
    pub label: &'static str,
    /// Absolute URL.
    pub url: String,
}

/// Parsed settings as the host keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Stable identity: base URL and scope, `https://gitlab.example.com#instance`.
    pub source_key: String,
    /// Name for people.
    pub display_name: String,
    /// What is asked: REST by GET and GraphQL by POST, below the base of GitLab, and nothing else of that host.
    pub allowed_origins: Vec<String>,
    /// Where a token is made.
    pub help_links: Vec<HelpLink>,
    /// [`Settings`] as text.
    pub settings: String,
}

impl Configuration {
    /// The settings in it.
    ///
    /// # Errors
    /// When the text is not ours, or belongs to another source than `source_key`.
    pub fn settings(&self) -> Result<Settings, NotOurs> {
        let settings = Settings::from_text(&self.settings)?;
        if settings.source_key() == self.source_key { Ok(settings) } else { Err(NotOurs) }
    }
}

/// Parse what was entered.
///
/// # Errors
/// Every problem found, those of known fields in the order of the form, then the unknown fields.
pub fn configure(values: &[(String, Input)]) -> Result<Configuration, Vec<Problem>> {
    let mut entry = Entry::sort(values);
    let base = entry.base_url();
    entry.token(base.as_ref());
    let deployment = entry.deployment(base.as_ref());
    let group = entry.group(deployment);
    let members = entry.boolean(key::MEMBERS);
    let memberships = entry.boolean(key::MEMBERSHIPS);
    let add_ons = entry.boolean(key::ADD_ONS);
    let identity = entry.choice(key::IDENTITY, |word| match word {
        "full" => Some(IdentityLevel::Full),
        "username" => Some(IdentityLevel::Username),
        "pseudonym" => Some(IdentityLevel::Pseudonym),
        _ => None,
    });
    let max_concurrency = entry.max_concurrency();
    let problems = entry.into_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    let switches = members.zip(memberships).zip(add_ons);
    let parts = (base, deployment, switches, identity, max_concurrency);
    let (
        Some(base_url),
        Some(deployment),
        Some(((members, memberships), add_ons)),
        Some(identity),
        Some(max_concurrency),
    ) = parts
    else {
        // Each absent part above has left a problem; this is for the compiler.
        return Err(vec![problem(key::HOST_URL, ProblemKind::Malformed, "The settings are incomplete.")]);
    };
    let settings = Settings { base_url, deployment, group, members, memberships, add_ons, identity, max_concurrency };
    let text =
        settings.to_text().map_err(|error| vec![problem(key::HOST_URL, ProblemKind::Malformed, error.to_string())])?;
    Ok(Configuration {
        source_key: settings.source_key(),
        display_name: settings.display_name(),
        allowed_origins: needed(&settings.base_url),
        help_links: vec![HelpLink {
            field_key: key::TOKEN,
            label: "Create an access token",
            url: settings.token_page(),
        }],
        settings: text,
    })
}

/// As the contract writes it. GraphQL is not asked by GET, and without POST nothing is written below `/api/v4`.
fn needed(base: &BaseUrl) -> Vec<String> {
    vec![format!("{base}{REST_PATH}"), format!("POST {base}{GRAPHQL_PATH}")]
}

fn problem(key: &str, kind: ProblemKind, message: impl Into<String>) -> Problem {
    Problem { key: key.to_owned(), kind, message: message.into(), hint: None }
}

/// The entered values by key, and what is wrong with them.
struct Entry<'a> {
    texts: BTreeMap<&'a str, &'a str>,
    token_set: bool,
    problems: Vec<Problem>,
}

impl<'a> Entry<'a> {
    /// Put each value where its field expects it. A field left blank counts as not given.
    fn sort(values: &'a [(String, Input)]) -> Self {
        let mut entry = Self { texts: BTreeMap::new(), token_set: false, problems: Vec::new() };
        let mut seen: Vec<&str> = Vec::new();
        for (key, input) in values {
            let Some(field) = describe().fields.iter().find(|field| field.key == key) else {
                entry.problems.push(Problem {
                    hint: Some(format!("The fields are {}.", known_keys())),
                    ..problem(key, ProblemKind::UnknownField, "This plugin has no such field.")
                });
                continue;
            };
            if seen.contains(&field.key) {
                entry.refuse(field.key, ProblemKind::Malformed, "The field is given twice.", None);
                continue;
            }
            seen.push(field.key);
            match (field.kind, input) {
                (FieldKind::Secret, Input::SecretSet) => entry.token_set = true,
                (FieldKind::Secret, Input::Text(_)) => {
                    // Counts as set: "missing" beside "not as text" would send the administrator in a circle.
                    entry.token_set = true;
                    entry.refuse(
                        field.key,
                        ProblemKind::Malformed,
                        "The token was passed as text; secrets are not passed to a plugin.",
                        Some("Store the token as a secret in the broker and state only that it is set.".to_owned()),
                    );
                }
                (_, Input::SecretSet) => entry.refuse(
                    field.key,
                    ProblemKind::Malformed,
                    "The value was stored as a secret, and this field is none.",
                    Some("Enter the value as plain text.".to_owned()),
                ),
                (_, Input::Text(text)) => {
                    let text = text.trim();
                    if !text.is_empty() {
                        entry.texts.insert(field.key, text);
                    }
                }
            }
        }
        entry
    }

    fn refuse(&mut self, key: &str, kind: ProblemKind, message: &str, hint: Option<String>) {
        self.problems.push(Problem { hint, ..problem(key, kind, message) });
    }

    fn is_refused(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    fn base_url(&mut self) -> Option<BaseUrl> {
        let Some(typed) = self.texts.get(key::HOST_URL) else {
            if !self.is_refused(key::HOST_URL) {
                self.refuse(
                    key::HOST_URL,
                    ProblemKind::Missing,
                    "The address of GitLab is missing.",
                    Some(
                        "Enter the address that you open in a browser, such as https://gitlab.example.com.".to_owned(),
                    ),
                );
            }
            return None;
        };
        match BaseUrl::parse(typed) {
            // GitLab.com has no path of its own: what is pasted there is the page of a group.
            Ok(base) if is_gitlab_com(&base) => Some(base.at_root()),
            Ok(base) => Some(base),
            Err(reason) => {
                let kind = match reason {
                    Refused::OtherScheme | Refused::OtherLetters => ProblemKind::Unsupported,
                    _ => ProblemKind::Malformed,
                };
                self.refuse(key::HOST_URL, kind, &reason.to_string(), Some(mend(reason).to_owned()));
                None
            }
        }
    }

    fn token(&mut self, base: Option<&BaseUrl>) {
        if !self.token_set {
            let hint = base.map_or_else(
                || "Create a token with the scopes read_api and read_user as an administrator of GitLab.".to_owned(),
                |base| {
                    let who = if is_gitlab_com(base) { "an Owner of the group" } else { "an administrator" };
                    format!("As {who}, create one at {}", token_page(base, "read_api,read_user"))
                },
            );
            self.refuse(key::TOKEN, ProblemKind::Missing, "The access token is missing.", Some(hint));
        }
    }

    fn deployment(&mut self, base: Option<&BaseUrl>) -> Option<Deployment> {
        let at_gitlab_com = base.is_some_and(is_gitlab_com);
        let chosen = self.choice(key::DEPLOYMENT, |word| match word {
            "auto" => Some(None),
            "gitlab-com" => Some(Some(Deployment::GitlabCom)),
            "self-managed" => Some(Some(Deployment::SelfManaged)),
            _ => None,
        })?;
        match chosen {
            Some(Deployment::SelfManaged) if at_gitlab_com => {
                self.refuse(
                    key::DEPLOYMENT,
                    ProblemKind::Unsupported,
                    "GitLab.com is not a self-managed instance.",
                    Some("Choose GitLab.com, or leave the decision to the address.".to_owned()),
                );
                None
            }
            Some(deployment) => Some(deployment),
            None if at_gitlab_com => Some(Deployment::GitlabCom),
            // Without an address nothing is decided, and the address has its own problem.
            None => base.map(|_| Deployment::SelfManaged),
        }
    }

    fn group(&mut self, deployment: Option<Deployment>) -> Option<String> {
        let typed = *self.texts.get(key::GROUP)?;
        let path = typed.trim_matches('/');
        let clean = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if path.contains('/') && !path.contains("//") && !path.contains(':') {
            self.refuse(
                key::GROUP,
                ProblemKind::Unsupported,
                "Seats are counted for top-level groups, and this is the path of a subgroup.",
                Some("Enter the part before the first slash.".to_owned()),
            );
        } else if path.is_empty() || !clean || path.starts_with('-') || path.len() > 255 {
            self.refuse(
                key::GROUP,
                ProblemKind::Malformed,
                "This is not the path of a group.",
                Some("Enter the group's path as it stands in its address, such as acme.".to_owned()),
            );
        } else if deployment == Some(Deployment::SelfManaged) {
            self.refuse(
                key::GROUP,
                ProblemKind::Unsupported,
                "A self-managed GitLab has one license for the whole instance, not one for each group.",
                Some("Leave the group empty.".to_owned()),
            );
        } else {
            return Some(path.to_owned());
        }
        None
    }

    fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let parsed = self.text_or_default(key)?.parse().ok();
        if parsed.is_none() {
            self.refuse(
                key,
                ProblemKind::Malformed,
                "The value is neither true nor false.",
                Some("Enter true or false.".to_owned()),
            );
        }
        parsed
    }

    fn choice<T>(&mut self, key: &'static str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let parsed = read(self.text_or_default(key)?);
        if parsed.is_none() {
            let choices: Vec<&str> = describe()
                .fields
                .iter()
                .filter(|field| field.key == key)
                .flat_map(|field| field.choices.iter().map(|(value, _)| *value))
                .collect();
            let hint = format!("Choose one of {}.", choices.join(", "));
            self.refuse(key, ProblemKind::Malformed, "The value is none of the choices.", Some(hint));
        }
        parsed
    }

    fn max_concurrency(&mut self) -> Option<u8> {
        let text = self.text_or_default(key::MAX_CONCURRENCY)?;
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = text.parse().ok().filter(|number| digits_only && (1..=MOST_CONCURRENT).contains(number));
        if parsed.is_none() {
            self.refuse(
                key::MAX_CONCURRENCY,
                ProblemKind::Malformed,
                "The value is not a whole number from 1 to 16.",
                Some("Enter 4 unless there is a reason for another number.".to_owned()),
            );
        }
        parsed
    }

    /// What was entered, or the default of the form; nothing when the field already has a problem.
    fn text_or_default(&self, key: &'static str) -> Option<&'a str> {
        if self.is_refused(key) {
            return None;
        }
        let default = || describe().fields.iter().find(|field| field.key == key)?.default_value;
        self.texts.get(key).copied().or_else(default)
    }

    fn into_problems(self) -> Vec<Problem> {
        let mut ordered = Vec::with_capacity(self.problems.len());
        let mut rest = self.problems;
        for field in describe().fields {
            let (here, elsewhere) = rest.into_iter().partition(|problem| problem.key == field.key);
            ordered.extend::<Vec<Problem>>(here);
            rest = elsewhere;
        }
        ordered.extend(rest);
        ordered
    }
}

fn is_gitlab_com(base: &BaseUrl) -> bool {
    matches!(base.host(), "gitlab.com" | "www.gitlab.com")
}

fn known_keys() -> String {
    let keys: Vec<&str> = describe().fields.iter().map(|field| field.key).collect();
    keys.join(", ")
}

/// What to enter instead.
const fn mend(reason: Refused) -> &'static str {
    match reason {
        Refused::UserInformation => {
            "Enter the address without a user name and password; the token goes in its own field."
        }
        Refused::OtherScheme => "Enter the address that you open in a browser; it begins with https:// or http://.",
        Refused::OtherLetters => {
            "Check the spelling; a name in any other script is accepted in its xn-- form, such as xn--mgbh0fb.example."
        }
        Refused::BadPort => "Enter the port as digits after the host, such as https://gitlab.example.com:8443.",
        Refused::BareIpv6 => "Enter the address as https://[2001:db8::1].",
        Refused::Fragment => "Leave out # and everything after it.",
        Refused::BadPath => "Enter only the path under which GitLab is installed, or none.",
        _ => "Enter the address that you open in a browser, such as https://gitlab.example.com.",
    }
}

#[cfg(test)]
mod tests;
