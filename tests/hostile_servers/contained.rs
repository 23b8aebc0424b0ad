//! Each server of the family, all at once, and how its call ends.

use std::time::{Duration, Instant};

use fake_gitlab::rogue::{self, Rogue};

use crate::host::{Tenant, WALL, end};
use crate::memory;

/// What the process may grow by while the whole family is at work: about forty calls at once, each with up to four
/// answers under way of at most 1 MiB, which guest and host hold once each.
const MOST_GROWTH: u64 = 96 << 20;

/// What the end of the call has to name. Without a case here a new server does not compile.
fn named(rogue: Rogue) -> &'static str {
    match rogue {
        Rogue::Silent | Rogue::SlowHead => "no answer within 1 s",
        // Every byte comes in time; what ends it is the clock of the whole call.
        Rogue::SlowBody => "the plugin passed the limit wall = 20000 ms",
        Rogue::EndlessBody | Rogue::EndlessChunks => "the limit response_bytes",
        Rogue::EndlessHeaders | Rogue::EndlessHeader | Rogue::TooManyHeaders => "larger than the limit response_head",
        Rogue::EndlessTrailers => "the answer breaks HTTP's framing: chunk trailers",
        Rogue::InformationalFlood => "the server sent more than 32 interim answers",
        Rogue::GzipBomb => "the answer is encoded (content-encoding: gzip) although the request forbids it",
        Rogue::HugeChunk => "the answer stopped for 1 s",
        Rogue::LongChunkSize | Rogue::BadChunkSize | Rogue::BadChunkEnd => "the answer breaks HTTP's framing: ",
        Rogue::EndlessChunkLine => "the answer breaks HTTP's framing: chunk extensions",
        Rogue::TwoLengths | Rogue::BadLength => "the answer is not HTTP: invalid content-length",
        // The chunks count: by the standard, and by what was checked.
        Rogue::LengthAndChunks => "no content type instead of GitLab's JSON",
        Rogue::LongBody | Rogue::Unsolicited => "JSON of another service instead of GitLab's JSON",
        Rogue::BodyWithoutContent | Rogue::SwitchingProtocols => "no content type instead of GitLab's JSON",
        // Nobody follows it; whoever did would be back at the policy, which has no switch for that address.
        Rogue::RedirectToMetadata => "a redirect to 169.254.169.254 instead of JSON",
        Rogue::BadHeader => "the answer is not HTTP: invalid HTTP",
        // These speak first: what comes before the request is written is an answer to nothing, and has no more words.
        Rogue::Banner | Rogue::Http2 => "the answer is not HTTP",
        Rogue::ResetAtOnce | Rogue::ResetAfterRequest | Rogue::ResetInBody | Rogue::ResetInChunk | Rogue::TlsReset => {
            "the connection broke off"
        }
        Rogue::ResetInHead | Rogue::CloseAfterRequest | Rogue::ShortBody => "the connection broke off",
        Rogue::TlsSilent => "no connection within 1 s",
        Rogue::TlsDowngrade => "no TLS connection: peer is incompatible: ServerDoesNotSupportTls12Or13",
        Rogue::TlsRefusal => "the server refused the TLS connection: ProtocolVersion",
        Rogue::TlsPlain | Rogue::TlsEndless => "what answers at that port does not speak TLS",
    }
}

#[test]
fn every_hostile_server_is_contained() {
    let runtime = crate::support::runtime();
    runtime.block_on(async {
        Tenant::new().assert_honest_works("nothing").await;
        memory::reset_peak();
        let before = memory::resident();
        let started = Instant::now();
        let mut attacks = tokio::task::JoinSet::new();
        for rogue in Rogue::ALL.iter().copied() {
            attacks.spawn(attack(rogue));
        }
        let mut wrong: Vec<String> = attacks.join_all().await.into_iter().flatten().collect();
        if let (Some((before, _)), Some((_, peak))) = (before, memory::resident()) {
            let growth = peak.saturating_sub(before);
            println!(
                "{} servers in {:.1} s, memory grew by {} MiB of at most {}",
                Rogue::ALL.len(),
                started.elapsed().as_secs_f32(),
                growth >> 20,
                MOST_GROWTH >> 20
            );
            if growth > MOST_GROWTH {
                wrong.push(format!("memory grew by {growth} bytes"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// One call against one server; what was wrong about it.
async fn attack(rogue: Rogue) -> Vec<String> {
    let server = rogue::start(rogue).await.unwrap();
    // A tenant each: what the tenants share is the process.
    let tenant = Tenant::new();
    let started = Instant::now();
    let call = tenant.page(&server.url()).await;
    let took = started.elapsed();
    let end = end(&call);
    println!(
        "{:22} {:4.1} s  {:2} connections  {:8} KiB sent  {end}",
        rogue.name(),
        took.as_secs_f32(),
        server.connections(),
        server.sent() >> 10
    );
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{}: {what}", rogue.name()));
        }
    };
    check(end.contains(named(rogue)), format!("does not name `{}`: {end}", named(rogue)));
    check(took < WALL + Duration::from_secs(5), format!("took {took:?}"));
    check(matches!(call.result, Ok(Err(_)) | Err(_)), "was taken for a GitLab".to_owned());
    // The host tries a request at most twice, and the plugin asks three times and eight times again.
    check(server.connections() <= (3 + 8) * 2, format!("{} connections", server.connections()));
    // An answer that nobody asked for is nobody's answer.
    check(
        call.bill.requests.iter().all(|request| request.status != Some(418)),
        "the smuggled answer was read".to_owned(),
    );
    check(call.bill.denials.is_empty(), format!("{:?}", call.bill.denials));
    if rogue == Rogue::GzipBomb {
        let bytes: Vec<u64> = call.bill.requests.iter().map(|request| request.bytes).collect();
        check(bytes.iter().all(|bytes| *bytes == 0), format!("was read: {bytes:?} bytes"));
    }
    tenant.assert_honest_works(rogue.name()).await;
    wrong
}
