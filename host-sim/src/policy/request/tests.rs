#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use super::{Grant, NetworkPolicy, Origin, Rules, Wanted, decide};

const NONE: NetworkPolicy = NetworkPolicy { loopback: false, private: false };
const LOOPBACK: NetworkPolicy = NetworkPolicy { loopback: true, private: false };
const PRIVATE: NetworkPolicy = NetworkPolicy { loopback: false, private: true };
const OPEN: NetworkPolicy = NetworkPolicy { loopback: true, private: true };

/// What is said of a request, as `sentence | hint`; nothing if it may leave.
fn said(granted: &[&str], network: NetworkPolicy, method: &str, authority: &str, path: &str) -> String {
    let granted: Vec<String> = granted.iter().map(|text| (*text).to_owned()).collect();
    let typed: Vec<Origin> =
        granted.iter().map(|text| Origin::of_url(text.trim_start_matches("POST ")).unwrap()).collect();
    let grant = Grant::of(&granted, &typed).unwrap();
    let uri = format!("{authority}{path}");
    let wanted = Wanted { method, uri: &uri, path_and_query: path };
    match decide(Rules { grant: &grant, network, credential: true }, wanted) {
        Ok(origin) => {
            assert!(typed.contains(&origin), "{origin}");
            String::new()
        }
        Err(refusal) => format!("{refusal} | {}", refusal.hint()),
    }
}

/// Read by GET anywhere, asked by POST at one place.
const GITLAB_WITH_GRAPHQL: &[&str] = &["https://gitlab.example.com", "POST https://gitlab.example.com/api/graphql"];
const GITLAB: &[&str] = &["https://gitlab.example.com"];

#[test]
fn a_method_that_writes_is_refused() {
    for (method, allowed) in [
        ("GET", true),
        ("POST", true),
        ("get", false),
        ("HEAD", false),
        ("PUT", false),
        ("PATCH", false),
        ("DELETE", false),
        ("OPTIONS", false),
        ("CONNECT", false),
        ("TRACE", false),
        ("PROPFIND", false),
        ("", false),
    ] {
        let said = said(GITLAB_WITH_GRAPHQL, NONE, method, "https://gitlab.example.com", "/api/graphql");
        let words = format!(
            "the method {method} is not allowed, only GET and POST | nothing allows it: a plugin asks by GET and POST; \
             give it a token that can only read, since a POST may write"
        );
        assert_eq!(said, if allowed { "" } else { &words }, "{method}");
    }
}

/// A POST below `/api/v4` would write, if the token may.
#[test]
fn a_post_goes_only_where_post_is_granted() {
    for path in ["/api/v4/users", "/api/v4/projects/1/issues?title=x", "/", "/api/graphql-explorer"] {
        let expected = format!(
            "POST of the path {short} of https://gitlab.example.com is not granted (https://gitlab.example.com, POST \
             https://gitlab.example.com/api/graphql) | `POST https://gitlab.example.com{short}` among the plugin's \
             allowed-origins would allow it; only its author can add it",
            short = path.split('?').next().unwrap()
        );
        assert_eq!(said(GITLAB_WITH_GRAPHQL, NONE, "POST", "https://gitlab.example.com", path), expected);
        assert_eq!(said(GITLAB_WITH_GRAPHQL, NONE, "GET", "https://gitlab.example.com", path), "");
    }
    let narrow = &["https://gitlab.example.com/api/v4", "POST https://gitlab.example.com/api/graphql"];
    let said = |method, path| said(narrow, NONE, method, "https://gitlab.example.com", path);
    assert_eq!(said("POST", "/api/graphql"), "");
    assert!(said("GET", "/api/graphql").contains("GET of the path /api/graphql of https://gitlab.example.com is not"));
    assert!(said("POST", "/wiki").ends_with(
        "| `POST https://gitlab.example.com/wiki` among the plugin's allowed-origins would allow it; only its author can add it"
    ));
}

