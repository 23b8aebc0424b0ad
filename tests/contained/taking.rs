//! Guests that take memory, the guest's own and the host's: to the very edge, and one beyond.

use host_sim::engine::CallError;
use host_sim::policy::limits::{BODY_PIECE, Limits};

use crate::support::guests::{Attacked, edge, passed, tight, told};
use crate::support::listener::Listener;

const NOWHERE: &str = "http://127.0.0.1:9";
const PAGE: usize = 65_536;

pub async fn memory_bomb() {
    let attacked = Attacked::new("memory_bomb", NOWHERE, tight());
    let limit = attacked.limits.memory_bytes;
    let call = attacked.page("").await;
    assert_eq!(passed(&call), ("memory_bytes", "67108864 bytes"));
    assert!(call.bill.peak_memory > limit / 2, "{}", call.bill.peak_memory);
    attacked.assert_honest_works().await;

    let initial = attacked.page("0").await.bill.peak_memory;
    let room = (limit - initial) / PAGE;
    let call = attacked.page(&room.to_string()).await;
    assert_eq!((told(&call), call.bill.peak_memory), (vec!["granted"], limit));
    let call = attacked.page(&(room + 1).to_string()).await;
    assert_eq!((told(&call), call.bill.peak_memory), (vec!["refused"], initial));
    // Who was refused memory and did without it does not die of that.
    let call = attacked.page("goes-on").await;
    assert!(matches!(&call.result, Err(CallError::Trap(words)) if words.contains("unreachable")), "{:?}", call.result);
    // A tenant that may have less.
    let limits = Limits { memory_bytes: initial + PAGE, ..tight() };
    let less = Attacked::new("memory_bomb", NOWHERE, limits);
    assert_eq!((told(&less.page("1").await), told(&less.page("2").await)), (vec!["granted"], vec!["refused"]));
}

pub async fn table_growth() {
    let attacked = Attacked::new("table_growth", NOWHERE, tight());
    assert_eq!(passed(&attacked.page("").await), ("table_elements", "10000"));
    attacked.assert_honest_works().await;

    let before: usize = told(&attacked.page("0").await)[0].parse().unwrap();
    let room = attacked.limits.table_elements - before;
    assert_eq!(told(&attacked.page(&room.to_string()).await), [before.to_string()]);
    assert_eq!(told(&attacked.page(&(room + 1).to_string()).await), ["-1"]);
}

pub async fn handle_leak() {
    for mode in ["", "pollables"] {
        let attacked = Attacked::new("handle_leak", NOWHERE, tight());
        assert_eq!(passed(&attacked.page(mode).await), ("host_table_entries", "1024"), "{mode}");
        attacked.assert_honest_works().await;
    }
    let with = |handles, host_table_entries| {
        Attacked::new("handle_leak", NOWHERE, Limits { handles, host_table_entries, ..tight() })
    };
    for (attacked, name) in [(with(20, 1_000), "handles"), (with(1_000, 20), "host_table_entries")] {
        assert_eq!(told(&attacked.page("fields 20").await), ["20 made"], "{name}");
        assert_eq!(passed(&attacked.page("fields 21").await), (name, "20"));
        attacked.assert_honest_works().await;
    }
}

pub async fn huge_headers() {
    let attacked = Attacked::new("huge_headers", NOWHERE, tight());
    assert_eq!(passed(&attacked.page("").await), ("fields_bytes", "16384 bytes"));
    attacked.assert_honest_works().await;

    // What is counted beside the value is the same whatever the limit.
    let beside = async |fields_bytes: usize| {
        let attacked = Attacked::new("huge_headers", NOWHERE, Limits { fields_bytes, ..tight() });
        let holds = async |bytes: usize| {
            let call = attacked.page(&bytes.to_string()).await;
            if call.result.is_ok() {
                assert_eq!(told(&call), ["written"]);
                return true;
            }
            assert_eq!(passed(&call), ("fields_bytes", format!("{fields_bytes} bytes").as_str()));
            false
        };
        fields_bytes - edge(0, fields_bytes + 1, holds).await
    };
    let few = beside(1_000).await;
    assert_eq!(few, beside(100_000).await);
    assert!(few > 0 && few < 200, "{few}");
}

pub async fn hoarder() {
    let attacked = Attacked::new("hoarder", NOWHERE, tight());
    // As many handles as entries of the host's: either comes first.
    assert!(matches!(passed(&attacked.page("").await), ("handles" | "host_table_entries", "1024")));
    attacked.assert_honest_works().await;
    assert_eq!(told(&attacked.page("texts").await), ["0"]);
    let kept: usize = told(&attacked.page("bodies").await)[0].parse().unwrap();
    assert!(kept > 0 && kept <= 300 * 3 * BODY_PIECE, "{kept}");

    // Schemes the library has a shorter limit for.
    let limit = attacked.limits.target_bytes;
    for (part, most) in [("method", limit), ("authority", limit), ("path", limit), ("scheme", 64)] {
        assert_eq!(told(&attacked.page(&format!("{part} {most}")).await), ["taken"], "{part}");
        assert_eq!(told(&attacked.page(&format!("{part} {}", most + 1)).await), ["refused"], "{part}");
    }
    let less = Attacked::new("hoarder", NOWHERE, Limits { target_bytes: 10, ..tight() });
    for part in ["method", "scheme", "authority", "path"] {
        assert_eq!(told(&less.page(&format!("{part} 10")).await), ["taken"], "{part}");
        assert_eq!(told(&less.page(&format!("{part} 11")).await), ["refused"], "{part}");
    }

    // Fields of an answer are not the guest's; a changed copy of them is.
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nX: {}\r\n\r\n{{}}", "x".repeat(30_000));
    let server = Listener::answering(head);
    let attacked = Attacked::new("hoarder", &server.url(), tight());
    assert_eq!(passed(&attacked.page("clones").await).0, "fields_bytes");
    attacked.assert_honest_works().await;
    let server = Listener::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    let attacked = Attacked::new("hoarder", &server.url(), tight());
    assert!(matches!(passed(&attacked.page("clones").await).0, "handles" | "host_table_entries"));
}
