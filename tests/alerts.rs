//! Alerts by the commands: raised by what a source says, sent signed, once, again after a failure, and nowhere else.

use broker::alerts::signature;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::broker::Broker;
use crate::support::csv_seats::Seats;
use crate::support::listener::Listener;
use crate::support::receiver::Receiver;

const KEY: &str = "hook-key-8Vx2Qp41";

/// A broker whose webhook is at `url`.
fn hooked(url: &str) -> Broker {
    let broker = Broker::start(&["--allow-loopback"]);
    let added = add(&broker, url).run();
    added.assert_code(0);
    let said = format!("{}{}", added.stdout, added.stderr);
    assert!(!said.contains(KEY) && !said.contains("secret-path"), "{said}");
    broker
}

fn add(broker: &Broker, url: &str) -> crate::support::Cli {
    let args = ["alerts", "webhook", "add", "--tenant", "acme", "--url", url, "--secret-env", "HOOK_KEY"];
    broker.cli(args).env("HOOK_KEY", KEY)
}

/// Most holders of these features are gone in the second run: an alert each.
fn drop_of(broker: &Broker, features: &[&str]) {
    let seats = Seats::crowd(features, 40);
    broker.approve(&seats, true);
    seats.change(features, 8);
    let run = broker.json(["source", "run", "1", "--tenant", "acme"]);
    assert_eq!(run["alerts"]["raised"].as_array().unwrap().len(), features.len(), "{run}");
}

fn judge(broker: &Broker) -> Value {
    broker.json(["alerts", "judge", "--tenant", "acme"])
}

fn deliveries(broker: &Broker) -> Vec<Value> {
    broker.json(["alerts", "deliveries", "--tenant", "acme"]).as_array().unwrap().clone()
}

/// As if the time of the next attempt had come.
fn time_passes(broker: &Broker) {
    broker.sql("UPDATE delivery SET next_at = '2026-01-01T00:00:00Z' WHERE next_at IS NOT NULL");
    broker.sql("UPDATE webhook SET not_before = NULL");
}

