//! What each version of GitLab can do.
//!
//! Every difference between versions is a question asked here, so that the release that brought it stands in one place.
//! Fields that merely come and go without a meaning for seats ask [`Scenario::at_least`] where they are written.

use super::Scenario;

impl Scenario {
    pub(super) fn release(self) -> (u32, u32) {
        self.row().release
    }

    /// Whether the release is at least `major.minor`.
    pub(crate) fn at_least(self, major: u32, minor: u32) -> bool {
        self.release() >= (major, minor)
    }

    /// `/personal_access_tokens/self` (15.5); before that, `self` is taken for an id.
    pub(crate) fn token_self(self) -> bool {
        self.at_least(15, 5)
    }

    /// `GET /version` with all the fields of `GET /metadata` (15.5).
    pub(crate) fn version_in_full(self) -> bool {
        self.at_least(15, 5)
    }

    /// `enterprise` in `GET /metadata` (15.6).
    pub(crate) fn tells_edition(self) -> bool {
        self.at_least(15, 6)
    }

    /// `created_by` on accounts, `last_login_at` on billable members (both 15.5).
    pub(crate) fn created_by(self) -> bool {
        self.at_least(15, 5)
    }

    /// `scim_identities` on accounts (16.1).
    pub(crate) fn scim_identities(self) -> bool {
        self.at_least(16, 1)
    }

    /// Enforcement of the scope `admin_mode` (16.1).
    pub(crate) fn enforces_admin_mode(self) -> bool {
        self.admin_mode() && self.at_least(16, 1)
    }

    /// `humans`, `exclude_humans` and `exclude_active` on `/users`, and `order_by` and `sort` for everybody. 16.0 lacks
    /// them; the exact release is not known.
    pub(crate) fn recent_user_filters(self) -> bool {
        self.at_least(16, 2)
    }

    /// Keyset pagination on `/users` (16.4).
    pub(crate) fn keyset(self) -> bool {
        self.at_least(16, 4)
    }

    /// `locked` on accounts (16.5).
    pub(crate) fn locked(self) -> bool {
        self.at_least(16, 5)
    }

    /// `end_date` of namespaces (16.7).
    pub(crate) fn namespace_end_date(self) -> bool {
        self.at_least(16, 7)
    }

    /// `max_seats_used_changed_at` of namespaces (15.10).
    pub(crate) fn max_seats_changed_at(self) -> bool {
        self.at_least(15, 10)
    }

    /// `/billable_members/:id/indirect` (16.11).
    pub(crate) fn indirect_memberships(self) -> bool {
        self.at_least(16, 11)
    }

    /// The offset ceiling of 50,000 on `/users` (17.0).
    pub(crate) fn offset_ceiling(self) -> bool {
        self.at_least(17, 0)
    }

    /// The role Planner, access level 15 (17.7).
    pub(crate) fn planner(self) -> bool {
        self.at_least(17, 7)
    }

    /// `RateLimit-*` on answers that were not refused (about 18.6).
    pub(crate) fn announces_rate_limit(self) -> bool {
        self.at_least(18, 6)
    }

    /// Whether Minimal Access is free on Premium (18.9).
    pub(crate) fn minimal_access_is_free(self) -> bool {
        self.at_least(18, 9)
    }

    /// Whether the billing fields of a namespace are null for all but Owners (18.9).
    pub(crate) fn restricts_billing_fields(self) -> bool {
        self.at_least(18, 9)
    }

    /// The role Security Manager, access level 25 (19.x).
    pub(crate) fn security_manager(self) -> bool {
        self.at_least(19, 0)
    }
}
