//! Guests that ask for what they may not have, in ways in which nobody should ask.

use std::time::Duration;

use host_sim::egress::{DenialCode, MOST_DENIALS};
use host_sim::policy::limits::{Limits, Mode};

use crate::support::guests::{Attacked, CANARY, passed, tight, told};
use crate::support::listener::Listener;
use crate::support::wiretap::Wiretap;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

pub async fn million_requests() {
    let server = Listener::answering(OK);
    let limits = Limits { cpu: Duration::from_millis(300), wall: Duration::from_secs(5), ..tight() };
    let attacked = Attacked::new("million_requests", &server.url(), limits);
    let call = attacked.page("").await;
    assert!(matches!(passed(&call).0, "cpu" | "wall"), "{:?}", call.result);
    let bill = &call.bill;
    assert!(server.connections() <= 256 * 2, "{} connections", server.connections());
    assert!(bill.requests.len() <= 256);
    // However many were refused, the host keeps few.
    assert_eq!(bill.denials.len(), MOST_DENIALS);
    assert!(bill.more_denials > 1_000, "{}", bill.more_denials);
    assert!(bill.denials.iter().all(|denial| denial.code == DenialCode::RequestBudget));
    assert_eq!(bill.denials[0].message, "the limit requests = 256 of one call is used up");
    attacked.assert_honest_works().await;

    let with = |limits: Limits| Attacked::new("million_requests", &server.url(), limits);
    let five = Limits { requests: 5, ..tight() };
    assert_eq!(told(&with(five.clone()).page("one-by-one 5").await), ["200 5"]);
    assert_eq!(told(&with(five.clone()).page("one-by-one 6").await), ["200 5", "HttpRequestDenied 1"]);
    let mut warned = five;
    warned.set_mode("requests", Mode::Warn).unwrap();
    let call = with(warned).page("one-by-one 7").await;
    assert_eq!((told(&call), call.bill.limits_passed["requests"]), (vec!["200 7"], 2));
    // More at once than may be in flight: they wait for each other.
    assert_eq!(told(&with(Limits { in_flight: 2, ..tight() }).page("at-once 50").await), ["200 50"]);
}

pub async fn never_read_body() {
    let server = Listener::holding("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    for mode in ["", "again"] {
        let limits = Limits { in_flight: 1, wall: Duration::from_millis(700), ..tight() };
        let attacked = Attacked::new("never_read_body", &server.url(), limits);
        let call = attacked.page(mode).await;
        assert_eq!(passed(&call), ("wall", "700 ms"), "{mode}");
        let errors: Vec<_> = call.bill.requests.iter().map(|request| request.error.as_deref()).collect();
        assert_eq!(errors, [Some("the plugin did not read the whole answer")], "{mode}");
        assert_eq!(call.bill.unfinished, u64::from(mode == "again"), "the second waits for the first");
        // The place of the unread answer is free again.
        attacked.assert_honest_works().await;
    }
}

pub async fn slow_upload() {
    // Connections come about, and nobody is there.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let wall = Limits { wall: Duration::from_millis(700), ..tight() };
    let attacked = Attacked::new("slow_upload", &url, wall);
    assert_eq!(passed(&attacked.page("").await), ("wall", "700 ms"));
    attacked.assert_honest_works().await;

    let first_byte = Limits { first_byte: Duration::from_millis(300), ..tight() };
    let attacked = Attacked::new("slow_upload", &url, first_byte);
    let call = attacked.page("").await;
    assert_eq!(told(&call)[0], "HttpResponseTimeout");
    assert_eq!(call.last_failure.unwrap().words, "no answer within 0 s");
    attacked.assert_honest_works().await;

    let tap = Wiretap::start();
    let limits = Limits { request_bytes: 100_000, ..tight() };
    let attacked = Attacked::new("slow_upload", &tap.url(), limits.clone());
    let words = "the body of the request is larger than the limit request_bytes = 100000";
    for mode in ["fast", "100001"] {
        let call = attacked.page(mode).await;
        assert_eq!(told(&call)[0], "HttpRequestBodySize", "{mode}");
        assert_eq!(call.last_failure.unwrap().words, words, "{mode}");
        attacked.assert_honest_works().await;
    }
    let longest = tap.at_least(2).iter().map(Vec::len).max().unwrap();
    assert!(longest < 102_000, "{longest} bytes came through");
    assert_eq!(told(&attacked.page("100000").await), ["200"]);
    let mut warned = limits;
    warned.set_mode("request_bytes", Mode::Warn).unwrap();
    let call = Attacked::new("slow_upload", &tap.url(), warned).page("100001").await;
    assert_eq!((told(&call), call.bill.limits_passed["request_bytes"]), (vec!["200"], 1));
}

