//! Faults of lists and of GraphQL, and that every fault does something wherever it can be asked for.
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

use fake_gitlab::{Endpoint, FakeGitlab, Fault, FaultKind, INSERTED_ID, Occurrence, Options, Scenario, Tokens};
use serde_json::{Value, json};
use support::query::Asker;
use support::{Answer, Caller, WALK, on_a_fixed_day};

async fn faulty(scenario: Scenario, users: u32, faults: &[&str]) -> FakeGitlab {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    fake_gitlab::start(Options { faults, ..on_a_fixed_day(scenario, users) }).await.unwrap()
}

const OFFSET: &str = "/api/v4/users?exclude_internal=true&without_project_bots=true&order_by=id&sort=asc&per_page=100";

/// The ids of every page of an offset walk by `X-Next-Page`.
async fn offset_walk(caller: &Caller, path: &str) -> Vec<Answer> {
    let (mut pages, mut page) = (Vec::new(), "1".to_owned());
    while !page.is_empty() {
        assert!(pages.len() < 50, "the walk does not end");
        let answer = caller.bearer(&format!("{path}&page={page}"), Tokens::ADMIN_MODE).await;
        page = answer.header("x-next-page").unwrap().to_owned();
        pages.push(answer);
    }
    pages
}

fn ids(pages: &[Answer]) -> Vec<u64> {
    pages.iter().flat_map(Answer::ids).collect()
}

#[tokio::test]
async fn a_list_can_lack_its_rows_or_its_headers() {
    let honest = faulty(Scenario::SelfManagedPremium, 250, &[]).await;
    let page = Caller::of(&honest).admin(&format!("{OFFSET}&page=2")).await;
    let struck = async |kind: &str| {
        let gitlab = faulty(Scenario::SelfManagedPremium, 250, &[&format!("users@*={kind}")]).await;
        let caller = Caller::of(&gitlab);
        (
            caller.admin(&format!("{OFFSET}&page=2")).await,
            caller.admin(&format!("{OFFSET}&page=3")).await,
            (caller, gitlab),
        )
    };

    let (empty, ..) = struck("empty-list").await;
    assert_eq!((empty.text(), empty.header("x-next-page"), empty.header("x-total")), ("[]", Some("3"), Some("250")));
    let (empty, last, (caller, _gitlab)) = struck("empty-page-with-next").await;
    assert_eq!((empty.text(), empty.header("x-next-page")), ("[]", Some("3")));
    assert_eq!((last.text(), last.header("x-next-page")), ("[]", Some("4")), "the last page names one, too");
    assert!(last.link("next").unwrap().contains("page=4"));
    let keyset = caller.admin(&format!("/api/v4/users?{WALK}&cursor=eyJpZCI6IjI0OSIsIl9rZCI6Im4ifQ==")).await;
    assert!(keyset.text() == "[]" && keyset.link("next").unwrap().contains("cursor="));

    let (bare, ..) = struck("drop-headers").await;
    assert_eq!(bare.text(), page.text());
    for name in ["link", "x-page", "x-per-page", "x-next-page", "x-prev-page", "x-total", "x-total-pages"] {
        assert!(page.header(name).is_some() && bare.header(name).is_none(), "{name}");
    }
    let (uncounted, ..) = struck("drop-total").await;
    assert_eq!((uncounted.text(), uncounted.header("x-next-page")), (page.text(), Some("3")));
    assert_eq!((uncounted.header("x-total"), uncounted.header("x-total-pages")), (None, None));
    assert!(uncounted.link("last").is_none() && uncounted.link("next") == page.link("next"));
    let (abroad, _, (caller, _gitlab)) = struck("foreign-link").await;
    assert_eq!((abroad.text(), abroad.header("x-next-page")), (page.text(), None));
    assert!(abroad.link("next").unwrap().starts_with("https://gitlab.elsewhere.example/api/v4/users?"));
    assert!(abroad.link("next").unwrap().contains("page=3"));
    let keyset = caller.admin(&format!("/api/v4/users?{WALK}")).await;
    assert_eq!((keyset.header("x-next-cursor"), keyset.ids().len()), (None, 100));

    let (first, ..) = struck("first-page-again").await;
    assert_eq!(first.text(), Caller::of(&honest).admin(&format!("{OFFSET}&page=1")).await.text());
    assert_eq!((first.header("x-page"), first.header("x-next-page")), (Some("1"), Some("2")));
    let (short, ..) = {
        let gitlab = faulty(Scenario::SelfManagedPremium, 40, &["users@*=first-page-again"]).await;
        (Caller::of(&gitlab).admin(&format!("{OFFSET}&page=1")).await, ())
    };
    assert_eq!((short.ids().len(), short.header("x-next-page")), (40, Some("2")), "one page, and still a next one");
}

