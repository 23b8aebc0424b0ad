//! What goes out, how often, and when.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a missing element is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::gitlab::endpoint::Page;
use crate::gitlab::graphql::Variable;
use crate::scripted::{Script, and_header, json, response, settings};
use crate::transport::{Kind, Scheme};

const CLOCK: FixedClock = FixedClock(1_769_904_000);
const USER: &str = "/api/v4/user";
const LICENSE: &str = "/api/v4/license";
const METADATA: &str = "/api/v4/metadata";
const GRAPHQL: &str = "/api/graphql";

fn exchange(credential: &Credential, answer: Response) -> (Request, Response) {
    let settings = settings("https://host:8443/gitlab");
    let mut script = Script::new([("/gitlab/api/v4/user", answer)]);
    let mut client = Client::new(&settings, credential, &mut script, &CLOCK);
    let answer = client.ask(&Endpoint::CurrentUser).unwrap();
    assert_eq!(client.sent(), 1);
    (script.seen[0].clone(), answer)
}

/// The statuses of these asks, 0 for no answer, and how many requests were sent.
fn ask(script: &mut Script, asks: &[Ask<'_>]) -> (Vec<u16>, u64) {
    let settings = settings("https://gitlab.example");
    let mut client = Client::new(&settings, &Credential::Injected, script, &CLOCK);
    let answers = client.send(asks);
    (answers.iter().map(|answer| answer.as_ref().map_or(0, |response| response.status)).collect(), client.sent())
}

fn ok() -> Response {
    json(200, "{}")
}

fn limited(seconds: &str) -> Response {
    and_header(response(429, "text/plain", "Retry later\n"), "retry-after", seconds)
}

fn bad_gateway() -> Response {
    response(502, "text/html", "<html>Bad gateway</html>")
}

/// Any number of different endpoints.
fn page(number: u32) -> Endpoint {
    Endpoint::Users { page: Page::Cursor(number.to_string()), per_page: 1 }
}

fn pages(range: std::ops::RangeInclusive<u32>) -> Vec<Endpoint> {
    range.map(page).collect()
}

fn path(number: u32) -> String {
    page(number).path_and_query()
}

#[test]
fn a_request_goes_to_the_base_with_our_headers_and_no_credential_of_ours() {
    let (request, _) = exchange(&Credential::Injected, json(200, "{}"));
    assert_eq!((request.scheme(), request.authority()), (Scheme::Https, "host:8443"));
    assert_eq!((request.path_and_query(), request.kind()), ("/gitlab/api/v4/user", &Kind::Get));
    let headers: Vec<_> = request.headers().iter().map(|header| (header.name, header.value.as_str())).collect();
    assert_eq!(
        headers,
        [("user-agent", concat!("gitlab-seats/", env!("CARGO_PKG_VERSION"))), ("accept", "application/json")]
    );
}

#[test]
fn a_known_token_goes_in_its_header_only_and_never_prints() {
    let credential = Credential::Value("glpat-abc".to_owned());
    let (request, _) = exchange(&credential, json(200, "{}"));
    let header = &request.headers()[2];
    assert_eq!((header.name, header.value.as_str()), ("authorization", "Bearer glpat-abc"));
    assert!(!format!("{request:?} {credential:?}").contains("glpat-abc"));
}

#[test]
fn an_echoed_token_is_blotted_out() {
    let mut answer = json(401, r#"{"error":"invalid_token","error_description":"no glpat-glpat-abc here: glpat-abc"}"#);
    answer.headers.push(("location".to_owned(), "https://x/?t=glpat-abc".to_owned()));
    let (_, seen) = exchange(&Credential::Value("glpat-abc".to_owned()), answer);
    let body = String::from_utf8_lossy(&seen.body).into_owned();
    assert_eq!(body, r#"{"error":"invalid_token","error_description":"no glpat-********* here: *********"}"#);
    assert_eq!(seen.header("location"), Some("https://x/?t=(secret)"));
}

#[test]
fn a_query_is_json_posted_to_one_path_below_the_base() {
    let settings = settings("http://localhost:8080/gitlab");
    let mut script = Script::new([("/gitlab/api/graphql addOnPurchases", json(200, r#"{"data":{}}"#))]);
    let credential = Credential::Value("glpat-abc".to_owned());
    let mut client = Client::new(&settings, &credential, &mut script, &CLOCK);
    let query = Query::new("($ns: NamespaceID) { addOnPurchases(namespaceId: $ns) { id } }")
        .with("ns", Variable::Text("gid://gitlab/Group/9".to_owned()));
    assert_eq!(client.query(&query).unwrap().status, 200);
    assert_eq!(client.sent(), 1);
    let request = &script.seen[0];
    let Kind::Query { body } = request.kind() else { panic!("{request:?}") };
    assert_eq!(*body, query.body());
    let headers: Vec<_> = request.headers().iter().map(|header| (header.name, header.value.clone())).collect();
    assert_eq!(
        headers[1..],
        [
            ("accept", "application/json".to_owned()),
            ("authorization", "Bearer glpat-abc".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("content-length", body.len().to_string()),
        ]
    );
}

#[test]
fn endpoints_and_queries_go_out_together_and_are_answered_in_order() {
    let mut script = Script::new([(GRAPHQL, json(200, "[2]")), (USER, json(201, "")), (LICENSE, json(403, ""))]);
    let query = Query::new("{ currentLicense { plan } }");
    let (statuses, sent) =
        ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser), Ask::Query(&query), Ask::Get(&Endpoint::License)]);
    assert_eq!((statuses, sent, script.waves), (vec![201, 200, 403], 3, vec![3]));
}

#[test]
fn only_what_failed_is_sent_again_and_everything_is_counted() {
    let mut script = Script::new([
        (USER, ok()),
        (LICENSE, bad_gateway()),
        (METADATA, json(200, r#"{"version":"1"#)),
        (LICENSE, json(500, "{}")),
        (METADATA, ok()),
        (LICENSE, ok()),
    ]);
    let asks = [&Endpoint::CurrentUser, &Endpoint::License, &Endpoint::Metadata].map(Ask::Get);
    let (statuses, sent) = ask(&mut script, &asks);
    assert_eq!((statuses, sent), (vec![200, 200, 200], 6));
    assert_eq!((script.waves.as_slice(), script.pauses.as_slice()), ([3, 2, 1].as_slice(), [500, 1000].as_slice()));
    let paths: Vec<_> = script.seen.iter().map(Request::path_and_query).collect();
    assert_eq!(paths, [USER, LICENSE, METADATA, LICENSE, METADATA, LICENSE]);
}

#[test]
fn a_query_is_sent_again_with_its_body() {
    let timed_out =
        r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#;
    let mut script = Script::new([(GRAPHQL, json(503, timed_out)), (GRAPHQL, ok())]);
    let query = Query::new("{ currentLicense { plan } }");
    assert_eq!(ask(&mut script, &[Ask::Query(&query)]), (vec![200], 2));
    let body = String::from_utf8(query.body()).unwrap();
    assert_eq!(script.queries(), [body.clone(), body]);
}

#[test]
fn after_three_more_tries_the_last_answer_stands() {
    let broken = || Err(Unreachable::BrokeOff.into());
    let mut script = Script::with_errors([
        (USER, Ok(bad_gateway())),
        (USER, broken()),
        (USER, Err(Unreachable::Refused.into())),
        (USER, Ok(json(503, "{}"))),
        (USER, Ok(ok())),
    ]);
    assert_eq!(ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser)]), (vec![503], 4));
    assert_eq!(script.pauses, [500, 1000, 2000]);
    assert_eq!(script.unused(), [USER]);
}

#[test]
fn what_will_not_get_better_is_asked_once() {
    for answer in [
        Ok(json(401, r#"{"message":"401 Unauthorized"}"#)),
        Ok(json(403, "{}")),
        Ok(json(404, "{}")),
        Ok(response(200, "text/html", "<html>")),
        Ok(response(302, "text/html", "")),
        Ok(response(429, "text/plain", "Retry later\n")),
        Ok(limited("21")),
        Ok(and_header(json(503, "{}"), "retry-after", "900")),
        Err(TransportError::Tls("x")),
        Err(TransportError::Denied("x")),
        Err(Unreachable::NameNotFound.into()),
    ] {
        let shown = format!("{answer:?}");
        let mut script = Script::with_errors([(USER, answer), (USER, Ok(ok()))]);
        let (_, sent) = ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser)]);
        assert_eq!((sent, script.pauses.len()), (1, 0), "{shown}");
    }
}

#[test]
fn a_short_limit_is_waited_out() {
    let mut script = Script::new([(USER, limited("3")), (USER, ok())]);
    script.now = 70;
    assert_eq!(ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser)]), (vec![200], 2));
    assert_eq!(script.pauses, [3070], "with jitter from the clock");
}

