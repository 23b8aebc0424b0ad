//! `serve`, as a process: reads what is due, sends alerts, answers a monitoring system, and ends when it is asked to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr};

use broker::alerts::signature;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::support::Ran;
use crate::support::broker::Broker;
use crate::support::csv_seats::Seats;
use crate::support::receiver::Receiver;

const KEY: &str = "hook-key-8Vx2Qp41";
const ONE: (&str, &str, &str) = ("id-1", "login-", "one@people.example");
const TWO: (&str, &str, &str) = ("id-2", "two-login", "two@people.example");

struct Served {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Served {
    fn start(broker: &Broker, args: &[&str]) -> Self {
        let mut child = broker.cli(["serve"]).args(args).spawn();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, said: String::new() }
    }

    /// Reads on to a line that holds this, and gives it.
    #[track_caller]
    fn line(&mut self, with: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "no line with {with}: {}", self.said);
            self.said.push_str(&line);
            if line.contains(with) {
                return line;
            }
        }
    }

    /// Ends it by a signal.
    #[track_caller]
    fn end(mut self) -> Ran {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        let mut ran: Ran = self.child.wait_with_output().unwrap().into();
        ran.stderr = self.said;
        ran.assert_code(0);
        assert!(ran.stderr.contains("ended"), "{}", ran.stderr);
        ran
    }
}

fn hooked(receiver: &Receiver) -> Broker {
    let broker = Broker::start(&["--allow-loopback"]);
    let url = receiver.url();
    let args = ["alerts", "webhook", "add", "--tenant", "acme", "--url", &url, "--secret-env", "HOOK_KEY"];
    broker.cli(args).env("HOOK_KEY", KEY).run().assert_code(0);
    broker
}

/// A source that was read once, that most holders are gone from, and that is due.
fn dropping(broker: &Broker) -> Seats {
    let seats = Seats::crowd(&["Editor"], 40);
    broker.approve(&seats, true);
    seats.change(&["Editor"], 8);
    broker.sql("UPDATE source SET next_run_at = '2026-01-01T00:00:00Z'");
    seats
}

fn ask(address: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_reads_what_is_due_sends_alerts_and_answers_a_monitoring_system() {
    let receiver = Receiver::start("204 No Content");
    let broker = hooked(&receiver);
    let _seats = dropping(&broker);
    let mut served = Served::start(&broker, &["--port", "0", "--json"]);
    let line = served.line("metrics at http://");
    let address = line.trim().strip_prefix("metrics at http://").unwrap().strip_suffix("/metrics").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let got = receiver.wait_for(1);
    let signed = got[0].header(signature::HEADER);
    assert!(signature::verified(KEY.as_bytes(), signed, &got[0].body, OffsetDateTime::now_utc()));

    let metrics = ask(address, "/metrics", address);
    assert!(metrics.starts_with("HTTP/1.1 200 "), "{metrics}");
    assert!(
        metrics.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{metrics}"
    );
    assert!(metrics.contains("license_seats_entitled{tenant=\"acme\"") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!metrics.contains("login-") && !metrics.contains("people.example") && !metrics.contains(KEY), "{metrics}");
    assert!(ask(address, "/healthz", "localhost").ends_with("\r\n\r\nok\n"));
    assert!(ask(address, "/", "localhost").starts_with("HTTP/1.1 404 "));
    for host in ["rebound.example", "rebound.example:80", "10.0.0.1"] {
        let refused = ask(address, "/metrics", host);
        assert!(refused.starts_with("HTTP/1.1 421 ") && !refused.contains("acme"), "{refused}");
    }

    served.line("delivered");
    let ran = served.end();
    let told: Vec<Value> = ran.records();
    assert_eq!(told.len(), 1, "{}", ran.stdout);
    let (event, kind) = (&told[0]["event"], &told[0]["alert"]["kind"]);
    assert_eq!((event, kind, &told[0]["tenant"]), (&json!("raised"), &json!("sudden-drop"), &json!("acme")));
    assert!(TcpStream::connect(address).is_err(), "the port is free again");
    assert_eq!(receiver.got().len(), 1);
    let deliveries = broker.json(["alerts", "deliveries", "--tenant", "acme"]);
    assert_eq!((deliveries.as_array().unwrap().len(), &deliveries[0]["state"]), (1, &json!("delivered")));
}

#[test]
fn what_an_earlier_process_left_is_sent_and_a_days_work_is_done() {
    let receiver = Receiver::start("503 Later");
    let broker = hooked(&receiver);
    let _seats = dropping(&broker);
    for _ in 0..2 {
        broker.run(["source", "run", "1", "--tenant", "acme"]);
    }
    // The second of these two has cleared what the first has raised: both are to be sent.
    broker.run(["alerts", "judge", "--tenant", "acme"]);
    broker.run(["tenant", "set", "acme", "--retention-days", "30"]);
    broker.sql("UPDATE run SET taken_on = '2026-01-15'");
    broker.sql("UPDATE source SET paused = 1, next_run_at = NULL");
    broker.sql("UPDATE delivery SET next_at = '2026-01-01T00:00:00Z'");
    broker.sql("UPDATE webhook SET not_before = NULL");
    let failed = receiver.got();
    receiver.answer("200 OK");
    let mut served = Served::start(&broker, &[]);
    let got = receiver.wait_for(2);
    assert_eq!((failed.len(), &got[1].body), (1, &failed[0].body));
    served.line("alert-1-raised to webhook 1 (acme): delivered");
    served.line("alert-1-cleared to webhook 1 (acme): delivered");
    served.end();
    let log = broker.run(["audit", "--tenant", "acme", "--json"]).stdout;
    assert!(log.contains("apply-retention"), "{log}");
    let runs = broker.json(["source", "show", "1", "--tenant", "acme"])["runs"].as_array().unwrap().len();
    assert_eq!(runs, 2, "of three");
}

#[test]
fn asked_to_end_in_the_middle_of_a_run_it_ends_and_loses_nothing() {
    let broker = Broker::start(&["--allow-loopback"]);
    let seats = Seats::start(2, &[ONE, TWO]);
    broker.approve(&seats, false);
    seats.shut(true);
    let served = Served::start(&broker, &[]);
    seats.wait_for_request();
    served.end();
    seats.shut(false);
    let runs = &broker.json(["source", "show", "1", "--tenant", "acme"])["runs"];
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["state"]), (1, &json!("running")), "{runs}");
    let mut served = Served::start(&broker, &[]);
    served.line("read whole");
    served.end();
    let source = broker.json(["source", "show", "1", "--tenant", "acme"]);
    assert_eq!((&source["source"]["state"], &source["runs"][0]["users"]), (&json!("active"), &json!(2)));
}

#[test]
fn a_port_that_is_taken_is_said() {
    let broker = Broker::start(&[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ran = broker.cli(["serve", "--port", &port]).run();
    assert!(ran.assert_code(2).stderr.contains(&format!("the port {port} cannot be used")), "{}", ran.stderr);
}
