//! Edges of connections, cursors row by row, and what a walk meets whose rows move.
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

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use fake_gitlab::{FakeGitlab, INSERTED_ID, Options, Scenario, Tokens};
use serde_json::{Value, json};
use support::query::Asker;
use support::{on_a_fixed_day, started};

/// The three connections, each with `edges` beside `nodes`; `$first` rows a page.
const WITH_EDGES: [(&str, &str, &str); 3] = [
    (
        "graphql-users",
        "/users",
        "query($first: Int, $after: String) { users(sort: CREATED_ASC, first: $first, after: $after) { edges { \
         __typename cursor node { id name } } nodes { id name } pageInfo { startCursor endCursor hasNextPage } } }",
    ),
    (
        "graphql-holders",
        "/selfManagedAddOnEligibleUsers",
        "query($first: Int, $after: String, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!) { \
         selfManagedAddOnEligibleUsers(addOnType: CODE_SUGGESTIONS, addOnPurchaseIds: $ids, filterByAssignedSeat: \
         \"true\", sort: ID_ASC, first: $first, after: $after) { edges { __typename cursor node { id name } } nodes { id \
         name } pageInfo { startCursor endCursor hasNextPage } } }",
    ),
    (
        "graphql-members",
        "/group/groupMembers",
        "query($first: Int, $after: String) { group(fullPath: \"platform\") { groupMembers(first: $first, after: $after) \
         { edges { __typename cursor node { id } } nodes { id } pageInfo { startCursor endCursor hasNextPage } } } }",
    ),
];

/// One page of a connection with edges.
async fn page_with_edges(gitlab: &FakeGitlab, query: &str, place: &str, first: u32, after: &Value) -> Value {
    let mut variables = json!({ "first": first, "after": after });
    if query.contains("$ids") {
        variables["ids"] = json!([gitlab.truth().add_ons[0].gid]);
    }
    let data = Asker::new(gitlab, Tokens::ADMINISTRATOR).data(query, variables).await;
    data.pointer(place).unwrap_or_else(|| panic!("{place}: {data}")).clone()
}

fn cursors(page: &Value) -> Vec<Value> {
    page["edges"].as_array().unwrap().iter().map(|edge| edge["cursor"].clone()).collect()
}