#[tokio::test]
async fn a_row_that_vanishes_moves_the_others_and_one_that_comes_does_too() {
    // 200 rows end with a full page; 201 with one row; 199 fit into it with one to spare.
    for users in [199, 200, 201, 250] {
        let honest = faulty(Scenario::SelfManagedPremium, users, &[]).await;
        let all: Vec<u64> = honest.truth().users.iter().map(|user| user.id).collect();
        let with_one: Vec<u64> = std::iter::once(INSERTED_ID).chain(all.iter().copied()).collect();
        let swapped: Vec<u64> = all[1..].iter().copied().chain([INSERTED_ID]).collect();
        for (kind, expected) in [("row-deleted", &all[1..]), ("row-inserted", &with_one), ("row-swapped", &swapped)] {
            let gitlab = faulty(Scenario::SelfManagedPremium, users, &[&format!("users@1={kind}")]).await;
            let caller = Caller::of(&gitlab);
            let pages = offset_walk(&caller, OFFSET).await;
            assert_eq!(ids(&pages), expected, "{kind}, {users}, offset");
            let total = expected.len().to_string();
            for page in &pages {
                assert_eq!(page.header("x-total"), Some(total.as_str()), "{kind}, {users}");
                assert_eq!(page.header("x-total-pages"), Some(expected.len().div_ceil(100).to_string().as_str()));
                assert!(page.link("last").unwrap().contains(&format!("page={}", expected.len().div_ceil(100))));
            }
            for per_page in [1, 2, 50, 100] {
                let query = WALK.replace("per_page=100", &format!("per_page={per_page}"));
                let pages = caller.keyset(&query, Tokens::ADMINISTRATOR).await;
                assert_eq!(ids(&pages), expected, "{kind}, {users}, keyset of {per_page}");
                assert_eq!(pages[0].header("x-prev-cursor"), None);
                if kind == "row-swapped" {
                    let last = pages.last().unwrap().json().as_array().unwrap().last().unwrap().clone();
                    assert_eq!(last["email"], json!(honest.truth().users.last().unwrap().email), "a copy of the last");
                }
            }
            let gitlab = faulty(Scenario::SelfManagedPremium, users, &[&format!("users@2={kind}")]).await;
            let walked = ids(&offset_walk(&Caller::of(&gitlab), OFFSET).await);
            let mut moved = all.clone();
            match kind {
                // The row that moved from the second page to the first is never seen.
                "row-deleted" => drop(moved.remove(100)),
                // The same, and nothing of it shows in a number.
                "row-swapped" => {
                    moved.remove(100);
                    moved.push(INSERTED_ID);
                }
                // The last row of the first page is seen again on the second.
                _ => moved.insert(100, all[99]),
            }
            assert_eq!(walked, moved, "{kind}, {users}, while walking");
            let gitlab = faulty(Scenario::SelfManagedPremium, users, &[&format!("users@2={kind}")]).await;
            let pages = Caller::of(&gitlab).keyset(WALK, Tokens::ADMINISTRATOR).await;
            let end = if kind == "row-swapped" { &[INSERTED_ID][..] } else { &[] };
            assert_eq!(ids(&pages), [&all, end].concat(), "{kind}, {users}: keyset pages do not move");
        }
    }
}

#[tokio::test]
async fn rows_of_groups_come_and_go_too() {
    for (endpoint, list) in [("billable", "billable_members"), ("members", "members/all")] {
        for kind in ["row-deleted", "row-inserted", "row-swapped"] {
            let gitlab = faulty(Scenario::GitlabCom, 250, &[&format!("{endpoint}@2={kind}")]).await;
            let group = gitlab.truth().groups.iter().max_by_key(|group| group.members.len()).unwrap().clone();
            let caller = Caller::of(&gitlab);
            let path = format!("/api/v4/groups/{}/{list}?per_page=10", group.id);
            let first = caller.bearer(&format!("{path}&page=1"), Tokens::OWNER).await;
            let again = caller.bearer(&format!("{path}&page=1"), Tokens::OWNER).await;
            let total = |answer: &Answer| answer.header("x-total").unwrap().parse::<usize>().unwrap();
            match kind {
                "row-swapped" => {
                    assert_eq!(again.ids()[..9], first.ids()[1..], "{list}");
                    assert_eq!(total(&again), total(&first));
                    let rows = caller.rows(&path, Tokens::OWNER).await;
                    assert_eq!(rows.len(), total(&first), "{list}");
                    assert_eq!(rows.last().unwrap()["id"], INSERTED_ID);
                    let beyond = caller.bearer(&format!("{path}&page=99"), Tokens::OWNER).await;
                    assert_eq!(beyond.text(), "[]", "{list}");
                }
                "row-deleted" => {
                    assert_eq!(again.ids()[..9], first.ids()[1..], "{list}");
                    assert_eq!(total(&again) + 1, total(&first));
                }
                _ => {
                    assert_eq!(again.ids()[0], INSERTED_ID);
                    assert_eq!(again.ids()[1..], first.ids()[..9], "{list}");
                    assert_eq!(total(&again), total(&first) + 1);
                }
            }
        }
    }
}

