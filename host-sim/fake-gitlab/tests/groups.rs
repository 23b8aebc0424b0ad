//! Groups, their people and their seats: every kind of caller, to the letter, and answers that equal the truth.
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

use fake_gitlab::{BillableFacts, GroupFacts, MembershipFacts, Scenario, Tokens, Truth};
use http::Method;
use serde_json::{Value, json};
use support::{Caller, started};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const FIRST: u64 = 9_970_100;
const SHOP: u64 = 8_420_017;
const LABS: u64 = 9_981_555;

const BAD_REQUEST: (u16, &str) = (400, r#"{"message":"400 Bad request"}"#);
const FORBIDDEN: (u16, &str) = (403, r#"{"message":"403 Forbidden"}"#);
const NO_GROUP: (u16, &str) = (404, r#"{"message":"404 Group Not Found"}"#);
const NO_NAMESPACE: (u16, &str) = (404, r#"{"message":"404 Namespace Not Found"}"#);
const NO_ROUTE: (u16, &str) = (404, r#"{"error":"404 Not Found"}"#);

fn moment(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

/// As the truth writes them: milliseconds, and no more.
fn same_moment(value: &Value, expected: OffsetDateTime) {
    assert_eq!(moment(value).unix_timestamp_nanos() / 1_000_000, expected.unix_timestamp_nanos() / 1_000_000);
}

fn day(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn group(truth: &Truth, id: u64) -> &GroupFacts {
    truth.groups.iter().find(|group| group.id == id).unwrap()
}

fn owned(facts: &GroupFacts) -> bool {
    facts.caller_access_level == Some(50)
}

#[tokio::test]
async fn every_caller_finds_the_truth_of_the_groups_it_may_read() {
    // What is null where facts are empty is compared in tests/hostile.rs.
    for scenario in Scenario::ALL.into_iter().filter(|scenario| !scenario.hostile()) {
        let gitlab = started(scenario, 120).await;
        let caller = Caller::of(&gitlab);
        let truth = gitlab.truth();
        let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>();
        let list = |query: &str| format!("/api/v4/groups?top_level_only=true&order_by=id&all_available=false&{query}");
        let by_level = |least: u8| -> Vec<u64> {
            let at_least = |facts: &&GroupFacts| facts.caller_access_level.is_some_and(|level| level >= least);
            truth.groups.iter().filter(at_least).map(|facts| facts.id).collect()
        };
        assert_eq!(ids(caller.rows(&list("owned=true"), scenario.caller()).await), by_level(50), "{scenario}");
        assert_eq!(ids(caller.rows(&list("min_access_level=40"), scenario.caller()).await), by_level(40), "{scenario}");
        assert_eq!(ids(caller.rows(&list(""), scenario.caller()).await), by_level(0), "{scenario}");

        for facts in truth.groups.iter().filter(|facts| facts.caller_access_level.is_some()) {
            members_are_true(&caller, scenario, facts).await;
            if scenario != Scenario::Community && owned(facts) {
                billable_members_are_true(&caller, scenario, facts).await;
            }
        }
    }
}

async fn members_are_true(caller: &Caller, scenario: Scenario, facts: &GroupFacts) {
    let path = format!("/api/v4/groups/{}/members/all?show_seat_info=true", facts.id);
    let rows = caller.rows(&path, scenario.caller()).await;
    assert_eq!(rows.len(), facts.members.len(), "{scenario}");
    for (row, member) in rows.iter().zip(&facts.members) {
        assert_eq!(row["id"], member.user_id, "{scenario}: order by member id");
        assert_eq!((&row["username"], &row["name"]), (&json!(member.username), &json!(member.name)));
        assert_eq!(
            (&row["state"], &row["access_level"]),
            (&json!(member.state), &json!(member.access_level)),
            "{scenario}"
        );
        same_moment(&row["created_at"], member.created_at);
        assert_eq!(day(&row["expires_at"]), member.expires_at.map(|day| day.to_string()));
        assert_eq!(row.get("is_using_seat").and_then(Value::as_bool), member.is_using_seat, "{scenario} {row}");
        let state = row.get("membership_state").and_then(Value::as_str);
        assert_eq!(state, (scenario != Scenario::Community).then_some(member.membership_state));
        let role = row.get("member_role").and_then(|role| role["name"].as_str());
        assert_eq!(role, member.custom_role, "{row}");
    }
    let direct = caller.rows(&format!("/api/v4/groups/{}/members", facts.id), scenario.caller()).await;
    let expected: Vec<u64> = facts.members.iter().filter(|member| member.direct).map(|member| member.user_id).collect();
    assert_eq!(direct.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
    assert!(direct.iter().all(|row| row.get("is_using_seat").is_none()), "only on request");
}

async fn billable_members_are_true(caller: &Caller, scenario: Scenario, facts: &GroupFacts) {
    let path = format!("/api/v4/groups/{}/billable_members", facts.id);
    let rows = caller.rows(&path, scenario.caller()).await;
    assert_eq!(rows.len(), facts.billable.len(), "{scenario}");
    for (row, one) in rows.iter().zip(&facts.billable) {
        assert_eq!(row["id"], one.user_id, "{scenario}: order by user id");
        assert_eq!(row["email"], json!(one.email), "{row}");
        assert_eq!((&row["state"], &row["username"]), (&json!("active"), &json!(one.username)));
        assert_eq!(row["membership_type"], one.membership_type);
        assert_eq!((&row["removable"], &row["is_last_owner"]), (&json!(one.removable), &json!(one.is_last_owner)));
        assert_eq!(day(&row["last_activity_on"]), one.last_activity_on.map(|day| day.to_string()));
        same_moment(&row["created_at"], one.created_at);
        match (one.last_login_at, row.get("last_login_at")) {
            (_, None) => assert_eq!(scenario, Scenario::Oldest),
            (expected, Some(found)) => {
                assert_eq!(expected.is_some(), !found.is_null());
                expected.inspect(|expected| same_moment(found, *expected));
            }
        }
    }
    for one in facts.billable.iter().take(25) {
        drill_down_is_true(caller, scenario, facts, one).await;
    }
}

async fn drill_down_is_true(caller: &Caller, scenario: Scenario, facts: &GroupFacts, one: &BillableFacts) {
    let below = format!("/api/v4/groups/{}/billable_members/{}", facts.id, one.user_id);
    let same = |rows: &[Value], expected: &[MembershipFacts]| {
        assert_eq!(rows.len(), expected.len(), "{scenario} {one:?}");
        for (row, membership) in rows.iter().zip(expected) {
            assert_eq!((&row["id"], &row["source_id"]), (&json!(membership.id), &json!(membership.source_id)));
            assert_eq!(row["source_full_name"], membership.source_full_name);
            assert_eq!(row["access_level"]["integer_value"], membership.access_level);
            assert_eq!(row["access_level"]["custom_role"]["name"], json!(membership.custom_role));
            same_moment(&row["created_at"], membership.created_at);
            assert_eq!(day(&row["expires_at"]), membership.expires_at.map(|day| day.to_string()));
        }
    };
    if facts.ldap_synced {
        let refused = caller.own(&format!("{below}/memberships"), scenario).await;
        assert_eq!((refused.status.as_u16(), refused.text()), BAD_REQUEST);
        return;
    }
    same(&caller.rows(&format!("{below}/memberships"), scenario.caller()).await, &one.memberships);
    let indirect = caller.own(&format!("{below}/indirect"), scenario).await;
    match [Scenario::Oldest, Scenario::V15_11, Scenario::Older, Scenario::V16_6].contains(&scenario) {
        true => assert_eq!((indirect.status.as_u16(), indirect.text()), NO_ROUTE, "{scenario}"),
        false => same(indirect.json().as_array().unwrap(), &one.indirect),
    }
    let earliest = one.memberships.iter().chain(&one.indirect).map(|one| one.created_at).min().unwrap();
    assert_eq!(one.seat_since, earliest.date());
}

/// The data is worth comparing with only if every case of the rules occurs in it.
#[tokio::test]
async fn forty_people_show_every_way_of_taking_a_seat_and_of_not_taking_one() {
    let gitlab = started(Scenario::GitlabCom, 40).await;
    let truth = gitlab.truth();
    let first = group(truth, FIRST);
    for kind in ["group_member", "project_member", "group_invite", "project_invite"] {
        assert!(first.billable.iter().any(|one| one.membership_type == kind), "{kind}");
    }
    let is_member = |id: u64| first.members.iter().any(|member| member.user_id == id);
    assert!(first.billable.iter().any(|one| !is_member(one.user_id)), "somebody who is only in a project");
    let billable = |id: u64| first.billable.iter().any(|one| one.user_id == id);
    let member = |test: &dyn Fn(&fake_gitlab::MemberFacts) -> bool| first.members.iter().any(test);
    assert!(member(&|one| one.access_level == 10 && one.custom_role.is_none() && !billable(one.user_id)));
    assert!(member(&|one| one.custom_role == Some("Incident guest") && billable(one.user_id)));
    assert!(member(&|one| one.access_level == 5 && billable(one.user_id)), "works in a subgroup");
    assert!(member(&|one| one.access_level == 5 && !billable(one.user_id)));
    assert!(member(&|one| one.membership_state == "awaiting" && !billable(one.user_id)));
    assert!(member(&|one| one.state != "active" && one.access_level >= 30 && !billable(one.user_id)));
    assert!(member(&|one| one.access_level == 15) && member(&|one| one.access_level == 25));
    assert!(
        first
            .billable
            .iter()
            .any(|one| one.memberships.len() > 1 && !one.indirect.is_empty() || one.memberships.len() > 1)
    );
    assert!(first.billable.iter().any(|one| !one.memberships.is_empty() && !one.indirect.is_empty()));
    assert!(!first.members.is_sorted_by_key(|one| one.user_id), "the order of members is not that of accounts");

    let shop = group(truth, SHOP);
    let both = shop.billable.iter().filter(|one| billable(one.user_id)).count();
    assert!(both > 1, "people who take two seats");
    assert!(shop.billable.iter().any(|one| one.highest_access_level == 10), "guests count on Premium");
    assert!(shop.billable.iter().filter(|one| one.is_last_owner).map(|one| one.user_id).eq([1]));
    assert!(!first.billable.iter().any(|one| one.is_last_owner), "the first group has several Owners");
    let (over, room) = (shop.subscription.as_ref().unwrap(), first.subscription.as_ref().unwrap());
    assert!(over.seats_in_use > over.seats_in_subscription && over.seats_owed.unwrap() > 0);
    assert_eq!(over.seats_owed.unwrap(), over.max_seats_used.unwrap() - over.seats_in_subscription.unwrap());
    assert_eq!(room.seats_in_use.unwrap() + 1, first.billable_members_count, "the job ran before the last person came");
    assert_eq!(room.seats_owed, Some(0));
    assert_eq!(group(truth, LABS).caller_access_level, Some(40));
}

#[tokio::test]
async fn add_ons_have_holders_without_a_base_seat_and_names_nobody_knows() {
    for scenario in [Scenario::GitlabCom, Scenario::Duo, Scenario::V19, Scenario::V17_4] {
        let gitlab = started(scenario, 120).await;
        let truth = gitlab.truth();
        let com = scenario == Scenario::GitlabCom;
        let purchases = if com { &group(truth, FIRST).add_ons } else { &truth.add_ons };
        assert!(if com { truth.add_ons.is_empty() } else { truth.groups.iter().all(|group| group.add_ons.is_empty()) });
        let base = |id: u64| match com {
            true => group(truth, FIRST).billable.iter().any(|one| one.user_id == id),
            false => truth.users.iter().any(|user| user.id == id && user.using_license_seat == Some(true)),
        };
        for purchase in purchases {
            assert_eq!(purchase.gid, format!("gid://gitlab/GitlabSubscriptions::AddOnPurchase/{}", purchase.id));
            assert_eq!(usize::try_from(purchase.assigned_quantity).unwrap(), purchase.holders.len());
            assert_eq!(purchase.assignable, !purchase.holders.is_empty(), "{scenario} {}", purchase.name);
            assert!(purchase.holders.is_sorted_by(|a, b| a.user_id < b.user_id));
            for holder in &purchase.holders {
                assert_eq!(holder.holds_base_seat, base(holder.user_id), "{scenario} {holder:?}");
            }
        }
        let assignable: Vec<_> = purchases.iter().filter(|purchase| purchase.assignable).collect();
        for purchase in &assignable {
            assert!(purchase.holders.iter().any(|holder| !holder.holds_base_seat), "{scenario} {}", purchase.name);
            assert!(purchase.holders.iter().any(|holder| holder.last_duo_activity_on.is_none()));
            assert!(purchase.holders.iter().any(|holder| holder.last_duo_activity_on.is_some()));
        }
        let names: Vec<_> = purchases.iter().map(|purchase| purchase.name).collect();
        match scenario {
            Scenario::V17_4 => assert_eq!(names, ["CODE_SUGGESTIONS"]),
            _ => assert_eq!(names, ["CODE_SUGGESTIONS", "DUO_ENTERPRISE", "DUO_CORE", "QUANTUM_ASSIST"]),
        }
        if com {
            let guests =
                |id: u64| group(truth, FIRST).members.iter().any(|one| one.user_id == id && one.access_level == 10);
            assert!(assignable.last().unwrap().holders.iter().any(|holder| guests(holder.user_id)), "a guest");
        }
    }
}

#[tokio::test]
async fn what_each_caller_may_read_is_decided_as_gitlab_decides_it() {
    let seats = |id: u64| format!("groups/{id}/billable_members");
    let below = |id: u64| format!("groups/{id}/billable_members/1/memberships");
    let subscription = |id: u64| format!("namespaces/{id}/gitlab_subscription");
    for (scenario, path, expected) in [
        (Scenario::GitlabComMaintainer, seats(FIRST), BAD_REQUEST),
        (Scenario::GitlabComMaintainer, below(FIRST), BAD_REQUEST),
        (Scenario::GitlabComMaintainer, subscription(FIRST), FORBIDDEN),
        (Scenario::GitlabComDeveloper, seats(SHOP), BAD_REQUEST),
        (Scenario::GitlabComDeveloper, subscription(SHOP), FORBIDDEN),
        (Scenario::GitlabComDeveloper, seats(LABS), NO_GROUP),
        (Scenario::GitlabComDeveloper, subscription(LABS), NO_NAMESPACE),
        (Scenario::GitlabCom, seats(LABS), BAD_REQUEST),
        (Scenario::GitlabCom, seats(FIRST + 1), BAD_REQUEST),
        (Scenario::GitlabCom, below(FIRST + 1), BAD_REQUEST),
        (
            Scenario::GitlabCom,
            format!("groups/{FIRST}/billable_members/3/memberships"),
            (404, r#"{"message":"404 User Not Found"}"#),
        ),
        (
            Scenario::GitlabCom,
            format!("groups/{FIRST}/billable_members/0/memberships"),
            (404, r#"{"message":"404 Not found"}"#),
        ),
        (
            Scenario::GitlabCom,
            format!("{}?sort=id_asc", seats(FIRST)),
            (400, r#"{"error":"sort does not have a valid value"}"#),
        ),
        (
            Scenario::GitlabCom,
            format!("{}?per_page=0", seats(FIRST)),
            (400, r#"{"error":"per_page has a value not allowed"}"#),
        ),
        (Scenario::GitlabComEmpty, "groups".to_owned(), (200, "[]")),
        (Scenario::GitlabComEmpty, seats(FIRST), NO_GROUP),
        (Scenario::GitlabComEmpty, format!("namespaces/{FIRST}"), NO_NAMESPACE),
        (Scenario::GitlabComLdap, below(FIRST), BAD_REQUEST),
        (Scenario::Community, seats(21), NO_ROUTE),
        (Scenario::Community, subscription(21), NO_ROUTE),
        (Scenario::NonAdmin, seats(21), BAD_REQUEST),
        (Scenario::NonAdmin, subscription(21), FORBIDDEN),
        (Scenario::NonAdmin, "license".to_owned(), FORBIDDEN),
        (
            Scenario::SelfManagedPremium,
            subscription(21),
            (
                200,
                r#"{"plan":{"code":null,"name":null,"trial":null,"auto_renew":null,"upgradable":null,"exclude_guests":null},"usage":{"seats_in_subscription":null,"seats_in_use":null,"max_seats_used":null,"seats_owed":null},"billing":{"subscription_start_date":null,"subscription_end_date":null,"trial_ends_on":null}}"#,
            ),
        ),
    ] {
        let gitlab = started(scenario, 60).await;
        let answer = Caller::of(&gitlab).own(&format!("/api/v4/{path}"), scenario).await;
        assert_eq!((answer.status.as_u16(), answer.text()), expected, "{scenario} {path}");
    }
}

#[tokio::test]
async fn without_a_token_there_are_no_groups_and_that_is_no_error() {
    let gitlab = started(Scenario::GitlabCom, 40).await;
    let caller = Caller::of(&gitlab);
    for (path, expected) in [
        ("/api/v4/groups", (200, "[]")),
        ("/api/v4/groups/9970100", NO_GROUP),
        ("/api/v4/groups/9970100/billable_members", NO_GROUP),
        ("/api/v4/namespaces/9970100", (401, r#"{"message":"401 Unauthorized"}"#)),
    ] {
        let answer = caller.send(Method::GET, path, &[]).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text()), expected, "{path}");
    }
    let narrow = caller.get("/api/v4/groups", Tokens::USER_SCOPE).await;
    assert_eq!(narrow.json()["error"], "insufficient_scope");
}

#[tokio::test]
async fn a_namespace_shows_its_billing_by_role_and_version() {
    let billing = ["billable_members_count", "seats_in_use", "max_seats_used", "max_seats_used_changed_at", "end_date"];
    for (scenario, group_id, plan, shown) in [
        (Scenario::GitlabCom, FIRST, Some("ultimate"), true),
        (Scenario::GitlabCom, LABS, None, false),
        (Scenario::GitlabComMaintainer, FIRST, None, false),
        (Scenario::GitlabComOlder, FIRST, None, true),
        (Scenario::GitlabComTrial, FIRST, Some("ultimate_trial"), true),
    ] {
        let gitlab = started(scenario, 60).await;
        let namespace = Caller::of(&gitlab).own(&format!("/api/v4/namespaces/{group_id}"), scenario).await.json();
        assert_eq!(namespace.get("plan").and_then(Value::as_str), plan, "{scenario}");
        for key in billing {
            assert_eq!(namespace.get(key).map(Value::is_null), Some(!shown), "{scenario} {key}");
        }
        if shown {
            let facts = group(gitlab.truth(), group_id);
            let subscription = facts.subscription.as_ref().unwrap();
            assert_eq!(namespace["billable_members_count"], facts.billable_members_count);
            assert_eq!(namespace["seats_in_use"], json!(subscription.seats_in_use));
            assert_eq!(namespace["max_seats_used"], json!(subscription.max_seats_used));
            assert_eq!(namespace["end_date"], json!(subscription.end_date.unwrap().to_string()));
        }
    }
    let gitlab = started(Scenario::GitlabComFree, 60).await;
    let path = "/api/v4/namespaces/example-engineering";
    let namespace = Caller::of(&gitlab).own(path, Scenario::GitlabComFree).await.json();
    assert_eq!((&namespace["plan"], &namespace["trial"]), (&json!("free"), &json!(false)));
    assert!(namespace.get("seats_in_use").is_none(), "there is no subscription");
    let by_path = "/api/v4/namespaces/example-engineering%2Fbackend";
    let subgroup = Caller::of(&gitlab).own(by_path, Scenario::GitlabComFree).await.json();
    assert_eq!(
        (&subgroup["parent_id"], &subgroup["full_path"]),
        (&json!(FIRST), &json!("example-engineering/backend"))
    );
}

#[tokio::test]
async fn a_subscription_says_what_was_bought() {
    for (scenario, code, exclude_guests) in [
        (Scenario::GitlabCom, "ultimate", true),
        (Scenario::GitlabComTrial, "ultimate_trial", true),
        (Scenario::GitlabComLegacy, "gold", true),
        (Scenario::GitlabComOpensource, "opensource", false),
        (Scenario::GitlabComGroupToken, "ultimate", true),
        (Scenario::GitlabComServiceAccount, "ultimate", true),
    ] {
        let gitlab = started(scenario, 60).await;
        let path = format!("/api/v4/namespaces/{FIRST}/gitlab_subscription");
        let found = Caller::of(&gitlab).own(&path, scenario).await.json();
        let facts = group(gitlab.truth(), FIRST);
        let subscription = facts.subscription.as_ref().unwrap();
        assert_eq!((&found["plan"]["code"], facts.plan.as_str()), (&json!(code), code));
        assert_eq!((&found["plan"]["exclude_guests"], facts.exclude_guests), (&json!(exclude_guests), exclude_guests));
        for (key, expected) in [
            ("seats_in_subscription", subscription.seats_in_subscription),
            ("seats_in_use", subscription.seats_in_use),
            ("max_seats_used", subscription.max_seats_used),
            ("seats_owed", subscription.seats_owed),
        ] {
            assert_eq!(found["usage"][key], json!(expected), "{scenario} {key}");
        }
        let text = |day: Option<time::Date>| json!(day.map(|day| day.to_string()));
        assert_eq!(found["billing"]["subscription_end_date"], text(subscription.end_date));
        assert_eq!(found["billing"]["trial_ends_on"], text(subscription.trial_ends_on));
        assert_eq!(found["plan"]["trial"], json!(scenario == Scenario::GitlabComTrial));
        let counts =
            facts.billable.iter().any(|one| one.highest_access_level == 10 && one.memberships[0].custom_role.is_none());
        assert_eq!(counts, !exclude_guests, "{scenario}: guests take a seat where the plan says so");
        let billable = |id: u64| facts.billable.iter().any(|one| one.user_id == id);
        let people = gitlab.truth().users.iter().filter(|user| user.state == "active" && !user.bot);
        let people: Vec<u64> = people.map(|user| user.id).collect();
        let minimal = facts.members.iter().filter(|one| one.access_level == 5 && people.contains(&one.user_id));
        let free = minimal.map(|one| one.user_id).any(|id| !billable(id));
        assert!(free, "{scenario}: Minimal Access takes no seat on any plan");
    }
}

/// Groups of an instance say nothing about its license: their members carry the license's own verdict.
#[tokio::test]
async fn members_of_an_instance_carry_the_seat_of_the_license() {
    for scenario in [Scenario::NonAdmin, Scenario::SelfManagedUltimate] {
        let gitlab = started(scenario, 120).await;
        let truth = gitlab.truth();
        assert!(truth.groups.len() > 1);
        for facts in &truth.groups {
            for member in &facts.members {
                let user = truth.users.iter().find(|user| user.id == member.user_id);
                let expected = user.map_or(Some(false), |user| user.using_license_seat);
                assert_eq!(member.is_using_seat, expected, "{scenario} {member:?}");
            }
        }
        // On Ultimate, the list of the group counts guests whom the license does not.
        let guests = truth.groups[0].billable.iter().filter(|one| one.highest_access_level == 10).count();
        assert!(guests > 0 && truth.groups[0].plan == "default");
    }
}

#[tokio::test]
async fn a_group_token_is_a_bot_named_after_its_group() {
    let gitlab = started(Scenario::GitlabComGroupToken, 60).await;
    let caller = Caller::of(&gitlab);
    let own = caller.own("/api/v4/user", Scenario::GitlabComGroupToken).await.json();
    assert!(own["username"].as_str().unwrap().starts_with(&format!("group_{FIRST}_bot_")), "{own}");
    assert_eq!(own["bot"], json!(true));
    let id = own["id"].as_u64().unwrap();
    let facts = group(gitlab.truth(), FIRST);
    assert!(facts.members.iter().any(|member| member.user_id == id && member.is_using_seat == Some(false)));
    assert!(!facts.billable.iter().any(|one| one.user_id == id), "bots take no seat");
    let service = caller.get("/api/v4/user", Tokens::SERVICE_ACCOUNT).await.json();
    assert!(service["username"].as_str().unwrap().starts_with("service_account_") && service["bot"] == json!(true));
}

#[tokio::test]
async fn the_page_of_a_group_is_dangerous_to_owners_only() {
    let gitlab = started(Scenario::GitlabCom, 60).await;
    let caller = Caller::of(&gitlab);
    let path = format!("/api/v4/groups/{FIRST}");
    let owner = caller.get(&path, Tokens::OWNER).await.json();
    assert!(owner["runners_token"].as_str().is_some_and(|token| token.starts_with("GR1348941")));
    assert_eq!((&owner["full_path"], &owner["parent_id"]), (&json!("example-engineering"), &Value::Null));
    assert!(caller.get(&path, Tokens::MAINTAINER).await.json().get("runners_token").is_none());
    let list = caller.get("/api/v4/groups?sort=desc", Tokens::OWNER).await.json();
    assert!(list.as_array().unwrap().iter().all(|row| row.get("runners_token").is_none()));
    let names: Vec<_> = list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted_by(|a, b| a >= b) && names.len() == 9, "{names:?}");
}

#[tokio::test]
async fn people_are_searched_sorted_and_chosen() {
    let gitlab = started(Scenario::GitlabCom, 120).await;
    let caller = Caller::of(&gitlab);
    let facts = group(gitlab.truth(), FIRST);
    let one = facts.billable.iter().find(|one| one.last_activity_on.is_some() && one.user_id > 7).unwrap();
    let all = format!("/api/v4/groups/{FIRST}/billable_members");
    let found = caller.rows(&format!("{all}?search={}", one.username.to_uppercase()), Tokens::OWNER).await;
    assert_eq!(found.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>(), [one.user_id]);
    let days = |rows: Vec<Value>| rows.iter().map(|row| day(&row["last_activity_on"])).collect::<Vec<_>>();
    let rising = days(caller.rows(&format!("{all}?sort=last_activity_on_asc"), Tokens::OWNER).await);
    assert_eq!(rising.len(), facts.billable.len());
    let known: Vec<_> = rising.iter().flatten().collect();
    assert!(known.is_sorted() && rising[known.len()..].iter().all(Option::is_none));

    let members = format!("/api/v4/groups/{FIRST}/members/all");
    let (a, b) = (&facts.members[2], &facts.members[5]);
    let path = format!("{members}?user_ids[]={}&user_ids[]={}&per_page=1", b.user_id, a.user_id);
    let first = caller.get(&path, Tokens::MAINTAINER).await;
    assert_eq!((first.ids(), first.header("x-total")), (vec![a.user_id], Some("2")));
    let next = first.link("next").unwrap();
    assert_eq!(next.matches("user_ids%5B%5D=").count(), 2, "{next}");
    let awaiting = caller.rows(&format!("{members}?state=awaiting"), Tokens::MAINTAINER).await;
    let expected = facts.members.iter().filter(|one| one.membership_state == "awaiting").count();
    assert_eq!(awaiting.len(), expected);
}

#[tokio::test]
async fn above_ten_thousand_rows_nothing_is_counted() {
    let gitlab = started(Scenario::GitlabCom, 20_000).await;
    let caller = Caller::of(&gitlab);
    let facts = group(gitlab.truth(), FIRST);
    assert!(facts.billable.len() > 10_000 && facts.members.len() > 10_000);
    for list in ["billable_members", "members/all"] {
        let page = caller.get(&format!("/api/v4/groups/{FIRST}/{list}?per_page=100&page=3"), Tokens::OWNER).await;
        assert_eq!((page.header("x-total"), page.header("x-total-pages"), page.link("last")), (None, None, None));
        assert_eq!((page.header("x-next-page"), page.header("x-prev-page")), (Some("4"), Some("2")));
        assert!(page.link("next").unwrap().contains(&format!("/api/v4/groups/{FIRST}/{list}?page=4")), "{list}");
    }
    let rows = caller.rows(&format!("/api/v4/groups/{FIRST}/billable_members"), Tokens::OWNER).await;
    let expected: Vec<u64> = facts.billable.iter().map(|one| one.user_id).collect();
    assert_eq!(rows.iter().map(|row| row["id"].as_u64().unwrap()).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn equal_seeds_make_equal_groups_and_others_do_not() {
    let facts = |seed| async move {
        let options = fake_gitlab::Options { seed, ..support::on_a_fixed_day(Scenario::GitlabCom, 60) };
        fake_gitlab::start(options).await.unwrap().truth().groups.clone()
    };
    assert_eq!(facts(4).await, facts(4).await);
    assert_ne!(facts(4).await, facts(5).await);
}
