//! Pages with other rows than were asked for, a version that is hidden, and a schema without its leaves.
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

use fake_gitlab::{FakeGitlab, Options, Scenario, Tokens};
use serde_json::{Value, json};
use support::query::Asker;
use support::{Answer, Caller, WALK, on_a_fixed_day, started};

const PAGING: [&str; 9] = [
    "link",
    "x-page",
    "x-per-page",
    "x-next-page",
    "x-prev-page",
    "x-total",
    "x-total-pages",
    "x-next-cursor",
    "x-prev-cursor",
];

async fn faulty(scenario: Scenario, users: u32, fault: &str) -> FakeGitlab {
    let faults = vec![fault.parse().unwrap()];
    fake_gitlab::start(Options { faults, ..on_a_fixed_day(scenario, users) }).await.unwrap()
}

/// The lists that are walked, with how a page of each is asked for, and by whom.
async fn lists(gitlab: &FakeGitlab) -> Vec<(&'static str, String)> {
    let group = gitlab.truth().groups.iter().max_by_key(|group| group.members.len()).unwrap();
    vec![
        ("billable", format!("groups/{}/billable_members?", group.id)),
        ("members", format!("groups/{}/members/all?show_seat_info=true&", group.id)),
        ("groups", "groups?".to_owned()),
    ]
}

fn headers(answer: &Answer) -> Vec<Option<&str>> {
    PAGING.iter().map(|name| answer.header(name)).collect()
}

