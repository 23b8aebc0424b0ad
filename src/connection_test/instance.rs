//! The checks of a self-managed instance.

use time::Date;

use super::{Finding, Report, add_ons, checks};
use crate::collect::{EMPTY_LIST, MEND_EMPTY_LIST};
use crate::configuration::settings::Settings;
use crate::failure::Explanation;
use crate::gitlab::client::Client;
use crate::gitlab::entities::License;
use crate::gitlab::refusal::Refusal;
use crate::gitlab::scalars::Presence;
use crate::quoting::quoted;
use crate::seats;
use crate::survey::{self, For, Instance, Licensing};

pub(super) fn check(settings: &Settings, client: &mut Client<'_>, report: &mut Report) {
    let found = survey::instance(client, For::Test);
    let today = client.clock().today();
    checks::identity(&found.identity, found.licensing.as_ref().err(), settings, today, report);
    report.check("role", "The token's user is an administrator", || role(&found, settings));
    report.check("license", "A license is installed and valid", || license(&found, settings, today));
    report.check("seats", "The list of users says who holds a seat", || seat_flag(&found, settings));
    if matches!(found.licensing, Ok(Licensing::Read(_) | Licensing::Hidden(_))) {
        let release = found.identity.release();
        let may_know = matches!(found.licensing, Ok(Licensing::Read(_)));
        report
            .check("add-ons", "Add-on seats can be read", || add_ons::check(client, settings, None, release, may_know));
    }
}

