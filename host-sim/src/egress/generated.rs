//! Ten thousand requests that look like granted ones, through the policy and on to the sockets.
//!
//! Each is made of pieces of the granted origin and of what parsers take for it, some with an edit at a random place, and
//! handed to the hook as wasmtime does. Looked at is who was connected to: a listener on each of several addresses and
//! ports of this machine, of which one is granted. Every name but `localhost` resolves to a trap, and the granted server
//! answers with redirects to one.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Empty};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use wasmtime_wasi_http::WasiHttpHooks as _;

use super::{Access, Client, Hooks, Injection, Ledger, Lookup, Network, Resolve, Secret};
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::policy::origin::{Grant, Origin};
use crate::policy::request::{self, Rules};

/// Requests, over all grants.
const CASES: u32 = 10_000;

/// A port of this machine that counts who comes, and keeps what they say first.
struct Port {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Port {
    /// Answers everybody with a redirect to `elsewhere`.
    fn listen(at: SocketAddr, elsewhere: Option<SocketAddr>) -> Option<Self> {
        let listener = TcpListener::bind(at).ok()?;
        let address = listener.local_addr().ok()?;
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, keep) = (Arc::clone(&connections), Arc::clone(&heads));
        // Ends with the test process.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut buffer = [0; 8192];
                let read = stream.read(&mut buffer).unwrap_or(0);
                keep.lock().unwrap().push(String::from_utf8_lossy(&buffer[..read]).into_owned());
                let location = elsewhere.map(|address| format!("Location: http://{address}/\r\n")).unwrap_or_default();
                let answer = format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes());
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Some(Self { address, connections, heads })
    }

    /// Connections so far, but for the one that this makes to be sure that all before it are counted.
    fn connections(&self) -> usize {
        let before = self.heads.lock().unwrap().iter().filter(|head| head.starts_with("LAST")).count();
        let mut last = TcpStream::connect(self.address).unwrap();
        last.write_all(b"LAST").unwrap();
        let _ = last.read_to_end(&mut Vec::new());
        self.connections.load(Ordering::SeqCst) - before - 1
    }
}

/// `localhost` is where it is granted; every other name leads to traps.
#[derive(Debug)]
struct Names;

impl Resolve for Names {
    fn lookup(&self, name: &str) -> Lookup {
        let last = if name == "localhost" { 1 } else { 2 };
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, last])])))
    }
}

/// What a guest sets, piece by piece.
#[derive(Debug, Clone)]
struct Wanted {
    scheme: &'static str,
    user: &'static str,
    host: String,
    port: String,
    path: String,
}

/// One character put in, taken out, replaced, in the other case, or percent-encoded, at a place in thousandths.
fn edited(text: &str, edit: Option<(u8, usize, char)>) -> String {
    let Some((kind, place, new)) = edit else { return text.to_owned() };
    let mut characters: Vec<char> = text.chars().collect();
    let place = place * characters.len() / 1000;
    match (kind, characters.get(place).copied()) {
        (0, _) | (_, None) => characters.insert(place, new),
        (1, Some(_)) => drop(characters.remove(place)),
        (2, Some(_)) => characters[place] = new,
        (3, Some(old)) => {
            characters[place] = if old.is_lowercase() { old.to_ascii_uppercase() } else { old.to_ascii_lowercase() }
        }
        (_, Some(old)) => drop(characters.splice(place..=place, format!("%{:02x}", u32::from(old)).chars())),
    }
    characters.into_iter().collect()
}

/// Those that mean the granted host stand several times, so that the other pieces are tried with them.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "127.0.0.1",
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "localhost",
    "localhost",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost.",
    "127.0.0.2",
    "127.2",
    "2130706434",
    "0x7f000002",
    "0177.2",
    "127.0.0.2.",
    "127.0.0.1.2",
    "127.0.0.257",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:127.0.0.2]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::]",
    "[::1%25lo]",
    "0.0.0.0",
    "0",
    "",
    ".",
    "localhost..",
    ".localhost",
    "localhost.example.com",
    "localhost.localdomain",
    "example.localhost",
    "127.0.0.1.example.com",
    "127.0.0.1.nip.io",
    "127-0-0-1.example.com",
    "xn--lcalhost-qsf",
    "xn--localhost-",
    "l\u{43e}calhost",
    "ⓛocalhost",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "localhost%2e",
    "localhost%00.example.com",
    "metadata.google.internal",
    "169.254.169.254",
    "10.0.0.1",
];

