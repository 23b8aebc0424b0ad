//! What signs a request in beside the credential that the host writes: none of it leaves.
//!
//! A plugin that brings a token of its own would write to the service in another's name, or carry what it read to an account of
//! its maker, on the very service that it was granted.
//!
//! | part | leaves | refused |
//! | --- | --- | --- |
//! | header fields | those of [`fields::may_be_sent`], and the credential's own, which is overwritten | every other: `authorization`, `cookie`, `job-token`, `sudo`, `x-…-token` and what nobody has thought of |
//! | query, and `;` parameters of the path | every other key | `private_token`, `access_token`, `job_token`, `sudo`, `api_key`, `password` and their kin, in any case, encoding, place and number, with `[]` or without |
//! | kind of the body | JSON in UTF-8, once, on a POST | everything else: a form carries what a query does, and a POST without a kind is a form to many servers |
//! | body | JSON whose outermost keys are none of the above ([`body`](super::body)) | |
//!
//! A key that ends in `token` signs in, unless it is one of paging (`page_token`, `continuation_token`). A refusal names the
//! field or key, and never its value.

use super::fields;

/// Times that a key is decoded: a proxy before the server may do it once more.
const READINGS: usize = 4;

/// Keys without all that is no letter or digit, in lower case. What ends in `token` is told by [`ENDINGS`].
const KEYS: [&str; 28] = [
    "sudo",
    "auth",
    "authorization",
    "authentication",
    "bearer",
    "jwt",
    "cookie",
    "session",
    "sessionid",
    "gitlabsession",
    "sid",
    "jsessionid",
    "phpsessid",
    "pass",
    "passwd",
    "pwd",
    "otp",
    "otpattempt",
    "credential",
    "credentials",
    "clientassertion",
    "assertion",
    "signature",
    "sig",
    "xamzcredential",
    "xamzsignature",
    "xgoogsignature",
    "secretkey",
];

/// Endings of such keys.
const ENDINGS: [&str; 5] = ["token", "apikey", "accesskey", "password", "secret"];

/// Beginnings of keys that end in `token` and tell a place in a list.
const PLACES: [&str; 13] = [
    "page",
    "next",
    "nextpage",
    "prevpage",
    "previouspage",
    "pagination",
    "paging",
    "continuation",
    "start",
    "skip",
    "sync",
    "scroll",
    "cursor",
];

/// What would sign a request in, or could.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignIn {
    /// A field that a plugin does not write.
    #[error("the header field {0} is not one that a plugin may send")]
    Field(String),
    /// A key of the query, or a parameter of the path.
    #[error("{0} in the address of the request signs in, which is the host's to do")]
    Key(String),
    /// A POST of something else than JSON, or a GET of anything.
    #[error("the body of the request is not declared as JSON: {0}")]
    Kind(&'static str),
}

/// Whether a service takes the value of `key` for a credential.
#[must_use]
pub fn is_key(key: &str) -> bool {
    // `private_token[]`, `[private_token]` and ` private_token` are all the same to one server or another.
    let name = key.trim_start_matches(|character: char| character.is_whitespace() || "[]".contains(character));
    let name = name.split(['[', ']', '\0']).next().unwrap_or_default();
    let name: String = name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let place = |ending: &str| name.strip_suffix(ending).is_some_and(|rest| PLACES.contains(&rest));
    KEYS.contains(&name.as_str())
        || ENDINGS.iter().any(|ending| name.ends_with(ending) && !(*ending == "token" && place(ending)))
}

/// Looks through path and query as they are sent.
///
/// # Errors
/// [`SignIn::Key`] for the first key that signs in.
pub fn check_address(path_and_query: &str) -> Result<(), SignIn> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    // Some servers take what stands behind a semicolon of a segment for a parameter.
    let parameters = path.split('/').flat_map(|segment| segment.split(';').skip(1));
    for pair in query.split(['&', ';', '?']).chain(parameters) {
        let mut reading = pair.to_owned();
        for _ in 0..READINGS {
            let Some((key, _)) = url::form_urlencoded::parse(reading.as_bytes()).next() else { break };
            if is_key(&key) {
                // Of the key alone: the value may be anybody's token.
                return Err(SignIn::Key(key.chars().filter(char::is_ascii_graphic).take(40).collect()));
            }
            if key == reading {
                break;
            }
            reading = key.into_owned();
        }
    }
    Ok(())
}

/// Looks through the fields of a head. `own` is the credential's field, in lower case, which the host overwrites.
///
/// # Errors
/// [`SignIn::Field`] or [`SignIn::Kind`] for the first that does not leave.
pub fn check_head<'a>(
    method: &str,
    own: Option<&str>,
    head: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), SignIn> {
    let mut kinds = 0;
    for (name, value) in head {
        if own == Some(name) {
            continue;
        }
        if !fields::may_be_sent(name) {
            return Err(SignIn::Field(name.chars().take(40).collect()));
        }
        if name == "content-type" {
            kinds += 1;
            if !is_json(value) {
                return Err(SignIn::Kind("content-type is something else"));
            }
        }
    }
    match (method, kinds) {
        ("POST", 0) => Err(SignIn::Kind("content-type is missing")),
        ("POST", 1) | (_, 0) => Ok(()),
        ("POST", _) => Err(SignIn::Kind("content-type stands there twice")),
        _ => Err(SignIn::Kind("a request that only reads has no body")),
    }
}

