//! What is asked, to the letter, of each version.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use super::*;
use crate::clock::FixedClock;
use crate::gitlab::client::Credential;
use crate::gitlab::entities::Data;
use crate::scripted::{Script, json, settings};
use serde_json::{Value, json};

const NEWEST: Optional = Optional(0);

fn parts(query: &Query) -> (String, Value) {
    let body: Value = serde_json::from_slice(&query.body()).unwrap();
    (body["query"].as_str().unwrap().to_owned(), body["variables"].clone())
}

fn number(digits: &str) -> Id {
    Id::parse(digits).unwrap()
}

fn without(names: &[&str]) -> Optional {
    Optional(names.iter().fold(0, |bits, name| {
        assert_ne!(Optional::bit(name), 0, "{name}");
        bits | Optional::bit(name)
    }))
}

#[test]
fn the_license_is_asked_for_by_the_names_of_rest() {
    let expected = "query{ license: currentLicense { plan starts_at: startsAt expires_at: expiresAt user_limit: usersInLicenseCount active_users: billableUsersCount maximum_user_count: maximumUserCount trial } }";
    assert_eq!(parts(&license(NEWEST)), (expected.to_owned(), json!({})));
}

#[test]
fn people_are_asked_for_with_what_this_gitlab_has() {
    let users = |optional, after| parts(&users(optional, after));
    let text = |fields: &str| {
        format!(
            "query($after: String) {{ list: users(first: 100, after: $after) {{ edges {{ node {{ id username name{fields} }} }} pageInfo {{ endCursor hasNextPage }} }} }}"
        )
    };
    let newest = text(" public_email: publicEmail state bot last_activity_on: lastActivityOn created_at: createdAt");
    assert_eq!(users(NEWEST, None), (newest.clone(), json!({"after":null})));
    assert_eq!(users(NEWEST, Some("eyJ\"=")), (newest.clone(), json!({"after":"eyJ\"="})));
    // What is missing in these versions is not in this list.
    assert_eq!(users(Optional::lacking(Some((17, 4))), None).0, newest);
    assert_eq!(users(Optional::lacking(Some((16, 11))), None).0, newest);
    assert_eq!(
        users(Optional::lacking(Some((16, 5))), None).0,
        text(" public_email: publicEmail state bot created_at: createdAt")
    );
    assert_eq!(
        users(without(&["state", "bot", "lastActivityOn"]), None).0,
        text(" public_email: publicEmail created_at: createdAt")
    );
    assert_eq!(users(Optional(u32::MAX), None).0, text(""));
    assert_eq!(
        users(without(&["bot"]), None).0,
        text(" public_email: publicEmail state last_activity_on: lastActivityOn created_at: createdAt")
    );
}

#[test]
fn members_are_asked_for_below_the_group_and_among_those_invited() {
    let members = |optional| parts(&group_members("acme/r&d \"x\"", optional, Some("c")));
    let text = |fields: &str| {
        format!(
            "query($path: ID!, $after: String) {{ scope: group(fullPath: $path) {{ list: groupMembers(relations: [DIRECT, INHERITED, DESCENDANTS, SHARED_FROM_GROUPS], first: 100, after: $after) {{ edges {{ node {{ user {{ id username name{fields} }} }} }} pageInfo {{ endCursor hasNextPage }} }} }} }}"
        )
    };
    let variables = json!({"path":"acme/r&d \"x\"","after":"c"});
    assert_eq!(
        members(NEWEST),
        (
            text(" public_email: publicEmail state bot last_activity_on: lastActivityOn created_at: createdAt"),
            variables
        )
    );
    assert_eq!(
        members(without(&["lastActivityOn"])).0,
        text(" public_email: publicEmail state bot created_at: createdAt")
    );
}

