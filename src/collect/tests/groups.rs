//! Top-level groups of GitLab.com, read by an owner.

use super::*;

/// An owner of these groups.
pub(super) fn owner(groups: &[u64]) -> Vec<Line> {
    let mut lines = vec![line("/api/v4/metadata", json(200, METADATA)), line("/api/v4/user", json(200, MEMBER))];
    lines.push(line(group_list(50, 1, 50), last(groups_of(groups.iter().copied()))));
    lines
}

/// What is told of a group's plan.
pub(super) fn plan(id: u64, code: &str, counted: u64, in_use: u64) -> Vec<Line> {
    let namespace = format!(
        r#"{{"id":{id},"name":"G {id}","kind":"group","full_path":"g{id}","parent_id":null,"plan":"{code}","billable_members_count":{counted},"seats_in_use":{in_use}}}"#
    );
    let subscription = format!(
        r#"{{"plan":{{"code":"{code}","trial":false,"auto_renew":true,"exclude_guests":{}}},"usage":{{"seats_in_subscription":5,"seats_in_use":{in_use},"max_seats_used":6,"seats_owed":1}},"billing":{{"subscription_start_date":"2025-09-01","subscription_end_date":"2026-09-01","trial_ends_on":null}}}}"#,
        code == "ultimate"
    );
    vec![
        line(format!("/api/v4/namespaces/{id}"), json(200, &namespace)),
        line(format!("/api/v4/namespaces/{id}/gitlab_subscription"), json(200, &subscription)),
    ]
}

fn purchases(id: u64, list: &str) -> Line {
    line(format!("/api/graphql gid://gitlab/Group/{id}\""), json(200, &format!(r#"{{"data":{{"purchases":{list}}}}}"#)))
}

pub(super) fn billable_path(id: u64, size: u8, number: u64) -> String {
    format!("/api/v4/groups/{id}/billable_members?per_page={size}&page={number}")
}

/// A row of the list of seats.
pub(super) fn holder(id: u64) -> String {
    format!(
        r#"{{"id":{id},"username":"u{id}","name":"U {id}","state":"active","email":"u{id}@c.example","last_activity_on":"2026-01-30","membership_type":"group_member","removable":true,"created_at":"2020-01-01T00:00:00Z","is_last_owner":false,"last_login_at":null}}"#
    )
}

/// The list of seats of a group, in one page.
pub(super) fn billable(id: u64, size: u8, holders: &[u64]) -> Line {
    line(billable_path(id, size, 1), last(list(holders.iter().map(|id| holder(*id)))))
}

/// Those of the holders who are members of the group itself.
pub(super) fn among(id: u64, holders: &[u64], answer: Response) -> Line {
    let users: Vec<String> = holders.iter().map(|id| format!("&user_ids%5B%5D={id}")).collect();
    line(format!("/api/v4/groups/{id}/members/all?show_seat_info=true&per_page=100{}", users.concat()), answer)
}

pub(super) fn com(extra: &[(&str, &str)]) -> Configuration {
    settings_of("gitlab.com", extra)
}

fn no_add_ons() -> Configuration {
    com(&[("add_ons", "false")])
}

/// Neither the list of members nor their roles are asked for, and nothing is said to be missing.
#[test]
fn without_the_members_the_list_of_seats_is_read_alone() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "ultimate", 2, 2));
    lines.push(billable(9, 100, &[1, 4]));
    let run = Run::to_the_end(&com(&[("add_ons", "false"), ("members", "false")]), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec![], true));
    let role = |seat: &&Assignment| (seat.user_id.clone(), seat.consumes_seat, seat.role.clone());
    let expected = ["1", "4"].map(|id| (id.to_owned(), Some(true), None));
    assert_eq!(run.assignments().iter().map(role).collect::<Vec<_>>(), expected);
}

