//! One pass over the bytes of a text in JSON (RFC 8259).

use std::fmt;

use super::Slot;
use super::names::{Names, is_same};

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

/// Why a text was not read. Holds nothing of the text. In a box, since each value that is read comes back as this or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Why>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Why {
    kind: Kind,
    line: usize,
    column: usize,
    what: &'static str,
    field: &'static str,
}

impl Error {
    /// What kind of error.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Line and byte in the line, both from 1.
    #[must_use]
    pub const fn place(&self) -> (usize, usize) {
        (self.0.line, self.0.column)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Why { line, column, what, field, .. } = *self.0;
        write!(out, "{what}{field} at line {line} column {column}")
    }
}

impl std::error::Error for Error {}

/// A text, and the place up to which it was read.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    text: &'a [u8],
    place: usize,
    depth: u8,
    row: Row<'a>,
}

/// Level of the rows of a page: objects within a list.
const ROWS: u8 = 2;

/// Most keys of a row that are remembered.
const KEYS: usize = 128;

/// The keys of the rows so far, in their order: each as it is written, with blanks before it and its colon, and the slot that it
/// belongs to. GitLab writes the keys of all rows in one order, so that the next one is compared with what is expected instead of
/// being looked for.
#[derive(Debug, Clone, Default)]
struct Row<'a> {
    names: Option<&'static Names>,
    keys: Vec<(&'a [u8], Option<usize>)>,
}

