//! The address of a GitLab, out of whatever an administrator pastes.
//!
//! | typed | base |
//! | --- | --- |
//! | `gitlab.example.com` | `https://gitlab.example.com` (no scheme means https) |
//! | `http://gitlab.example.com:8080` | the same: http only when it is written |
//! | `HTTPS://GitLab.Example.com:443/` | `https://gitlab.example.com` (lower case, default port and last slashes dropped) |
//! | `gitlab.example.com.` | `https://gitlab.example.com` (TLS names and `Host` headers have no last dot) |
//! | `bücher.example` | `https://xn--bcher-kva.example` |
//! | `[2001:DB8::1]:8443` | `https://[2001:db8::1]:8443` |
//! | `https://host/gitlab` | the same: GitLab under a path |
//! | `https://host/gitlab/api/v4/projects`, `…/api/graphql` | `https://host/gitlab` |
//! | `https://host/-/profile`, `https://host/group/-/issues` | what stands before `/-/`, see below |
//! | `https://host/users/sign_in?x=y`, `https://host/admin/users` | `https://host` (a query is dropped, always) |
//!
//! A page below `/-/` of a group or project keeps the path of that group: nothing in the text tells a group from a
//! sub-path. *Test connection* then says that the path is not GitLab's.
//!
//! Refused, each with its reason: nothing at all, user information (`user:password@`, which is not repeated), other
//! schemes and `git@host:path`, a fragment, white space or control characters inside, `\`, a host that is no host
//! name or in a script that is not supported, a port outside 1 to 65535, and in the path `.`, `..`, empty segments and
//! anything but letters, digits and `.`, `_`, `~`, `-`.
//!
//! Parsing the canonical text gives the same base again.
//!
//! The text is split here rather than by `url::Url`, which repairs what it should refuse (`\`, tabs, a missing `//`).
//! Host names have a table of their own, in `host_name`.

use std::fmt;

use super::host_name;
use crate::transport::Scheme;

/// Longest accepted text, in bytes. The base is part of every cursor, and a cursor has 4096 bytes.
pub const LONGEST_ADDRESS: usize = 1024;

/// A canonical base URL: scheme, host, port, and the path under which GitLab is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: String,
}

/// Why a text is no base URL. Nothing of the text is repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Only white space.
    #[error("The address is empty.")]
    Empty,
    /// More than [`LONGEST_ADDRESS`] bytes.
    #[error("The address is longer than 1024 bytes.")]
    TooLong,
    /// A space, tab or line break between other characters.
    #[error("The address has white space inside.")]
    WhiteSpace,
    /// A control character.
    #[error("The address has a control character inside.")]
    ControlCharacter,
    /// A `\`.
    #[error("The address has a backslash inside.")]
    Backslash,
    /// Something before an `@`.
    #[error("The address has user information before an @.")]
    UserInformation,
    /// Neither http nor https.
    #[error("The address has a scheme other than https or http.")]
    OtherScheme,
    /// `https:` without `//`.
    #[error("The address has a scheme that is not followed by //.")]
    NoSlashes,
    /// A `#`.
    #[error("The address has a fragment, which is the part after #.")]
    Fragment,
    /// No host.
    #[error("The address has no host name.")]
    NoHost,
    /// Not a host name, not an IP address.
    #[error("The host is neither a valid host name nor an IP address.")]
    BadHost,
    /// Characters beyond ASCII that have no place in a host name, or whose script `host_name` does not know.
    #[error("The host name has letters of a script that is not supported, or is no valid host name.")]
    OtherLetters,
    /// More than one colon outside brackets.
    #[error("An IPv6 address must stand in brackets.")]
    BareIpv6,
    /// No number from 1 to 65535 after the colon.
    #[error("The port is not a number from 1 to 65535.")]
    BadPort,
    /// An empty, `.` or `..` segment, or a character that is not allowed.
    #[error("The path has an empty segment, a dot segment, or a character that does not belong there.")]
    BadPath,
}

