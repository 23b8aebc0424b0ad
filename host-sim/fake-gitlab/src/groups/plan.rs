//! Plans of top-level groups on GitLab.com, in GitLab's spelling, and what they say about seats.

/// The code of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupPlan {
    /// `plan` of a namespace, `plan.code` of its subscription.
    pub(crate) code: &'static str,
    /// `plan.name` of the subscription.
    pub(crate) name: &'static str,
    pub(crate) trial: bool,
    /// Bought: seats are counted by a job, and seats over what was bought are owed.
    pub(crate) paid: bool,
}

const fn plan(code: &'static str, name: &'static str, trial: bool, paid: bool) -> GroupPlan {
    GroupPlan { code, name, trial, paid }
}

impl GroupPlan {
    pub(crate) const ULTIMATE: Self = plan("ultimate", "Ultimate", false, true);
    pub(crate) const PREMIUM: Self = plan("premium", "Premium", false, true);
    pub(crate) const GOLD: Self = plan("gold", "Gold", false, true);
    pub(crate) const OPENSOURCE: Self = plan("opensource", "Opensource", false, true);
    pub(crate) const ULTIMATE_TRIAL: Self = plan("ultimate_trial", "Ultimate Trial", true, false);
    pub(crate) const FREE: Self = plan("free", "Free", false, false);
    /// A plan that nobody knows; hostile data only.
    pub(crate) const UNKNOWN: Self = plan("platinum_2031", "Platinum\n<b>\"2031\"</b>", false, true);
    /// What a group is on outside of GitLab.com.
    pub(crate) const DEFAULT: Self = plan("default", "Default", false, false);

    /// Whether guests take no seat (GitLab's `exclude_guests?` of a group): on these three plans and no other.
    pub(crate) fn exclude_guests(self) -> bool {
        matches!(self.code, "ultimate" | "gold" | "ultimate_trial")
    }

    /// Whether `is_using_seat` can be true.
    pub(crate) fn free(self) -> bool {
        self.code == "free"
    }
}
