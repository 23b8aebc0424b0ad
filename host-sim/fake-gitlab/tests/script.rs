//! Days that pass over one address: what a script changes, what it leaves alone, and what it refuses.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test, and not every test file uses all of the shared code"
)]

mod support;

use std::collections::BTreeMap;

use fake_gitlab::{
    Change, FakeGitlab, Fault, LicenseTerm, Misfit, Options, Renewal, Scenario, Script, ScriptError, StartError,
    Tokens, Truth, UserFacts,
};
use serde_json::{Value, json};
use support::query::Asker;
use support::{Caller, WALK, on_a_fixed_day};
use time::macros::date;
use time::{Date, Duration};

const BEGINS: Date = date!(2026 - 03 - 04);
const NEWCOMER: u64 = 1_000;

/// The day with this number; the script begins on the first.
fn day(number: i64) -> Date {
    BEGINS + Duration::days(number - 1)
}

fn options(scenario: Scenario, script: Script, number: i64) -> Options {
    Options { script: Some(script), today: day(number), ..on_a_fixed_day(scenario, 60) }
}

async fn on_the_first_day(scenario: Scenario, script: &Script) -> FakeGitlab {
    fake_gitlab::start(options(scenario, script.clone(), 1)).await.unwrap()
}

/// People that a test may change: in use, with a seat, and neither owner of a token nor without a day of activity.
fn people(truth: &Truth) -> Vec<u64> {
    let fit = |user: &&UserFacts| {
        user.id > 3 && user.using_license_seat == Some(true) && user.last_activity_on.is_some_and(|on| on >= day(0))
    };
    truth.users.iter().filter(fit).map(|user| user.id).collect()
}

async fn some_people(scenario: Scenario) -> Vec<u64> {
    people(on_the_first_day(scenario, &Script::beginning(BEGINS)).await.truth())
}

fn find(truth: &Truth, id: u64) -> Option<&UserFacts> {
    truth.users.iter().find(|user| user.id == id)
}

fn used(truth: &Truth, id: u64) -> Date {
    find(truth, id).unwrap().last_activity_on.unwrap()
}

/// The walk and the license as they are answered must be what the truth of the day says.
async fn assert_told(gitlab: &FakeGitlab, caller: &Caller) {
    let truth = gitlab.truth().to_json();
    let pages = caller.keyset(WALK, Tokens::ADMINISTRATOR).await;
    let rows: Vec<Value> = pages.iter().flat_map(|page| page.json().as_array().unwrap().clone()).collect();
    let told = |row: &Value, keys: &[&str]| keys.iter().map(|key| row[key].clone()).collect::<Vec<_>>();
    const USER: [&str; 6] = ["id", "username", "state", "using_license_seat", "last_activity_on", "bot"];
    let expected: Vec<_> = truth["users"].as_array().unwrap().iter().map(|facts| told(facts, &USER)).collect();
    assert_eq!(rows.iter().map(|row| told(row, &USER)).collect::<Vec<_>>(), expected);
    const LICENSE: [&str; 8] = [
        "id",
        "starts_at",
        "expires_at",
        "historical_max",
        "maximum_user_count",
        "user_limit",
        "overage",
        "active_users",
    ];
    let license = caller.admin("/api/v4/license").await.json();
    assert_eq!(told(&license, &LICENSE), told(&truth["license"], &LICENSE));
    let all = caller.admin("/api/v4/licenses").await.json();
    let ids = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&all), ids(&truth["licenses"]));
}

