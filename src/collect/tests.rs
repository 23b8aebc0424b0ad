//! Whole runs against a scripted GitLab.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::configuration::{Input, configure};
use crate::failure::Rejection;
use crate::record::{Activity, Capability, Entry, Pool, Source, Summary, Then, Warning};
use crate::scripted::{Script, and_header, json, response};
use crate::transport::{Response, TransportError, Unreachable};

/// 2026-02-01.
const NOW: FixedClock = FixedClock(1_769_904_000);

const METADATA: &str = r#"{"version":"18.9.1-ee","revision":"0a1b","enterprise":true}"#;
const ADMIN: &str = r#"{"id":1,"username":"root","is_admin":true,"state":"active"}"#;
const LICENSE: &str = r#"{"plan":"premium","starts_at":"2026-01-01","expires_at":"2026-12-31","maximum_user_count":4,"expired":false,"overage":1,"user_limit":2,"active_users":3}"#;
const USERS: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&pagination=keyset&order_by=id&sort=asc&per_page=100";

/// A list with headers that lead through it by number knows nothing of the keyset.
const NUMBERED: &str =
    "/api/v4/users?exclude_internal=true&without_project_bots=true&order_by=id&sort=asc&per_page=100";

fn configuration(extra: &[(&str, &str)]) -> Configuration {
    let text = |key: &str, value: &str| (key.to_owned(), Input::Text(value.to_owned()));
    let mut values = vec![text("host_url", "gitlab.example"), ("token".to_owned(), Input::SecretSet)];
    values.extend(extra.iter().map(|(key, value)| text(key, value)));
    configure(&values).unwrap()
}

fn call(script: &mut Script, cursor: Option<&str>) -> Result<Batch, Failure> {
    collect(&configuration(&[("add_ons", "false")]), &Credential::Injected, cursor, script, &NOW)
}

fn first_page(metadata: Response, user: Response, license: Response) -> Script {
    Script::new([("/api/v4/metadata", metadata), ("/api/v4/user", user), ("/api/v4/license", license)])
}

fn usual() -> Script {
    first_page(json(200, METADATA), json(200, ADMIN), json(200, LICENSE))
}

/// A row with a seat unless `extra` says otherwise.
fn row(id: u64) -> String {
    format!(
        r#"{{"id":{id},"username":"u{id}","name":"U {id}","state":"active","is_admin":false,"bot":false,"using_license_seat":true,"last_activity_on":null,"current_sign_in_at":null,"email":"u{id}@c.example"}}"#
    )
}

fn page(ids: &[u64]) -> Response {
    let rows: Vec<String> = ids.iter().map(|id| row(*id)).collect();
    json(200, &format!("[{}]", rows.join(",")))
}

fn keyset(ids: &[u64], next: &str) -> Response {
    and_header(page(ids), "x-next-cursor", next)
}

/// A page with as many rows as were asked for.
fn full(first: u64) -> Response {
    let ids: Vec<u64> = (first..first + u64::from(ROWS_PER_PAGE)).collect();
    page(&ids)
}

fn numbered(page: u64) -> String {
    format!("{NUMBERED}&page={page}")
}

fn next(batch: &Batch) -> &str {
    match &batch.then {
        Then::Next(cursor) => cursor,
        Then::End(summary) => panic!("the run has ended: {summary:?}"),
    }
}

/// All pages of a run, after the one with the license.
fn run(pages: Vec<(String, Response)>) -> (Vec<Batch>, Vec<String>, Vec<String>) {
    let mut script = Script::new(pages);
    let mut batches = Vec::new();
    let mut cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    loop {
        let batch = call(&mut script, Some(&cursor)).unwrap();
        let then = batch.then.clone();
        batches.push(batch);
        match then {
            Then::Next(next) => cursor = next,
            Then::End(_) => break,
        }
    }
    let ids = batches
        .iter()
        .flat_map(|batch| &batch.entries)
        .filter_map(|entry| match entry {
            Entry::User(user) => Some(user.user_id.clone()),
            _ => None,
        })
        .collect();
    (batches, ids, script.unused().into_iter().map(str::to_owned).collect())
}