#[test]
fn an_owner_of_two_groups_reads_both_to_their_ends() {
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "ultimate", 2, 2));
    lines.push(purchases(9, r#"[{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"DUO_ENTERPRISE","bought":2,"assigned":1}]"#));
    lines.push(billable(9, 100, &[1, 4]));
    lines.push(among(9, &[1, 4], list([member(4, 30, Some(true))])));
    lines.push(line(members_path(9, 1), last(list([member(4, 30, Some(true)), member(8, 10, Some(false))]))));
    lines.push(line("/api/graphql AddOnPurchase/5", of_group(&people(&[4], None))));
    lines.extend(plan(12, "premium", 1, 1));
    lines.push(purchases(12, "[]"));
    lines.push(billable(12, 100, &[4]));
    lines.push(among(12, &[4], list([])));
    lines.push(line(members_path(12, 1), last(list([]))));
    let run = Run::to_the_end(&com(&[]), lines);

    use Stage::{Billable, Group, Holders, Others};
    assert_eq!(run.stages(), [Group, Others, Billable, Holders, Group, Others, Billable]);
    assert_eq!(run.places.iter().map(|place| place.requests).collect::<Vec<_>>(), [3, 7, 8, 10, 11, 14, 15]);
    let progress: Vec<&str> = run.batches.iter().map(|batch| batch.progress.stage).collect();
    assert_eq!(progress, ["groups", "plan", "members", "seats", "add-on seats", "plan", "members", "seats"]);
    assert_eq!(run.codes(), Vec::<&str>::new());
    let summary = run.summary();
    assert!(summary.complete);
    assert_eq!(
        (summary.counts.sources, summary.counts.pools, summary.counts.assignments, summary.requests),
        (1, 3, 5, 17)
    );

    assert_eq!(run.pool_ids(), ["group:9:ultimate", "group:9:add-on:DUO_ENTERPRISE", "group:12:premium"]);
    assert_eq!(
        run.verdicts(),
        [
            ("group:9:ultimate", "8", Some(false)),
            ("group:9:ultimate", "1", Some(true)),
            ("group:9:ultimate", "4", Some(true)),
            ("group:9:add-on:DUO_ENTERPRISE", "4", Some(true)),
            // A person in two groups holds two seats.
            ("group:12:premium", "4", Some(true)),
        ]
    );
    let seats = run.assignments();
    assert_eq!(
        (seats[1].role.as_deref(), seats[1].assigned_on.as_deref()),
        (None, None),
        "no member of the group itself"
    );
    assert_eq!((seats[2].role.as_deref(), seats[2].assigned_on.as_deref()), (Some("Developer"), Some("2024-05-05")));
    assert_eq!(seats[0].non_consuming_reason, Some("guest"), "guests are free by the word of the subscription");
    let source = run.source();
    assert_eq!(
        (source.source_key.as_str(), source.plan.as_deref(), source.edition),
        ("https://gitlab.com#groups", None, Some("EE"))
    );
    let capabilities = source.capabilities;
    assert_eq!(
        (capabilities.totals, capabilities.assignments, capabilities.add_ons),
        (Capability::Yes, Capability::Yes, Capability::Yes)
    );
    assert_eq!(
        (capabilities.expiry, capabilities.max_used, capabilities.email),
        (Capability::Yes, Capability::Yes, Capability::Unknown)
    );
}

#[test]
fn what_was_known_of_a_group_is_forgotten_with_it() {
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "ultimate", 1, 1));
    lines.push(billable(9, 100, &[1]));
    lines.push(among(9, &[1], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.extend(plan(12, "premium", 1, 1));
    let run = Run::until_it_stops(&no_add_ons(), Script::new(lines));
    let place = run.places.last().unwrap();
    assert_eq!((place.stage, place.plan.as_deref(), place.guests_free), (Stage::Others, Some("premium"), Some(false)));
    assert_eq!((place.pool_id.as_deref(), place.allocated, place.seats), (Some("group:12:premium"), Some(1), 0));
    assert_eq!((place.queue.len(), place.groups.as_ref()), (0, None));
    assert_eq!(place.group.as_ref().map(|group| (group.id.as_str(), group.path.as_str())), Some(("12", "g12")));
}

#[test]
fn a_group_that_cannot_be_read_is_passed_over_and_the_others_are_read() {
    let gone = json(404, r#"{"message":"404 Namespace Not Found"}"#);
    let subgroup = json(200, r#"{"id":7,"kind":"group","full_path":"a/b","parent_id":3}"#);
    let person = json(200, r#"{"id":7,"kind":"user","full_path":"mira","parent_id":null}"#);
    for (namespace, words) in [
        (gone, "did not find"),
        (json(403, FORBIDDEN), "403"),
        (subgroup, "no top-level group"),
        (person, "no top-level group"),
    ] {
        let mut lines = owner(&[7, 9]);
        lines.push(line("/api/v4/namespaces/7", namespace));
        lines.push(line("/api/v4/namespaces/7/gitlab_subscription", json(403, FORBIDDEN)));
        lines.extend(plan(9, "premium", 1, 1));
        lines.push(billable(9, 100, &[4]));
        lines.push(among(9, &[4], list([])));
        lines.push(line(members_path(9, 1), last(list([]))));
        let run = Run::to_the_end(&no_add_ons(), lines);
        assert_eq!((run.codes(), run.is_complete()), (vec!["group-not-read"], false));
        let warning = run.warning("group-not-read");
        assert!(warning.message.contains(words) && warning.message.contains("number 7"), "{warning:?}");
        assert_eq!(warning.scope.as_deref(), Some("group:7"));
        assert_eq!((run.pool_ids(), run.ids()), (vec!["group:9:premium"], vec!["4"]));
    }
}

/// The namespace of a group that fails, and a group beside it.
fn with_trouble(answer: Response, beside: bool) -> Vec<Line> {
    let mut lines = owner(if beside { &[7, 9] } else { &[7] });
    lines.push(line("/api/v4/namespaces/7", answer));
    lines.push(line("/api/v4/namespaces/7/gitlab_subscription", json(200, NOTHING_TOLD)));
    if beside {
        lines.extend(plan(9, "premium", 1, 1));
        lines.push(line(members_path(9, 1), last(list([]))));
        lines.push(billable(9, 100, &[4]));
        lines.push(among(9, &[4], list([])));
    }
    lines
}

/// One group whose statements take too long ended the run for all of them, and every time.
#[test]
fn a_group_that_fails_leaves_the_others_readable() {
    for answer in [json(500, "{}"), json(200, "[]"), json(418, "{}")] {
        let run = Run::to_the_end(&no_add_ons(), with_trouble(answer.clone(), true));
        assert_eq!((run.codes(), run.is_complete()), (vec!["group-not-read"], false), "{answer:?}");
        assert_eq!((run.pool_ids(), run.ids()), (vec!["group:9:premium"], vec!["4"]), "{answer:?}");
        let alone = Run::until_it_stops(&no_add_ons(), Script::new(with_trouble(answer, false)));
        let failure = alone.failure.unwrap();
        assert_eq!(failure.explanation().endpoint.as_deref(), Some("GET /api/v4/namespaces/7"), "{failure:?}");
    }
    let gateway = response(502, "text/html", "<html>");
    let run = Run::until_it_stops(&no_add_ons(), Script::new(with_trouble(gateway, true)));
    assert!(matches!(run.failure, Some(Failure::Upstream { status: 502, .. })), "it is over in a while");
}

#[test]
fn a_subscription_that_fails_leaves_the_seats_readable() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.pop();
    lines.push(line("/api/v4/namespaces/9/gitlab_subscription", json(500, "{}")));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["entitled-not-read"], false));
    assert!(run.warning("entitled-not-read").message.contains("status 500"));
    assert_eq!((run.pools()[0].entitled, run.pools()[0].unlimited), (None, false));
    assert_eq!(run.verdicts(), [("group:9:premium", "4", Some(true))]);
}

/// A list of seats that takes GitLab too long, as happens in very large groups.
#[test]
fn a_list_of_seats_that_fails_is_a_lower_bound_and_no_end_of_the_run() {
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(line(billable_path(9, 100, 1), json(500, r#"{"message":"500 Internal Server Error"}"#)));
    lines.push(line(members_path(9, 1), last(list([member(4, 30, Some(true))]))));
    lines.push(line("/api/graphql groupMembers", of_group(&connection(&[], None))));
    lines.extend(plan(12, "premium", 1, 1));
    lines.push(line(members_path(12, 1), last(list([]))));
    lines.push(billable(12, 100, &[5]));
    lines.push(among(12, &[5], list([])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["seats-not-read"], false));
    let words = &run.warning("seats-not-read").message;
    assert!(words.contains("lower bound") && !words.contains("Owner"), "{words}");
    assert_eq!(run.verdicts(), [("group:9:premium", "4", Some(true)), ("group:12:premium", "5", Some(true))]);
}

fn acme() -> Configuration {
    com(&[("group", "acme"), ("add_ons", "false")])
}

/// All of a run over a group that the settings name: version, user, namespace, subscription, and the lists.
fn named() -> Vec<Line> {
    let mut lines = vec![line("/api/v4/metadata", json(200, METADATA))];
    lines.extend(plan(9, "premium", 1, 1));
    lines[1].0 = "/api/v4/namespaces/acme".to_owned();
    lines[2].0 = "/api/v4/namespaces/acme/gitlab_subscription".to_owned();
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines
}

#[test]
fn the_group_of_the_settings_is_the_only_one() {
    let run = Run::to_the_end(&acme(), named());
    assert_eq!(run.stages(), [Stage::Others, Stage::Billable]);
    assert_eq!((run.ids(), run.is_complete(), run.codes()), (vec!["4"], true, vec![]));
    assert_eq!(run.source().source_key, "https://gitlab.com#group:acme");
    // Its namespace is asked for once, and its plan comes with the source.
    assert_eq!(run.pool_ids(), ["group:9:premium"]);
    assert_eq!((run.batches[0].entries.len(), run.batches[0].progress.stage), (2, "plan"));
}

/// What is told beside the namespace may fail; the call that begins with it is the next one, and it asks for all of it.
#[test]
fn a_plan_that_fails_beside_the_group_of_the_settings_is_read_by_the_next_call() {
    let mut lines = named();
    // Not worth another try within the call.
    lines[2].1 = json(504, "");
    let mut script = Script::new(lines.iter().take(3).cloned());
    let wanted = com(&[("group", "acme")]);
    let batch = collect(&wanted, &Credential::Injected, None, &mut script, &NOW).unwrap();
    assert_eq!(place_in(&batch, &wanted).stage, Stage::Group);
    assert_eq!((batch.entries.len(), batch.progress.stage), (1, "groups"));
    assert_eq!(script.queries().len(), 0, "a server in trouble is not asked for more by the call that met it");

    lines.extend(plan(9, "premium", 1, 1));
    let run = Run::to_the_end(&acme(), lines);
    assert_eq!(run.stages(), [Stage::Group, Stage::Others, Stage::Billable]);
    assert_eq!((run.ids(), run.is_complete(), run.codes()), (vec!["4"], true, vec![]));
    assert_eq!(run.pool_ids(), ["group:9:premium"]);
}

/// A self-managed GitLab tells it by the plan, and nothing more is asked of it.
#[test]
fn a_group_of_the_settings_on_an_instance_is_a_failure_at_once() {
    let mut lines = named();
    lines[1].1 = json(200, r#"{"id":9,"kind":"group","full_path":"acme","parent_id":null,"plan":"default"}"#);
    lines.truncate(3);
    let run = Run::until_it_stops(&acme(), Script::new(lines));
    assert!(matches!(run.failure, Some(Failure::InvalidConfiguration(_))), "{:?}", run.failure);
    assert_eq!((run.batches.len(), run.script.seen.len()), (0, 3));
}

/// Whoever is no Owner is not asked for add-ons, which only Owners see.
#[test]
fn the_group_of_the_settings_read_by_a_maintainer_is_a_lower_bound() {
    let mut lines = named();
    lines[1].1 = json(200, r#"{"id":9,"kind":"group","full_path":"acme","parent_id":null}"#);
    lines[2].1 = json(403, FORBIDDEN);
    lines.truncate(3);
    lines.push(line(members_path(9, 1), last(list([member(4, 10, Some(true))]))));
    lines.push(line("/api/graphql group(fullPath", of_group(&connection(&[], None))));
    let run = Run::to_the_end(&com(&[("group", "acme")]), lines);
    assert_eq!((run.codes(), run.ids(), run.is_complete()), (vec!["lower-bound"], vec!["4"], false));
    assert_eq!((run.script.queries().len(), run.batches[0].entries.len()), (1, 2));
}

/// Who asks is asked for where the group is not found, and nowhere else.
#[test]
fn a_group_of_the_settings_that_is_not_there_is_a_failure() {
    let expired = vec![
        line("/api/v4/metadata", json(401, EXPIRED)),
        line("/api/v4/namespaces/acme", json(401, EXPIRED)),
        line("/api/v4/namespaces/acme/gitlab_subscription", json(401, EXPIRED)),
    ];
    let run = Run::until_it_stops(&com(&[("group", "acme")]), Script::new(expired));
    assert!(matches!(run.failure, Some(Failure::Unauthorized { .. })), "{:?}", run.failure);
    assert_eq!(run.script.seen.len(), 3);

    let lines = vec![
        line("/api/v4/metadata", json(200, METADATA)),
        line("/api/v4/user", json(200, MEMBER)),
        line("/api/v4/namespaces/acme", json(404, r#"{"message":"404 Namespace Not Found"}"#)),
    ];
    let run = Run::until_it_stops(&com(&[("group", "acme")]), Script::new(lines));
    let Some(Failure::NotFound(explanation)) = &run.failure else { panic!("{:?}", run.failure) };
    assert_eq!(explanation.endpoint.as_deref(), Some("GET /api/v4/namespaces/acme"));
}

/// GitLab says of nobody in a free group that a seat is used: asking its members would contradict the list of seats.

#[test]
fn in_a_free_group_only_the_list_of_seats_is_read() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "free", 1, 1));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([member(4, 10, Some(false))])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!(run.stages(), [Stage::Group, Stage::Billable]);
    assert_eq!(run.verdicts(), [("group:9:free", "4", Some(true))]);
    assert_eq!((run.pools()[0].entitled, run.pools()[0].unlimited), (None, true));
    assert_eq!((run.is_complete(), run.codes()), (true, vec![]));
}

#[test]
fn an_owner_who_is_not_told_what_was_bought_still_reads_who_holds_a_seat() {
    let mut lines = owner(&[9]);
    lines.push(plan(9, "premium", 1, 1).remove(0));
    lines.push(line("/api/v4/namespaces/9/gitlab_subscription", json(404, NO_ROUTE)));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!(run.codes(), ["entitled-not-read"]);
    assert_eq!((run.pools()[0].entitled, run.pools()[0].allocated), (None, Some(1)));
    assert_eq!(run.verdicts(), [("group:9:premium", "4", Some(true))]);
}

#[test]
fn two_counts_of_gitlabs_are_both_told() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 3, 1));
    lines.push(billable(9, 100, &[1, 4]));
    lines.push(among(9, &[1, 4], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!(run.codes(), ["seat-counts-differ", "allocated-differs"]);
    let counts = run.warning("seat-counts-differ");
    assert!(counts.message.contains("counts 3 seats") && counts.message.contains("and 1 in"), "{counts:?}");
    let listed = run.warning("allocated-differs");
    assert!(listed.message.contains("counts 3 seats") && listed.message.contains("shows 2"), "{listed:?}");
    assert!(
        listed.scope.as_deref() == Some("group:9:premium") && listed.message.starts_with("The group"),
        "{listed:?}"
    );
    assert_eq!(run.pools()[0].allocated, Some(3));
    assert!(run.is_complete(), "each list was read to its end");
}

#[test]
fn roles_that_cannot_be_read_are_said_and_seats_are_delivered() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], json(403, FORBIDDEN)));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!(run.codes(), ["roles-not-read"]);
    assert_eq!((run.assignments()[0].role.as_deref(), run.verdicts().len()), (None, 1));
}

