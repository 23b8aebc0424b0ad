//! `bench store`, `bench instantiate` and `bench page`.

use serde_json::Value;

use super::shape;
use crate::support::{Cli, component};

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

/// Of so few calls on a busy machine only the form is certain, and that the exit code is the verdict.
#[test]
fn a_call_and_a_start_are_measured_and_judged() {
    let few = ["--calls", "20", "--starts", "1", "--rounds", "3"];
    let bench = |further: &[&str]| {
        let bench = Cli::new(["bench", "instantiate"]).args(few).args(further);
        bench.arg("--plugin").arg(component()).run()
    };
    let ran = bench(&["--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string(&shape(&document)).unwrap(), @r#"{"figures":[{"bound":"number","holds":"yes or no","median":"number","p99":"number","rounds":[{"median":"number","p99":"number"}],"times":"number","unit":"text","what":"text"}],"passed":"yes or no"}"#);
    let figures = document["figures"].as_array().unwrap();
    let number = |figure: &Value, key: &str| figure[key].as_f64().unwrap();
    for (figure, unit, bound, times) in [(&figures[0], "us", 30.0, 20), (&figures[1], "ms", 50.0, 1)] {
        assert_eq!((figure["unit"].as_str(), figure["times"].as_u64()), (Some(unit), Some(times)));
        assert!(number(figure, "median") > 0.0 && number(figure, "p99") >= number(figure, "median"), "{figure}");
        assert_eq!(figure["rounds"].as_array().unwrap().len(), 3);
        assert_eq!(figure["holds"], number(figure, "median") <= bound, "{figure}");
    }
    let passed = figures.iter().all(|figure| figure["holds"] == true);
    assert_eq!((document["passed"].as_bool(), ran.code), (Some(passed), Some(i32::from(!passed))));
    let folder = tempfile::tempdir().unwrap();
    let text = bench(&["--out", folder.path().to_str().unwrap()]).stdout;
    assert!(text.contains("instantiate, call describe, drop") && text.contains("30.0 µs"), "{text}");
    let plot = std::fs::read_to_string(folder.path().join("instantiate.svg")).unwrap();
    assert!(plot.contains("instantiate, call describe, drop") && folder.path().join("instantiate.json").exists());
}

/// The guest's fuel is a matter of its code alone; the ratio of this build and machine may be any.
#[test]
fn a_page_is_measured_and_judged_and_its_fuel_is_the_same_each_time() {
    let bench = |further: &[&str]| {
        let bench = Cli::new(["bench", "page", "--pages", "3", "--rounds", "1"]).args(further);
        bench.arg("--plugin").arg(component()).run()
    };
    let ran = bench(&["--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string(&shape(&document)).unwrap(), @r#"{"bound":"number","bytes":"number","connections":"number","fuel":"number","native_us":"number","pages":"number","passed":"yes or no","peak_memory_bytes":"number","ratio":"number","rounds":[{"native_us":"number","wasm_us":"number"}],"wasm_us":"number"}"#);
    let number = |key: &str| document[key].as_f64().unwrap();
    assert!(number("bytes") > 100_000.0 && number("fuel") > number("bytes") && number("native_us") > 0.0, "{document}");
    assert!((number("ratio") - number("wasm_us") / number("native_us")).abs() < 1e-6, "{document}");
    let passed = number("ratio") <= 1.6;
    assert_eq!((document["passed"].as_bool(), ran.code), (Some(passed), Some(i32::from(!passed))));
    let folder = tempfile::tempdir().unwrap();
    let text = bench(&["--out", folder.path().to_str().unwrap()]).stdout;
    assert!(text.contains("the same code native"), "{text}");
    let plot = std::fs::read_to_string(folder.path().join("page.svg")).unwrap();
    assert!(plot.contains("the same code native") && folder.path().join("page.json").exists());
    // Of another recording, whose headers tell another time.
    let fuel = text.lines().find_map(|line| line.trim().strip_prefix("fuel")).unwrap().trim().parse::<f64>().unwrap();
    assert!((fuel / number("fuel") - 1.0).abs() < 0.01, "{fuel} {document}");
}
