//! What goes wrong on purpose, and what the stand-in notes of its callers.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test, and not every test file uses all of the shared code"
)]

mod support;

use std::time::Duration;

use fake_gitlab::{FakeGitlab, Options, Scenario, Tokens};
use http::{Method, StatusCode};
use support::{Answer, Caller, WALK, on_a_fixed_day, started};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn faulty(faults: &[&str]) -> FakeGitlab {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let options = Options { faults, ..on_a_fixed_day(Scenario::SelfManagedPremium, 250) };
    fake_gitlab::start(options).await.unwrap()
}

async fn struck(kind: &str) -> Answer {
    let gitlab = faulty(&[&format!("users@1={kind}")]).await;
    let caller = Caller::of(&gitlab);
    assert_eq!(caller.admin("/api/v4/user").await.status, StatusCode::OK, "only its own endpoint is struck");
    let answer = caller.admin("/api/v4/users").await;
    assert_eq!(caller.admin("/api/v4/users").await.status, StatusCode::OK, "only the first request is struck");
    answer
}

#[tokio::test]
async fn each_kind_answers_in_its_own_way() {
    for (kind, status, content_type, part) in [
        ("rate-limit-text", 429, "text/plain", "Retry later"),
        ("rate-limit-text-long", 429, "text/plain", "Retry later"),
        (
            "rate-limit-json",
            429,
            "application/json",
            r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#,
        ),
        ("rate-limit-json-retry", 429, "application/json", r#"{"message":{"error":"#),
        ("html", 200, "text/html; charset=utf-8", "Sign in"),
        ("html-502", 502, "text/html", "502 Bad Gateway"),
        ("html-403-challenge", 403, "text/html; charset=utf-8", "Checking your browser"),
        ("error-500", 500, "application/json", r#"{"message":"500 Internal Server Error"}"#),
        ("revoked", 401, "application/json", "Token was revoked."),
        ("expired", 401, "application/json", "Token is expired."),
        ("redirect-sign-in", 302, "text/html; charset=utf-8", "/users/sign_in"),
        ("redirect-other-host", 302, "text/html; charset=utf-8", "https://sso.example/"),
        ("html-503", 503, "text/html", "503 Service Unavailable"),
        ("html-504", 504, "text/html", "504 Gateway Time-out"),
        ("error-503", 503, "application/json", r#"{"message":"503 Service Unavailable"}"#),
        ("maintenance", 503, "application/json", r#"{"message":"GitLab Maintenance: system is in maintenance mode"}"#),
        ("unauthorized", 401, "application/json", r#"{"message":"401 Unauthorized"}"#),
        ("impersonation", 401, "application/json", "but impersonation was disabled."),
        ("forbidden", 403, "application/json", r#"{"message":"403 Forbidden"}"#),
        ("blocked", 403, "application/json", r#"{"message":"403 Forbidden - Your account has been blocked."}"#),
        ("insufficient-scope", 403, "application/json", r#""scope":"api read_api""#),
        ("granular", 403, "application/json", r#"{"error":"insufficient_granular_scope","#),
        ("not-found", 404, "application/json", r#"{"message":"404 Not found"}"#),
        ("no-route", 404, "application/json", r#"{"error":"404 Not Found"}"#),
        ("null-body", 200, "application/json", "null"),
        ("other-json", 200, "application/json", r#"{"hello":"world"}"#),
        ("too-deep", 405, "application/json", "maximum allowed offset of 50000"),
        ("keyset-refused", 405, "application/json", "Keyset pagination is not yet available"),
    ] {
        let answer = struck(kind).await;
        assert_eq!(answer.status.as_u16(), status, "{kind}");
        assert_eq!(answer.header("content-type"), Some(content_type), "{kind}");
        assert!(answer.text().contains(part), "{kind}: {}", answer.text());
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 26), "{kind}");
    }
}

#[tokio::test]
async fn an_answer_can_be_next_to_nothing_or_nothing() {
    assert_eq!(struck("maintenance").await.header("retry-after"), Some("900"));
    assert_eq!(struck("redirect-other-host").await.header("location"), Some("https://sso.example/"));
    let blocked = struck("ip-block").await;
    assert_eq!((blocked.status.as_u16(), blocked.header("content-type"), blocked.text()), (403, None, ""));

    let gitlab = faulty(&["license@1=reset", "license@2=truncated-json"]).await;
    let caller = Caller::of(&gitlab);
    let token = [("private-token", Tokens::ADMINISTRATOR)];
    assert!(caller.send(Method::GET, "/api/v4/license", &token).await.is_err());
    assert_eq!(gitlab.requests()[0].status, None, "it was noted, and not answered");
    let half = caller.admin("/api/v4/license").await;
    let whole = caller.admin("/api/v4/license").await;
    assert_eq!(half.text(), &whole.text()[..whole.body.len() / 2]);
    assert_eq!(half.header("content-length"), Some(half.body.len().to_string().as_str()));
    assert!(serde_json::from_slice::<serde_json::Value>(&half.body).is_err());
}

#[tokio::test]
async fn a_slow_answer_is_true_and_two_seconds_late() {
    let gitlab = faulty(&["user@1=slow"]).await;
    let caller = Caller::of(&gitlab);
    let begun = std::time::Instant::now();
    let late = caller.admin("/api/v4/user").await;
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(late.text(), caller.admin("/api/v4/user").await.text());
}

#[tokio::test]
async fn a_fault_can_last_from_some_request_on() {
    let gitlab = faulty(&["users@3+=revoked"]).await;
    let caller = Caller::of(&gitlab);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(caller.admin("/api/v4/users").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 401, 401, 401]);
}

#[tokio::test]
async fn the_kinds_of_429_differ_in_their_headers() {
    let names = ["ratelimit-name", "ratelimit-limit", "ratelimit-observed", "ratelimit-remaining"];
    let text = struck("rate-limit-text").await;
    assert_eq!(names.map(|name| text.header(name).unwrap()), ["throttle_authenticated_api", "120", "121", "0"]);
    assert!(text.header("ratelimit-resettime").unwrap().ends_with(" GMT"));
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let reset: i64 = text.header("ratelimit-reset").unwrap().parse().unwrap();
    assert!((now - 5..=now + 1).contains(&reset));
    assert_eq!(text.header("retry-after"), Some("1"));
    assert_eq!(struck("rate-limit-text-long").await.header("retry-after"), Some("60"));
    let json = struck("rate-limit-json").await;
    assert_eq!((json.header("retry-after"), json.header("ratelimit-limit")), (None, None));
    let retry = struck("rate-limit-json-retry").await;
    assert_eq!((retry.header("retry-after"), retry.header("ratelimit-limit")), (Some("1"), None));
}

#[tokio::test]
async fn a_cut_answer_announces_all_and_sends_half() {
    let gitlab = faulty(&["license@1=cut"]).await;
    let mut stream = TcpStream::connect(gitlab.address()).await.unwrap();
    let request =
        format!("GET /api/v4/license HTTP/1.1\r\nhost: x\r\nprivate-token: {}\r\n\r\n", Tokens::ADMINISTRATOR);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    let received = String::from_utf8(received).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let whole = Caller::of(&gitlab).admin("/api/v4/license").await;
    assert!(head.contains(&format!("content-length: {}", whole.body.len())), "{head}");
    assert_eq!(body, &whole.text()[..whole.body.len() / 2]);
    // A client that reads by length sees an error, not a short answer.
    let gitlab = faulty(&["users@*=cut"]).await;
    let cut = Caller::of(&gitlab).send(Method::GET, "/api/v4/users", &[("private-token", Tokens::ADMINISTRATOR)]).await;
    assert!(cut.is_err());
}

#[tokio::test]
async fn a_repeated_cursor_turns_the_walk_back() {
    let gitlab = faulty(&["users@2=repeat-cursor"]).await;
    let caller = Caller::of(&gitlab);
    let first = caller.admin(&format!("/api/v4/users?{WALK}")).await;
    let cursor = first.header("x-next-cursor").unwrap();
    let second = caller.admin(&format!("/api/v4/users?{WALK}&cursor={cursor}")).await;
    assert_eq!(second.header("x-next-cursor"), Some(cursor));
    let again = caller.admin(&format!("/api/v4/users?{WALK}&cursor={cursor}")).await;
    assert_eq!(again.text(), second.text());
    assert_ne!(again.header("x-next-cursor"), Some(cursor), "only the second request was struck");

    for sort in ["asc", "desc"] {
        let gitlab = faulty(&["users@*=repeat-cursor"]).await;
        let caller = Caller::of(&gitlab);
        let query = format!("pagination=keyset&sort={sort}");
        let first = caller.admin(&format!("/api/v4/users?{query}")).await;
        let cursor = first.header("x-next-cursor").unwrap();
        let second = caller.admin(&format!("/api/v4/users?{query}&cursor={cursor}")).await;
        assert_eq!((second.text(), second.header("x-next-cursor")), (first.text(), Some(cursor)), "{sort}");
    }
}

#[tokio::test]
async fn a_request_that_hangs_is_noted_and_ends_with_the_stand_in() {
    let gitlab = faulty(&["any@1=hang"]).await;
    let caller = Caller::of(&gitlab);
    let hanging = tokio::spawn(async move {
        let token = [("private-token", Tokens::ADMINISTRATOR)];
        caller.send(Method::GET, "/api/v4/user", &token).await.map(|answer| answer.status).map_err(|e| e.to_string())
    });
    while gitlab.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    let other = Caller::of(&gitlab).admin("/api/v4/user").await;
    assert_eq!(other.status, StatusCode::OK, "others are answered meanwhile");
    assert_eq!(gitlab.requests()[0].status, None);
    assert!(!hanging.is_finished());
    gitlab.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
}

#[tokio::test]
async fn the_limit_refuses_the_request_after_it_for_that_token_alone() {
    for (scenario, announced) in [(Scenario::SelfManagedPremium, true), (Scenario::Older, false)] {
        let options = Options { rate_limit: Some(3), ..on_a_fixed_day(scenario, 3) };
        let gitlab = fake_gitlab::start(options).await.unwrap();
        let caller = Caller::of(&gitlab);
        for observed in ["1", "2", "3"] {
            let answer = caller.admin("/api/v4/user").await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("ratelimit-observed"), announced.then_some(observed));
            assert_eq!(answer.header("ratelimit-resettime"), None);
        }
        let refused = caller.admin("/api/v4/user").await;
        assert_eq!((refused.status.as_u16(), refused.text()), (429, "Retry later"));
        assert_eq!(refused.header("ratelimit-remaining"), Some("0"));
        assert_eq!(refused.header("ratelimit-limit"), Some("3"));
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait));
        assert_eq!(caller.get("/api/v4/user", Tokens::MEMBER).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_window_sets_the_wait_and_the_limit_per_minute() {
    let options = Options {
        rate_limit: Some(3),
        rate_window: Duration::from_secs(25),
        ..on_a_fixed_day(Scenario::SelfManagedPremium, 3)
    };
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let caller = Caller::of(&gitlab);
    for _ in 0..3 {
        assert_eq!(caller.admin("/api/v4/user").await.header("ratelimit-limit"), Some("8"));
    }
    let wait: u64 = caller.admin("/api/v4/user").await.header("retry-after").unwrap().parse().unwrap();
    assert!((20..=25).contains(&wait), "{wait}");
}

#[tokio::test]
async fn every_answer_waits_for_the_latency() {
    let latency = Duration::from_millis(60);
    let options = Options { latency, ..on_a_fixed_day(Scenario::SelfManagedPremium, 3) };
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let begun = std::time::Instant::now();
    Caller::of(&gitlab).admin("/api/v4/user").await;
    assert!(begun.elapsed() >= latency);
}

/// What is compared at "40 ms" is to be compared at 40 ms. tokio's own clock goes by the millisecond and up, which takes 1.3 to 1.7 ms
/// more on the average, whatever the machine does; other work on it passes, so one window of many is enough.
#[tokio::test]
async fn an_answer_waits_for_the_latency_and_hardly_longer() {
    let latency = Duration::from_millis(4);
    let options = Options { latency, ..on_a_fixed_day(Scenario::SelfManagedPremium, 3) };
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let caller = Caller::of(&gitlab);
    let mut medians = Vec::new();
    for _window in 0..100 {
        let mut times = Vec::new();
        for _answer in 0..25 {
            let begun = std::time::Instant::now();
            caller.admin("/api/v4/metadata").await;
            times.push(begun.elapsed());
        }
        times.sort();
        assert!(times[0] >= latency, "{times:?}");
        medians.push(times[times.len() / 2]);
        if times[times.len() / 2] < latency + Duration::from_micros(700) {
            return;
        }
    }
    panic!("medians of 25 answers that wait {latency:?}: {medians:?}");
}

#[tokio::test]
async fn requests_are_noted_as_they_came_and_connections_are_counted() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    let headers = [("user-agent", "gitlab-seats/0.1.0"), ("authorization", "Bearer nonsense")];
    caller.send(Method::GET, "/api/v4/users?page=1&search=a%20b", &headers).await.unwrap();
    caller.admin("/api/v4/nowhere").await;
    assert_eq!(gitlab.connections(), 1, "the connection is kept");
    Caller::of(&gitlab).admin("/api/v4/user").await;
    assert_eq!(gitlab.connections(), 2);

    let requests = gitlab.requests();
    let first = &requests[0];
    assert_eq!((first.number, first.connection, first.status), (1, 1, Some(401)));
    assert_eq!((first.method.as_str(), first.path.as_str()), ("GET", "/api/v4/users"));
    assert_eq!((first.query.as_str(), first.parameter("search").as_deref()), ("page=1&search=a%20b", Some("a b")));
    assert_eq!(first.header("user-agent"), Some("gitlab-seats/0.1.0"));
    assert_eq!(first.header("authorization"), Some("Bearer nonsense"));
    assert_eq!(requests.iter().map(|request| request.connection).collect::<Vec<_>>(), [1, 1, 2]);
    assert_eq!(requests[1].status, Some(404));
}

#[tokio::test]
async fn what_is_no_http_ends_its_own_connection_only() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    for noise in [
        &b"\x16\x03\x01\x02\x00 hello\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(gitlab.address()).await.unwrap();
        stream.write_all(noise).await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        assert!(received.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&received));
    }
    assert_eq!(Caller::of(&gitlab).admin("/api/v4/user").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_dropped_stand_in_breaks_off_its_connections() {
    let gitlab = faulty(&["any@1=hang"]).await;
    let mut stream = TcpStream::connect(gitlab.address()).await.unwrap();
    stream.write_all(b"GET /api/v4/user HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while gitlab.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gitlab);
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received.is_empty());
}

#[tokio::test]
async fn a_stopped_stand_in_gives_its_address_back() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let address = gitlab.address();
    Caller::of(&gitlab).admin("/api/v4/user").await;
    gitlab.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err());
    let options = Options { address, ..on_a_fixed_day(Scenario::SelfManagedPremium, 3) };
    let again = fake_gitlab::start(options).await.unwrap();
    assert_eq!(again.address(), address);
}