#[tokio::test]
async fn the_cursor_of_an_edge_leads_to_what_follows_it() {
    let gitlab = started(Scenario::Duo, 250).await;
    for ((_, place, query), type_name) in
        WITH_EDGES.into_iter().zip(["UserCoreEdge", "AddOnUserEdge", "GroupMemberEdge"])
    {
        let page = page_with_edges(&gitlab, query, place, 9, &Value::Null).await;
        let nodes = page["nodes"].as_array().unwrap();
        let edges = page["edges"].as_array().unwrap();
        assert_eq!((nodes.len(), edges.len()), (9, 9), "{place}");
        for (edge, node) in edges.iter().zip(nodes) {
            assert_eq!((&edge["node"], &edge["__typename"]), (node, &json!(type_name)));
        }
        let cursors = cursors(&page);
        assert_eq!(page["pageInfo"]["startCursor"], cursors[0]);
        assert_eq!(page["pageInfo"]["endCursor"], cursors[8]);
        for (number, cursor) in cursors.iter().enumerate().take(8) {
            let behind = page_with_edges(&gitlab, query, place, 9, cursor).await;
            assert_eq!(behind["nodes"][0], nodes[number + 1], "{place}, behind edge {number}");
            assert_eq!(behind["nodes"].as_array().unwrap().len(), 9);
        }
        // Base64 of how many rows lie before the next, or of the row's own id.
        let plain = |cursor: &Value| String::from_utf8(URL_SAFE.decode(cursor.as_str().unwrap()).unwrap()).unwrap();
        let id = nodes[4]["id"].as_str().unwrap().rsplit('/').next().unwrap();
        let expected = if place == "/users" { format!(r#"{{"id":"{id}"}}"#) } else { "5".to_owned() };
        assert_eq!(plain(&cursors[4]), expected, "{place}");
    }
    let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
    for (query, message) in [
        ("{ users { edges { size } } }", "Field 'size' doesn't exist on type 'UserCoreEdge'"),
        (
            "{ users { edges { node } } }",
            "Field must have selections (field 'node' returns UserCore but has no selections. Did you mean 'node { ... }'?)",
        ),
    ] {
        assert_eq!(asker.pose(query, json!({})).await.json()["errors"][0]["message"], message);
    }
}

#[tokio::test]
async fn faults_of_paging_mean_the_same_where_edges_are_asked_for() {
    let honest = started(Scenario::Duo, 250).await;
    for (endpoint, place, query) in WITH_EDGES {
        let expected = page_with_edges(&honest, query, place, 8, &Value::Null).await;
        let all = cursors(&expected);
        let struck = async |kind: &str| {
            let fault = format!("{endpoint}@*={kind}").parse().unwrap();
            let options = Options { faults: vec![fault], ..on_a_fixed_day(Scenario::Duo, 250) };
            let gitlab = fake_gitlab::start(options).await.unwrap();
            let page = page_with_edges(&gitlab, query, place, 8, &all[0]).await;
            let nodes: Vec<&Value> = page["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]).collect();
            assert_eq!(page["nodes"], json!(nodes), "{endpoint} {kind}");
            page
        };
        let behind = page_with_edges(&honest, query, place, 8, &all[0]).await;
        let short = struck("short-page").await;
        assert_eq!(cursors(&short), all[1..5], "{endpoint}");
        assert_eq!(short["pageInfo"]["endCursor"], all[4]);
        let none = struck("no-nodes").await;
        assert!(cursors(&none).is_empty() && none["pageInfo"]["endCursor"].is_string(), "{endpoint}: {none}");
        let repeated = struck("repeat-end-cursor").await;
        assert_eq!((&repeated["edges"], &repeated["pageInfo"]["endCursor"]), (&behind["edges"], &all[0]));
        let without = struck("null-end-cursor").await;
        assert_eq!((&without["edges"], &without["pageInfo"]["endCursor"]), (&behind["edges"], &Value::Null));
    }
}

async fn moving(users: u32, fault: &str) -> FakeGitlab {
    let options = Options { faults: vec![fault.parse().unwrap()], ..on_a_fixed_day(Scenario::Duo, users) };
    fake_gitlab::start(options).await.unwrap()
}

/// The ids of a walk, and how many requests it took.
async fn walked(gitlab: &FakeGitlab, query: &str, place: &str, first: u32) -> (Vec<String>, u32) {
    let (mut ids, mut after, mut requests) = (Vec::new(), Value::Null, 0);
    loop {
        let page = page_with_edges(gitlab, query, place, first, &after).await;
        requests += 1;
        assert!(requests < 600, "the walk does not end");
        ids.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()));
        if page["pageInfo"]["hasNextPage"] == false {
            return (ids, requests);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn rows_of_connections_come_and_go_too() {
    let honest = started(Scenario::Duo, 250).await;
    for (endpoint, place, query) in WITH_EDGES {
        let (all, _) = walked(&honest, query, place, 100).await;
        let kind_of_id = all[0].rsplit_once('/').unwrap().0.to_owned();
        let newcomer = format!("{kind_of_id}/{INSERTED_ID}");
        let keyset = place == "/users";
        // Pages that end full, with one row, and with one to spare.
        let lengths = [all.len(), all.len() - 1, all.len() + 1, 7].map(|len| u32::try_from(len).unwrap().min(100));
        for first in lengths {
            for (kind, expected) in [
                ("row-deleted", all[1..].to_vec()),
                ("row-inserted", [std::slice::from_ref(&newcomer), &all].concat()),
                ("row-swapped", [&all[1..], std::slice::from_ref(&newcomer)].concat()),
            ] {
                let gitlab = moving(250, &format!("{endpoint}@1={kind}")).await;
                assert_eq!(walked(&gitlab, query, place, first).await.0, expected, "{endpoint} {kind} by {first}");
                if first != 7 {
                    continue;
                }
                let gitlab = moving(250, &format!("{endpoint}@2={kind}")).await;
                let (found, _) = walked(&gitlab, query, place, 7).await;
                let mut seen = all.clone();
                match (kind, keyset) {
                    ("row-swapped", true) => seen.push(newcomer.clone()),
                    (_, true) => {}
                    // What moved to the page that was read already is passed over.
                    ("row-deleted", false) => drop(seen.remove(7)),
                    ("row-swapped", false) => {
                        drop(seen.remove(7));
                        seen.push(newcomer.clone());
                    }
                    // What moved from it is seen again.
                    _ => seen.insert(7, all[6].clone()),
                }
                assert_eq!(found, seen, "{endpoint} {kind}, while walking");
            }
        }
        // Whoever is asked for by id is no row of a walk.
        if keyset {
            let gitlab = moving(250, "graphql-users@*=row-deleted").await;
            let query = "{ users(ids: [1]) { nodes { id } } }";
            let found = Asker::new(&gitlab, Tokens::ADMINISTRATOR).data(query, json!({})).await;
            assert_eq!(found["users"]["nodes"], json!([{ "id": "gid://gitlab/User/1" }]));
        }
    }
}

#[tokio::test]
async fn who_comes_is_a_copy_under_other_names_and_holds_the_same_seat() {
    let holders = "query($ids: [GitlabSubscriptionsAddOnPurchaseID!]!) { addOnPurchases { id assignedQuantity } \
        selfManagedAddOnEligibleUsers(addOnType: CODE_SUGGESTIONS, addOnPurchaseIds: $ids, filterByAssignedSeat: \"true\", \
        sort: ID_ASC) { nodes { id username name lastActivityOn addOnAssignments(addOnPurchaseIds: $ids) { edges { cursor \
        node { addOnPurchase { id } } } } } } }";
    let members = "{ group(fullPath: \"platform\") { groupMembers { nodes { id createdAt accessLevel { integerValue } user { \
        id username name lastActivityOn } } } } }";
    let honest = started(Scenario::Duo, 130).await;
    let ids = json!({ "ids": [honest.truth().add_ons[0].gid] });
    let ask = async |gitlab: &FakeGitlab| {
        let asker = Asker::new(gitlab, Tokens::ADMINISTRATOR);
        (asker.data(holders, ids.clone()).await, asker.data(members, json!({})).await)
    };
    let (true_holders, true_members) = ask(&honest).await;
    let gid = format!("gid://gitlab/User/{INSERTED_ID}");
    let renamed = |person: &Value| {
        let mut copy = person.clone();
        copy["id"] = json!(gid);
        copy["username"] = json!("row-inserted");
        copy["name"] = json!("row-inserted");
        copy
    };
    let last = |value: &Value| value.as_array().unwrap().last().unwrap().clone();
    for (kind, last_copied) in [("row-inserted", false), ("row-swapped", true)] {
        let which = |value: &Value| if last_copied { last(value) } else { value[0].clone() };
        let gitlab = moving(130, &format!("graphql-holders@1={kind}")).await;
        let (moved, _) = ask(&gitlab).await;
        let place = "/selfManagedAddOnEligibleUsers/nodes";
        let (moved_rows, rows) = (moved.pointer(place).unwrap(), true_holders.pointer(place).unwrap());
        assert_eq!(which(moved_rows), renamed(&which(rows)), "{kind}");
        assert_eq!(which(moved_rows)["addOnAssignments"]["edges"][0]["cursor"], "MQ==");
        assert_eq!(moved["addOnPurchases"], true_holders["addOnPurchases"], "what was told of the purchase stays");
        let gitlab = moving(130, &format!("graphql-members@1={kind}")).await;
        let (_, moved) = ask(&gitlab).await;
        let place = "/group/groupMembers/nodes";
        let row = which(true_members.pointer(place).unwrap());
        let mut copy = row.clone();
        copy["id"] = json!(format!("gid://gitlab/GroupMember/{INSERTED_ID}"));
        copy["user"] = renamed(&row["user"]);
        assert_eq!(which(moved.pointer(place).unwrap()), copy, "{kind}");
    }
}
