//! What is refused before it is compiled, and what of the compiled is kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use host_sim::admission::{Manifest, Refusal};
use host_sim::code_cache::{CodeCache, CodeCacheError};
use host_sim::engine::{Engine, EngineOptions, LoadError, Plugin};
use host_sim::policy::limits::Limits;

use crate::support::dummy::dummy;
use crate::support::minisign::Signer;
use crate::support::{ANY_TOKEN, Cli, component};

fn written(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join("other.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

#[track_caller]
fn assert_refused(bytes: &[u8], words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let ran = Cli::new(["inspect"]).arg(written(folder.path(), bytes)).run();
    ran.assert_code(1);
    assert!(ran.stderr.starts_with(&format!("error: {words}")), "{}", ran.stderr);
}

/// Used to be loaded, and to fail at the first call.
#[test]
fn another_signature_under_the_same_name_and_version() {
    assert_eq!(Manifest::read(&dummy("export connector;", "", ""), usize::MAX).unwrap().admit(), Ok(()));
    assert_refused(
        &dummy("export connector;", "cursor: option<cursor>) ->", "cursor: cursor) ->"),
        "the plugin's connector is not that of license-broker:plugin/connector@0.1.0: function collect: parameter \
         cursor: string, where the contract has option",
    );
    assert_refused(
        &dummy("export connector;", "    /// One line of text.\n    text,\n", ""),
        "the plugin's connector is not that of license-broker:plugin/connector@0.1.0: function describe: result, field \
         fields, list, field kind: `url` among its cases, where the contract has `text` among its cases",
    );
}

#[test]
fn another_version_another_import_or_no_component() {
    assert_refused(
        &dummy("export connector;", "plugin@0.1.0", "plugin@0.2.0"),
        "the plugin does not export license-broker:plugin/connector@0.1.0; it exports \
         license-broker:plugin/connector@0.2.0",
    );
    assert_refused(
        &dummy("export connector; import wasi:cli/environment@0.2.12;", "", ""),
        "the plugin imports wasi:cli/environment@0.2.12, which no plugin may use",
    );
    assert_refused(b"\0asm\x01\0\0\0", "this is not a WebAssembly component: it is a core module");
    assert_refused(b"#!/bin/sh\n", "this is not a WebAssembly component: it does not begin as WebAssembly does");
    let limit = Limits::default().component_bytes;
    let large = [fs::read(component()).unwrap(), vec![0; limit]].concat();
    assert_refused(&large, &format!("the plugin has {} bytes, the limit component_bytes is {limit}", limit + 1));
}

/// Forty kilobytes of loops within each other took the compiler 40 seconds.
#[test]
fn more_than_is_compiled_is_refused_before_it_is() {
    // Core modules at the end of a component that is fine.
    let with_modules = |count: usize| {
        let modules = std::iter::repeat_n(*b"\x01\x08\0asm\x01\0\0\0", count);
        [dummy("export connector;", "", ""), modules.flatten().collect()].concat()
    };
    let there = Manifest::read(&with_modules(0), usize::MAX).unwrap();
    assert_eq!(there.admit(), Ok(()));
    assert_refused(
        &with_modules(33),
        "the plugin has 33 modules and components in it, and at most 32 are compiled here",
    );
    let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
    let refused = engine.load(&with_modules(33)).err().map(|error| error.to_string()).unwrap();
    assert!(refused.starts_with("the plugin has 33 modules"), "{refused}");
}

/// Ten components within each other, each of which instantiates the one in it ten times: the compiler would unroll them all.
#[test]
fn what_multiplies_is_refused_before_it_is_compiled() {
    let section = |id: u8, data: &[u8]| {
        let length = u16::try_from(data.len()).unwrap();
        let length = [u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7).unwrap()];
        [&[id], length.as_slice(), data].concat()
    };
    let empty = b"\0asm\x0d\0\x01\0".to_vec();
    let instances = |count: u8| section(5, &[&[count], b"\0\0\0".repeat(usize::from(count)).as_slice()].concat());
    let around = |inner: &[u8]| [empty.clone(), section(4, inner), instances(10)].concat();
    let behind = |inner: &[u8]| [dummy("export connector;", "", ""), section(4, inner)].concat();
    let bomb = (0..10).fold(empty.clone(), |inner, _| around(&inner));
    assert!(bomb.len() < 1_000, "{}", bomb.len());
    assert_refused(&behind(&bomb), "the plugin has 2 levels of components within it, and at most 1 are compiled here");
    assert_refused(
        &behind(&[empty.clone(), section(1, b"\0asm\x01\0\0\0")].concat()),
        "the plugin has 1 instances, functions and modules of a component in it, and at most 0 are compiled here",
    );
    // One that does nothing is what exports an interface.
    assert_eq!(Manifest::read(&behind(&empty), usize::MAX).unwrap().admit(), Ok(()));
}

/// Bytes from strangers: each is admitted or refused, and none ends the process.
#[test]
fn a_component_with_any_byte_changed_is_admitted_or_refused() {
    let whole = dummy("export connector; import wasi:cli/environment@0.2.12;", "", "");
    let mut refused = 0;
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        refused += usize::from(Manifest::read(&bytes, usize::MAX).is_err());
        if place % 16 == 0 {
            refused += usize::from(Manifest::read(&whole[..place], usize::MAX).is_err());
        }
    }
    assert!(refused > whole.len() / 4, "{refused} of {}", whole.len());
}

