//! Data that nobody expects: every answer is JSON, every oddity occurs, and the truth tells the same.
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

use std::collections::{BTreeMap, BTreeSet};

use fake_gitlab::{FakeGitlab, GroupFacts, Scenario, Tokens};
use serde_json::{Value, json};
use support::query::Asker;
use support::{Caller, WALK, on_a_fixed_day, started};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The rows of the administrator's walk.
async fn accounts(gitlab: &FakeGitlab) -> Vec<Value> {
    let pages = Caller::of(gitlab).keyset(WALK, Tokens::ADMINISTRATOR).await;
    pages.iter().flat_map(|page| page.json().as_array().unwrap().clone()).collect()
}

/// A leap second is the last millisecond before it, which is what the truth says of it.
fn moment(value: &Value) -> Option<OffsetDateTime> {
    let text = value.as_str()?.replace("23:59:60.000Z", "23:59:59.999Z");
    Some(OffsetDateTime::parse(&text, &Rfc3339).unwrap())
}

fn truth_of(gitlab: &FakeGitlab) -> BTreeMap<u64, Value> {
    let truth = gitlab.truth().to_json();
    truth["users"].as_array().unwrap().iter().map(|user| (user["id"].as_u64().unwrap(), user.clone())).collect()
}

fn assert_unknown_keys(row: &Value) {
    assert!(row["zz_galaxy"]["nested"][0][0][0].is_object(), "{row}");
    assert_eq!(row["0_numbers"].as_array().unwrap().len(), 5, "{row}");
}

#[tokio::test]
async fn a_walk_tells_the_truth_however_it_is_written() {
    let gitlab = started(Scenario::Hostile, 250).await;
    let rows = accounts(&gitlab).await;
    let truth = truth_of(&gitlab);
    assert_eq!(rows.len(), truth.len());
    for row in &rows {
        let facts = &truth[&row["id"].as_u64().unwrap()];
        for key in
            ["username", "name", "email", "public_email", "state", "bot", "last_activity_on", "using_license_seat"]
        {
            assert_eq!(row[key], facts[key], "{key} of {facts}");
        }
        for key in ["created_at", "current_sign_in_at", "last_sign_in_at"] {
            assert_eq!(moment(&row[key]), moment(&facts[key]), "{key} of {facts}");
        }
        match facts["identities"].as_array() {
            None => assert_eq!(row["identities"], Value::Null),
            Some(identities) => {
                let found = row["identities"].as_array().unwrap();
                assert_eq!(found.len(), identities.len());
                for (found, expected) in found.iter().zip(identities) {
                    assert_eq!(
                        (&found["provider"], &found["extern_uid"]),
                        (&expected["provider"], &expected["extern_uid"])
                    );
                    assert_unknown_keys(found);
                }
            }
        }
        for key in facts["null_keys"].as_array().unwrap() {
            assert_eq!(row[key.as_str().unwrap()], Value::Null, "{key} of {facts}");
        }
        assert_unknown_keys(row);
    }
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, other| one < other));
}