#[test]
fn the_longest_wait_stands_for_all() {
    for (user, license) in [(limited("3"), bad_gateway()), (bad_gateway(), limited("3"))] {
        let mut script = Script::new([(USER, user), (LICENSE, license), (USER, ok()), (LICENSE, ok())]);
        let (statuses, sent) = ask(&mut script, &[&Endpoint::CurrentUser, &Endpoint::License].map(Ask::Get));
        assert_eq!((statuses, sent, script.pauses), (vec![200, 200], 4, vec![3000]));
    }
}

#[test]
fn a_call_is_patient_once_and_not_for_each_question() {
    let settings = settings("https://gitlab.example");
    let mut script = Script::new([(USER, limited("12")), (USER, ok()), (LICENSE, limited("12")), (LICENSE, ok())]);
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
    assert_eq!(client.ask(&Endpoint::CurrentUser).unwrap().status, 200);
    assert_eq!(client.ask(&Endpoint::License).unwrap().status, 429);
    assert_eq!((client.sent(), script.pauses), (3, vec![12_000]));
}

#[test]
fn what_took_a_minute_is_tried_once_more() {
    let slow = || Err(Unreachable::TimedOut.into());
    for (wave_takes, sent) in [(60_000, 2), (74_500, 2), (74_501, 1)] {
        let mut script = Script::with_errors([(USER, slow()), (USER, slow()), (USER, slow())]);
        script.wave_takes = wave_takes;
        assert_eq!(ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser)]), (vec![0], sent), "{wave_takes}");
    }
}

