//! How far a search for several texts may go on from what it has just seen: the table of Wu and Manber.
//!
//! A window as long as the shortest text moves over what is searched. The last two bytes of the window tell how far it can move
//! without missing a text: as a rule by all but one of its bytes, so that most of an answer is never looked at.
//!
//! Small and large letters count as the same. Pairs of bytes share entries, which costs a comparison and never a text.

use zeroize::Zeroizing;

/// Classes of a byte: its five low bits, and whether it is above 63, which leaves out what tells small letters from large ones.
const CLASSES: usize = 64;

/// For one set of texts. Tells where their pairs of bytes are, so it is overwritten in memory as they are.
pub(super) struct Shifts {
    /// By [`entry`]: 0 where a text may begin at the window.
    table: Zeroizing<Box<[u8]>>,
    /// Bytes of the window but the last two.
    before_pair: usize,
}

/// Bytes of a window at most: further than by one less it cannot move.
const LONGEST_WINDOW: usize = 256;

impl Shifts {
    /// For texts of two bytes and more; none for others, or without any.
    pub(super) fn new<'a>(texts: impl Iterator<Item = &'a [u8]> + Clone) -> Option<Self> {
        let window = texts.clone().map(<[u8]>::len).min().filter(|shortest| *shortest >= 2)?.min(LONGEST_WINDOW);
        let furthest = u8::try_from(window - 1).ok()?;
        let mut table = Zeroizing::new(vec![furthest; CLASSES * CLASSES].into_boxed_slice());
        for text in texts {
            for (pair, shift) in text.iter().zip(text.iter().skip(1)).zip((0..furthest).rev()) {
                if let Some(known) = table.get_mut(entry(*pair.0, *pair.1)) {
                    *known = shift.min(*known);
                }
            }
        }
        Some(Self { table, before_pair: window - 2 })
    }

    /// The places at which a text may begin: all at which one does, and a few more.
    pub(super) fn candidates<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let mut place = 0;
        std::iter::from_fn(move || {
            loop {
                let pair = bytes.get(place + self.before_pair..)?.first_chunk::<2>()?;
                match self.table.get(entry(pair[0], pair[1])) {
                    Some(shift @ 1..) => place += usize::from(*shift),
                    _ => {
                        place += 1;
                        return Some(place - 1);
                    }
                }
            }
        })
    }
}

fn entry(first: u8, second: u8) -> usize {
    let class = |byte: u8| usize::from((byte & 0x1f) | ((byte >> 1) & 0x20));
    class(first) * CLASSES + class(second)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::Shifts;

    fn candidates(texts: &[&str], bytes: &str) -> Vec<usize> {
        let shifts = Shifts::new(texts.iter().map(|text| text.as_bytes())).unwrap();
        shifts.candidates(bytes.as_bytes()).collect()
    }

    #[test]
    fn stops_where_a_text_may_begin_and_nowhere_else() {
        assert_eq!(candidates(&["token", "secret"], "a token, two secrets: tokentoken"), [2, 13, 22, 27]);
        assert_eq!(candidates(&["abab"], "abababab"), [0, 2, 4], "those that overlap");
        assert_eq!(candidates(&["token"], "a TOKEN, a Token"), [2, 11], "letters of either size");
        assert_eq!(candidates(&["token"], "tok"), [0_usize; 0], "shorter than the window");
        assert_eq!(candidates(&["token"], ""), [0_usize; 0]);
        let long: String = (0..300).map(|number| number.to_string()).collect();
        let found = candidates(&[&long], &format!("-{long}-{long}"));
        assert!(found.contains(&1) && found.contains(&(2 + long.len())), "longer than a window can be: {found:?}");
    }

    #[test]
    fn moves_on_by_as_much_as_the_shortest_text_allows() {
        let shifts = Shifts::new([b"0123456789".as_slice(), b"abcdefghijklm"].into_iter()).unwrap();
        let most = shifts.table.iter().filter(|shift| **shift == 9).count();
        assert_eq!(most, shifts.table.len() - 9 - 9, "but for the pairs of the window");
    }

    #[test]
    fn nothing_to_search_for_is_no_table() {
        assert!(Shifts::new([].into_iter()).is_none());
        assert!(Shifts::new([b"x".as_slice(), b"token"].into_iter()).is_none());
    }
}