#[test]
fn the_list_of_seats_is_walked_page_by_page() {
    let ids: Vec<u64> = (1..=100).collect();
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 101, 101));
    lines.push(line(billable_path(9, 100, 1), and_header(list(ids.iter().map(|id| holder(*id))), "x-next-page", "2")));
    lines.push(among(9, &ids, list(ids.iter().map(|id| member(*id, 30, None)))));
    lines.push(line(billable_path(9, 99, 2), last(list([holder(100), holder(101)]))));
    lines.push(among(9, &[101], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.ids().len(), run.is_complete(), run.codes()), (101, true, vec![]));
    // Both pages in one call, since the group says how many seats there are.
    assert_eq!((run.batches.len(), run.batches[3].progress.done), (4, 101));
    assert_eq!(run.assignments().iter().filter(|seat| seat.role.is_some()).count(), 100);
}

/// Somebody who has lost the seat since the page was read, and lists that came in part.

#[test]
fn roles_of_a_page_that_came_in_part_are_said_to_be_missing() {
    for (answer, expected) in [
        (and_header(list([member(4, 30, None)]), "x-next-page", "2"), vec!["roles-not-read"]),
        (and_header(last(list([])), "x-total", "1"), vec!["roles-not-read"]),
        (and_header(last(list([member(4, 30, None)])), "x-total", "1"), vec![]),
    ] {
        let mut lines = owner(&[9]);
        lines.extend(plan(9, "premium", 1, 1));
        lines.push(billable(9, 100, &[4]));
        lines.push(among(9, &[4], answer));
        lines.push(line(members_path(9, 1), last(list([]))));
        assert_eq!(Run::to_the_end(&no_add_ons(), lines).codes(), expected);
    }
}