#[test]
fn a_signature_is_checked_before_anything_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (signer, other) = (Signer::new(), Signer::new());
    let bytes = fs::read(component()).unwrap();
    fs::write(at("plugin.wasm"), &bytes).unwrap();
    fs::write(at("key"), signer.key_file()).unwrap();
    fs::write(at("other-key"), other.key_file()).unwrap();
    fs::write(at("plugin.wasm.minisig"), signer.signature_file(&bytes, "gitlab-seats, approved")).unwrap();
    let inspect = |file: &str, key: &str| Cli::new(["inspect"]).arg(at(file)).arg("--verify-key").arg(at(key));

    let ran = inspect("plugin.wasm", "key").run();
    assert!(ran.assert_code(0).stdout.contains("\nsigned     gitlab-seats, approved\n"), "{}", ran.stdout);
    let refused = "error: the plugin's signature is not accepted: the signature is not one of this file by this key\n";
    let ran = inspect("plugin.wasm", "other-key").run();
    assert!(ran.assert_code(1).stderr.starts_with(refused), "{}", ran.stderr);
    // Not even looked at for what it is.
    fs::write(at("changed.wasm"), b"something else").unwrap();
    let ran = inspect("changed.wasm", "key").arg("--signature").arg(at("plugin.wasm.minisig")).run();
    assert!(ran.assert_code(1).stderr.starts_with(refused), "{}", ran.stderr);
    let ran = inspect("changed.wasm", "key").run();
    assert!(ran.assert_code(2).stderr.contains("changed.wasm.minisig holds no minisign signature"), "{}", ran.stderr);
    for command in ["test", "collect"] {
        let ran =
            Cli::source(command, "https://gitlab.example.com", ANY_TOKEN).arg("--verify-key").arg(at("key")).run();
        assert!(ran.assert_code(2).stderr.contains("holds no minisign signature"), "{command}: {}", ran.stderr);
    }
    // A signature without a key to check it by is no demand at all.
    Cli::new(["inspect"]).arg(at("plugin.wasm")).arg("--signature").arg(at("plugin.wasm.minisig")).run().assert_code(2);
}

/// A component with a section that means nothing, so that it has so many bytes.
fn padded(component: &[u8], size: usize) -> Vec<u8> {
    // Id 0, the length in five bytes, and a name of one character.
    let filling = size - component.len() - 1 - 5;
    let length =
        (0..5).map(|place| u8::try_from(filling >> (7 * place) & 0x7f).unwrap() | if place < 4 { 0x80 } else { 0 });
    let mut bytes = [component, &[0]].concat();
    bytes.extend(length);
    bytes.extend([1, b'x']);
    bytes.resize(size, 0);
    bytes
}

