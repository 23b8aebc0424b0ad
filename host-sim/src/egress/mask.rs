//! Keeps the credential out of answers: a server, or a proxy that debugs, may echo what it was sent.
//!
//! Each occurrence is overwritten with asterisks of the same length, so that lengths and the shape of any JSON stay. As many
//! bytes as may be the beginning of an occurrence are held back until the next piece tells, whatever they are: were it
//! only those that do begin one, the lengths of the pieces would tell a guest which of its guesses are right.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::Secret;

/// A stream of bytes with a secret masked in it.
pub(super) struct Mask {
    /// None when there is nothing to mask.
    secret: Option<Secret>,
    /// The end of what came, as it came.
    held: BytesMut,
    /// How many bytes at the beginning of `held` belong to an occurrence that begins before it.
    covered: usize,
}

impl Mask {
    pub(super) fn new(secret: Option<Secret>) -> Self {
        Self { secret, held: BytesMut::new(), covered: 0 }
    }

    /// What may be passed on after the next piece; its length tells nothing but the lengths of the pieces.
    pub(super) fn feed(&mut self, piece: Bytes) -> Bytes {
        let Some(secret) = self.secret.clone() else { return piece };
        let mut bytes = BytesMut::with_capacity(self.held.len() + piece.len());
        bytes.extend_from_slice(&self.held);
        bytes.extend_from_slice(&piece);
        // What begins before this place is there as a whole.
        let place = (bytes.len() + 1).saturating_sub(secret.spellings().longest());
        self.pass(bytes, place, &secret)
    }

    /// What was held back, once there is no next piece.
    pub(super) fn finish(&mut self) -> Bytes {
        let Some(secret) = self.secret.clone() else { return Bytes::new() };
        let bytes = std::mem::take(&mut self.held);
        let place = bytes.len();
        self.pass(bytes, place, &secret)
    }

    /// Whether something is held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Passes on what is before `place` and holds the rest.
    fn pass(&mut self, mut bytes: BytesMut, place: usize, secret: &Secret) -> Bytes {
        let mut found = secret.spellings().occurrences(&bytes);
        found.retain(|range| range.start < place);
        found.push(0..self.covered);
        let end = found.iter().map(|range| range.end).max().unwrap_or_default();
        self.covered = end.saturating_sub(place);
        // A copy, since a part would keep all of it in memory.
        self.held = BytesMut::from(bytes.get(place..).unwrap_or_default());
        bytes.truncate(place);
        overwrite(&mut bytes, found);
        bytes.freeze()
    }
}

/// `bytes` with the secret masked, all at once; none if it is not in them.
pub(super) fn masked(bytes: &[u8], secret: &Secret) -> Option<Vec<u8>> {
    let found = secret.spellings().occurrences(bytes);
    if found.is_empty() {
        return None;
    }
    let mut bytes = bytes.to_vec();
    overwrite(&mut bytes, found);
    Some(bytes)
}

fn overwrite(bytes: &mut [u8], found: Vec<Range<usize>>) {
    let length = bytes.len();
    for range in found {
        if let Some(found) = bytes.get_mut(range.start..range.end.min(length)) {
            found.fill(b'*');
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn mask(secret: &str) -> Mask {
        Mask::new(Some(Secret::new(secret.to_owned()).unwrap()))
    }

    fn stream(secret: &str, pieces: &[&[u8]]) -> Vec<u8> {
        let mut mask = mask(secret);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&mask.feed(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&mask.finish());
        assert!(!mask.holds());
        out
    }

    /// The same text in three pieces, cut wherever it can be, and byte by byte.
    fn assert_masked(secret: &str, text: &str, expected: &str) {
        let (text, expected) = (text.as_bytes(), expected.as_bytes());
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (head, rest) = text.split_at(first);
                let (middle, tail) = rest.split_at(second - first);
                assert_eq!(stream(secret, &[head, middle, tail]), expected, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(stream(secret, &bytes), expected);
        let all = masked(text, &Secret::new(secret.to_owned()).unwrap());
        assert_eq!(all.as_deref().unwrap_or(text), expected);
    }

    #[test]
    fn masked_wherever_it_is_cut() {
        assert_masked(
            "glpat-abab",
            "a glpat-abab, glpat-glpat-abab and glpat-aba and glpat-ababab",
            "a **********, glpat-********** and glpat-aba and **********ab",
        );
        assert_masked("abababab", "-ababababab-abababa-", "-**********-abababa-");
        assert_masked("glpat-ab", "-glpat\\u002dab-glpat%2Dab-glpat-ab-", "-*************-**********-********-");
        // In hexadecimal digits, and in base64 at the beginning, after one byte and after two.
        assert_masked("glpat-ab", "-676c7061742d6162-676C7061742D6162-", "-****************-****************-");
        assert_masked("glpat-ab", "\"Z2xwYXQtYWI=\"", "\"***********=\"");
        assert_masked("glpat-ab", "\"OmdscGF0LWFi\"", "\"O***********\"");
        assert_masked("glpat-ab", "\"YTpnbHBhdC1hYjp4\"", "\"YT************p4\"");
    }

    /// A guest that has its guesses echoed must not be told by the lengths how far each of them is right.
    #[test]
    fn the_lengths_of_the_pieces_tell_nothing_of_the_secret() {
        let lengths = |pieces: &[&str]| {
            let mut mask = mask("glpat-abab");
            let mut lengths: Vec<usize> =
                pieces.iter().map(|piece| mask.feed(Bytes::copy_from_slice(piece.as_bytes())).len()).collect();
            lengths.push(mask.finish().len());
            lengths
        };
        let padded = |rest: &str| format!("{:>74}", rest);
        let of = |[first, second, third]: [&str; 3]| lengths(&[&padded(first), second, third]);
        let expected = of(["echo xxxxx-xxxx", "xx", "x"]);
        // The longest spelling, in HTML's numbers or JSON's, has 60 bytes.
        assert_eq!(expected, [15, 2, 1, 59]);
        for pieces in [
            ["echo xxxxglpat-", "ab", "a"],
            ["echo glpat-abab", "xx", "x"],
            ["echo xxglpat-ab", "ab", "g"],
            ["echo xxxxxxxxxg", "lp", "a"],
            // In base64, as it is and as `u:glpat-abab`.
            ["echo Z2xwYXQtYWJ", "hY", "g"],
            ["echo dTpnbHBhdC", "1h", "Y"],
            ["echo 676c706174", "2d", "6"],
        ] {
            assert_eq!(of(pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn nothing_else_is_touched_or_held() {
        assert_masked("glpat-abab", "[{\"id\":1}]", "[{\"id\":1}]");
        let mut none = Mask::new(None);
        let piece = Bytes::from_static(b"glpat-abab example");
        assert_eq!(none.feed(piece.clone()).as_ptr(), piece.as_ptr(), "no copy");
        assert!(!none.holds() && none.finish().is_empty());
    }
}
