//! How the guest's compiler is found, with stand-ins for the programs that are asked.
//!
//! The third way, a distribution's compiler, has fixed places and needs root: CI goes it for real.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Cli, Ran, component};

/// A machine whose `rustc`, `rustup` and `cargo` are scripts.
struct Machine {
    folder: TempDir,
}

impl Machine {
    /// `rustup` is what `rustup target add` runs; none for a machine without rustup.
    fn new(has_target: bool, rustup: Option<&str>) -> Self {
        // The module that the real cargo has compiled: the stand-in's answer.
        component();
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| machine.folder.path().join(name).display().to_string();
        fs::create_dir_all(at("sysroot/bin")).unwrap();
        if has_target {
            machine.add_target();
        }
        let rustc = format!(
            "case \"$*\" in\n  '--print sysroot') echo {} ;;\n  -vV) echo 'host: x86_64-unknown-linux-gnu' ;;\n  \
             *target-libdir*) echo {} ;;\n  *) exit 1 ;;\nesac",
            at("sysroot"),
            at("sysroot/lib"),
        );
        machine.script("bin/rustc", &rustc);
        machine.script("sysroot/bin/rustc", "exit 1");
        let module = target().join("guest/wasm32-unknown-unknown/guest/gitlab_seats.wasm");
        let cargo = format!(
            "echo \"$RUSTC $*\" >> {}\nmkdir -p \"$CARGO_TARGET_DIR/guest/wasm32-unknown-unknown/guest\"\n\
             cp {} \"$CARGO_TARGET_DIR/guest/wasm32-unknown-unknown/guest/\"",
            at("calls"),
            module.display(),
        );
        machine.script("sysroot/bin/cargo", &cargo);
        if let Some(body) = rustup {
            machine.script("bin/rustup", &body.replace("SYSROOT", &at("sysroot")));
        }
        machine
    }

    fn add_target(&self) {
        let lib = self.folder.path().join("sysroot/lib");
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("libstd-0123.rlib"), "").unwrap();
    }

    fn script(&self, name: &str, body: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn build(&self, way: &str) -> Ran {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        Cli::new(["build", "--compiler", way, "--out"])
            .arg(self.folder.path().join("plugin.wasm"))
            .env("PATH", &path)
            .env("CARGO_TARGET_DIR", self.folder.path().join("target").to_str().unwrap())
            .run()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default()
    }

    fn built(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join("plugin.wasm")).ok()
    }
}

/// The target folder of this test run.
fn target() -> PathBuf {
    host_sim::plugin_build::default_component().ancestors().nth(2).unwrap().to_owned()
}

fn assert_built(machine: &Machine, ran: &Ran) {
    ran.assert_code(0);
    assert_eq!(machine.built().unwrap(), fs::read(component()).unwrap());
    let calls = machine.calls();
    // The toolchain's own compiler, and nothing unstable.
    let rustc = machine.folder.path().join("sysroot/bin/rustc");
    assert!(calls.starts_with(rustc.to_str().unwrap()), "{calls}");
    assert!(calls.contains("--target wasm32-unknown-unknown") && !calls.contains("-Z"), "{calls}");
}

#[test]
fn first_an_installed_target_is_used_as_it_is() {
    let machine = Machine::new(true, Some("echo called >> SYSROOT/rustup; exit 1"));
    for way in ["auto", "installed"] {
        assert_built(&machine, &machine.build(way));
    }
    assert!(!Path::new(&machine.folder.path().join("sysroot/rustup")).exists(), "rustup was not asked");
}

#[test]
fn then_rustup_adds_it() {
    let rustup = "[ \"$*\" = 'target add wasm32-unknown-unknown' ] || exit 1\n\
                  mkdir -p SYSROOT/lib && touch SYSROOT/lib/libstd-0123.rlib";
    for way in ["auto", "rustup"] {
        let machine = Machine::new(false, Some(rustup));
        let ran = machine.build(way);
        assert_built(&machine, &ran);
        assert!(ran.stderr.contains("adding the target wasm32-unknown-unknown with rustup"), "{}", ran.stderr);
    }
}

