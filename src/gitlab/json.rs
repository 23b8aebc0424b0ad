//! Reading JSON straight into the fields that are used.
//!
//! Guarantees: an unknown key is passed over, a missing one leaves the field at its default, which is *unknown*; only
//! those under `needed` must be there. A value of another type than the field's is an error, and so is what is no JSON,
//! wherever it stands. Each byte is looked at once; nothing is copied but the texts that are kept.
//!
//! Refuses more than [`DEEPEST`] levels, and bytes after the value.
//!
//! Why not serde's derive and its reader: a page was gone through four times, by readers that were written anew for each
//! type, and took three times as long and a tenth of the component more. A text with an escape in it is still read by
//! serde_json: those are few, and the rules are many. Where serde reads one of these types, it is through this reader.

mod names;
mod reader;
mod values;

pub(crate) use names::Names;
pub use reader::{Error, Kind, Reader};
pub(crate) use values::by_serde;

/// A value that is read from JSON.
pub trait Read: Sized {
    /// Read the value that comes next, and nothing behind it.
    ///
    /// # Errors
    /// [`Error`], when there is none, or one of another type.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Error>;
}

/// Read a whole text.
///
/// # Errors
/// [`Error`], also for what stands behind the value.
pub fn from_slice<T: Read>(text: &[u8]) -> Result<T, Error> {
    let mut reader = Reader::new(text);
    let value = T::read(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Whether this is the beginning of JSON, and not the whole. A list of objects is taken for whole by its two ends, since
/// going through a page for that alone is half as much work as reading it: one that broke off right behind a list within
/// one of its objects is told by whoever reads it.
#[must_use]
pub fn is_cut_off(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    if text.starts_with(b"[{") && text.ends_with(b"}]") {
        return false;
    }
    let mut reader = Reader::new(text);
    reader.skip().is_err_and(|error| error.kind() == Kind::CutOff)
}

/// Where the value of a field goes.
pub(crate) trait Slot {
    /// Read the value that comes next.
    fn fill(&mut self, reader: &mut Reader<'_>) -> Result<(), Error>;
}

impl<T: Read> Slot for T {
    fn fill(&mut self, reader: &mut Reader<'_>) -> Result<(), Error> {
        *self = T::read(reader)?;
        Ok(())
    }
}

/// Text; nothing where something else came. For words of a server that are good to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Option<String>);

/// A type that is read from an object: the fields that must be there, then those that may be missing. Where none must
/// be there, nothing is the default.
macro_rules! object {
    ($(#[$about:meta])* pub struct $name:ident { needed {} $($optional:tt)* }) => {
        $crate::gitlab::json::object! { @ $(#[$about])* #[derive(Default)] pub struct $name { needed {} $($optional)* } }
    };
    ($(#[$about:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $crate::gitlab::json::object! { @ $(#[$about])* pub struct $name { $($fields)* } }
    };
    (
        @ $(#[$about:meta])*
        pub struct $name:ident {
            needed { $( $(#[$needed_about:meta])* pub $needed:ident: $needed_type:ty, )* }
            optional { $( $(#[$optional_about:meta])* pub $optional:ident: $optional_type:ty, )* }
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$needed_about])* pub $needed: $needed_type, )*
            $( $(#[$optional_about])* pub $optional: $optional_type, )*
        }

        #[allow(non_snake_case, reason = "fields may have the names of an answer")]
        impl $crate::gitlab::json::Read for $name {
            fn read(reader: &mut $crate::gitlab::json::Reader<'_>) -> Result<Self, $crate::gitlab::json::Error> {
                $( let mut $needed: Option<$needed_type> = None; )*
                $( let mut $optional = <$optional_type>::default(); )*
                const NAMES: &$crate::gitlab::json::Names = &$crate::gitlab::json::Names::new(
                    &[$(stringify!($needed),)* $(stringify!($optional),)*]
                );
                reader.object(NAMES, &mut [
                    $(&mut $needed as &mut dyn $crate::gitlab::json::Slot,)*
                    $(&mut $optional as &mut dyn $crate::gitlab::json::Slot,)*
                ])?;
                Ok(Self {
                    $( $needed: $needed.ok_or_else(|| reader.missing(stringify!($needed)))?, )*
                    $( $optional, )*
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: &serde_json::value::RawValue = serde::Deserialize::deserialize(deserializer)?;
                $crate::gitlab::json::from_slice(text.get().as_bytes()).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

    use super::Text;
    use crate::gitlab::scalars::{Day, Presence};

    object! {
        /// A row.
        pub struct Row {
            needed {
                /// Must be there.
                pub id: u64,
            }
            optional {
                /// May be missing.
                pub name: Option<String>,
                /// May be missing or null.
                pub day: Presence<Day>,
                /// An object in it.
                pub inner: Option<Inner>,
            }
        }
    }

    object! {
        /// An object in a row.
        pub struct Inner {
            needed {}
            optional {
                /// A list.
                pub list: Vec<u64>,
            }
        }
    }

    object! {
        /// Names of a row, for other things.
        pub struct Other {
            needed {}
            optional {
                /// Second in a row.
                pub name: Option<u64>,
                /// First in a row.
                pub id: Option<String>,
            }
        }
    }

    fn read(text: &str) -> Result<Row, String> {
        super::from_slice(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_read_in_any_order_and_others_passed_over() {
        let row = read(r#" {"x":{"id":[1,{"name":2}]},"day":"2026-02-03","inner":{"list":[1,2],"y":null},"id":7} "#);
        let row = row.unwrap();
        assert_eq!((row.id, row.name, row.inner.unwrap().list), (7, None, vec![1, 2]));
        assert!(matches!(row.day, Presence::Given(_)));
        let row = read(r#"{"id":1,"name":"a\"\u00e9","day":null}"#).unwrap();
        assert_eq!((row.name.as_deref(), row.day), (Some("a\"é"), Presence::Null));
        assert_eq!(read(r#"{"id":1}"#).unwrap().day, Presence::Absent);
        assert_eq!(read(r#"{"\u0069d":3}"#).unwrap().id, 3, "an escaped key is the same key");
        assert_eq!(read(r#"{"id":1,"id":2}"#).unwrap().id, 2, "the last one counts, as in GitLab's own parser");
    }

    /// The order of the rows before is a guess and no more.
    #[test]
    fn rows_of_any_shape_are_read_as_each_is_alone() {
        let rows = [
            r#"{"x":0,"id":1,"name":"a","day":null,"inner":{"list":[1],"id":9}}"#,
            r#"{"x":0,"id":2,"name":"b","day":null,"inner":{"list":[2],"id":9}}"#,
            r#"{"id":3,"name":"c"}"#,
            r#"{"day":"2026-02-03","name":"d","id":4,"x":0,"x":1}"#,
            r#"{ "x" : 0 , "id" : 5 , "nam":1 , "name" : "e" , "day" : null }"#,
            r#"{"x":0,"\u0069d":6,"name":"f","new":[{"id":1}],"id2":{"name":3}}"#,
            r#"{"x":0,"id":7,"id":8,"id":9}"#,
            r#"{"id":10}"#,
        ];
        let alone: Vec<Row> = rows.iter().map(|row| read(row).unwrap()).collect();
        let together = format!("[{}]", rows.join(","));
        assert_eq!(super::from_slice::<Vec<Row>>(together.as_bytes()).unwrap(), alone);
        let backwards: Vec<_> = rows.iter().rev().copied().collect();
        let together = format!("[{}]", backwards.join(" ,\n"));
        assert_eq!(
            super::from_slice::<Vec<Row>>(together.as_bytes()).unwrap(),
            alone.into_iter().rev().collect::<Vec<_>>()
        );
        // More keys than are remembered, in an order that is never the same.
        let many = |first: usize| {
            let keys: Vec<String> = (0..300).map(|key| format!(r#""k{}":{{}}"#, (key * 7 + first) % 300)).collect();
            format!(r#"{{{},"id":{first}}}"#, keys.join(","))
        };
        let rows: Vec<String> = (0..20).map(many).collect();
        let read: Vec<Row> = super::from_slice(format!("[{}]", rows.join(",")).as_bytes()).unwrap();
        assert!(read.iter().map(|row| row.id).eq(0..20));
        // Of another type than the row before, which has the same key in another slot.
        let pair: (Row, Other) = super::from_slice(br#"[{"id":1,"name":"a"},{"id":"b","name":2}]"#).unwrap();
        assert_eq!((pair.0.id, pair.1.id.as_deref(), pair.1.name), (1, Some("b"), Some(2)));
        for (text, words) in [
            (r#"[{"id":1},{"id"1}]"#, "expected `:`"),
            (r#"[{"id":1},{"id"#, "EOF"),
            (r#"[{"id":1},{id":1}]"#, "a key"),
        ] {
            let error = super::from_slice::<Vec<Row>>(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn words_that_are_none_do_no_harm() {
        let read = |text: &str| super::from_slice::<Text>(text.as_bytes()).unwrap().0;
        assert_eq!(read(r#""a\"b""#).as_deref(), Some("a\"b"));
        for other in ["null", "5", "1e999", "[\"a\"]", r#"{"a":"b"}"#, "true"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_an_error() {
        for (text, words) in [
            ("{}", "missing field id"),
            (r#"{"id":null}"#, "missing field id"),
            (r#"{"id":-1}"#, "invalid value"),
            (r#"{"id":1,"name":5}"#, "invalid type"),
            (r#"{"id":1,"day":"x"}"#, "YYYY-MM-DD"),
            (r#"{"id":1,"inner":[]}"#, "expected an object"),
            ("[]", "expected an object"),
            (r#"{"id":1"#, "EOF"),
            (r#"{"id":1}x"#, "trailing"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
