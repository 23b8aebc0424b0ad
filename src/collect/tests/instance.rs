//! An instance, read in full: by an administrator, an auditor or a custom role; with a license and without one.

use super::*;
use crate::record::Capabilities;

const NO_LICENSE: &str = "null";

/// What a caller sees to whom GitLab shows all accounts and not the license.
fn auditor(row: &str, seen: Response) -> Vec<Line> {
    let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
    lines.push(line(ONE_ROW, json(200, &format!("[{row}]"))));
    lines.push(line("/api/graphql currentLicense", seen));
    lines
}

fn seen_license() -> Response {
    json(
        200,
        r#"{"data":{"license":{"plan":"ultimate","starts_at":"2026-01-01","expires_at":"2026-12-31","user_limit":2,"active_users":1,"maximum_user_count":5,"trial":true}}}"#,
    )
}

#[test]
fn the_first_page_has_the_source_then_the_pool() {
    let mut script = usual();
    let batch = call(&mut script, None).unwrap();
    assert_eq!(script.waves, [2], "all at once");
    let [Entry::Source(source), Entry::Pool(pool)] = batch.entries.as_slice() else { panic!("{:?}", batch.entries) };
    assert_eq!(source.source_key, "https://gitlab.example#instance");
    assert_eq!((source.product_version.as_deref(), source.edition), (Some("18.9.1-ee"), Some("EE")));
    assert_eq!(source.plan.as_deref(), Some("premium"));
    let expected = Capabilities {
        totals: Capability::Yes,
        assignments: Capability::Yes,
        last_activity: Capability::Yes,
        expiry: Capability::Yes,
        max_used: Capability::Yes,
        add_ons: Capability::No,
        email: Capability::Yes,
    };
    assert_eq!(source.capabilities, expected);
    assert_eq!((pool.pool_id.as_str(), pool.entitled, pool.allocated), ("instance:premium", Some(2), Some(3)));
    assert!(batch.warnings.is_empty(), "{:?}", batch.warnings);
    let place = place_in(&batch, &without_add_ons());
    assert_eq!((place.counts.sources, place.counts.pools, place.requests), (1, 1, 2));
    assert_eq!((place.stage, place.allocated, place.release), (Stage::Users, Some(3), Some((18, 9))));
}