impl BaseUrl {
    /// Parse what was typed. See the table above.
    ///
    /// # Errors
    /// The first reason for which the text is refused.
    pub fn parse(typed: &str) -> Result<Self, Refused> {
        let text = typed.trim();
        refuse_characters(text)?;
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return Err(Refused::UserInformation);
        }
        if tail.contains('#') {
            return Err(Refused::Fragment);
        }
        let (host, port) = split_authority(authority)?;
        let path = tail.split('?').next().unwrap_or_default();
        Ok(Self {
            scheme,
            host: host_name::canonical(host).ok_or(if host.is_ascii() {
                Refused::BadHost
            } else {
                Refused::OtherLetters
            })?,
            port: port.filter(|port| *port != scheme.default_port()),
            path: installation_path(path)?,
        })
    }

    /// The same host without a path: for services that are never installed below one.
    #[must_use]
    pub fn at_root(self) -> Self {
        Self { path: String::new(), ..self }
    }

    /// How it is spoken to.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Lower-case host name in ASCII, or IP address; IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path of the installation, without a last slash; empty at the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `host`, or `host:port` where the port is not the default of the scheme.
    #[must_use]
    pub fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// `scheme://host`, with `:port` unless it is the default.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", self.origin(), self.path)
    }
}

fn refuse_characters(text: &str) -> Result<(), Refused> {
    if text.is_empty() {
        return Err(Refused::Empty);
    }
    if text.len() > LONGEST_ADDRESS {
        return Err(Refused::TooLong);
    }
    if text.contains(char::is_whitespace) {
        return Err(Refused::WhiteSpace);
    }
    if text.contains(char::is_control) {
        return Err(Refused::ControlCharacter);
    }
    if text.contains('\\') {
        return Err(Refused::Backslash);
    }
    Ok(())
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), Refused> {
    let first_part = text.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((word, after)) = text.split_once(':') else {
        return Ok((Scheme::Https, text));
    };
    let scheme = if word.eq_ignore_ascii_case("https") {
        Some(Scheme::Https)
    } else if word.eq_ignore_ascii_case("http") {
        Some(Scheme::Http)
    } else {
        None
    };
    match (scheme, after.strip_prefix("//")) {
        (Some(scheme), Some(rest)) => Ok((scheme, rest)),
        // `https:8080` could be a host of that name; nobody means that.
        (Some(_), None) => Err(Refused::NoSlashes),
        (None, Some(_)) if is_scheme(word) => Err(Refused::OtherScheme),
        (None, _) if first_part.contains('@') => {
            Err(if word == "git" || word.starts_with("git@") { Refused::OtherScheme } else { Refused::UserInformation })
        }
        (None, _) => Ok((Scheme::Https, text)),
    }
}

