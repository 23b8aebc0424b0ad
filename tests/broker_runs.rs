//! Runs into the store that do not go well: what the source is then, what is kept, and when it is tried again.

use broker::journey::State;
use broker::store::audit::Act;
use broker::store::runs::Cause;
use broker::store::sources::Source;
use fake_gitlab::{FakeGitlab, Options, Tokens};
use host_sim::egress::Secret;
use host_sim::journey::JourneyError;
use host_sim::journey::consent;
use host_sim::journey::host::{Change, Entry, Host, TenantPolicy};
use host_sim::journey::reading::{Outcome, Reading};
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use crate::support::host::{Nobody, SetClock, TENANT, approved};
use crate::support::{component, runtime};

/// A first page, and three calls of sixteen.
const USERS: u32 = 4_000;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

struct Place {
    folder: TempDir,
    host: Host,
    gitlab: FakeGitlab,
    clock: SetClock,
}

impl Place {
    async fn new(policy: TenantPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::open(&folder.path().join("data"), None, None).unwrap();
        let gitlab = fake_gitlab::start(Options { users: USERS, ..Options::default() }).await.unwrap();
        approved(&host, &gitlab.base_url(), Act { actor: "test", now: NOW }, policy).await;
        Self { folder, host, gitlab, clock: SetClock::at(NOW) }
    }

    fn source(&self) -> broker::store::sources::Source {
        self.host.store().source(TENANT, 1).unwrap()
    }

    async fn read(&self) -> Reading {
        self.host.read("test", &self.clock, &self.source(), Cause::Schedule, &mut Nobody).await.unwrap()
    }

    async fn play(&mut self, faults: &[&str]) {
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        self.gitlab.play(Options { users: USERS, faults, ..Options::default() }).await.unwrap();
    }

    /// As after the end of the process.
    fn restarted(mut self) -> Self {
        drop(self.host);
        self.host = Host::open(&self.folder.path().join("data"), None, None).unwrap();
        self
    }
}

fn code(reading: &Reading) -> &'static str {
    match &reading.outcome {
        Outcome::Complete => "complete",
        Outcome::Partial => "partial",
        Outcome::Failed { code, .. } => code,
    }
}

#[test]
fn not_before_is_obeyed_across_a_restart_and_the_run_goes_on() {
    runtime().block_on(async {
        let mut place = Place::new(TenantPolicy {
            // No waiting here: a wait is the scheduler's.
            limits: Some("rate_limit_wait = 1000".to_owned()),
            ..TenantPolicy::default()
        })
        .await;
        // The test of the connection asks for one, and the opening for the first page.
        place.play(&["users@3+=rate-limit-text-long"]).await;
        let reading = place.read().await;
        assert_eq!(code(&reading), "rate-limited", "{:?}", reading.outcome);
        let runs = place.host.store().runs(TENANT, 1, 9).unwrap();
        assert_eq!((runs.len(), runs[0].state.as_str()), (1, "broken-off"));
        let earliest = broker::calendar::parse_instant(runs[0].retry_at.as_deref().unwrap()).unwrap();
        assert!(earliest >= NOW + Duration::MINUTE, "{earliest}");

        let mut place = place.restarted();
        let store = place.host.store();
        assert_eq!(store.due(earliest - Duration::SECOND).unwrap().len(), 0);
        assert_eq!(store.due(earliest + Duration::MINUTE * 2).unwrap().len(), 1);
        place.play(&[]).await;
        place.clock.set(earliest + Duration::MINUTE);
        let reading = place.read().await;
        assert_eq!((code(&reading), reading.resumed), ("complete", true), "{:?}", reading.outcome);
        assert_eq!(place.host.store().runs(TENANT, 1, 9).unwrap().len(), 1, "the same run");
        assert_eq!(place.source().failures, 0);
    });
}

