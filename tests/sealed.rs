//! Tokens at rest, as an administrator keeps them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use fake_gitlab::{Options, Tokens};

use crate::support::{Cli, Ran, StandIn, TOKEN, component};

const CANARY: &str = Tokens::ADMINISTRATOR;

#[test]
fn a_sealed_token_serves_its_tenant_and_server_and_nobody_else() {
    let stand_in = StandIn::start(Options { users: 30, ..Options::default() });
    let other = StandIn::start(Options { users: 30, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    Cli::new(["secret", "key", "--out"]).arg(at("key")).run().assert_code(0);
    let seal = |cli: Cli| cli.arg("--key-file").arg(at("key")).args(["--tenant", "acme"]);
    let seal_for = |url: &str| seal(Cli::new(["secret", "seal", "--url", url]));
    let url = stand_in.url();
    let variable = seal_for(&url).args(["--token-env", TOKEN]).env(TOKEN, CANARY).arg("--out").arg(at("sealed")).run();
    variable.assert_code(0);
    assert_eq!(fs::metadata(at("sealed")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(at("plain"), format!("{CANARY}\n")).unwrap();
    let file = seal_for(&url).arg("--token-file").arg(at("plain")).run();
    let stdin: Stdio = fs::File::open(at("plain")).unwrap().into();
    let input = seal_for(&url).arg("--token-stdin").stdin(stdin).run();
    for sealed in [&file.stdout, &input.stdout, &fs::read_to_string(at("sealed")).unwrap()] {
        assert!(sealed.starts_with("host-sim-sealed.v1.") && !sealed.contains("stand-in"), "{sealed}");
    }

    let test = |url: &str, tenant: &str| -> Ran {
        let cli = Cli::new(["test", "--url", url, "--allow-loopback", "--trace", "--plugin"]).arg(component());
        let cli = cli.arg("--token-sealed").arg(at("sealed")).args(["--tenant", tenant]);
        cli.arg("--key-file").arg(at("key")).run()
    };
    let ran = test(&url, "acme");
    ran.assert_code(0);
    // The path is not the server.
    assert!(test(&format!("{url}/"), "acme").stdout.contains("The access token is accepted"));
    let closed = "error: the sealed secret does not open: it was sealed with another key, for another tenant or source, or \
                  was changed\n";
    let (before, elsewhere) = (stand_in.gitlab.request_count(), other.gitlab.request_count());
    for (url, tenant) in [(&url, "acme2"), (&url, "default"), (&other.url(), "acme")] {
        assert!(test(url, tenant).assert_code(2).stderr.starts_with(closed), "{url} {tenant}");
    }
    assert_eq!((stand_in.gitlab.request_count(), other.gitlab.request_count()), (before, elsewhere), "nothing is sent");

    // The key from a variable, which is for one process as the file is for one user.
    let key = fs::read_to_string(at("key")).unwrap();
    let cli = Cli::new(["collect", "--url", &url, "--allow-loopback", "--plugin"]).arg(component());
    let cli = cli.arg("--token-sealed").arg(at("sealed")).args(["--tenant", "acme", "--key-env", "HOST_KEY"]);
    let ran_with_variable = cli.env("HOST_KEY", &key).run();
    ran_with_variable.assert_code(0);
    for text in [&ran.stdout, &ran.stderr, &ran_with_variable.stdout, &ran_with_variable.stderr] {
        assert!(!text.contains("stand-in-administrator") && !text.contains(key.trim()), "{text}");
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    Cli::new(["secret", "key", "--out"]).arg(&key).run().assert_code(0);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let seal = || {
        let cli = Cli::new(["secret", "seal", "--url", "https://gitlab.example.com", "--token-env", TOKEN]);
        cli.env(TOKEN, CANARY).arg("--key-file").arg(&key)
    };
    seal().run().assert_code(0);
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    let name = key.display();
    let words =
        format!("error: the key file {name} can be read or written by others (mode 0640)\nhint: chmod 600 {name}\n");
    assert_eq!(seal().run().assert_code(2).stderr, words);
    let again = Cli::new(["secret", "key", "--out"]).arg(&key).run();
    assert!(again.assert_code(2).stderr.contains("what was sealed with it would be lost"), "{}", again.stderr);
    // Neither token nor key is taken from the command line.
    for option in ["--token", "--key"] {
        seal().args([option, CANARY]).run().assert_code(2);
    }
}