#[test]
fn purchases_are_a_list_since_17_5_and_one_by_one_before() {
    const FIELDS: &str = "{ id name bought: purchasedQuantity assigned: assignedQuantity }";
    let text = |release| parts(&purchases(None, Optional::lacking(release))).0;
    let list = format!("query($ns: NamespaceID) {{ purchases: addOnPurchases(namespaceId: $ns) {FIELDS} }}");
    let pro = format!("pro: addOnPurchase(addOnType: CODE_SUGGESTIONS, namespaceId: $ns) {FIELDS}");
    let enterprise = format!("enterprise: addOnPurchase(addOnType: DUO_ENTERPRISE, namespaceId: $ns) {FIELDS}");
    for (release, expected) in [
        (None, list.clone()),
        (Some((19, 2)), list.clone()),
        (Some((17, 5)), list),
        (Some((17, 4)), format!("query($ns: NamespaceID) {{ {pro} {enterprise} }}")),
        (Some((17, 3)), format!("query($ns: NamespaceID) {{ {pro} {enterprise} }}")),
        (Some((17, 2)), format!("query($ns: NamespaceID) {{ {pro} }}")),
        (Some((16, 11)), format!("query($ns: NamespaceID) {{ {pro} }}")),
    ] {
        assert_eq!(text(release), expected, "{release:?}");
    }
    for optional in [None, Some((16, 11))].map(Optional::lacking) {
        assert_eq!(parts(&purchases(None, optional)).1, json!({"ns":null}), "of the instance");
        assert_eq!(parts(&purchases(Some(&number("9")), optional)).1, json!({"ns":"gid://gitlab/Group/9"}));
    }
}

/// The arguments of the list and its fields, which are the same for a group and for an instance.
fn of_holders(arguments: &str, fields: &str) -> String {
    format!(
        "(addOnType: $type, addOnPurchaseIds: $ids, first: 100, after: $after{arguments}) {{ edges {{ cursor node {{ id username name{fields} held: addOnAssignments(addOnPurchaseIds: $ids, first: 1) {{ nodes {{ addOnPurchase {{ id }} }} }} }} }} pageInfo {{ endCursor hasNextPage }} }}"
    )
}

const OF_HOLDERS: &str =
    "$type: GitlabSubscriptionsAddOnType!, $ids: [GitlabSubscriptionsAddOnPurchaseID!]!, $after: String";
const FILTERED: &str = ", filterByAssignedSeat: \"true\", sort: ID_ASC";

#[test]
fn holders_are_asked_for_in_a_group_by_its_path_and_else_in_the_instance() {
    let fields = " public_email: publicEmail state bot last_activity_on: lastActivityOn last_login_at: lastLoginAt last_duo_activity_on: lastDuoActivityOn";
    let list = of_holders(FILTERED, fields);
    let group = holders(Some("acme"), "DUO_ENTERPRISE", &number("5"), NEWEST, Some("c"));
    assert_eq!(
        parts(&group),
        (
            format!(
                "query($path: ID!, {OF_HOLDERS}) {{ scope: namespace(fullPath: $path) {{ list: addOnEligibleUsers{list} }} }}"
            ),
            json!({"type":"DUO_ENTERPRISE","ids":["gid://gitlab/GitlabSubscriptions::AddOnPurchase/5"],"after":"c","path":"acme"})
        )
    );
    let instance = holders(None, "CODE_SUGGESTIONS", &number("6"), NEWEST, None);
    assert_eq!(
        parts(&instance),
        (
            format!("query({OF_HOLDERS}) {{ list: selfManagedAddOnEligibleUsers{list} }}"),
            json!({"type":"CODE_SUGGESTIONS","ids":["gid://gitlab/GitlabSubscriptions::AddOnPurchase/6"],"after":null})
        )
    );
}

#[test]
fn holders_are_asked_for_with_what_this_gitlab_has() {
    let text = |optional| parts(&holders(None, "CODE_SUGGESTIONS", &number("6"), optional, None)).0;
    let whole = |arguments: &str, fields: &str| {
        format!("query({OF_HOLDERS}) {{ list: selfManagedAddOnEligibleUsers{} }}", of_holders(arguments, fields))
    };
    let known = " public_email: publicEmail state bot last_activity_on: lastActivityOn last_login_at: lastLoginAt";
    for release in [(17, 4), (16, 11), (16, 7)] {
        assert_eq!(text(Optional::lacking(Some(release))), whole(", sort: ID_ASC", known), "{release:?}");
    }
    assert_eq!(text(without(&["lastDuoActivityOn"])), whole(FILTERED, known));
    assert_eq!(
        text(without(&["lastDuoActivityOn", "lastLoginAt", "lastActivityOn"])),
        whole(FILTERED, " public_email: publicEmail state bot")
    );
    let nothing = without(&OPTIONAL);
    let bare = whole("", "");
    let held = " held: addOnAssignments(addOnPurchaseIds: $ids, first: 1) { nodes { addOnPurchase { id } } }";
    assert!(bare.contains(held));
    assert_eq!(text(nothing), bare.replace(held, ""));
}