const USERS: &str = "query($after: String) { users(sort: CREATED_ASC, first: 30, after: $after) { nodes { id name } \
    pageInfo { endCursor hasNextPage } } }";
const HOLDERS: &str = "query($ids: [GitlabSubscriptionsAddOnPurchaseID!]!, $after: String) { \
    selfManagedAddOnEligibleUsers(addOnType: CODE_SUGGESTIONS, addOnPurchaseIds: $ids, filterByAssignedSeat: \"true\", \
    sort: ID_ASC, first: 10, after: $after) { nodes { id name addOnAssignments(addOnPurchaseIds: $ids, first: 5) { nodes { \
    addOnPurchase { id } } } } pageInfo { endCursor hasNextPage } } }";
const MEMBERS: &str = "query($after: String) { group(fullPath: \"platform\") { groupMembers(first: 30, after: $after) { \
    nodes { id createdAt } pageInfo { endCursor hasNextPage } } } }";
const LICENSE: &str = "{ currentLicense { plan } }";
const PURCHASES: &str = "{ addOnPurchases { id name } }";

/// The queries of all root fields, with their variables and where their connection is.
fn connections(gitlab: &FakeGitlab) -> [(&'static str, &'static str, Value, &'static str); 3] {
    let ids = json!({ "ids": [gitlab.truth().add_ons[0].gid] });
    [
        ("graphql-users", USERS, json!({}), "/users"),
        ("graphql-holders", HOLDERS, ids, "/selfManagedAddOnEligibleUsers"),
        ("graphql-members", MEMBERS, json!({}), "/group/groupMembers"),
    ]
}

#[tokio::test]
async fn short_and_empty_pages_of_a_connection_lose_nothing() {
    let honest = faulty(Scenario::Duo, 250, &[]).await;
    for (endpoint, query, variables, place) in connections(&honest) {
        let expected = Asker::new(&honest, Tokens::ADMINISTRATOR).walk(query, variables.clone(), place).await;
        assert!(expected.len() > 20, "{endpoint}");
        for faults in [
            vec![format!("{endpoint}@*=short-page")],
            vec![format!("{endpoint}@1=no-nodes"), format!("{endpoint}@2=no-nodes"), format!("{endpoint}@4=no-nodes")],
        ] {
            let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
            let gitlab = faulty(Scenario::Duo, 250, &faults).await;
            let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
            if faults.len() == 1 {
                // A short page always names a next one, so that this walk ends with an empty page, not by itself.
                let mut variables = variables.clone();
                let mut found = Vec::new();
                loop {
                    let page = asker.data(query, variables.clone()).await.pointer(place).unwrap().clone();
                    let nodes = page["nodes"].as_array().unwrap().clone();
                    assert!(nodes.len() <= 15 && page["pageInfo"]["hasNextPage"] == true);
                    if nodes.is_empty() {
                        break;
                    }
                    found.extend(nodes);
                    variables["after"] = page["pageInfo"]["endCursor"].clone();
                }
                assert_eq!(found, expected, "{endpoint}");
            } else {
                let first = asker.data(query, variables.clone()).await.pointer(place).unwrap().clone();
                assert_eq!((&first["nodes"], &first["pageInfo"]["hasNextPage"]), (&json!([]), &json!(true)));
                let mut variables = variables.clone();
                variables["after"] = first["pageInfo"]["endCursor"].clone();
                let second = asker.data(query, variables.clone()).await.pointer(place).unwrap().clone();
                assert_eq!(second["nodes"], json!([]));
                assert_ne!(second["pageInfo"]["endCursor"], first["pageInfo"]["endCursor"]);
                let gitlab = faulty(Scenario::Duo, 250, &faults).await;
                let found = Asker::new(&gitlab, Tokens::ADMINISTRATOR).walk(query, variables, place).await;
                assert_eq!(found, expected, "{endpoint}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_can_be_the_one_just_used_or_none() {
    let gitlab = faulty(Scenario::Duo, 250, &[]).await;
    for (endpoint, query, variables, place) in connections(&gitlab) {
        let kinds = [format!("{endpoint}@2=repeat-end-cursor"), format!("{endpoint}@3=null-end-cursor")];
        let gitlab = faulty(Scenario::Duo, 250, &[&kinds[0], &kinds[1]]).await;
        let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
        let page = async |after: Value| {
            let mut variables = variables.clone();
            variables["after"] = after;
            asker.data(query, variables).await.pointer(place).unwrap().clone()
        };
        let first = page(Value::Null).await;
        let cursor = first["pageInfo"]["endCursor"].clone();
        let repeated = page(cursor.clone()).await;
        assert_eq!(repeated["pageInfo"], json!({ "endCursor": cursor, "hasNextPage": true }), "{endpoint}");
        let none = page(cursor.clone()).await;
        assert_eq!(none["pageInfo"], json!({ "endCursor": null, "hasNextPage": true }), "{endpoint}");
        assert_eq!(none["nodes"], repeated["nodes"]);
        assert_ne!(repeated["nodes"], first["nodes"]);
    }
}

#[tokio::test]
async fn graphql_refuses_in_its_own_words() {
    for (kind, status, message) in [
        ("unauthorized", 401, "Invalid token"),
        ("revoked", 401, "Invalid token"),
        ("expired", 401, "Invalid token"),
        ("impersonation", 401, "Invalid token"),
        ("insufficient-scope", 401, "Invalid token"),
        ("blocked", 403, "API not accessible for user"),
        ("error-500", 500, "Internal server error"),
        ("graphql-timeout", 503, "Request timed out. Please try a less complex query or a smaller set of records."),
        ("graphql-too-complex", 200, "Query has complexity of 312, which exceeds max complexity of 250"),
    ] {
        let gitlab = faulty(Scenario::Duo, 60, &[&format!("graphql@1={kind}")]).await;
        let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
        let answer = asker.pose(LICENSE, json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (status, json!({ "errors": [{ "message": message }] })),
            "{kind}"
        );
        assert!(asker.pose(LICENSE, json!({})).await.json().get("data").is_some());
    }
    let both = "query { license: currentLicense { plan } addOnPurchases { id name } }";
    for (kind, message) in [
        ("null-with-errors", "does not exist or you don't have permission"),
        ("granular", "This operation doesn't support fine-grained personal access tokens."),
    ] {
        let gitlab = faulty(Scenario::Duo, 60, &[&format!("graphql-license@*={kind}")]).await;
        let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
        let body = asker.pose(both, json!({})).await.json();
        assert_eq!(body["data"]["license"], Value::Null);
        assert_eq!(body["data"]["addOnPurchases"].as_array().unwrap().len(), 4, "only its own field is struck");
        assert!(body["errors"][0]["message"].as_str().unwrap().contains(message));
        assert_eq!(body["errors"][0]["path"], json!(["license"]));
        assert!(asker.pose(PURCHASES, json!({})).await.json().get("errors").is_none());
    }
    let gitlab = faulty(Scenario::Duo, 60, &["graphql-purchases@1=undefined-field"]).await;
    let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
    let body = asker.pose(both, json!({})).await.json();
    assert_eq!(
        body,
        json!({ "errors": [{
            "message": "Field 'name' doesn't exist on type 'AddOnPurchase'",
            "locations": [{ "line": 1, "column": 62 }],
            "path": ["query", "addOnPurchases", "name"],
            "extensions": { "code": "undefinedField", "typeName": "AddOnPurchase", "fieldName": "name" },
        }] })
    );
    assert!(asker.pose(both, json!({})).await.json().get("data").is_some());
}

#[tokio::test]
async fn the_field_within_a_namespace_says_which_endpoint_it_is() {
    let query = |within: &str| format!("{{ namespace(fullPath: \"example-engineering\") {{ {within} }} }}");
    let holders = "addOnEligibleUsers(addOnType: DUO_CORE, addOnPurchaseIds: []) { nodes { id } }";
    let gitlab = faulty(Scenario::GitlabCom, 60, &["graphql-holders@*=null-with-errors"]).await;
    let asker = Asker::new(&gitlab, Tokens::OWNER);
    assert!(asker.pose(&query("id"), json!({})).await.json().get("errors").is_none());
    let struck = asker.pose(&query(holders), json!({})).await.json();
    assert_eq!(struck["data"], json!({ "namespace": null }));
}

/// A request to an endpoint, whose honest answer no fault equals.
async fn ask(gitlab: &FakeGitlab, endpoint: Endpoint, kind: FaultKind) -> Option<Answer> {
    let group = gitlab.truth().groups.iter().max_by_key(|group| group.members.len()).unwrap();
    let id = group.id;
    let twice = |indirect: bool| {
        let wanted = group.billable.iter().find(|one| match indirect {
            true => !one.indirect.is_empty(),
            false => one.memberships.len() > 1,
        });
        wanted.map_or(0, |one| one.user_id)
    };
    let query = match endpoint {
        Endpoint::Graphql | Endpoint::GraphqlUsers => Some((USERS, json!({}))),
        Endpoint::GraphqlLicense => Some((LICENSE, json!({}))),
        Endpoint::GraphqlPurchases => Some((PURCHASES, json!({}))),
        Endpoint::GraphqlHolders => Some((HOLDERS, json!({ "ids": [gitlab.truth().add_ons[0].gid] }))),
        Endpoint::GraphqlMembers => Some((MEMBERS, json!({}))),
        _ => None,
    };
    if let Some((query, variables)) = query {
        let body = json!({ "query": query, "variables": variables }).to_string();
        return Asker::new(gitlab, Tokens::ADMINISTRATOR).send(&body).await.ok();
    }
    let path = match endpoint {
        Endpoint::Metadata => "metadata".to_owned(),
        Endpoint::Version => "version".to_owned(),
        Endpoint::User | Endpoint::Any => "user".to_owned(),
        Endpoint::Token => "personal_access_tokens/self".to_owned(),
        Endpoint::License => "license".to_owned(),
        Endpoint::Users if kind == FaultKind::RepeatCursor => format!("users?{WALK}"),
        Endpoint::Users => "users?per_page=50&page=2".to_owned(),
        Endpoint::Groups => "groups?per_page=1&page=2".to_owned(),
        Endpoint::Namespace => format!("namespaces/{id}"),
        Endpoint::Subscription => format!("namespaces/{id}/gitlab_subscription"),
        Endpoint::Billable => format!("groups/{id}/billable_members?per_page=5&page=2"),
        Endpoint::Members => format!("groups/{id}/members/all?per_page=5&page=2"),
        Endpoint::Memberships => format!("groups/{id}/billable_members/{}/memberships?per_page=1&page=2", twice(false)),
        // All of a short list is nothing else than its first page.
        _ if kind == FaultKind::TooManyRows => {
            format!("groups/{id}/billable_members/{}/indirect?page=2", twice(true))
        }
        _ => format!("groups/{id}/billable_members/{}/indirect", twice(true)),
    };
    let token = format!("Bearer {}", gitlab.truth().caller_token());
    Caller::of(gitlab).send(http::Method::GET, &format!("/api/v4/{path}"), &[("authorization", &token)]).await.ok()
}

trait CallerToken {
    fn caller_token(&self) -> &'static str;
}

impl CallerToken for fake_gitlab::Truth {
    /// An administrator where there is one, otherwise an Owner.
    fn caller_token(&self) -> &'static str {
        if self.license.is_some() { Tokens::ADMINISTRATOR } else { Tokens::OWNER }
    }
}

/// What an answer is apart from what differs each time.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let apart = ["x-request-id", "date"];
    let headers = answer.headers.iter().filter(|(name, _)| !apart.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), headers.collect(), answer.text().to_owned())
}

#[tokio::test]
async fn every_fault_changes_something_wherever_it_can_be_asked_for() {
    let places = Fault::places();
    let mut asked = 0;
    for (endpoint, kind) in places.iter().copied() {
        // These two are about time; each has a test of its own.
        if matches!(kind, FaultKind::Hang | FaultKind::Slow) {
            continue;
        }
        let scenario = match endpoint {
            Endpoint::Groups
            | Endpoint::Namespace
            | Endpoint::Subscription
            | Endpoint::Billable
            | Endpoint::Members
            | Endpoint::Memberships
            | Endpoint::Indirect => Scenario::GitlabCom,
            _ => Scenario::Duo,
        };
        let fault = Fault { endpoint, when: Occurrence::Only(2), kind };
        let options = Options { faults: vec![fault], ..on_a_fixed_day(scenario, 130) };
        let gitlab = fake_gitlab::start(options).await.unwrap();
        let honest = ask(&gitlab, endpoint, kind).await.unwrap();
        assert_eq!(honest.status, 200, "{fault}: {}", honest.text());
        if let Some(struck) = ask(&gitlab, endpoint, kind).await {
            assert_ne!(seen(&struck), seen(&honest), "{fault} does nothing");
        }
        asked += 1;
    }
    assert!(asked > 600, "{asked} of {} places", places.len());
}
