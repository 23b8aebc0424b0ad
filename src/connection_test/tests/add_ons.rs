//! The check of add-ons.

use super::*;

/// The check where the list of purchases answers this.
fn with_purchases(answer: Response) -> Report {
    GitLab { more: vec![(USERS, json(200, ROW)), (PURCHASES, answer)], ..GitLab::default() }.report()
}

#[test]
fn add_ons_are_named_with_what_was_bought_and_given() {
    assert_eq!(passed(&with_purchases(json(200, NO_PURCHASES)), "add-ons"), "No add-ons are bought.");
    let some = r#"{"data":{"purchases":[
        {"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"CODE_SUGGESTIONS","bought":10,"assigned":2},
        {"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/6","name":"DUO_CORE","bought":300,"assigned":0},
        {"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/7","name":"MIND_READER","bought":null,"assigned":1}]}}"#;
    assert_eq!(
        passed(&with_purchases(json(200, some)), "add-ons"),
        "GitLab Duo Pro, 10 seats, 2 given to people; GitLab Duo Core; MIND_READER."
    );
}

#[test]
fn an_older_version_is_asked_for_each_add_on() {
    let one = r#"{"data":{"pro":{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"CODE_SUGGESTIONS","bought":10,"assigned":2},"enterprise":null}}"#;
    let metadata = json(200, &METADATA.replace("18.9.1", "17.4.0"));
    let more = vec![(USERS, json(200, ROW)), ("/api/graphql addOnPurchase(", json(200, one))];
    let report = GitLab { metadata, more, ..GitLab::default() }.report();
    assert_eq!(passed(&report, "add-ons"), "GitLab Duo Pro, 10 seats, 2 given to people.");
}

#[test]
fn add_ons_that_are_not_wanted_are_not_asked_for() {
    let mut script = GitLab { more: vec![(USERS, json(200, ROW))], ..GitLab::default() }.script();
    let report = report(&mut script, "gitlab.example", &[("add_ons", "false")]);
    assert!(passed(&report, "add-ons").contains("switch them off"));
    assert_eq!((report.outcome, script.queries()), (Status::Pass, vec![]));
}

#[test]
fn a_version_that_tells_nothing_of_add_ons_is_a_warning() {
    let metadata = json(200, &METADATA.replace("18.9.1", "16.6.3"));
    let mut script = GitLab { metadata, more: vec![(USERS, json(200, ROW))], ..GitLab::default() }.script();
    let report = report(&mut script, "gitlab.example", &[]);
    assert_warned(&report, "add-ons", "16.7 was the first", "Upgrade GitLab");
    assert_eq!(script.queries(), Vec::<String>::new());
}

#[test]
fn add_ons_that_are_refused_are_a_warning_with_a_way_out() {
    let off = "Switch add-on seats off in the settings of this source";
    let undefined = r#"{"errors":[{"message":"Field 'name' doesn't exist on type 'AddOnPurchase'"}]}"#;
    for (answer, words, remedy) in [
        (json(200, undefined), "the field name", off.to_owned()),
        (json(200, NO_PERMISSION), "did not find", format!("Or else: {off}")),
        (json(401, r#"{"errors":[{"message":"Invalid token"}]}"#), "lacks the scope read_api", "read_api".to_owned()),
        (json(500, "{}"), "500", format!("Or else: {off}")),
        (json(404, NO_ROUTE), "no such endpoint", format!("Or else: {off}")),
    ] {
        assert_warned(&with_purchases(answer), "add-ons", words, &remedy);
    }
}

#[test]
fn an_empty_list_is_believed_by_administrators_only() {
    let more = vec![
        (USERS, json(200, ROW)),
        (CURRENT_LICENSE, json(200, NO_PERMISSION)),
        (PURCHASES, json(200, NO_PURCHASES)),
    ];
    let report = GitLab { user: json(200, MEMBER), license: json(403, FORBIDDEN), more, ..GitLab::default() }.report();
    assert_warned(&report, "add-ons", "administrators and Owners only", "Enter the token of an administrator");
}
