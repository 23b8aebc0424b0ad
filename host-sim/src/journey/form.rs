//! What is entered, in the fields that the plugin describes.
//!
//! Secrets are not among the values: for the credential's field the plugin learns that one is set, and no more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contract::{Descriptor, Field, FieldKind, FieldValue, Input};
use crate::policy::origin::{Origin, OriginError, Typed};

/// The values by the keys of their fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Form(BTreeMap<String, String>);

/// Why the values are no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The plugin has no field for an address.
    #[error("this plugin takes no address")]
    NoAddress,
    /// A secret among the values.
    #[error("{0} is a secret and is not taken from the command line")]
    Secret(String),
    /// Twice the same field.
    #[error("{0} is given twice")]
    Twice(String),
    /// An address that is none.
    #[error("{key}: {why}")]
    Address {
        /// The field.
        key: String,
        /// Why.
        why: OriginError,
    },
}

fn is_secret(field: &Field) -> bool {
    matches!(field.kind, FieldKind::Secret | FieldKind::MultilineSecret)
}

impl Form {
    /// `url` fills the first field that is a URL; the rest goes by key.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn of(descriptor: &Descriptor, url: &str, settings: &[(String, String)]) -> Result<Self, FormError> {
        let address =
            descriptor.fields.iter().find(|field| field.kind == FieldKind::Url).ok_or(FormError::NoAddress)?;
        let mut values = BTreeMap::from([(address.key.clone(), url.to_owned())]);
        for (key, value) in settings {
            if descriptor.fields.iter().any(|field| field.key == *key && is_secret(field)) {
                return Err(FormError::Secret(key.clone()));
            }
            if values.insert(key.clone(), value.clone()).is_some() {
                return Err(FormError::Twice(key.clone()));
            }
        }
        Ok(Self(values))
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The address that was entered.
    #[must_use]
    pub fn url(&self, descriptor: &Descriptor) -> Option<&str> {
        descriptor.fields.iter().find(|field| field.kind == FieldKind::Url).and_then(|field| self.get(&field.key))
    }

    /// The values without the address, as [`Form::of`] takes them.
    #[must_use]
    pub fn settings(&self, descriptor: &Descriptor) -> Vec<(String, String)> {
        let address = descriptor.fields.iter().find(|field| field.kind == FieldKind::Url).map(|field| &field.key);
        self.0
            .iter()
            .filter(|(key, _)| Some(*key) != address)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// As the plugin takes them.
    #[must_use]
    pub fn values(&self, descriptor: &Descriptor) -> Vec<FieldValue> {
        let text =
            |(key, value): (&String, &String)| FieldValue { key: key.clone(), value: Input::Text(value.clone()) };
        let secret = FieldValue { key: descriptor.credential.field_key.clone(), value: Input::SecretSet };
        self.0.iter().map(text).chain([secret]).collect()
    }

    /// The origins that were typed: those of all fields that are URLs.
    ///
    /// # Errors
    /// [`FormError::Address`].
    pub fn origins(&self, descriptor: &Descriptor) -> Result<Vec<Origin>, FormError> {
        Ok(self.typed(descriptor)?.iter().map(|typed| typed.origin().clone()).collect())
    }

    /// The addresses that were typed, with their paths.
    ///
    /// # Errors
    /// [`FormError::Address`].
    pub fn typed(&self, descriptor: &Descriptor) -> Result<Vec<Typed>, FormError> {
        let is_url = |key: &str| descriptor.fields.iter().any(|field| field.key == key && field.kind == FieldKind::Url);
        self.0
            .iter()
            .filter(|(key, _)| is_url(key))
            .map(|(key, value)| Typed::parse(value).map_err(|why| FormError::Address { key: key.clone(), why }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Form, FormError};
    use crate::contract::{CredentialPlacement, Descriptor, Field, FieldKind, Input};

    fn descriptor(kinds: &[(&str, FieldKind)]) -> Descriptor {
        let field = |(key, kind): &(&str, FieldKind)| Field {
            key: (*key).to_owned(),
            label: String::new(),
            help: String::new(),
            kind: *kind,
            required: false,
            default_value: None,
            placeholder: None,
            choices: vec![],
        };
        Descriptor {
            id: "x".to_owned(),
            name: "X".to_owned(),
            vendor: "X".to_owned(),
            version: "1".to_owned(),
            fields: kinds.iter().map(field).collect(),
            credential: CredentialPlacement {
                field_key: "token".to_owned(),
                header_name: "authorization".to_owned(),
                prefix: String::new(),
            },
        }
    }

    fn set(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn the_address_goes_to_the_field_that_is_one() {
        let plugin = descriptor(&[("token", FieldKind::Secret), ("base", FieldKind::Url), ("group", FieldKind::Text)]);
        let form = Form::of(&plugin, "https://example.com/x", &[set("group", "g")]).unwrap();
        assert_eq!((form.get("base"), form.get("group")), (Some("https://example.com/x"), Some("g")));
        assert_eq!(form.url(&plugin), Some("https://example.com/x"));
        assert_eq!(form.settings(&plugin), [set("group", "g")]);
        assert_eq!(form.origins(&plugin).unwrap().len(), 1);
        let values = form.values(&plugin);
        assert!(values.iter().any(|value| value.key == "token" && matches!(value.value, Input::SecretSet)));
        assert_eq!(values.len(), 3);
        let text = serde_json::to_string(&form).unwrap();
        assert_eq!(serde_json::from_str::<Form>(&text).unwrap(), form);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let plugin = descriptor(&[("token", FieldKind::Secret), ("base", FieldKind::Url)]);
        let of = |settings: &[(String, String)]| Form::of(&plugin, "https://example.com", settings);
        assert_eq!(of(&[set("token", "s")]), Err(FormError::Secret("token".to_owned())));
        assert_eq!(of(&[set("base", "s")]), Err(FormError::Twice("base".to_owned())));
        let without = descriptor(&[("token", FieldKind::Secret)]);
        assert_eq!(Form::of(&without, "https://example.com", &[]), Err(FormError::NoAddress));
        let form = Form::of(&plugin, "https://a@example.com", &[]).unwrap();
        assert!(matches!(form.origins(&plugin), Err(FormError::Address { .. })));
    }
}
