//! What is kept of people, by the commands: how much, for how long, until when; and who did what.

use serde_json::{Value, json};

use crate::support::broker::{Broker, USER};
use crate::support::csv_seats::Seats;

const DANA: (&str, &str, &str) = ("id-4711-dana", "dana.doe-login", "dana.doe@people.example");
const MEI: (&str, &str, &str) = ("id-4712-mei", "mei.lin-login", "mei.lin@people.example");

fn is_anywhere(broker: &Broker, person: (&str, &str, &str)) -> Vec<bool> {
    [person.0, person.1, person.2].iter().map(|text| broker.holds(text)).collect()
}

/// The id of one is the log-in name of another: nothing is erased unless it is said who is meant. What is erased is in no
/// file, and the next run, in which the person still is, does not bring it back.
#[test]
fn an_erased_person_leaves_no_trace_and_does_not_come_back() {
    let broker = Broker::start(&["--allow-loopback"]);
    let alike = (MEI.1, "eve-login", "eve@people.example");
    let seats = Seats::start(10, &[DANA, MEI, alike]);
    broker.approve(&seats, true);
    assert_eq!(is_anywhere(&broker, DANA), [true; 3]);

    let erase = |user: &str| broker.cli(["tenant", "erase", "acme", "--user", user]);
    let asked = erase(DANA.2).run();
    asked.assert_code(2);
    assert!(asked.stderr.contains("Erase the person of 1 accounts of acme"), "{}", asked.stderr);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    let ambiguous = erase(MEI.1).arg("--yes").run();
    ambiguous.assert_code(2);
    assert!(ambiguous.stderr.contains("--by id"), "{}", ambiguous.stderr);
    let nobody = erase("nobody-login").arg("--yes").run();
    nobody.assert_code(2);
    assert!(
        nobody.stderr.contains("there is no person") && !nobody.stderr.contains("nobody-login"),
        "{}",
        nobody.stderr
    );
    assert_eq!(is_anywhere(&broker, DANA), [true; 3]);

    let said: Value =
        serde_json::from_str(&erase(&DANA.2.to_uppercase()).args(["--yes", "--json"]).run().assert_code(0).stdout)
            .unwrap();
    assert_eq!(said, json!({ "tenant": "acme", "erased": 1 }));
    assert_eq!(is_anywhere(&broker, DANA), [false; 3]);
    erase(MEI.1).args(["--by", "name", "--yes", "--source", "1"]).run().assert_code(0);
    assert_eq!(is_anywhere(&broker, MEI), [false, true, false], "it is the id of somebody else");
    let again = broker.cli(["tenant", "erase", "acme", "--user", DANA.0, "--yes"]).run();
    assert!(again.assert_code(0).stdout.contains("erased before"), "{}", again.stdout);

    let run = broker.json(["source", "run", "1", "--tenant", "acme"]);
    assert_eq!((&run["run"]["state"], &run["run"]["users"]), (&json!("complete"), &json!(3)));
    assert_eq!(is_anywhere(&broker, DANA), [false; 3], "the next run");
    let audit = broker.run(["audit", "--tenant", "acme", "--json"]).stdout;
    assert!(audit.contains("erase-person") && !audit.contains("dana.doe"), "{audit}");
}

#[test]
fn a_lower_level_of_identity_drops_names_at_once() {
    let broker = Broker::start(&["--allow-loopback"]);
    broker.approve(&Seats::start(10, &[DANA, MEI]), true);
    let set = |args: &[&str]| broker.cli(["tenant", "set", "acme"]).args(args).run();
    set(&["--identity", "username"]).assert_code(0);
    assert_eq!(is_anywhere(&broker, DANA), [true, true, false]);
    let said = set(&["--identity", "pseudonym", "--retention-days", "30", "--json"]);
    let said: Value = serde_json::from_str(&said.assert_code(0).stdout).unwrap();
    assert_eq!((&said["tenant"]["identity"], &said["tenant"]["retention_days"]), (&json!("pseudonym"), &json!(30)));
    assert_eq!(is_anywhere(&broker, DANA), [false; 3]);
    // The source is asked again, and tells the names again.
    let run = broker.json(["source", "run", "1", "--tenant", "acme"]);
    assert_eq!(run["run"]["users"], 2);
    assert_eq!(is_anywhere(&broker, MEI), [false; 3]);
    let back = set(&["--identity", "full", "--retention-days", "forever", "--no-allow-loopback"]);
    back.assert_code(2);
    assert!(back.stderr.contains("pseudonyms"), "{}", back.stderr);
    let tenant = &broker.json(["tenant", "list"])[0];
    assert_eq!((&tenant["identity"], &tenant["retention_days"]), (&json!("pseudonym"), &json!(30)), "all or nothing");
}

