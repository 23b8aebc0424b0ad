//! What a source may reach is shown wherever somebody agrees to it.

use fake_gitlab::{Options, Tokens};

use super::Broker;
use crate::support::{StandIn, TOKEN, component};

#[test]
fn shown_when_it_is_entered_listed_and_approved() {
    let stand_in = StandIn::start(Options { users: 12, ..Options::default() });
    let (broker, url) = (Broker::new(), stand_in.url());
    broker.says(&["tenant", "add", "default", "--allow-loopback"]);
    let entered = |args: &[&str]| {
        let ran = broker.cli(args).arg("--plugin").arg(component()).env(TOKEN, Tokens::ADMINISTRATOR).run();
        ran.assert_code(0);
        ran.stdout
    };
    let lines = format!("  reaches GET {url}/api/v4\n  reaches POST {url}/api/graphql\n");
    let added = entered(&["source", "add", "--token-env", TOKEN, "--url", &url]);
    assert!(added.ends_with(&lines), "{added}");
    broker.says(&["source", "test", "1"]);
    for args in [&["source", "save", "1"][..], &["source", "show", "1"]] {
        let said = broker.says(args);
        assert!(said.contains(&lines), "{args:?}: {said}");
    }
    let row = format!("GET {url}/api/v4, POST {url}/api/graphql");
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(broker.says(&["source", "pending"])).contains(&row));
    let reaches = serde_json::json!([format!("GET {url}/api/v4"), format!("POST {url}/api/graphql")]);
    assert_eq!(broker.json(&["source", "pending"])[0]["reaches"], reaches);
    assert_eq!(broker.json(&["source", "show", "1"])["source"]["reaches"], reaches);
    let approved = broker.says(&["source", "approve", "1", "--no-run"]);
    let (shown, done) = (approved.find(&lines), approved.find("approved"));
    assert!(shown.is_some() && shown < done, "before it is approved: {approved}");
    let edited = entered(&["source", "edit", "1", "--token-env", TOKEN]);
    assert!(edited.contains(&lines), "{edited}");
}
