//! Edges of connections: cursors row by row, beside the nodes.
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
use fake_gitlab::{FakeGitlab, Options, Scenario, Tokens};
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
    data.pointer(place).unwrap().clone()
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