const PATHS: &[&str] = &[
    "/",
    "/",
    "/api/v4/user",
    "/api/v4/user?per_page=100",
    "",
    "*",
    "?a=b",
    "//127.0.0.2/",
    "/@127.0.0.2/",
    "@127.0.0.2/",
    "http://127.0.0.2/",
    "/http://127.0.0.2/",
    "/../127.0.0.2",
    "/%2e%2e/",
    "/\\127.0.0.2",
    ":80/",
    ".example.com/",
    "/#@x",
];

const USERS: &[&str] =
    &["", "", "", "", "", "", "", "", "@", "user@", "user:word@", "127.0.0.2@", "127.0.0.1:80@", "%40@", "a@b@"];

const SCHEMES: &[&str] =
    &["http", "http", "http", "http", "http", "http", "https", "ftp", "HTTP", "file", "ws", "http+unix"];

fn wanted(granted: u16, other: u16) -> impl Strategy<Value = Wanted> {
    let ports = [granted.to_string(), other.to_string(), format!("0{granted}")].map(|port| format!(":{port}"));
    let ports = [
        &[ports[0].clone(), ports[0].clone(), ports[0].clone()][..],
        &ports,
        &["", ":", ":80", ":443", ":0", ":65536", ":-1"].map(str::to_owned),
        &[
            format!(":{granted}:{other}"),
            format!(":{granted}@127.0.0.2:{other}"),
            format!(":{granted}#@127.0.0.2:{other}"),
        ],
        &[format!(":{granted}\\@127.0.0.2:{other}"), format!(":{granted}/@127.0.0.2:{other}"), format!(":+{granted}")],
    ]
    .concat();
    let character = select(".:@/\\?#%[] 012x-_aé\u{0}\r\n\t。".chars().collect::<Vec<_>>());
    let edit = proptest::option::weighted(0.12, (0_u8..5, 0_usize..1000, character));
    // The granted origin's own piece in half of the cases, so that one wrong piece comes with right ones.
    let often = |usual: Vec<&'static str>, all: &'static [&'static str]| prop_oneof![select(usual), select(all)];
    let hosts = often(HOSTS.iter().copied().take(15).collect(), HOSTS);
    let ports = prop_oneof![Just(ports[0].clone()), select(ports)];
    let paths = often(PATHS.iter().copied().take(4).collect(), PATHS);
    (often(vec!["http"], SCHEMES), often(vec![""], USERS), hosts, ports, paths, edit.clone(), edit).prop_map(
        |(scheme, user, host, port, path, edit_host, edit_path)| Wanted {
            scheme,
            user,
            host: edited(host, edit_host),
            port,
            path: edited(path, edit_path),
        },
    )
}

/// As a guest sets it, and as wasmtime builds it; nothing if it does not come to that.
fn built(wanted: &Wanted) -> Option<Request<wasmtime_wasi_http::WasiBody>> {
    let authority = format!("{}{}{}", wanted.user, wanted.host, wanted.port);
    let uri =
        Uri::builder().scheme(wanted.scheme).authority(authority).path_and_query(wanted.path.as_str()).build().ok()?;
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::builder().method(Method::GET).uri(uri).body(body).ok()
}

/// The address that C programs read from a text, here written once more: not with the parser that the policy uses.
fn inet_aton(text: &str) -> Option<u32> {
    let number = |text: &str| {
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("0x") {
            Some("") => Some(0),
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None if lower.len() > 1 && lower.starts_with('0') => u32::from_str_radix(&lower, 8).ok(),
            None => lower.parse().ok(),
        }
    };
    let numbers: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    let shift = |place: usize| 24 - 8 * u32::try_from(place).unwrap();
    let mut address = *last;
    for (place, part) in first.iter().enumerate() {
        if *part > 255 || place > 2 {
            return None;
        }
        address |= part << shift(place);
    }
    Some(address)
}

/// Whether it is the granted origin, told without any of the policy's code.
fn means(wanted: &Wanted, granted_host: &str, granted_port: u16) -> bool {
    let decoded = percent_decoded(&wanted.host.to_ascii_lowercase());
    let host = decoded.strip_suffix('.').unwrap_or(&decoded);
    let same_host =
        if granted_host == "localhost" { host == "localhost" } else { inet_aton(host) == Some(0x7f00_0001) };
    let port = wanted.port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    wanted.scheme.eq_ignore_ascii_case("http") && wanted.user.is_empty() && same_host && port == Some(granted_port)
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(char::from(byte).to_ascii_lowercase());
                decoded.push_str(&part[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

#[test]
fn nothing_but_the_granted_origin_connects() {
    let any = |host: [u8; 4]| SocketAddr::from((host, 0));
    // Two ports on each of three addresses, and the second redirects nowhere.
    // Some systems have only the first address of loopback.
    let elsewhere = [[127, 0, 0, 2], [127, 0, 0, 1]].into_iter().find_map(|at| Port::listen(any(at), None)).unwrap();
    let granted = Port::listen(any([127, 0, 0, 1]), Some(elsewhere.address)).unwrap();
    let other = Port::listen(any([127, 0, 0, 1]), None).unwrap();
    let (port, other_port) = (granted.address.port(), other.address.port());
    let beside = [([127, 0, 0, 2], port), ([127, 0, 0, 2], other_port), ([127, 0, 0, 3], port)].map(SocketAddr::from);
    let six = [port, other_port].map(|port| SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)));
    let mut traps: Vec<Port> = beside.iter().chain(&six).filter_map(|at| Port::listen(*at, None)).collect();
    traps.extend([elsewhere, other]);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let limits = Arc::new(Limits::default());
    let outcomes: Mutex<BTreeMap<String, u32>> = Mutex::default();
    let sent = AtomicUsize::new(0);
    for granted_host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{granted_host}:{port}");
        let grant = Grant::of(std::slice::from_ref(&url), &[Origin::of_url(&url).unwrap()]).unwrap();
        let injection =
            Injection::new("private-token", "", Secret::new("glpat-generated".to_owned()).unwrap()).unwrap();
        let policy = NetworkPolicy { loopback: true, private: true };
        let resolver: Arc<dyn Resolve> = Arc::new(Names);
        let client = runtime.block_on(async { Client::resolving(&limits, policy, None, &resolver).unwrap() });
        let network = Network { client: Arc::new(client), access: Access { grant, injection: Some(injection) } };
        let config = Config { cases: CASES / 2, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        let case = |wanted: Wanted| {
            let count = |what: String| *outcomes.lock().unwrap().entry(what).or_default() += 1;
            let Some(request) = built(&wanted) else {
                // wasmtime sends no such thing. The policy is asked all the same.
                let Wanted { scheme, user, host, port: text, path } = &wanted;
                let uri = format!("{scheme}://{user}{host}{text}{path}");
                let asked = request::Wanted { method: "GET", uri: &uri, path_and_query: path };
                let rules = Rules { grant: &network.access.grant, network: policy, credential: true };
                let allowed = request::decide(rules, asked).is_ok();
                prop_assert!(!allowed || means(&wanted, granted_host, port), "{wanted:?} is allowed");
                count("no URI, ".to_owned() + if allowed { "though of the origin" } else { "and refused" });
                return Ok(());
            };
            let ledger = Arc::new(Ledger::default());
            let mut hooks = Hooks::new(Some(network.clone()), Arc::clone(&limits), Arc::clone(&ledger), None);
            let answer = runtime.block_on(Box::into_pin(hooks.send_request(request, None, Box::new(async { Ok(()) }))));
            match answer {
                Ok((response, _)) => {
                    prop_assert!(means(&wanted, granted_host, port), "{wanted:?} connected");
                    prop_assert_eq!(response.status(), 302);
                    sent.fetch_add(1, Ordering::SeqCst);
                    count("sent".to_owned());
                }
                Err(error) => {
                    let denials = ledger.denials();
                    prop_assert!(!denials.is_empty(), "{wanted:?} was not refused but failed: {error:?}");
                    prop_assert!(!denials[0].hint.is_empty());
                    count(format!("refused {:?}", denials[0].code));
                }
            }
            Ok(())
        };
        if let Err(error) = TestRunner::new(config).run(&wanted(port, other_port), case) {
            panic!("granted {url}: {error}");
        }
    }
    let (sent, reached) = (sent.into_inner(), granted.connections());
    let trapped: BTreeMap<String, usize> =
        traps.iter().map(|trap| (trap.address.to_string(), trap.connections())).collect();
    let outcomes = outcomes.into_inner().unwrap();
    println!("{outcomes:?}; connections: {} {reached}, elsewhere {trapped:?}", granted.address);
    assert_eq!(outcomes.values().sum::<u32>(), CASES);
    assert!(trapped.values().all(|connections| *connections == 0), "{trapped:?}");
    assert_eq!(sent, reached);
    // A policy that refuses everything would pass the above.
    assert!(sent > 300, "only {sent} were sent");
    let hosts = [format!("host: 127.0.0.1:{port}\r\n"), format!("host: localhost:{port}\r\n")];
    for head in granted.heads.lock().unwrap().iter().filter(|head| !head.starts_with("LAST")) {
        assert!(hosts.iter().any(|host| head.to_ascii_lowercase().contains(host.as_str())), "{head}");
        assert!(head.starts_with("GET /") && head.contains("glpat-generated"), "{head}");
    }
}