#[tokio::test]
async fn thirty_days_pass_over_one_address() {
    let premium = Scenario::SelfManagedPremium;
    let [leaves, blocked, idle, touched] = some_people(premium).await[..4] else { panic!("too few people") };
    let term = Renewal { starts: day(15), ends: day(15) + Duration::days(365), seats: 40 };
    let script = Script::beginning(BEGINS)
        .account(day(5), leaves, Change::Leaves)
        .account(day(7), blocked, Change::Blocked)
        .account(day(12), blocked, Change::Unblocked)
        .account(day(20), blocked, Change::Active)
        .account(day(3), idle, Change::GoesIdle)
        .account(day(25), idle, Change::Active)
        .account(day(9), touched, Change::Active)
        .account(day(9), touched, Change::GoesIdle)
        .account(day(10), NEWCOMER, Change::Joins)
        .account(day(10), NEWCOMER + 5, Change::Joins)
        .account(day(28), NEWCOMER + 5, Change::Leaves)
        .license(day(15), term);
    let mut gitlab = on_the_first_day(premium, &script).await;
    let (url, caller) = (gitlab.base_url(), Caller::of(&gitlab));
    let first = gitlab.truth().clone();
    let seats_at_first = first.counts.using_license_seat.unwrap();
    let mut peak_of_term = 0;
    for number in 1..=30 {
        gitlab.play(options(premium, script.clone(), number)).await.unwrap();
        assert_eq!(gitlab.base_url(), url);
        assert_told(&gitlab, &caller).await;
        let truth = gitlab.truth();
        let today = day(number);

        assert_eq!(find(truth, leaves).is_some(), number < 5, "day {number}");
        let profile = caller.admin(&format!("/api/v4/users/{leaves}")).await.status;
        assert_eq!(profile.as_u16(), if number < 5 { 200 } else { 404 });

        let state = find(truth, blocked).unwrap();
        let taken = !(7..12).contains(&number);
        assert_eq!((state.state == "active", state.using_license_seat), (taken, Some(taken)), "day {number}");
        match number {
            7..20 => assert!([day(5), day(6)].contains(&used(truth, blocked)), "used before it was blocked"),
            20 => assert_eq!(used(truth, blocked), today),
            _ => assert!(used(truth, blocked) >= day(number - 1)),
        }

        match number {
            3..25 => assert_eq!(used(truth, idle), day(3)),
            25 => assert_eq!(used(truth, idle), today),
            _ => assert!(used(truth, idle) >= day(number - 1)),
        }
        if number >= 9 {
            assert_eq!(used(truth, touched), day(9), "used once and then idle");
        }
        let newcomer = find(truth, NEWCOMER).map(|user| (user.created_at.date(), user.state, user.using_license_seat));
        assert_eq!(newcomer, (number >= 10).then_some((day(10), "active", Some(true))));
        assert_eq!(find(truth, NEWCOMER + 5).is_some(), (10..28).contains(&number));

        let seats = seats_at_first + 2 * u64::from(number >= 10)
            - u64::from(number >= 5)
            - u64::from((7..12).contains(&number))
            - u64::from(number >= 28);
        assert_eq!(truth.counts.using_license_seat, Some(seats), "day {number}");
        let license = truth.license.as_ref().unwrap();
        assert_eq!(license.active_users, seats);
        if number < 15 {
            let before = first.license.as_ref().unwrap();
            assert_eq!((license.id, license.starts_at, license.user_limit), (7, before.starts_at, before.user_limit));
            assert_eq!(license.maximum_user_count, before.historical_max.max(seats), "the peak was before the script");
        } else {
            peak_of_term = peak_of_term.max(seats);
            let expected = (8, term.starts, Some(term.ends), 40, peak_of_term, seats.saturating_sub(40));
            let License { id, starts, ends, seats, peak, overage } = License::of(license);
            assert_eq!((id, starts, ends, seats, peak, overage), expected, "day {number}");
        }
    }
}

struct License {
    id: u64,
    starts: Date,
    ends: Option<Date>,
    seats: u64,
    peak: u64,
    overage: u64,
}

impl License {
    fn of(facts: &fake_gitlab::LicenseFacts) -> Self {
        assert_eq!(facts.maximum_user_count, facts.historical_max.max(facts.active_users));
        Self {
            id: facts.id,
            starts: facts.starts_at,
            ends: facts.expires_at,
            seats: facts.user_limit,
            peak: facts.historical_max,
            overage: facts.overage,
        }
    }
}

/// A row without the days of use, which a plain rule moves.
fn settled(row: &Value) -> Value {
    let mut row = row.clone();
    for key in ["last_activity_on", "current_sign_in_at", "last_sign_in_at"] {
        row[key] = Value::Null;
    }
    row
}