#[test]
fn a_service_that_is_away_is_red_and_one_that_refuses_is_yellow() {
    runtime().block_on(async {
        let mut place = Place::new(TenantPolicy::default()).await;
        assert_eq!(code(&place.read().await), "complete");
        let good = place.source().snapshot_run;
        place.play(&["any@*=revoked"]).await;
        assert_eq!(code(&place.read().await), "unauthorized");
        let source = place.source();
        assert_eq!((source.state, source.failures, source.snapshot_run), (State::Problem, 1, good));
        let first = source.next_run_at.unwrap();
        place.clock.set(NOW + Duration::MINUTE * 2);
        place.gitlab.shutdown().await;
        let source = place.host.store().source(TENANT, 1).unwrap();
        let reading = place.host.read("test", &place.clock, &source, Cause::Retry, &mut Nobody).await.unwrap();
        assert_eq!(code(&reading), "unreachable");
        let source = place.host.store().source(TENANT, 1).unwrap();
        assert_eq!((source.state, source.failures, source.snapshot_run), (State::Unreachable, 2, good));
        assert!(source.next_run_at.unwrap() > first, "it backs off");
        assert!(source.trouble.unwrap().contains("cannot be reached"));
    });
}

#[test]
fn what_a_plugin_may_bring_into_the_store_is_limited() {
    runtime().block_on(async {
        let place =
            Place::new(TenantPolicy { limits: Some("output_bytes = 100000".to_owned()), ..TenantPolicy::default() })
                .await;
        let reading = place.read().await;
        assert_eq!(code(&reading), "limit");
        let words = format!("{:?}", reading.outcome);
        assert!(words.contains("output_bytes = 100000"), "{words}");
        assert_eq!(place.host.store().runs(TENANT, 1, 1).unwrap()[0].state, "failed");
        let reader = place.host.store().reader().unwrap();
        let staged: i64 = reader.query_row("SELECT count(*) FROM stage_user", [], |row| row.get(0)).unwrap();
        assert_eq!(staged, 0, "nothing of it is kept");
    });
}

#[test]
fn a_tenant_may_load_smaller_plugins_than_others() {
    runtime().block_on(async {
        let place = Place::new(TenantPolicy::default()).await;
        let act = Act { actor: "test", now: NOW };
        let policy = TenantPolicy {
            allow_loopback: true,
            limits: Some("component_bytes = 100000".to_owned()),
            ..TenantPolicy::default()
        };
        place.host.set_policy(act, TENANT, &policy).unwrap();
        let component = std::fs::read(component()).unwrap();
        let secret = Secret::new(Tokens::ADMINISTRATOR.to_owned()).unwrap();
        let url = place.gitlab.base_url();
        let entry = Entry { component: &component, url: &url, settings: &[], secret };
        let refused = place.host.add(act, TENANT, entry).await.unwrap_err().to_string();
        assert!(refused.contains("component_bytes is 100000"), "{refused}");
        let reading = place.read().await;
        assert_eq!(code(&reading), "setup", "nor is one that was there before: {:?}", reading.outcome);
    });
}

#[test]
fn a_source_is_read_by_one_at_a_time() {
    runtime().block_on(async {
        let place = Place::new(TenantPolicy::default()).await;
        let lock = place.host.folder().lock(1).unwrap();
        let source = place.source();
        let refused = place.host.read("test", &place.clock, &source, Cause::Manual, &mut Nobody).await;
        assert!(matches!(refused, Err(JourneyError::InUse(1))), "{refused:?}");
        assert_eq!(place.host.store().runs(TENANT, 1, 9).unwrap(), []);
        drop(lock);
        assert_eq!(code(&place.read().await), "complete");
    });
}

#[test]
fn a_token_goes_to_the_address_it_was_entered_for_and_to_no_other() {
    runtime().block_on(async {
        let place = Place::new(TenantPolicy::default()).await;
        let elsewhere = fake_gitlab::start(Options::default()).await.unwrap();
        let act = Act { actor: "test", now: NOW };
        let url = elsewhere.base_url();
        let change = Change { url: Some(&url), ..Change::default() };
        let refused = place.host.edit(act, TENANT, 1, change).await;
        assert!(matches!(refused, Err(JourneyError::Seal(_))), "{refused:?}");
        assert_eq!(elsewhere.request_count(), 0);
        // The same address with another token is the same source.
        let secret = Some(Secret::new(Tokens::MEMBER.to_owned()).unwrap());
        place.host.edit(act, TENANT, 1, Change { secret, ..Change::default() }).await.unwrap();
        assert_ne!(code(&place.read().await), "complete", "a member of some groups does not see everything");
    });
}

