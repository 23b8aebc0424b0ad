//! Hostile guests, each contained: the call ends within its limit and says which, or the request is refused with its code,
//! and an honest call works right after.
//!
//! A guest is a file in `tests/guests/src/bin`. Its name stands in the list below, which makes a test of it; the test does
//! not compile without a function of that name in one of the modules, and `every_guest_has_its_test` fails for a file
//! that is not in the list.

mod asking;
mod computing;
mod delivering;
mod stealing;
mod taking;

use crate::support::runtime;

macro_rules! contained {
    ($($module:ident: $($name:ident),*;)*) => {
        const TESTED: &[&str] = &[$($(stringify!($name)),*),*];

        $($(
            #[test]
            fn $name() {
                runtime().block_on($module::$name());
            }
        )*)*
    };
}

contained! {
    asking: header_smuggling, million_requests, never_read_body, other_origins, slow_upload;
    computing: endless_loop, endless_recursion, honest, hostcall_storm, sleeper, trap;
    delivering: endless_paging, huge_result, wrong_records;
    stealing: secret_thief;
    taking: handle_leak, hoarder, huge_headers, memory_bomb, table_growth;
}

#[test]
fn every_guest_has_its_test() {
    let mut tested = TESTED.to_vec();
    tested.sort_unstable();
    assert_eq!(host_sim::plugin_build::guest_sources().unwrap(), tested);
}