/// Where a tenant's limits allow more than usual, a component was still read as far as usual only, and its signature was not
/// looked at.
#[test]
fn a_tenants_limits_decide_on_the_size_and_the_signature_is_checked_at_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let usual = Limits::default().component_bytes;
    let plugin = fs::read(component()).unwrap();
    let large = padded(&plugin, usual + 1);
    fs::write(at("large.wasm"), &large).unwrap();
    let signer = Signer::new();
    fs::write(at("key"), signer.key_file()).unwrap();
    fs::write(at("good"), signer.signature_file(&large, "large")).unwrap();
    fs::write(at("of-another"), signer.signature_file(&plugin, "small")).unwrap();
    let load = |command: &str, limit: usize, signature: &str| {
        fs::write(at("limits"), format!("component_bytes = {limit}")).unwrap();
        let cli = match command {
            "inspect" => Cli::new(["inspect"]).arg(at("large.wasm")),
            source => {
                let cli =
                    Cli::new([source, "--url", "http://127.0.0.1:9", "--token-env", "TOKEN"]).env("TOKEN", ANY_TOKEN);
                cli.arg("--plugin").arg(at("large.wasm"))
            }
        };
        let cli = cli.arg("--limits").arg(at("limits")).arg("--verify-key").arg(at("key"));
        cli.arg("--signature").arg(at(signature)).run()
    };
    let ran = load("inspect", usual + 1, "good");
    assert!(ran.assert_code(0).stdout.contains(&format!("({} bytes)", usual + 1)), "{}", ran.stdout);
    for command in ["inspect", "test", "collect"] {
        let ran = load(command, usual + 1, "of-another");
        assert!(
            ran.assert_code(1).stderr.starts_with("error: the plugin's signature is not accepted"),
            "{}",
            ran.stderr
        );
        for limit in [usual, 1_000] {
            let ran = load(command, limit, "good");
            let words = format!("error: the plugin has {} bytes, the limit component_bytes is {limit}\n", limit + 1);
            assert!(ran.assert_code(1).stderr.starts_with(&words), "{command}: {}", ran.stderr);
        }
    }
}

fn engine() -> Engine {
    Engine::new(Limits::default(), EngineOptions::default()).unwrap()
}

fn load(cache: &CodeCache) -> Plugin {
    engine().load_through(&fs::read(component()).unwrap(), Some(cache)).unwrap()
}

/// The only entry of a cache.
fn entry(folder: &Path) -> std::path::PathBuf {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].clone()
}

#[test]
fn code_is_compiled_once_and_then_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("host-sim").join("code");
    let cache = CodeCache::open(&folder).unwrap();
    let first = load(&cache);
    assert!(!first.start().from_cache);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&entry(&folder))), (0o700, 0o600));
    let second = load(&cache);
    assert!(second.start().from_cache);
    eprintln!("ready in {:?} compiled, {:?} from the cache", first.start().took, second.start().took);
    assert!(second.start().took < first.start().took);
    // It is the same plugin, and it runs.
    let runtime = crate::support::runtime();
    let id = |plugin: &Plugin| runtime.block_on(plugin.describe()).result.unwrap().id;
    assert_eq!(id(&first), id(&second));
    // An engine of other settings never runs code that was compiled for this one.
    let limits = Limits { memory_bytes: 4 << 20, ..Limits::default() };
    let other = Engine::new(limits, EngineOptions { core_dump: true, ..EngineOptions::default() }).unwrap();
    let other = other.load_through(&fs::read(component()).unwrap(), Some(&cache)).unwrap();
    assert_eq!(id(&first), id(&other));
}

#[test]
fn an_entry_that_is_not_as_it_was_written_is_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&folder.path().join("code")).unwrap();
    load(&cache);
    let path = entry(&folder.path().join("code"));
    let good = fs::read(&path).unwrap();
    let last = good.len() - 1;
    // Form, component, engine, digest, the first byte of the code, one in its middle, the last.
    for place in [0, 16, 48, 80, 112, last / 2, last] {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(!load(&cache).start().from_cache, "{place}");
        assert_eq!(fs::read(&path).unwrap(), good, "{place}: replaced");
        assert!(load(&cache).start().from_cache, "{place}");
    }
    for bad in [&good[..last], &good[..100], &[], &[good.clone(), vec![0]].concat()] {
        fs::write(&path, bad).unwrap();
        assert!(!load(&cache).start().from_cache, "{} bytes", bad.len());
    }
    // Others could have written it.
    for mode in [0o620, 0o602, 0o644] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(!load(&cache).start().from_cache, "{mode:o}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(!load(&cache).start().from_cache, "a link");
    assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
}

