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
//! Refused: any user-info (`@`), schemes other than http and https, an empty host or an empty part of one, IPv6 zones.
//! A look-alike of a name is another name, since only the Punycode forms are compared.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

pub use super::grant::{Grant, GrantError, Method, Typed};

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
    /// Something before the path that some parsers take for a part of the host and others do not.
    #[error("the URL can be read in several ways")]
    Ambiguous,
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
                // One dot at the end is the root of all names; an empty part elsewhere is no name.
                if name.split('.').any(str::is_empty) {
                    return Err(OriginError::NoHost);
                }
                // The URL standard lets through what no name has, among it `*`, which reads like a wildcard.
                if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Origin, OriginError};

    #[test]
    fn spellings_of_one_origin_are_equal() {
        let origin = Origin::of_url("https://gitlab.example.com").unwrap();
        for text in [
            "gitlab.example.com",
            " https://gitlab.example.com/ ",
            "HTTPS://GITLAB.example.COM:443/gitlab/?a=b#c",
            "https://gitlab.example.com.",
            "https:\\\\gitlab.example.com\\x",
            "https://gitlab。example．com",
            "https://ｇｉｔｌａｂ.example.com",
            "https://git\u{ad}lab.example.com",
            "https://%67itlab.example.com",
            "https://gitlab.example.com:00443",
            "https://gitlab.example.com:",
        ] {
            let parsed = if text.starts_with("https:\\") { Origin::of_url(text) } else { Origin::of_typed(text) };
            assert_eq!(parsed.as_ref(), Ok(&origin), "{text}");
        }
        assert_eq!(Origin::of_typed("http://0x7f000001:80").unwrap().to_string(), "http://127.0.0.1");
        assert_eq!(Origin::of_typed("https://bücher.example").unwrap().to_string(), "https://xn--bcher-kva.example");
        assert_eq!(Origin::of_typed("https://[::1]:8443").unwrap().to_string(), "https://[::1]:8443");
    }

    #[test]
    fn an_address_is_one_however_it_is_written() {
        for (text, host) in [
            ("127.1", "127.0.0.1"),
            ("127.0.1", "127.0.0.1"),
            ("2130706433", "127.0.0.1"),
            ("0x7f000001", "127.0.0.1"),
            ("0X7F.1", "127.0.0.1"),
            ("0177.0.0.01", "127.0.0.1"),
            ("017700000001", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("127。0。0。1", "127.0.0.1"),
            ("①②⑦.0.0.1", "127.0.0.1"),
            ("0", "0.0.0.0"),
            ("0xa9fea9fe", "169.254.169.254"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[::127.0.0.1]", "[::7f00:1]"),
            ("[::FFFF:127.0.0.1]", "[::ffff:7f00:1]"),
        ] {
            let origin = Origin::of_typed(text).unwrap();
            assert_eq!(origin.host(), host, "{text}");
            assert!(origin.address().is_some(), "{text}");
        }
        assert_eq!(Origin::of_typed("gitlab.example.com").unwrap().address(), None);
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
            "https://gitIab.example.com", // capital i
            "https://gitlab.exаmple.com", // Cyrillic a
            "https://gitläb.example.com",
            "https://gitlab-example.com",
            "https://gitlab.example.com:4430",
            "https://gitlab.example.com:80",
            "https://example.com",
            "https://www.gitlab.example.com",
            "https://evil.example#gitlab.example.com",
            "https://evil.example?gitlab.example.com",
            "https://evil.example\\.gitlab.example.com",
            "https://evil.example\\@gitlab.example.com",
            "https:evil.example/https://gitlab.example.com",
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
        for text in [
            "https://x@",
            "https://gitlab.example.com@evil.example",
            "https://gitlab.example.com:443@evil.example",
            "https://%40gitlab.example.com",
            "https://gitlab.example.com%2eevil%2fx",
            "https://gitlab..example.com",
            "https://gitlab.example.com..",
            "https://.gitlab.example.com",
            "https://.",
            "https://gitlab.example.com:65536",
            "https://gitlab.example.com:4x3",
            "https://gitlab.example.com:-1",
            "https://[::1",
            "https://::1",
            "https://[fe80::1%25eth0]",
            "https://[fe80::1%eth0]",
            "https://[::ffff:1.2.3.256]",
            "https://256.0.0.1",
            "https://1.2.3.4.5",
            "https://0x100000000",
            "https://4294967296",
            "https://gitlab\u{0}.example.com",
            "https://git lab.example.com",
            "https://xn--\u{e4}",
            "*",
            "https://*",
            "//gitlab.example.com",
            "/api/v4",
        ] {
            let parsed = Origin::of_url(text);
            assert!(parsed.is_err(), "{text:?}: {parsed:?}");
        }
        // An `@` in a path is no user-info.
        assert!(Origin::of_url("https://gitlab.example.com/@x").is_ok());
    }
}