#[tokio::test]
async fn nothing_moves_that_the_script_does_not_move() {
    let ultimate = Scenario::SelfManagedUltimate;
    let [leaver, blocked] = some_people(ultimate).await[..2] else { panic!("too few people") };
    let script = Script::beginning(BEGINS)
        .account(day(2), leaver, Change::Leaves)
        .account(day(2), blocked, Change::Blocked)
        .account(day(4), NEWCOMER, Change::Joins);
    let mut gitlab = on_the_first_day(ultimate, &script).await;
    let caller = Caller::of(&gitlab);
    let by_id = |truth: &Truth| -> BTreeMap<u64, Value> {
        let json = truth.to_json();
        json["users"].as_array().unwrap().iter().map(|row| (row["id"].as_u64().unwrap(), row.clone())).collect()
    };
    let (first, groups) = (by_id(gitlab.truth()), gitlab.truth().groups.clone());
    // The very accounts of a stand-in without a script.
    let plain = fake_gitlab::start(on_a_fixed_day(ultimate, 60)).await.unwrap();
    assert_eq!(
        first.values().map(settled).collect::<Vec<_>>(),
        by_id(plain.truth()).values().map(settled).collect::<Vec<_>>()
    );
    assert_eq!(gitlab.truth().license, plain.truth().license);
    let lag = |row: &Value, number: i64| {
        let on = row["last_activity_on"].as_str()?;
        (0..2).find(|lag| on == (day(number) - Duration::days(*lag)).to_string())
    };
    let mut lags = BTreeMap::<Option<i64>, u32>::new();
    let mut bodies = Vec::new();
    for number in [2, 3, 9, 60] {
        gitlab.play(options(ultimate, script.clone(), number)).await.unwrap();
        for (id, row) in by_id(gitlab.truth()).iter().filter(|(id, _)| ![blocked, NEWCOMER].contains(id)) {
            let before = &first[id];
            assert_eq!(settled(row), settled(before));
            let habit = lag(before, 1);
            *lags.entry(habit).or_default() += 1;
            match habit {
                Some(_) => assert_eq!(lag(row, number), habit, "{row}"),
                None => assert_eq!(row["last_activity_on"], before["last_activity_on"], "{row}"),
            }
            // Who shows sign-ins alone signs in daily; all others keep theirs.
            let daily = row["last_activity_on"].is_null() && !row["current_sign_in_at"].is_null();
            assert_eq!(row["current_sign_in_at"] == before["current_sign_in_at"], !daily, "{row}");
        }
        let members = |groups: &[fake_gitlab::GroupFacts], fits: &dyn Fn(u64) -> bool| -> Vec<_> {
            let all = groups.iter().flat_map(|group| group.members.iter().map(|member| (group.id, member.clone())));
            all.filter(|(_, member)| fits(member.user_id)).collect()
        };
        let now = &gitlab.truth().groups;
        let unchanged = |id| ![leaver, blocked, NEWCOMER].contains(&id);
        assert_eq!(members(now, &unchanged), members(&groups, &unchanged), "day {number}");
        let count = |groups: &[fake_gitlab::GroupFacts], id| members(groups, &|other| other == id).len();
        assert_eq!((count(&groups, leaver), count(now, leaver)), (1, 0));
        assert_eq!((count(&groups, blocked), count(now, blocked)), (1, 1));
        bodies
            .push(caller.admin("/api/v4/users?exclude_humans=true&without_project_bots=false").await.text().to_owned());
    }
    assert!([None, Some(0), Some(1)].iter().all(|lag| lags[lag] > 20), "{lags:?}");
    assert_ne!(bodies[0], bodies[1], "bots are used, too");
    // The nightly count of Ultimate is that of the evening before.
    gitlab.play(options(ultimate, script.clone(), 4)).await.unwrap();
    let seats = gitlab.truth().counts.using_license_seat.unwrap();
    assert_eq!(gitlab.truth().license.as_ref().unwrap().active_users, seats - 1, "without the newcomer");
    gitlab.play(options(ultimate, script, 5)).await.unwrap();
    assert_eq!(gitlab.truth().license.as_ref().unwrap().active_users, seats);
}