#[test]
fn another_origin_is_refused_in_every_spelling() {
    for (authority, begins) in [
        ("https://gitlab.example.com", ""),
        ("HTTPS://GITLAB.EXAMPLE.COM:443", ""),
        ("https://gitlab.example.com.", ""),
        ("http://gitlab.example.com", "http://gitlab.example.com is not the granted origin"),
        ("https://gitlab.example.com:8443", "https://gitlab.example.com:8443 is not the granted origin"),
        ("https://gitlab.example.com.evil.example", "https://gitlab.example.com.evil.example is not"),
        ("https://gitlab.example.com..", "the address of the request is not accepted: the URL names no host"),
        ("https://xn--gitlb-7ve.example.com", "https://xn--gitlb-7ve.example.com is not the granted origin"),
        (
            "https://gitlаb.example.com",
            "the address of the request is not accepted: the URL can be read in several ways",
        ),
        ("https://gitlab.example.com#@evil.example", "the address of the request is not accepted: the URL can be read"),
        ("https://gitlab.example.com?@evil.example", "the address of the request is not accepted: the URL can be read"),
        (
            "https://gitlab.example.com\\@evil.example",
            "the address of the request is not accepted: the URL can be read",
        ),
        ("https://evil.example/https://gitlab.example.com", "the address of the request is not accepted: the URL can"),
        ("https://git\tlab.example.com", "the address of the request is not accepted: the URL can be read"),
        ("https://169.254.169.254", "https://169.254.169.254 is not the granted origin"),
        ("https://0xa9fea9fe", "https://169.254.169.254 is not the granted origin"),
        ("https://user@gitlab.example.com", "the address of the request is not accepted: a user name or password"),
        ("https://gitlab.example.com@evil.example", "the address of the request is not accepted: a user name"),
        ("https://@gitlab.example.com", "the address of the request is not accepted: a user name or password"),
        ("ftp://gitlab.example.com", "the address of the request is not accepted: the scheme `ftp`"),
        ("file://gitlab.example.com", "the address of the request is not accepted: the scheme `file`"),
        ("", "the address of the request is not accepted: not a URL"),
        ("//gitlab.example.com", "the address of the request is not accepted: not a URL"),
    ] {
        let said = said(GITLAB, OPEN, "GET", authority, "/api/v4/user?x=secret");
        assert!(said.starts_with(begins) && said.is_empty() == begins.is_empty(), "{authority}: {said}");
        assert!(!said.contains("secret"), "{said}");
        assert!(said.is_empty() || said.contains("allow"), "{authority}: {said}");
    }
    assert_eq!(
        said(GITLAB, OPEN, "GET", "https://evil.example:444", "/"),
        "https://evil.example:444 is not the granted origin (https://gitlab.example.com) | --url https://evil.example:444 \
         would allow it, as another source; a plugin reaches only the address entered"
    );
}

#[test]
fn another_path_than_granted_is_refused() {
    let narrow = &["https://example.com/gitlab/api/v4", "https://example.com/gitlab/api/graphql"];
    let upwards = "the path of the request has a segment that leads upwards | nothing allows it: a server could take it for \
                   another path than the one checked";
    for (path, expected) in [
        ("/gitlab/api/v4/users?per_page=100", ""),
        ("/gitlab/api/v4/groups/a%2Fb?x=/../..", ""),
        ("/gitlab/api/graphql", ""),
        ("/gitlab/api/v4/../../admin", upwards),
        ("/gitlab/api/v4/%2e%2e/admin", upwards),
        ("/gitlab/api/v4/..%2fadmin", upwards),
        ("/gitlab/api/v4/%252e%252e%252fadmin", upwards),
    ] {
        assert_eq!(said(narrow, NONE, "GET", "https://example.com", path), expected, "{path}");
    }
    for path in ["/", "/gitlab/", "/gitlab/api/v4x", "/gitlab/api%2fv4/users", "/jira/rest/api", "//gitlab/api/v4/user"]
    {
        let expected = format!(
            "the path {path} of https://example.com is not below what is granted (https://example.com/gitlab/api/v4, \
             https://example.com/gitlab/api/graphql) | `https://example.com{path}` among the plugin's allowed-origins would \
             allow it; only its author can add it"
        );
        assert_eq!(said(narrow, NONE, "GET", "https://example.com", path), expected);
    }
    let absolute = said(GITLAB, NONE, "GET", "https://gitlab.example.com", "http://evil.example/");
    assert!(absolute.starts_with("the path of the request does not start with a slash"), "{absolute}");
}

