//! Add-on seats through GraphQL, of an instance and of a group.

use super::*;
use crate::record::PoolKind;

/// An instance of this version, read by an administrator, with two seats in use, up to its last user.
fn instance(version: &str) -> Vec<Line> {
    let license = LICENSE.replace("\"active_users\":3", "\"active_users\":2");
    let mut lines = opening(json(200, &METADATA.replace("18.9.1", version)), json(200, ADMIN), json(200, &license));
    lines.push(line(USERS, page(&[1, 4])));
    lines
}

fn bought(list: &str) -> Line {
    line("/api/graphql addOnPurchases", json(200, &format!(r#"{{"data":{{"purchases":{list}}}}}"#)))
}

fn purchase(number: u64, name: &str, bought: u64, assigned: u64) -> String {
    format!(
        r#"{{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/{number}","name":"{name}","bought":{bought},"assigned":{assigned}}}"#
    )
}

/// The list of holders of a purchase.
fn holders(number: u64, answer: Response) -> Line {
    line(format!("/api/graphql AddOnPurchase/{number}\""), answer)
}

/// The add-ons are refused together with the version, and alone.
fn refused_twice(answer: &Response) -> [Line; 2] {
    ["metadata", "$ns"].map(|words| line(format!("/api/graphql {words}"), answer.clone()))
}

fn wanted() -> Configuration {
    configuration(&[])
}

fn pro(assigned: u64) -> Line {
    bought(&format!("[{}]", purchase(5, "CODE_SUGGESTIONS", 10, assigned)))
}

#[test]
fn the_add_ons_of_an_instance_are_pools_and_their_holders_assignments() {
    let mut lines = instance("18.9.1");
    lines.push(bought(&format!(
        "[{},{},{},{}]",
        purchase(5, "CODE_SUGGESTIONS", 10, 2),
        purchase(6, "DUO_ENTERPRISE", 1, 2),
        purchase(7, "DUO_CORE", 300, 0),
        purchase(8, "MIND_READER", 3, 0)
    )));
    // Somebody who is blocked, and so no user of the base seat, holds one all the same.
    let blocked = r#"{"id":"gid://gitlab/User/77","username":"u77","state":"blocked","bot":false,"last_activity_on":null,"last_login_at":null,"last_duo_activity_on":"2026-01-09","held":{"nodes":[{"addOnPurchase":{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5"}}]}}"#;
    let of_pro = connection(
        &[r#"{"id":"gid://gitlab/User/4","username":"u4","last_duo_activity_on":null}"#.to_owned(), blocked.to_owned()],
        None,
    );
    lines.push(holders(5, of_instance(&of_pro)));
    lines.push(holders(6, of_instance(&people(&[4, 9], None))));
    let run = Run::to_the_end(&wanted(), lines);
    // The accounts come with the answer about add-ons.
    assert_eq!(run.stages(), [Stage::Holders, Stage::Holders]);
    assert_eq!(run.batches[0].progress.stage, "accounts");
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    assert_eq!(run.source().capabilities.add_ons, Capability::Yes);
    let pools = run.pools();
    assert_eq!(
        run.pool_ids(),
        [
            "instance:premium",
            "instance:add-on:CODE_SUGGESTIONS",
            "instance:add-on:DUO_ENTERPRISE",
            "instance:add-on:DUO_CORE",
            "instance:add-on:MIND_READER"
        ]
    );
    assert_eq!((pools[2].entitled, pools[2].allocated, pools[2].overage_now), (Some(1), Some(2), Some(1)));
    assert_eq!(
        (pools[4].kind, pools[4].scope_name.as_str(), pools[4].entitled),
        (PoolKind::AddOn, "gitlab.example", Some(3))
    );
    assert_eq!(
        run.verdicts()[2..],
        [
            ("instance:add-on:CODE_SUGGESTIONS", "4", Some(true)),
            ("instance:add-on:CODE_SUGGESTIONS", "77", Some(true)),
            ("instance:add-on:DUO_ENTERPRISE", "4", Some(true)),
            ("instance:add-on:DUO_ENTERPRISE", "9", Some(true)),
        ]
    );
    assert_eq!(run.assignments()[3].last_activity_on.as_deref(), Some("2026-01-09"));
    assert_eq!(run.users()[3].account_state_raw, "blocked");
}

#[test]
fn an_empty_list_means_none_to_those_who_may_know() {
    let mut lines = instance("18.9.1");
    lines.push(bought("[]"));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    assert_eq!((run.source().capabilities.add_ons, run.pools().len()), (Capability::Yes, 1));
}

#[test]
fn an_empty_list_means_nothing_to_anybody_else() {
    let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
    lines.push(line("/api/graphql currentLicense", hidden("license")));
    lines.push(bought("[]"));
    lines.push(line(USERS, page(&[1, 4])));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!(run.codes(), ["accounts-not-all", "totals-not-read", "add-ons-not-read"]);
    assert!(run.warning("add-ons-not-read").message.contains("administrators and owners only"));
    assert_eq!(run.source().capabilities.add_ons, Capability::Unknown);
}

/// A list that is not empty is one, whatever the role.
#[test]
fn a_list_with_something_in_it_is_taken_from_anybody() {
    let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
    lines.push(line("/api/graphql currentLicense", hidden("license")));
    lines.push(pro(1));
    lines.push(line(USERS, page(&[1, 4])));
    lines.push(holders(5, of_instance(&people(&[4], None))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!(run.codes(), ["accounts-not-all", "totals-not-read"]);
    assert_eq!(run.source().capabilities.add_ons, Capability::Yes);
    assert_eq!(run.verdicts().last(), Some(&("instance:add-on:CODE_SUGGESTIONS", "4", Some(true))));
}

#[test]
fn add_ons_that_are_refused_leave_the_seats_readable() {
    for (answer, complete) in [
        (hidden("purchases"), false),
        (json(401, r#"{"errors":[{"message":"Invalid token"}]}"#), false),
        (
            json(200, r#"{"errors":[{"message":"Query has complexity of 999, which exceeds max complexity of 250"}]}"#),
            false,
        ),
        (
            json(
                200,
                r#"{"errors":[{"message":"Access denied: This operation doesn't support fine-grained personal access tokens."}]}"#,
            ),
            false,
        ),
        // A version that must have them does not tell: something is missing, whatever it is.
        (undefined("purchasedQuantities"), false),
        (json(404, NO_ROUTE), false),
        (response(404, "text/html", "<html>Not here</html>"), false),
    ] {
        let mut lines = instance("18.9.1");
        lines.extend(refused_twice(&answer));
        let run = Run::to_the_end(&wanted(), lines);
        let shown = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((run.codes(), run.is_complete()), (vec!["add-ons-not-read"], complete), "{shown}");
        assert_eq!((run.source().capabilities.add_ons, run.ids()), (Capability::Unknown, vec!["1", "4"]), "{shown}");
    }
}

/// Version, edition and add-ons come with one answer, license and the first accounts beside it.
#[test]
fn a_small_instance_is_read_at_once() {
    let with_version = |version: &str| {
        let told = format!(r#"{{"data":{{"metadata":{version},"purchases":[{}]}}}}"#, purchase(5, "DUO_CORE", 9, 0));
        line("/api/graphql metadata", json(200, &told))
    };
    let mut lines = instance("18.9.1");
    lines.remove(0);
    lines.push(with_version(r#"{"version":"18.9.1-ee","enterprise":true}"#));
    let run = Run::to_the_end(&wanted(), lines.clone());
    assert_eq!((run.codes(), run.is_complete(), run.ids()), (vec![], true, vec!["1", "4"]));
    assert_eq!((run.script.waves.as_slice(), run.pools().len()), ([3].as_slice(), 2));
    assert_eq!((run.source().product_version.as_deref(), run.source().edition), (Some("18.9.1-ee"), Some("EE")));
    assert_eq!(run.source().capabilities.add_ons, Capability::Yes);

    // Where GraphQL does not tell the version, REST does.
    for hidden in ["null", r#"{"version":null,"enterprise":true}"#] {
        *lines.last_mut().unwrap() = with_version(hidden);
        lines.push(line("/api/v4/metadata", json(200, METADATA)));
        let run = Run::to_the_end(&wanted(), lines.clone());
        assert_eq!((run.codes(), run.script.waves.as_slice()), (vec![], [3, 1].as_slice()), "{hidden}");
        assert_eq!(run.source().product_version.as_deref(), Some("18.9.1-ee"));
        lines.pop();
    }
    // Whatever is wrong with the version is nothing that is wrong with the add-ons, and costs no wait.
    let limited = and_header(response(429, "text/plain", "Retry later"), "retry-after", "1");
    for wrong in [
        hidden("metadata"),
        json(200, r#"{"data":{"metadata":{"version":false},"purchases":[]}}"#),
        json(200, r#"{"data":null,"errors":[{"message":"Internal server error"}]}"#),
        json(503, "{}"),
        limited,
    ] {
        *lines.last_mut().unwrap() = line("/api/graphql metadata", wrong.clone());
        lines.push(line("/api/v4/metadata", json(200, METADATA)));
        lines.push(line("/api/graphql $ns", json(200, r#"{"data":{"purchases":[]}}"#)));
        let run = Run::to_the_end(&wanted(), lines.clone());
        assert_eq!((run.codes(), run.is_complete()), (vec![], true), "{wrong:?}");
        assert_eq!((run.script.waves.as_slice(), run.script.pauses.len()), ([3, 1, 1].as_slice(), 0), "{wrong:?}");
        lines.truncate(lines.len() - 2);
    }
}

/// What is asked for in the hope that it is wanted says nothing where it is not, and nobody waits for it.
#[test]
fn what_goes_wrong_beside_the_license_is_nothing_to_who_does_not_need_it() {
    let limited = and_header(response(429, "text/plain", "Retry later"), "retry-after", "1");
    for wrong in [json(503, "{}"), json(401, r#"{"errors":[{"message":"Invalid token"}]}"#), limited] {
        let unlicensed = row(4).replace("\"using_license_seat\":true", "\"using_license_seat\":false");
        let mut lines = opening(json(200, METADATA), json(200, ADMIN), json(200, "null"));
        lines.push(line("/api/graphql metadata", wrong.clone()));
        // The first page, too, is asked for again by the call that begins with it.
        lines.extend([line(USERS, wrong.clone()), line(USERS, list([unlicensed]))]);
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.ids(), run.is_complete()), (vec!["no-license"], vec!["4"], true), "{wrong:?}");
        // Only the next call keeps to what a server has said of its pace.
        let pauses = usize::from(wrong.status == 429);
        assert_eq!((run.script.waves.as_slice(), run.script.pauses.len()), ([3, 1, 1].as_slice(), pauses), "{wrong:?}");
    }
}

/// It ended the whole run for good once, although every seat could be read.
#[test]
fn add_ons_that_fail_leave_the_seats_readable() {
    for answer in [
        json(
            503,
            r#"{"errors":[{"message":"Request timed out. Please try a less complex query or a smaller set of records."}]}"#,
        ),
        json(500, "{}"),
        json(200, "[]"),
        response(200, "text/html", "<html>Sign in</html>"),
        response(403, "text/html", "<html>"),
    ] {
        let mut lines = instance("18.9.1");
        lines.extend(refused_twice(&answer));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete()), (vec!["add-ons-not-read"], false), "{answer:?}");
        assert_eq!(run.ids(), ["1", "4"], "{answer:?}");

        let mut lines = instance("18.9.1");
        lines.push(pro(1));
        lines.push(holders(5, answer.clone()));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete()), (vec!["add-on-seats-not-read"], false), "{answer:?}");
    }
}

/// A gateway that fails, and a limit, are over in a while: the host comes back with the same cursor.
#[test]
fn what_passes_with_add_ons_is_a_failure() {
    for answer in [response(502, "text/html", "<html>"), json(429, "{}")] {
        let mut lines = instance("18.9.1");
        lines.push(line("/api/graphql addOnPurchases", answer));
        let run = Run::until_it_stops(&wanted(), Script::new(lines));
        let failure = run.failure.unwrap();
        assert_eq!(failure.explanation().endpoint.as_deref(), Some("POST /api/graphql"), "{failure:?}");
    }
}

#[test]
fn nothing_is_asked_of_versions_without_add_ons_or_where_they_are_not_wanted() {
    let run = Run::to_the_end(&wanted(), instance("16.6.9"));
    assert_eq!((run.codes(), run.is_complete()), (vec!["add-ons-not-read"], true));
    assert_eq!(run.source().capabilities.add_ons, Capability::No);
    let run = Run::to_the_end(&without_add_ons(), instance("18.9.1"));
    assert_eq!((run.codes(), run.source().capabilities.add_ons), (vec![], Capability::No));
    assert_eq!(run.script.queries(), Vec::<String>::new());
}

#[test]
fn holders_that_are_refused_leave_the_other_add_ons_readable() {
    for answer in [hidden("list"), undefined("selfManagedAddOnEligibleUsers"), json(200, r#"{"data":{"list":null}}"#)] {
        let mut lines = instance("18.9.1");
        lines.push(bought(&format!(
            "[{},{}]",
            purchase(5, "CODE_SUGGESTIONS", 10, 2),
            purchase(6, "DUO_ENTERPRISE", 1, 1)
        )));
        lines.push(holders(5, answer));
        lines.push(holders(6, of_instance(&people(&[4], None))));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete()), (vec!["add-on-seats-not-read"], false));
        let warning = run.warning("add-on-seats-not-read");
        assert!(warning.message.contains("CODE_SUGGESTIONS"), "{warning:?}");
        assert_eq!(warning.scope.as_deref(), Some("instance:add-on:CODE_SUGGESTIONS"));
        assert_eq!(run.verdicts().last(), Some(&("instance:add-on:DUO_ENTERPRISE", "4", Some(true))));
        assert_eq!(run.pools()[1].allocated, Some(2), "how many are given is known");
    }
}

/// Asked for beside the add-ons, accounts are as good as not asked for where anything is wrong with them.
#[test]
fn a_first_page_with_something_wrong_is_asked_for_again() {
    let rows = |ids: &[u64]| list(ids.iter().map(|id| row(*id)));
    for wrong in [json(403, FORBIDDEN), json(200, "{}"), rows(&[4, 1]), rows(&[])] {
        let mut lines = instance("18.9.1");
        lines.insert(0, line(USERS, wrong));
        lines.push(bought("[]"));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete(), run.ids()), (vec![], true, vec!["1", "4"]));
        assert_eq!((run.stages(), run.batches[0].progress.stage), (vec![Stage::Users], "license"));
        assert_eq!(run.batches[0].entries.len(), 2, "the source and the license");
    }
}

/// A list that comes with an error beside it may lack rows, and is none.
#[test]
fn a_list_with_an_error_beside_it_is_not_believed() {
    let body = format!(
        r#"{{"data":{{"list":{}}},"errors":[{{"message":"The resource that you are attempting to access does not exist or you don't have permission to perform this action","path":["list","nodes",0]}}]}}"#,
        people(&[4], None)
    );
    let mut lines = instance("18.9.1");
    lines.push(pro(1));
    lines.push(holders(5, json(200, &body)));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["add-on-seats-not-read"], false));
}

#[test]
fn a_field_that_is_unknown_is_left_out_once_and_for_the_whole_run() {
    let mut lines = instance("18.9.1");
    lines.push(bought(&format!(
        "[{},{}]",
        purchase(5, "CODE_SUGGESTIONS", 10, 2),
        purchase(6, "DUO_ENTERPRISE", 1, 1)
    )));
    lines.push(holders(5, undefined("lastDuoActivityOn")));
    lines.push(holders(5, of_instance(&people(&[4], Some("p2")))));
    lines.push(holders(5, of_instance(&people(&[9], None))));
    lines.push(holders(6, of_instance(&people(&[4], None))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["fields-not-known"], true));
    let asked: Vec<bool> = run.script.queries()[1..].iter().map(|body| body.contains("lastDuoActivityOn")).collect();
    assert_eq!(asked, [true, false, false, false]);
    assert_eq!(run.places.iter().map(|place| place.unknown_of_holders).collect::<Vec<_>>(), [0, 1, 1]);
    let after: Vec<bool> = run.script.queries()[1..].iter().map(|body| body.contains(r#""after":"p2""#)).collect();
    assert_eq!(after, [false, false, true, false]);
}

/// What the type of holders lacks was left out of other lists, too, which have it.
#[test]
fn what_holders_lack_other_people_may_have() {
    let mut lines = opening(json(200, METADATA), json(200, MEMBER), json(403, FORBIDDEN));
    lines.push(line(ONE_ROW, list([r#"{"id":1,"username":"root","name":"R","state":"active"}"#.to_owned()])));
    lines.push(line("/api/graphql currentLicense", hidden("license")));
    lines.push(pro(1));
    lines.push(line("/api/graphql users(first", of_instance(&people(&[4], None))));
    lines.push(holders(5, undefined("lastActivityOn")));
    lines.push(holders(5, of_instance(&people(&[4], None))));
    lines.push(line(group_list(10, 1, 50), last(groups_of([]))));
    let run = Run::to_the_end(&wanted(), lines);
    assert!(
        run.warning("fields-not-known").message.contains("lastActivityOn of holders of add-ons"),
        "{:?}",
        run.warnings()
    );
    let place = run.places.last().unwrap();
    assert_eq!((place.unknown_fields, place.unknown_of_holders), (0, 4));
}

/// GraphQL leaves rows out of a page that the caller may not see; the list goes on all the same.
#[test]
fn a_short_page_is_not_the_last() {
    let mut lines = instance("18.9.1");
    lines.push(pro(3));
    lines.push(holders(5, of_instance(&connection(&["null".to_owned()], Some("p2")))));
    lines.push(holders(5, of_instance(&connection(&[], Some("p3")))));
    lines.push(holders(5, of_instance(&people(&[4, 6], Some("p4")))));
    lines.push(holders(5, of_instance(&people(&[9], None))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.ids(), run.is_complete(), run.codes()), (vec!["1", "4", "4", "6", "9"], true, vec![]));
}

#[test]
fn a_list_of_holders_that_loops_is_partial() {
    for pages in [
        vec![people(&[4], Some("p2")), people(&[6], Some("p2"))],
        vec![people(&[4, 6], Some("p2")), people(&[4, 6], Some("p3"))],
        vec![people(&[4], None).replace("\"hasNextPage\":false", "\"hasNextPage\":true")],
    ] {
        let mut lines = instance("18.9.1");
        lines.push(pro(3));
        lines.extend(pages.iter().map(|page| holders(5, of_instance(page))));
        let run = Run::to_the_end(&wanted(), lines);
        assert!(!run.is_complete());
        let warning = run.warning("list-does-not-advance");
        let place = format!("POST /api/graphql, page {}", pages.len());
        assert!(warning.scope.as_deref().unwrap().starts_with(&place), "{warning:?}");
        assert!(!run.codes().contains(&"allocated-differs"), "{:?}", run.codes());
    }
}

/// Fewer than GitLab counts is not all; more is a matter of when each was counted.
#[test]
fn the_number_of_holders_is_compared_with_the_list() {
    for (assigned, expected) in [(2, None), (1, Some("allocated-differs")), (3, Some("add-on-seats-not-all"))] {
        let mut lines = instance("18.9.1");
        lines.push(pro(assigned));
        lines.push(holders(5, of_instance(&people(&[4, 9], None))));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete()), (expected.into_iter().collect(), assigned < 3), "{assigned}");
        if let Some(code) = expected {
            let message = &run.warning(code).message;
            assert!(message.contains(&format!("counts {assigned} seats of CODE_SUGGESTIONS")), "{message}");
            assert!(message.contains('2') && !message.contains("this version"), "{message}");
        }
    }
}

#[test]
fn hidden_holders_are_missed_where_gitlab_gives_no_number() {
    let mut lines = instance("18.9.1");
    lines.push(bought(r#"[{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"CODE_SUGGESTIONS"}]"#));
    lines.push(holders(5, of_instance(&connection(&["null".to_owned()], None))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["add-on-seats-not-all"], false));
}

/// Without the filter, somebody of whom it is not told holds nothing.
#[test]
fn an_older_version_that_does_not_say_who_holds_a_seat_gives_none() {
    let mut lines = instance("17.4.2");
    let body = format!(r#"{{"data":{{"pro":{}}}}}"#, purchase(5, "CODE_SUGGESTIONS", 10, 1));
    lines.push(line("/api/graphql addOnPurchase(", json(200, &body)));
    lines.push(holders(5, of_instance(&people(&[4], None))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["add-on-seats-not-all"], false));
    assert!(run.verdicts().iter().all(|(pool, _, _)| *pool == "instance:premium"), "{:?}", run.verdicts());
}

#[test]
fn seats_of_an_unknown_add_on_are_mentioned() {
    let mut lines = instance("18.9.1");
    let list = [purchase(7, "DUO_CORE", 300, 9), purchase(8, "MIND_READER", 3, 2), purchase(9, "TAROT", 3, 0)];
    lines.push(bought(&format!("[{}]", list.join(","))));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!(run.codes(), ["add-on-seats-not-read"]);
    let warning = run.warning("add-on-seats-not-read");
    assert!(warning.message.contains("MIND_READER"), "{warning:?}");
    assert_eq!(warning.scope.as_deref(), Some("instance:add-on:MIND_READER"));
    assert_eq!(run.pools().len(), 4);
}

/// Before 17.5 there is no list of purchases, and the list of people has those without a seat, too.
#[test]
fn an_older_version_is_asked_for_each_add_on_and_lists_who_may_have_one() {
    let person = |id: u64, held: bool| {
        let seats =
            if held { r#"{"addOnPurchase":{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5"}}"# } else { "" };
        format!(r#"{{"id":"gid://gitlab/User/{id}","username":"u{id}","held":{{"nodes":[{seats}]}}}}"#)
    };
    let one = |assigned: u64| {
        let body =
            format!(r#"{{"data":{{"pro":{},"enterprise":null}}}}"#, purchase(5, "CODE_SUGGESTIONS", 10, assigned));
        line("/api/graphql addOnPurchase(", json(200, &body))
    };
    let people = || of_instance(&connection(&[person(1, false), person(4, true), person(9, false)], None));
    for (assigned, expected, complete) in [
        (1, vec![], true),
        // Those who were blocked keep their seats and are not in this list.
        (2, vec!["add-on-seats-not-all"], false),
        (0, vec!["allocated-differs"], true),
    ] {
        let mut lines = instance("17.4.2");
        lines.push(one(assigned));
        lines.push(holders(5, people()));
        let run = Run::to_the_end(&wanted(), lines);
        assert_eq!((run.codes(), run.is_complete()), (expected, complete), "{assigned}");
        assert_eq!(run.ids(), ["1", "4", "4"], "who may have a seat does not hold one");
        assert_eq!(run.verdicts()[2..], [("instance:add-on:CODE_SUGGESTIONS", "4", Some(true))]);
        assert!(!run.script.queries()[1].contains("filterByAssignedSeat"));
    }
}

/// The number was the only sign of those who were blocked. Without it the list was called whole once.
#[test]
fn an_older_version_that_does_not_tell_how_many_seats_are_given_is_not_believed() {
    let mut lines = instance("17.4.2");
    lines.push(line("/api/graphql addOnPurchase(", undefined("assignedQuantity")));
    let body =
        r#"{"data":{"pro":{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"CODE_SUGGESTIONS"}}}"#;
    lines.push(line("/api/graphql addOnPurchase(", json(200, body)));
    let holder = people(&[4], None).replace(r#""bot":false"#, r#""bot":false,"held":{"nodes":[{}]}"#);
    lines.push(holders(5, of_instance(&holder)));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["fields-not-known", "add-on-seats-not-all"], false));
    assert!(run.warning("add-on-seats-not-all").message.contains("the 1 listed"));
}

#[test]
fn an_older_version_tells_of_both_add_ons_with_seats() {
    let body = format!(
        r#"{{"data":{{"pro":{},"enterprise":{}}}}}"#,
        purchase(5, "CODE_SUGGESTIONS", 10, 0),
        purchase(6, "DUO_ENTERPRISE", 3, 1)
    );
    let mut lines = instance("17.4.2");
    lines.push(line("/api/graphql addOnPurchase(", json(200, &body)));
    lines.push(holders(5, of_instance(&connection(&[], None))));
    let holder = people(&[4], None).replace(r#""bot":false"#, r#""bot":false,"held":{"nodes":[{}]}"#);
    lines.push(holders(6, of_instance(&holder)));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    assert_eq!(run.pool_ids()[1..], ["instance:add-on:CODE_SUGGESTIONS", "instance:add-on:DUO_ENTERPRISE"]);
    assert_eq!(run.verdicts()[2..], [("instance:add-on:DUO_ENTERPRISE", "4", Some(true))]);
}

#[test]
fn a_token_that_ends_while_holders_are_read_keeps_what_was_read() {
    let mut lines = instance("18.9.1");
    lines.push(pro(2));
    lines.push(holders(5, of_instance(&people(&[4], Some("p2")))));
    lines.push(holders(5, json(401, r#"{"errors":[{"message":"Invalid token"}]}"#)));
    let run = Run::to_the_end(&wanted(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["right-ended"], false));
    assert!(run.warning("right-ended").scope.as_deref().unwrap().starts_with("POST /api/graphql, page 2"));
    assert_eq!(run.ids(), ["1", "4", "4"]);
}

/// What belongs to GitLab.com is the group that is asked for, by its number and by its path.
#[test]
fn the_add_ons_of_a_group_are_its_own() {
    let namespace =
        r#"{"id":9,"kind":"group","full_path":"acme","parent_id":null,"plan":"free","billable_members_count":1}"#;
    let lines = |answer: Response| {
        vec![
            line("/api/v4/metadata", json(200, METADATA)),
            line("/api/v4/namespaces/acme", json(200, namespace)),
            line("/api/v4/namespaces/acme/gitlab_subscription", json(200, NOTHING_TOLD)),
            line("/api/graphql gid://gitlab/Group/9\"", answer),
            line("/api/v4/groups/9/billable_members?per_page=100&page=1", last(list([super::groups::holder(1)]))),
            super::groups::among(9, &[1], list([])),
        ]
    };
    let com = settings_of("gitlab.com", &[("group", "acme")]);
    let mut with_one =
        lines(json(200, &format!(r#"{{"data":{{"purchases":[{}]}}}}"#, purchase(5, "DUO_ENTERPRISE", 2, 1))));
    with_one.push(line("/api/graphql namespace(fullPath", of_group(&people(&[4], None))));
    let run = Run::to_the_end(&com, with_one);
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    assert_eq!(run.verdicts().last(), Some(&("group:9:add-on:DUO_ENTERPRISE", "4", Some(true))));
    assert_eq!(run.pools()[1].scope_name, "acme");
    assert!(run.script.queries()[1].contains(r#""path":"acme""#), "{:?}", run.script.queries());

    let run = Run::to_the_end(&com, lines(json(200, r#"{"data":{"purchases":[]}}"#)));
    assert_eq!(
        (run.codes(), run.pools().len(), run.is_complete()),
        (vec![], 1, true),
        "an Owner knows that there are none"
    );
    let run = Run::to_the_end(&com, lines(hidden("purchases")));
    assert_eq!((run.codes(), run.is_complete()), (vec!["add-ons-not-read"], false));
}

/// To somebody who is no Owner the list is empty, and asked for in vain.
#[test]
fn a_maintainer_is_not_told_that_there_are_no_add_ons() {
    let lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line(group_list(50, 1, 50), last(groups_of([]))),
        line(group_list(40, 1, 50), last(groups_of([9]))),
        line("/api/v4/namespaces/9", json(200, r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null}"#)),
        line("/api/v4/namespaces/9/gitlab_subscription", json(403, FORBIDDEN)),
        line("/api/graphql gid://gitlab/Group/9\"", json(200, r#"{"data":{"purchases":[]}}"#)),
        line(members_path(9, 1), last(list([member(4, 30, Some(true))]))),
        line("/api/graphql groupMembers", of_group(&connection(&[], None))),
    ];
    let run = Run::to_the_end(&settings_of("gitlab.com", &[]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["lower-bound"], false));
    assert_eq!((run.source().capabilities.add_ons, run.pools().len()), (Capability::Unknown, 1));
}
