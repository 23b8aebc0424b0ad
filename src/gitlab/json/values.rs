//! The values of fields that are no objects.

use super::reader::unescaped;
use super::{Error, Read, Reader, Text};

impl Reader<'_> {
    /// The bytes of a text, handed to `make` without a copy where it has no escapes. They need not be UTF-8.
    pub(crate) fn bytes<T>(
        &mut self,
        make: impl FnOnce(&[u8]) -> Option<T>,
        expected: &'static str,
    ) -> Result<T, Error> {
        if self.peek() != Some(b'"') {
            return Err(self.other("invalid type: expected a text"));
        }
        let (text, escaped) = self.string()?;
        let made = if escaped { unescaped(text).and_then(|text| make(text.as_bytes())) } else { make(text) };
        made.ok_or_else(|| self.shape(expected))
    }

    /// The same for a text that has to be one.
    pub(crate) fn text<T>(&mut self, make: impl FnOnce(&str) -> Option<T>, expected: &'static str) -> Result<T, Error> {
        self.bytes(|bytes| std::str::from_utf8(bytes).ok().and_then(make), expected)
    }

    /// Whether `null` comes, which is then read.
    pub(crate) fn null(&mut self) -> Result<bool, Error> {
        let is_null = self.peek() == Some(b'n');
        if is_null {
            self.word(b"null")?;
        }
        Ok(is_null)
    }

    /// A whole number from 0 to `most`.
    fn whole(&mut self, most: u64) -> Result<u64, Error> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.other("invalid type: expected a number"));
        }
        let digits = std::str::from_utf8(self.raw()?).unwrap_or_default();
        let value = digits.parse().ok().filter(|value| *value <= most);
        value.ok_or_else(|| self.shape("invalid value: expected a whole number in range"))
    }
}

impl Read for String {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        reader.text(|text| Some(text.to_owned()), "invalid text")
    }
}

impl Read for Text {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.peek() == Some(b'"') {
            return reader.text(|text| Some(Self(Some(text.to_owned()))), "invalid text");
        }
        reader.skip()?;
        Ok(Self(None))
    }
}

impl Read for bool {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        match reader.peek() {
            Some(b't') => reader.word(b"true").map(|()| true),
            Some(b'f') => reader.word(b"false").map(|()| false),
            _ => Err(reader.other("invalid type: expected true or false")),
        }
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {
        $(impl Read for $number {
            fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
                let value = reader.whole(u64::from(Self::MAX))?;
                // In range, as was looked at.
                Ok(Self::try_from(value).unwrap_or(Self::MAX))
            }
        })*
    };
}

whole_numbers!(u8, u16, u32, u64);

impl<T: Read> Read for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        if reader.null()? { Ok(None) } else { T::read(reader).map(Some) }
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let mut list = Self::new();
        reader.elements(&mut |reader| {
            list.push(T::read(reader)?);
            Ok(())
        })?;
        Ok(list)
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let (mut first, mut second) = (None, None);
        reader.elements(&mut |reader| {
            if first.is_none() {
                first = Some(A::read(reader)?);
            } else if second.is_none() {
                second = Some(B::read(reader)?);
            } else {
                return Err(reader.shape("invalid length: expected two elements"));
            }
            Ok(())
        })?;
        first.zip(second).ok_or_else(|| reader.shape("invalid length: expected two elements"))
    }
}

/// Types with names of their own, which serde's derive reads: they are few, and none is in a row.
macro_rules! by_serde {
    ($($name:ty),*) => {
        $(impl $crate::gitlab::json::Read for $name {
            fn read(reader: &mut $crate::gitlab::json::Reader<'_>) -> Result<Self, $crate::gitlab::json::Error> {
                serde_json::from_slice(reader.raw()?).map_err(|_| reader.shape("invalid value"))
            }
        })*
    };
}

pub(crate) use by_serde;
