//! What a source is granted: a method, an origin, and of that origin all paths or those below one.
//!
//! A plugin says what it needs in `allowed-origins` of its configuration, and the administrator types an address: what both
//! name is granted. An entry is `[METHOD ]scheme://host[:port][/path]`:
//!
//! | asked for | granted |
//! | --- | --- |
//! | `https://gitlab.example.com`, `https://gitlab.example.com/` | GET of every path of the origin |
//! | `https://example.com/gitlab/api/v4` | GET of this path and what is below it |
//! | `POST https://example.com/gitlab/api/graphql` | POST to this path and what is below it, and no GET |
//!
//! So a plugin that asks by POST at one place cannot write by POST at another. What was typed narrows ([`Typed`]):
//!
//! | typed | may be granted |
//! | --- | --- |
//! | `https://example.com` | all of it |
//! | `https://example.com/gitlab` | what is below `/gitlab`, and nothing beside it |
//! | `https://example.com/gitlab/-/profile` | any path, and not the whole host: it may be that of a page, and only the plugin knows where its service begins |
//!
//! Refused: another method, a query, a fragment, a further blank or a control character in an entry, and paths that
//! [`path`](super::path) does not send.

use std::fmt;

use super::origin::{Origin, OriginError};
use super::path::PathPrefix;

/// What is granted to one source. Empty grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    entries: Vec<Entry>,
}

/// How a plugin may ask. Nothing else is granted, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Has a body, whose meaning is known to the service alone.
    Post,
}

impl Method {
    /// Of its name, in upper case.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "GET" => Some(Self::Get),
            "POST" => Some(Self::Post),
            _ => None,
        }
    }

    /// What stands in an entry before the origin.
    #[must_use]
    pub fn in_entry(self) -> &'static str {
        match self {
            Self::Get => "",
            Self::Post => "POST ",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
        })
    }
}

/// A method, an origin, and the paths of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    method: Method,
    origin: Origin,
    below: PathPrefix,
}

impl Entry {
    fn shown(&self) -> String {
        format!("{} {}{}", self.method, self.origin, self.below)
    }
}

/// What an administrator typed: an origin, and the path below which a plugin stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    origin: Origin,
    below: PathPrefix,
}

impl Typed {
    /// Parses what was typed: the scheme may be missing, query and fragment do not matter.
    ///
    /// # Errors
    /// [`OriginError`], also for a path that no request could have.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        let origin = Origin::of_typed(text)?;
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let below = match rest.find(['/', '\\']) {
            None => PathPrefix::root(),
            Some(place) => {
                PathPrefix::parse(rest.get(place..).unwrap_or_default()).map_err(|_| OriginError::Ambiguous)?
            }
        };
        Ok(Self { origin, below })
    }

    /// The origin.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether a plugin may be granted what is below this path of the origin.
    fn admits(&self, below: &PathPrefix) -> bool {
        self.below.holds(below) || (self.below.segments() > 1 && !below.is_root())
    }
}

impl From<Origin> for Typed {
    fn from(origin: Origin) -> Self {
        Self { origin, below: PathPrefix::root() }
    }
}

impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.below)
    }
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
    /// Of the origin that was typed, and beside the path.
    #[error("the plugin asks for {wanted}, which is not below the address entered, {typed}")]
    NotBelow {
        /// What the plugin asks for.
        wanted: String,
        /// What was typed.
        typed: String,
        /// The nearest address of which both are a part.
        nearest: String,
    },
    /// Does not parse.
    #[error("the plugin asks for `{wanted}`, which is no origin: {why}")]
    Malformed {
        /// What the plugin asks for.
        wanted: String,
        /// Why it is none.
        why: OriginError,
    },
    /// Neither GET nor POST before the origin.
    #[error("the plugin asks for `{wanted}`, whose method cannot be granted")]
    Method {
        /// What the plugin asks for.
        wanted: String,
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
        let typed: Vec<Typed> = typed.iter().cloned().map(Typed::from).collect();
        Self::below(wanted, &typed)
    }

    /// Grants what the plugin wants, provided that all of it is below an address that the administrator typed.
    ///
    /// # Errors
    /// [`GrantError`] for the first entry that is not.
    pub fn below(wanted: &[String], typed: &[Typed]) -> Result<Self, GrantError> {
        let mut entries = Vec::with_capacity(wanted.len());
        for text in wanted {
            let (method, url) = match text.split_once(' ') {
                None => (Method::Get, text.as_str()),
                Some((name, url)) => {
                    (Method::of(name).ok_or_else(|| GrantError::Method { wanted: text.clone() })?, url)
                }
            };
            // A parser of URLs drops some of them, and each another one.
            if url.contains(|character: char| character.is_whitespace() || character.is_control()) {
                return Err(GrantError::Malformed { wanted: text.clone(), why: OriginError::Ambiguous });
            }
            let origin = Origin::of_url(url).map_err(|why| GrantError::Malformed { wanted: text.clone(), why })?;
            let here: Vec<&Typed> = typed.iter().filter(|typed| typed.origin == origin).collect();
            let Some(first) = here.first() else {
                let typed = typed.iter().map(|typed| typed.origin.clone()).collect();
                return Err(GrantError::NotTyped { wanted: origin, typed });
            };
            let below = path_of(url).ok_or_else(|| GrantError::Path { wanted: text.clone() })?;
            if !here.iter().any(|typed| typed.admits(&below)) {
                return Err(GrantError::NotBelow {
                    wanted: format!("{origin}{below}"),
                    typed: first.to_string(),
                    nearest: format!("{origin}{}", first.below.common(&below)),
                });
            }
            entries.push(Entry { method, origin, below });
        }
        Ok(Self { entries })
    }

    /// The first entry that `other` does not grant, as it is shown to people; none if this is no more.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Option<String> {
        let granted = |entry: &Entry| {
            let same = |known: &&Entry| known.method == entry.method && known.origin == entry.origin;
            other.entries.iter().filter(same).any(|known| known.below.holds(&entry.below))
        };
        self.entries.iter().find(|entry| !granted(entry)).map(Entry::shown)
    }

    /// Each entry as it is shown to people, with its method: `GET https://gitlab.example.com/api/v4`.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        self.entries.iter().map(Entry::shown).collect()
    }

    /// Whether requests to `origin` may leave, at least by some method to some of its paths.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        self.entries.iter().any(|entry| entry.origin == *origin)
    }

    /// Whether requests to this path of `origin` may leave, by some method. The path is the one that is sent, without its query.
    #[must_use]
    pub fn covers(&self, origin: &Origin, path: &str) -> bool {
        self.entries.iter().any(|entry| entry.origin == *origin && entry.below.covers(path))
    }

    /// The same for this method.
    #[must_use]
    pub fn permits(&self, method: Method, origin: &Origin, path: &str) -> bool {
        let asked = |entry: &&Entry| entry.method == method && entry.origin == *origin;
        self.entries.iter().filter(asked).any(|entry| entry.below.covers(path))
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
        let names: Vec<String> = self
            .entries
            .iter()
            .map(|Entry { method, origin, below }| format!("{}{origin}{below}", method.in_entry()))
            .collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

    use super::{Grant, GrantError, Method, Typed};
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
            "POST  https://gitlab.example.com",
            "GET https://gitlab.example.com/api ",
            "POST POST https://gitlab.example.com",
            "POST\thttps://gitlab.example.com",
            "POSThttps://gitlab.example.com",
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
            let wanted = format!("POST {wanted}");
            let both = ["https://gitlab.example.com/api/v4".to_owned(), wanted.clone()];
            assert!(matches!(Grant::of(&both, &typed), Err(GrantError::NotTyped { .. })), "{wanted}");
        }
    }

    #[test]
    fn a_method_is_granted_where_it_stands_and_nowhere_else() {
        let typed = [Origin::of_typed("gitlab.example.com").unwrap()];
        let entries = ["https://gitlab.example.com/api/v4", "POST https://gitlab.example.com/api/graphql"];
        let grant = Grant::of(&entries.map(ToOwned::to_owned), &typed).unwrap();
        for (path, get, post) in [
            ("/api/v4/users", true, false),
            ("/api/graphql", false, true),
            ("/api/graphql/x", false, true),
            ("/api/graphql-explorer", false, false),
            ("/", false, false),
        ] {
            let permits = |method| grant.permits(method, &typed[0], path);
            assert_eq!((permits(Method::Get), permits(Method::Post)), (get, post), "{path}");
        }
        assert_eq!(grant.to_string(), entries.join(", "));
        let explicit = Grant::of(&["GET https://gitlab.example.com".to_owned()], &typed).unwrap();
        assert_eq!(explicit.to_string(), "https://gitlab.example.com");
        let other = Origin::of_typed("gitlab.example.org").unwrap();
        assert!(!grant.permits(Method::Post, &other, "/api/graphql"));
        for method in ["PUT", "DELETE", "HEAD", "get", "post", "*", "GET,POST", ""] {
            let wanted = format!("{method} https://gitlab.example.com");
            assert_eq!(
                Grant::of(std::slice::from_ref(&wanted), &typed),
                Err(GrantError::Method { wanted }),
                "{method}"
            );
        }
    }

    /// Where `https://example.com/gitlab` was typed, a plugin could ask for the whole of the host, and for what else is there.
    #[test]
    fn a_typed_path_narrows() {
        let of = |typed: &str, wanted: &str| {
            Grant::below(&[wanted.to_owned()], &[Typed::parse(typed).unwrap()]).map(|grant| grant.to_string())
        };
        for (typed, wanted) in [
            ("example.com", "https://example.com"),
            ("example.com/", "https://example.com/anything"),
            ("https://example.com/gitlab", "https://example.com/gitlab/api/v4"),
            ("https://example.com/gitlab/", "POST https://example.com/gitlab/api/graphql"),
            (" HTTPS://Example.com:443/gitlab?x=/y#/z ", "https://example.com/gitlab"),
            ("example.com?x=/y", "https://example.com/api"),
            // Pages, and the service beside them.
            ("example.com/gitlab/-/profile", "https://example.com/gitlab/api/v4"),
            ("example.com/users/sign_in", "POST https://example.com/api/graphql"),
            ("example.com/gitlab/api/v4/projects", "https://example.com/gitlab/api/v4"),
        ] {
            assert!(of(typed, wanted).is_ok(), "{typed} {wanted}: {:?}", of(typed, wanted));
        }
        for (typed, wanted, nearest) in [
            ("example.com/gitlab", "https://example.com", "https://example.com"),
            ("example.com/gitlab", "POST https://example.com/", "https://example.com"),
            ("example.com/gitlab", "https://example.com/jenkins", "https://example.com"),
            ("example.com/gitlab", "https://example.com/gitlab2/api", "https://example.com"),
            ("example.com/gitlab", "https://example.com/GitLab/api", "https://example.com"),
            ("example.com/admin", "https://example.com/api/v4", "https://example.com"),
            ("example.com/gitlab/-/profile", "https://example.com", "https://example.com"),
            ("example.com/users/sign_in", "POST https://example.com/", "https://example.com"),
        ] {
            match of(typed, wanted) {
                Err(GrantError::NotBelow { nearest: found, .. }) => assert_eq!(found, nearest, "{typed} {wanted}"),
                other => panic!("{typed} {wanted}: {other:?}"),
            }
        }
        let words = of("example.com/gitlab", "POST https://example.com/").unwrap_err().to_string();
        let expected = "the plugin asks for https://example.com, which is not below the address entered, https://example.com/gitlab";
        assert_eq!(words, expected);
        assert!(matches!(of("example.com/gitlab", "https://evil.example/gitlab"), Err(GrantError::NotTyped { .. })));
        for typed in ["example.com/a/../b", "example.com\\a", "example.com/%2e%2e", "a@example.com/b"] {
            assert!(Typed::parse(typed).is_err(), "{typed}");
        }
        let two = ["example.com/a", "example.com/b"].map(|typed| Typed::parse(typed).unwrap());
        assert!(Grant::below(&["https://example.com/b/c".to_owned()], &two).is_ok());
    }

    #[test]
    fn more_than_was_agreed_to_is_told() {
        let typed = [Origin::of_typed("example.com").unwrap(), Origin::of_typed("example.org").unwrap()];
        let grant = |entries: &[&str]| {
            Grant::of(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>(), &typed).unwrap()
        };
        let agreed = grant(&["https://example.com/api/v4", "POST https://example.com/api/graphql"]);
        assert_eq!(agreed.shown(), ["GET https://example.com/api/v4", "POST https://example.com/api/graphql"]);
        for (now, more) in [
            (&["https://example.com/api/v4", "POST https://example.com/api/graphql"][..], None),
            (&["POST https://example.com/api/graphql"], None),
            (&["https://example.com/api/v4/users"], None),
            (&[], None),
            (&["https://example.com/api"], Some("GET https://example.com/api")),
            (&["https://example.com"], Some("GET https://example.com")),
            (&["POST https://example.com/api/v4"], Some("POST https://example.com/api/v4")),
            (&["https://example.com/api/graphql"], Some("GET https://example.com/api/graphql")),
            (&["https://example.com/api/v4", "https://example.org/api/v4"], Some("GET https://example.org/api/v4")),
        ] {
            assert_eq!(grant(now).beyond(&agreed).as_deref(), more, "{now:?}");
        }
    }

    #[test]
    fn a_path_narrows_the_grant() {
        let typed = [Origin::of_typed("gitlab.example.com").unwrap()];
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
