//! Keeps the credential out of answers: a server, or a proxy that debugs, may echo what it was sent.
//!
//! Each occurrence is overwritten with asterisks of the same length, so that lengths and the shape of any JSON stay. What
//! may be the beginning of an occurrence at the end of a piece is held back until the next piece tells.

use bytes::{Bytes, BytesMut};
use zeroize::Zeroizing;

/// Shorter texts are no credentials, and would be found in ordinary words.
const SHORTEST: usize = 8;

/// A stream of bytes with one text masked in it.
pub(super) struct Mask {
    /// Empty when there is nothing to mask.
    secret: Zeroizing<Vec<u8>>,
    held: BytesMut,
}

impl Mask {
    pub(super) fn new(secret: Option<&[u8]>) -> Self {
        let secret = secret.filter(|secret| secret.len() >= SHORTEST).unwrap_or_default();
        Self { secret: Zeroizing::new(secret.to_vec()), held: BytesMut::new() }
    }

    /// What may be passed on after the next piece.
    pub(super) fn feed(&mut self, piece: Bytes) -> Bytes {
        if self.secret.is_empty() {
            return piece;
        }
        if self.held.is_empty() && !contains(&piece, &self.secret) && self.begun(&piece) == 0 {
            // The usual case, without a copy.
            return piece;
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(&piece);
        overwrite(&mut bytes, &self.secret);
        let keep = self.begun(&bytes);
        self.held = bytes.split_off(bytes.len() - keep);
        bytes.freeze()
    }

    /// What was held back, once there is no next piece.
    pub(super) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.held).freeze()
    }

    /// Whether something is held back.
    pub(super) fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Length of the longest end of `bytes` that is a beginning of the secret.
    fn begun(&self, bytes: &[u8]) -> usize {
        let longest = bytes.len().min(self.secret.len() - 1);
        (1..=longest).rev().find(|length| bytes.ends_with(self.secret.get(..*length).unwrap_or_default())).unwrap_or(0)
    }
}

/// `bytes` with the secret masked, all at once.
pub(super) fn masked(bytes: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    if secret.len() < SHORTEST || !contains(bytes, secret) {
        return None;
    }
    let mut bytes = bytes.to_vec();
    overwrite(&mut bytes, secret);
    Some(bytes)
}

fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    memchr::memmem::find(bytes, secret).is_some()
}

fn overwrite(bytes: &mut [u8], secret: &[u8]) {
    let places: Vec<usize> = memchr::memmem::find_iter(bytes, secret).collect();
    for place in places {
        if let Some(found) = bytes.get_mut(place..place + secret.len()) {
            found.fill(b'*');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"glpat-abab";

    fn stream(pieces: &[&[u8]]) -> Vec<u8> {
        let mut mask = Mask::new(Some(SECRET));
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&mask.feed(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&mask.finish());
        assert!(!mask.holds());
        out
    }

    #[test]
    fn masked_wherever_it_is_cut() {
        let text = b"a glpat-abab, glpat-glpat-abab and glpat-aba and glpat-ababab";
        let expected = b"a **********, glpat-********** and glpat-aba and **********ab";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let (head, rest) = text.split_at(first);
                let (middle, tail) = rest.split_at(second - first);
                assert_eq!(stream(&[head, middle, tail]), expected, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(stream(&bytes), expected);
    }

    #[test]
    fn nothing_else_is_touched_or_held() {
        let mut mask = Mask::new(Some(SECRET));
        let piece = Bytes::from_static(b"[{\"id\":1}]");
        assert_eq!(mask.feed(piece.clone()).as_ptr(), piece.as_ptr(), "no copy");
        let mut none = Mask::new(None);
        assert_eq!(none.feed(Bytes::from_static(SECRET)), SECRET);
        let mut short = Mask::new(Some(b"x"));
        assert_eq!(short.feed(Bytes::from_static(b"example")), "example");
    }
}
