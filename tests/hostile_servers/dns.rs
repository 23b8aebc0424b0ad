//! Names whose addresses lie, change, or lead where nobody may go. No real name server is asked.

use std::collections::VecDeque;
use std::net::{IpAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use host_sim::contract::Failure;
use host_sim::egress::{DenialCode, Lookup, Resolve};
use host_sim::policy::network::NetworkPolicy;

use crate::host::{LOOPBACK, Tenant, end};
use crate::support::listener::Listener;

const NONE: NetworkPolicy = NetworkPolicy { loopback: false, private: false };
const PRIVATE: NetworkPolicy = NetworkPolicy { loopback: false, private: true };

/// Answers from a list, the last one again and again, and keeps count.
#[derive(Debug)]
struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { answers: Mutex::new(answers.iter().map(parse).collect()), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolve for Script {
    fn lookup(&self, name: &str) -> Lookup {
        self.asked.lock().unwrap().push(name.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(std::future::ready(Ok(answer.unwrap_or_default())))
    }
}

/// An address is decided on when it is connected to, and not when the name was first seen.
#[test]
fn an_answer_that_changes_is_checked_each_time() {
    crate::support::runtime().block_on(async {
        let allowed = Listener::answering("HTTP/1.1 500 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let script = Script::new(&[&["127.0.0.1"], &["169.254.169.254"], &["10.0.0.1"]]);
        let tenant = Tenant::with(LOOPBACK, None, script.clone());
        let call = tenant.page(&format!("http://localhost:{}", allowed.address.port())).await;
        assert!(matches!(call.result, Ok(Err(Failure::DeniedByHost(_)))), "{}", end(&call));
        let messages: Vec<&str> = call.bill.denials.iter().map(|denial| denial.message.as_str()).collect();
        assert!(messages.contains(&"localhost is at 169.254.169.254, which is never allowed"), "{messages:?}");
        let words = "localhost is at 10.0.0.1, which is not allowed without --allow-private-network";
        assert!(messages.contains(&words), "{messages:?}");
        assert!(call.bill.denials.iter().all(|denial| denial.code == DenialCode::Address));
        // The first answer was fine, and only the connection to it came about.
        assert_eq!((allowed.connections(), tenant.connections_opened()), (1, 1));
        assert_eq!(script.asked(), 1 + messages.len());
    });
}

/// One look-up for each connection, which goes to what that look-up said: nobody asks a second time in between.
#[test]
fn what_was_checked_is_what_is_connected_to() {
    crate::support::runtime().block_on(async {
        let first = Listener::counting();
        let port = first.address.port();
        // The same port of another address that is allowed.
        let Ok(second) = TcpListener::bind(("127.0.0.2", port)) else {
            eprintln!("skipped: this machine has no 127.0.0.2");
            return;
        };
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        std::thread::spawn(move || second.incoming().for_each(|_| _ = counting.fetch_add(1, Ordering::SeqCst)));
        let script = Script::new(&[&["127.0.0.1"], &["127.0.0.1"], &["127.0.0.2"]]);
        let tenant = Tenant::with(LOOPBACK, None, script.clone());
        let call = tenant.page(&format!("http://localhost:{port}")).await;
        assert!(matches!(call.result, Ok(Err(Failure::Unreachable(_)))), "{}", end(&call));
        assert_eq!(first.connections(), 2);
        assert_eq!(count.load(Ordering::SeqCst), script.asked() - 2);
        assert!(script.asked() > 3, "{}", script.asked());
    });
}

/// Of several addresses those that are allowed are used, and the others never; when none is left, the name is refused.
#[test]
fn of_several_addresses_only_the_allowed_ones_are_used() {
    crate::support::runtime().block_on(async {
        let allowed = Listener::answering("HTTP/1.1 403 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let port = allowed.address.port();
        let forbidden = ["169.254.169.254", "10.0.0.1", "0.0.0.0", "::", "fd00:ec2::254", "::ffff:10.0.0.1"];
        let mixed: Vec<&str> = forbidden.iter().copied().chain(["127.0.0.1"]).chain(forbidden).collect();
        let tenant = Tenant::with(LOOPBACK, None, Script::new(&[&mixed]));
        let call = tenant.page(&format!("http://localhost:{port}")).await;
        assert!(call.bill.denials.is_empty() && !call.bill.requests.is_empty(), "{}", end(&call));
        assert!(call.bill.requests.iter().all(|request| request.status == Some(403)), "{:?}", call.bill.requests);
        assert_eq!(allowed.connections(), call.bill.requests.len());

        for (policy, address, words) in [
            (NONE, "10.0.0.1", "not allowed without --allow-private-network"),
            (PRIVATE, "127.0.0.1", "not allowed without --allow-loopback"),
            (PRIVATE, "::ffff:127.0.0.1", "not allowed without --allow-loopback"),
            (PRIVATE, "169.254.169.254", "never allowed"),
            (PRIVATE, "100.100.100.200", "never allowed"),
            (PRIVATE, "fd00:ec2::254", "never allowed"),
            (PRIVATE, "64:ff9b::a9fe:a9fe", "never allowed"),
            (PRIVATE, "224.0.0.1", "never allowed"),
            (PRIVATE, "0.0.0.0", "never allowed"),
        ] {
            let tenant = Tenant::with(policy, None, Script::new(&[&[address]]));
            let call = tenant.page(&format!("https://gitlab.example.com:{port}")).await;
            let denial = call.bill.denials.first().unwrap_or_else(|| panic!("{address}: {}", end(&call)));
            assert!(denial.message.ends_with(words), "{address}: {}", denial.message);
            assert_eq!(tenant.connections_opened(), 0, "{address}");
        }
    });
}

/// `localhost` is trusted with an unencrypted token as this machine, so it has to be this machine. A resolver that says
/// otherwise used to be believed.
#[test]
fn plain_http_to_localhost_goes_to_this_machine_alone() {
    crate::support::runtime().block_on(async {
        let both = NetworkPolicy { loopback: true, private: true };
        for address in ["10.0.0.1", "1.1.1.1", "2a00:1450::1"] {
            let tenant = Tenant::with(both, None, Script::new(&[&[address]]));
            let call = tenant.page("http://localhost:8080").await;
            let denial = call.bill.denials.first().unwrap_or_else(|| panic!("{address}: {}", end(&call)));
            assert_eq!(denial.code, DenialCode::PlainHttp, "{address}");
            assert_eq!(denial.message, "the token is not sent unencrypted to http://localhost:8080; use https");
            assert_eq!(tenant.connections_opened(), 0, "{address}");
        }
    });
}

#[test]
fn a_name_without_address_is_said_to_have_none() {
    crate::support::runtime().block_on(async {
        let tenant = Tenant::with(NONE, None, Script::new(&[&[]]));
        let call = tenant.page("https://gitlab.example.com").await;
        assert!(end(&call).ends_with("| no address was found for the name gitlab.example.com"), "{}", end(&call));
    });
}
