//! Nothing leaves for anywhere but the granted origin. Looked at from the other side: who was connected to.

use fake_gitlab::{Options, Tokens};
use host_sim::contract::Failure;
use host_sim::egress::DenialCode;
use host_sim::engine::EngineOptions;
use host_sim::policy::origin::{Grant, Origin};

use crate::secrecy::{configure, load, network};
use crate::support::guests::{Attacked, tight};
use crate::support::listener::Listener;
use crate::support::tls::TlsFront;
use crate::support::wiretap::Wiretap;
use crate::support::{ANY_TOKEN, Cli, StandIn};

#[test]
fn another_origin_is_refused_and_reported() {
    let runtime = crate::support::runtime();
    let forbidden = Listener::counting();
    let granted = Listener::counting();
    runtime.block_on(async {
        let (_engine, plugin) = load(EngineOptions::default()).await;
        // As a plugin that was broken into: its settings lead elsewhere than what was granted.
        let config = configure(&plugin, &forbidden.url()).await;
        let call = plugin.collect(&network(&granted.url()), &config, None).await;
        let Err(Failure::DeniedByHost(explanation)) = call.result.unwrap() else { panic!("not denied") };
        assert!(!explanation.message.is_empty());
        assert!(!call.bill.denials.is_empty());
        for denial in &call.bill.denials {
            assert_eq!(denial.code, DenialCode::Origin);
            assert!(denial.target.starts_with(&forbidden.url()), "{}", denial.target);
            let words = format!("{0} is not the granted origin ({1}, POST {1})", forbidden.url(), granted.url());
            assert_eq!(denial.message, words);
        }
        assert_eq!(call.bill.requests.len(), 0);
        assert_eq!(call.last_failure.unwrap().words, call.bill.denials[0].message);
    });
    assert_eq!(forbidden.connections() + granted.connections(), 0);
}

/// With the GitLab plugin's own grant, below a path: what else is installed on the host is out of its reach.
#[test]
fn another_path_of_the_granted_host_is_refused_and_the_line_named() {
    let runtime = crate::support::runtime();
    let listener = Listener::counting();
    let url = listener.url();
    runtime.block_on(async {
        let (_engine, plugin) = load(EngineOptions::default()).await;
        let granted = configure(&plugin, &format!("{url}/gitlab")).await;
        let expected = [format!("{url}/gitlab/api/v4"), format!("POST {url}/gitlab/api/graphql")];
        assert_eq!(granted.allowed_origins, expected);
        let mut network = network(&url);
        network.access.grant = Grant::of(&granted.allowed_origins, &[Origin::of_url(&url).unwrap()]).unwrap();
        // As a plugin that was broken into: its settings lead to another application of the same host.
        let config = configure(&plugin, &format!("{url}/wiki")).await;
        let call = plugin.collect(&network, &config, None).await;
        assert!(matches!(call.result.unwrap(), Err(Failure::DeniedByHost(_))));
        assert!(!call.bill.denials.is_empty());
        for denial in &call.bill.denials {
            let path = denial.target.strip_prefix(&url).unwrap();
            assert!(path.starts_with("/wiki/api/"), "{path}");
            assert_eq!(denial.code, DenialCode::Path);
            let words = format!("the path {path} of {url} is not below what is granted ({})", expected.join(", "));
            assert_eq!(denial.message, words);
            let method = if path.ends_with("/graphql") { "POST " } else { "" };
            let hint = format!(
                "`{method}{url}{path}` among the plugin's allowed-origins would allow it; only its author can add it"
            );
            assert_eq!(denial.hint, hint);
        }
        assert_eq!(call.bill.requests.len(), 0);
    });
    assert_eq!(listener.connections(), 0);
}

/// A plugin that reads and sends, where only reading is granted.
#[test]
fn a_post_leaves_only_where_post_is_granted() {
    let runtime = crate::support::runtime();
    let server = Wiretap::start();
    let url = server.url();
    runtime.block_on(async {
        let mut attacked = Attacked::new("secret_thief", &url, tight());
        attacked.network.access.grant =
            Grant::of(std::slice::from_ref(&url), &[Origin::of_url(&url).unwrap()]).unwrap();
        let call = attacked.page("").await;
        let [denial, others @ ..] = call.bill.denials.as_slice() else { panic!("{:?}", call.bill.denials) };
        assert!(others.len() == 2 && others.iter().all(|other| other == denial), "{others:?}");
        assert_eq!(denial.code, DenialCode::Method);
        assert_eq!(denial.message, format!("POST of the path /loot of {url} is not granted ({url})"));
        let hint =
            format!("`POST {url}/loot` among the plugin's allowed-origins would allow it; only its author can add it");
        assert_eq!(denial.hint, hint);
    });
    let sent = server.requests();
    assert!(!sent.is_empty() && sent.iter().all(|request| request.starts_with(b"GET ")), "{} requests", sent.len());
}

