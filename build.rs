//! How the component is linked.

/// Stack of the guest, bytes. The frames of all its functions together take half of it, and the only long recursion, through a text in JSON,
/// ends at 128 levels. A host overwrites the memory that a call begins with for the next one, and the megabyte that is usual was most of
/// that.
const STACK: u32 = 128 * 1024;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "wasm") {
        println!("cargo::rustc-link-arg-cdylib=-zstack-size={STACK}");
    }
}
