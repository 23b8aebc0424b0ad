//! `POST /api/graphql`: what each version, edition and caller gets, compared with what is true.
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

use std::collections::BTreeSet;

use fake_gitlab::{AddOnFacts, FakeGitlab, Scenario, Tokens};
use serde_json::{Value, json};
use support::query::Asker;
use support::{Caller, started};

const NOT_ALLOWED: &str =
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action";

const LICENSE: &str = "query { currentLicense { id type plan name email company startsAt expiresAt blockChangesAt activatedAt \
    createdAt lastSync usersInLicenseCount billableUsersCount maximumUserCount usersOverLicenseCount trial } }";

const USERS: &str = "query($after: String) { users(active: true, humans: true, sort: CREATED_ASC, first: 100, after: $after) { \
    nodes { id username name state bot publicEmail createdAt lastActivityOn } pageInfo { endCursor hasNextPage } } }";

const PURCHASES: &str =
    "query($ns: NamespaceID) { addOnPurchases(namespaceId: $ns) { id name purchasedQuantity assignedQuantity } }";

const HOLDERS: &str = "query($p: ID!, $t: GitlabSubscriptionsAddOnType!, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!, \
    $after: String) { namespace(fullPath: $p) { addOnEligibleUsers(addOnType: $t, addOnPurchaseIds: $ids, \
    filterByAssignedSeat: \"true\", sort: ID_ASC, first: 7, after: $after) { nodes { id username name publicEmail \
    lastActivityOn lastLoginAt lastDuoActivityOn addOnAssignments(addOnPurchaseIds: $ids, first: 5) { nodes { addOnPurchase \
    { id name } } } } pageInfo { endCursor hasNextPage } } } }";

const OWN_HOLDERS: &str = "query($t: GitlabSubscriptionsAddOnType!, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!, \
    $after: String) { selfManagedAddOnEligibleUsers(addOnType: $t, addOnPurchaseIds: $ids, filterByAssignedSeat: \"true\", \
    sort: ID_ASC, first: 100, after: $after) { nodes { id username name publicEmail lastActivityOn lastLoginAt \
    lastDuoActivityOn } pageInfo { endCursor hasNextPage } } }";

const UNFILTERED: &str = "query($t: GitlabSubscriptionsAddOnType!, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!, \
    $after: String) { selfManagedAddOnEligibleUsers(addOnType: $t, addOnPurchaseIds: $ids, sort: ID_ASC, first: 100, \
    after: $after) { nodes { id addOnAssignments(addOnPurchaseIds: $ids, first: 5) { nodes { addOnPurchase { id name } } } } \
    pageInfo { endCursor hasNextPage } } }";

const MEMBERS: &str = "query($p: ID!, $after: String) { group(fullPath: $p) { id billableMembersCount \
    groupMembers(relations: [DIRECT, INHERITED, DESCENDANTS, SHARED_FROM_GROUPS], first: 30, after: $after) { nodes { \
    createdAt expiresAt accessLevel { integerValue stringValue } user { id username name state bot publicEmail \
    lastActivityOn } } pageInfo { endCursor hasNextPage } } } }";

fn gid(kind: &str, id: u64) -> Value {
    json!(format!("gid://gitlab/{kind}/{id}"))
}

async fn asker(scenario: Scenario) -> (FakeGitlab, Asker) {
    let gitlab = started(scenario, 250).await;
    let asker = Asker::new(&gitlab, scenario.caller());
    (gitlab, asker)
}