#[test]
fn describe_and_configure_have_no_network() {
    let runtime = crate::support::runtime();
    let listener = Listener::counting();
    runtime.block_on(async {
        let (_engine, plugin) = load(EngineOptions::default()).await;
        assert_eq!(plugin.describe().await.bill.requests.len(), 0);
        configure(&plugin, &listener.url()).await;
    });
    assert_eq!(listener.connections(), 0);
}

#[test]
fn loopback_needs_its_switch() {
    let listener = Listener::counting();
    let port = listener.address.port();
    for (url, words) in [
        (listener.url(), "the address 127.0.0.1 is not allowed without --allow-loopback"),
        (format!("https://127.0.0.1:{port}"), "the address 127.0.0.1 is not allowed without --allow-loopback"),
        (format!("https://[::1]:{port}"), "the address ::1 is not allowed without --allow-loopback"),
        // A name is told by the address it resolves to; over plain http it does not come to that.
        (format!("https://localhost:{port}"), "which is not allowed without --allow-loopback"),
        (format!("http://localhost:{port}"), "the token is not sent unencrypted"),
    ] {
        for command in ["test", "collect"] {
            let ran = Cli::new([command, "--url", &url, "--token-env", "T", "--plugin"])
                .arg(crate::support::component())
                .env("T", ANY_TOKEN)
                .run();
            ran.assert_code(1);
            assert!(ran.stderr.contains(words), "{url}: {}", ran.stderr);
        }
    }
    assert_eq!(listener.connections(), 0);
}

#[test]
fn the_token_does_not_travel_unencrypted() {
    for url in ["http://10.11.12.13", "http://gitlab.example.com"] {
        let ran = Cli::source("collect", url, ANY_TOKEN).arg("--allow-private-network").run();
        ran.assert_code(1);
        let words = format!("the token is not sent unencrypted to {url}; use https");
        assert!(ran.stderr.contains(&words), "{}", ran.stderr);
    }
}

#[test]
fn metadata_addresses_are_never_reached() {
    let ran = Cli::source("collect", "https://169.254.169.254", ANY_TOKEN).arg("--allow-private-network").run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("the address 169.254.169.254 is never allowed"), "{}", ran.stderr);
}

#[test]
fn tls_needs_a_trusted_authority_and_the_right_name() {
    let stand_in = StandIn::start(Options { users: 120, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let front = TlsFront::start(&stand_in, "127.0.0.1");
    front.write_authority(&authority);
    let collect = |url: &str| Cli::source("collect", url, Tokens::ADMINISTRATOR);

    let ran = collect(&front.url()).run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("signed by an authority that is not trusted here"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--ca-file"), "{}", ran.stderr);

    let ran = collect(&front.url()).arg("--ca-file").arg(&authority).run();
    ran.assert_code(0);
    assert_eq!(ran.records().last().unwrap()["counts"]["user"], 120);

    let other = TlsFront::start(&stand_in, "gitlab.example.com");
    other.write_authority(&authority);
    let ran = collect(&other.url()).arg("--ca-file").arg(&authority).run();
    ran.assert_code(1);
    assert!(ran.stderr.contains("the certificate is made out for another name"), "{}", ran.stderr);
}

#[test]
fn a_hostile_answer_ends_within_its_limit() {
    let endless_headers = format!("HTTP/1.1 200 OK\r\n{}", "X-Filler: 0123456789\r\n".repeat(20_000));
    let many_headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(101));
    let large = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[{}]", " ".repeat(17 * 1024 * 1024));
    for (answer, words) in [
        (endless_headers, "response_head_bytes"),
        (many_headers, "response_headers"),
        (large, "longer than 4194304 bytes"),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "the answer is not HTTP"),
        (String::new(), "closed before the answer was whole"),
    ] {
        let listener = Listener::answering(answer);
        let ran = Cli::source("collect", &listener.url(), ANY_TOKEN).run();
        ran.assert_code(1);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
}

/// A server may close an idle connection without a word. That used to end the collection.
#[test]
fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    let stand_in = StandIn::start(Options { users: 450, ..Options::default() });
    let front = crate::support::closing::Closing::start(&stand_in);
    let ran = Cli::source("collect", &front.url(), Tokens::ADMINISTRATOR).run();
    ran.assert_code(0);
    assert_eq!(ran.records().last().unwrap()["counts"]["user"], 450);
    assert!(front.closed() > 3, "{} connections were closed", front.closed());
}

/// A server that hangs up during the TLS handshake used to be called again and again until the request timed out.
#[test]
fn a_server_that_hangs_up_is_not_called_again_and_again() {
    for scheme in ["http", "https"] {
        let listener = Listener::counting();
        let url = format!("{scheme}://{}", listener.address);
        let ran = Cli::source("collect", &url, ANY_TOKEN).run();
        ran.assert_code(1);
        assert!(ran.stderr.contains("cannot be reached"), "{}", ran.stderr);
        // Three requests, which the plugin repeats eight times together, each tried at most twice by the host.
        assert!(listener.connections() <= (3 + 8) * 2, "{scheme}: {} connections", listener.connections());
    }
}

/// To the byte, with the real component: at the limit the answer is taken, one byte more and it is refused.
#[test]
fn the_head_of_an_answer_is_limited_to_the_byte() {
    let limit = host_sim::policy::limits::Limits::default().response_head_bytes;
    for (bytes, taken) in [(limit, true), (limit + 1, false)] {
        let body = "{}";
        let fixed = [("content-type", "application/json"), ("content-length", "2"), ("x-filler", "")];
        let used: usize = fixed.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let filler = "x".repeat(bytes - used);
        let listener = Listener::answering(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nx-filler: {filler}\r\n\r\n{body}"
        ));
        let ran = Cli::source("collect", &listener.url(), ANY_TOKEN).run();
        ran.assert_code(1);
        assert_eq!(ran.stderr.contains(&format!("response_head_bytes = {limit}")), !taken, "{bytes}: {}", ran.stderr);
    }
}