#[tokio::test]
async fn every_oddity_occurs_in_the_smallest_instance_too() {
    for users in [60, 250] {
        let gitlab = fake_gitlab::start(on_a_fixed_day(Scenario::Hostile, users)).await.unwrap();
        let rows = accounts(&gitlab).await;
        let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
        let any = |about: &str, test: &dyn Fn(&Value) -> bool| assert!(rows.iter().any(test), "{about}, {users} users");
        let name = |about: &str, test: &dyn Fn(&str) -> bool| {
            any(about, &|row| text(row, "name").is_some_and(|name| test(&name)))
        };
        name("long", &|name| name.len() > 10_000);
        name("right to left", &|name| name.contains('\u{202e}') && name.contains('\u{5d0}'));
        name("controls", &|name| ["\0", "\u{1b}[", "\r\n", "\u{85}", "\u{9b}"].iter().all(|part| name.contains(part)));
        name("astral", &|name| name.contains('\u{10ffff}') && name.contains("e\u{301}"));
        name("empty", &str::is_empty);
        name("white", &|name| !name.is_empty() && name.chars().all(|c| c.is_whitespace() || c == '\u{feff}'));
        name("formula", &|name| name.starts_with('='));
        name("markup", &|name| name.contains("onerror="));
        for key in [
            "name",
            "email",
            "public_email",
            "avatar_url",
            "identities",
            "state",
            "last_activity_on",
            "current_sign_in_at",
            "theme_id",
        ] {
            any(key, &|row| row[key].is_null());
        }
        any("empty address", &|row| row["email"] == "");
        any("unknown state", &|row| row["state"] == "quarantined");
        any("many identities", &|row| row["identities"].as_array().is_some_and(|all| all.len() == 300));
        let twins = rows.iter().filter(|row| row["email"] == "twins@example.test").count();
        assert!(twins >= 2, "{twins}");
        let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert!(ids.iter().any(|id| (9_007_199_254_740_992..9_300_000_000_000_000).contains(id)));
        assert!(*ids.last().unwrap() > 9_223_372_036_854_775_800);
        for ending in ["+02:00", "-11:30", "000000Z"] {
            any(ending, &|row| text(row, "created_at").unwrap().ends_with(ending));
        }
        any("no fraction", &|row| !text(row, "created_at").unwrap().contains('.'));
        any("leap second", &|row| row["current_sign_in_at"] == "2016-12-31T23:59:60.000Z");
        // Keyset pages go on beyond 2⁵³, one account at a time.
        let caller = Caller::of(&gitlab);
        let page = caller.admin(&format!("/api/v4/users?{}", WALK.replace("per_page=100", "per_page=1"))).await;
        assert_eq!(page.ids(), [1]);
        for id in &ids[ids.len() - 8..] {
            let one = caller.admin(&format!("/api/v4/users/{id}")).await;
            assert_eq!(one.json()["id"], *id);
        }
    }
}

#[tokio::test]
async fn numbers_are_written_with_all_their_digits() {
    let gitlab = started(Scenario::Hostile, 60).await;
    let caller = Caller::of(&gitlab);
    for path in [
        "metadata",
        "version",
        "user",
        "personal_access_tokens/self",
        "license",
        "users",
        "users?pagination=keyset",
        "groups",
        "groups/21/members/all",
        "namespaces/21",
    ] {
        let answer = caller.admin(&format!("/api/v4/{path}")).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(":[123456789012345678901234567890,"), "{path}: {}", answer.text());
        let body = answer.json();
        assert_unknown_keys(body.as_array().map_or(&body, |rows| &rows[0]));
    }
    let license = caller.admin("/api/v4/license").await.json();
    assert!(license["licensee"].get("zz_galaxy").is_none(), "its keys are data");
    assert_eq!(caller.get("/api/v4/users", "glpat-unknown").await.text(), r#"{"message":"401 Unauthorized"}"#);
}

fn groups(gitlab: &FakeGitlab) -> Vec<GroupFacts> {
    gitlab.truth().groups.clone()
}

