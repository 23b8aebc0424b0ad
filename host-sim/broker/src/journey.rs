//! The way of a source from what an administrator enters to what Allocation shows.
//!
//! ```text
//! configured ──test──► tested ──save──► saved ──announce──► pending ──approve and merge──► active ⇄ problem
//!      ▲                  │                                    │                             ⇅        ⇅
//!      └──────edit────────┘                                    └──reject──► rejected       unreachable
//! ```
//!
//! Guarantees: nothing of a source is read before it is approved, and so nothing of it reaches Allocation. What was
//! tested is what is saved: an edit takes the test back. Refuses every step that is not an arrow above, and says which
//! would be.

use std::fmt;

/// Where a source is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Entered, and understood by the plugin.
    Configured,
    /// Test connection has passed with what is entered now.
    Tested,
    /// Kept; the platform does not know of it yet.
    Saved,
    /// Among the pending servers of the platform.
    Pending,
    /// An administrator said no.
    Rejected,
    /// Approved, and read well the last time; or not yet read.
    Active,
    /// Approved, and not read well: the last good snapshot still stands. Yellow.
    Problem,
    /// Approved, and not reached. Red.
    Unreachable,
}

/// What an administrator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Change what was entered.
    Edit,
    /// Test connection, with success.
    Test,
    /// Save.
    Save,
    /// What the broker does itself after Save: tell the platform.
    Announce,
    /// Approve and Merge.
    Approve,
    /// Reject.
    Reject,
}

/// A step that is no arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a source that is {state} cannot be {step}")]
pub struct Refused {
    /// Where the source is.
    pub state: State,
    /// What was asked for.
    pub step: Step,
}

impl Refused {
    /// What would do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match (self.step, self.state) {
            (Step::Save, State::Configured) => "test the connection first; what is saved is what was tested",
            (Step::Approve | Step::Reject, State::Configured | State::Tested | State::Saved) => {
                "test and save it first: it then is a pending server"
            }
            (Step::Test | Step::Save | Step::Announce | Step::Edit, State::Rejected) => "remove it and add it anew",
            (Step::Approve | Step::Reject, State::Rejected) => "it was rejected; add it anew if that was a mistake",
            (_, state) if state.is_approved() => "it is approved already; pause or remove it, or edit its credential",
            _ => "`source show` tells where it is",
        }
    }
}

impl State {
    const ALL: [Self; 8] = [
        Self::Configured,
        Self::Tested,
        Self::Saved,
        Self::Pending,
        Self::Rejected,
        Self::Active,
        Self::Problem,
        Self::Unreachable,
    ];

    /// The name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Tested => "tested",
            Self::Saved => "saved",
            Self::Pending => "pending",
            Self::Rejected => "rejected",
            Self::Active => "active",
            Self::Problem => "problem",
            Self::Unreachable => "unreachable",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether its data may be read and shown.
    #[must_use]
    pub fn is_approved(self) -> bool {
        matches!(self, Self::Active | Self::Problem | Self::Unreachable)
    }

    /// Where a step leads.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn after(self, step: Step) -> Result<Self, Refused> {
        match (self, step) {
            (Self::Configured | Self::Tested, Step::Edit) => Ok(Self::Configured),
            (Self::Configured | Self::Tested, Step::Test) => Ok(Self::Tested),
            (Self::Tested, Step::Save) => Ok(Self::Saved),
            (Self::Saved, Step::Announce) => Ok(Self::Pending),
            (Self::Pending, Step::Approve) => Ok(Self::Active),
            (Self::Pending, Step::Reject) => Ok(Self::Rejected),
            // A pending source may still be mended, and then begins anew.
            (Self::Saved | Self::Pending, Step::Edit) => Ok(Self::Configured),
            // Approved is approved: another credential or another test changes nothing about that.
            (state, Step::Edit | Step::Test) if state.is_approved() => Ok(state),
            (state, step) => Err(Refused { state, step }),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edit => "edited",
            Self::Test => "tested",
            Self::Save => "saved",
            Self::Announce => "announced",
            Self::Approve => "approved",
            Self::Reject => "rejected",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{State, Step};

    #[test]
    fn the_arrows_are_those_of_the_drawing() {
        use State::{Active, Configured, Pending, Problem, Rejected, Saved, Tested, Unreachable};
        let steps = [Step::Edit, Step::Test, Step::Save, Step::Announce, Step::Approve, Step::Reject];
        for (state, expected) in [
            (Configured, [Some(Configured), Some(Tested), None, None, None, None]),
            (Tested, [Some(Configured), Some(Tested), Some(Saved), None, None, None]),
            (Saved, [Some(Configured), None, None, Some(Pending), None, None]),
            (Pending, [Some(Configured), None, None, None, Some(Active), Some(Rejected)]),
            (Rejected, [None; 6]),
            (Active, [Some(Active), Some(Active), None, None, None, None]),
            (Problem, [Some(Problem), Some(Problem), None, None, None, None]),
            (Unreachable, [Some(Unreachable), Some(Unreachable), None, None, None, None]),
        ] {
            assert_eq!(steps.map(|step| state.after(step).ok()), expected, "{state}");
        }
    }

    #[test]
    fn names_lead_back_to_their_states() {
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(state));
        }
        assert_eq!(State::named("approved"), None);
    }

    #[test]
    fn a_refusal_says_what_would_do() {
        let refused = State::Configured.after(Step::Save).unwrap_err();
        assert_eq!(refused.to_string(), "a source that is configured cannot be saved");
        assert!(refused.hint().contains("test the connection first"));
        let refused = State::Tested.after(Step::Approve).unwrap_err();
        assert!(refused.hint().contains("pending server"));
    }
}
