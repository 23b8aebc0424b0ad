//! What an administrator agreed to: which addresses a source may reach, by which methods, as which source.
//!
//! Guarantees: it is kept with the source when it is added or edited, shown before it is approved, and a plugin that asks for
//! more at any later call, or says that it reads another source, is not asked for anything.
//! Does not ask again where a plugin wants less.

use serde::Deserialize;

use super::JourneyError;
use super::form::Form;
use crate::contract::{Configuration, Descriptor};
use crate::policy::origin::{Grant, Origin};
use broker::store::sources::Source;

/// What the plugin made of the form, as far as it is looked at again.
#[derive(Deserialize)]
struct Kept {
    allowed_origins: Vec<String>,
}

fn kept(source: &Source) -> Result<Vec<String>, JourneyError> {
    let kept: Kept = serde_json::from_str(&source.configuration).map_err(|error| JourneyError::Stored {
        what: format!("source {}", source.source_no),
        why: error.to_string(),
    })?;
    Ok(kept.allowed_origins)
}

/// What a source may reach, one line each: `GET https://gitlab.example.com/api/v4`.
///
/// # Errors
/// [`JourneyError::Stored`], [`JourneyError::Grant`] when what is stored is nothing that was granted.
pub fn reach(source: &Source) -> Result<Vec<String>, JourneyError> {
    let entries = kept(source)?;
    let origin = |entry: &String| Origin::of_url(entry.rsplit(' ').next().unwrap_or_default()).ok();
    let own: Vec<Origin> = entries.iter().filter_map(origin).collect();
    Ok(Grant::of(&entries, &own)?.shown())
}

/// Whether the plugin asks for no more than was agreed to, of the same source.
///
/// # Errors
/// [`JourneyError::Grown`], [`JourneyError::Other`].
pub(super) fn check(
    source: &Source,
    descriptor: &Descriptor,
    form: &Form,
    now: &Configuration,
) -> Result<(), JourneyError> {
    let source_no = source.source_no;
    if now.source_key != source.source_key {
        return Err(JourneyError::Other { source_no, agreed: source.source_key.clone(), now: now.source_key.clone() });
    }
    let typed = form.typed(descriptor)?;
    let agreed = Grant::below(&kept(source)?, &typed)?;
    match Grant::below(&now.allowed_origins, &typed)?.beyond(&agreed) {
        Some(more) => Err(JourneyError::Grown { source_no, more }),
        None => Ok(()),
    }
}
