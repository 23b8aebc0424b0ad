//! Where a plugin may send requests: the origin the administrator typed, and nothing else.
//!
//! An [`Origin`] is scheme, host and port, parsed and normalised by the URL standard (lower case, Punycode, canonical
//! IPv4 and IPv6, default port filled in). Comparison is of these parts, never of text.
//!
//! | typed or requested | origin |
//! | --- | --- |
//! | `gitlab.example.com` | `https`, `gitlab.example.com`, 443 |
//! | `HTTPS://GitLab.Example.com:443/gitlab` | the same |
//! | `http://127.1:8080` | `http`, `127.0.0.1`, 8080 |
//! | `https://bücher.example` | `https`, `xn--bcher-kva.example`, 443 |
//! | `https://gitlab.example.com./` | the same as without the dot |
//!
//! Refused: any user-info (`@`), schemes other than http and https, an empty host.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Scheme of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL at all.
    #[error("not a URL: {0}")]
    NotAUrl(url::ParseError),
    /// `user@` or `user:password@`.
    #[error("a user name or password in the URL is not accepted")]
    UserInfo,
    /// Neither http nor https.
    #[error("the scheme `{0}` is not accepted, only https and http")]
    Scheme(String),
    /// No host, or no port where none can be assumed.
    #[error("the URL names no host")]
    NoHost,
}

impl Origin {
    /// Parses an absolute URL and keeps its origin.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn of_url(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(OriginError::NotAUrl)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(OriginError::Scheme(other.to_owned())),
        };
        // The parser drops an empty user-info, as in `https://@host`: look at the text as well.
        let authority = text.split_once("//").map_or(text, |(_, rest)| rest);
        let authority = authority.split(['/', '\\', '?', '#']).next().unwrap_or(authority);
        if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        let host = match url.host().ok_or(OriginError::NoHost)? {
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                if name.is_empty() {
                    return Err(OriginError::NoHost);
                }
                Host::Domain(name.to_owned())
            }
            Host::Ipv4(address) => Host::Ipv4(address),
            Host::Ipv6(address) => Host::Ipv6(address),
        };
        let port = url.port_or_known_default().ok_or(OriginError::NoHost)?;
        Ok(Self { scheme, host, port })
    }

    /// Parses what an administrator typed: the scheme may be missing and is then https.
    ///
    /// # Errors
    /// See [`OriginError`].
    pub fn of_typed(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        if text.contains("://") { Self::of_url(text) } else { Self::of_url(&format!("https://{text}")) }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The address, if the host is one and not a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// The host as it is written in a URL: a name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> String {
        self.host.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, default) = match self.scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        write!(f, "{name}://{}", self.host)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The origins granted to one source. Empty grants nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    origins: Vec<Origin>,
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
        let mut origins = Vec::with_capacity(wanted.len());
        for text in wanted {
            let origin = Origin::of_url(text).map_err(|why| GrantError::Malformed { wanted: text.clone(), why })?;
            if !typed.contains(&origin) {
                return Err(GrantError::NotTyped { wanted: origin, typed: typed.to_vec() });
            }
            origins.push(origin);
        }
        Ok(Self { origins })
    }

    /// Whether requests to `origin` may leave.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        self.origins.contains(origin)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.origins))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Grant, GrantError, Origin, OriginError};

    #[test]
    fn spellings_of_one_origin_are_equal() {
        let origin = Origin::of_url("https://gitlab.example.com").unwrap();
        for text in [
            "gitlab.example.com",
            " https://gitlab.example.com/ ",
            "HTTPS://GITLAB.example.COM:443/gitlab/?a=b#c",
            "https://gitlab.example.com.",
            "https:\\\\gitlab.example.com\\x",
        ] {
            let parsed = if text.starts_with("https:\\") { Origin::of_url(text) } else { Origin::of_typed(text) };
            assert_eq!(parsed.as_ref(), Ok(&origin), "{text}");
        }
        assert_eq!(Origin::of_typed("http://0x7f000001:80").unwrap().to_string(), "http://127.0.0.1");
        assert_eq!(Origin::of_typed("https://bücher.example").unwrap().to_string(), "https://xn--bcher-kva.example");
        assert_eq!(Origin::of_typed("https://[::1]:8443").unwrap().to_string(), "https://[::1]:8443");
    }

    #[test]
    fn different_origins_differ() {
        let origin = Origin::of_url("https://gitlab.example.com").unwrap();
        for text in [
            "http://gitlab.example.com",
            "https://gitlab.example.com:444",
            "https://gitlab.example.com.evil.example",
            "https://gitlab.example.co",
            "https://gitlаb.example.com", // Cyrillic a
        ] {
            assert_ne!(Origin::of_url(text).unwrap(), origin, "{text}");
        }
    }

    #[test]
    fn refused() {
        assert_eq!(Origin::of_url("https://x:443@gitlab.example.com"), Err(OriginError::UserInfo));
        assert_eq!(Origin::of_url("https://@gitlab.example.com"), Err(OriginError::UserInfo));
        assert_eq!(Origin::of_url("ssh://gitlab.example.com"), Err(OriginError::Scheme("ssh".to_owned())));
        assert!(matches!(Origin::of_typed("http://"), Err(OriginError::NotAUrl(_))));
        assert!(matches!(Origin::of_typed("a b"), Err(OriginError::NotAUrl(_))));
        // An `@` in a path is no user-info.
        assert!(Origin::of_url("https://gitlab.example.com/@x").is_ok());
    }

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
        assert!(matches!(Grant::of(&["*".to_owned()], &typed), Err(GrantError::Malformed { .. })));
    }
}