/// 10,000 characters are GitLab's limit, and 16 KiB that of the transport.
#[test]
fn the_longest_query_is_short() {
    let query = holders(Some(&"x".repeat(255)), "DUO_ENTERPRISE", &number("5"), NEWEST, Some(&"c".repeat(2048)));
    assert!(parts(&query).0.len() < 1_000);
    assert!(query.body().len() < 4_000);
}

#[test]
fn what_a_version_lacks_is_known_before_it_is_asked() {
    let lacks = |release| {
        let optional = Optional::lacking(release);
        OPTIONAL.into_iter().filter(|name| !optional.asks(name)).collect::<Vec<_>>()
    };
    assert_eq!(lacks(None), Vec::<&str>::new(), "a version that is hidden counts as the newest");
    assert_eq!(lacks(Some((19, 2))), Vec::<&str>::new());
    assert_eq!(lacks(Some((17, 5))), Vec::<&str>::new());
    assert_eq!(lacks(Some((17, 4))), ["lastDuoActivityOn", "filterByAssignedSeat", "addOnPurchases"]);
    assert_eq!(lacks(Some((16, 6))), ["lastDuoActivityOn", "filterByAssignedSeat", "addOnPurchases", "DUO_ENTERPRISE"]);
    assert_eq!(
        lacks(Some((16, 5))),
        ["lastDuoActivityOn", "lastActivityOn", "filterByAssignedSeat", "addOnPurchases", "DUO_ENTERPRISE"]
    );
}

#[test]
fn what_is_learned_is_what_can_be_left_out() {
    let field = |name: &str| QueryError::UndefinedField { field: name.to_owned(), on: "X".to_owned() };
    let argument = |name: &str| QueryError::UndefinedArgument { argument: name.to_owned(), on: "x".to_owned() };
    let mut optional = Optional::default();
    assert!(!optional.learn(&[]));
    assert!(!optional.learn(&[field("username"), QueryError::TimedOut, QueryError::Other("bot".to_owned())]));
    assert_eq!(optional, Optional::default());
    assert!(optional.learn(&[field("lastDuoActivityOn"), field("username")]));
    assert_eq!(optional, without(&["lastDuoActivityOn"]));
    assert!(!optional.learn(&[field("lastDuoActivityOn")]), "learned before: asking again would bring the same");
    assert!(optional.learn(&[argument("filterByAssignedSeat"), argument("sort"), field("lastLoginAt")]));
    assert_eq!(optional, without(&["lastDuoActivityOn", "filterByAssignedSeat", "sort", "lastLoginAt"]));
}

#[test]
fn each_name_has_a_bit_of_its_own() {
    let mut all = 0;
    for name in OPTIONAL {
        let bit = Optional::bit(name);
        assert_eq!((bit.count_ones(), all & bit), (1, 0), "{name}");
        assert!(!Optional(bit).asks(name) && Optional(!bit).asks(name), "{name}");
        all |= bit;
    }
    assert!(Optional(u32::MAX).asks("username"), "what every version has is always asked for");
}

const UNDEFINED: &str = r#"{"errors":[{"message":"Field 'lastActivityOn' doesn't exist on type 'UserCore'","path":["query"],"extensions":{"code":"undefinedField","typeName":"UserCore","fieldName":"lastActivityOn"}}]}"#;
const PEOPLE: &str = r#"{"data":{"list":{"edges":[{"node":{"id":"gid://gitlab/User/7","username":"u"}}],"pageInfo":{"endCursor":null,"hasNextPage":false}}}}"#;

/// The rows that came, what was learned, and the queries that were sent.
fn ask_people(answers: &[&str]) -> (Option<usize>, Optional, Vec<String>) {
    let mut script = Script::new(answers.iter().map(|body| ("/api/graphql users", json(200, body))));
    let settings = settings("https://gitlab.example");
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &FixedClock(1_769_904_000));
    let mut optional = Optional::default();
    let answer = ask::<Data>(&mut client, &mut optional, |optional| users(optional, None)).unwrap();
    let rows = answer.data.and_then(|data| data.list).map(|list| list.edges.len());
    (rows, optional, script.queries())
}

#[test]
fn a_list_is_asked_for_once_more_without_what_is_unknown() {
    let (rows, optional, sent) = ask_people(&[UNDEFINED, PEOPLE]);
    assert_eq!((rows, optional), (Some(1), without(&["lastActivityOn"])));
    let asks: Vec<bool> = sent.iter().map(|body| body.contains("lastActivityOn")).collect();
    assert_eq!(asks, [true, false]);
}

