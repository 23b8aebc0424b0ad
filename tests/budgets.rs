//! Figures that are the same on every machine, held to budgets: a regression of a twentieth fails with its number.

use host_sim::admission::Manifest;
use host_sim::bench::page::{self, Options};
use host_sim::engine::{Engine, EngineOptions};
use host_sim::policy::limits::Limits;
use toml::Value;

use crate::support::budget::{hold, table, verdict, write, writes};
use crate::support::{component, runtime};

/// 10,000 users.
const PAGES: u32 = 100;

/// The compiler as it wrote itself into the module.
fn compiler(component: &[u8]) -> String {
    let text = String::from_utf8_lossy(component);
    let written = text.split("rustc").find_map(|after| {
        let version = after.get(1..)?.trim_start_matches(|c: char| c.is_control());
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.split(" (").next().unwrap().to_owned())
    });
    format!("rustc {}", written.expect("a compiler names itself"))
}

#[test]
fn budgets_of_a_run_of_ten_thousand_users() {
    let bytes = std::fs::read(component()).unwrap();
    let manifest = Manifest::read(&bytes, usize::MAX).unwrap();
    let report = runtime().block_on(async {
        let engine = Engine::new(Limits::default(), EngineOptions::default()).unwrap();
        let plugin = engine.load(&bytes).unwrap();
        page::run(&engine, &plugin, bytes.clone(), Options { pages: PAGES, rounds: 0 }).await.unwrap()
    });
    if writes() {
        // What JSON has of these, TOML has in the same form.
        let imports = serde_json::to_string(&manifest.imports).unwrap();
        write(&[("compiler", serde_json::to_string(&compiler(&bytes)).unwrap()), ("imports", imports)]);
    }
    let imports = Value::from(manifest.imports.clone());
    assert_eq!(imports, table()["imports"], "the import list is the permission list");
    hold(&[
        ("fuel_per_page", report.fuel as f64),
        ("component_bytes", manifest.size as f64),
        ("guest_peak_memory_bytes", report.peak_memory_bytes as f64),
    ]);
    // How many there are depends on which answer comes first.
    let most = table()["most_connections_per_run"].as_integer().unwrap();
    assert!(i64::try_from(report.connections).unwrap() <= most, "{} connections, {most} at most", report.connections);
}

#[test]
fn a_twentieth_is_let_pass_and_no_more_in_either_direction() {
    for (figure, words) in [(100.0, None), (105.0, None), (95.0, None), (106.0, Some("+6.0 %")), (94.0, Some("-6.0 %"))]
    {
        let verdict = verdict("fuel", figure, 100.0);
        assert_eq!(verdict.is_some(), words.is_some(), "{figure}");
        if let (Some(verdict), Some(words)) = (verdict, words) {
            let all = [words, &format!("fuel is {figure}"), "budget 100", "BUDGETS=write cargo test"];
            assert!(all.iter().all(|words| verdict.contains(words)), "{verdict}");
        }
    }
}