/// On groups that LDAP or SAML manages an Owner gets the list and not the memberships.

#[test]
fn a_token_that_ends_in_the_second_group_keeps_the_first() {
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.extend(plan(12, "premium", 1, 1));
    lines.push(line(members_path(12, 1), last(list([]))));
    lines.push(line(billable_path(12, 100, 1), json(401, EXPIRED)));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["right-ended"], false));
    assert!(run.warning("right-ended").scope.as_deref().unwrap().starts_with("GET /api/v4/groups/12/billable_members"));
    assert_eq!(run.ids(), ["4"]);
}

#[test]
fn a_token_that_ends_in_the_first_group_is_a_failure() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(line(members_path(9, 1), last(list([]))));
    lines.push(line(billable_path(9, 100, 1), json(401, EXPIRED)));
    let run = Run::until_it_stops(&no_add_ons(), Script::new(lines));
    assert!(matches!(run.failure, Some(Failure::Unauthorized { reason: Rejection::Expired, .. })), "{:?}", run.failure);
}

/// Losing the role of an Owner shows as 400, since `billable_members` knows no 403. It was a failure for ever once.

#[test]
fn an_owner_who_is_none_any_more_keeps_what_was_read() {
    let ids: Vec<u64> = (1..=100).collect();
    for (status, body) in
        [(400, r#"{"message":"400 Bad request"}"#), (404, r#"{"message":"404 Group Not Found"}"#), (403, FORBIDDEN)]
    {
        let mut lines = owner(&[9, 12]);
        lines.extend(plan(9, "premium", 101, 101));
        lines.push(line(
            billable_path(9, 100, 1),
            and_header(list(ids.iter().map(|id| holder(*id))), "x-next-page", "2"),
        ));
        lines.push(among(9, &ids, list([])));
        // Asked for with the first, and once more when it is its turn.
        lines.extend([0, 1].map(|_| line(billable_path(9, 99, 2), json(status, body))));
        lines.push(line(members_path(9, 1), json(status, body)));
        lines.extend(plan(12, "premium", 1, 1));
        lines.push(billable(12, 100, &[4]));
        lines.push(among(12, &[4], list([])));
        lines.push(line(members_path(12, 1), last(list([]))));
        let run = Run::to_the_end(&no_add_ons(), lines);
        assert_eq!((run.ids().len(), run.is_complete()), (101, false), "{status}");
        assert_eq!(run.codes(), ["members-not-read", "seats-not-read"]);
        let warning = run.warning("seats-not-read");
        assert!(warning.message.contains("no further than 100 rows"), "{warning:?}");
        assert_eq!(warning.scope.as_deref(), Some("GET /api/v4/groups/9/billable_members, page 1, after id 100"));
    }
}

#[test]
fn members_that_are_refused_make_a_run_with_all_seats_partial() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    lines.push(line(members_path(9, 1), json(403, FORBIDDEN)));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!((run.codes(), run.is_complete()), (vec!["members-not-read"], false));
    assert_eq!(run.verdicts(), [("group:9:premium", "4", Some(true))]);
}

/// One list says that somebody holds a seat and the other that not, as when one is read before a change and one after it.
/// The list of seats has the last word, whatever comes first.
#[test]
fn where_two_lists_see_somebody_differently_the_list_of_seats_decides() {
    let mut lines = owner(&[9]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(line(members_path(9, 1), last(list([member(4, 30, Some(false))]))));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([member(4, 30, Some(true))])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    let verdicts = run.verdicts();
    assert_eq!(verdicts.last(), Some(&("group:9:premium", "4", Some(true))), "a host merges by key: {verdicts:?}");
    assert_eq!((run.is_complete(), run.codes()), (true, vec![]));
}

/// A group whose plan is not told might be a free one, in which the list of members says of everybody that they use no seat.
#[test]
fn members_of_a_group_whose_plan_is_not_known_are_not_said_to_hold_none() {
    let mut lines = owner(&[9]);
    let namespace = r#"{"id":9,"kind":"group","full_path":"g9","parent_id":null,"billable_members_count":1}"#;
    lines.push(line("/api/v4/namespaces/9", json(200, namespace)));
    lines.push(line("/api/v4/namespaces/9/gitlab_subscription", json(200, NOTHING_TOLD)));
    lines.push(billable(9, 100, &[4]));
    lines.push(among(9, &[4], list([])));
    let run = Run::to_the_end(&no_add_ons(), lines);
    assert_eq!(run.stages(), [Stage::Group, Stage::Billable]);
    assert_eq!(run.verdicts(), [("group:9:unknown", "4", Some(true))]);
}

/// The holders of a group's add-ons are asked for by another right than its seats, and before the next group.
#[test]
fn add_ons_of_a_group_whose_seats_are_refused_are_not_those_of_the_next() {
    let mut lines = owner(&[9, 12]);
    lines.extend(plan(9, "premium", 1, 1));
    lines.push(purchases(9, r#"[{"id":"gid://gitlab/GitlabSubscriptions::AddOnPurchase/5","name":"DUO_ENTERPRISE","bought":2,"assigned":1}]"#));
    lines.push(line(billable_path(9, 100, 1), json(400, r#"{"message":"400 Bad request"}"#)));
    // Once for those without a seat, and once for what is a lower bound now.
    lines.extend([0, 1].map(|_| line(members_path(9, 1), last(list([member(4, 30, Some(true))])))));
    lines.push(line("/api/graphql groupMembers", of_group(&connection(&[], None))));
    lines.push(line("/api/graphql addOnEligibleUsers", of_group(&people(&[4], None))));
    lines.extend(plan(12, "premium", 1, 1));
    lines.push(purchases(12, "[]"));
    lines.push(billable(12, 100, &[4]));
    lines.push(among(12, &[4], list([])));
    lines.push(line(members_path(12, 1), last(list([]))));
    let run = Run::to_the_end(&com(&[]), lines);
    assert_eq!(run.pool_ids(), ["group:9:premium", "group:9:add-on:DUO_ENTERPRISE", "group:12:premium"]);
    assert!(!run.is_complete());
    let waiting: Vec<usize> = run.places.iter().map(|place| place.add_ons.len()).collect();
    assert_eq!(waiting, [0, 1, 1, 1, 1, 1, 0, 0, 0]);
    let holders = run.assignments().iter().filter(|seat| seat.pool_id == "group:9:add-on:DUO_ENTERPRISE").count();
    assert_eq!(holders, 1);
}
