//! Reading objects of JSON field by field.
//!
//! Guarantees: an unknown key is passed over, a missing one leaves the field at its default, which is *unknown*; only
//! those under `needed` must be there. A value of another type than the field's is an error.
//!
//! Why not serde's derive: it writes a reader for each type anew, each with all of its fields' readers in it. With the
//! answers of GitLab that this plugin reads, that was 150 KB of the component. Here one reader goes through an object
//! and hands each value to the field's own, of which there is one for each kind of field. A used value is scanned twice,
//! an unused one once.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Where the value of a field goes.
pub(crate) trait Slot {
    /// Read the value out of its text.
    fn read(&mut self, text: &str) -> Result<(), serde_json::Error>;
}

impl<T: DeserializeOwned> Slot for T {
    fn read(&mut self, text: &str) -> Result<(), serde_json::Error> {
        // From bytes, as bodies are read: the reader of text would be compiled a second time.
        *self = serde_json::from_slice(text.as_bytes())?;
        Ok(())
    }
}

/// Read an object into the slots of these names.
pub(crate) fn fill<'de, D: Deserializer<'de>>(
    deserializer: D,
    slots: &mut [(&'static str, &mut dyn Slot)],
) -> Result<(), D::Error> {
    deserializer.deserialize_map(Filler { slots, lifetime: PhantomData })
}

struct Filler<'a, 'b, 'de> {
    slots: &'a mut [(&'static str, &'b mut dyn Slot)],
    lifetime: PhantomData<&'de ()>,
}

impl<'de> Visitor<'de> for Filler<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Key(self.slots))? {
            let Some((_, slot)) = place.and_then(|place| self.slots.get_mut(place)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let raw: &'de RawValue = map.next_value()?;
            slot.read(raw.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// A key, as the place of its slot: no key is ever copied.
struct Key<'a, 'b>(&'a [(&'static str, &'b mut dyn Slot)]);

impl<'de> serde::de::DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|(name, _)| *name == key))
    }
}

/// Text; nothing where something else came. For words of a server that are good to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(serde_json::from_slice(raw.get().as_bytes()).unwrap_or_default()))
    }
}

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
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $( let mut $needed: Option<$needed_type> = None; )*
                $( let mut $optional = <$optional_type>::default(); )*
                $crate::gitlab::json::fill(
                    deserializer,
                    &mut [
                        $( (stringify!($needed), &mut $needed as &mut dyn $crate::gitlab::json::Slot), )*
                        $( (stringify!($optional), &mut $optional as &mut dyn $crate::gitlab::json::Slot), )*
                    ],
                )?;
                Ok(Self {
                    $( $needed: $needed
                        .ok_or_else(|| serde::de::Error::missing_field(stringify!($needed)))?, )*
                    $( $optional, )*
                })
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

    fn read(text: &str) -> Result<Row, String> {
        serde_json::from_slice(text.as_bytes()).map_err(|error| error.to_string())
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

    #[test]
    fn words_that_are_none_do_no_harm() {
        let read = |text: &str| serde_json::from_str::<Text>(text).unwrap().0;
        assert_eq!(read(r#""a\"b""#).as_deref(), Some("a\"b"));
        for other in ["null", "5", "1e999", "[\"a\"]", r#"{"a":"b"}"#, "true"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_an_error() {
        for (text, words) in [
            ("{}", "missing field `id`"),
            (r#"{"id":null}"#, "missing field `id`"),
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