fn rows(answer: &Answer) -> Vec<Value> {
    answer.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn half_of_the_rows_of_a_page_can_be_lost_under_its_true_headers() {
    let honest = started(Scenario::GitlabCom, 250).await;
    for (endpoint, path) in lists(&honest).await {
        let gitlab = faulty(Scenario::GitlabCom, 250, &format!("{endpoint}@*=half-page")).await;
        for page in ["per_page=3&page=1", "per_page=2&page=2", "per_page=1&page=1", "per_page=2&page=99"] {
            let path = format!("/api/v4/{path}{page}");
            let whole = Caller::of(&honest).bearer(&path, Tokens::OWNER).await;
            let half = Caller::of(&gitlab).bearer(&path, Tokens::OWNER).await;
            let kept = rows(&whole);
            assert_eq!(rows(&half), kept[..kept.len() / 2], "{path}");
            assert_eq!(headers(&half), headers(&whole), "{path}");
        }
    }
    let honest = started(Scenario::SelfManagedPremium, 250).await;
    let gitlab = faulty(Scenario::SelfManagedPremium, 250, "users@*=half-page").await;
    let walk = format!("/api/v4/users?{WALK}");
    let whole = Caller::of(&honest).admin(&walk).await;
    let half = Caller::of(&gitlab).admin(&walk).await;
    assert_eq!((half.ids(), headers(&half)), (whole.ids()[..50].to_vec(), headers(&whole)), "keyset");
    let refused = Caller::of(&gitlab).get("/api/v4/users", "glpat-unknown").await;
    assert_eq!((refused.status.as_u16(), refused.text()), (401, r#"{"message":"401 Unauthorized"}"#));
}

#[tokio::test]
async fn a_page_can_be_clamped_without_a_header_that_tells_so() {
    let honest = started(Scenario::GitlabCom, 250).await;
    for (endpoint, path) in lists(&honest).await {
        let all =
            Caller::of(&honest).rows(&format!("/api/v4/{}", path.trim_end_matches(['?', '&'])), Tokens::OWNER).await;
        let gitlab = faulty(Scenario::GitlabCom, 250, &format!("{endpoint}@*=half-page-no-headers")).await;
        let caller = Caller::of(&gitlab);
        for (asked, size) in [("per_page=4", 2), ("per_page=1", 1), ("per_page=5", 2), ("per_page=700", 50), ("", 10)] {
            for page in 1..=3 {
                let answer = caller.bearer(&format!("/api/v4/{path}{asked}&page={page}"), Tokens::OWNER).await;
                let window: Vec<Value> = all.iter().skip((page - 1) * size).take(size).cloned().collect();
                assert_eq!(rows(&answer), window, "{endpoint}, {asked}, page {page}");
                assert_eq!(headers(&answer), [None; 9], "{endpoint}");
            }
        }
        let refused = caller.bearer(&format!("/api/v4/{path}per_page=0"), Tokens::OWNER).await;
        assert_eq!((refused.status.as_u16(), refused.text()), (400, r#"{"error":"per_page has a value not allowed"}"#));
    }
    let honest = started(Scenario::SelfManagedPremium, 250).await;
    let gitlab = faulty(Scenario::SelfManagedPremium, 250, "users@*=half-page-no-headers").await;
    let pages = Caller::of(&honest).keyset(WALK, Tokens::ADMINISTRATOR).await;
    for page in [format!("/api/v4/users?{WALK}"), pages[0].link("next").unwrap()] {
        let path = &page[page.find("/api/v4").unwrap()..];
        let whole = Caller::of(&honest).admin(path).await;
        let half = Caller::of(&gitlab).admin(path).await;
        assert_eq!((half.ids(), headers(&half)), (whole.ids()[..50].to_vec(), vec![None; 9]), "{path}");
    }
}

#[tokio::test]
async fn a_page_can_be_the_whole_list_whatever_was_asked_for() {
    let honest = started(Scenario::GitlabCom, 250).await;
    for (endpoint, path) in lists(&honest).await {
        let all =
            Caller::of(&honest).rows(&format!("/api/v4/{}", path.trim_end_matches(['?', '&'])), Tokens::OWNER).await;
        assert!(all.len() > 3, "{endpoint}");
        let gitlab = faulty(Scenario::GitlabCom, 250, &format!("{endpoint}@*=too-many-rows")).await;
        for page in ["per_page=3&page=1", "per_page=3&page=2", "per_page=2&page=99"] {
            let answer = Caller::of(&gitlab).bearer(&format!("/api/v4/{path}{page}"), Tokens::OWNER).await;
            assert_eq!(rows(&answer), all, "{endpoint}, {page}");
            let len = all.len().to_string();
            for (name, value) in [
                ("x-page", "1"),
                ("x-per-page", len.as_str()),
                ("x-next-page", ""),
                ("x-prev-page", ""),
                ("x-total", len.as_str()),
                ("x-total-pages", "1"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{endpoint}, {page}: {name}");
            }
            assert_eq!((answer.link("next"), answer.link("prev")), (None, None));
            for relation in ["first", "last"] {
                let link = answer.link(relation).unwrap();
                assert!(link.ends_with(&format!("page=1&per_page={len}")), "{link}");
            }
        }
    }
    // 250 rows beyond what a page may have; and by keyset those that are left.
    let honest = started(Scenario::SelfManagedPremium, 250).await;
    let gitlab = faulty(Scenario::SelfManagedPremium, 250, "users@*=too-many-rows").await;
    let pages = Caller::of(&honest).keyset(WALK, Tokens::ADMINISTRATOR).await;
    let ids: Vec<u64> = pages.iter().flat_map(Answer::ids).collect();
    let caller = Caller::of(&gitlab);
    let numbered = caller.admin(&format!("/api/v4/users?{}", WALK.replace("keyset", "legacy"))).await;
    assert_eq!((numbered.ids(), numbered.header("x-per-page")), (ids.clone(), Some("250")));
    let next = pages[0].link("next").unwrap();
    for (path, expected) in
        [(format!("/api/v4/users?{WALK}"), &ids[..]), (next[next.find("/api/v4").unwrap()..].to_owned(), &ids[100..])]
    {
        let answer = caller.admin(&path).await;
        assert_eq!(answer.ids(), expected, "{path}");
        assert_eq!((answer.header("link"), answer.header("x-next-cursor")), (None, None));
    }
}

#[tokio::test]
async fn a_version_can_be_hidden() {
    for (scenario, metadata) in [
        (Scenario::SelfManagedPremium, r#"{"enterprise":true}"#),
        (Scenario::GitlabCom, r#"{"enterprise":true}"#),
        (Scenario::Community, r#"{"enterprise":false}"#),
    ] {
        for (endpoint, expected) in [("metadata", metadata), ("version", "{}")] {
            let gitlab = faulty(scenario, 40, &format!("{endpoint}@1=no-version")).await;
            let path = format!("/api/v4/{endpoint}");
            let answer = Caller::of(&gitlab).own(&path, scenario).await;
            assert_eq!((answer.status.as_u16(), answer.text()), (200, expected), "{scenario} {endpoint}");
            assert!(Caller::of(&gitlab).own(&path, scenario).await.json()["version"].is_string(), "once");
        }
        let gitlab = faulty(scenario, 40, "metadata@*=no-version").await;
        assert_eq!(Caller::of(&gitlab).get("/api/v4/metadata", "glpat-unknown").await.status, 401);
    }
}

#[tokio::test]
async fn a_schema_can_lack_every_leaf() {
    let gitlab = faulty(Scenario::Duo, 60, "graphql@*=undefined-every-field").await;
    let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
    let query = "query q { users(first: 2) { edges { cursor node { id username mail: publicEmail } } nodes { __typename name } \
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } addOnPurchases { id name } }";
    let undefined = |name: &str, type_name: &str, column: usize, path: Value| {
        json!({
            "message": format!("Field '{name}' doesn't exist on type '{type_name}'"),
            "locations": [{ "line": 1, "column": column }],
            "path": path,
            "extensions": { "code": "undefinedField", "typeName": type_name, "fieldName": name },
        })
    };
    let at = |text: &str| query.find(text).unwrap() + 1;
    let answer = asker.pose(query, json!({})).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(
        answer.json(),
        json!({ "errors": [
            undefined("publicEmail", "UserCore", at("mail"), json!(["query q", "users", "edges", "node", "mail"])),
            undefined("name", "UserCore", at("name }"), json!(["query q", "users", "nodes", "name"])),
            undefined("name", "AddOnPurchase", query.rfind("name").unwrap() + 1, json!(["query q", "addOnPurchases", "name"])),
        ] })
    );
    let bare = "{ users(first: 2) { nodes { id username } pageInfo { endCursor } } }";
    let data = asker.data(bare, json!({})).await;
    assert_eq!(data["users"]["nodes"].as_array().unwrap().len(), 2, "what is left is answered");

    let gitlab = faulty(Scenario::Duo, 60, "graphql-license@1=undefined-every-field").await;
    let asker = Asker::new(&gitlab, Tokens::ADMINISTRATOR);
    assert!(asker.pose("{ addOnPurchases { name } }", json!({})).await.json().get("data").is_some());
    assert!(asker.pose("{ currentLicense { plan } }", json!({})).await.json().get("data").is_none());
    assert!(asker.pose("{ currentLicense { plan } }", json!({})).await.json().get("data").is_some());
}