#[test]
fn the_source_says_of_each_figure_whether_it_is_told() {
    for (license, totals, expiry, max_used) in [
        (r#"{"plan":"premium","expires_at":null}"#, Capability::No, Capability::Yes, Capability::No),
        (r#"{"plan":"premium","user_limit":0}"#, Capability::Yes, Capability::No, Capability::No),
        (r#"{"plan":"premium","maximum_user_count":4}"#, Capability::No, Capability::No, Capability::Yes),
    ] {
        let batch = call(&mut first_page(json(200, METADATA), json(200, ADMIN), json(200, license)), None).unwrap();
        let [Entry::Source(source), ..] = batch.entries.as_slice() else { panic!("{:?}", batch.entries) };
        let told = source.capabilities;
        assert_eq!((told.totals, told.expiry, told.max_used), (totals, expiry, max_used), "{license}");
    }
}

#[test]
fn an_old_gitlab_is_asked_for_its_version_elsewhere() {
    let mut lines = opening(json(404, NO_ROUTE), json(200, ADMIN), json(200, LICENSE));
    lines.push(line("/api/v4/version", json(200, r#"{"version":"15.0.5-ee","revision":"x"}"#)));
    lines.push(line(USERS, page(&[1, 2, 3])));
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!((run.source().product_version.as_deref(), run.source().edition), (Some("15.0.5-ee"), Some("EE")));
    assert_eq!(run.places[0].requests, 3);
    assert!(run.is_complete());
}

#[test]
fn settings_that_this_instance_cannot_serve_are_said() {
    let configuration = configuration(&[("add_ons", "true"), ("memberships", "true"), ("identity", "username")]);
    let expired = LICENSE.replace("\"expired\":false", "\"expired\":true").replace("2026-12-31", "2026-01-15");
    let old = METADATA.replace("18.9.1", "16.6.2");
    let mut script = first_page(json(200, &old), json(200, ADMIN), json(200, &expired));
    let batch = collect(&configuration, &Credential::Injected, None, &mut script, &NOW).unwrap();
    assert_eq!(codes(&batch.warnings), ["license-expired", "add-ons-not-read", "memberships-not-applicable"]);
    assert!(batch.warnings[0].message.contains("2026-01-15"));
    assert_eq!(batch.warnings[0].scope.as_deref(), Some("instance:premium"));
    assert!(batch.warnings[1].message.contains("16.7"));
    let [Entry::Source(source), Entry::Pool(pool)] = batch.entries.as_slice() else { panic!("{:?}", batch.entries) };
    assert_eq!((source.capabilities.add_ons, source.capabilities.email), (Capability::No, Capability::No));
    assert_eq!(pool.overage_now, Some(1));
    assert!(place_in(&batch, &configuration).whole, "nothing of it is missing by accident");
}

#[test]
fn a_user_and_its_assignment_stand_together() {
    let body = r#"[{"id":7,"username":"g","state":"active","is_admin":false,"bot":false,"using_license_seat":false,"last_activity_on":null}]"#;
    let run = run(vec![line(USERS, json(200, body)), line(NEWEST, page(&[7]))]);
    match run.batches[1].entries.as_slice() {
        [Entry::User(user), Entry::Assignment(assignment)] => {
            assert_eq!((user.user_id.as_str(), user.activity), ("7", Activity::Never));
            assert_eq!((assignment.pool_id.as_str(), assignment.user_id.as_str()), ("instance:premium", "7"));
            let verdict = (assignment.consumes_seat, assignment.non_consuming_reason);
            assert_eq!(verdict, (Some(false), Some("minimal-access")));
        }
        other => panic!("{other:?}"),
    }
    let warning = &run.batches[1].warnings[0];
    assert!(warning.message.contains("shows 0"), "who holds no seat is not counted: {warning:?}");
}

#[test]
fn failures_of_the_first_page_name_their_endpoint() {
    let expired = || json(401, EXPIRED);
    let failure = call(&mut first_page(expired(), expired(), expired()), None).unwrap_err();
    assert!(matches!(&failure, Failure::Unauthorized { reason: Rejection::Expired, .. }), "{failure:?}");
    let failing = |place: usize| {
        // Whoever is shown the license is not asked who they are.
        let license = if place == 1 { json(403, FORBIDDEN) } else { json(200, LICENSE) };
        let mut answers = [json(200, METADATA), json(200, ADMIN), license].map(Ok);
        answers[place] = Err(TransportError::from(Unreachable::BrokeOff));
        let paths = ["/api/v4/metadata", "/api/v4/user", "/api/v4/license"];
        call(&mut Script::with_errors(paths.into_iter().zip(answers)), None).unwrap_err()
    };
    for (place, endpoint) in ["GET /api/v4/metadata", "GET /api/v4/user", "GET /api/v4/license"].into_iter().enumerate()
    {
        let failure = failing(place);
        assert!(
            matches!(&failure, Failure::Unreachable(words) if words.endpoint.as_deref() == Some(endpoint)),
            "{failure:?}"
        );
    }
}

/// Once a failure; the accounts are worth having, and nobody is said to hold or to have lost a seat.
#[test]
fn an_instance_without_a_license_has_accounts_and_no_seats() {
    let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, NO_LICENSE));
    let row = row(4).replace("\"using_license_seat\":true", "\"using_license_seat\":false");
    lines.push(line(USERS, list([row])));
    // Add-ons are wanted, and where nothing is sold there are none to be asked for.
    let run = Run::to_the_end(&configuration(&[]), lines);
    assert_eq!((run.ids(), run.assignments().len(), run.pools().len()), (vec!["4"], 0, 0));
    assert_eq!(run.codes(), ["no-license"]);
    assert!(run.is_complete());
    let source = run.source();
    assert_eq!((source.edition, source.plan.as_deref()), (Some("EE"), None));
    let capabilities = source.capabilities;
    assert_eq!((capabilities.totals, capabilities.assignments), (Capability::No, Capability::No));
    assert_eq!((capabilities.add_ons, capabilities.expiry), (Capability::No, Capability::No));
    assert_eq!(capabilities.email, Capability::Yes);
}

/// A proxy or a cache that sends one answer of another GitLab or of another day.
#[test]
fn answers_that_contradict_each_other_are_a_failure() {
    for (rows, is_malformed) in
        [(page(&[4]), true), (list([r#"{"id":4,"username":"u4","state":"active"}"#.to_owned()]), false)]
    {
        let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, NO_LICENSE));
        // Beside the first questions, and by the call that begins with it.
        lines.extend([line(USERS, rows.clone()), line(USERS, rows)]);
        let run = Run::until_it_stops(&configuration(&[]), Script::new(lines));
        match run.failure {
            Some(Failure::Malformed { why, explanation }) if is_malformed => {
                assert!(why.contains("no license") && explanation.message.contains("somebody uses a seat"), "{why}");
            }
            Some(Failure::Forbidden { missing, .. }) if !is_malformed => assert_eq!(missing, "admin_mode"),
            other => panic!("{other:?}"),
        }
    }
}

/// An Enterprise Edition has the endpoint of the license, whoever asks.
#[test]
fn an_enterprise_edition_is_not_taken_for_a_community_edition() {
    for metadata in [METADATA, r#"{"version":"15.4.6-ee"}"#, r#"{"version":"18.9.1","enterprise":true}"#] {
        let failure =
            call(&mut first_page(json(200, metadata), json(200, ADMIN), json(404, NO_ROUTE)), None).unwrap_err();
        let Failure::NotFound(explanation) = &failure else { panic!("{failure:?}") };
        assert_eq!(explanation.endpoint.as_deref(), Some("GET /api/v4/license"));
    }
    let failure = call(&mut first_page(json(200, METADATA), json(200, ADMIN), json(200, r#"{"hello":"world"}"#)), None);
    assert!(matches!(failure, Err(Failure::Malformed { .. })), "{failure:?}");
}

#[test]
fn a_community_edition_has_accounts_and_no_seats() {
    let metadata = r#"{"version":"18.9.1","enterprise":false}"#;
    let row =
        r#"{"id":4,"username":"u4","is_admin":true,"bot":false,"state":"active","last_activity_on":"2026-01-30"}"#;
    let mut lines = opening(json(200, metadata), json(200, ADMIN), json(404, NO_ROUTE));
    lines.push(line(USERS, list([row.to_owned()])));
    let run = Run::to_the_end(&configuration(&[]), lines);
    assert_eq!((run.ids(), run.assignments().len(), run.pools().len()), (vec!["4"], 0, 0));
    assert_eq!(run.codes(), ["community-edition"]);
    assert!(run.is_complete());
    assert_eq!((run.source().edition, run.source().capabilities.assignments), (Some("CE"), Capability::No));
}

/// Before 15.6 nothing but the missing endpoint of the license tells the edition.
#[test]
fn a_community_edition_seen_by_anybody_is_partial() {
    let mut lines = opening(json(200, r#"{"version":"15.4.6"}"#), json(200, MEMBER), json(404, NO_ROUTE));
    lines.push(line(ONE_ROW, list([r#"{"id":1,"username":"root","state":"active"}"#.to_owned()])));
    lines.push(line("/api/graphql users", of_instance(&people(&[1, 4], None))));
    let run = Run::to_the_end(&configuration(&[]), lines);
    assert_eq!((run.ids(), run.assignments().len()), (vec!["1", "4"], 0));
    assert_eq!(run.codes(), ["community-edition", "accounts-not-all"]);
    assert!(!run.is_complete());
    let source = run.source();
    assert_eq!((source.edition, source.capabilities.email), (Some("CE"), Capability::No));
    let query = &run.script.queries()[0];
    assert!(!query.contains("lastActivityOn"), "15.4 does not know it: {query}");
}

#[test]
fn an_auditor_reads_who_holds_a_seat_and_not_how_many_were_bought() {
    let mut lines = auditor(&row(1), hidden("license"));
    lines.push(line(USERS, page(&[1, 4])));
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(run.stages(), [Stage::Users]);
    assert_eq!(run.verdicts(), [("instance:unknown", "1", Some(true)), ("instance:unknown", "4", Some(true))]);
    assert_eq!(run.codes(), ["accounts-not-all", "totals-not-read"]);
    let message = &run.warning("totals-not-read").message;
    assert!(message.contains("@mira is not an administrator"), "{message}");
    assert!(run.is_complete(), "every list was read to its end");
    let pool = run.pools()[0];
    assert_eq!((pool.entitled, pool.unlimited, pool.allocated, pool.term_end.as_deref()), (None, false, None, None));
    let capabilities = run.source().capabilities;
    assert_eq!((capabilities.totals, capabilities.assignments), (Capability::No, Capability::Yes));
    assert_eq!((capabilities.expiry, capabilities.max_used), (Capability::No, Capability::No));
    assert_eq!((capabilities.email, run.source().plan.as_deref()), (Capability::Yes, None));
}

#[test]
fn a_custom_role_that_reads_accounts_and_the_license_misses_nothing() {
    let mut lines = auditor(&row(1), seen_license());
    let guest = row(4).replace("\"using_license_seat\":true", "\"using_license_seat\":false");
    lines.push(line(USERS, list([row(1), guest])));
    let run = Run::to_the_end(&without_add_ons(), lines);
    assert_eq!(run.codes(), ["accounts-not-all"], "auditors look the same");
    assert!(run.is_complete(), "those who may be missing hold no seat");
    let pool = run.pools()[0];
    assert_eq!((pool.pool_id.as_str(), pool.entitled, pool.allocated), ("instance:ultimate", Some(2), Some(1)));
    assert_eq!((pool.overage_now, pool.overage_term, pool.is_trial), (Some(0), Some(3), Some(true)));
    assert_eq!(run.assignments()[1].non_consuming_reason, Some("guest-or-no-membership"), "the plan is known");
    let capabilities = run.source().capabilities;
    assert_eq!(
        (capabilities.totals, capabilities.expiry, capabilities.max_used),
        (Capability::Yes, Capability::Yes, Capability::Yes)
    );
}

/// Something before GitLab hides the version: that is said, and nothing else is missing for it.
#[test]
fn a_version_that_is_hidden_stops_nothing() {
    let hidden: [fn() -> Vec<Line>; 4] = [
        || vec![line("/api/v4/metadata", json(200, r#"{"enterprise":true}"#))],
        || vec![line("/api/v4/metadata", json(200, "{}"))],
        || vec![line("/api/v4/metadata", response(403, "text/html", "<html>"))],
        || vec![line("/api/v4/metadata", json(404, NO_ROUTE)), line("/api/v4/version", json(404, NO_ROUTE))],
    ];
    for metadata in hidden {
        let license = LICENSE.replace("\"active_users\":3", "\"active_users\":1");
        let mut lines = metadata();
        lines.extend([
            line("/api/v4/user", json(200, ADMIN)),
            line("/api/v4/license", json(200, &license)),
            line(USERS, page(&[1])),
        ]);
        let run = Run::to_the_end(&without_add_ons(), lines);
        assert_eq!((run.codes(), run.is_complete()), (vec!["version-not-read"], true));
        assert_eq!((run.source().product_version.as_deref(), run.source().edition), (None, Some("EE")));
        assert_eq!(run.verdicts(), [("instance:premium", "1", Some(true))]);
    }
}

/// What a plan makes free explains nothing once nothing is paid for.
#[test]
fn under_an_expired_license_no_rule_of_the_plan_is_given_as_a_reason() {
    for (expired, reason) in [(false, Some("minimal-access")), (true, None)] {
        let license = LICENSE.replace("\"expired\":false", &format!("\"expired\":{expired}"));
        let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, &license));
        lines.push(line(USERS, list([row(1), row(2).replace("seat\":true", "seat\":false")])));
        let run = Run::to_the_end(&without_add_ons(), lines);
        assert_eq!(run.assignments()[1].non_consuming_reason, reason, "{expired}");
    }
}

#[test]
fn a_right_that_ends_in_the_middle_keeps_what_was_read() {
    for (answer, words) in [
        (json(401, EXPIRED), "has expired"),
        (json(401, r#"{"message":"401 Unauthorized"}"#), "does not know"),
        (json(403, FORBIDDEN), "403"),
        (json(403, r#"{"message":"403 Forbidden - Your account has been blocked."}"#), "has been blocked"),
        // Not an administrator any more, or Admin Mode switched on.
        (list([r#"{"id":105,"username":"u5","state":"active"}"#.to_owned()]), "without administrators' fields"),
    ] {
        let run = run(vec![line(USERS, full_keyset(1, "aa")), line(format!("{USERS}&cursor=aa"), answer)]);
        assert_eq!((run.ids().len(), run.is_complete()), (100, false), "{words}");
        assert_eq!(run.codes(), ["right-ended"]);
        let warning = run.warning("right-ended");
        assert!(warning.message.contains("after 100 users") && warning.message.contains(words), "{warning:?}");
        let scope = warning.scope.as_deref().unwrap();
        assert!(scope.starts_with("GET /api/v4/users, page "), "{scope}");
        assert_eq!(run.batches[2].progress.stage, "ended");
    }
}

#[test]
fn a_right_that_ends_before_anybody_was_read_is_a_failure() {
    let cursor = usual_cursor();
    let failure = call(&mut Script::new([(USERS, json(401, EXPIRED))]), Some(&cursor)).unwrap_err();
    assert!(matches!(failure, Failure::Unauthorized { reason: Rejection::Expired, .. }), "{failure:?}");
    let failure = call(&mut Script::new([(USERS, json(403, FORBIDDEN))]), Some(&cursor)).unwrap_err();
    assert!(matches!(&failure, Failure::Forbidden { missing, .. } if missing == "administrator"), "{failure:?}");
}

/// These may get better: the host comes back with the same cursor.
#[test]
fn trouble_in_the_middle_is_a_failure_and_no_end() {
    let start = call(&mut Script::new([(USERS, full_keyset(1, "aa"))]), Some(&usual_cursor())).unwrap();
    for answer in
        [json(500, "{}"), response(502, "text/html", "<html>"), json(429, "{}"), response(200, "text/html", "<html>")]
    {
        let shown = format!("{answer:?}");
        let mut script = Script::new([(format!("{USERS}&cursor=aa"), answer)]);
        let failure = call(&mut script, Some(next(&start))).unwrap_err();
        assert!(!matches!(failure, Failure::Unauthorized { .. } | Failure::Forbidden { .. }), "{shown}: {failure:?}");
        let mut script = Script::new([(format!("{USERS}&cursor=aa"), page(&[101]))]);
        assert!(matches!(
            call(&mut script, Some(next(&start))).unwrap().then,
            Then::End(Summary { complete: true, .. })
        ));
    }
}

#[test]
fn a_silent_downgrade_is_a_failure_and_not_a_list_without_seats() {
    let cursor = usual_cursor();
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
    let cursor = usual_cursor();
    let limited = and_header(response(429, "text/plain", "Retry later"), "retry-after", "30");
    let failure = call(&mut Script::new([(USERS, limited)]), Some(&cursor)).unwrap_err();
    assert!(matches!(failure, Failure::RateLimited { retry_after: Some(30), .. }), "{failure:?}");
    assert!(call(&mut Script::new([(USERS, page(&[1]))]), Some(&cursor)).is_ok());
}

#[test]
fn requests_sent_again_are_counted() {
    let cursor = usual_cursor();
    let mut script = Script::new([(USERS, json(503, "{}")), (USERS, page(&[1, 2, 3]))]);
    let batch = call(&mut script, Some(&cursor)).unwrap();
    let Then::End(summary) = batch.then else { panic!("{batch:?}") };
    assert_eq!((summary.requests, script.seen.len()), (4, 2));
}

#[test]
fn nothing_is_sent_for_what_cannot_be_served() {
    let mut script = Script::new(Vec::<Line>::new());
    let mut refuse = |configuration: &Configuration, cursor: Option<&str>| {
        collect(configuration, &Credential::Injected, cursor, &mut script, &NOW).unwrap_err()
    };
    let good = configuration(&[]);
    let mut changed = good.clone();
    changed.settings = changed.settings.replace("gitlab.example", "evil.example");
    assert!(matches!(refuse(&changed, None), Failure::InvalidConfiguration(_)));
    assert!(matches!(refuse(&good, Some("{}")), Failure::InvalidCursor(_)));
    let other = Place::new("https://other#instance".to_owned(), Stage::Users).to_text().unwrap();
    assert!(matches!(refuse(&good, Some(&other)), Failure::InvalidCursor(_)));
    let ended = Place::new("https://gitlab.example#instance".to_owned(), Stage::End).to_text().unwrap();
    assert!(matches!(refuse(&good, Some(&ended)), Failure::InvalidCursor(_)));
    assert!(script.seen.is_empty());
}

#[test]
fn a_cursor_names_no_person_and_no_secret() {
    let secret = Credential::Value("glpat-secret".to_owned());
    let configuration = without_add_ons();
    let first = collect(&configuration, &secret, None, &mut usual(), &NOW).unwrap();
    let mut script = Script::new([(USERS, keyset(&[1, 2], "aa"))]);
    let second = collect(&configuration, &secret, Some(next(&first)), &mut script, &NOW).unwrap();
    let cursor = next(&second);
    assert!(!cursor.contains("glpat") && !cursor.contains("u2") && !cursor.contains("c.example"), "{cursor}");
}