/// The transport's clock counts from where it likes.
#[test]
fn time_is_counted_from_the_beginning_of_the_call() {
    let mut script = Script::with_errors([(USER, Err(Unreachable::TimedOut.into())), (USER, Ok(ok()))]);
    script.now = 3_600_000_000_000;
    assert_eq!(ask(&mut script, &[Ask::Get(&Endpoint::CurrentUser)]), (vec![200], 2));
}

#[test]
fn many_endpoints_go_out_together_and_are_answered_in_order() {
    let mut script = Script::new((1..=18).map(|number| (path(number), json(200, &number.to_string()))));
    let settings = settings("https://gitlab.example");
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
    let bodies: Vec<String> = client
        .ask_many(&pages(1..=18))
        .into_iter()
        .map(|answer| String::from_utf8(answer.unwrap().body).unwrap())
        .collect();
    assert_eq!(bodies, (1..=18).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(script.waves, [18], "the transport knows how many may be under way");
}

#[test]
fn after_a_limit_half_as_many_are_under_way_for_the_rest_of_the_call() {
    let lines = (1..=12).map(|number| (path(number), ok()));
    let mut script = Script::new([(path(2), limited("1")), (path(9), limited("1"))].into_iter().chain(lines));
    let settings = settings("https://gitlab.example");
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
    assert!(client.ask_many(&pages(1..=12)).iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert!(client.is_limited());
    assert_eq!(client.pace().at_once(4), 1);
    // Four are under way when the second is sent away, two when the ninth is.
    assert_eq!(script.waves, [5, 1, 5, 1, 2]);
    assert_eq!(script.seen[5].path_and_query(), path(2), "what failed goes first, and alone");
}

#[test]
fn half_of_one_is_one() {
    let mut settings = settings("https://gitlab.example");
    settings.max_concurrency = 1;
    let mut script =
        Script::new([(USER, limited("1")), (LICENSE, ok()), (USER, limited("1")), (USER, ok()), (METADATA, ok())]);
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
    let answers = client.ask_all([&Endpoint::CurrentUser, &Endpoint::License, &Endpoint::Metadata]);
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status == 200));
    assert_eq!(script.waves, [1, 1, 1, 2]);
}

