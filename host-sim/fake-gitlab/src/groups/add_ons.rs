//! Add-on seats: what was bought, and who has one.
//!
//! Of the people with a base seat some are drawn. On top, every purchase with seats to assign has a holder who has lost
//! the base seat, if the group or instance has a deactivated or blocked person, and the last such purchase a guest.

use time::{Date, Duration};

use super::facts::{AddOnFacts, HolderFacts};
use crate::random::{Purpose, below};

/// Somebody who could have a seat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) user_id: u64,
    pub(super) holds_base_seat: bool,
    /// No more than Guest, and not blocked.
    pub(super) guest: bool,
    /// Had a base seat once.
    pub(super) lost: bool,
}

/// Add-ons whose seats are assigned to people.
fn assignable(name: &str) -> bool {
    matches!(name, "CODE_SUGGESTIONS" | "DUO_ENTERPRISE")
}

/// The purchases of `names`. `first_id` is the number of the first.
pub(super) fn purchases(
    names: &'static [&'static str],
    first_id: u64,
    seed: u64,
    today: Date,
    candidates: &[Candidate],
) -> Vec<AddOnFacts> {
    let last_assignable = names.iter().rposition(|name| assignable(name));
    let mut purchases = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let id = first_id + u64::try_from(number).unwrap_or(0);
        let assignable = assignable(name);
        let holders = match assignable {
            true => holders(number, Some(number) == last_assignable, seed, today, candidates),
            false => Vec::new(),
        };
        let assigned = u64::try_from(holders.len()).unwrap_or(0);
        purchases.push(AddOnFacts {
            id,
            gid: format!("gid://gitlab/GitlabSubscriptions::AddOnPurchase/{id}"),
            name,
            purchased_quantity: if assignable { assigned + assigned / 4 + 2 } else { 1 },
            assigned_quantity: assigned,
            assignable,
            holders,
        });
    }
    purchases
}

fn holders(number: usize, with_guest: bool, seed: u64, today: Date, candidates: &[Candidate]) -> Vec<HolderFacts> {
    // Each purchase has tickets of its own, so that nobody has two.
    let first = u64::try_from(number).unwrap_or(0) * 25;
    let drawn = |candidate: &Candidate| {
        let ticket = below(seed, candidate.user_id, Purpose::AddOn, 100);
        candidate.holds_base_seat && (first..first + 25).contains(&ticket)
    };
    let lost = candidates.iter().filter(|candidate| candidate.lost).nth(number);
    let guest = candidates.iter().find(|candidate| candidate.guest).filter(|_| with_guest);
    let forced =
        |candidate: &Candidate| [lost, guest].into_iter().flatten().any(|forced| forced.user_id == candidate.user_id);
    candidates
        .iter()
        .filter(|candidate| drawn(candidate) || forced(candidate))
        .map(|candidate| HolderFacts {
            user_id: candidate.user_id,
            last_duo_activity_on: match below(seed, candidate.user_id, Purpose::AddOnUse, 90) {
                day @ 0..60 => Some(today.saturating_sub(Duration::days(i64::try_from(day).unwrap_or(0)))),
                _ => None,
            },
            holds_base_seat: candidate.holds_base_seat,
        })
        .collect()
}