#[test]
fn every_kind_of_address_has_its_switch_or_none() {
    let loopback = "is not allowed without --allow-loopback | --allow-loopback allows it";
    let private = "is not allowed without --allow-private-network | --allow-private-network allows it";
    let never = "is never allowed | nothing allows it";
    for (host, [none, with_loopback, with_private]) in [
        ("1.1.1.1", ["", "", ""]),
        ("[2a00:1450::1]", ["", "", ""]),
        ("127.0.0.1", [loopback, "", loopback]),
        ("127.1", [loopback, "", loopback]),
        ("0x7f.1", [loopback, "", loopback]),
        ("017700000001", [loopback, "", loopback]),
        ("[::1]", [loopback, "", loopback]),
        ("[::ffff:127.0.0.1]", [loopback, "", loopback]),
        ("[64:ff9b::7f00:1]", [loopback, "", loopback]),
        ("[2002:7f00:1::]", [loopback, "", loopback]),
        ("10.0.0.1", [private, private, ""]),
        ("172.16.3.4", [private, private, ""]),
        ("3232235777", [private, private, ""]),
        ("100.64.0.1", [private, private, ""]),
        ("[fd12::1]", [private, private, ""]),
        ("[::ffff:10.0.0.1]", [private, private, ""]),
        ("169.254.169.254", [never; 3]),
        ("0xa9fea9fe", [never; 3]),
        ("[::ffff:169.254.169.254]", [never; 3]),
        ("[64:ff9b::a9fe:a9fe]", [never; 3]),
        ("[fd00:ec2::254]", [never; 3]),
        ("100.100.100.200", [never; 3]),
        ("168.63.129.16", [never; 3]),
        ("[fe80::1]", [never; 3]),
        ("[::127.0.0.1]", [never; 3]),
        ("0.0.0.0", [never; 3]),
        ("0", [never; 3]),
        ("[::]", [never; 3]),
        ("224.0.0.1", [never; 3]),
        ("[ff02::1]", [never; 3]),
        ("255.255.255.255", [never; 3]),
        ("192.0.2.1", [never; 3]),
        ("198.18.0.1", [never; 3]),
        ("[2001:db8::1]", [never; 3]),
        ("[2001::1]", [never; 3]),
    ] {
        let origin = format!("https://{host}");
        for (network, expected) in [(NONE, none), (LOOPBACK, with_loopback), (PRIVATE, with_private)] {
            // Granted, so that the address alone decides.
            let said = said(&[&origin], network, "GET", &origin, "/");
            assert!(said.ends_with(expected) && said.is_empty() == expected.is_empty(), "{host} {network:?}: {said}");
        }
    }
}

#[test]
fn plain_http_is_for_this_machine_and_development() {
    let unencrypted =
        |host: &str, hint: &str| format!("the token is not sent unencrypted to http://{host}; use https | {hint}");
    let https = "nothing allows it; enter the address with https";
    for (host, network, expected) in [
        ("127.0.0.1", LOOPBACK, String::new()),
        ("localhost", LOOPBACK, String::new()),
        ("LOCALHOST.", LOOPBACK, String::new()),
        ("[::1]", LOOPBACK, String::new()),
        ("localhost", NONE, unencrypted("localhost", "--allow-loopback allows it")),
        ("localhost", PRIVATE, unencrypted("localhost", "--allow-loopback allows it")),
        ("10.0.0.1", OPEN, unencrypted("10.0.0.1", https)),
        ("1.1.1.1", OPEN, unencrypted("1.1.1.1", https)),
        ("gitlab.example.com", OPEN, unencrypted("gitlab.example.com", https)),
        ("localhost.example.com", OPEN, unencrypted("localhost.example.com", https)),
        ("gitlab.localhost", OPEN, unencrypted("gitlab.localhost", https)),
    ] {
        let origin = format!("http://{host}");
        assert_eq!(said(&[&origin], network, "GET", &origin, "/"), expected, "{host}");
    }
    // Also without a credential, since what is read are the names of people.
    let grant = Grant::of(&["http://10.0.0.1".to_owned()], &[Origin::of_url("http://10.0.0.1").unwrap()]).unwrap();
    let wanted = Wanted { method: "GET", uri: "http://10.0.0.1/", path_and_query: "/" };
    let refusal = decide(Rules { grant: &grant, network: OPEN, credential: false }, wanted).unwrap_err();
    assert_eq!(refusal.to_string(), "nothing is sent unencrypted to http://10.0.0.1; use https");
    assert!(decide(Rules { grant: &Grant::default(), network: OPEN, credential: false }, wanted).is_err());
}
