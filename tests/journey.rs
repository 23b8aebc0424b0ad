//! What the administrator of the documentation does, step by step and in its words, with the commands of this program; and
//! the same with another plugin, of which the host knows as little as of the first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fake_gitlab::{Options, Tokens, UserFacts};
use serde_json::{Value, json};
use time::{Date, OffsetDateTime};

use crate::support::broker::Broker;
use crate::support::csv_seats;
use crate::support::listener::Listener;
use crate::support::{Ran, StandIn, TOKEN, component};

/// All rows of a page that holds all.
fn rows<const N: usize>(broker: &Broker, args: [&str; N]) -> Vec<Value> {
    let page = broker.json(args);
    let rows = page["rows"].as_array().unwrap().clone();
    assert_eq!(page["total"], rows.len(), "{args:?}");
    rows
}

/// Enters an address and a token.
fn add(broker: &Broker, url: &str, token: &str, plugin: &Path) -> Ran {
    let plugin = plugin.to_str().unwrap();
    let ran = broker
        .cli(["source", "add", "--tenant", "acme", "--url", url, "--token-env", TOKEN, "--plugin", plugin])
        .env(TOKEN, token)
        .run();
    ran.assert_code(0);
    ran
}

fn set<'a>(rows: &'a [Value], column: &str) -> BTreeSet<&'a str> {
    rows.iter().map(|row| row[column].as_str().unwrap()).collect()
}

fn text(day: Date) -> String {
    broker::calendar::day_text(day)
}

fn last_active(user: &UserFacts) -> Option<Date> {
    let sign_in = user.current_sign_in_at.or(user.last_sign_in_at).map(OffsetDateTime::date);
    sign_in.max(user.last_activity_on)
}

