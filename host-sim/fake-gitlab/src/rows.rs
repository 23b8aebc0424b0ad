//! An administrator's rows, serialised once.
//!
//! Rows are kept in segments of [`SEGMENT`] accounts, each followed by a comma, so that any run of neighbours is a slice
//! that is sent without copying. Any page of any filter, order and size is put together from such runs. A segment is
//! made when first needed; [`MOST_SEGMENTS`] of them are kept (about 450 MB), rows beyond that are made each time.

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;

use crate::entity::{self, View};
use crate::population::Population;

/// Accounts in a segment.
const SEGMENT: usize = 1024;

/// Segments kept.
const MOST_SEGMENTS: usize = 256;

/// Up to this many segments are made at the start, so that small instances never answer their first page slowly.
const EAGER_SEGMENTS: usize = 4;

/// A page of more pieces than this is copied into one: a write of many small pieces costs more than the copy.
const MOST_PIECES: usize = 12;

#[derive(Debug)]
struct Segment {
    bytes: Bytes,
    /// Where each row begins, and at the end where the next would.
    starts: Vec<usize>,
}

/// The rows of a population in the entity `UserWithAdmin`.
#[derive(Debug)]
pub(crate) struct Rows {
    segments: Vec<OnceLock<Segment>>,
}

impl Rows {
    pub(crate) fn new(population: &Population) -> Self {
        let count = population.len().div_ceil(SEGMENT).min(MOST_SEGMENTS);
        let rows = Self { segments: (0..count).map(|_| OnceLock::new()).collect() };
        rows.make(population, EAGER_SEGMENTS);
        rows
    }

    /// Make the first `count` segments, as far as they are kept.
    pub(crate) fn make(&self, population: &Population, count: usize) {
        for (number, segment) in self.segments.iter().enumerate().take(count) {
            segment.get_or_init(|| Segment::of(population, number));
        }
    }

    /// A JSON array of the accounts at `places`, in that order, as pieces to be sent one after another.
    pub(crate) fn array(&self, population: &Population, places: &[usize]) -> Vec<Bytes> {
        if places.is_empty() {
            return vec![Bytes::from_static(b"[]")];
        }
        let mut pieces = vec![Bytes::from_static(b"[")];
        for run in runs(places) {
            self.append(population, run, &mut pieces);
        }
        // Every row brings its comma; the last one's is not sent.
        if let Some(last) = pieces.last_mut() {
            last.truncate(last.len().saturating_sub(1));
        }
        pieces.push(Bytes::from_static(b"]"));
        if pieces.len() <= MOST_PIECES {
            return pieces;
        }
        vec![Bytes::from(pieces.concat())]
    }

    /// Append a run of neighbours within one segment.
    fn append(&self, population: &Population, run: Range<usize>, pieces: &mut Vec<Bytes>) {
        let number = run.start / SEGMENT;
        match self.segments.get(number) {
            Some(segment) => {
                let segment = segment.get_or_init(|| Segment::of(population, number));
                let first = number * SEGMENT;
                let start = segment.starts.get(run.start - first);
                let end = segment.starts.get(run.end - first);
                if let (Some(start), Some(end)) = (start, end) {
                    pieces.push(segment.bytes.slice(*start..*end));
                }
            }
            None => pieces.push(Segment::rows(population, run, &mut Vec::new())),
        }
    }
}

impl Segment {
    fn of(population: &Population, number: usize) -> Self {
        let first = number * SEGMENT;
        let mut starts = Vec::with_capacity(SEGMENT + 1);
        let bytes = Self::rows(population, first..(first + SEGMENT).min(population.len()), &mut starts);
        Self { bytes, starts }
    }

    fn rows(population: &Population, places: Range<usize>, starts: &mut Vec<usize>) -> Bytes {
        let mut bytes = Vec::with_capacity(places.len() * 1_700);
        for place in places {
            starts.push(bytes.len());
            entity::write(&mut bytes, &population.account(place), population, View::WithAdmin);
            bytes.push(b',');
        }
        starts.push(bytes.len());
        Bytes::from(bytes)
    }
}

/// Split into runs of neighbours, none of which crosses the border of a segment.
fn runs(places: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.end == *place && !place.is_multiple_of(SEGMENT) => run.end += 1,
            _ => runs.push(*place..*place + 1),
        }
    }
    runs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::options::{CONFIGURED_URL, Options};

    fn ids(pieces: &[Bytes]) -> Vec<u64> {
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&pieces.concat()).unwrap();
        rows.iter().filter_map(|row| row.get("id")?.as_u64()).collect()
    }

    #[test]
    fn a_page_is_the_same_however_it_is_put_together() {
        let population = Population::new(&Options { users: 2_500, ..Options::default() }, CONFIGURED_URL.to_owned());
        let kept = Rows::new(&population);
        let unkept = Rows { segments: Vec::new() };
        let across: Vec<usize> = (1_000..1_060).filter(|place| population.walked(*place)).collect();
        let backwards: Vec<usize> = across.iter().rev().copied().collect();
        for places in [&across, &backwards, &vec![0], &vec![population.len() - 1], &Vec::new()] {
            let pieces = kept.array(&population, places);
            let expected: Vec<u64> = places.iter().map(|place| population.id(*place)).collect();
            assert_eq!(ids(&pieces), expected);
            assert_eq!(pieces.concat(), unkept.array(&population, places).concat());
        }
        assert_eq!(kept.array(&population, &backwards).len(), 1, "many pieces are joined");
    }

    #[test]
    fn runs_stop_at_gaps_and_at_segments() {
        assert_eq!(runs(&[3, 4, 5, 7, 1022, 1023, 1024, 1025]), [3..6, 7..8, 1022..1024, 1024..1026]);
    }
}
