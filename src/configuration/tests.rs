//! Whole forms, as a host passes them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step is a failed test")]

use super::*;

fn text(key: &str, value: &str) -> (String, Input) {
    (key.to_owned(), Input::Text(value.to_owned()))
}

fn secret(key: &str) -> (String, Input) {
    (key.to_owned(), Input::SecretSet)
}

fn with(extra: &[(&str, &str)]) -> Result<Configuration, Vec<Problem>> {
    let mut values = vec![text("host_url", "gitlab.example.com"), secret("token")];
    values.extend(extra.iter().map(|(key, value)| text(key, value)));
    configure(&values)
}

fn only_problem(result: Result<Configuration, Vec<Problem>>) -> (String, ProblemKind) {
    let mut problems = result.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    assert!(problem.hint.is_some() || problem.message.contains("twice"), "{problem:?}");
    (problem.key, problem.kind)
}

#[test]
fn an_address_and_a_token_are_enough() {
    let configuration = with(&[]).unwrap();
    assert_eq!(configuration.source_key, "https://gitlab.example.com#instance");
    assert_eq!(configuration.display_name, "gitlab.example.com");
    let needed = ["https://gitlab.example.com/api/v4", "POST https://gitlab.example.com/api/graphql"];
    assert_eq!(configuration.allowed_origins, needed);
    assert_eq!(
        configuration.help_links[0].url,
        "https://gitlab.example.com/-/user_settings/personal_access_tokens?name=license-broker&scopes=read_api,read_user"
    );
    let settings = configuration.settings().unwrap();
    assert_eq!(settings.deployment, Deployment::SelfManaged);
    assert_eq!((settings.memberships, settings.add_ons, settings.max_concurrency), (false, true, 6));
}

#[test]
fn the_output_entered_again_gives_the_same_output() {
    let first = configure(&[text("host_url", "HTTP://Bücher.example:8080/git/-/profile?x"), secret("token")]).unwrap();
    let base = first.source_key.strip_suffix("#instance").unwrap();
    assert_eq!(base, "http://xn--bcher-kva.example:8080/git");
    let base = "http://xn--bcher-kva.example:8080/git";
    let needed = [format!("{base}/api/v4"), format!("POST {base}/api/graphql")];
    assert_eq!(first.allowed_origins, needed);
    assert_eq!(configure(&[text("host_url", base), secret("token")]).unwrap(), first);
}

#[test]
fn all_problems_come_at_once_and_in_the_order_of_the_form() {
    let problems = configure(&[
        text("colour", "red"),
        text("max_concurrency", "17"),
        text("identity", "all"),
        text("memberships", "yes"),
        text("members", "no"),
        text("deployment", "cloud"),
        text("host_url", "ftp://gitlab.example.com"),
        text("group", "a b"),
        text("add_ons", "1"),
    ])
    .unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.key.as_str(), problem.kind)).collect();
    assert_eq!(
        found,
        [
            ("host_url", ProblemKind::Unsupported),
            ("token", ProblemKind::Missing),
            ("group", ProblemKind::Malformed),
            ("deployment", ProblemKind::Malformed),
            ("members", ProblemKind::Malformed),
            ("memberships", ProblemKind::Malformed),
            ("add_ons", ProblemKind::Malformed),
            ("identity", ProblemKind::Malformed),
            ("max_concurrency", ProblemKind::Malformed),
            ("colour", ProblemKind::UnknownField),
        ]
    );
    assert!(problems.iter().all(|problem| problem.hint.is_some()));
}

#[test]
fn a_name_in_an_unknown_script_is_accepted_in_another_form() {
    let problems = configure(&[text("host_url", "مثال.example"), secret("token")]).unwrap_err();
    assert_eq!((problems.len(), problems[0].kind), (1, ProblemKind::Unsupported));
    assert!(problems[0].message.contains("script") && problems[0].hint.as_deref().unwrap().contains("xn--"));
    assert!(configure(&[text("host_url", "xn--mgbh0fb.example"), secret("token")]).is_ok());
    let ascii = configure(&[text("host_url", "a..b"), secret("token")]).unwrap_err();
    assert!(!ascii[0].hint.as_deref().unwrap().contains("xn--"), "no word of letters where they are not at fault");
}

#[test]
fn nothing_entered_asks_for_both_required_fields() {
    let problems = configure(&[text("host_url", "  ")]).unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.key.as_str(), problem.kind)).collect();
    assert_eq!(found, [("host_url", ProblemKind::Missing), ("token", ProblemKind::Missing)]);
}