/// A server that sends everybody away is not asked for the rest, nor is one that has taken the token back.
#[test]
fn after_a_last_word_nothing_more_is_sent() {
    for last in [limited("600"), json(401, r#"{"message":"401 Unauthorized"}"#)] {
        let status = last.status;
        let mut script = Script::new((1..=12).map(|number| match number {
            2 => (path(number), last.clone()),
            3 => (path(number), bad_gateway()),
            _ => (path(number), ok()),
        }));
        let asks = pages(1..=12);
        let (statuses, sent) = ask(&mut script, &asks.iter().map(Ask::Get).collect::<Vec<_>>());
        assert_eq!(sent, 5, "those that are under way with it");
        assert_eq!(statuses[..5], [200, status, 502, 200, 200]);
        assert_eq!(statuses[5..], [status; 7]);
        assert_eq!(script.pauses, [0; 0]);
    }
}

/// What is read ahead gets no answer in place of its own.
#[test]
fn what_is_not_asked_for_ahead_any_more_has_no_answer() {
    let full = and_header(and_header(ok(), "ratelimit-remaining", "3"), "ratelimit-reset", "1769904030");
    for (last, reached) in [(limited("600"), 6), (bad_gateway(), 6), (json(404, "{}"), 6), (full, 7)] {
        let status = last.status;
        let mut script =
            Script::new((1..=12).map(|number| (path(number), if number == 3 { last.clone() } else { ok() })));
        let settings = settings("https://gitlab.example");
        let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
        let mut answered = Vec::new();
        let asks: Vec<Option<Endpoint>> = pages(1..=12).into_iter().map(Some).collect();
        client.ask_ahead(&asks, &mut |place, answer| {
            answered.push((place, answer.unwrap().status));
            None
        });
        answered.sort_unstable();
        let places: Vec<usize> = answered.iter().map(|(place, _)| *place).collect();
        assert_eq!(places, (0..reached).collect::<Vec<_>>(), "{status}");
        assert_eq!(answered[2].1, status);
    }
}

/// Behind all that waits, and when what it follows on has gone well.
#[test]
fn what_follows_on_an_answer_is_asked_for_last() {
    for (limit, expected) in [
        (None, [1, 4, 2, 5, 3, 6]),
        // What went wrong is asked for again alone, and then all that was left.
        (Some(bad_gateway()), [1, 4, 4, 5, 2, 6]),
    ] {
        let again = limit.into_iter().map(|answer| (path(4), answer));
        let mut script = Script::new(again.chain((1..=6).map(|number| (path(number), ok()))));
        let mut settings = settings("https://gitlab.example");
        settings.max_concurrency = 1;
        let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
        let all = pages(1..=6);
        let chains = [0, 3].map(|first: usize| [all.get(first).cloned(), None, None]);
        let mut answered = Vec::new();
        client.ask_ahead(chains.as_flattened(), &mut |place, answer| {
            answered.push((place, answer.unwrap().status));
            all.get(place + 1).filter(|_| place % 3 < 2).cloned()
        });
        let numbers =
            script.seen.iter().map(|request| (1..=6).find(|number| request.path_and_query() == path(*number)).unwrap());
        assert_eq!(numbers.take(6).collect::<Vec<u32>>(), expected);
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 2, 3, 4, 5].map(|place| (place, 200)));
    }
}