pub async fn header_smuggling() {
    for mode in ["", "chunked"] {
        let tap = Wiretap::start();
        let attacked = Attacked::new("header_smuggling", &tap.url(), tight());
        let call = attacked.page(mode).await;
        let lines = told(&call);
        // What reaches another host, changes the framing of the request, or writes lines of its own is not even taken.
        for place in ["head", "trailer"] {
            for name in ["host", "Host", "connection", "transfer-encoding", "Transfer-Encoding", "proxy-authorization"]
            {
                assert!(lines.contains(&format!("{place} {name}: HeaderError::Forbidden").as_str()), "{lines:?}");
            }
            for name in ["x-crlf", "x-lf", "x-nul", "x-in-name\\r\\nx-injected", "x-colon:"] {
                assert!(lines.contains(&format!("{place} {name}: HeaderError::InvalidSyntax").as_str()), "{lines:?}");
            }
        }
        assert_eq!(lines.last(), Some(&"200"));
        // And of what was taken, what a proxy or server would act upon does not leave.
        let sent: Vec<String> =
            tap.requests().iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let framing = if mode == "chunked" { "transfer-encoding: chunked" } else { "content-length: 3" };
        let body = if mode == "chunked" { "3\r\n123\r\n0\r\n\r\n" } else { "123" };
        assert_eq!(sent.len(), 1);
        let (head, rest) = sent[0].split_once("\r\n\r\n").unwrap();
        let mut fields: Vec<&str> = head.lines().skip(1).collect();
        fields.sort_unstable();
        let authorization = format!("authorization: Bearer {CANARY}");
        let host = format!("host: {}", tap.address);
        let (language, kind) = ("accept-language: allowed", "content-type: application/json");
        let mut expected = vec!["accept-encoding: identity", language, authorization.as_str(), kind, framing, &host];
        expected.sort_unstable();
        assert_eq!(fields, expected);
        assert_eq!(rest, body, "no trailer, and nothing behind the body");
        attacked.assert_honest_works().await;
    }
}

pub async fn other_origins() {
    let (granted, other) = (Listener::answering(OK), Listener::answering(OK));
    let attacked = Attacked::new("other_origins", &granted.url(), tight());
    let (port, closed) = (granted.address.port(), other.address.port());
    let (denied, syntax) = ("HttpRequestDenied", "authority refused");
    let mut asked = Vec::new();
    let mut ask = |expected: &'static str, scheme: &str, authority: String, path: &str| {
        asked.push((expected, format!("{scheme}\t{authority}\t{path}")));
    };
    ask("200", "http", format!("127.0.0.1:{port}"), "/");
    // Another port of the same machine, in every spelling of its address.
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST.",
        "0.0.0.0",
        "[::]",
        "xn--lcalhost-qsf",
        "[::1%25lo]",
    ] {
        ask(denied, "http", format!("{host}:{closed}"), "/");
    }
    for host in ["127。0。0。1", "\u{ff11}27.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "l\u{43e}calhost", "127.0.0.1%2e"]
    {
        ask(syntax, "http", format!("{host}:{closed}"), "/");
    }
    // The granted one before the other, where a parser may take either for the host.
    for user in [format!("127.0.0.1:{port}"), "user:word".to_owned(), "user".to_owned(), String::new()] {
        ask(denied, "http", format!("{user}@127.0.0.1:{closed}"), "/");
        ask(denied, "http", format!("{user}@127.0.0.1:{port}"), "/");
    }
    for between in ["#@", "\\@", "/@", "?@", ":", " "] {
        ask(syntax, "http", format!("127.0.0.1:{port}{between}127.0.0.1:{closed}"), "/");
    }
    for (expected, scheme) in [
        (denied, "https"),
        ("HttpProtocolError", "ftp"),
        ("HttpProtocolError", "HTTP"),
        ("HttpProtocolError", "file"),
        ("HttpProtocolError", "gopher"),
    ] {
        ask(expected, scheme, format!("127.0.0.1:{port}"), "/etc/passwd");
    }
    for authority in ["169.254.169.254", "metadata.google.internal", "127.0.0.1:99999", "127.0.0.1:0", "127.0.0.1"] {
        ask(denied, "http", authority.to_owned(), "/latest/meta-data/");
    }
    ask(syntax, "http", String::new(), "/");
    // A path that names another server. Two slashes are a path like any other, and go where all paths go.
    ask("200", "http", format!("127.0.0.1:{port}"), &format!("//127.0.0.1:{closed}/"));
    for path in [format!("http://127.0.0.1:{closed}/"), format!("@127.0.0.1:{closed}/"), format!(":{closed}/")] {
        ask("path refused", "http", format!("127.0.0.1:{port}"), &path);
    }
    for path in ["*", "/\r\nhost: evil.example", "/ HTTP/1.1\r\n\r\nGET /"] {
        ask("path refused", "http", format!("127.0.0.1:{port}"), path);
    }
    let targets: Vec<&str> = asked.iter().map(|(_, target)| target.as_str()).collect();
    let call = attacked.page(&targets.join("\u{1f}")).await;
    let found = told(&call);
    assert_eq!(found.len(), asked.len());
    for ((expected, target), found) in asked.iter().zip(found) {
        assert_eq!(found, *expected, "{target:?}");
    }
    // Looked at from the other side: who was connected to, and how often.
    assert_eq!((granted.connections(), other.connections()), (2, 0));
    let refused = asked.iter().filter(|(expected, _)| *expected == denied).count();
    assert_eq!(call.bill.denials.len(), refused);
    let codes = [DenialCode::Origin, DenialCode::UserInfo, DenialCode::Malformed];
    let count = |code| call.bill.denials.iter().filter(|denial| denial.code == code).count();
    assert_eq!(codes.map(count), [21, 8, 3]);
    attacked.assert_honest_works().await;
}
