//! Lists of GraphQL whose rows come and go while somebody walks through them: as `crate::fault` does it to REST's.
//!
//! Under an offset all rows move by one place. Under keyset only what lies before the cursor has changed, and what comes
//! at the end is still to be met. A list without rows stays as it is, for there is none to copy.

use crate::account::Account;
use crate::fault::{FaultKind, INSERTED_ID, NEWCOMER};

/// A row of a list as a fault left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    /// What is at this place of the true list.
    True(usize),
    /// A copy of it with the id [`INSERTED_ID`].
    Copy(usize),
}

impl Row {
    /// The place in the true list of what is shown.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::True(place) | Self::Copy(place) => place,
        }
    }

    /// The same of what is at another place.
    pub(super) const fn at(self, place: usize) -> Self {
        match self {
            Self::True(_) => Self::True(place),
            Self::Copy(_) => Self::Copy(place),
        }
    }

    /// Whether it was not there before.
    pub(super) const fn is_new(self) -> bool {
        matches!(self, Self::Copy(_))
    }
}

/// The account under the id and the names of the row that was not there before.
pub(super) fn newcomer(account: Account) -> Account {
    Account { id: INSERTED_ID, username: NEWCOMER.to_owned(), name: NEWCOMER.to_owned(), ..account }
}

/// The rows of a list of `len` under an offset.
pub(super) fn rows(fault: Option<FaultKind>, len: usize) -> Vec<Row> {
    let all = (0..len).map(Row::True);
    match (fault, len.checked_sub(1)) {
        (Some(FaultKind::RowDeleted), _) => all.skip(1).collect(),
        (Some(FaultKind::RowInserted), Some(_)) => std::iter::once(Row::Copy(0)).chain(all).collect(),
        (Some(FaultKind::RowSwapped), Some(last)) => all.skip(1).chain([Row::Copy(last)]).collect(),
        _ => all.collect(),
    }
}

/// A list under keyset.
pub(super) struct Keyset<'a> {
    /// Up to so many places behind a position (an id; `None` is the beginning), and whether more follow.
    pub(super) behind: &'a dyn Fn(Option<u64>, usize) -> (Vec<usize>, bool),
    /// The id at a place.
    pub(super) id: &'a dyn Fn(usize) -> u64,
    /// The position before all rows.
    pub(super) start: u64,
}

impl Keyset<'_> {
    /// Up to `take` rows behind a position, each with its own, and whether more follow.
    pub(super) fn page(&self, fault: Option<FaultKind>, position: Option<u64>, take: usize) -> (Vec<(u64, Row)>, bool) {
        match fault {
            Some(FaultKind::RowDeleted) => self.honest(position.or_else(|| self.first().map(self.id)), take),
            Some(FaultKind::RowInserted) if position.is_none() && take > 0 => self.with_one_before(take),
            Some(FaultKind::RowSwapped) => self.with_one_behind(position, take),
            _ => self.honest(position, take),
        }
    }

    fn first(&self) -> Option<usize> {
        (self.behind)(None, 1).0.first().copied()
    }

    fn honest(&self, position: Option<u64>, take: usize) -> (Vec<(u64, Row)>, bool) {
        let (places, more) = (self.behind)(position, take);
        (places.into_iter().map(|place| ((self.id)(place), Row::True(place))).collect(), more)
    }

    /// The newcomer leads, and behind it is the beginning of the true list: its id would lead elsewhere.
    fn with_one_before(&self, take: usize) -> (Vec<(u64, Row)>, bool) {
        let (rows, more) = self.honest(None, take - 1);
        match self.first() {
            Some(first) => (std::iter::once((self.start, Row::Copy(first))).chain(rows).collect(), more),
            None => (rows, more),
        }
    }

    /// Without the first row, and the newcomer behind the last.
    fn with_one_behind(&self, position: Option<u64>, take: usize) -> (Vec<(u64, Row)>, bool) {
        if position == Some(INSERTED_ID) {
            return (Vec::new(), false);
        }
        let first = self.first();
        let (mut rows, more) = self.honest(position.or_else(|| first.map(self.id)), take);
        if more || first.is_none() || rows.len() >= take {
            return (rows, more || first.is_some());
        }
        let last = (self.behind)(None, usize::MAX).0.last().copied();
        rows.extend(last.map(|last| (INSERTED_ID, Row::Copy(last))));
        (rows, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [FaultKind; 3] = [FaultKind::RowDeleted, FaultKind::RowInserted, FaultKind::RowSwapped];

    #[test]
    fn under_an_offset_every_row_moves() {
        let [deleted, inserted, swapped] = KINDS.map(|kind| rows(Some(kind), 3));
        assert_eq!(deleted, [Row::True(1), Row::True(2)]);
        assert_eq!(inserted, [Row::Copy(0), Row::True(0), Row::True(1), Row::True(2)]);
        assert_eq!(swapped, [Row::True(1), Row::True(2), Row::Copy(2)]);
        assert_eq!(rows(Some(FaultKind::RowSwapped), 1), [Row::Copy(0)]);
        for kind in KINDS {
            assert!(rows(Some(kind), 0).is_empty(), "{kind:?}");
        }
        assert_eq!(rows(Some(FaultKind::ShortPage), 2), rows(None, 2));
    }

    /// Every row of a walk that begins with the fault, by pages of `take`.
    fn walk(kind: FaultKind, len: usize, take: usize, upwards: bool) -> Vec<Row> {
        let id = |place: usize| 10 * u64::try_from(place + 1).unwrap_or(0);
        let behind = |position: Option<u64>, take: usize| {
            let beyond =
                |place: &usize| position.is_none_or(|at| if upwards { id(*place) > at } else { id(*place) < at });
            let mut places: Vec<usize> = (0..len).filter(beyond).collect();
            if !upwards {
                places.reverse();
            }
            let more = places.len() > take;
            places.truncate(take);
            (places, more)
        };
        let list = Keyset { behind: &behind, id: &id, start: if upwards { 0 } else { u64::MAX } };
        let (mut found, mut position) = (Vec::new(), None);
        for _ in 0..20 {
            let (rows, more) = list.page(Some(kind), position, take);
            assert!(rows.len() <= take, "{rows:?}");
            position = rows.last().map(|(at, _)| *at).or(position);
            found.extend(rows.into_iter().map(|(_, row)| row));
            if !more {
                return found;
            }
        }
        found.clear();
        found
    }

    #[test]
    fn under_keyset_a_walk_meets_what_lies_behind_it() {
        for take in [1, 2, 3, 4, 7] {
            for len in [1, 2, 3, 4, 6] {
                for kind in KINDS {
                    assert_eq!(walk(kind, len, take, true), rows(Some(kind), len), "{kind:?}, {len} by {take}");
                }
                let mut backwards: Vec<Row> = (0..len).rev().map(Row::True).skip(1).collect();
                backwards.push(Row::Copy(0));
                assert_eq!(walk(FaultKind::RowSwapped, len, take, false), backwards, "{len} by {take}");
            }
        }
        for kind in KINDS {
            assert!(walk(kind, 0, 2, true).is_empty(), "{kind:?}");
        }
    }
}