fn end(batches: &[Batch]) -> Summary {
    match batches.last().unwrap().then {
        Then::End(summary) => summary,
        Then::Next(_) => panic!("the run has not ended"),
    }
}

fn codes(warnings: &[Warning]) -> Vec<&str> {
    warnings.iter().map(|warning| warning.code).collect()
}

fn source_and_pool(batch: &Batch) -> (&Source, &Pool) {
    match batch.entries.as_slice() {
        [Entry::Source(source), Entry::Pool(pool)] => (source, pool),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_page_has_the_source_then_the_pool() {
    let mut script = usual();
    let batch = call(&mut script, None).unwrap();
    assert_eq!(script.waves, [3], "all at once");
    let (source, pool) = source_and_pool(&batch);
    assert_eq!(source.source_key, "https://gitlab.example#instance");
    assert_eq!((source.product_version.as_deref(), source.edition), (Some("18.9.1-ee"), Some("EE")));
    assert_eq!(source.capabilities.totals, Capability::Yes);
    assert_eq!(source.capabilities.add_ons, Capability::No);
    assert_eq!((pool.pool_id.as_str(), pool.entitled, pool.allocated), ("instance:premium", Some(2), Some(3)));
    assert!(batch.warnings.is_empty(), "{:?}", batch.warnings);
    let place = Place::from_text(next(&batch), "https://gitlab.example#instance").unwrap();
    assert_eq!((place.counts.sources, place.counts.pools, place.requests), (1, 1, 3));
}

#[test]
fn an_old_gitlab_is_asked_for_its_version_elsewhere() {
    let mut script = Script::new([
        ("/api/v4/metadata", json(404, r#"{"error":"404 Not Found"}"#)),
        ("/api/v4/user", json(200, ADMIN)),
        ("/api/v4/license", json(200, LICENSE)),
        ("/api/v4/version", json(200, r#"{"version":"14.10.5-ee","revision":"x"}"#)),
    ]);
    let batch = call(&mut script, None).unwrap();
    let (source, _) = source_and_pool(&batch);
    assert_eq!((source.product_version.as_deref(), source.edition), (Some("14.10.5-ee"), Some("EE")));
    assert_eq!(Place::from_text(next(&batch), &source.source_key).unwrap().requests, 4);
}

#[test]
fn settings_that_this_version_cannot_serve_are_said() {
    let configuration = configuration(&[("add_ons", "true"), ("memberships", "true"), ("identity", "username")]);
    let expired = LICENSE.replace("\"expired\":false", "\"expired\":true").replace("2026-12-31", "2026-01-15");
    let mut script = first_page(json(200, METADATA), json(200, ADMIN), json(200, &expired));
    let batch = collect(&configuration, &Credential::Injected, None, &mut script, &NOW).unwrap();
    assert_eq!(codes(&batch.warnings), ["license-expired", "add-ons-not-read", "memberships-not-applicable"]);
    assert!(batch.warnings[0].message.contains("2026-01-15"));
    let (source, pool) = source_and_pool(&batch);
    assert_eq!((source.capabilities.add_ons, source.capabilities.email), (Capability::Unknown, Capability::No));
    assert_eq!(pool.overage_now, Some(1));
}

#[test]
fn each_way_of_having_no_license_is_its_own_failure() {
    let failure = |user: &str, license: Response| {
        call(&mut first_page(json(200, METADATA), json(200, user), license), None).unwrap_err()
    };
    let forbidden = || json(403, r#"{"message":"403 Forbidden"}"#);
    let missing = |failure: Failure| match failure {
        Failure::Forbidden { missing, explanation } => (missing, explanation.hint.unwrap()),
        other => panic!("{other:?}"),
    };
    let (role, hint) = missing(failure(ADMIN, forbidden()));
    assert_eq!(role, "admin_mode");
    assert!(hint.contains("scopes=read_api,read_user,admin_mode"), "{hint}");
    let (role, _) = missing(failure(r#"{"id":2,"username":"mira"}"#, forbidden()));
    assert_eq!(role, "administrator");
    let community = failure(ADMIN, json(404, r#"{"error":"404 Not Found"}"#));
    assert!(
        matches!(&community, Failure::NotFound(words) if words.message.contains("Community Edition")),
        "{community:?}"
    );
    let none = failure(ADMIN, json(200, "null"));
    assert!(matches!(&none, Failure::NotFound(words) if words.message.contains("No license")), "{none:?}");
}

#[test]
fn failures_of_the_first_page_name_their_endpoint() {
    let expired = json(401, r#"{"error":"invalid_token","error_description":"Token is expired. You can…"}"#);
    let failure = call(&mut first_page(expired.clone(), expired.clone(), expired), None).unwrap_err();
    assert!(matches!(&failure, Failure::Unauthorized { reason: Rejection::Expired, .. }), "{failure:?}");
    let mut script = Script::with_errors([
        ("/api/v4/metadata", Ok(json(200, METADATA))),
        ("/api/v4/user", Ok(json(200, ADMIN))),
        ("/api/v4/license", Err(TransportError::from(Unreachable::BrokeOff))),
    ]);
    let failure = call(&mut script, None).unwrap_err();
    assert!(
        matches!(&failure, Failure::Unreachable(words) if words.endpoint.as_deref() == Some("GET /api/v4/license"))
    );
}

#[test]
fn keyset_pages_are_walked_to_the_one_without_a_next() {
    let (batches, ids, unused) = run(vec![
        (USERS.to_owned(), keyset(&[1, 5], "aa=")),
        (format!("{USERS}&cursor=aa%3D"), keyset(&[9, 10], "bb")),
        (format!("{USERS}&cursor=bb"), page(&[11])),
    ]);
    assert_eq!((ids, unused), (vec!["1".into(), "5".into(), "9".into(), "10".into(), "11".into()], vec![]));
    let summary = end(&batches);
    assert!(summary.complete);
    assert_eq!((summary.counts.users, summary.counts.assignments, summary.requests), (5, 5, 6));
    assert_eq!(codes(&batches[2].warnings), ["allocated-differs"]);
    let message = &batches[2].warnings[0].message;
    assert!(message.contains("3 seats") && message.contains("shows 5"), "{message}");
    assert_eq!(summary.counts.warnings, 1);
    assert_eq!(batches[1].progress.done, 4);
}

#[test]
fn offset_pages_of_old_versions_are_walked_by_the_same_loop() {
    let total = |answer| and_header(answer, "x-total", "3");
    let (batches, ids, unused) = run(vec![
        (USERS.to_owned(), and_header(total(page(&[1, 2])), "x-next-page", "2")),
        (numbered(2), and_header(total(page(&[3])), "x-next-page", "")),
    ]);
    assert_eq!((ids.len(), unused), (3, vec![]));
    assert_eq!(batches[0].progress.expected, Some(3));
    assert!(end(&batches).complete);
    assert!(batches[1].warnings.is_empty(), "three seats counted and three of the license: {:?}", batches[1].warnings);
}

#[test]
fn a_user_and_its_assignment_stand_together() {
    let body = r#"[{"id":7,"username":"g","state":"active","is_admin":false,"bot":false,"using_license_seat":false,"last_activity_on":null}]"#;
    let (batches, _, _) = run(vec![(USERS.to_owned(), json(200, body))]);
    match batches[0].entries.as_slice() {
        [Entry::User(user), Entry::Assignment(assignment)] => {
            assert_eq!((user.user_id.as_str(), user.activity), ("7", Activity::Never));
            assert_eq!((assignment.pool_id.as_str(), assignment.user_id.as_str()), ("instance:premium", "7"));
            assert_eq!((assignment.consumes_seat, assignment.non_consuming_reason), (false, Some("minimal-access")));
        }
        other => panic!("{other:?}"),
    }
    let warning = &batches[0].warnings[0];
    assert!(warning.message.contains("shows 0"), "who holds no seat is not counted: {warning:?}");
}

#[test]
fn a_list_that_loops_ends_as_partial_and_says_where() {
    for pages in [
        // The same cursor again, with rows that lead on or not.
        vec![(USERS.to_owned(), keyset(&[1, 2], "aa")), (format!("{USERS}&cursor=aa"), keyset(&[3], "aa"))],
        // Another cursor, the first page again.
        vec![(USERS.to_owned(), keyset(&[1, 2], "aa")), (format!("{USERS}&cursor=aa"), keyset(&[1, 2], "bb"))],
        // The first page again, as if it were the last.
        vec![(USERS.to_owned(), keyset(&[1, 2], "aa")), (format!("{USERS}&cursor=aa"), page(&[1, 2]))],
    ] {
        let (batches, ids, unused) = run(pages);
        assert!(unused.is_empty());
        let summary = end(&batches);
        assert!(!summary.complete, "{ids:?}");
        let last = &batches[1].warnings;
        let warning = last.iter().find(|warning| warning.code == "list-does-not-advance").unwrap();
        assert!(warning.message.contains(&format!("after {} users", ids.len())), "{warning:?}");
        assert!(warning.scope.as_deref().unwrap().contains("page 2"), "{warning:?}");
        assert!(!codes(last).contains(&"allocated-differs"), "numbers of half a list say nothing");
    }
}

#[test]
fn rows_out_of_order_make_the_run_partial_to_its_end() {
    let (batches, ids, _) =
        run(vec![(USERS.to_owned(), keyset(&[4, 2, 4, 6], "aa")), (format!("{USERS}&cursor=aa"), page(&[6, 8]))]);
    assert_eq!(ids, ["4", "6", "8"]);
    assert_eq!(codes(&batches[0].warnings), ["rows-out-of-order"]);
    assert!(batches[0].warnings[0].message.starts_with("2 rows"));
    let summary = end(&batches);
    assert_eq!((summary.complete, summary.counts.users, summary.counts.warnings), (false, 3, 2));
}

#[test]
fn a_list_shorter_than_announced_is_partial() {
    let (batches, _, _) = run(vec![(USERS.to_owned(), and_header(page(&[1, 2]), "x-total", "9"))]);
    assert!(!end(&batches).complete);
    assert_eq!(codes(&batches[0].warnings), ["list-ended-early"]);
}

#[test]
fn an_empty_page_is_an_end() {
    let (batches, ids, _) =
        run(vec![(USERS.to_owned(), keyset(&[1, 2, 3], "aa")), (format!("{USERS}&cursor=aa"), page(&[]))]);
    assert_eq!(ids.len(), 3);
    assert!(end(&batches).complete);
}

/// Taken for the end once: a list cut off in its middle was reported as complete.
#[test]
fn an_empty_page_that_names_another_is_no_end() {
    for second in [keyset(&[], "bb"), keyset(&[], "aa"), and_header(page(&[]), "x-next-page", "3")] {
        let (batches, ids, unused) =
            run(vec![(USERS.to_owned(), keyset(&[1, 2, 3], "aa")), (format!("{USERS}&cursor=aa"), second)]);
        assert_eq!((ids.len(), unused), (3, vec![]));
        assert!(!end(&batches).complete);
        assert_eq!(codes(&batches[1].warnings), ["list-does-not-advance"]);
        assert!(batches[1].warnings[0].message.contains("empty page"), "{:?}", batches[1].warnings);
    }
}

/// Reported once as a complete run in which nobody holds a seat: every seat would have read as released.
#[test]
fn a_run_without_any_account_is_a_failure() {
    let cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    for empty in [page(&[]), keyset(&[], "aa"), and_header(page(&[]), "x-total", "0")] {
        let failure = call(&mut Script::new([(USERS, empty)]), Some(&cursor)).unwrap_err();
        let Failure::Malformed { explanation, .. } = &failure else { panic!("{failure:?}") };
        assert_eq!(explanation.message, EMPTY_LIST);
        assert!(explanation.hint.as_deref().unwrap().contains("proxy"), "{explanation:?}");
        assert_eq!(explanation.endpoint.as_deref(), Some("GET /api/v4/users"));
    }
}

/// A proxy that takes away the headers made the first hundred accounts look like all of them.
#[test]
fn a_list_stripped_of_its_headers_is_walked_by_number() {
    let (batches, ids, unused) = run(vec![
        (USERS.to_owned(), full(1)),
        (numbered(2), full(101)),
        (numbered(3), full(201)),
        (numbered(4), page(&[301, 302])),
    ]);
    assert_eq!((ids.len(), unused), (302, vec![]));
    let summary = end(&batches);
    assert!(summary.complete);
    assert_eq!((summary.counts.users, summary.requests), (302, 7));
}

#[test]
fn a_full_first_page_without_headers_costs_one_request_more() {
    let (batches, ids, unused) = run(vec![(USERS.to_owned(), full(1)), (numbered(2), page(&[]))]);
    assert_eq!((ids.len(), batches.len(), unused), (100, 2, vec![]));
    assert!(end(&batches).complete);
}

#[test]
fn a_full_page_is_the_last_where_headers_are_seen_to_come_through() {
    let (batches, ids, _) = run(vec![(USERS.to_owned(), keyset(&[1], "aa")), (format!("{USERS}&cursor=aa"), full(2))]);
    assert_eq!((ids.len(), batches.len()), (101, 2), "a cursor came, so that its absence is the end");
    assert!(end(&batches).complete);
    let (batches, ids, _) = run(vec![
        (USERS.to_owned(), and_header(full(1), "x-next-page", "2")),
        (numbered(2), and_header(full(101), "x-next-page", "")),
    ]);
    assert_eq!((ids.len(), batches.len()), (200, 2), "an empty X-Next-Page says that this is the end");
    assert!(end(&batches).complete);
}

#[test]
fn a_stripped_list_that_ignores_numbers_is_partial() {
    let (batches, ids, unused) = run(vec![(USERS.to_owned(), full(1)), (numbered(2), full(1))]);
    assert_eq!((ids.len(), unused), (100, vec![]));
    assert!(!end(&batches).complete);
    assert_eq!(codes(&batches[1].warnings), ["rows-out-of-order", "list-does-not-advance"]);
}

#[test]
fn only_a_small_difference_to_the_license_is_called_usual() {
    let message = |allocated: u64, listed: u64| {
        let license = LICENSE.replace("\"active_users\":3", &format!("\"active_users\":{allocated}"));
        let first = call(&mut first_page(json(200, METADATA), json(200, ADMIN), json(200, &license)), None).unwrap();
        let ids: Vec<u64> = (1..=listed).collect();
        let batch = call(&mut Script::new([(USERS, page(&ids))]), Some(next(&first))).unwrap();
        assert_eq!(codes(&batch.warnings), ["allocated-differs"]);
        batch.warnings[0].message.clone()
    };
    // At most two seats, or one in twenty of the larger number.
    for (allocated, listed) in [(3, 1), (1, 3), (60, 57), (57, 60), (80, 76)] {
        let message = message(allocated, listed);
        assert!(message.contains("a small difference is usual"), "{allocated} and {listed}: {message}");
    }
    for (allocated, listed) in [(4, 1), (1, 4), (59, 56), (56, 59), (80, 75), (214, 99)] {
        let message = message(allocated, listed);
        assert!(message.contains("not usual") && message.contains("not whole"), "{allocated} and {listed}: {message}");
        assert!(!message.contains("small"), "{allocated} and {listed}: {message}");
    }
}

#[test]
fn the_same_cursor_gives_the_same_page_again() {
    let cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    let once = || call(&mut Script::new([(USERS, keyset(&[1, 2], "aa"))]), Some(&cursor)).unwrap();
    assert_eq!(once(), once());
}

#[test]
fn a_silent_downgrade_is_a_failure_and_not_a_list_without_seats() {
    let cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    for (body, missing_right) in [
        (r#"[{"id":1,"username":"a","name":"A","state":"active"}]"#, "admin_mode"),
        (r#"[{"id":1,"username":"a","is_admin":true,"state":"active"}]"#, "administrator"),
    ] {
        let failure = call(&mut Script::new([(USERS, json(200, body))]), Some(&cursor)).unwrap_err();
        assert!(matches!(&failure, Failure::Forbidden { missing, .. } if missing == missing_right), "{failure:?}");
    }
}

#[test]
fn a_limited_page_can_be_asked_for_again() {
    let cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    let limited = and_header(response(429, "text/plain", "Retry later"), "retry-after", "30");
    let failure = call(&mut Script::new([(USERS, limited)]), Some(&cursor)).unwrap_err();
    assert!(matches!(failure, Failure::RateLimited { retry_after: Some(30), .. }), "{failure:?}");
    assert!(call(&mut Script::new([(USERS, page(&[1]))]), Some(&cursor)).is_ok());
}

#[test]
fn a_next_page_that_cannot_be_asked_for_is_malformed() {
    let cursor = next(&call(&mut usual(), None).unwrap()).to_owned();
    let endless = keyset(&[1], &"x".repeat(3000));
    let failure = call(&mut Script::new([(USERS, endless)]), Some(&cursor)).unwrap_err();
    assert!(matches!(failure, Failure::Malformed { .. }), "{failure:?}");
}

#[test]
fn nothing_is_sent_for_what_cannot_be_served() {
    let mut script = Script::new(Vec::<(String, Response)>::new());
    let mut refuse = |configuration: &Configuration, cursor: Option<&str>| {
        collect(configuration, &Credential::Injected, cursor, &mut script, &NOW).unwrap_err()
    };
    let good = configuration(&[]);
    let gitlab_com = configuration(&[("deployment", "gitlab-com")]);
    let failure = refuse(&gitlab_com, None);
    assert!(matches!(&failure, Failure::InvalidConfiguration(words) if words.message == ONLY_SELF_MANAGED));
    let mut changed = good.clone();
    changed.settings = changed.settings.replace("gitlab.example", "evil.example");
    assert!(matches!(refuse(&changed, None), Failure::InvalidConfiguration(_)));
    assert!(matches!(refuse(&good, Some("{}")), Failure::InvalidCursor(_)));
    let other = Place::at_first_user("https://other#instance".to_owned(), "p".to_owned()).to_text().unwrap();
    assert!(matches!(refuse(&good, Some(&other)), Failure::InvalidCursor(_)));
    assert!(script.seen.is_empty());
}

#[test]
fn a_cursor_names_no_person_and_no_secret() {
    let secret = Credential::Value("glpat-secret".to_owned());
    let configuration = configuration(&[]);
    let first = collect(&configuration, &secret, None, &mut usual(), &NOW).unwrap();
    let mut script = Script::new([(USERS, keyset(&[1, 2], "aa"))]);
    let second = collect(&configuration, &secret, Some(next(&first)), &mut script, &NOW).unwrap();
    let cursor = next(&second);
    assert!(!cursor.contains("glpat") && !cursor.contains("u2") && !cursor.contains("c.example"), "{cursor}");
}
