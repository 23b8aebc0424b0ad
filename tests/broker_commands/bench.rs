//! `bench store`.

use serde_json::Value;

use super::shape;
use crate::support::Cli;

/// On a store of a few seats every bound holds, however busy the machine.
#[test]
fn a_small_store_is_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let figures = folder.path().join("of/today");
    let ran = Cli::new(["bench", "store", "--assignments", "1000", "--json", "--out"]).arg(&figures).run();
    ran.assert_code(0);
    assert_eq!(std::fs::read_to_string(figures.join("store.json")).unwrap(), ran.stdout);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string(&shape(&document)).unwrap(), @r#"{"figures":[{"bound_us":"number","rows":"number","took_us":"number","what":"text"}],"filled":{"activity_months":"number","events":"number","people":"number","seats":"number"},"passed":"yes or no"}"#);
    assert_eq!(document["passed"], true);
    assert!(document["filled"]["seats"].as_u64().unwrap() >= 1_000, "{}", document["filled"]);
    let bound = |what: &str| {
        let figures = document["figures"].as_array().unwrap();
        figures.iter().find(|figure| figure["what"] == what).unwrap()["bound_us"].as_u64()
    };
    assert_eq!(bound("allocation, first page"), Some(50_000));
    assert_eq!(bound("expired or unused licenses, first page"), Some(2_000_000));
    assert_eq!(bound("allocation, every row"), None);
    let plot = std::fs::read_to_string(figures.join("store.svg")).unwrap();
    assert!(plot.starts_with("<svg") && plot.contains("allocation, first page"), "{plot}");
    Cli::new(["bench", "store", "--assignments", "1"]).run().assert_code(2);
    // Told before it is measured.
    Cli::new(["bench", "store", "--out", "/dev/null/figures"]).run().assert_code(2);
}