#[test]
fn each_refusal_says_what_would_allow_it() {
    let listener = Listener::counting();
    let port = listener.address.port();
    for (url, switches, hint) in [
        (format!("https://127.0.0.1:{port}"), vec![], "hint: --allow-loopback allows it"),
        (format!("https://localhost:{port}"), vec![], "hint: --allow-loopback allows it"),
        (format!("http://localhost:{port}"), vec![], "hint: --allow-loopback allows it"),
        (
            format!("https://[::ffff:127.0.0.1]:{port}"),
            vec!["--allow-private-network"],
            "hint: --allow-loopback allows it",
        ),
        ("https://10.0.0.7".to_owned(), vec!["--allow-loopback"], "hint: --allow-private-network allows it"),
        ("https://100.64.0.1".to_owned(), vec![], "hint: --allow-private-network allows it"),
        ("https://[fd12::1]".to_owned(), vec![], "hint: --allow-private-network allows it"),
        ("https://100.100.100.200".to_owned(), vec!["--allow-private-network"], "hint: nothing allows it"),
        ("https://[fd00:ec2::254]".to_owned(), vec!["--allow-private-network"], "hint: nothing allows it"),
        ("https://0.0.0.0".to_owned(), vec!["--allow-loopback"], "hint: nothing allows it"),
        (
            "http://10.0.0.7".to_owned(),
            vec!["--allow-private-network"],
            "hint: nothing allows it; enter the address with https",
        ),
    ] {
        for command in ["test", "collect"] {
            let ran = Cli::new([command, "--url", &url, "--token-env", "T", "--plugin"])
                .arg(crate::support::component())
                .args(&switches)
                .env("T", ANY_TOKEN)
                .run();
            ran.assert_code(1);
            assert!(ran.stderr.contains("the sandbox stopped a request: "), "{url}: {}", ran.stderr);
            let found = ran.stderr.lines().find(|line| line.starts_with("hint: "));
            assert_eq!(found, Some(hint), "{url} {switches:?}");
        }
    }
    assert_eq!(listener.connections(), 0);
}

#[test]
fn a_redirect_is_an_answer_and_nothing_more() {
    let elsewhere = Listener::counting();
    for (status, location) in [
        ("301 Moved Permanently", format!("{}/api/v4/user", elsewhere.url())),
        ("302 Found", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("307 Temporary Redirect", format!("//127.0.0.1:{}/", elsewhere.address.port())),
        ("308 Permanent Redirect", format!("https://user@127.0.0.1:{}/", elsewhere.address.port())),
    ] {
        let listener = Listener::answering(format!(
            "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
        let ran = Cli::source("collect", &listener.url(), ANY_TOKEN).arg("--allow-private-network").run();
        ran.assert_code(1);
        assert!(ran.stderr.contains("a redirect"), "{}", ran.stderr);
        assert!(listener.connections() >= 3);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let stand_in = StandIn::start(Options { users: 3, ..Options::default() });
    let proxy = Listener::counting();
    let mut cli = Cli::source("collect", &stand_in.url(), Tokens::ADMINISTRATOR);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        cli = cli.env(name, &proxy.url());
    }
    cli.run().assert_code(0);
    assert_eq!(proxy.connections(), 0);
}