/// In another alphabet, other keys could stand there.
fn is_json(value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    kind && parts.all(|part| part.eq_ignore_ascii_case("charset=utf-8"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{SignIn, check_address, check_head, is_key};

    #[test]
    fn a_key_that_signs_in_is_found_wherever_and_however_it_is_written() {
        for (address, found) in [
            ("/api/graphql?private_token=x", true),
            ("/a?page=2&Private_Token=x", true),
            ("/a?page=2;private_token=x", true),
            ("/a?private_token", true),
            ("/a?private_token[]=x", true),
            ("/a?[private_token]=x", true),
            ("/a?private_token%5B%5D=x", true),
            ("/a?private%5ftoken=x", true),
            ("/a?%70rivate%255Ftoken=x", true),
            ("/a?+private_token=x", true),
            ("/a?%20private_token=x", true),
            ("/a?private.token=x", true),
            ("/a?private-token=x", true),
            ("/a?privateToken=x", true),
            ("/a?private_to%E2%84%AAen=x", true),
            ("/a?page=1&page=2&access_token=x&page=3", true),
            ("/a?x=1?private_token=x", true),
            ("/a?job_token=x", true),
            ("/a?sudo=root", true),
            ("/a?api_key=x", true),
            ("/a?apikey=x", true),
            ("/a?token=x", true),
            ("/a?feed_token=x", true),
            ("/a?private_token%00=x", true),
            ("/a?user[password]=x&password=y", true),
            ("/a?client_secret=x", true),
            ("/a;jsessionid=1/b", true),
            ("/a/b;private_token=x", true),
            ("/a?X-Amz-Security-Token=x", true),
            ("/a", false),
            ("/a?", false),
            ("/a?per_page=100&pagination=keyset&order_by=id&cursor=eyJpZCI6IjEifQ==", false),
            ("/a?pageToken=x&next_page_token=y&%24skiptoken=z", false),
            ("/a?search=private_token", false),
            ("/a?search=x%26private_token%3Dy", false),
            ("/a?tokens=3&id_after=7&created_after=2026-01-01T00:00:00Z", false),
            ("/private_token/sudo", false),
            ("/a;v=1", false),
        ] {
            let verdict = check_address(address);
            assert_eq!(verdict.is_err(), found, "{address}: {verdict:?}");
        }
        let said = check_address("/a?private_token=glpat-x").unwrap_err().to_string();
        assert_eq!(said, "private_token in the address of the request signs in, which is the host's to do");
        assert!(is_key("x_static_object_token") && is_key("SUDO") && !is_key("") && !is_key("query"));
    }

    #[test]
    fn fields_that_are_not_listed_do_not_leave() {
        let verdict = |name: &str| check_head("GET", Some("private-token"), [(name, &b"x"[..])].into_iter());
        for name in [
            "authorization",
            "cookie",
            "job-token",
            "deploy-token",
            "sudo",
            "x-gitlab-static-object-token",
            "x-auth-user",
            "x-csrf-token",
            "x-api-key",
            "proxy-authorization",
            "x-forwarded-user",
            "remote-user",
            "x-remote-user",
            "from",
            "x-anything",
            "content-encoding",
            "api-version-token",
        ] {
            assert_eq!(verdict(name), Err(SignIn::Field(name.to_owned())), "{name}");
        }
        for name in
            ["private-token", "accept", "user-agent", "accept-language", "if-none-match", "x-github-api-version"]
        {
            assert_eq!(verdict(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_body_is_json_and_says_so() {
        let verdict = |method: &str, kinds: &[&'static str]| {
            check_head(method, None, kinds.iter().map(|kind| ("content-type", kind.as_bytes())))
        };
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8",
            "application/json;charset=utf-8",
        ] {
            assert_eq!(verdict("POST", &[kind]), Ok(()), "{kind}");
            assert!(matches!(verdict("GET", &[kind]), Err(SignIn::Kind(_))), "{kind}");
            assert!(matches!(verdict("POST", &[kind, kind]), Err(SignIn::Kind(_))), "{kind}");
        }
        for kind in [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "application/json, application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/json; charset=utf-7; charset=utf-8",
            "application/jsonx",
            "",
        ] {
            assert!(matches!(verdict("POST", &[kind]), Err(SignIn::Kind(_))), "{kind}");
        }
        assert!(matches!(verdict("POST", &[]), Err(SignIn::Kind(_))));
        assert_eq!(verdict("GET", &[]), Ok(()));
    }
}
