//! Guests that compute, wait, or crash.

use std::time::Duration;

use host_sim::bill::Bill;
use host_sim::contract::Credential;
use host_sim::engine::{CallError, CallOutcome, Engine, EngineOptions};
use host_sim::policy::limits::Limits;

use crate::support::guests::{Attacked, components, edge, passed, tight, told};

const NOWHERE: &str = "http://127.0.0.1:9";

pub async fn honest() {
    let attacked = Attacked::new("honest", NOWHERE, Limits::default());
    attacked.assert_honest_works().await;
    assert!(attacked.plugin.describe().await.result.is_ok());
    assert!(attacked.plugin.configure(&[]).await.result.unwrap().is_err());
    let report = attacked.plugin.test(&attacked.network, &attacked.config("")).await.result.unwrap();
    assert_eq!(report.checks.len(), 1);
}

pub async fn endless_loop() {
    let attacked = Attacked::new("endless_loop", NOWHERE, Limits { cpu: Duration::from_millis(300), ..tight() });
    let (plugin, config) = (&attacked.plugin, attacked.config(""));
    let limited = |name: &str, value: &str| assert_eq!((name, value), ("cpu", "300 ms"));
    let call = plugin.describe().await;
    attacked.assert_within(&call);
    limited(passed(&call).0, passed(&call).1);
    let call = plugin.configure(&[]).await;
    limited(passed(&call).0, passed(&call).1);
    let call = plugin.test(&attacked.network, &config).await;
    limited(passed(&call).0, passed(&call).1);
    let call = attacked.page("").await;
    limited(passed(&call).0, passed(&call).1);
    assert!(call.bill.busy > Duration::from_millis(300), "no sooner than the limit says: {:?}", call.bill);
    // The figure that stands beside the limit is the one that passed it.
    let json = Bill::of(&call.bill).to_json(&attacked.limits);
    let figure = &json["busy_ms_longest_call"];
    assert_eq!((figure["limit_name"].as_str(), figure["limit"].as_u64()), (Some("cpu"), Some(300)), "{figure}");
    assert!(figure["value"].as_f64().unwrap() > 300.0, "{figure}");
    // In long instructions, which are the engine's code and not the guest's.
    let call = attacked.page("fill").await;
    limited(passed(&call).0, passed(&call).1);
    attacked.assert_honest_works().await;
}

pub async fn endless_recursion() {
    let attacked = Attacked::new("endless_recursion", NOWHERE, Limits::default());
    assert_eq!(passed(&attacked.page("").await), ("stack_bytes", "524288 bytes"));
    attacked.assert_honest_works().await;

    // As deep as the stack allows, and one deeper is too deep; twice the stack is twice as deep.
    let deepest = async |stack_bytes: usize| {
        let limits = Limits { stack_bytes, ..Limits::default() };
        let engine = Engine::new(limits, EngineOptions::default()).unwrap();
        let plugin = engine.load(&components()["endless_recursion"]).unwrap();
        let holds = async |depth: usize| {
            let call = plugin.collect(&attacked.network, &attacked.config(&depth.to_string()), None).await;
            let deep_enough = call.result.is_ok();
            assert!(deep_enough || passed(&call).0 == "stack_bytes");
            deep_enough
        };
        edge(1, 1 << 20, holds).await
    };
    let (half, whole) = (deepest(256 * 1024).await, deepest(512 * 1024).await);
    let frame = 256 * 1024 / (whole - half);
    assert!(frame >= 16 && whole.abs_diff(512 * 1024 / frame) < 400, "{half} {whole}");
}

pub async fn hostcall_storm() {
    let limits = Limits { cpu: Duration::from_millis(500), ..tight() };
    let attacked = Attacked::new("hostcall_storm", NOWHERE, limits);
    let call = attacked.page("").await;
    // Most of its time is the host's, and is the call's all the same.
    assert_eq!(passed(&call), ("cpu", "500 ms"));
    assert!(call.bill.busy > call.bill.guest, "{:?}", call.bill);
    attacked.assert_honest_works().await;
}

pub async fn sleeper() {
    for mode in ["", "naps"] {
        let attacked = Attacked::new("sleeper", NOWHERE, Limits { wall: Duration::from_millis(700), ..tight() });
        let call = attacked.page(mode).await;
        assert_eq!(passed(&call), ("wall", "700 ms"), "{mode}");
        assert!(call.bill.wall >= Duration::from_millis(700), "{:?}", call.bill.wall);
        attacked.assert_honest_works().await;
    }
}

pub async fn trap() {
    let attacked = Attacked::new("trap", NOWHERE, tight());
    let (plugin, config) = (&attacked.plugin, attacked.config(""));
    let config = || config.clone();
    assert_trap(&plugin.describe().await, "unreachable");
    attacked.assert_honest_works().await;
    assert_trap(&plugin.configure(&[]).await, "unreachable");
    attacked.assert_honest_works().await;
    assert_trap(&plugin.test(&attacked.network, &config()).await, "out of bounds memory access");
    attacked.assert_honest_works().await;
    assert_trap(&plugin.collect(&attacked.network, &config(), None).await, "undefined element");
    let dumped = plugin.collect_then_dump(&attacked.network, &config(), &Credential::Injected, None).await;
    assert_trap(&dumped, "undefined element");
    attacked.assert_honest_works().await;
    assert_eq!(told(&Attacked::new("memory_bomb", NOWHERE, tight()).page("0").await), ["granted"]);
}

#[track_caller]
fn assert_trap<T: std::fmt::Debug>(call: &CallOutcome<T>, words: &str) {
    match &call.result {
        Err(CallError::Trap(found)) => assert!(found.contains(words), "{found}"),
        other => panic!("no trap: {other:?}"),
    }
}
