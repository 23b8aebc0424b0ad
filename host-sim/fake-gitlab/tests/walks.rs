//! Walks through `/users`: complete, in order, and with the headers of each kind of pagination.
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

use fake_gitlab::{CONFIGURED_URL, Options, Scenario, Tokens};
use http::StatusCode;
use serde_json::{Value, json};
use support::{Caller, WALK, on_a_fixed_day, own_links, started};

/// The rows of a walk must say of every account what is true of it.
fn assert_true(rows: &[Value], truth: &fake_gitlab::Truth) {
    let expected = truth.to_json();
    let expected = expected["users"].as_array().unwrap();
    assert_eq!(rows.len(), expected.len());
    for (row, facts) in rows.iter().zip(expected) {
        for key in ["id", "username", "name", "email", "state", "bot", "external", "is_admin", "last_activity_on"] {
            assert_eq!(row[key], facts[key], "{key} of {facts}");
        }
        assert_eq!(row.get("using_license_seat").unwrap_or(&Value::Null), &facts["using_license_seat"]);
        for key in ["created_at", "current_sign_in_at", "last_sign_in_at"] {
            assert_eq!(moment(&row[key]), moment(&facts[key]), "{key} of {facts}");
        }
        let identities: Vec<Value> = row["identities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|identity| json!({"provider": identity["provider"], "extern_uid": identity["extern_uid"]}))
            .collect();
        assert_eq!(json!(identities), facts["identities"]);
    }
}

fn moment(value: &Value) -> Option<time::OffsetDateTime> {
    let text = value.as_str()?;
    Some(time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap())
}

#[tokio::test]
async fn a_keyset_walk_is_complete_in_order_and_true_in_every_scenario() {
    let self_managed = |scenario: &Scenario| scenario.deployment() == "self-managed" && !scenario.hostile();
    for scenario in Scenario::ALL.into_iter().filter(self_managed) {
        let gitlab = started(scenario, 250).await;
        let pages = Caller::of(&gitlab).keyset(WALK, Tokens::ADMIN_MODE).await;
        let rows: Vec<Value> = pages.iter().flat_map(|page| page.json().as_array().unwrap().clone()).collect();
        assert_true(&rows, gitlab.truth());
        assert_eq!(pages.len(), 3);
        let last = pages.last().unwrap();
        assert_eq!(last.ids().len(), 50, "the last page has rows");
        if [Scenario::Oldest, Scenario::V15_11, Scenario::Older].contains(&scenario) {
            assert_eq!(last.header("x-next-page"), Some(""));
            assert_eq!(last.header("x-total"), Some("250"));
        } else {
            assert_eq!((last.header("link"), last.header("x-next-cursor")), (None, None));
            assert_eq!(last.header("x-total"), None);
        }
    }
}

#[tokio::test]
async fn a_last_page_that_is_full_still_has_no_next() {
    let gitlab = started(Scenario::SelfManagedPremium, 200).await;
    let pages = Caller::of(&gitlab).keyset(WALK, Tokens::ADMINISTRATOR).await;
    assert_eq!(pages.iter().map(|page| page.ids().len()).collect::<Vec<_>>(), [100, 100]);
}

#[tokio::test]
async fn a_link_names_the_configured_host_and_echoes_every_parameter() {
    let gitlab = started(Scenario::SelfManagedPremium, 250).await;
    let caller = Caller::of(&gitlab);
    let page = caller.get(&format!("/api/v4/users?{WALK}&private_token=seen"), Tokens::MEMBER).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED, "the parameter goes before the header");
    let path = format!("/api/v4/users?{WALK}&private_token={}", Tokens::ADMINISTRATOR);
    let page = caller.get(&path, Tokens::MEMBER).await;
    let next = page.link("next").unwrap();
    let cursor = page.header("x-next-cursor").unwrap();
    assert_eq!(
        next,
        format!(
            "{CONFIGURED_URL}/api/v4/users?cursor={}&exclude_external=false&exclude_internal=true&order_by=id&page=1\
             &pagination=keyset&per_page=100&private_token={}&sort=asc&with_custom_attributes=false\
             &without_project_bots=true&without_projects=false",
            cursor.replace('=', "%3D"),
            Tokens::ADMINISTRATOR
        )
    );
}

#[tokio::test]
async fn links_can_name_the_stand_in_itself_and_cursors_can_be_in_them_alone() {
    let options = Options { cursor_headers: false, ..own_links(on_a_fixed_day(Scenario::SelfManagedPremium, 250)) };
    let gitlab = fake_gitlab::start(options).await.unwrap();
    let page = Caller::of(&gitlab).admin(&format!("/api/v4/users?{WALK}")).await;
    assert!(page.link("next").unwrap().starts_with(&format!("{}/api/v4/users?", gitlab.base_url())));
    assert_eq!(page.header("x-next-cursor"), None);
}