fn undefined(names: &[&str]) -> String {
    let errors: Vec<String> =
        names.iter().map(|name| format!(r#"{{"message":"Field '{name}' doesn't exist on type 'X'"}}"#)).collect();
    format!(r#"{{"errors":[{}]}}"#, errors.join(","))
}

/// GitLab names five unknown fields at most, however many there are.
#[test]
fn fields_that_are_named_later_are_left_out_later() {
    let all = ["state", "bot", "lastActivityOn", "publicEmail", "createdAt"];
    let each = all.map(|name| undefined(&[name]));
    let mut answers: Vec<&str> = each.iter().map(String::as_str).collect();
    answers.push(PEOPLE);
    let (rows, optional, sent) = ask_people(&answers);
    assert_eq!((rows, optional, sent.len()), (Some(1), without(&all), 6));
    // Not for ever.
    let more = undefined(&["sort"]);
    answers.insert(0, &more);
    assert_eq!(ask_people(&answers).0, None);
}

#[test]
fn what_cannot_be_left_out_is_not_asked_for_again() {
    let (rows, _, sent) = ask_people(&[UNDEFINED, UNDEFINED, PEOPLE]);
    assert_eq!((rows, sent.len()), (None, 2), "left out, and still complained of");
    let other = UNDEFINED.replace("lastActivityOn", "username");
    let (rows, optional, sent) = ask_people(&[&other, PEOPLE]);
    assert_eq!((rows, optional, sent.len()), (None, Optional::default(), 1), "nothing that can be left out");
    let both = PEOPLE.replacen('{', r#"{"errors":[{"message":"Field 'bot' doesn't exist on type 'X'"}],"#, 1);
    let (rows, _, sent) = ask_people(&[&both]);
    assert_eq!((rows, sent.len()), (Some(1), 1), "what came is not asked for again");
}

/// The purchases that came, and the queries that were sent.
fn ask_for_purchases(optional: Optional, answers: &[&str]) -> (Result<Vec<Purchase>, Refusal>, Vec<String>) {
    let mut script = Script::new(answers.iter().map(|body| ("/api/graphql addOnPurchase", json(200, body))));
    let settings = settings("https://gitlab.example");
    let mut client = Client::new(&settings, &Credential::Injected, &mut script, &FixedClock(1_769_904_000));
    let found = ask_purchases(&mut client, &mut { optional }, None, None);
    (found, script.queries())
}

#[test]
fn purchases_without_a_number_are_purchases_all_the_same() {
    let bought =
        r#"{"data":{"purchases":[{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"X","bought":3}]}}"#;
    let (found, sent) = ask_for_purchases(NEWEST, &[&undefined(&["assignedQuantity"]), bought]);
    let found = found.unwrap();
    assert_eq!((found.len(), found[0].bought, found[0].assigned), (1, Some(3), None));
    assert!(sent[0].contains("assignedQuantity") && !sent[1].contains("assignedQuantity"), "{sent:?}");
}

#[test]
fn a_gitlab_that_hides_its_version_is_asked_as_an_older_one_too() {
    let one = r#"{"data":{"pro":{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"CODE_SUGGESTIONS"},"enterprise":null}}"#;
    let unknown = undefined(&["addOnPurchases"]);
    let (found, sent) = ask_for_purchases(NEWEST, &[&unknown, one]);
    assert_eq!((found.unwrap().len(), sent.len()), (1, 2));
    // Since when the second one can be asked for is not told to the minor version.
    let no_value = r#"{"errors":[{"message":"Argument 'addOnType' on Field 'addOnPurchase' has an invalid value (DUO_ENTERPRISE). Expected type 'GitlabSubscriptionsAddOnType!'."}]}"#;
    let (found, sent) = ask_for_purchases(Optional::lacking(Some((17, 3))), &[no_value, one]);
    assert_eq!((found.unwrap().len(), sent.len()), (1, 2));
    assert!(sent[0].contains("DUO_ENTERPRISE") && !sent[1].contains("DUO_ENTERPRISE"), "{sent:?}");
    let (found, sent) = ask_for_purchases(Optional::lacking(Some((16, 11))), &[&undefined(&["addOnPurchase"])]);
    assert!(matches!(found, Err(Refusal::NotInSchema(_))) && sent.len() == 1, "{found:?}");
}
