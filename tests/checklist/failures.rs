//! Item 8: answers that are no data.

use fake_gitlab::{Options, Scenario};

use super::{assert_whole, start};
use crate::scenarios::collect;
use crate::support::instead::Instead;
use crate::support::tenant::Hosts;
use crate::support::{Cli, StandIn};

const PREMIUM: Scenario = Scenario::SelfManagedPremium;

#[test]
fn item_8_over_after_once() {
    for fault in ["users@2=rate-limit-text", "users@2=error-500", "users@2=html-502"] {
        let stand_in = start(PREMIUM, 330, &[fault]);
        assert_whole(&stand_in, PREMIUM, &[]);
        let answers = stand_in.gitlab.requests();
        let users = answers.iter().filter(|request| request.path == "/api/v4/users").count();
        assert_eq!(users, 6, "{fault}: four pages, one of them twice, and who is the newest");
    }
}

/// The host sleeps through such a limit, for a minute; here it may for three seconds, and says that this is too short.
#[test]
fn item_8_too_often_without_a_wait() {
    let hosts = Hosts::shared();
    let stand_in = start(PREMIUM, 330, &["users@2+=rate-limit-json"]);
    let collected = stand_in.runtime.block_on(hosts.collect(0, &stand_in.gitlab, PREMIUM, &[]));
    let failure = collected.failure.expect("a failure");
    assert!(failure.contains("60 s"), "{failure}");
    assert!(!collected.records.iter().any(|record| record["type"] == "summary"), "what was read is not called whole");
    // It is not asked again at once, and what follows on the second page waits for it.
    let users = stand_in.gitlab.requests().iter().filter(|request| request.path == "/api/v4/users").count();
    assert_eq!(users, 2);

    let stand_in = start(PREMIUM, 60, &[]);
    let answer = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n\r\nRetry later\n";
    let front = Instead::start(&stand_in, "/api/v4/license", answer);
    let ran = Cli::source("test", &front.url(), PREMIUM.caller()).run();
    ran.assert_code(1);
    assert!(ran.stdout.contains("too many requests and does not say how long to wait"), "{}", ran.stdout);
}

#[test]
fn item_8_each_failure_is_called_what_it_is() {
    for (kind, cause, hint) in [
        ("error-500", "failed with status 500", "Repeat later"),
        ("html-502", "failed with status 502", "Repeat later"),
        ("html-403-challenge", "answers 403 with a web page, which is how a bot check", "address let through"),
        ("unauthorized", "does not know the access token", "/-/user_settings/personal_access_tokens?"),
        ("expired", "The access token has expired", "/-/user_settings/personal_access_tokens?"),
        ("revoked", "The access token has been revoked", "/-/user_settings/personal_access_tokens?"),
        ("impersonation", "impersonation was disabled", "/-/user_settings/personal_access_tokens?"),
        ("redirect-sign-in", "a sign-in page instead of JSON", "let /api/ through"),
    ] {
        for scenario in [PREMIUM, Scenario::GitlabCom] {
            let faults = vec![format!("any@*={kind}").parse().unwrap()];
            let stand_in = StandIn::start(Options { scenario, users: 60, faults, ..Options::default() });
            let ran = collect(&stand_in, scenario, &[]);
            ran.assert_code(1);
            assert_eq!(ran.stdout, "", "{kind}");
            let lines: Vec<&str> = ran.stderr.lines().collect();
            assert!(
                lines.len() == 2 && lines[0].starts_with("error: ") && lines[0].contains(cause),
                "{kind}: {lines:?}"
            );
            assert!(lines[1].starts_with("hint: ") && lines[1].contains(hint), "{kind}: {lines:?}");
        }
    }
}