#[tokio::test]
async fn sign_ins_follow_the_days_on_which_an_account_becomes_active() {
    let premium = Scenario::SelfManagedPremium;
    let plain = on_the_first_day(premium, &Script::beginning(BEGINS)).await;
    let never = plain.truth().users.iter().find(|user| {
        user.id > 3 && user.state == "active" && user.last_activity_on.is_none() && user.current_sign_in_at.is_none()
    });
    let never = never.unwrap().id;
    let long_ago = plain
        .truth()
        .users
        .iter()
        .find(|user| user.state == "active" && !user.bot && user.last_activity_on.is_some_and(|on| on < day(-60)));
    let long_ago = long_ago.unwrap().clone();
    let script = Script::beginning(BEGINS)
        .account(day(2), never, Change::Active)
        .account(day(6), never, Change::Active)
        .account(day(6), never, Change::Active)
        .account(day(3), long_ago.id, Change::Active);
    let mut gitlab = on_the_first_day(premium, &script).await;
    let signed_in = |truth: &Truth, id| {
        let user = find(truth, id).unwrap();
        (user.current_sign_in_at.map(|at| at.date()), user.last_sign_in_at.map(|at| at.date()))
    };
    let told = long_ago.current_sign_in_at.map(|at| at.date());
    for (number, never_used, used_long_ago) in [
        (1, (None, None), (told, long_ago.last_sign_in_at.map(|at| at.date()))),
        (2, (Some(day(2)), None), (told, long_ago.last_sign_in_at.map(|at| at.date()))),
        (5, (Some(day(2)), None), (Some(day(3)), told)),
        (8, (Some(day(6)), Some(day(2))), (Some(day(3)), told)),
    ] {
        gitlab.play(options(premium, script.clone(), number)).await.unwrap();
        assert_eq!(signed_in(gitlab.truth(), never), never_used, "day {number}");
        assert_eq!(signed_in(gitlab.truth(), long_ago.id), used_long_ago, "day {number}");
    }
}

#[tokio::test]
async fn a_peak_counts_for_the_terms_it_lies_in() {
    let premium = Scenario::SelfManagedPremium;
    let newcomers = |script: Script, count: u64| {
        (0..count).fold(script, |script, nth| script.account(day(3), NEWCOMER + nth, Change::Joins))
    };
    let leavers = |script: Script, count: u64| {
        (0..count).fold(script, |script, nth| script.account(day(8), NEWCOMER + nth, Change::Leaves))
    };
    let first = on_the_first_day(premium, &Script::beginning(BEGINS)).await.truth().clone();
    let (license, seats) = (first.license.unwrap(), first.counts.using_license_seat.unwrap());
    let bought = |number: i64, starts: Date, seats: u64| {
        (day(number), Renewal { starts, ends: starts + Duration::days(30), seats })
    };
    let started_long_ago = license.starts_at;
    let (longer, more) = (Renewal { starts: started_long_ago, ends: day(400), seats: seats + 3 }, seats + 20);
    // On day 3 twenty join, on day 8 they leave; the first day of use is day 1.
    for (number, renewal, id, peak, limit) in [
        (2, None, 7, license.historical_max, license.user_limit),
        (5, None, 7, more, license.user_limit),
        (9, None, 7, more, license.user_limit),
        // A new term begins with the seats of its first day.
        (9, Some(bought(9, day(9), 50)), 8, seats, 50),
        (9, Some(bought(8, day(7), 0)), 8, more, 0),
        // Installed, yet not begun.
        (9, Some(bought(4, day(10), 50)), 7, more, license.user_limit),
        (10, Some(bought(4, day(10), 50)), 8, seats, 50),
        // Seats bought within the term that runs.
        (2, Some((day(2), longer)), 8, license.historical_max, longer.seats),
        // It began before the script, yet after the day of the old peak.
        (2, Some(bought(2, day(-9), 9)), 8, seats, 9),
        // Over; what came later is not within it.
        (60, Some(bought(9, day(9), 50)), 8, seats, 50),
    ] {
        let mut script = leavers(newcomers(Script::beginning(BEGINS), 20), 20);
        if let Some((installed, renewal)) = renewal {
            script = script.license(installed, renewal);
        }
        script = script.account(day(50), NEWCOMER + 90, Change::Joins).account(day(51), NEWCOMER + 91, Change::Joins);
        let gitlab = fake_gitlab::start(options(premium, script, number)).await.unwrap();
        assert_told(&gitlab, &Caller::of(&gitlab)).await;
        let truth = gitlab.truth();
        let told = truth.license.as_ref().unwrap();
        let case = format!("day {number}, {renewal:?}");
        assert_eq!((told.id, told.historical_max, told.user_limit), (id, peak, limit), "{case}");
        assert_eq!(told.expired, number == 60, "{case}");
        let counted = if told.expired { told.maximum_user_count } else { told.active_users };
        assert_eq!(told.overage, if limit == 0 { 0 } else { counted.saturating_sub(limit) }, "{case}");
        assert_eq!(truth.licenses.len(), 1 + usize::from(renewal.is_some()));
        // By id, and by GraphQL.
        let by_id = Caller::of(&gitlab).admin("/api/v4/license/7").await.json();
        assert_eq!(by_id["user_limit"], license.user_limit);
        let query = "query { currentLicense { id maximumUserCount usersOverLicenseCount } }";
        let current = Asker::new(&gitlab, Tokens::ADMINISTRATOR).data(query, json!({})).await["currentLicense"].clone();
        let over = if limit == 0 { 0 } else { told.maximum_user_count.saturating_sub(limit) };
        assert_eq!(current["maximumUserCount"], told.maximum_user_count);
        assert_eq!(
            (&current["id"], &current["usersOverLicenseCount"]),
            (&json!(format!("gid://gitlab/License/{id}")), &json!(over))
        );
    }
}

