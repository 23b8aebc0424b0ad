//! Which names a component keeps.
//!
//! A guest that traps has no other words than the names of its functions, so they must not all go. But in their
//! mangled form, with those of every library, they are a third of the component. Kept are the plugin's own functions,
//! in the spelling of the source; frames of libraries show as numbers between them.

use wasm_encoder::{Module, NameMap, NameSection, RawSection};
use wasmparser::{BinaryReaderError, KnownCustom, Name, NameSectionReader, Parser, Payload};

/// Longest name that is kept, bytes. What is longer is a generic instance, whose head tells enough.
const LONGEST: usize = 96;

/// The module with no other names than those of functions of the crate `krate`.
///
/// # Errors
/// When `module` is no WebAssembly module; says where it stops being one.
pub(super) fn keep_own(module: &[u8], krate: &str) -> Result<Vec<u8>, BinaryReaderError> {
    let mut kept = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload
            && let KnownCustom::Name(names) = section.as_known()
        {
            kept.section(&own(names, krate)?);
        } else if let Some((id, range)) = payload.as_section() {
            let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
            // The parser has read the section, so it is there.
            let data = range.and_then(|(start, end)| module.get(start..end)).unwrap_or_default();
            kept.section(&RawSection { id, data });
        }
    }
    Ok(kept.finish())
}

fn own(names: NameSectionReader<'_>, krate: &str) -> Result<NameSection, BinaryReaderError> {
    let mut functions = NameMap::new();
    for subsection in names {
        let Name::Function(names) = subsection? else { continue };
        for naming in names {
            let naming = naming?;
            if let Some(name) = own_name(naming.name, krate) {
                functions.append(naming.index, &name);
            }
        }
    }
    let mut section = NameSection::new();
    section.functions(&functions);
    Ok(section)
}

/// The name as the source spells it, if it is one of the crate's: `gitlab_seats::collect::collect`.
fn own_name(mangled: &str, krate: &str) -> Option<String> {
    let name = format!("{:#}", rustc_demangle::demangle(mangled));
    let path = name.trim_start_matches(['<', '&']);
    if !path.strip_prefix(krate)?.starts_with("::") {
        return None;
    }
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::own_name;

    #[test]
    fn own_functions_keep_their_name_and_others_do_not() {
        let own = |name| own_name(name, "gitlab_seats");
        assert_eq!(
            own("_RNvNtCsc7oSq7Lg7Z2_12gitlab_seats7collect7collect").as_deref(),
            Some("gitlab_seats::collect::collect")
        );
        assert_eq!(
            own("_ZN12gitlab_seats5seats4user17h0123456789abcdefE").as_deref(),
            Some("gitlab_seats::seats::user")
        );
        assert_eq!(
            own("_RNvMNtNtCsc7oSq7Lg7Z2_12gitlab_seats13configuration8base_urlNtB2_7BaseUrl5parse").as_deref(),
            Some("<gitlab_seats::configuration::base_url::BaseUrl>::parse")
        );
        assert_eq!(own("_RNvMs2_NtCs3BM3LznsIto_4idna5uts46NtB5_5Uts4617process_innermost"), None);
        assert_eq!(own("license-broker:plugin/connector@0.1.0#collect"), None);
        assert_eq!(own_name("_ZN13gitlab_seats25other17h0123456789abcdefE", "gitlab_seats"), None);
    }
}
