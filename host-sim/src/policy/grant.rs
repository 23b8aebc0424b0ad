//! What a source is granted: origins, and of each all paths or those below some.
//!
//! A plugin says what it needs in `allowed-origins` of its configuration; it gets what the administrator typed as well.
//! An entry may go on behind the origin with a path, and then grants no more than what lies below it:
//!
//! | asked for | granted |
//! | --- | --- |
//! | `https://gitlab.example.com`, `https://gitlab.example.com/` | every path of the origin |
//! | `https://example.com/gitlab/api/v4` and `https://example.com/gitlab/api/graphql` | these two and what is below them |
//!
//! The path that an administrator typed narrows nothing: it may be that of any page, and only the plugin knows where its
//! service begins.
//!
//! Refused: a query, a fragment, a blank or a control character in an entry, and paths that [`path`](super::path) does not send.

use std::fmt;

use super::origin::{Origin, OriginError};
use super::path::PathPrefix;

/// What is granted to one source. Empty grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    entries: Vec<Entry>,
}

/// An origin, and the paths of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    origin: Origin,
    below: PathPrefix,
}

/// A plugin asked for an origin which the administrator did not type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Parses, and is another one.
    #[error("the plugin asks for {wanted}, but the address entered is {}", list(.typed))]
    NotTyped {
        /// What the plugin asks for.
        wanted: Origin,
        /// What was typed.
        typed: Vec<Origin>,
    },
    /// Does not parse.
    #[error("the plugin asks for `{wanted}`, which is no origin: {why}")]
    Malformed {
        /// What the plugin asks for.
        wanted: String,
        /// Why it is none.
        why: OriginError,
    },
    /// What stands behind the origin is not a path alone, or none that a request could have.
    #[error("the plugin asks for `{wanted}`, whose path cannot be granted")]
    Path {
        /// What the plugin asks for.
        wanted: String,
    },
}

fn list(origins: &[Origin]) -> String {
    let names: Vec<String> = origins.iter().map(ToString::to_string).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Grant {
    /// Grants what the plugin wants, provided that each origin was typed by the administrator.
    ///
    /// # Errors
    /// [`GrantError`] for the first origin that was not typed: a plugin does not choose whom it talks to.
    pub fn of(wanted: &[String], typed: &[Origin]) -> Result<Self, GrantError> {
        let mut entries = Vec::with_capacity(wanted.len());
        for text in wanted {
            // A parser of URLs drops some of them, and each another one.
            if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
                return Err(GrantError::Malformed { wanted: text.clone(), why: OriginError::Ambiguous });
            }
            let origin = Origin::of_url(text).map_err(|why| GrantError::Malformed { wanted: text.clone(), why })?;
            if !typed.contains(&origin) {
                return Err(GrantError::NotTyped { wanted: origin, typed: typed.to_vec() });
            }
            let below = path_of(text).ok_or_else(|| GrantError::Path { wanted: text.clone() })?;
            entries.push(Entry { origin, below });
        }
        Ok(Self { entries })
    }

    /// Whether requests to `origin` may leave, at least to some of its paths.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        self.entries.iter().any(|entry| entry.origin == *origin)
    }

    /// Whether requests to this path of `origin` may leave. The path is the one that is sent, without its query.
    #[must_use]
    pub fn covers(&self, origin: &Origin, path: &str) -> bool {
        self.entries.iter().any(|entry| entry.origin == *origin && entry.below.covers(path))
    }
}

/// The path behind an origin. The text is taken as it is, since a parsed URL has its steps upwards already taken.
fn path_of(text: &str) -> Option<PathPrefix> {
    let (_, rest) = text.split_once("://")?;
    match rest.find(['/', '\\', '?', '#']) {
        None => Some(PathPrefix::root()),
        Some(place) => {
            let path = rest.get(place..)?;
            if path.contains(['?', '#']) { None } else { PathPrefix::parse(path).ok() }
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> =
            self.entries.iter().map(|Entry { origin, below }| format!("{origin}{below}")).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use super::{Grant, GrantError};
    use crate::policy::origin::Origin;

    #[test]
    fn a_plugin_gets_no_more_than_was_typed() {
        let typed = [Origin::of_typed("gitlab.example.com/gitlab").unwrap()];
        let grant = Grant::of(&["https://gitlab.example.com".to_owned()], &typed).unwrap();
        assert!(grant.allows(&typed[0]));
        assert!(!Grant::default().allows(&typed[0]));
        let refusal = Grant::of(&["https://evil.example".to_owned()], &typed).unwrap_err();
        assert!(matches!(refusal, GrantError::NotTyped { .. }));
        assert_eq!(
            refusal.to_string(),
            "the plugin asks for https://evil.example, but the address entered is https://gitlab.example.com"
        );
        for wanted in [
            "*",
            "",
            "/api/v4",
            "gitlab.example.com/api/v4",
            " https://gitlab.example.com",
            "https://gitlab.example.com/api ",
            "https://gitlab.example.com\n",
            "https://git\tlab.example.com",
            "https://gitlab.example.com@evil.example/api",
        ] {
            let refusal = Grant::of(&[wanted.to_owned()], &typed);
            assert!(matches!(refusal, Err(GrantError::Malformed { .. })), "{wanted:?}: {refusal:?}");
        }
        for wanted in
            ["https://evil.example/gitlab", "http://gitlab.example.com/gitlab", "https://gitlab.example.com:8443/"]
        {
            let both = ["https://gitlab.example.com/api/v4".to_owned(), wanted.to_owned()];
            assert!(matches!(Grant::of(&both, &typed), Err(GrantError::NotTyped { .. })), "{wanted}");
        }
    }

    #[test]
    fn a_path_narrows_the_grant_and_the_typed_one_does_not() {
        let typed = [Origin::of_typed("gitlab.example.com/gitlab/-/profile").unwrap()];
        let covers = |wanted: &[&str], path: &str| {
            let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
            Grant::of(&wanted, &typed).unwrap().covers(&typed[0], path)
        };
        for whole in ["https://gitlab.example.com", "https://gitlab.example.com/", "https://GITLAB.example.com.:443"] {
            assert!(covers(&[whole], "/") && covers(&[whole], "/anything"), "{whole}");
        }
        let api = ["https://gitlab.example.com/gitlab/api/v4/", "https://gitlab.example.com/gitlab/api/graphql"];
        for (path, covered) in [
            ("/gitlab/api/v4/users", true),
            ("/gitlab/api/graphql", true),
            ("/gitlab/api/v5/users", false),
            ("/gitlab/api/graphql-explorer", false),
            ("/gitlab/", false),
            ("/", false),
        ] {
            assert_eq!(covers(&api, path), covered, "{path}");
        }
        let narrow = Grant::of(&[api[0].to_owned()], &typed).unwrap();
        assert_eq!(narrow.to_string(), "https://gitlab.example.com/gitlab/api/v4");
        assert!(!narrow.covers(&Origin::of_url("https://gitlab.example.com:444").unwrap(), "/gitlab/api/v4"));
        for path in ["/a?b", "/a#b", "?b", "#b", "/a/../b", "/%2e%2e", "\\a", "/a\\b", "/ä"] {
            let wanted = format!("https://gitlab.example.com{path}");
            assert_eq!(Grant::of(std::slice::from_ref(&wanted), &typed), Err(GrantError::Path { wanted }), "{path}");
        }
    }
}