/// A plugin whose answer depends on more than what was entered could ask for an address, be shown with it, and ask for
/// another once it was approved.
#[test]
fn a_plugin_that_asks_for_more_than_was_agreed_to_gets_nothing() {
    runtime().block_on(async {
        let place = Place::new(TenantPolicy::default()).await;
        let (source, url) = (place.source(), place.gitlab.base_url());
        let agreed = [format!("GET {url}/api/v4"), format!("POST {url}/api/graphql")];
        assert_eq!(consent::reach(&source).unwrap(), agreed);
        let before = place.gitlab.request_count();
        let store = |place: &Place, configuration: &str| {
            let store = rusqlite::Connection::open(place.host.store().path()).unwrap();
            store.execute("UPDATE source SET configuration = ?1", [configuration]).unwrap();
        };
        let kept = |entries: &[String]| Source {
            configuration: serde_json::json!({ "allowed_origins": entries, "settings": "" }).to_string(),
            ..source.clone()
        };
        let act = Act { actor: "test", now: NOW };
        for (less, missing) in [(&agreed[..1], &agreed[1]), (&agreed[1..], &agreed[0]), (&[], &agreed[0])] {
            let source = kept(less);
            let words = format!("the plugin asks for {missing}, which was not agreed to for source 1");
            assert_eq!(place.host.test(act, &source).await.unwrap_err().to_string(), words);
            store(&place, &source.configuration);
            let reading = place.read().await;
            let Outcome::Failed { code: "not-agreed", message, hint: Some(hint) } = reading.outcome else {
                panic!("{:?}", reading.outcome)
            };
            assert!(message == words && hint.contains("source edit 1"), "{message} {hint}");
        }
        let other = Source { source_key: "gitlab:elsewhere".to_owned(), ..source.clone() };
        let refused = place.host.test(act, &other).await.unwrap_err();
        assert!(matches!(refused, JourneyError::Other { .. }), "{refused}");
        assert_eq!(place.gitlab.request_count(), before, "nothing was asked of the service");
        // More was agreed to than the plugin asks for; and what is asked for now is agreed to by an edit.
        let more = kept(&[url.clone(), agreed[1].clone()]);
        assert!(place.host.connect(&more).await.is_ok());
        place.host.edit(act, TENANT, 1, Change::default()).await.unwrap();
        assert_eq!(code(&place.read().await), "complete");
    });
}

/// Each attempt had the whole of `batches` and `collection_wall` for itself, and a run that is broken off again and again had no
/// end.
#[test]
fn what_earlier_attempts_took_is_not_given_again() {
    runtime().block_on(async {
        let whole = Place::new(TenantPolicy::default()).await;
        assert_eq!(code(&whole.read().await), "complete");
        let pages = whole.host.store().runs(TENANT, 1, 1).unwrap()[0].pages;
        // Allowed, what is said of time that earlier attempts took, and how the second attempt ends.
        for (batches, spent_ms, expected) in [
            // What broke off in the middle of a call takes one call more.
            (pages + 1, 0, Ok(())),
            (pages - 1, 0, Err(format!("batches = {}", pages - 1))),
            (pages + 1, 3_600_000, Err("collection_wall = 3600000 ms".to_owned())),
        ] {
            let limits = format!("rate_limit_wait = 1000\nbatches = {batches}\ncollection_wall = 3600000");
            let mut place = Place::new(TenantPolicy { limits: Some(limits), ..TenantPolicy::default() }).await;
            place.play(&["users@10+=error-503"]).await;
            let first = place.read().await;
            assert_eq!(code(&first), "upstream", "{:?}", first.outcome);
            let read = place.host.store().runs(TENANT, 1, 1).unwrap()[0].pages;
            assert!(0 < read && read < pages && pages - read < batches, "{read} of {pages}");
            place.host.store().note_spent(first.run_no, spent_ms).unwrap();
            place.play(&[]).await;
            let second = place.read().await;
            assert!(second.resumed);
            match (second.outcome, expected) {
                (Outcome::Complete, Ok(())) => {}
                (Outcome::Failed { code: "plugin", message, .. }, Err(limit)) if message.ends_with(&limit) => {
                    let runs = place.host.store().runs(TENANT, 1, 1).unwrap();
                    assert_eq!(runs[0].state, "broken-off", "with another limit it goes on");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