#[tokio::test]
async fn what_contradicts_itself_is_refused_on_the_first_day() {
    let premium = Scenario::SelfManagedPremium;
    let gitlab = on_the_first_day(premium, &Script::beginning(BEGINS)).await;
    let truth = gitlab.truth();
    let person = people(truth)[0];
    let of_state = |state: &str| truth.users.iter().find(|user| user.id > 3 && user.state == state).unwrap().id;
    let (banned, deactivated, blocked) = (of_state("banned"), of_state("deactivated"), of_state("blocked"));
    let signs_in = truth.users.iter().find(|user| user.last_activity_on.is_none() && user.current_sign_in_at.is_some());
    let signs_in = signs_in.unwrap().id;
    let idle =
        truth.users.iter().find(|user| user.state == "active" && user.last_activity_on.is_some_and(|on| on < day(-60)));
    let idle = idle.unwrap().id;
    let caller = Caller::of(&gitlab);
    let everybody = caller.rows("/api/v4/users?order_by=id&sort=asc", Tokens::ADMINISTRATOR).await;
    let bot =
        everybody.iter().find(|row| row["bot"] == json!(true) && find(truth, row["id"].as_u64().unwrap()).is_none());
    let bot = bot.unwrap()["id"].as_u64().unwrap();
    let last = everybody.last().unwrap()["id"].as_u64().unwrap();
    use Change::{Active, Blocked, GoesIdle, Joins, Leaves, Unblocked};
    let twice = |change| vec![(person, change), (person, change)];
    for (changes, reason) in [
        (vec![(999_999, Leaves)], Misfit::NotThere),
        (vec![(person, Leaves), (person, Active)], Misfit::NotThere),
        (vec![(last, Joins)], Misfit::IdNotNew(last)),
        (vec![(1_005, Joins), (1_004, Joins)], Misfit::IdNotNew(1_005)),
        (vec![(1_005, Joins), (1_005, Leaves), (1_005, Joins)], Misfit::IdNotNew(1_005)),
        (vec![(4_294_967_296, Joins)], Misfit::IdNotNew(last)),
        (vec![(bot, Leaves)], Misfit::NotWalked),
        (vec![(1, GoesIdle)], Misfit::OwnsToken),
        (vec![(3, Unblocked)], Misfit::OwnsToken),
        (twice(Blocked), Misfit::BlockedAlready),
        (vec![(banned, Blocked)], Misfit::BlockedAlready),
        (vec![(person, Unblocked)], Misfit::NotBlocked),
        (vec![(blocked, Unblocked), (blocked, Unblocked)], Misfit::NotBlocked),
        (twice(GoesIdle), Misfit::IdleAlready),
        (vec![(idle, GoesIdle)], Misfit::IdleAlready),
        (vec![(deactivated, Active)], Misfit::CannotSignIn),
        (vec![(person, Blocked), (person, GoesIdle)], Misfit::CannotSignIn),
        (vec![(signs_in, Active)], Misfit::SignInsOnly),
    ] {
        let script = changes.iter().zip(20..).fold(Script::beginning(BEGINS), |script, ((id, change), number)| {
            script.account(day(number), *id, *change)
        });
        let (account, change) = *changes.last().unwrap();
        let refused = fake_gitlab::start(options(premium, script, 1)).await.unwrap_err();
        let on = day(19 + i64::try_from(changes.len()).unwrap());
        let StartError::Script(refused) = refused else { panic!("{changes:?}: {refused}") };
        assert_eq!(refused, ScriptError::Account { day: on, account, change, reason }, "{changes:?}");
    }
    for scenario in Scenario::ALL {
        let users = scenario.fewest_users().max(60);
        let options = Options { users, ..options(scenario, Script::beginning(BEGINS), 1) };
        let played = matches!(scenario, Scenario::SelfManagedPremium | Scenario::SelfManagedUltimate);
        match fake_gitlab::start(options).await {
            Ok(_) => assert!(played, "{scenario}"),
            Err(error) => {
                assert!(
                    !played
                        && matches!(error, StartError::Script(ScriptError::Scenario(refused)) if refused == scenario)
                );
            }
        }
    }
    let early = Script::beginning(day(5)).account(day(4), person, Leaves);
    let refused = |script, number| async move {
        fake_gitlab::start(options(premium, script, number)).await.unwrap_err().to_string()
    };
    assert_eq!(refused(early, 9).await, "2026-03-07 is before 2026-03-08, the first day of the script");
    assert_eq!(
        refused(Script::beginning(day(5)), 4).await,
        "2026-03-07 is before 2026-03-08, the first day of the script"
    );
    let backwards = Renewal { starts: day(9), ends: day(8), seats: 4 };
    assert_eq!(
        refused(Script::beginning(BEGINS).license(day(2), backwards), 1).await,
        "2026-03-05: a license from 2026-03-12 cannot end on 2026-03-11"
    );
    assert_eq!(
        refused(Script::beginning(BEGINS).account(day(2), 1, Leaves), 1).await,
        "2026-03-05, account 1, Leaves: the account owns a token, with which the stand-in is asked"
    );
}