#[tokio::test]
async fn groups_plans_and_members_are_odd_and_true() {
    let gitlab = started(Scenario::HostileCom, 250).await;
    let caller = Caller::of(&gitlab);
    let owned: Vec<GroupFacts> =
        groups(&gitlab).into_iter().filter(|group| group.caller_access_level == Some(50)).collect();
    let names: BTreeSet<&str> = owned.iter().map(|group| group.name.as_str()).collect();
    assert!(names.iter().any(|name| name.contains('"') && name.contains('\n') && name.contains("<script>")));
    assert!(names.iter().any(|name| name.starts_with("=cmd|")));
    assert!(owned.iter().any(|group| group.plan == "platinum_2031"));
    let truth = truth_of(&gitlab);
    let (mut types, mut levels, mut nulls) = (BTreeSet::new(), BTreeSet::new(), 0);
    for group in &owned {
        let namespace = caller.bearer(&format!("/api/v4/namespaces/{}", group.id), Tokens::OWNER).await.json();
        assert_eq!((&namespace["name"], &namespace["plan"]), (&json!(group.name), &json!(group.plan)));
        assert_eq!(namespace["billable_members_count"], group.billable_members_count);
        let path = format!("/api/v4/namespaces/{}/gitlab_subscription", group.id);
        let subscription = caller.bearer(&path, Tokens::OWNER).await.json();
        assert_eq!(subscription["plan"]["code"], group.plan);
        let seats = group.subscription.as_ref().and_then(|subscription| subscription.seats_in_subscription);
        assert_eq!(subscription["usage"]["seats_in_subscription"], json!(seats));

        let rows = caller.rows(&format!("/api/v4/groups/{}/billable_members", group.id), Tokens::OWNER).await;
        assert_eq!(rows.len(), group.billable.len());
        for (row, facts) in rows.iter().zip(&group.billable) {
            assert_eq!(row["id"], facts.user_id);
            let user = &truth[&facts.user_id];
            assert_eq!((&row["name"], &row["state"]), (&user["name"], &user["state"]));
            assert_eq!((&row["email"], &row["membership_type"]), (&json!(facts.email), &json!(facts.membership_type)));
            assert_eq!(moment(&row["created_at"]), Some(facts.created_at));
            assert_eq!(moment(&row["last_login_at"]), facts.last_login_at);
            assert_unknown_keys(row);
            nulls += usize::from(row["email"].is_null());
            types.insert(facts.membership_type);
        }
        let person = group.billable.iter().find(|facts| !facts.memberships.is_empty()).unwrap();
        let path = format!("/api/v4/groups/{}/billable_members/{}/memberships", group.id, person.user_id);
        let memberships = caller.bearer(&path, Tokens::OWNER).await.json();
        assert_unknown_keys(&memberships[0]["access_level"]);

        let rows = caller.rows(&format!("/api/v4/groups/{}/members/all", group.id), Tokens::OWNER).await;
        assert_eq!(rows.len(), group.members.len());
        for (row, facts) in rows.iter().zip(&group.members) {
            assert_eq!((&row["id"], &row["access_level"]), (&json!(facts.user_id), &json!(facts.access_level)));
            assert_eq!(moment(&row["created_at"]), Some(facts.created_at));
            assert_eq!(row.get("email").unwrap_or(&Value::Null), &json!(facts.email));
            levels.insert(facts.access_level);
        }
    }
    assert!(types.contains("galactic_invite") && types.len() > 3, "{types:?}");
    assert!(levels.contains(&27), "{levels:?}");
    assert!(nulls > 0);
}

#[tokio::test]
async fn queries_are_answered_with_the_same_people() {
    let gitlab = started(Scenario::Hostile, 250).await;
    let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
    let query = "query($after: String) { users(sort: CREATED_ASC, first: 50, after: $after) { nodes { id name state publicEmail \
        lastActivityOn } pageInfo { endCursor hasNextPage } } }";
    let nodes = asker.walk(query, json!({}), "/users").await;
    let truth = truth_of(&gitlab);
    let mut met = 0;
    for node in &nodes {
        let id: u64 = node["id"].as_str().unwrap().strip_prefix("gid://gitlab/User/").unwrap().parse().unwrap();
        assert!(node.get("zz_galaxy").is_none(), "only what was asked for");
        let Some(facts) = truth.get(&id) else { continue };
        met += 1;
        for (key, fact) in [
            ("name", "name"),
            ("state", "state"),
            ("publicEmail", "public_email"),
            ("lastActivityOn", "last_activity_on"),
        ] {
            assert_eq!(node[key], facts[fact], "{key} of {facts}");
        }
    }
    assert_eq!(met, truth.len());
    let group = &groups(&gitlab)[0];
    let found = asker.data("query($p: ID!) { group(fullPath: $p) { name } }", json!({ "p": group.full_path })).await;
    assert_eq!(found["group"]["name"], group.name);
}