impl<'a> Reader<'a> {
    /// At the beginning of a text.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Self { text, place: 0, depth: 0, row: Row { names: None, keys: Vec::new() } }
    }

    #[cold]
    fn error(&self, kind: Kind, what: &'static str, field: &'static str) -> Error {
        let read = self.text.get(..self.place.saturating_add(1)).unwrap_or(self.text);
        let line = read.split(|byte| *byte == b'\n').count();
        let column = read.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
        Error(Box::new(Why { kind, line, column, what, field }))
    }

    /// The value that was read last, or that comes next, is of another shape.
    #[cold]
    pub fn shape(&self, what: &'static str) -> Error {
        self.error(Kind::Shape, what, "")
    }

    /// A field that must be there is not.
    #[cold]
    pub fn missing(&self, field: &'static str) -> Error {
        self.error(Kind::Shape, "missing field ", field)
    }

    /// What came is no JSON; or the text has ended.
    #[cold]
    fn syntax(&self, what: &'static str) -> Error {
        let (kind, what) = if self.place < self.text.len() { (Kind::Syntax, what) } else { (Kind::CutOff, "EOF") };
        self.error(kind, what, "")
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

    /// A value of no use.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn skip(&mut self) -> Result<(), Error> {
        let first = self.peek();
        // One after the other, and not by a table of places to go to, whose jump is not foreseen as well.
        if first == Some(b'"') {
            self.scan().map(|_| ())
        } else if first == Some(b'n') {
            self.word(b"null")
        } else if first == Some(b'f') {
            self.word(b"false")
        } else if first == Some(b't') {
            self.word(b"true")
        } else {
            self.skip_on(first)
        }
    }

    /// The same for what is no text and no word, in a function of its own: loops within what is called for each value would leave it
    /// no registers.
    #[inline(never)]
    fn skip_on(&mut self, first: Option<u8>) -> Result<(), Error> {
        match first {
            Some(b'{') => self.members(|reader, _| reader.skip()),
            Some(b'[') => self.elements(&mut |reader| reader.skip()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.syntax("expected a value")),
        }
    }

    /// The text of a value, which is JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn raw(&mut self) -> Result<&'a [u8], Error> {
        self.peek();
        let start = self.place;
        self.skip()?;
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

    /// A number of no use.
    #[inline(never)]
    fn number(&mut self) -> Result<(), Error> {
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
        Ok(())
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
        let escaped = self.scan()?;
        Ok((self.text.get(start..self.place - 1).unwrap_or_default(), escaped))
    }

    /// To the end of a text: whether there is an escape in it.
    #[inline(always)]
    fn scan(&mut self) -> Result<bool, Error> {
        let start = self.place + 1;
        self.place = start + plain(self.text.get(start..).unwrap_or_default());
        if self.byte() == Some(b'"') {
            self.place += 1;
            return Ok(false);
        }
        self.scan_on()
    }

    /// The same, from the first byte on that is not plain.
    #[cold]
    fn scan_on(&mut self) -> Result<bool, Error> {
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
        self.place += 1;
        Ok(true)
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
    #[inline(always)]
    pub fn members(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Result<(), Error>) -> Result<(), Error> {
        self.open(b'{', "invalid type: expected an object")?;
        let mut more = !self.take(b'}');
        while more {
            let (key, escaped) = self.key()?;
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

    /// A key and its colon: what stands between its quotation marks, and whether there is an escape in it.
    #[inline(always)]
    fn key(&mut self) -> Result<(&'a [u8], bool), Error> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("expected a key"));
        }
        let start = self.place + 1;
        let escaped = self.scan()?;
        let key = self.text.get(start..self.place - 1).unwrap_or_default();
        if !self.take(b':') {
            return Err(self.syntax("expected `:`"));
        }
        Ok((key, escaped))
    }

    /// Whether a comma comes, and not the end.
    #[inline(always)]
    fn goes_on(&mut self, end: u8) -> Result<bool, Error> {
        // GitLab writes no blanks.
        if self.byte() == Some(b',') {
            self.place += 1;
            return Ok(true);
        }
        self.goes_on_behind_blanks(end)
    }

    /// The same, where no comma stands right here: one may come behind blanks, or the end.
    #[inline(never)]
    fn goes_on_behind_blanks(&mut self, end: u8) -> Result<bool, Error> {
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
        if self.depth > DEEPEST { Err(self.error(Kind::Syntax, "too many levels", "")) } else { Ok(()) }
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

    /// An object into the slots of these names, one for each.
    pub(crate) fn object(&mut self, names: &'static Names, slots: &mut [&mut dyn Slot]) -> Result<(), Error> {
        self.open(b'{', "invalid type: expected an object")?;
        let is_row = self.depth == ROWS;
        let mut row = if is_row { std::mem::take(&mut self.row) } else { Row::default() };
        if !row.names.is_some_and(|known| std::ptr::eq(known, names)) {
            row = Row { names: Some(names), keys: Vec::new() };
        }
        let mut next = 0;
        let mut more = !self.take(b'}');
        while more {
            let slot = match row.keys.get(next) {
                Some((key, slot)) if self.takes(key) => *slot,
                _ => self.unexpected(names, &mut row, &mut next, is_row)?,
            };
            next += 1;
            match slot.and_then(|slot| slots.get_mut(slot)) {
                Some(slot) => slot.fill(self)?,
                None => self.skip()?,
            }
            more = self.goes_on(b'}')?;
        }
        self.depth = self.depth.saturating_sub(1);
        if is_row {
            self.row = row;
        }
        Ok(())
    }

    /// Whether this comes, which is then read.
    #[inline(always)]
    fn takes(&mut self, key: &[u8]) -> bool {
        let found = self.text.get(self.place..self.place + key.len()).is_some_and(|text| is_same(key, text));
        self.place += if found { key.len() } else { 0 };
        found
    }

    /// A key that is not the expected one: its slot. In a row it is remembered, with the blanks before it, and `next` is where it stands.
    #[inline(never)]
    fn unexpected(
        &mut self,
        names: &'static Names,
        row: &mut Row<'a>,
        next: &mut usize,
        is_row: bool,
    ) -> Result<Option<usize>, Error> {
        let start = self.place;
        let (key, escaped) = self.key()?;
        let slot = if escaped { names.place(unescaped(key).unwrap_or_default().as_bytes()) } else { names.place(key) };
        if is_row {
            let written = self.text.get(start..self.place).unwrap_or_default();
            match row.keys.iter().position(|(key, _)| *key == written) {
                Some(found) => *next = found,
                None if row.keys.len() < KEYS => row.keys.insert((*next).min(row.keys.len()), (written, slot)),
                None => {}
            }
        }
        Ok(slot)
    }
}

/// How many bytes at the beginning are neither a quotation mark nor a backslash nor a control character.
#[inline(never)]
fn plain(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let found = stops(*chunk);
        if found != 0 {
            return text.len() - rest.len() + usize::try_from(found.trailing_zeros() / 8).unwrap_or(0);
        }
        rest = after;
    }
    plain_end(text, rest)
}

/// The same of less than eight bytes, at the end of what is read.
#[cold]
#[inline(never)]
fn plain_end(text: &[u8], rest: &[u8]) -> usize {
    let stops = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    text.len() - rest.len() + rest.iter().position(stops).unwrap_or(rest.len())
}

/// A mark in each byte that a text stops at. The lowest of them is rightly marked, and those above may be by a carry: only it counts.
#[inline(always)]
const fn stops(chunk: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    let word = u64::from_le_bytes(chunk);
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | control
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