fn codes(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|error| error["extensions"]["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_license_is_told_to_who_may_read_it_whatever_admin_mode_says() {
    for scenario in [Scenario::SelfManagedPremium, Scenario::AdminMode, Scenario::CustomAdminRole, Scenario::V15_11] {
        let (gitlab, asker) = asker(scenario).await;
        let license = asker.data(LICENSE, json!({})).await["currentLicense"].clone();
        let facts = gitlab.truth().license.clone().unwrap();
        assert_eq!(license["plan"], facts.plan, "{scenario}");
        assert_eq!(license["billableUsersCount"], facts.active_users);
        assert_eq!(license["usersInLicenseCount"], facts.user_limit);
        assert_eq!(license["maximumUserCount"], facts.maximum_user_count);
        assert_eq!(license["usersOverLicenseCount"], facts.maximum_user_count.saturating_sub(facts.user_limit));
        assert_eq!((&license["startsAt"], &license["expiresAt"]), (&json!("2025-08-16"), &json!("2026-08-16")));
        assert_eq!((&license["blockChangesAt"], &license["trial"]), (&json!("2026-08-30"), &json!(false)));
    }
    let (_gitlab, asker) = asker(Scenario::LicenseUnlimited).await;
    let open = asker.data(LICENSE, json!({})).await["currentLicense"].clone();
    assert_eq!((&open["usersInLicenseCount"], &open["usersOverLicenseCount"]), (&Value::Null, &json!(0)));
    assert_eq!((&open["expiresAt"], &open["blockChangesAt"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn no_license_is_null_without_an_error_and_no_right_null_with_one() {
    let (_unlicensed, asking) = asker(Scenario::Unlicensed).await;
    assert_eq!(asking.pose(LICENSE, json!({})).await.json(), json!({ "data": { "currentLicense": null } }));
    for scenario in [Scenario::NonAdmin, Scenario::Auditor, Scenario::GitlabCom] {
        let (_gitlab, asker) = asker(scenario).await;
        let body = asker.pose(LICENSE, json!({})).await.json();
        assert_eq!(body["data"], json!({ "currentLicense": null }), "{scenario}");
        let expected =
            json!([{ "message": NOT_ALLOWED, "locations": [{ "line": 1, "column": 9 }], "path": ["currentLicense"] }]);
        assert_eq!(body["errors"], expected, "{scenario}");
    }
}

#[tokio::test]
async fn an_edition_or_version_without_a_field_says_so_and_answers_nothing() {
    let (_community, asking) = asker(Scenario::Community).await;
    let answer = asking.pose("query { currentLicense { id } }", json!({})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({ "errors": [{
            "message": "Field 'currentLicense' doesn't exist on type 'Query'",
            "locations": [{ "line": 1, "column": 9 }],
            "path": ["query", "currentLicense"],
            "extensions": { "code": "undefinedField", "typeName": "Query", "fieldName": "currentLicense" },
        }] })
    );
    // Every error of a query at once; types that are not there make their variables wrong, too.
    let ids = json!({ "p": "x", "t": "CODE_SUGGESTIONS", "ids": [] });
    let body = asking.pose(HOLDERS, ids.clone()).await.json();
    assert_eq!(codes(&body), ["variableRequiresValidType", "variableRequiresValidType", "undefinedField"]);

    let (_old, asking) = asker(Scenario::V17_4).await;
    let body = asking.pose(HOLDERS, ids).await.json();
    assert_eq!(codes(&body), ["argumentNotAccepted", "undefinedField"]);
    assert_eq!(
        body["errors"][0]["extensions"],
        json!({ "code": "argumentNotAccepted", "name": "addOnEligibleUsers", "typeName": "Field",
                "argumentName": "filterByAssignedSeat" })
    );
    assert_eq!(
        body["errors"][0]["message"],
        "Field 'addOnEligibleUsers' doesn't accept argument 'filterByAssignedSeat'"
    );
    assert_eq!(body["errors"][0]["path"], json!(["query", "namespace", "addOnEligibleUsers", "filterByAssignedSeat"]));

    for (query, scenario, there) in [
        ("{ users { nodes { lastActivityOn } } }", Scenario::Older, false),
        ("{ users { nodes { lastActivityOn } } }", Scenario::V16_6, true),
        ("{ users(humans: true) { nodes { id } } }", Scenario::V16_6, false),
        ("{ users(humans: true) { nodes { id } } }", Scenario::V16_11, true),
        ("{ addOnPurchases { id } }", Scenario::V17_4, false),
        ("{ addOnPurchases { id } }", Scenario::V17_11, true),
        ("{ addOnPurchase(addOnType: CODE_SUGGESTIONS) { id } }", Scenario::V16_6, false),
        ("{ addOnPurchase(addOnType: CODE_SUGGESTIONS) { id } }", Scenario::V16_11, true),
        ("{ addOnPurchase(addOnType: DUO_CORE) { id } }", Scenario::V17_11, false),
        ("{ addOnPurchase(addOnType: DUO_CORE) { id } }", Scenario::Duo, true),
        ("{ namespace(fullPath: \"platform\") { addOnPurchase(addOnName: \"X\") { id } } }", Scenario::V15_11, false),
        ("{ namespace(fullPath: \"platform\") { addOnPurchase(addOnName: \"X\") { id } } }", Scenario::V17_11, true),
        ("{ namespace(fullPath: \"platform\") { addOnPurchase(addOnName: \"X\") { id } } }", Scenario::Duo, false),
        ("{ group(fullPath: \"platform\") { billableMembersCount } }", Scenario::Community, false),
        ("{ group(fullPath: \"platform\") { billableMembersCount } }", Scenario::Oldest, true),
    ] {
        let (_gitlab, asker) = asker(scenario).await;
        let body = asker.pose(query, json!({})).await.json();
        assert_eq!(body.get("data").is_some(), there, "{scenario} {query}: {body}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_query_is_named() {
    let (_gitlab, asker) = asker(Scenario::Duo).await;
    for (query, code) in [
        ("{ group { id } }", "missingRequiredArguments"),
        ("{ group(fullPath: \"x\") }", "selectionMismatch"),
        ("{ currentUser { id { x } } }", "selectionMismatch"),
        (
            "query($f: Boolean) { selfManagedAddOnEligibleUsers(addOnType: DUO_CORE, addOnPurchaseIds: [], filterByAssignedSeat: $f) { nodes { id } } }",
            "variableMismatch",
        ),
        ("query($f: ID) { group(fullPath: $f) { id } }", "variableMismatch"),
        ("query($f: ID!) { currentUser { id } }", "variableNotUsed"),
        ("{ group(fullPath: $f) { id } }", "variableNotDefined"),
        (
            "{ selfManagedAddOnEligibleUsers(addOnType: DUO_CORE, addOnPurchaseIds: [], filterByAssignedSeat: true) { nodes { id } } }",
            "argumentLiteralsIncompatible",
        ),
        ("{ addOnPurchases(namespaceId: \"7\") { id } }", "argumentLiteralsIncompatible"),
        ("mutation { userDelete { id } }", "undefinedField"),
    ] {
        assert_eq!(codes(&asker.pose(query, json!({})).await.json()), [code], "{query}");
    }
    let query = "query($t: GitlabSubscriptionsAddOnType!) { addOnPurchase(addOnType: $t) { id } }";
    let body = asker.pose(query, json!({ "t": "SHINY" })).await.json();
    assert_eq!(
        body["errors"][0]["message"],
        "Variable $t of type GitlabSubscriptionsAddOnType! was provided invalid value"
    );
    assert!(body.get("data").is_none());
    for (body, status) in
        [("{", 400), ("[]", 400), ("{}", 200), (r#"{"query":"{"}"#, 200), (r#"{"query":"{ x @skip }"}"#, 200)]
    {
        let answer = asker.send(body).await.unwrap();
        assert_eq!(answer.status, status, "{body}");
        assert!(answer.json().get("data").is_none());
    }
    let fragments = "query A { currentUser { ...f } } fragment f on CurrentUser { me: username ... on CurrentUser { id } } query B { x }";
    let answer = asker.send(&json!({ "query": fragments, "operationName": "A" }).to_string()).await.unwrap();
    assert_eq!(answer.json(), json!({ "data": { "currentUser": { "me": "root", "id": "gid://gitlab/User/1" } } }));
    let endless = "{ currentUser { ...f } } fragment f on CurrentUser { ...f }";
    assert!(asker.pose(endless, json!({})).await.json().get("data").is_none());
}

#[tokio::test]
async fn tokens_are_refused_in_graphqls_own_words_and_none_is_the_public() {
    let gitlab = started(Scenario::SelfManagedPremium, 250).await;
    let query = "{ currentUser { id username } currentLicense { id } addOnPurchases { id } users { nodes { id } } group(fullPath: \"platform\") { id } }";
    for (token, status, message) in [
        (Tokens::EXPIRED, 401, "Invalid token"),
        (Tokens::REVOKED, 401, "Invalid token"),
        (Tokens::USER_SCOPE, 401, "Invalid token"),
        ("glpat-unknown", 401, "Invalid token"),
        (Tokens::BLOCKED, 403, "API not accessible for user"),
    ] {
        let answer = Asker::new(&gitlab, token).pose(query, json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (status, json!({ "errors": [{ "message": message }] })));
    }
    let body = Asker::new(&gitlab, "").pose(query, json!({})).await.json();
    let nothing =
        json!({ "currentUser": null, "currentLicense": null, "addOnPurchases": [], "users": null, "group": null });
    assert_eq!(body["data"], nothing);
    assert_eq!(body["errors"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let (_gitlab, asker) = asker(Scenario::NonAdmin).await;
    let long = format!("{{ currentUser {{ id }} }} #{}", "x".repeat(10_000));
    let answer = asker.pose(&long, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (422, json!({ "errors": [{ "message": "Query too large" }] })));
    let just = format!("{{ currentUser {{ id }} }} #{}", "x".repeat(10_000 - 24));
    assert_eq!((just.len(), asker.pose(&just, json!({})).await.status.as_u16()), (10_000, 200));

    // A hundred rows cost twice what is below them: 2 × (1 + 1 + 123) = 250.
    let users = |leaves: usize| {
        let leaves: String = (0..leaves).map(|number| format!("a{number}: id ")).collect();
        format!("{{ users(first: 100) {{ nodes {{ {leaves} }} }} }}")
    };
    assert!(asker.pose(&users(123), json!({})).await.json().get("data").is_some());
    let body = asker.pose(&users(124), json!({})).await.json();
    assert_eq!(
        body,
        json!({ "errors": [{ "message": "Query has complexity of 252, which exceeds max complexity of 250" }] })
    );
    let (_other, administrator) = self::asker(Scenario::SelfManagedPremium).await;
    assert!(
        administrator.pose(&users(124), json!({})).await.json().get("data").is_some(),
        "administrators may spend 300"
    );

    let body = json!({ "query": "{ currentUser { id } }", "padding": "x".repeat(64 * 1024) }).to_string();
    assert_eq!(asker.send(&body).await.unwrap().status, 413);
}

#[tokio::test]
async fn accounts_are_walked_completely_by_whoever_is_signed_in() {
    for scenario in [Scenario::NonAdmin, Scenario::SelfManagedPremium, Scenario::AdminMode, Scenario::V17_4] {
        let (gitlab, asker) = asker(scenario).await;
        let nodes = asker.walk(USERS, json!({}), "/users").await;
        let truth = gitlab.truth().to_json();
        let expected: Vec<&Value> = truth["users"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|user| user["kind"] == "human" && user["state"] == "active")
            .collect();
        assert_eq!(nodes.len(), expected.len(), "{scenario}");
        for (node, user) in nodes.iter().zip(expected) {
            assert_eq!(node["id"], gid("User", user["id"].as_u64().unwrap()));
            for (key, fact) in [
                ("username", "username"),
                ("name", "name"),
                ("state", "state"),
                ("bot", "bot"),
                ("lastActivityOn", "last_activity_on"),
                ("publicEmail", "public_email"),
            ] {
                assert_eq!(node[key], user[fact], "{key} of {user}");
            }
            let second = user["created_at"].as_str().unwrap().split_once('.').unwrap().0.to_owned();
            assert_eq!(node["createdAt"], format!("{second}Z"));
        }
    }
    // Blocked accounts are shown to administrators alone, and the newest come first.
    for (scenario, shown) in [(Scenario::NonAdmin, false), (Scenario::AdminMode, true)] {
        let (gitlab, asker) = asker(scenario).await;
        let query = "query($after: String) { users(first: 500, after: $after) { nodes { id state } pageInfo { endCursor hasNextPage } } }";
        let nodes = asker.walk(query, json!({}), "/users").await;
        let blocked: BTreeSet<String> = gitlab
            .truth()
            .users
            .iter()
            .filter(|user| user.state == "blocked")
            .map(|user| format!("gid://gitlab/User/{}", user.id))
            .collect();
        let seen = nodes.iter().filter(|node| blocked.contains(node["id"].as_str().unwrap())).count();
        assert_eq!(seen, if shown { blocked.len() } else { 0 });
        let ids: Vec<u64> = nodes
            .iter()
            .map(|node| node["id"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap())
            .collect();
        assert!(ids.iter().rev().is_sorted() && ids.len() > 200);
    }
    let (_gitlab, asker) = asker(Scenario::NonAdmin).await;
    let page = asker.data("{ users(first: 500) { nodes { id } } }", json!({})).await;
    assert_eq!(page["users"]["nodes"].as_array().unwrap().len(), 100, "no page is longer");
    let two = asker.data("{ users(ids: [\"gid://gitlab/User/2\", 1, 3]) { nodes { id } } }", json!({})).await;
    assert_eq!(two["users"]["nodes"], json!([{ "id": "gid://gitlab/User/2" }, { "id": "gid://gitlab/User/1" }]));
    let body = asker.pose("{ users(after: \"x\") { nodes { id } } }", json!({})).await.json();
    assert_eq!(body["errors"][0]["message"], "Please provide a valid cursor");
}

fn assert_purchases(found: &Value, expected: &[AddOnFacts]) {
    let expected: Vec<Value> = expected
        .iter()
        .map(|one| {
            json!({ "id": one.gid, "name": one.name, "purchasedQuantity": one.purchased_quantity,
            "assignedQuantity": one.assigned_quantity })
        })
        .collect();
    assert_eq!(found["addOnPurchases"], json!(expected));
}

fn assert_holders(nodes: &[Value], purchase: &AddOnFacts, with_assignments: bool) {
    assert!(purchase.holders.len() > 10, "{purchase:?}");
    assert!(purchase.holders.iter().any(|holder| !holder.holds_base_seat), "somebody has lost the base seat");
    assert_eq!(nodes.len(), purchase.holders.len());
    for (node, holder) in nodes.iter().zip(&purchase.holders) {
        assert_eq!(node["id"], gid("User", holder.user_id));
        let day = holder.last_duo_activity_on.map(|day| day.to_string());
        assert_eq!(node["lastDuoActivityOn"], json!(day));
        if with_assignments {
            let expected = json!({ "nodes": [{ "addOnPurchase": { "id": purchase.gid, "name": purchase.name } }] });
            assert_eq!(node["addOnAssignments"], expected);
        }
    }
}

#[tokio::test]
async fn an_administrator_reads_the_add_ons_of_the_instance() {
    for scenario in [Scenario::Duo, Scenario::V19] {
        let (gitlab, asker) = asker(scenario).await;
        let add_ons = &gitlab.truth().add_ons;
        assert_purchases(&asker.data(PURCHASES, json!({})).await, add_ons);
        for purchase in add_ons.iter().filter(|purchase| purchase.assignable) {
            let variables = json!({ "t": purchase.name, "ids": [purchase.gid] });
            let nodes = asker.walk(OWN_HOLDERS, variables, "/selfManagedAddOnEligibleUsers").await;
            assert_holders(&nodes, purchase, false);
        }
        let member = Asker::new(&gitlab, Tokens::MEMBER);
        assert_eq!(member.data(PURCHASES, json!({})).await, json!({ "addOnPurchases": [] }));
        let variables = json!({ "t": "CODE_SUGGESTIONS", "ids": [add_ons[0].gid] });
        let body = member.pose(OWN_HOLDERS, variables).await.json();
        assert_eq!(body["data"], json!({ "selfManagedAddOnEligibleUsers": null }));
        assert_eq!(body["errors"][0]["message"], NOT_ALLOWED);
    }
}

#[tokio::test]
async fn before_the_filter_everybody_is_listed_and_the_purchase_is_asked_for_by_name() {
    for scenario in [Scenario::V16_11, Scenario::V17_4] {
        let (gitlab, asker) = asker(scenario).await;
        let purchase = &gitlab.truth().add_ons[0];
        let query = "{ addOnPurchase(addOnType: CODE_SUGGESTIONS) { id name purchasedQuantity assignedQuantity } }";
        let found = asker.data(query, json!({})).await["addOnPurchase"].clone();
        assert_eq!((&found["id"], &found["name"]), (&json!(purchase.gid), &json!(purchase.name)));
        let variables = json!({ "t": "CODE_SUGGESTIONS", "ids": [purchase.gid] });
        let nodes = asker.walk(UNFILTERED, variables, "/selfManagedAddOnEligibleUsers").await;
        assert!(nodes.len() > 150, "everybody who is active");
        let assigned = |node: &&Value| !node["addOnAssignments"]["nodes"].as_array().unwrap().is_empty();
        let held: Vec<&Value> = nodes.iter().filter(assigned).map(|node| &node["id"]).collect();
        // Who is blocked or deactivated is not eligible any more, so that this list cannot show the seat still held.
        let active: BTreeSet<u64> =
            gitlab.truth().users.iter().filter(|user| user.state == "active").map(|user| user.id).collect();
        let holders = purchase.holders.iter().filter(|holder| active.contains(&holder.user_id));
        let expected: Vec<Value> = holders.map(|holder| gid("User", holder.user_id)).collect();
        assert_eq!(held, expected.iter().collect::<Vec<_>>());
        assert!(held.len() < purchase.holders.len());
    }
    let (_none, asking) = asker(Scenario::SelfManagedPremium).await;
    let found = asking.data("{ addOnPurchase(addOnType: CODE_SUGGESTIONS) { id } }", json!({})).await;
    assert_eq!(found, json!({ "addOnPurchase": null }));
}

#[tokio::test]
async fn an_owner_reads_the_add_ons_of_the_group_and_nobody_else_does() {
    let (gitlab, owner) = asker(Scenario::GitlabCom).await;
    let group = gitlab.truth().groups.iter().find(|group| !group.add_ons.is_empty()).unwrap().clone();
    let namespace = json!({ "ns": format!("gid://gitlab/Group/{}", group.id) });
    assert_purchases(&owner.data(PURCHASES, namespace.clone()).await, &group.add_ons);
    assert_eq!(owner.data(PURCHASES, json!({})).await, json!({ "addOnPurchases": [] }));
    for purchase in group.add_ons.iter().filter(|purchase| purchase.assignable) {
        let variables = json!({ "p": group.full_path, "t": purchase.name, "ids": [purchase.gid] });
        let nodes = owner.walk(HOLDERS, variables, "/namespace/addOnEligibleUsers").await;
        assert_holders(&nodes, purchase, true);
    }
    let purchase = &group.add_ons[0];
    let of = |path: &str| json!({ "p": path, "t": purchase.name, "ids": [purchase.gid] });
    let body = owner.pose(HOLDERS, of(&group.subgroups[0].full_path)).await.json();
    assert_eq!(body["errors"][0]["message"], "Add on eligible users can only be queried on a root namespace");
    let own = json!({ "t": purchase.name, "ids": [purchase.gid] });
    assert_eq!(owner.pose(OWN_HOLDERS, own).await.json()["errors"][0]["message"], NOT_ALLOWED);

    let developer = Asker::new(&gitlab, Tokens::MEMBER);
    assert_eq!(developer.data(PURCHASES, namespace.clone()).await, json!({ "addOnPurchases": [] }));
    let body = developer.pose(HOLDERS, of(&group.full_path)).await.json();
    assert_eq!(body["data"], json!({ "namespace": { "addOnEligibleUsers": null } }));
    assert_eq!(body["errors"][0]["path"], json!(["namespace", "addOnEligibleUsers"]));
    let stranger = Asker::new(&gitlab, Tokens::STRANGER);
    assert_eq!(stranger.data(HOLDERS, of(&group.full_path)).await, json!({ "namespace": null }));
}

#[tokio::test]
async fn members_are_read_by_members_and_counted_for_owners() {
    for (scenario, counted) in [
        (Scenario::GitlabCom, true),
        (Scenario::GitlabComMaintainer, false),
        (Scenario::GitlabComDeveloper, false),
        (Scenario::NonAdmin, false),
    ] {
        let (gitlab, asker) = asker(scenario).await;
        let group = gitlab.truth().groups.iter().max_by_key(|group| group.members.len()).unwrap().clone();
        let path = json!({ "p": group.full_path });
        let nodes = asker.walk(MEMBERS, path.clone(), "/group/groupMembers").await;
        let by_id =
            |id: u64| nodes.iter().filter(move |node| node["user"]["id"] == gid("User", id)).collect::<Vec<_>>();
        for member in &group.members {
            let [node] = by_id(member.user_id)[..] else { panic!("{member:?} is not one row") };
            assert!(node["accessLevel"]["integerValue"].as_u64().unwrap() >= u64::from(member.access_level));
            for (key, fact) in [("username", &member.username), ("name", &member.name)] {
                assert_eq!(node["user"][key], **fact);
            }
        }
        let rows: BTreeSet<u64> = group.members.iter().map(|member| member.user_id).collect();
        let more = nodes.iter().filter(|node| {
            let id = node["user"]["id"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
            !rows.contains(&id)
        });
        assert!(more.count() > 3, "members of subgroups are in no row of members/all");
        let count = asker.data("query($p: ID!) { group(fullPath: $p) { billableMembersCount } }", path).await;
        let expected = counted.then_some(group.billable_members_count);
        assert_eq!(count["group"]["billableMembersCount"], json!(expected), "{scenario}");
        let direct = "query($p: ID!, $after: String) { group(fullPath: $p) { groupMembers(relations: DIRECT, after: $after) { nodes { user { id } createdAt accessLevel { integerValue stringValue } } pageInfo { endCursor hasNextPage } } } }";
        let nodes = asker.walk(direct, json!({ "p": group.full_path }), "/group/groupMembers").await;
        let expected: Vec<Value> =
            group.members.iter().filter(|member| member.direct).map(|member| gid("User", member.user_id)).collect();
        let found: Vec<&Value> = nodes.iter().map(|node| &node["user"]["id"]).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "direct members in the order of members/all");
    }
}

#[tokio::test]
async fn a_query_is_noted_with_its_body_and_only_queries_that_are_posted_are_played() {
    let (gitlab, asker) = asker(Scenario::SelfManagedPremium).await;
    let body = r#"{"query":"{ currentUser { id } }"}"#;
    let answer = asker.send(body).await.unwrap();
    assert_eq!(answer.text(), r#"{"data":{"currentUser":{"id":"gid://gitlab/User/1"}}}"#);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let get = Caller::of(&gitlab).admin("/api/graphql?query={currentUser{id}}").await;
    assert_eq!(get.status, 404);
    let requests = gitlab.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/api/graphql"));
    assert_eq!((requests[0].body(), requests[0].status), (body, Some(200)));
    assert_eq!((requests[1].body(), requests[1].status), ("", Some(404)));
}