/// `/user` tells the role that an account has; what the license and the list of users answer, whether it counts for
/// this token.
fn role(found: &Instance, settings: &Settings) -> Finding {
    let user = match found.identity.user() {
        Ok(user) => user,
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    let name = quoted(&user.username);
    let lower_bound = "A collection brings a lower bound: people, their activity, and the seats of those in groups that this user sees.";
    match (&found.licensing, user.is_admin == Some(true)) {
        (Ok(Licensing::Hidden(Some(_))), false) if found.has_full_rows() => Finding::Pass(format!(
            "@{name} is no administrator; GitLab shows this user all accounts and the license all the same."
        )),
        (Ok(Licensing::Hidden(_)), is_admin) if found.has_full_rows() => {
            let who = if is_admin { "an administrator" } else { "no administrator" };
            Finding::Warn(
                Explanation::new(format!(
                    "@{name} is {who}, and may see who holds a seat, as auditors may, but not the license. Blocked accounts may be missing; they hold no seat."
                ))
                .hint("Enter the token of an administrator to have the number of seats bought and the end of the term, too."),
            )
        }
        (Ok(Licensing::Hidden(_)), true) if !found.is_stopped_by_admin_mode() => {
            let refused = Refusal::NotAllowed.explanation(settings);
            Finding::Fail(
                Explanation::new(format!(
                    "@{name} is an administrator, and GitLab refuses the license to this token all the same. {}",
                    refused.message
                ))
                .hint("Have the address restrictions of GitLab, and of what stands before it, checked for the broker's address."),
            )
        }
        (Ok(Licensing::Hidden(_)), true) => Finding::Fail(
            Explanation::new(format!(
                "@{name} is an administrator, but this GitLab uses Admin Mode and the token lacks the scope admin_mode. {lower_bound}"
            ))
            .hint(format!("Create a new token with that scope at {}", settings.admin_token_page())),
        ),
        (Ok(Licensing::Hidden(_)), false) => Finding::Fail(
            Explanation::new(format!(
                "@{name} is not an administrator of this GitLab, and only administrators see all seats. {lower_bound}"
            ))
            .hint("Ask an administrator of GitLab to make this user one (Admin area, Overview, Users, Edit, Access level), or enter the token of an administrator."),
        ),
        (_, true) => Finding::Pass(format!("@{name} is an administrator.")),
        (_, false) if found.has_full_rows() => Finding::Pass(format!("@{name} may read all accounts.")),
        (_, false) => Finding::Warn(
            Explanation::new(format!("@{name} is not an administrator; blocked accounts and addresses will be missing."))
                .hint("Enter the token of an administrator to have them, too."),
        ),
    }
}

fn license(found: &Instance, settings: &Settings, today: Date) -> Finding {
    let license = match &found.licensing {
        Ok(Licensing::Read(license) | Licensing::Hidden(Some(license))) => license,
        Ok(Licensing::Hidden(None)) => {
            return Finding::Warn(
                Explanation::new("GitLab does not show this user how many seats were bought, nor until when.")
                    .hint("Enter the token of an administrator to have these numbers."),
            );
        }
        Ok(Licensing::None) => {
            return Finding::Warn(
                Explanation::new("No license is installed: GitLab counts no seats. A collection brings accounts and their activity.")
                    .hint("If a subscription was bought, activate it in GitLab (Admin area, Subscription); if not, nothing is to be done."),
            );
        }
        Ok(Licensing::Community) => {
            return Finding::Warn(
                Explanation::new("This is a GitLab Community Edition, which has no license and no seats. A collection brings accounts and their activity.")
                    .hint("If seats were expected, enter the address of the GitLab Enterprise Edition that has them; if not, nothing is to be done."),
            );
        }
        Err(refusal) => return Finding::Fail(refusal.explanation(settings)),
    };
    told(license, today)
}

fn told(license: &License, today: Date) -> Finding {
    let plan = license.plan.as_deref().map_or_else(|| "a plan without a name".to_owned(), quoted);
    let bought = match license.user_limit {
        Some(0) => "any number of seats".to_owned(),
        Some(limit) => format!("{limit} seats"),
        None => "an unknown number of seats".to_owned(),
    };
    let used = license.active_users.map_or_else(String::new, |used| format!(", {used} in use"));
    let end = match license.expires_at {
        Presence::Given(day) => format!("until {day}"),
        Presence::Null => "without an end".to_owned(),
        Presence::Absent => "for an unknown time".to_owned(),
    };
    if seats::is_expired(license, today) {
        return Finding::Warn(
            Explanation::new(format!("The license has expired: {plan}, {bought}{used}, {end}."))
                .hint("Renew the subscription with GitLab, then activate it (Admin area, Subscription); after a grace period GitLab switches paid features off."),
        );
    }
    Finding::Pass(format!("{plan}, {bought}{used}, {end}."))
}

/// A row of the list must have what only an effective administrator of an Enterprise Edition gets.
fn seat_flag(found: &Instance, settings: &Settings) -> Finding {
    let row = match &found.row {
        Some(Ok(Some(row))) => row,
        Some(Err(refusal)) => return Finding::Fail(refusal.explanation(settings)),
        Some(Ok(None)) | None => return Finding::Fail(Explanation::new(EMPTY_LIST).hint(MEND_EMPTY_LIST)),
    };
    let has_seats = matches!(found.licensing, Ok(Licensing::Read(_) | Licensing::Hidden(_)));
    let cause = "GitLab sent a list of users without";
    match (seats::has_full_rows(row), row.using_license_seat.is_some()) {
        (true, true) if has_seats => {
            Finding::Pass("The list of users says for each account whether it holds a seat.".to_owned())
        }
        (_, _) if !has_seats => Finding::Pass("The list of users can be read; there are no seats in it.".to_owned()),
        (false, _) => Finding::Fail(
            Explanation::new(format!(
                "{cause} administrators' fields, as it does for a token without the scope admin_mode."
            ))
            .hint(format!("Create a new token with that scope at {}", settings.admin_token_page())),
        ),
        (true, _) => Finding::Fail(
            Explanation::new(format!("{cause} a word on who holds a seat, as a Community Edition does."))
                .hint("Check that this is a GitLab Enterprise Edition, and that the token's user is an administrator."),
        ),
    }
}