#[test]
fn the_documented_story() {
    let gitlab = StandIn::start(Options::default());
    let truth = gitlab.gitlab.truth();
    let today = OffsetDateTime::now_utc().date();
    // Development: the stand-in is on this machine.
    let broker = Broker::start(&["--allow-loopback"]);

    // "Enter the host URL and the personal access token": of an administrator, with the scopes read_api and read_user.
    let added = add(&broker, &gitlab.url(), Tokens::ADMINISTRATOR, component());
    assert!(added.stdout.contains("configured"), "{}", added.stdout);

    // "Test connection must pass": until then nothing is saved.
    let early = broker.cli(["source", "save", "1", "--tenant", "acme"]).run();
    early.assert_code(2);
    assert!(early.stderr.contains("hint: test the connection first"), "{}", early.stderr);
    let test = broker.json(["source", "test", "1", "--tenant", "acme"]);
    assert_ne!(test["report"]["outcome"], "fail");
    assert_eq!(test["source"]["state"], "tested");

    // "Then Save."
    assert_eq!(broker.json(["source", "save", "1", "--tenant", "acme"])["state"], "pending");

    // "License Servers, Pending Server: select the GitLab data source." Nothing is in Allocation yet, and nothing was read.
    let pending = broker.json(["source", "pending", "--tenant", "acme"]);
    assert_eq!(pending[0]["vendor"], "GitLab");
    assert_eq!(pending.as_array().unwrap().len(), 1);
    let requests = gitlab.gitlab.request_count();
    assert_eq!(rows(&broker, ["allocation", "--tenant", "acme"]), Vec::<Value>::new());
    broker.cli(["source", "run", "1", "--tenant", "acme"]).run().assert_code(2);
    assert_eq!(gitlab.gitlab.request_count(), requests);

    // "Approve and Merge."
    let approved = broker.json(["source", "approve", "1", "--tenant", "acme"]);
    assert_eq!((&approved["source"]["state"], &approved["run"]["state"]), (&"active".into(), &"complete".into()));
    assert_eq!(broker.json(["source", "pending", "--tenant", "acme"]).as_array().unwrap().len(), 0);

    // "Allocation: GitLab data appears", up to three minutes later; here at once.
    let license = truth.license.as_ref().unwrap();
    let holders: Vec<&UserFacts> = truth.users.iter().filter(|user| user.using_license_seat == Some(true)).collect();
    let allocated = rows(&broker, ["allocation", "--limit", "10000", "--tenant", "acme"]);
    let names: BTreeSet<&str> = holders.iter().map(|user| user.username.as_str()).collect();
    assert_eq!(set(&allocated, "user"), names);
    assert_eq!(allocated.len(), names.len(), "nobody twice");
    for row in &allocated {
        assert_eq!(
            (&row["vendor"], &row["product"], &row["feature"], &row["license_type"]),
            (&"GitLab".into(), &"GitLab".into(), &"Premium seat".into(), &"named-user".into())
        );
        assert_eq!(row["version"], truth.version);
        // GitLab does not tell an administrator since when somebody holds a seat.
        assert_eq!((&row["allocation_start"], &row["start_is_first_seen"]), (&text(today).into(), &true.into()));
        assert_eq!(row["allocation_end"], json!(license.expires_at.map(text)));
        let user = holders.iter().find(|user| row["user"] == user.username.as_str()).unwrap();
        let addresses = [Some(&user.email), user.public_email.as_ref()];
        let address = addresses.into_iter().flatten().find(|address| !address.is_empty());
        assert_eq!((&row["display_name"], &row["email"]), (&json!(user.name), &json!(address)));
    }
    let shown = broker.run(["allocation", "--tenant", "acme"]).stdout;
    for column in ["Server", "Vendor", "Product", "Feature", "Version", "License type", "User"] {
        assert!(shown.contains(column), "{column}:\n{shown}");
    }

    // "User activity trends: who is most active, so that seats can be reallocated."
    let activity = broker.json(["report", "activity", "--days", "30", "--limit", "10000", "--tenant", "acme"]);
    let mut by_day: BTreeMap<String, i64> = BTreeMap::new();
    let mut by_user: BTreeMap<&str, BTreeSet<Date>> = BTreeMap::new();
    for user in &truth.users {
        let sign_in = user.current_sign_in_at.or(user.last_sign_in_at).map(OffsetDateTime::date);
        let days: BTreeSet<Date> = user.last_activity_on.into_iter().chain(sign_in).collect();
        for day in days.into_iter().filter(|day| (0..30).contains(&(today - *day).whole_days())) {
            *by_day.entry(text(day)).or_default() += 1;
            by_user.entry(&user.username).or_default().insert(day);
        }
    }
    let told: BTreeMap<String, i64> = activity["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["day"].as_str().unwrap().to_owned(), row["accounts"].as_i64().unwrap()))
        .collect();
    assert_eq!(told, by_day);
    let ranking = activity["rows"].as_array().unwrap();
    let told: BTreeMap<&str, usize> = ranking
        .iter()
        .map(|row| (row["user"].as_str().unwrap(), row["observed_days"].as_u64().unwrap() as usize))
        .collect();
    assert_eq!(told, by_user.into_iter().map(|(name, days)| (name, days.len())).collect());
    assert!(broker.run(["report", "activity", "--tenant", "acme"]).stdout.contains("User activity trends"));

    // "Expired or unused licenses: inactive users whose seats can be reclaimed."
    let report = broker.json(["report", "unused", "--limit", "10000", "--tenant", "acme"]);
    let told: BTreeSet<(&str, &str)> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["user"].as_str().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    let expected: BTreeSet<(&str, &str)> = holders
        .iter()
        .filter_map(|user| match last_active(user) {
            Some(day) => ((today - day).whole_days() > 90).then_some((user.username.as_str(), "inactive")),
            None => {
                ((today - user.created_at.date()).whole_days() > 7).then_some((user.username.as_str(), "never-active"))
            }
        })
        .collect();
    assert_eq!(told, expected);
    assert!(broker.run(["report", "unused", "--tenant", "acme"]).stdout.contains("Expired or unused licenses"));

    // And the token is nowhere in what the broker keeps.
    assert!(!broker.holds(Tokens::ADMINISTRATOR));
}

/// The plugin to copy reads a file that anybody could write. The host knows it as little as it knows GitLab's.
#[test]
fn another_plugin_goes_the_same_way() {
    let file = "user_id,username,email,feature,entitled,assigned_on,last_activity_on\n\
        17,dana,dana@example.test,Editor,20,2026-01-07,2026-03-02\n\
        18,mei,,Editor,20,2026-02-01,\n\
        18,mei,,Viewer,,,2026-03-05\n";
    let server = Listener::answering(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{file}",
            file.len()
        )
        .into_bytes(),
    );
    let url = format!("{}/seats.csv", server.url());
    let broker = Broker::start(&["--allow-loopback"]);
    add(&broker, &url, "csv-secret-5Tq9Lw", &csv_seats::built().path);
    broker.run(["source", "test", "1", "--tenant", "acme"]);
    broker.run(["source", "save", "1", "--tenant", "acme"]);
    assert_eq!(broker.json(["source", "pending", "--tenant", "acme"])[0]["state"], "pending");
    broker.run(["source", "approve", "1", "--tenant", "acme"]);
    let allocated = rows(&broker, ["allocation", "--sort", "feature", "--tenant", "acme"]);
    let told: BTreeSet<_> = allocated
        .iter()
        .map(|row| {
            let column = |name: &str| row[name].as_str().unwrap_or("none").to_owned();
            (column("feature"), column("user"), column("allocation_start"))
        })
        .collect();
    let today = text(OffsetDateTime::now_utc().date());
    let own = |feature: &str, user: &str, start: &str| (feature.to_owned(), user.to_owned(), start.to_owned());
    assert_eq!(
        told,
        BTreeSet::from([
            own("Editor", "dana", "2026-01-07"),
            own("Editor", "mei", "2026-02-01"),
            own("Viewer", "mei", &today)
        ])
    );
    let unused = rows(&broker, ["report", "unused", "--tenant", "acme"]);
    assert!(unused.iter().any(|row| row["user"] == "dana" && row["reason"] == "inactive"), "{unused:?}");
}
