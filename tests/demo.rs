//! `demo`: the first thing anybody runs.

use fake_gitlab::{Options, Tokens};

use crate::support::{Cli, StandIn};

#[test]
fn runs_the_whole_line_and_its_figures_are_those_of_the_truth() {
    let ran = Cli::new(["demo", "--rows", "1000"]).run();
    ran.assert_code(0);
    let order = [
        "\nDescribe\n",
        "\nConfigure\n",
        "\nTest connection\n",
        "\nSave\n",
        "\nApprove and Merge\n",
        "\nAllocation\n",
        "\nUser activity trends",
        "\nExpired or unused licenses",
        "\nBill of the run\n",
    ];
    let places: Vec<usize> =
        order.iter().map(|part| ran.stdout.find(part).unwrap_or_else(|| panic!("{part}:\n{}", ran.stdout))).collect();
    assert!(places.is_sorted(), "{}", ran.stdout);

    // The same stand-in, asked what is true.
    let stand_in = StandIn::start(Options::default());
    let truth = stand_in.gitlab.truth();
    let license = truth.license.as_ref().unwrap();
    let pool = format!("{} bought, {} in use, {} over", license.user_limit, license.active_users, license.overage);
    assert!(ran.stdout.contains(&pool), "{pool}\n{}", ran.stdout);

    let part = |number: usize| &ran.stdout[places[number]..places[number + 1]];
    let (allocation, activity, unused) = (part(5), part(6), part(7));
    assert!(part(3).contains("pending servers of the platform: 1"), "{}", part(3));
    let today = time::OffsetDateTime::now_utc().date();
    for user in &truth.users {
        let listed = |text: &str| text.lines().any(|line| line.split_whitespace().any(|word| word == user.username));
        let holds = user.using_license_seat == Some(true);
        assert_eq!(listed(allocation), holds, "{}", user.username);
        let sign_in = user.current_sign_in_at.or(user.last_sign_in_at).map(time::OffsetDateTime::date);
        let is_unused = holds
            && match sign_in.max(user.last_activity_on) {
                Some(last) => (today - last).whole_days() > 90,
                None => (today - user.created_at.date()).whole_days() > 7,
            };
        assert_eq!(listed(unused), is_unused, "{}", user.username);
    }
    for column in ["Server", "Vendor", "Feature", "License type", "User", "Start", "End"] {
        assert!(allocation.contains(column), "{column}");
    }
    let last = truth.users.iter().filter_map(|user| user.last_activity_on).max().unwrap();
    assert!(activity.contains(&broker::calendar::day_text(last)), "{activity}");
    assert!(!ran.stdout.contains(Tokens::ADMINISTRATOR));
    assert!(!ran.stdout.contains('\u{1b}'), "no colours where nobody sees them");
}
