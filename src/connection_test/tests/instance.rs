//! The checks of an instance: role, license, list of users.

use super::*;

#[test]
fn all_is_well_in_three_waves() {
    let mut script = GitLab::default().script();
    let report = report(&mut script, "gitlab.example", &[]);
    let ids: Vec<_> = report.checks.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        ["address", "token", "version", "token-scopes", "token-expiry", "role", "license", "seats", "add-ons"]
    );
    assert_eq!(report.outcome, Status::Pass, "{report:?}");
    assert_eq!(script.waves, [4, 1, 1]);
    assert!(script.unused().is_empty());
    assert_eq!(passed(&report, "role"), "@root is an administrator.");
    assert_eq!(passed(&report, "license"), "premium, 200 seats, 214 in use, until 2026-12-31.");
    assert!(passed(&report, "token-expiry").contains("333 days"));
}

#[test]
fn an_old_gitlab_is_asked_for_its_version_elsewhere() {
    let mut gitlab = GitLab {
        metadata: json(404, NO_ROUTE),
        token: json(404, r#"{"message":"404 Not found"}"#),
        ..GitLab::default()
    };
    gitlab.more.push(("/api/v4/version", json(200, r#"{"version":"15.4.6-ee"}"#)));
    let mut script = gitlab.script();
    let report = report(&mut script, "gitlab.example", &[("add_ons", "false")]);
    assert_eq!(script.waves, [4, 1, 1]);
    assert_eq!(report.outcome, Status::Pass, "what an old version cannot tell is no fault: {report:?}");
    assert!(passed(&report, "version").contains("15.4.6-ee"));
}

/// An instance that hides the license from `user`, and sends `rows`.
fn restricted(user: &str, rows: &str, seen: &str) -> GitLab {
    GitLab {
        user: json(200, user),
        license: json(403, FORBIDDEN),
        more: vec![(USERS, json(200, rows)), (CURRENT_LICENSE, json(200, seen)), (PURCHASES, json(200, NO_PURCHASES))],
        ..GitLab::default()
    }
}

const BASIC: &str = r#"[{"id":1,"username":"root","state":"active"}]"#;
const SEEN: &str = r#"{"data":{"license":{"plan":"ultimate","expires_at":null,"user_limit":null,"active_users":7}}}"#;

#[test]
fn a_role_that_does_not_count_is_named() {
    let member = restricted(MEMBER, BASIC, NO_PERMISSION);
    assert_fails(member, "role", "@mira is not an administrator", "Ask an administrator");
    let member = restricted(MEMBER, BASIC, NO_PERMISSION);
    assert_fails(member, "role", "A collection brings a lower bound", "token of an administrator");
    // What GraphQL tells in spite of Admin Mode does not make the seats readable.
    for seen in [NO_PERMISSION, SEEN] {
        let admin_mode = restricted(ADMIN, BASIC, seen);
        assert_fails(admin_mode, "role", "lacks the scope admin_mode", "scopes=read_api,read_user,admin_mode");
    }
    let empty = restricted(MEMBER, "[]", NO_PERMISSION);
    assert_fails(empty, "role", "not an administrator", "Ask an administrator");
}

/// A token that has the scope was told to get it, round and round.
#[test]
fn admin_mode_is_not_named_to_a_token_that_has_its_scope() {
    let token = json(200, r#"{"scopes":["read_api","read_user","admin_mode"],"expires_at":null}"#);
    for rows in [json(403, FORBIDDEN), json(200, BASIC)] {
        let more = vec![(USERS, rows), (CURRENT_LICENSE, json(200, NO_PERMISSION))];
        let (user, license) = (json(200, ADMIN), json(403, FORBIDDEN));
        let gitlab = GitLab { user, license, token: token.clone(), more, ..GitLab::default() };
        assert_fails(gitlab, "role", "refuses the license to this token all the same", "address restrictions");
    }
}

#[test]
fn whoever_sees_all_accounts_is_warned_of_what_is_missing_only() {
    let report = restricted(MEMBER, ROW, NO_PERMISSION).report();
    assert_eq!(report.outcome, Status::Warn, "{report:?}");
    assert_warned(
        &report,
        "role",
        "@mira is no administrator, and may see who holds a seat, as auditors may",
        "token of an administrator",
    );
    assert_warned(&report, "license", "how many seats were bought", "token of an administrator");
    assert!(passed(&report, "seats").contains("whether it holds a seat"));
    let report = restricted(ADMIN, ROW, SEEN).report();
    assert_warned(&report, "role", "@root is an administrator, and may see", "administrator");
    assert_eq!(passed(&report, "license"), "ultimate, any number of seats, 7 in use, without an end.");
}

#[test]
fn licenses_are_judged() {
    let with_license = |license: Response| GitLab { license, ..GitLab::default() };
    assert_fails(with_license(json(500, "{}")), "license", "500", "later");
    assert_fails(with_license(json(200, "{}")), "license", "another service", "address");
    let expired = json(200, &LICENSE.replace("\"expired\":false", "\"expired\":true"));
    let report = with_license(expired).report();
    assert_warned(&report, "license", "has expired: premium, 200 seats, 214 in use, until 2026-12-31.", "Renew");
    assert!(passed(&report, "seats").contains("seat"), "a warning does not stop the rest");
    for (license, detail) in [
        (
            LICENSE.replace("\"user_limit\":200", "\"user_limit\":0").replace("\"2026-12-31\"", "null"),
            "premium, any number of seats, 214 in use, without an end.",
        ),
        (r#"{"expired":false}"#.to_owned(), "a plan without a name, an unknown number of seats, for an unknown time."),
        (r#"{"plan":"a\nb","user_limit":1,"expires_at":"2026-02-01"}"#.to_owned(), "a b, 1 seats, until 2026-02-01."),
    ] {
        assert_eq!(passed(&with_license(json(200, &license)).report(), "license"), detail);
    }
}

/// Once failures: accounts and their activity are collected, and there are no seats to be missed.
#[test]
fn an_instance_without_seats_is_a_warning() {
    let report = GitLab { license: json(200, "null"), ..GitLab::default() }.report();
    assert_eq!(report.outcome, Status::Warn);
    assert_warned(&report, "license", "No license is installed", "Subscription");
    assert_eq!(passed(&report, "seats"), "The list of users can be read; there are no seats in it.");
    assert!(report.checks.iter().all(|check| check.id != "add-ons"), "nothing is sold: {report:?}");

    let community = |user: &str, rows: &str| {
        let more = vec![(USERS, json(200, rows))];
        let metadata = json(200, r#"{"version":"18.9.1","enterprise":false}"#);
        GitLab { metadata, user: json(200, user), license: json(404, NO_ROUTE), more, ..GitLab::default() }.report()
    };
    let report = community(ADMIN, r#"[{"id":1,"username":"root","is_admin":true}]"#);
    assert_eq!(passed(&report, "role"), "@root is an administrator.");
    assert_warned(&report, "license", "Community Edition", "Enterprise");
    assert!(passed(&report, "seats").contains("there are no seats"));
    let report = community(MEMBER, BASIC);
    assert_warned(&report, "role", "blocked accounts and addresses will be missing", "administrator");
    let report = community(MEMBER, ROW);
    assert_eq!(passed(&report, "role"), "@mira may read all accounts.");
}

/// An Enterprise Edition has the endpoint of the license, so that something else says that it is not there.
#[test]
fn an_enterprise_edition_without_the_endpoint_of_the_license_is_a_failure() {
    let no_route = GitLab { license: json(404, NO_ROUTE), ..GitLab::default() };
    assert_fails(no_route, "license", "no such endpoint", "Enterprise");
}

#[test]
fn a_list_without_seat_flags_is_a_failure_in_spite_of_200() {
    let with_rows = |rows: Response| GitLab { more: vec![(USERS, rows)], ..GitLab::default() };
    assert_fails(with_rows(json(200, BASIC)), "seats", "without administrators' fields", "admin_mode");
    let flag_alone = r#"[{"id":1,"username":"root","using_license_seat":true}]"#;
    assert_fails(with_rows(json(200, flag_alone)), "seats", "without administrators' fields", "admin_mode");
    let community = r#"[{"id":1,"username":"root","is_admin":true}]"#;
    assert_fails(with_rows(json(200, community)), "seats", "a word on who holds a seat", "Enterprise");
    assert_fails(with_rows(json(200, "[]")), "seats", "empty", "administrator");
    assert_fails(with_rows(json(403, FORBIDDEN)), "seats", "403", "administrator");
    assert_fails(with_rows(json(500, "{}")), "seats", "500", "later");
}