/// Code under another component's name would be another plugin with this one's rights.
#[test]
fn code_of_another_component_is_not_taken_for_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&folder.path().join("code")).unwrap();
    load(&cache);
    let path = entry(&folder.path().join("code"));
    let own = fs::read(&path).unwrap();
    let other = dummy("export connector;", "", "");
    engine().load_through(&other, Some(&cache)).unwrap();
    let others = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let others: Vec<_> = others.filter(|other| *other != path).collect();
    assert_eq!(others.len(), 1);
    fs::copy(&others[0], &path).unwrap();
    assert!(!load(&cache).start().from_cache);
    assert_eq!(fs::read(&path).unwrap(), own);
}

#[test]
fn a_component_is_refused_whether_or_not_its_code_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&folder.path().join("code")).unwrap();
    let refused = dummy("export connector; import wasi:cli/environment@0.2.12;", "", "");
    let outcome = engine().load_through(&refused, Some(&cache));
    assert!(matches!(outcome.err(), Some(LoadError::Refused(Refusal::Imports(_)))));
    assert_eq!(fs::read_dir(folder.path().join("code")).unwrap().count(), 0);
}

#[test]
fn a_folder_that_others_can_write_in_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("open")).unwrap();
    for mode in [0o770, 0o707, 0o750, 0o701] {
        fs::set_permissions(at("open"), Permissions::from_mode(mode)).unwrap();
        assert!(matches!(CodeCache::open(&at("open")), Err(CodeCacheError::Exposed { .. })), "{mode:o}");
    }
    fs::set_permissions(at("open"), Permissions::from_mode(0o700)).unwrap();
    assert!(CodeCache::open(&at("open")).is_ok());
    symlink(at("open"), at("link")).unwrap();
    assert!(matches!(CodeCache::open(&at("link")), Err(CodeCacheError::Exposed { .. })));
    // Whoever can rename it can put another in its place.
    fs::create_dir_all(at("above/code")).unwrap();
    fs::set_permissions(at("above/code"), Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(at("above"), Permissions::from_mode(0o777)).unwrap();
    assert!(
        matches!(CodeCache::open(&at("above/code")), Err(CodeCacheError::Exposed { path, .. }) if path == at("above"))
    );
    fs::set_permissions(at("above"), Permissions::from_mode(0o1777)).unwrap();
    assert!(CodeCache::open(&at("above/code")).is_ok(), "as in /tmp");
}

#[test]
fn the_command_line_keeps_code_in_the_users_cache_folder_unless_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("host-sim/code");
    let inspect = |options: &[&str]| {
        let home = folder.path().to_str().unwrap();
        let ran = Cli::new(["inspect", "--json"]).arg(component()).args(options).env("XDG_CACHE_HOME", home).run();
        let found: serde_json::Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
        (found["ready"]["from_cache"].as_bool().unwrap(), found["ready"]["ms"].as_f64().unwrap(), ran.stderr)
    };
    assert!(!inspect(&["--no-cache"]).0);
    assert!(!code.exists());
    let (cold, warm) = (inspect(&[]), inspect(&[]));
    assert_eq!((cold.0, warm.0), (false, true));
    eprintln!("inspect: ready in {} ms cold, {} ms warm", cold.1, warm.1);
    assert!(!inspect(&["--no-cache"]).0);
    // A cache that cannot be trusted is said, and done without.
    fs::set_permissions(&code, Permissions::from_mode(0o755)).unwrap();
    let (from_cache, _, stderr) = inspect(&[]);
    assert!(!from_cache);
    let words = format!("warning: the code cache {0} is not used: {0} is not this user's alone", code.display());
    assert!(stderr.starts_with(&words), "{stderr}");
}

#[test]
fn the_newest_entries_are_kept_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("code");
    let cache = CodeCache::open(&code).unwrap();
    for number in 0..40 {
        fs::write(code.join(format!("{number}.cwasm")), "old").unwrap();
    }
    fs::write(code.join("other"), "not an entry").unwrap();
    load(&cache);
    assert_eq!(fs::read_dir(&code).unwrap().count(), 32 + 1);
    assert!(load(&cache).start().from_cache);
}