#[test]
fn what_is_not_named_stays_as_it_is() {
    let broker = Broker::start(&["--allow-loopback"]);
    let set = |args: &[&str]| {
        let ran = broker.cli(["tenant", "set", "acme", "--json"]).args(args).run();
        let said: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
        let policy = &said["policy"];
        (
            policy["allow_loopback"] == true,
            policy["allow_private_network"] == true,
            said["tenant"]["retention_days"].clone(),
        )
    };
    assert_eq!(set(&[]), (true, false, Value::Null));
    assert_eq!(set(&["--allow-private-network"]), (true, true, Value::Null));
    assert_eq!(set(&["--retention-days", "7"]), (true, true, json!(7)));
    assert_eq!(set(&["--no-allow-loopback"]), (false, true, json!(7)));
    assert_eq!(set(&["--reset", "--allow-loopback"]), (true, false, json!(7)));
    assert_eq!(set(&["--retention-days", "forever"]), (true, false, Value::Null));
    for wrong in
        [&["--retention-days", "0"][..], &["--retention-days", "ever"], &["--allow-loopback", "--no-allow-loopback"]]
    {
        broker.cli(["tenant", "set", "acme"]).args(wrong).run().assert_code(2);
    }
}

#[test]
fn history_is_dropped_when_it_is_older_than_wanted() {
    let broker = Broker::start(&["--allow-loopback"]);
    broker.approve(&Seats::start(10, &[DANA]), true);
    for _ in 0..3 {
        broker.run(["source", "run", "1", "--tenant", "acme"]);
    }
    let kept = broker.json(["tenant", "retain", "acme"]);
    assert_eq!(kept["dropped"]["runs"], 0, "for ever");
    broker.run(["tenant", "set", "acme", "--retention-days", "1"]);
    assert_eq!(broker.json(["tenant", "retain", "acme"])["dropped"]["runs"], 0, "of today");
    // As if the runs had been last month's.
    assert_eq!(broker.sql("UPDATE run SET taken_on = '2026-01-15'"), 4);
    assert_eq!(broker.json(["tenant", "retain", "acme"])["dropped"]["runs"], 2, "the two newest stay");
    assert!(broker.run(["tenant", "retain", "acme"]).stdout.contains("dropped: 0 runs"));
    broker.cli(["tenant", "retain", "nobody"]).run().assert_code(2);
}

#[test]
fn the_log_says_who_did_what() {
    let broker = Broker::start(&["--allow-loopback"]);
    broker.approve(&Seats::start(10, &[DANA]), true);
    broker.run(["tenant", "set", "acme", "--retention-days", "30"]);
    broker.run(["tenant", "add", "other"]);
    let all = broker.json(["audit"]);
    let of = |action: &str| all.as_array().unwrap().iter().find(|entry| entry["action"] == action).cloned().unwrap();
    for action in ["add-tenant", "set-policy", "add-source", "save-source", "approve-source", "set-retention"] {
        assert_eq!(of(action)["actor"], USER, "{action}");
    }
    assert_eq!((&of("set-retention")["tenant"], &of("set-retention")["detail"]), (&json!("acme"), &json!("30 days")));
    let one = broker.json(["audit", "--tenant", "acme", "--limit", "1"]);
    assert_eq!((one.as_array().unwrap().len(), &one[0]["action"]), (1, &json!("set-retention")), "the newest");
    let text = broker.run(["audit", "--tenant", "other"]).stdout;
    assert!(text.contains("add-tenant") && text.contains(USER) && !text.contains("acme"), "{text}");
}