#[tokio::test]
async fn a_cursor_leads_back_as_well_as_on_in_both_orders() {
    let gitlab = started(Scenario::SelfManagedPremium, 100).await;
    let caller = Caller::of(&gitlab);
    for sort in ["asc", "desc"] {
        let query = format!("pagination=keyset&order_by=id&per_page=30&sort={sort}");
        let pages = caller.keyset(&query, Tokens::ADMINISTRATOR).await;
        let ids: Vec<u64> = pages.iter().flat_map(|page| page.ids()).collect();
        let in_order = if sort == "asc" { ids.is_sorted() } else { ids.iter().rev().is_sorted() };
        assert!(in_order && ids.len() > 100, "{sort}: {ids:?}");
        assert_eq!(pages[0].header("x-prev-cursor"), None);
        let back = pages[2].header("x-prev-cursor").unwrap();
        let before = caller.admin(&format!("/api/v4/users?{query}&cursor={back}")).await;
        assert_eq!(before.text(), pages[1].text());
        assert_eq!(before.header("x-next-cursor"), pages[1].header("x-next-cursor"));
    }
}

#[tokio::test]
async fn keyset_refuses_other_orders_and_corrupt_cursors() {
    let gitlab = started(Scenario::SelfManagedPremium, 3).await;
    let caller = Caller::of(&gitlab);
    let other = caller.admin("/api/v4/users?pagination=keyset&order_by=name").await;
    assert_eq!(other.status.as_u16(), 405);
    assert_eq!(other.text(), r#"{"error":"Keyset pagination is not yet available for this type of request"}"#);
    let corrupt = caller.admin(&format!("/api/v4/users?{WALK}&cursor=%7B%7D")).await;
    assert_eq!((corrupt.status.as_u16(), corrupt.text()), (500, r#"{"message":"500 Internal Server Error"}"#));
}

#[tokio::test]
async fn windows_of_creation_split_the_walk_without_a_gap() {
    let gitlab = started(Scenario::SelfManagedPremium, 250).await;
    let caller = Caller::of(&gitlab);
    let middle = gitlab.truth().users[120].created_at;
    let border = middle.format(&time::format_description::well_known::Rfc3339).unwrap().replace('+', "%2B");
    let mut ids = Vec::new();
    for window in [format!("created_before={border}"), format!("created_after={border}")] {
        let pages = caller.keyset(&format!("{WALK}&{window}"), Tokens::ADMINISTRATOR).await;
        ids.extend(pages.iter().flat_map(|page| page.ids()));
    }
    assert_eq!(ids.len(), 251, "both ends belong to a window, so the account on the border is in both");
    ids.dedup();
    assert_eq!(ids, gitlab.truth().users.iter().map(|user| user.id).collect::<Vec<_>>());
    let bad = caller.admin("/api/v4/users?created_after=yesterday").await;
    assert_eq!((bad.status.as_u16(), bad.text()), (400, r#"{"error":"created_after is invalid"}"#));
}

#[tokio::test]
async fn an_offset_walk_has_totals_and_ends_with_an_empty_header() {
    let gitlab = started(Scenario::SelfManagedPremium, 250).await;
    let caller = Caller::of(&gitlab);
    let path = |page: u32| {
        format!("/api/v4/users?exclude_internal=true&without_project_bots=true&sort=asc&per_page=100&page={page}")
    };
    let mut ids = Vec::new();
    for (page, next, previous) in [(1, "2", ""), (2, "3", "1"), (3, "", "2")] {
        let answer = caller.admin(&path(page)).await;
        ids.extend(answer.ids());
        let headers = ["x-page", "x-per-page", "x-next-page", "x-prev-page", "x-total", "x-total-pages"];
        let page_text = page.to_string();
        assert_eq!(
            headers.map(|name| answer.header(name).unwrap()),
            [page_text.as_str(), "100", next, previous, "250", "3"]
        );
        assert_eq!(answer.link("next").is_some(), page < 3);
        assert_eq!(answer.link("prev").is_some(), page > 1);
        assert!(answer.link("first").unwrap().contains("page=1&per_page=100"));
        assert!(answer.link("last").unwrap().contains("page=3&per_page=100"));
    }
    assert_eq!(ids, gitlab.truth().users.iter().map(|user| user.id).collect::<Vec<_>>());
    let beyond = caller.admin(&path(4)).await;
    assert_eq!((beyond.text(), beyond.header("x-next-page")), ("[]", Some("")));
}

#[tokio::test]
async fn many_rows_are_not_counted_and_deep_pages_are_refused_since_seventeen() {
    let beyond = "/api/v4/users?per_page=100&page=501";
    for (scenario, status) in [(Scenario::SelfManagedPremium, 405), (Scenario::Older, 200)] {
        let gitlab = started(scenario, 52_000).await;
        let caller = Caller::of(&gitlab);
        let first = caller.admin("/api/v4/users?per_page=100").await;
        assert_eq!((first.header("x-total"), first.header("x-total-pages"), first.link("last")), (None, None, None));
        assert_eq!(first.header("x-next-page"), Some("2"));
        let deep = caller.admin(beyond).await;
        assert_eq!(deep.status.as_u16(), status);
        if status == 405 {
            assert_eq!(
                deep.text(),
                r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type User. Remaining records can be retrieved using keyset pagination."}"#
            );
        }
        assert_eq!(caller.admin("/api/v4/users?per_page=100&page=500").await.ids().len(), 100);
    }
}

#[tokio::test]
async fn exactly_ten_thousand_rows_are_counted() {
    let query = "/api/v4/users?exclude_internal=true&without_project_bots=true";
    for (users, total) in [(10_000, Some("10000")), (10_001, None)] {
        let gitlab = started(Scenario::SelfManagedPremium, users).await;
        assert_eq!(Caller::of(&gitlab).admin(query).await.header("x-total"), total);
    }
}

#[tokio::test]
async fn page_sizes_have_a_default_a_ceiling_and_no_zero() {
    let gitlab = started(Scenario::SelfManagedPremium, 150).await;
    let caller = Caller::of(&gitlab);
    for (query, rows) in [("", 20), ("per_page=7", 7), ("per_page=1000", 100), ("per_page=1000&pagination=keyset", 100)]
    {
        assert_eq!(caller.admin(&format!("/api/v4/users?{query}")).await.ids().len(), rows, "{query}");
    }
    for (query, sentence) in [
        ("per_page=0", "per_page has a value not allowed"),
        ("per_page=many", "per_page is invalid"),
        ("sort=up", "sort does not have a valid value"),
        ("order_by=email", "order_by does not have a valid value"),
        ("active=perhaps", "active is invalid"),
    ] {
        let answer = caller.admin(&format!("/api/v4/users?{query}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (400, json!({ "error": sentence })), "{query}");
    }
}

#[tokio::test]
async fn conditions_keep_what_they_name() {
    let gitlab = started(Scenario::SelfManagedPremium, 90).await;
    let caller = Caller::of(&gitlab);
    let rows = async |query: &str| {
        let answer = caller.admin(&format!("/api/v4/users?per_page=100&sort=asc&{query}")).await;
        answer.json().as_array().unwrap().clone()
    };
    let all = rows("").await;
    let walk = rows("exclude_internal=true&without_project_bots=true").await;
    assert_eq!((walk.len(), all.len() > 94), (90, true), "{} in all", all.len());
    let expect = async |query: &str, test: &dyn Fn(&Value) -> bool| {
        let kept = rows(query).await;
        let expected: Vec<Value> = all.iter().filter(|row| test(row)).cloned().collect();
        assert!(!kept.is_empty(), "{query}");
        assert_eq!(kept, expected, "{query}");
    };
    expect("active=true", &|row| row["state"] == "active").await;
    expect("blocked=true", &|row| row["state"] == "blocked" || row["state"] == "ldap_blocked").await;
    expect("external=true", &|row| row["external"] == true).await;
    expect("exclude_external=true", &|row| row["external"] == false).await;
    expect("admins=true", &|row| row["is_admin"] == true).await;
    expect("username=ROOT", &|row| row["username"] == "root").await;
    expect("username=ghost", &|row| row["username"] == "ghost" && row["bot"] == false).await;
    expect("search=Bot", &|row| {
        [&row["username"], &row["name"]].iter().any(|text| text.as_str().unwrap().to_lowercase().contains("bot"))
    })
    .await;
    expect("id_after=50", &|_| true).await;
    assert!(walk.iter().any(|row| row["bot"] == true), "service accounts stay");
    let named = rows("order_by=username").await;
    assert!(named.iter().map(|row| row["username"].as_str().unwrap()).is_sorted());
}

#[tokio::test]
async fn equal_options_give_equal_bytes() {
    let body = async |options: Options| {
        let gitlab = fake_gitlab::start(options).await.unwrap();
        let pages = Caller::of(&gitlab).keyset(WALK, Tokens::ADMINISTRATOR).await;
        let license = Caller::of(&gitlab).admin("/api/v4/license").await;
        pages.iter().map(|page| page.text()).chain([license.text()]).collect::<String>()
    };
    let options = on_a_fixed_day(Scenario::SelfManagedPremium, 120);
    let once = body(options.clone()).await;
    assert_eq!(once, body(options.clone()).await);
    assert_ne!(once, body(Options { seed: 21, ..options.clone() }).await);
    let tomorrow = options.today.next_day().unwrap();
    assert_ne!(once, body(Options { today: tomorrow, ..options }).await);
}
