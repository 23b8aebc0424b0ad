//! `kill -9` at any moment of a run into the store: the store is sound, everybody sees the last whole snapshot, and the
//! next run comes to the truth.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use broker::store::Store;
use fake_gitlab::{Options, Tokens, Truth};

use crate::support::{Cli, StandIn, TOKEN, component};

const USERS: u32 = 20_000;
const KILLS: u32 = 50;
/// About what the last pages and publishing take.
const PUBLISHING: Duration = Duration::from_millis(1_200);

fn cli(data: &Path, args: &[&str]) -> Cli {
    Cli::new(args).arg("--data").arg(data)
}

/// One of two instances at one address, which differ in hundreds of people.
fn world(second: bool) -> Options {
    Options { users: USERS - u32::from(second) * 700, ..Options::default() }
}

fn holders_of(truth: &Truth) -> BTreeSet<String> {
    truth.users.iter().filter(|user| user.using_license_seat == Some(true)).map(|user| user.username.clone()).collect()
}

/// What everybody sees.
fn holders(store: &Store) -> BTreeSet<String> {
    let reader = store.reader().unwrap();
    let mut statement = reader
        .prepare("SELECT p.username FROM seat s JOIN person p USING (person_no) WHERE s.consumes_seat IS NOT 0")
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Each seat that was ever taken and not left is held, and no other.
fn assert_ledger(store: &Store) {
    let reader = store.reader().unwrap();
    let count = |sql: &str| -> i64 { reader.query_row(sql, [], |row| row.get(0)).unwrap() };
    let wrong = count(
        "SELECT count(*) FROM
           (SELECT pool_no, person_no, sum(iif(kind = 'left', -1, 1)) AS held FROM seat_event GROUP BY 1, 2) e
         LEFT JOIN seat s USING (pool_no, person_no)
         WHERE e.held <> (s.pool_no IS NOT NULL AND s.consumes_seat IS NOT 0)",
    ) + count(
        "SELECT count(*) FROM seat s WHERE s.consumes_seat IS NOT 0
         AND NOT EXISTS (SELECT 1 FROM seat_event e WHERE e.person_no = s.person_no AND e.pool_no = s.pool_no)",
    );
    assert_eq!(wrong, 0, "seats that the ledger tells otherwise");
}

/// Numbers that look drawn, and are the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn at_fifty_moments_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut stand_in = StandIn::start(world(false));
    cli(&data, &["tenant", "add", "default", "--allow-loopback"]).run().assert_code(0);
    cli(&data, &["source", "add", "--url", &stand_in.url(), "--token-env", TOKEN])
        .arg("--plugin")
        .arg(component())
        .env(TOKEN, Tokens::ADMINISTRATOR)
        .run()
        .assert_code(0);
    cli(&data, &["source", "test", "1"]).run().assert_code(0);
    cli(&data, &["source", "save", "1"]).run().assert_code(0);
    let (begun, before) = (Instant::now(), stand_in.gitlab.request_count());
    cli(&data, &["source", "approve", "1"]).run().assert_code(0);
    let whole_run = begun.elapsed();
    let store = || Store::open(&data.join("broker.sqlite")).unwrap();
    let mut seen = holders_of(stand_in.gitlab.truth());
    assert_eq!(holders(&store()), seen);

    let whole_run_requests = stand_in.gitlab.request_count() - before;
    let mut draw = Draw(7);
    let (mut second, mut snapshots, mut resumed, mut publishing, mut too_late) = (false, 1, 0, 0, 0);
    let mut kills = 0;
    while kills < KILLS {
        let runs = store().runs("default", 1, 1).unwrap();
        let is_fresh = runs[0].state == "complete";
        if is_fresh {
            // Between two runs the instance becomes the other one.
            second = !second;
            let options = world(second);
            stand_in.runtime.block_on(stand_in.gitlab.play(options)).unwrap();
        } else {
            resumed += u32::from(runs[0].pages > 0);
        }
        let next = holders_of(stand_in.gitlab.truth());
        let asked = stand_in.gitlab.request_count();
        let mut child = cli(&data, &["source", "run", "1"]).spawn();
        // Every third whole run is killed while it is published: when all is asked for, and nothing more is sent.
        let at_the_end = is_fresh && kills % 3 == 0;
        // A new run is there from its first request on.
        let least = if at_the_end { whole_run_requests - 10 } else { 1 };
        while stand_in.gitlab.request_count() < asked + least && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let span = if at_the_end { PUBLISHING } else { whole_run };
        let moment = Instant::now() + span.mul_f64(draw.below(1_000) as f64 / 1_000.0);
        while Instant::now() < moment && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        let status = child.wait().unwrap();

        let store = store();
        store.check().unwrap_or_else(|error| panic!("kill {kills}: {error}"));
        assert_ledger(&store);
        let found = holders(&store);
        let is_whole = store.runs("default", 1, 1).unwrap()[0].state == "complete";
        let expected = if is_whole { &next } else { &seen };
        assert_eq!(found.len(), expected.len(), "kill {kills}");
        assert!(found == *expected, "kill {kills}: other people");
        if is_whole && next != seen {
            snapshots += 1;
            seen = next;
        }
        // Who had ended, or was killed when all was done, was not killed in a run.
        if status.signal() == Some(9) && !is_whole {
            kills += 1;
            publishing += u32::from(at_the_end);
        } else {
            too_late += 1;
            assert!(too_late < 200, "nothing is killed");
        }
    }
    eprintln!(
        "{kills} runs killed, {publishing} of them about to be published; {too_late} times too late; {resumed} gone on with, \
         {snapshots} snapshots; a whole run takes {whole_run:?}"
    );
    assert!(resumed > 0 && snapshots > 1 && publishing > 0, "{resumed} {snapshots} {publishing}");

    cli(&data, &["source", "run", "1"]).run().assert_code(0);
    let store = store();
    store.check().unwrap();
    assert_ledger(&store);
    assert!(holders(&store) == holders_of(stand_in.gitlab.truth()));
    assert_eq!(store.runs("default", 1, 1).unwrap()[0].state, "complete");
}
