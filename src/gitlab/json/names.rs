//! The names of an object's fields, and which of them a key is.
//!
//! Most keys of a row are none of them: that is told by one look into a table, which the compiler makes.

/// Places in a table.
const PLACES: usize = 64;

/// Names of fields.
#[derive(Debug)]
pub(crate) struct Names {
    names: &'static [&'static str],
    /// By [`place`], or behind it where that was taken: the number of a name, from 1.
    table: [u8; PLACES],
}

impl Names {
    /// The table of these names, of which there are fewer than [`PLACES`].
    #[allow(clippy::indexing_slicing, clippy::as_conversions, reason = "done by the compiler, which would stop")]
    pub(crate) const fn new(names: &'static [&'static str]) -> Self {
        assert!(names.len() < PLACES, "more fields than places");
        let mut table = [0; PLACES];
        let mut number = 0;
        while number < names.len() {
            let name = names[number].as_bytes();
            let mut place = place(name.len(), name[0], name[name.len() - 1]);
            while table[place] != 0 {
                place = (place + 1) % PLACES;
            }
            number += 1;
            table[place] = number as u8;
        }
        Self { names, table }
    }

    /// Which name this is, from 0.
    #[inline(always)]
    pub(crate) fn place(&self, key: &[u8]) -> Option<usize> {
        let mut place = place(key.len(), *key.first()?, *key.last()?);
        loop {
            let number = usize::from(*self.table.get(place)?).checked_sub(1)?;
            if self.names.get(number).is_some_and(|name| is_same(name.as_bytes(), key)) {
                return Some(number);
            }
            place = (place + 1) % PLACES;
        }
    }
}

#[inline(always)]
#[allow(clippy::as_conversions, reason = "no other conversion is const")]
const fn place(length: usize, first: u8, last: u8) -> usize {
    (length + first as usize * 5 + last as usize * 11) % PLACES
}

/// Eight bytes at a time, where the standard library compares one by one on WebAssembly, in a function of its own. What is left at
/// the end is compared together with what stands before it.
#[inline(always)]
pub(super) fn is_same(name: &[u8], key: &[u8]) -> bool {
    if name.len() != key.len() {
        return false;
    }
    let (Some(one), Some(other)) = (name.last_chunk::<8>(), key.last_chunk::<8>()) else {
        return name.iter().zip(key).all(|(one, other)| one == other);
    };
    if u64::from_le_bytes(*one) != u64::from_le_bytes(*other) {
        return false;
    }
    let (mut name, mut key) = (name, key);
    while let (Some((one, names)), Some((other, keys))) = (name.split_first_chunk::<8>(), key.split_first_chunk::<8>())
    {
        if u64::from_le_bytes(*one) != u64::from_le_bytes(*other) {
            return false;
        }
        (name, key) = (names, keys);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::Names;

    const FEW: [&str; 3] = ["id", "username", "public_email"];

    /// Among them those that share a place with one before.
    const MANY: [&str; 63] = [
        "aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai", "ba", "bb", "bc", "bd", "be", "bf", "bg", "bh", "bi",
        "ca", "cb", "cc", "cd", "ce", "cf", "cg", "ch", "ci", "da", "db", "dc", "dd", "de", "df", "dg", "dh", "di",
        "ea", "eb", "ec", "ed", "ee", "ef", "eg", "eh", "ei", "fa", "fb", "fc", "fd", "fe", "ff", "fg", "fh", "fi",
        "ga", "gb", "gc", "gd", "ge", "gf", "gg", "gh", "gi",
    ];

    #[test]
    fn each_name_is_found_and_nothing_else() {
        const NAMES: [Names; 2] = [Names::new(&FEW), Names::new(&MANY)];
        for (names, all) in NAMES.iter().zip([FEW.as_slice(), &MANY]) {
            for (number, name) in all.iter().enumerate() {
                assert_eq!(names.place(name.as_bytes()), Some(number), "{name}");
            }
        }
        let [few, many] = &NAMES;
        let others =
            ["", "i", "idd", "di", "ID", "usernama", "usernXme", "public-email", "pXblic_email", "public_emXil", "zz"];
        for other in others {
            assert_eq!(few.place(other.as_bytes()), None, "{other}");
            assert_eq!(many.place(other.as_bytes()).is_some(), other == "di", "{other}");
        }
    }
}
