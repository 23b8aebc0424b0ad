//! The checks of GitLab.com.

use super::*;
use crate::collect::{BE_AN_OWNER, NO_GROUP};

const NAMESPACE: &str = r#"{"id":9,"name":"Acme","kind":"group","full_path":"acme","parent_id":null,"plan":"premium","billable_members_count":48}"#;
const SUBSCRIPTION: &str = r#"{"plan":{"code":"premium","trial":false,"auto_renew":true},"usage":{"seats_in_subscription":50,"seats_in_use":47,"max_seats_used":52,"seats_owed":2},"billing":{"subscription_end_date":"2026-09-01"}}"#;
const HOLDERS: &str = r#"[{"id":4,"username":"u4","membership_type":"group_member"}]"#;

fn listed(role: u16) -> String {
    format!(
        "/api/v4/groups?min_access_level={role}&top_level_only=true&all_available=false&order_by=id&sort=asc&per_page=50&page=1"
    )
}

fn groups(count: u64) -> Response {
    let rows: Vec<String> =
        (9..9 + count).map(|id| format!(r#"{{"id":{id},"full_path":"g{id}","parent_id":null}}"#)).collect();
    json(200, &format!("[{}]", rows.join(",")))
}

type Line = (String, Response);

/// What everybody is asked first.
fn opening(token: Response) -> Vec<Line> {
    vec![
        ("/api/v4/metadata".to_owned(), json(200, METADATA)),
        ("/api/v4/user".to_owned(), json(200, MEMBER)),
        ("/api/v4/personal_access_tokens/self".to_owned(), token),
    ]
}

/// What is asked of the first group.
fn first_group(namespace: Response, subscription: Response, holders: Response) -> Vec<Line> {
    vec![
        ("/api/v4/namespaces/9".to_owned(), namespace),
        ("/api/v4/namespaces/9/gitlab_subscription".to_owned(), subscription),
        ("/api/v4/groups/9/billable_members?per_page=1&page=1".to_owned(), holders),
        (format!("{PURCHASES}(namespaceId"), json(200, NO_PURCHASES)),
    ]
}

fn usual_group() -> Vec<Line> {
    first_group(json(200, NAMESPACE), json(200, SUBSCRIPTION), json(200, HOLDERS))
}

fn com(lines: Vec<Line>) -> Report {
    report(&mut Script::new(lines), "gitlab.com", &[])
}

fn com_group(lines: Vec<Line>) -> Report {
    report(&mut Script::new(lines), "gitlab.com", &[("group", "acme")])
}

/// The usual owner of one group, with another token.
pub(super) fn owner(token: Response) -> Report {
    let mut lines = opening(token);
    lines.push((listed(50), groups(1)));
    lines.extend(usual_group());
    com(lines)
}

fn usual_token() -> Response {
    json(200, TOKEN)
}

/// An owner of so many groups.
fn owner_of(count: u64) -> Report {
    let mut lines = opening(usual_token());
    lines.push((listed(50), groups(count)));
    lines.extend(usual_group());
    com(lines)
}

/// An owner whose first group answers this.
fn with_group(namespace: Response, subscription: Response, holders: Response) -> Report {
    let mut lines = opening(usual_token());
    lines.push((listed(50), groups(1)));
    lines.extend(first_group(namespace, subscription, holders));
    com(lines)
}

#[test]
fn all_is_well_for_an_owner() {
    let mut lines = opening(usual_token());
    lines.push((listed(50), groups(1)));
    lines.extend(usual_group());
    let mut script = Script::new(lines);
    let report = report(&mut script, "gitlab.com", &[]);
    let ids: Vec<_> = report.checks.iter().map(|check| check.id).collect();
    assert_eq!(
        ids,
        ["address", "token", "version", "token-scopes", "token-expiry", "role", "license", "seats", "add-ons"]
    );
    assert_eq!(report.outcome, Status::Pass, "{report:?}");
    assert_eq!(script.waves, [5, 3, 1]);
    assert!(script.unused().is_empty());
    assert_eq!(passed(&report, "role"), "@mira is an Owner of 1 top-level group: g9.");
    assert_eq!(
        passed(&report, "license"),
        "acme: premium, 50 seats, 48 in use, 2 more than bought at the peak of the term, until 2026-09-01."
    );
    assert_eq!(passed(&report, "seats"), "GitLab lists who holds a seat.");
    assert_eq!(passed(&report, "add-ons"), "No add-ons are bought for g9.");
}

#[test]
fn of_many_groups_the_first_are_named() {
    assert_eq!(
        passed(&owner_of(2), "role"),
        "@mira is an Owner of 2 top-level groups: g9, g10. The checks below look at the first; a collection reads all."
    );
    assert_eq!(
        passed(&owner_of(5), "role"),
        "@mira is an Owner of 5 top-level groups: g9, g10, g11, g12, g13. The checks below look at the first; a collection reads all."
    );
    assert_eq!(
        passed(&owner_of(6), "role"),
        "@mira is an Owner of 6 top-level groups: g9, g10, g11, g12, g13 and others. The checks below look at the first; a collection reads all."
    );
    assert!(passed(&owner_of(49), "role").contains("an Owner of 49 top-level"));
    assert!(
        passed(&owner_of(50), "role").contains("an Owner of at least 50 top-level"),
        "one page is all that is asked for"
    );
}

#[test]
fn a_maintainer_fails_and_is_told_what_a_collection_would_bring() {
    let mut lines = opening(usual_token());
    lines.extend([(listed(50), groups(0)), (listed(40), groups(2))]);
    lines.extend(first_group(json(200, NAMESPACE), json(403, FORBIDDEN), json(400, "{}")));
    let report = com(lines);
    assert_failed(&report, "role", "a Maintainer of 2 top-level groups (g9, g10) and Owner of none", "role Owner");
    assert_failed(&report, "role", "A collection brings a lower bound", "token of an Owner");
}

#[test]
fn somebody_without_a_group_fails() {
    let mut lines = opening(usual_token());
    lines.extend([(listed(50), groups(0)), (listed(40), groups(0))]);
    assert_failed(&com(lines), "role", NO_GROUP, BE_AN_OWNER);
}

#[test]
fn a_list_of_groups_that_fails_says_how() {
    let with_list = |answer: Response| {
        let mut lines = opening(usual_token());
        lines.push((listed(50), answer));
        com(lines)
    };
    assert_failed(&with_list(json(500, "{}")), "role", "500", "later");
    assert_failed(&with_list(json(403, SMALL_SCOPE)), "token-scopes", "read_api", "personal_access_tokens");
}

#[test]
fn a_token_that_is_refused_is_named_and_public_groups_are_not() {
    let mut lines = opening(json(401, r#"{"message":"401 Unauthorized"}"#));
    for (path, answer) in &mut lines {
        if path != "/api/v4/personal_access_tokens/self" {
            *answer = json(401, r#"{"message":"401 Unauthorized"}"#);
        }
    }
    lines.push((listed(50), groups(3)));
    let mut script = Script::new(lines);
    let report = report(&mut script, "gitlab.com", &[]);
    assert_failed(&report, "token", "does not know", "personal_access_tokens");
    assert_eq!(script.waves, [5], "public groups are not asked about");
}

/// The group of the settings, as its namespace answers.
fn named(answer: Response, more: Vec<Line>) -> Report {
    let mut lines = opening(usual_token());
    lines.push(("/api/v4/namespaces/acme".to_owned(), answer));
    lines.extend(more);
    com_group(lines)
}

/// With a role that is enough in one group, the others would vanish from the next run without a word.
#[test]
fn groups_that_are_left_out_are_named() {
    let mut lines = opening(usual_token());
    lines.push((listed(50), groups(1)));
    lines.push((listed(40), groups(3)));
    lines.extend(usual_group());
    let report = com(lines);
    assert_warned(&report, "role", "Maintainer and no Owner of g10, g11: these groups are left out", "ask an Owner");
    assert!(passed(&report, "license").starts_with("acme"), "{report:?}");
}

#[test]
fn the_group_of_the_settings_is_judged() {
    let report = named(json(200, NAMESPACE), usual_group());
    assert_eq!((report.outcome, passed(&report, "role").as_str()), (Status::Pass, "@mira is an Owner of acme."));

    let gone = json(404, r#"{"message":"404 Namespace Not Found"}"#);
    assert_failed(&named(gone, vec![]), "role", "knows no group acme, or hides it from @mira", "path of the group");
    assert_failed(&named(json(502, "{}"), vec![]), "role", "502", "later");

    // Nobody but an Owner sees the plan.
    let seen = || json(200, r#"{"id":9,"kind":"group","full_path":"acme","parent_id":null}"#);
    let member = first_group(seen(), json(403, FORBIDDEN), json(400, "{}"));
    let report = named(seen(), member);
    assert_failed(&report, "role", "@mira is no Owner of acme", "role Owner");
    assert_failed(&report, "role", "A collection brings a lower bound", "token of an Owner");

    // A subscription that fails says nothing of the role.
    let trouble = || first_group(json(200, NAMESPACE), json(500, "{}"), json(200, HOLDERS));
    let report = named(json(200, NAMESPACE), trouble());
    assert_eq!(passed(&report, "role"), "@mira is an Owner of acme.");
    assert_warned(&report, "license", "cannot be read", "support");
    let report = named(seen(), first_group(seen(), json(500, "{}"), json(200, HOLDERS)));
    assert_failed(&report, "role", "500", "later");

    for namespace in [
        NAMESPACE.replace("\"parent_id\":null", "\"parent_id\":3"),
        NAMESPACE.replace("\"kind\":\"group\"", "\"kind\":\"user\""),
    ] {
        let report = named(json(200, &namespace), usual_group());
        assert_failed(&report, "role", "acme is no top-level group", "group that pays");
    }
}

#[test]
fn subscriptions_are_judged() {
    let told = |namespace: &str, subscription: &str| {
        passed(&with_group(json(200, namespace), json(200, subscription), json(200, HOLDERS)), "license")
    };
    let under = SUBSCRIPTION.replace("\"seats_owed\":2", "\"seats_owed\":0");
    assert_eq!(told(NAMESPACE, &under), "acme: premium, 50 seats, 48 in use, until 2026-09-01.");
    let free = NAMESPACE.replace("premium", "free");
    assert_eq!(
        told(&free, r#"{"plan":{"code":"free"},"usage":{},"billing":{}}"#),
        "acme: free, no seats to be bought, 48 in use, without an end."
    );
    let bare = r#"{"id":9,"name":"Acme","kind":"group"}"#;
    assert_eq!(
        told(bare, r#"{"plan":{},"usage":{},"billing":{}}"#),
        "Acme: a plan without a name, an unknown number of seats, without an end."
    );

    let refused = with_group(json(200, NAMESPACE), json(404, NO_ROUTE), json(200, HOLDERS));
    assert_warned(&refused, "license", "How many seats were bought for acme cannot be read", "support");
    assert!(passed(&refused, "seats").contains("lists"), "a warning does not stop the rest");
    let gone = json(404, r#"{"message":"404 Namespace Not Found"}"#);
    assert_failed(&with_group(gone, json(200, SUBSCRIPTION), json(200, HOLDERS)), "license", "did not find", "Owner");
}

#[test]
fn lists_of_seats_are_judged() {
    let with_list = |holders: Response| with_group(json(200, NAMESPACE), json(200, SUBSCRIPTION), holders);
    assert_warned(&with_list(json(200, "[]")), "seats", "empty", "Usage quotas");
    let refused = json(400, r#"{"message":"400 Bad request"}"#);
    assert_failed(&with_list(refused), "seats", "does not let the token's user list who holds a seat", "Owner");
    assert_failed(&with_list(json(500, "{}")), "seats", "500", "later");
    assert_failed(&with_list(json(404, r#"{"message":"404 Group Not Found"}"#)), "seats", "hides it", "Owner");
}

/// Where the subscription is refused, an empty list of add-ons says nothing.
#[test]
fn add_ons_are_believed_to_be_none_by_an_owner_only() {
    let refused = with_group(json(200, NAMESPACE), json(403, FORBIDDEN), json(200, HOLDERS));
    assert_warned(&refused, "add-ons", "administrators and Owners only", "Enter the token of an Owner of the group");
}