#[test]
fn a_missing_token_comes_with_the_page_that_makes_one() {
    let problems = configure(&[text("host_url", "http://host:81/git")]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].hint.as_deref().unwrap().ends_with(
        "http://host:81/git/-/user_settings/personal_access_tokens?name=license-broker&scopes=read_api,read_user"
    ));
}

#[test]
fn secrets_in_the_wrong_place_are_refused_and_never_repeated() {
    let problems =
        configure(&[text("host_url", "https://mira:hunter2@host"), text("token", "glpat-hunter2"), secret("group")])
            .unwrap_err();
    let found: Vec<_> = problems.iter().map(|problem| (problem.key.as_str(), problem.kind)).collect();
    assert_eq!(
        found,
        [("host_url", ProblemKind::Malformed), ("token", ProblemKind::Malformed), ("group", ProblemKind::Malformed),]
    );
    assert!(!format!("{problems:?}").contains("hunter2"));
    let problems = configure(&[secret("host_url"), secret("token")]).unwrap_err();
    assert_eq!(problems.len(), 1, "no second problem about a missing address: {problems:?}");
}

#[test]
fn a_field_given_twice_is_refused() {
    assert_eq!(
        only_problem(with(&[("add_ons", "true"), ("add_ons", "false")])),
        ("add_ons".to_owned(), ProblemKind::Malformed)
    );
}

#[test]
fn the_address_decides_the_deployment_unless_it_is_chosen() {
    let deployment = |url: &str, chosen: &str| {
        configure(&[text("host_url", url), secret("token"), text("deployment", chosen)])
            .map(|configuration| configuration.settings().unwrap().deployment)
    };
    assert_eq!(deployment("gitlab.com", "auto"), Ok(Deployment::GitlabCom));
    assert_eq!(deployment("https://GitLab.com/acme/app/-/issues", "auto").unwrap(), Deployment::GitlabCom);
    let pasted = configure(&[text("host_url", "https://gitlab.com/acme/app"), secret("token")]).unwrap();
    assert_eq!(pasted.source_key, "https://gitlab.com#groups", "GitLab.com has no path of its own");
    assert_eq!(deployment("www.gitlab.com", "auto"), Ok(Deployment::GitlabCom));
    assert_eq!(deployment("gitlab.com.example", "auto"), Ok(Deployment::SelfManaged));
    assert_eq!(deployment("gitlab.example.com", "gitlab-com"), Ok(Deployment::GitlabCom));
    assert_eq!(only_problem(with(&[("host_url", "x")])), ("host_url".to_owned(), ProblemKind::Malformed));
    assert_eq!(deployment("gitlab.com", "self-managed").unwrap_err()[0].kind, ProblemKind::Unsupported);
}

#[test]
fn a_group_belongs_to_gitlab_com() {
    let group = |url: &str, group: &str| configure(&[text("host_url", url), secret("token"), text("group", group)]);
    assert_eq!(group("gitlab.com", " /acme/ ").unwrap().source_key, "https://gitlab.com#group:acme");
    assert_eq!(only_problem(group("gitlab.example.com", "acme")), ("group".to_owned(), ProblemKind::Unsupported));
    assert_eq!(only_problem(group("gitlab.com", "acme/team")), ("group".to_owned(), ProblemKind::Unsupported));
    for bad in ["-acme", "a b", "https://gitlab.com/acme", "a%2Fb", "/"] {
        assert_eq!(only_problem(group("gitlab.com", bad)).1, ProblemKind::Malformed, "{bad}");
    }
}

#[test]
fn numbers_keep_to_their_range() {
    for good in ["1", "16", " 4 "] {
        assert!(with(&[("max_concurrency", good)]).is_ok(), "{good}");
    }
    for bad in ["0", "17", "-1", "+4", "4.0", "four", "99999999999"] {
        assert_eq!(only_problem(with(&[("max_concurrency", bad)])).0, "max_concurrency", "{bad}");
    }
}

#[test]
fn settings_of_another_source_are_not_accepted() {
    let mut configuration = with(&[]).unwrap();
    configuration.source_key = "https://other.example#instance".to_owned();
    assert_eq!(configuration.settings(), Err(NotOurs));
}

#[test]
fn every_default_is_accepted_when_it_is_typed() {
    for field in describe().fields {
        if let Some(default) = field.default_value {
            assert!(with(&[(field.key, default)]).is_ok(), "{}", field.key);
        }
    }
}
