//! The kinds of account that occur, how often, and what each does to state, rights and activity.
//!
//! One table. The first accounts of every instance take its rows in order, so that a small instance shows everything
//! too; the rest are drawn by weight.

/// `state` of an account, in GitLab's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Active,
    Blocked,
    LdapBlocked,
    Deactivated,
    Banned,
    PendingApproval,
    /// A state that no version has; hostile data only.
    Quarantined,
    /// Null; hostile data only.
    Unstated,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::LdapBlocked => "ldap_blocked",
            Self::Deactivated => "deactivated",
            Self::Banned => "banned",
            Self::PendingApproval => "blocked_pending_approval",
            Self::Quarantined => "quarantined",
            Self::Unstated => "",
        }
    }

    /// The states which only an administrator sees in a list.
    pub(crate) const fn forbidden(self) -> bool {
        matches!(self, Self::Blocked | Self::LdapBlocked | Self::Banned)
    }
}

/// Who is behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// A person.
    Human,
    /// A service account (`user_type` `service_account`): `bot` is true, it stays in the administrator's walk.
    ServiceAccount,
    /// The account of a project's access token (`project_bot`).
    ProjectBot,
    /// An account of GitLab's own, such as the ghost.
    Internal,
}

/// The highest membership of a person, as far as the seat rules look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Membership {
    /// Planner or above somewhere.
    Working,
    /// Guest and no more.
    Guest,
    /// Minimal Access and no more.
    Minimal,
    /// No group, no project.
    Nothing,
}

/// When an account was last used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// Within the last 30 days, browser and all.
    Recent,
    /// More than 90 days ago.
    LongAgo,
    /// Never: no date at all.
    Never,
    /// Signed in, yet without `last_activity_on`.
    SignInOnly,
    /// Active through Git or the API, yet never signed in.
    ActivityOnly,
}

/// One kind of account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Archetype {
    pub(crate) kind: AccountKind,
    pub(crate) state: State,
    pub(crate) membership: Membership,
    pub(crate) used: Use,
    pub(crate) administrator: bool,
    pub(crate) auditor: bool,
    pub(crate) external: bool,
    pub(crate) locked: bool,
    /// Registered without an address.
    pub(crate) no_email: bool,
    /// Share among the drawn accounts, in parts of [`TOTAL_WEIGHT`].
    pub(crate) weight: u64,
}

impl Archetype {
    /// The same account on GitLab.com, where no customer administrates or audits the instance, and LDAP blocks nobody.
    pub(crate) const fn customer(self) -> Self {
        let state = match self.state {
            State::LdapBlocked => State::Blocked,
            state => state,
        };
        Self { state, administrator: false, auditor: false, ..self }
    }
}

const PERSON: Archetype = Archetype {
    kind: AccountKind::Human,
    state: State::Active,
    membership: Membership::Working,
    used: Use::Recent,
    administrator: false,
    auditor: false,
    external: false,
    locked: false,
    no_email: false,
    weight: 0,
};

/// Owner of the administrator's tokens.
pub(crate) const ROOT: Archetype = Archetype { administrator: true, ..PERSON };

/// Owner of the ordinary token.
pub(crate) const MEMBER: Archetype = PERSON;

/// Owner of the blocked account's token.
pub(crate) const BLOCKED: Archetype = Archetype { state: State::Blocked, used: Use::LongAgo, ..PERSON };

/// An access token's account.
pub(crate) const PROJECT_BOT: Archetype =
    Archetype { kind: AccountKind::ProjectBot, used: Use::ActivityOnly, no_email: false, ..PERSON };

/// A service account that owns a token.
pub(crate) const SERVICE: Archetype =
    Archetype { kind: AccountKind::ServiceAccount, used: Use::ActivityOnly, ..PERSON };
/// An account of GitLab's own.
pub(crate) const INTERNAL: Archetype =
    Archetype { kind: AccountKind::Internal, membership: Membership::Nothing, used: Use::Never, ..PERSON };

/// What people's accounts are like. The order is that in which a small instance gets them.
pub(crate) const TABLE: [Archetype; 20] = [
    Archetype { used: Use::LongAgo, weight: 90, ..PERSON },
    Archetype { used: Use::Never, weight: 30, ..PERSON },
    Archetype { membership: Membership::Guest, weight: 60, ..PERSON },
    Archetype { kind: AccountKind::ServiceAccount, used: Use::ActivityOnly, weight: 12, ..PERSON },
    Archetype { state: State::Deactivated, used: Use::LongAgo, weight: 40, ..PERSON },
    Archetype { weight: 588, ..PERSON },
    Archetype { state: State::LdapBlocked, used: Use::LongAgo, weight: 12, ..PERSON },
    Archetype { state: State::Banned, weight: 5, ..PERSON },
    Archetype {
        state: State::PendingApproval,
        membership: Membership::Nothing,
        used: Use::Never,
        weight: 10,
        ..PERSON
    },
    Archetype { membership: Membership::Minimal, weight: 12, ..PERSON },
    Archetype { membership: Membership::Nothing, weight: 20, ..PERSON },
    Archetype { external: true, weight: 30, ..PERSON },
    Archetype { auditor: true, weight: 5, ..PERSON },
    Archetype { locked: true, weight: 10, ..PERSON },
    Archetype { used: Use::SignInOnly, weight: 10, ..PERSON },
    Archetype { used: Use::ActivityOnly, weight: 20, ..PERSON },
    Archetype { no_email: true, weight: 4, ..PERSON },
    Archetype { administrator: true, weight: 6, ..PERSON },
    Archetype { state: State::Blocked, used: Use::LongAgo, weight: 30, ..PERSON },
    Archetype { external: true, membership: Membership::Guest, used: Use::LongAgo, weight: 6, ..PERSON },
];

/// Sum of the weights of [`TABLE`].
pub(crate) const TOTAL_WEIGHT: u64 = 1000;

/// The row into which `ticket`, a number below [`TOTAL_WEIGHT`], falls.
pub(crate) fn drawn(ticket: u64) -> Archetype {
    let mut rest = ticket;
    for archetype in TABLE {
        match rest.checked_sub(archetype.weight) {
            Some(left) => rest = left,
            None => return archetype,
        }
    }
    PERSON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_drawn_and_the_weights_add_up() {
        assert_eq!(TABLE.iter().map(|row| row.weight).sum::<u64>(), TOTAL_WEIGHT);
        for row in TABLE {
            assert!((0..TOTAL_WEIGHT).any(|ticket| drawn(ticket) == row), "{row:?} is never drawn");
        }
    }
}
