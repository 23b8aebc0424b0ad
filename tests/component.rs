//! The component itself: what it imports, how large it is, and that it is what the host expects.

use host_sim::admission::Manifest;

use crate::support::component;

/// The import list is the permission list. A change of this list is a change of what every customer grants.
const IMPORTS: &str = "\
wasi:clocks/monotonic-clock@0.2.12
wasi:clocks/wall-clock@0.2.12
wasi:http/outgoing-handler@0.2.12
wasi:http/types@0.2.12
wasi:io/error@0.2.12
wasi:io/poll@0.2.12
wasi:io/streams@0.2.12";

/// What GitLab.com, every caller, every version and add-ons take; 382,395 bytes were a self-managed administrator alone. Some
/// 50,000 of it are the price of speed: a page takes a quarter more instructions where everything is built to be small.
const MOST_BYTES: usize = 680_000;

fn manifest() -> Manifest {
    Manifest::read(&std::fs::read(component()).unwrap(), usize::MAX).unwrap()
}

#[test]
fn imports_exactly_what_it_may() {
    assert_eq!(manifest().imports.join("\n"), IMPORTS);
}

#[test]
fn exports_the_connector_alone() {
    assert_eq!(manifest().exports, ["license-broker:plugin/connector@0.1.0"]);
}

#[test]
fn is_small() {
    let size = manifest().size;
    eprintln!("component: {size} bytes of at most {MOST_BYTES}");
    assert!(size < MOST_BYTES, "{size} bytes");
}

#[test]
fn holds_no_path_of_the_machine_that_built_it() {
    let bytes = std::fs::read(component()).unwrap();
    for folder in [env!("CARGO_MANIFEST_DIR").to_owned(), std::env::var("HOME").unwrap_or_default()] {
        // A home of `/` would be found anywhere.
        if folder.len() > 4 {
            let found = bytes.windows(folder.len()).any(|window| window == folder.as_bytes());
            assert!(!found, "{folder}");
        }
    }
}
