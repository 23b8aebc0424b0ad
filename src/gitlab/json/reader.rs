//! One pass over the bytes of a text in JSON (RFC 8259).

use std::fmt;

use super::Slot;

/// Levels of lists and objects within each other.
const DEEPEST: u8 = 128;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text ends in the middle.
    CutOff,
    /// It is no JSON.
    Syntax,
    /// It is JSON of another shape.
    Shape,
}

/// Why a text was not read. Holds nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What kind of error.
    pub kind: Kind,
    /// Line, from 1.
    pub line: usize,
    /// Byte in the line, from 1.
    pub column: usize,
    what: &'static str,
    field: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{} at line {} column {}", self.what, self.field, self.line, self.column)
    }
}

impl std::error::Error for Error {}

/// Reads the value of a member of an object; it gets the key.
pub type Member<'m, 'a> = dyn FnMut(&mut Reader<'a>, &[u8]) -> Result<(), Error> + 'm;

/// A text, and the place up to which it was read.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a [u8],
    place: usize,
    depth: u8,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, place: 0, depth: 0 }
    }

    #[cold]
    fn error(&self, kind: Kind, what: &'static str) -> Error {
        let read = self.text.get(..self.place.saturating_add(1)).unwrap_or(self.text);
        let line = read.split(|byte| *byte == b'\n').count();
        let column = read.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        Error { kind, line, column, what, field: "" }
    }

    /// The value that was read last, or that comes next, is of another shape.
    #[cold]
    pub fn shape(&self, what: &'static str) -> Error {
        self.error(Kind::Shape, what)
    }

    /// A field that must be there is not.
    #[cold]
    pub fn missing(&self, field: &'static str) -> Error {
        Error { field, ..self.error(Kind::Shape, "missing field ") }
    }

    /// What came is no JSON; or the text has ended.
    #[cold]
    fn syntax(&self, what: &'static str) -> Error {
        if self.place < self.text.len() { self.error(Kind::Syntax, what) } else { self.error(Kind::CutOff, "EOF") }
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.get(self.place).copied()
    }

    /// The first byte of what comes next, after blanks.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<u8> {
        // GitLab writes no blanks.
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.after_blanks(),
        }
    }

    #[cold]
    fn after_blanks(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.place += 1;
        }
        self.byte()
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.place += usize::from(found);
        found
    }

    /// Nothing is left but blanks.
    ///
    /// # Errors
    /// When something is.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.peek().is_none() { Ok(()) } else { Err(self.syntax("trailing characters")) }
    }

    /// A value of no use: its text, which is JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn skip(&mut self) -> Result<&'a [u8], Error> {
        self.peek();
        let start = self.place;
        match self.byte() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{') => self.members(&mut |reader, _| reader.skip().map(|_| ()))?,
            Some(b'[') => self.elements(&mut |reader| reader.skip().map(|_| ()))?,
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
            }
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return Err(self.syntax("expected a value")),
        }
        Ok(self.text.get(start..self.place).unwrap_or_default())
    }

    /// One of the three words; it must be known that it begins so.
    ///
    /// # Errors
    /// When it goes on otherwise.
    #[inline(always)]
    pub fn word<const N: usize>(&mut self, word: &'static [u8; N]) -> Result<(), Error> {
        let rest = self.text.get(self.place..).unwrap_or_default();
        if rest.first_chunk() == Some(word) {
            self.place += N;
            return Ok(());
        }
        Err(self.other_word(rest, word))
    }

    #[cold]
    fn other_word(&mut self, rest: &[u8], word: &'static [u8]) -> Error {
        self.place += rest.iter().zip(word).take_while(|(found, expected)| found == expected).count();
        self.syntax("expected a value")
    }

    /// A number: its text.
    ///
    /// # Errors
    /// When something else comes.
    pub fn number(&mut self) -> Result<&'a [u8], Error> {
        let start = self.place;
        self.place += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.place += 1,
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.place += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.place += 1;
            self.place += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.text.get(start..self.place).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.place;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.place += 1;
        }
        if self.place > start { Ok(()) } else { Err(self.syntax("invalid number")) }
    }

    /// A text: what stands between its quotation marks, and whether there is an escape in it. Its first mark must have been
    /// seen. It need not be UTF-8.
    ///
    /// # Errors
    /// When it does not end, or holds what no text may.
    pub fn string(&mut self) -> Result<(&'a [u8], bool), Error> {
        let start = self.place + 1;
        let rest = self.text.get(start..).unwrap_or_default();
        let length = plain(rest);
        if let Some((text, [b'"', ..])) = rest.split_at_checked(length) {
            self.place = start + length + 1;
            return Ok((text, false));
        }
        self.place = start + length;
        self.rest_of_string(start)
    }

    /// The same, from the first byte on that is not plain.
    #[cold]
    fn rest_of_string(&mut self, start: usize) -> Result<(&'a [u8], bool), Error> {
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.place += 1;
                    self.escape()?;
                }
                _ => return Err(self.syntax("control character in a text")),
            }
            self.place += plain(self.text.get(self.place..).unwrap_or_default());
        }
        let text = self.text.get(start..self.place).unwrap_or_default();
        self.place += 1;
        Ok((text, true))
    }

    fn escape(&mut self) -> Result<(), Error> {
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.place += 1,
            Some(b'u') => {
                self.place += 1;
                for _ in 0..4 {
                    if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.syntax("invalid escape"));
                    }
                    self.place += 1;
                }
            }
            _ => return Err(self.syntax("invalid escape")),
        }
        Ok(())
    }

    /// The elements of a list, each read by `element`.
    ///
    /// # Errors
    /// When something else comes, or what `element` says.
    pub fn elements(&mut self, element: &mut dyn FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        self.open(b'[', "invalid type: expected a list")?;
        let mut more = !self.take(b']');
        while more {
            element(self)?;
            more = self.goes_on(b']')?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// The members of an object: for each, `member` gets its key and reads its value. Escapes in a key are taken out.
    ///
    /// # Errors
    /// When something else comes, or what `member` says.
    pub fn members(&mut self, member: &mut Member<'_, 'a>) -> Result<(), Error> {
        self.open(b'{', "invalid type: expected an object")?;
        let mut more = !self.take(b'}');
        while more {
            if self.peek() != Some(b'"') {
                return Err(self.syntax("expected a key"));
            }
            let (key, escaped) = self.string()?;
            if !self.take(b':') {
                return Err(self.syntax("expected `:`"));
            }
            if escaped {
                member(self, unescaped(key).unwrap_or_default().as_bytes())?;
            } else {
                member(self, key)?;
            }
            more = self.goes_on(b'}')?;
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    /// Whether a comma comes, and not the end.
    #[inline(always)]
    fn goes_on(&mut self, end: u8) -> Result<bool, Error> {
        if self.take(b',') {
            Ok(true)
        } else if self.take(end) {
            Ok(false)
        } else {
            Err(self.syntax("expected a comma or the end"))
        }
    }

    fn open(&mut self, byte: u8, expected: &'static str) -> Result<(), Error> {
        if !self.take(byte) {
            return Err(self.other(expected));
        }
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.error(Kind::Syntax, "too many levels")) } else { Ok(()) }
    }

    /// Something else than expected: JSON of another type, or none.
    #[cold]
    pub fn other(&mut self, expected: &'static str) -> Error {
        let place = self.place;
        match self.skip() {
            Ok(_) => {
                self.place = place;
                self.shape(expected)
            }
            Err(error) => error,
        }
    }

    /// An object into the slots of these names.
    pub(crate) fn object(&mut self, slots: &mut [(&'static str, &mut dyn Slot)]) -> Result<(), Error> {
        // A sieve: most keys of a row are none of these, and most of them are told by two bits.
        let sieve = slots.iter().fold([0, 0], |[first, last], (name, _)| {
            let bits = bits(name.as_bytes());
            [first | bits[0], last | bits[1]]
        });
        // Rows have their keys in one order: the next one is most often behind the last one.
        let mut next = 0;
        self.members(&mut |reader, key| {
            let [first, last] = bits(key);
            let found = if sieve[0] & first == 0 || sieve[1] & last == 0 {
                None
            } else {
                let is_it = |(name, _): &(&'static str, &mut dyn Slot)| is_same(name.as_bytes(), key);
                let after = slots.iter().skip(next).position(is_it).map(|place| place + next);
                after.or_else(|| slots.iter().take(next).position(is_it))
            };
            let Some((_, slot)) = found.and_then(|place| slots.get_mut(place)) else {
                return reader.skip().map(|_| ());
            };
            next = found.map_or(next, |place| place + 1);
            slot.fill(reader)
        })
    }
}

/// Two of 64 each: by length and first byte, and by length and last.
#[inline(always)]
fn bits(key: &[u8]) -> [u64; 2] {
    let length = u8::try_from(key.len() & 63).unwrap_or(0);
    let bit = |byte: Option<&u8>| 1 << ((byte.copied().unwrap_or(0).wrapping_mul(5) ^ length) & 63);
    [bit(key.first()), bit(key.last())]
}

/// Eight bytes at a time, where the standard library compares one by one on WebAssembly, in a function of its own.
#[inline(always)]
fn is_same(name: &[u8], key: &[u8]) -> bool {
    if name.len() != key.len() {
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
    name.iter().zip(key).all(|(one, other)| one == other)
}

/// How many bytes at the beginning are neither a quotation mark nor a backslash nor a control character.
#[inline(always)]
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest of the marked bytes is rightly marked, and those above may be by a carry: only it counts.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | control;
        if found != 0 {
            let within = usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
            return text.len() - rest.len() + within;
        }
        rest = after;
    }
    let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    text.len() - rest.len() + rest.iter().position(stops).unwrap_or(rest.len())
}

/// A text with its escapes taken out; nothing where they make none, or it is no UTF-8.
pub(super) fn unescaped(text: &[u8]) -> Option<String> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(text);
    quoted.push(b'"');
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