#[test]
fn an_alert_arrives_once_and_signed() {
    let receiver = Receiver::start("204 No Content");
    let broker = hooked(&receiver.url());
    drop_of(&broker, &["Editor"]);
    assert!(receiver.got().is_empty(), "a run sends nothing, it judges");
    let open = broker.json(["alerts", "--tenant", "acme"]);
    assert_eq!((open.as_array().unwrap().len(), &open[0]["kind"]), (1, &json!("sudden-drop")), "{open}");
    let line = broker.run(["alerts", "list", "--all", "--tenant", "acme", "--format", "ndjson"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(line.trim_end()).unwrap(), open[0]);

    let judged = judge(&broker);
    assert_eq!((&judged["raised"], &judged["deliveries"][0]["outcome"]), (&json!([]), &json!("delivered")), "{judged}");
    assert_eq!(judge(&broker)["deliveries"], json!([]));
    let got = receiver.got();
    assert_eq!(got.len(), 1, "{got:?}");
    let one = &got[0];
    assert_eq!((one.line.as_str(), one.header("content-type")), ("POST /secret-path HTTP/1.1", "application/json"));
    let signed = one.header(signature::HEADER);
    assert!(signature::verified(KEY.as_bytes(), signed, &one.body, OffsetDateTime::now_utc()), "{signed}");
    assert!(!signature::verified(b"other", signed, &one.body, OffsetDateTime::now_utc()));
    let body: Value = serde_json::from_str(&one.body).unwrap();
    assert_eq!((&body["id"], &body["tenant"]), (&json!("alert-1-raised"), &json!("acme")));
    assert!(!one.body.contains("login-") && !one.body.contains("people.example"), "{}", one.body);
    assert_eq!(deliveries(&broker)[0]["state"], "delivered");

    // The key is in no file as it is, and opens for no other address.
    assert!(!broker.holds(KEY));
    let audit = broker.run(["audit", "--tenant", "acme", "--json"]).stdout;
    assert!(audit.contains("add-webhook") && !audit.contains("secret-path"), "{audit}");
    let other = Receiver::start("204 No Content");
    broker.sql(&format!("UPDATE webhook SET url = '{}'", other.url()));
    let test = broker.cli(["alerts", "webhook", "test", "1", "--tenant", "acme"]).run();
    test.assert_code(2);
    assert!(other.got().is_empty(), "{}", test.stderr);
}

#[test]
fn a_delivery_that_failed_is_made_again_and_one_that_is_refused_for_good_is_not() {
    let receiver = Receiver::start("500 Oops");
    let broker = hooked(&receiver.url());
    drop_of(&broker, &["Editor", "Viewer"]);
    // Two alerts, of which the first stands for all: the receiver is down.
    let attempts = judge(&broker)["deliveries"].clone();
    assert_eq!((attempts.as_array().unwrap().len(), &attempts[0]["outcome"]), (1, &json!("failed")), "{attempts}");
    assert_eq!(attempts[0]["why"], "the receiver answered 500");
    assert_eq!(judge(&broker)["deliveries"], json!([]), "the second waits, too");
    time_passes(&broker);
    receiver.answer("429 Slow Down\r\nretry-after: 7200");
    assert_eq!(judge(&broker)["deliveries"].as_array().unwrap().len(), 1, "the first again");
    let waits = deliveries(&broker);
    let far = (OffsetDateTime::now_utc() + time::Duration::minutes(110)).unix_timestamp();
    let next = |delivery: &Value| {
        let text = delivery["next_at"].as_str().unwrap();
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp()
    };
    assert!(waits.iter().any(|wait| next(wait) > far) && waits.iter().any(|wait| next(wait) < far), "{waits:?}");
    assert_eq!(judge(&broker)["deliveries"], json!([]), "nothing is due");

    time_passes(&broker);
    receiver.answer("200 OK");
    assert_eq!(judge(&broker)["deliveries"].as_array().unwrap().len(), 2);
    let got = receiver.got();
    assert_eq!((got.len(), &got[0].body), (4, &got[2].body), "the same, again");

    receiver.answer("410 Gone");
    broker.sql("UPDATE delivery SET delivered_at = NULL, next_at = '2026-01-01T00:00:00Z' WHERE alert_no = 1");
    assert_eq!(judge(&broker)["deliveries"][0]["outcome"], "given-up");
    time_passes(&broker);
    assert_eq!(judge(&broker)["deliveries"], json!([]));
    assert!(broker.run(["audit", "--tenant", "acme"]).stdout.contains("give-up-delivery"));
}

#[test]
fn redirects_are_not_followed_and_silence_ends() {
    let elsewhere = Receiver::start("200 OK");
    let location: &'static str = Box::leak(format!("307 Temporary\r\nlocation: {}", elsewhere.url()).into_boxed_str());
    let receiver = Receiver::start(location);
    let broker = hooked(&receiver.url());
    let test = broker.cli(["alerts", "webhook", "test", "1", "--tenant", "acme"]).run();
    test.assert_code(1);
    assert!(test.stderr.contains("the receiver answered 307, and redirects are not followed"), "{}", test.stderr);
    assert!(elsewhere.got().is_empty());
    receiver.answer("200 OK");
    broker.run(["alerts", "webhook", "test", "1", "--tenant", "acme"]);
    let body: Value = serde_json::from_str(&receiver.got()[1].body).unwrap();
    assert_eq!((&body["event"], &body["tenant"]), (&json!("test"), &json!("acme")));

    let silent = Listener::holding("");
    add(&broker, &silent.url()).run().assert_code(0);
    let test = broker.cli(["alerts", "webhook", "test", "2", "--tenant", "acme"]).run();
    test.assert_code(1);
    assert!(test.stderr.contains("no answer within 10 s"), "{}", test.stderr);
}

/// Neither when it is added nor, when the policy has changed since, when it is sent.
#[test]
fn a_webhook_goes_where_the_tenants_policy_allows() {
    let receiver = Receiver::start("200 OK");
    let broker = hooked(&receiver.url());
    drop_of(&broker, &["Editor"]);
    broker.run(["tenant", "set", "acme", "--no-allow-loopback"]);
    let attempts = judge(&broker)["deliveries"].clone();
    assert_eq!(attempts[0]["outcome"], "failed");
    assert!(attempts[0]["why"].as_str().unwrap().contains("not allowed without --allow-loopback"), "{attempts}");
    for (url, why) in [
        (receiver.url(), "--allow-loopback"),
        ("https://localhost/x".to_owned(), "this machine"),
        ("https://10.0.0.1/".to_owned(), "--allow-private-network"),
        ("https://169.254.169.254/".to_owned(), "never allowed"),
        ("http://hooks.example.com/".to_owned(), "unencrypted"),
        ("https://user:pw@hooks.example.com/".to_owned(), "a password"),
    ] {
        let refused = add(&broker, &url).run();
        refused.assert_code(2);
        assert!(refused.stderr.contains(why) && refused.stderr.contains("hint: "), "{url}: {}", refused.stderr);
    }
    assert!(receiver.got().is_empty());
    let listed = broker.json(["alerts", "webhook", "list", "--tenant", "acme"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["pending"]), (1, &json!(1)));
    assert!(!listed.to_string().contains("secret-path"));
    broker.run(["alerts", "webhook", "remove", "1", "--tenant", "acme"]);
    assert!(deliveries(&broker).is_empty());
    let gone = broker.cli(["alerts", "webhook", "remove", "1", "--tenant", "acme"]).run();
    assert!(gone.assert_code(2).stderr.contains("alerts webhook list"), "{}", gone.stderr);
}