#[test]
fn at_last_it_says_what_was_tried_and_what_to_install() {
    for (way, rustup, words) in [
        ("installed", None, vec!["the active toolchain does not have it"]),
        ("rustup", None, vec!["rustup is not installed"]),
        ("rustup", Some("exit 1"), vec!["rustup cannot download it"]),
        // Without rust-lld in the sysroot, the distribution's compiler would have nothing to link with.
        ("distribution", None, vec!["no rust-lld"]),
        (
            "auto",
            Some("exit 1"),
            vec!["the active toolchain does not have it", "rustup cannot download", "no rust-lld"],
        ),
    ] {
        let machine = Machine::new(false, rustup);
        let ran = machine.build(way);
        ran.assert_code(1);
        let error = ran.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        for word in words {
            assert!(error.contains(word), "{way}: {}", ran.stderr);
        }
        assert!(ran.stderr.contains("hint: run `rustup target add wasm32-unknown-unknown`"), "{}", ran.stderr);
        assert!(ran.stderr.contains("rustc-web rust-web-src"), "{}", ran.stderr);
        assert_eq!(machine.built(), None);
        assert_eq!(machine.calls(), "");
    }
}

#[test]
fn a_plugin_that_does_not_compile_leaves_the_old_component() {
    let machine = Machine::new(true, None);
    assert_built(&machine, &machine.build("installed"));
    machine.script("sysroot/bin/cargo", "echo 'error: no' >&2; exit 101");
    let ran = machine.build("installed");
    ran.assert_code(1);
    assert!(ran.stderr.contains("error: the plugin does not compile\nhint: "), "{}", ran.stderr);
    assert_eq!(machine.built().unwrap(), fs::read(component()).unwrap());
}

/// A build runs code of whatever is compiled, and of rustup and cargo themselves.
#[test]
fn no_program_of_a_build_gets_the_token_or_the_key() {
    let rustup = "mkdir -p SYSROOT/lib && touch SYSROOT/lib/libstd-0123.rlib";
    for command in ["test", "collect"] {
        let machine = Machine::new(false, Some(rustup));
        let seen = machine.folder.path().join("seen");
        for name in ["bin/rustc", "bin/rustup", "sysroot/bin/cargo"] {
            let path = machine.folder.path().join(name);
            let body = fs::read_to_string(&path).unwrap();
            let note = format!("echo \"{name} ${{THE_TOKEN-}} ${{THE_KEY-}} $OTHER\" >> {}\n", seen.display());
            machine.script(name, &format!("{note}{}", body.trim_start_matches("#!/bin/sh\n")));
        }
        let path = format!("{}:/usr/bin:/bin", machine.folder.path().join("bin").display());
        let ran = Cli::new([command, "--url", "http://127.0.0.1:1", "--allow-loopback"])
            .args(["--token-env", "THE_TOKEN", "--key-env", "THE_KEY"])
            .env("THE_TOKEN", "glpat-of-the-build")
            .env("THE_KEY", "key-of-the-build")
            .env("OTHER", "kept")
            .env("PATH", &path)
            .env("HOST_SIM_GUEST_COMPILER", "auto")
            .env("CARGO_TARGET_DIR", machine.folder.path().join("target").to_str().unwrap())
            .run();
        ran.assert_code(1);
        assert!(ran.stderr.contains("127.0.0.1:1"), "it was built, and called: {}", ran.stderr);
        let seen = fs::read_to_string(seen).unwrap();
        for name in ["bin/rustc", "bin/rustup", "sysroot/bin/cargo"] {
            assert!(seen.lines().any(|line| line == format!("{name}   kept")), "{name}: {seen}");
        }
        assert!(!seen.contains("of-the-build"), "{seen}");
    }
}