fn is_scheme(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn split_authority(authority: &str) -> Result<(&str, Option<u16>), Refused> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(Refused::BadHost)?;
        let (host, rest) = authority.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(Refused::BadHost),
        }
    } else {
        match authority.split_once(':') {
            Some((_, rest)) if rest.contains(':') => return Err(Refused::BareIpv6),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err(Refused::NoHost);
    }
    let Some(port) = port else {
        return Ok((host, None));
    };
    // `u16::from_str` takes a sign; a port has none.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::BadPort);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(Refused::BadPort),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// The path that is GitLab's own, without the page that was open when the address was copied.
fn installation_path(path: &str) -> Result<String, Refused> {
    let path = path.trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let page = (0..segments.len()).find(|start| starts_page(segments.get(*start..).unwrap_or_default()));
    let own = segments.get(..page.unwrap_or(segments.len())).unwrap_or_default();
    let mut result = String::new();
    for segment in own {
        let clean =
            segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-'));
        if segment.is_empty() || *segment == "." || *segment == ".." || !clean {
            return Err(Refused::BadPath);
        }
        result.push('/');
        result.push_str(segment);
    }
    Ok(result)
}

/// Whether these segments begin a page or an API of GitLab rather than an installation path.
fn starts_page(segments: &[&str]) -> bool {
    match segments {
        ["-" | "admin", ..] => true,
        ["api", version, ..] => *version == "graphql" || is_api_version(version),
        ["users", page, ..] => matches!(*page, "sign_in" | "sign_up" | "password" | "auth"),
        _ => false,
    }
}

fn is_api_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed parse is a failed test")]

    use super::*;

    const ACCEPTED: &[(&str, &str)] = &[
        ("gitlab.example.com", "https://gitlab.example.com"),
        ("  gitlab.example.com\n", "https://gitlab.example.com"),
        ("https://gitlab.example.com", "https://gitlab.example.com"),
        ("HTTPS://GitLab.Example.COM:443/", "https://gitlab.example.com"),
        ("http://gitlab.example.com:80", "http://gitlab.example.com"),
        ("http://gitlab.example.com:443", "http://gitlab.example.com:443"),
        ("https://gitlab.example.com:80", "https://gitlab.example.com:80"),
        ("gitlab.example.com:08443", "https://gitlab.example.com:8443"),
        ("localhost:3000", "https://localhost:3000"),
        ("gitlab.example.com.", "https://gitlab.example.com"),
        ("gitlab", "https://gitlab"),
        ("git_lab.example.com", "https://git_lab.example.com"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("https://BÜCHER.example/git", "https://xn--bcher-kva.example/git"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("faß.example", "https://xn--fa-hia.example"),
        ("例え.テスト", "https://xn--r8jz45g.xn--zckzah"),
        ("ｇｉｔｌａｂ.example", "https://gitlab.example"),
        ("127.0.0.1:8080", "https://127.0.0.1:8080"),
        ("[2001:DB8:0:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://[::1]/gitlab/", "http://[::1]/gitlab"),
        ("https://host/gitlab", "https://host/gitlab"),
        ("https://host/a/b-c/d_e.f~g///", "https://host/a/b-c/d_e.f~g"),
        ("https://host/api/v4", "https://host"),
        ("https://host/api/v4/projects/a%2Fb", "https://host"),
        ("https://host/gitlab/api/v3/", "https://host/gitlab"),
        ("https://host/gitlab/api/graphql", "https://host/gitlab"),
        ("https://host/api", "https://host/api"),
        ("https://host/-/user_settings/personal_access_tokens?name=x", "https://host"),
        ("https://host/gitlab/-/profile", "https://host/gitlab"),
        ("https://host/users/sign_in", "https://host"),
        ("https://host/gitlab/users/sign_in?redirect=%2F", "https://host/gitlab"),
        ("https://host/users/mira", "https://host/users/mira"),
        ("https://host/admin", "https://host"),
        ("https://host/admin/users/5", "https://host"),
        ("https://host?nav_source=navbar", "https://host"),
        ("https://host/?a=https://other/@x", "https://host"),
    ];

    const REFUSED: &[(&str, Refused)] = &[
        ("", Refused::Empty),
        (" \t\n", Refused::Empty),
        ("https://", Refused::NoHost),
        ("https:///path", Refused::NoHost),
        ("//host", Refused::NoHost),
        (":8080", Refused::NoHost),
        ("https:host", Refused::NoSlashes),
        ("https:/host", Refused::NoSlashes),
        ("git lab.example", Refused::WhiteSpace),
        ("https://host/a b", Refused::WhiteSpace),
        ("host\u{a0}name", Refused::WhiteSpace),
        ("host\u{7}", Refused::ControlCharacter),
        ("host\u{0}name", Refused::ControlCharacter),
        ("https:\\\\host", Refused::Backslash),
        ("https://host\\@evil", Refused::Backslash),
        ("https://user:password@host", Refused::UserInformation),
        ("https://token@host/x", Refused::UserInformation),
        ("https://host:443@evil.example", Refused::UserInformation),
        ("mira@host", Refused::UserInformation),
        ("mira:secret@host", Refused::UserInformation),
        ("git@host:group/project.git", Refused::OtherScheme),
        ("ssh://git@host/group", Refused::OtherScheme),
        ("ftp://host", Refused::OtherScheme),
        ("git+ssh://host", Refused::OtherScheme),
        ("file:///etc/passwd", Refused::OtherScheme),
        ("https://host/#x", Refused::Fragment),
        ("host#x", Refused::Fragment),
        ("host:", Refused::BadPort),
        ("host:0", Refused::BadPort),
        ("host:65536", Refused::BadPort),
        ("host:+443", Refused::BadPort),
        ("host:44x", Refused::BadPort),
        ("javascript:alert(1)", Refused::BadPort),
        ("::1", Refused::BareIpv6),
        ("2001:db8::1", Refused::BareIpv6),
        ("[::1", Refused::BadHost),
        ("[::1]x", Refused::BadHost),
        ("[fe80::1%25eth0]", Refused::BadHost),
        ("[nonsense]", Refused::BadHost),
        ("a..b", Refused::BadHost),
        (".example", Refused::BadHost),
        ("ho<st", Refused::BadHost),
        ("%68ost", Refused::BadHost),
        ("127.1", Refused::BadHost),
        ("256.256.256.256", Refused::BadHost),
        ("مثال.example", Refused::OtherLetters),
        ("https://ทดสอบ.example:8443/git", Refused::OtherLetters),
        ("bücher..example", Refused::OtherLetters),
        ("https://host/a//b", Refused::BadPath),
        ("https://host/a/../b", Refused::BadPath),
        ("https://host/./b", Refused::BadPath),
        ("https://host/%2e%2e/b", Refused::BadPath),
        ("https://host/bücher", Refused::BadPath),
        ("https://host/a;b", Refused::BadPath),
    ];

    #[test]
    fn accepted_forms_become_their_base() {
        for (typed, base) in ACCEPTED {
            assert_eq!(BaseUrl::parse(typed).map(|url| url.to_string()).as_deref(), Ok(*base), "{typed:?}");
        }
    }

    #[test]
    fn refused_forms_say_why() {
        for (typed, why) in REFUSED {
            assert_eq!(BaseUrl::parse(typed), Err(*why), "{typed:?}");
        }
    }

    #[test]
    fn parsing_a_base_gives_the_same_base() {
        for (typed, _) in ACCEPTED {
            let once = BaseUrl::parse(typed).unwrap();
            assert_eq!(BaseUrl::parse(&once.to_string()), Ok(once), "{typed:?}");
        }
    }

    /// Every combination of a scheme, host, port, path and tail is one of few bases: the parts do not disturb one another.
    #[test]
    fn parts_are_independent() {
        let hosts = [("gitlab.example", "gitlab.example"), ("GITLAB.example.", "gitlab.example"), ("[::1]", "[::1]")];
        let ports = [("", ""), (":443", ""), (":8443", ":8443")];
        let paths = [("", ""), ("/", ""), ("/gitlab", "/gitlab"), ("/gitlab/", "/gitlab")];
        let tails = ["", "/-/profile", "/api/v4", "/users/sign_in?a=b", "/admin", "?x"];
        for scheme in ["", "https://", "HtTpS://"] {
            for (host, host_base) in hosts {
                for (port, port_base) in ports {
                    for (path, path_base) in paths {
                        for tail in tails {
                            let path = if tail.starts_with('/') { path.trim_end_matches('/') } else { path };
                            let typed = format!("{scheme}{host}{port}{path}{tail}");
                            let base = BaseUrl::parse(&typed).map(|url| url.to_string());
                            assert_eq!(base, Ok(format!("https://{host_base}{port_base}{path_base}")), "{typed}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_length_is_limited() {
        let longest = format!("host/{}", "a".repeat(LONGEST_ADDRESS - 5));
        assert!(BaseUrl::parse(&longest).is_ok());
        assert_eq!(BaseUrl::parse(&format!("{longest}a")), Err(Refused::TooLong));
    }

    #[test]
    fn authority_and_origin_leave_the_default_port_out() {
        let url = BaseUrl::parse("http://[::1]:8080/gitlab").unwrap();
        assert_eq!((url.authority().as_str(), url.origin().as_str()), ("[::1]:8080", "http://[::1]:8080"));
        assert_eq!((url.host(), url.path(), url.scheme()), ("[::1]", "/gitlab", Scheme::Http));
    }
}