#[tokio::test]
async fn another_instance_takes_over_between_two_requests_on_one_connection() {
    let plain = on_a_fixed_day(Scenario::SelfManagedPremium, 40);
    let late = Options { latency: std::time::Duration::from_millis(150), ..plain.clone() };
    let mut gitlab = fake_gitlab::start(late).await.unwrap();
    let (address, caller) = (gitlab.address(), Caller::of(&gitlab));
    let path = "/api/v4/metadata";
    let answering = tokio::spawn({
        let caller = Caller::of(&gitlab);
        async move { caller.admin("/api/v4/license").await }
    });
    while gitlab.request_count() == 0 {
        tokio::task::yield_now().await;
    }
    let faults = vec!["metadata@1=error-503".parse::<Fault>().unwrap()];
    let ended = LicenseTerm::Expired;
    let other = Options { license_term: ended, faults, address: ([127, 0, 0, 1], 1).into(), ..plain.clone() };
    gitlab.play(other.clone()).await.unwrap();
    assert_eq!(answering.await.unwrap().json()["expired"], false, "asked before");
    assert_eq!((gitlab.address(), gitlab.request_count()), (address, 1));
    assert_eq!(caller.admin("/api/v4/license").await.json()["expired"], true);
    assert!(gitlab.truth().license.as_ref().unwrap().expired);
    assert_eq!(caller.admin(path).await.status, 503);
    assert_eq!(caller.admin(path).await.status, 200);
    // The faults begin anew.
    gitlab.play(other).await.unwrap();
    assert_eq!(caller.admin(path).await.status, 503);
    // What is refused leaves everything as it is.
    let refused = gitlab.play(Options { users: 2, ..plain.clone() }).await.unwrap_err();
    assert!(matches!(refused, StartError::Users(2, 3)), "{refused}");
    let nobody = Script::beginning(plain.today).account(plain.today, 999_999, Change::Leaves);
    let refused = gitlab.play(Options { script: Some(nobody), ..plain }).await.unwrap_err();
    assert!(matches!(refused, StartError::Script(_)), "{refused}");
    assert_eq!(caller.admin("/api/v4/license").await.json()["expired"], true);
    let requests = gitlab.requests();
    assert_eq!(requests.iter().map(|request| request.number).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
    assert!(requests[1..].iter().all(|request| request.connection == requests[1].connection), "{requests:?}");
    assert_eq!(gitlab.connections(), 2);
}
