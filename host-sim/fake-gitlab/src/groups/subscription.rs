//! What was bought for a group, and what GitLab's counts say.
//!
//! The figures obey GitLab's rules: on paid plans a job counts, so that `seats_in_use` may lag behind the live count by
//! a day, and `seats_owed` is what the peak exceeds the seats by; on trials the count is live and nothing is owed. A
//! free group has no subscription at all.

use time::{Date, Duration};

use super::facts::SubscriptionFacts;
use super::table::Spec;
use crate::calendar::Instant;

/// Days since the start of every term.
const AGE: i64 = 210;
const TRIAL_AGE: i64 = 12;
const TRIAL_DAYS: i64 = 60;

pub(super) fn of(spec: &Spec, billable: u64, today: Date) -> Option<SubscriptionFacts> {
    let on = |days| today.saturating_add(Duration::days(days));
    if spec.plan.trial {
        let end = on(TRIAL_DAYS - TRIAL_AGE);
        return Some(SubscriptionFacts {
            plan_name: spec.plan.name.to_owned(),
            auto_renew: None,
            upgradable: Some(true),
            seats_in_subscription: Some(100),
            seats_in_use: Some(billable),
            max_seats_used: Some(billable),
            max_seats_used_changed_at: Some(Instant::at(on(-1), 8_040_210).0),
            seats_owed: Some(0),
            start_date: Some(on(-TRIAL_AGE)),
            end_date: Some(end),
            trial_ends_on: Some(end),
        });
    }
    if !spec.plan.paid {
        return None;
    }
    let (bought, in_use) = match spec.over {
        true => ((billable - billable / 10).saturating_sub(1).max(1), billable),
        // The job ran before the last person came.
        false => (billable + billable / 8 + 5, billable.saturating_sub(1)),
    };
    let peak = in_use + billable / 25 + 1;
    Some(SubscriptionFacts {
        plan_name: spec.plan.name.to_owned(),
        auto_renew: Some(!spec.over),
        upgradable: Some(!spec.plan.exclude_guests()),
        seats_in_subscription: Some(bought),
        seats_in_use: Some(in_use),
        max_seats_used: Some(peak),
        max_seats_used_changed_at: Some(Instant::at(on(-40), 8_040_210).0),
        seats_owed: Some(peak.saturating_sub(bought)),
        start_date: Some(on(-AGE)),
        end_date: Some(on(365 - AGE)),
        trial_ends_on: None,
    })
}