/// A page of a slow instance takes half a minute: a call ends with what it has long before its host ends it.
#[test]
fn a_call_that_has_taken_long_asks_for_nothing_more_ahead() {
    for (takes, expected) in [(75_000, 12), (75_001, 5)] {
        let mut script = Script::new((1..=12).map(|number| (path(number), ok())));
        script.wave_takes = takes;
        let settings = settings("https://gitlab.example");
        let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
        let asks: Vec<Option<Endpoint>> = pages(1..=12).into_iter().map(Some).collect();
        let mut answered = 0;
        client.ask_ahead(&asks, &mut |_, _| {
            answered += 1;
            None
        });
        assert_eq!((answered, client.is_late()), (expected, takes > 75_000));
    }
}

/// A server that counts aloud is kept to; the wait is the caller's if it is long.
#[test]
fn a_window_that_is_used_up_is_waited_for() {
    for (not_before, waits) in [(0, Ok(())), (CLOCK.0, Ok(())), (CLOCK.0 + 1, Ok(())), (CLOCK.0 + 2, Err(2))] {
        let mut script = Script::new(Vec::<(String, Response)>::new());
        let settings = settings("https://gitlab.example");
        let pace = Pace { not_before, ..Pace::default() };
        let mut client = Client::at_pace(&settings, &Credential::Injected, &mut script, &CLOCK, pace);
        assert_eq!(client.wait_for_window(), waits, "{not_before}");
        assert_eq!(script.pauses, if not_before == CLOCK.0 + 1 { vec![1000] } else { vec![] });
    }
}

/// The copies as well: a 401 is where a proxy would quote the token.
#[test]
fn a_last_word_is_blotted_out_everywhere() {
    let mut settings = settings("https://gitlab.example");
    settings.max_concurrency = 1;
    let credential = Credential::Value("glpat-abc".to_owned());
    let echo = json(401, r#"{"message":"glpat-abc"}"#);
    let mut script = Script::new([(USER, echo), (LICENSE, ok()), (METADATA, ok())]);
    let mut client = Client::new(&settings, &credential, &mut script, &CLOCK);
    let [first, _, copy] = client.ask_all([&Endpoint::CurrentUser, &Endpoint::License, &Endpoint::Metadata]);
    let body = |answer: Result<Response, Refusal>| String::from_utf8(answer.unwrap().body).unwrap();
    assert_eq!([body(first), body(copy)], [r#"{"message":"*********"}"#, r#"{"message":"*********"}"#]);
}

/// What waits to be sent again when the last word comes keeps the answer that it has.
#[test]
fn a_last_word_does_not_hide_an_earlier_answer() {
    let mut settings = settings("https://gitlab.example");
    settings.max_concurrency = 2;
    let mut script = Script::new([
        (USER, limited("1")),
        (LICENSE, bad_gateway()),
        (METADATA, bad_gateway()),
        (USER, json(401, "{}")),
    ]);
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &CLOCK);
    let answers = client.ask_all([&Endpoint::CurrentUser, &Endpoint::License, &Endpoint::Metadata]);
    assert_eq!(answers.map(|answer| answer.unwrap().status), [401, 502, 401], "the third was not asked for");
    assert_eq!(script.waves, [2, 1]);
}

#[test]
fn nothing_to_ask_is_no_request() {
    let mut script = Script::new(Vec::<(String, Response)>::new());
    assert_eq!(ask(&mut script, &[]), (vec![], 0));
    assert_eq!(script.waves, [0; 0]);
}
