//! What happens on an instance from day to day, so that weeks pass over one address.
//!
//! An instance with a script is, on its first day, the one that equal [`Options`](crate::Options) without a script make,
//! except for the days of use below. Started on, or turned to, a later day, it shows every change up to and including that day.
//!
//! | What | On a day of the script |
//! | --- | --- |
//! | accounts, ids, names, `created_at`, memberships | those of the first day, until a change |
//! | last activity of who can sign in and was used in the last 30 days | that day, or for half of the accounts, by seed, the day before |
//! | last activity of everybody else | that of the first day, until a change |
//! | sign-ins | those of the first day, until [`Change::Active`]; daily for accounts that show nothing else |
//! | seats in use, peaks, overage | follow the accounts, by the rules of the license's fields |
//! | tokens, faults | as on every day: they know nothing of the script |
//!
//! Changes of one day happen in the order in which they were given, before that day's count of seats. Played are
//! self-managed Premium and Ultimate. Everything that contradicts itself is refused when the stand-in starts, whichever day it
//! shows: changes of accounts that are not there, twice the same, blocked people who are active.

use time::Date;

use crate::scenario::Scenario;

/// What happens to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A person comes, with a membership that takes a seat, and is active from then on. The id must be above all others;
    /// later ones come later.
    Joins,
    /// The account is deleted.
    Leaves,
    /// It is blocked: it takes no seat and was last active the day before.
    Blocked,
    /// The end of that. Its last activity does not move before [`Change::Active`].
    Unblocked,
    /// It is used on this day and on none after it.
    GoesIdle,
    /// It signs in and is used on this day, and from then on like others who are active.
    Active,
}

/// A license that is installed, in place of the one before as soon as it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Renewal {
    /// First day. May lie before the day of installation, to change the seats of a term that runs, or after it.
    pub starts: Date,
    /// Last day, not before the first.
    pub ends: Date,
    /// Seats bought; 0 is unlimited.
    pub seats: u64,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Account(u64, Change),
    License(Renewal),
}

/// Changes by day. Made by [`Script::beginning`], extended one by one.
///
/// ```
/// use fake_gitlab::{Change, Renewal, Script};
/// use time::macros::date;
///
/// let script = Script::beginning(date!(2026 - 03 - 01))
///     .account(date!(2026 - 03 - 04), 17, Change::GoesIdle)
///     .account(date!(2026 - 03 - 09), 1_000, Change::Joins)
///     .license(
///         date!(2026 - 03 - 20),
///         Renewal { starts: date!(2026 - 03 - 20), ends: date!(2027 - 03 - 20), seats: 240 },
///     );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub(crate) begins: Date,
    happenings: Vec<(Date, Happening)>,
}

/// Why a script is not played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Only two scenarios are.
    #[error("a script is played on `self-managed-premium` and `self-managed-ultimate`, not on `{0}`")]
    Scenario(Scenario),
    /// The day to show, or of a change, is before the first of the script.
    #[error("{day} is before {begins}, the first day of the script")]
    BeforeBegin {
        /// That day.
        day: Date,
        /// The first of the script.
        begins: Date,
    },
    /// A change of an account does not fit what it is on that day.
    #[error("{day}, account {account}, {change:?}: {reason}")]
    Account {
        /// When it should happen.
        day: Date,
        /// Its id.
        account: u64,
        /// What should happen.
        change: Change,
        /// Why it cannot.
        reason: Misfit,
    },
    /// A license ends before it starts.
    #[error("{day}: a license from {starts} cannot end on {ends}")]
    Term {
        /// When it should be installed.
        day: Date,
        /// Its first day.
        starts: Date,
        /// Its last.
        ends: Date,
    },
}

/// Why a change does not fit an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Misfit {
    /// Nobody has the id, not yet, or not any more.
    #[error("there is no such account on that day")]
    NotThere,
    /// New ids are above all that were ever given, up to 4,294,967,295.
    #[error("a new account's id must be above {0}, and below 4294967296")]
    IdNotNew(u64),
    /// Accounts of projects and of GitLab's own.
    #[error("the account is no person's and no service's")]
    NotWalked,
    /// The stand-in is asked with its token.
    #[error("the account owns a token, with which the stand-in is asked")]
    OwnsToken,
    /// It is blocked already, or banned.
    #[error("it is blocked or banned already")]
    BlockedAlready,
    /// It is in another state than `blocked`.
    #[error("it is not blocked")]
    NotBlocked,
    /// It is idle already.
    #[error("it is idle already")]
    IdleAlready,
    /// It is in a state in which nobody can use it.
    #[error("nobody can sign in to it")]
    CannotSignIn,
    /// It is one of those that show sign-ins and never a day of activity.
    #[error("it is an account that shows sign-ins alone")]
    SignInsOnly,
}

impl Script {
    /// A script in which nothing happens from `begins` on.
    #[must_use]
    pub const fn beginning(begins: Date) -> Self {
        Self { begins, happenings: Vec::new() }
    }

    /// The same, and on `day` the account with this id changes.
    #[must_use]
    pub fn account(mut self, day: Date, id: u64, change: Change) -> Self {
        self.happenings.push((day, Happening::Account(id, change)));
        self
    }

    /// The same, and on `day` a license is installed.
    #[must_use]
    pub fn license(mut self, day: Date, renewal: Renewal) -> Self {
        self.happenings.push((day, Happening::License(renewal)));
        self
    }

    /// Everything that happens, by day, in the order given.
    pub(crate) fn by_day(&self) -> Vec<(Date, Happening)> {
        let mut happenings = self.happenings.clone();
        happenings.sort_by_key(|(day, _)| *day);
        happenings
    }
}
