//! What is checked of a component before anything of it is compiled.
//!
//! | step | refused |
//! | --- | --- |
//! | size | more than the limit `component_bytes` |
//! | signature, where one is asked for | another key, another file, a changed comment |
//! | structure | what makes more work than an honest plugin: see `structure` and `shape` |
//! | form | a core module, a WIT package, anything that does not validate as far as its types |
//! | contract | no connector, or another version of it |
//! | imports | any interface that is not on the list of [`crate::policy::imports`] |
//! | types | a function of the connector that is missing, too many, or of another signature |
//!
//! All of it is read from the raw bytes. A refusal names what it refuses.

mod interface;
mod shape;
mod signature;
mod structure;

use std::fmt;
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem};

pub use signature::{SignatureFileError, SignatureText, VerifyKey};

use crate::contract::CONNECTOR;
use crate::policy::imports;

/// SHA-256 of a component.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the bytes say of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    /// Size in bytes.
    pub size: usize,
    /// SHA-256.
    pub sha256: Digest,
    /// Imported interfaces with version, sorted.
    pub imports: Vec<String>,
    /// Exported interfaces with version, sorted.
    pub exports: Vec<String>,
    /// How the exported connector differs from the contract.
    #[serde(skip)]
    connector: Result<(), Refusal>,
}

/// Why a component is not loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too large.
    #[error("the plugin has {size} bytes, the limit component_bytes is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A core module, a WIT package, or no WebAssembly at all.
    #[error("this is not a WebAssembly component: {0}")]
    NotAComponent(String),
    /// Does not export the connector, or another version of it.
    #[error("the plugin does not export {CONNECTOR}; it exports {}", list(.0))]
    Contract(Vec<String>),
    /// Imports something that no plugin may have.
    #[error("the plugin imports {}, which no plugin may use", list(.0))]
    Imports(Vec<String>),
    /// Exports a connector by the right name and version, whose functions are others.
    #[error("the plugin's connector is not that of {CONNECTOR}: function {function}: {why}")]
    Function {
        /// The function.
        function: String,
        /// Where its signature differs, and how.
        why: String,
    },
    /// More of something than is compiled here.
    #[error("the plugin has {found} {what}, and at most {most} are compiled here")]
    Structure {
        /// How much there is, as far as was counted.
        found: u64,
        /// Of what.
        what: &'static str,
        /// The bound.
        most: u64,
    },
    /// Nobody who is trusted vouches for it.
    #[error("the plugin's signature is not accepted: {0}")]
    Signature(&'static str),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// Reads a component from a file, and no more of it than may be loaded: a refusal for its size costs no memory.
///
/// # Errors
/// When the file cannot be read. A file over the limit is no error here, but gives more bytes than the limit.
pub fn read_file(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The types of a component. Its bytes come from strangers: a decoder that panics over them refuses them.
fn decode(bytes: &[u8]) -> Result<(Resolve, WorldId), Refusal> {
    match catch_unwind(AssertUnwindSafe(|| wit_component::decode(bytes))) {
        Ok(Ok(DecodedWasm::Component(resolve, world))) => Ok((resolve, world)),
        Ok(Ok(DecodedWasm::WitPackage(..))) => Err(Refusal::NotAComponent("it is a WIT package".to_owned())),
        Ok(Err(error)) => Err(Refusal::NotAComponent(error.root_cause().to_string())),
        Err(_) => Err(Refusal::NotAComponent("its types cannot be read".to_owned())),
    }
}

impl Manifest {
    /// Reads what a component says of itself, without judging it.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`], [`Refusal::NotAComponent`] and [`Refusal::Structure`].
    pub fn read(bytes: &[u8], limit: usize) -> Result<Self, Refusal> {
        if bytes.len() > limit {
            return Err(Refusal::TooLarge { size: bytes.len(), limit });
        }
        let not_a_component = |why: &str| Refusal::NotAComponent(why.to_owned());
        if !bytes.starts_with(b"\0asm") {
            return Err(not_a_component("it does not begin as WebAssembly does"));
        }
        // Bytes 6 and 7 are the layer: 0 for a core module, 1 for a component.
        if bytes.get(6..8) == Some(&[0, 0]) {
            return Err(not_a_component("it is a core module"));
        }
        // Before its types are read: the decoder recurses, and takes a square of the time in what is bounded here.
        structure::check(bytes)?;
        let (resolve, world) = decode(bytes)?;
        let Some(world) = resolve.worlds.get(world) else {
            return Err(not_a_component("it has no world"));
        };
        let mut imports: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
        let mut exports: Vec<String> = world.exports.keys().map(|key| resolve.name_world_key(key)).collect();
        imports.sort();
        exports.sort();
        let connector = world.exports.iter().find_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } if resolve.name_world_key(key) == CONNECTOR => Some(*id),
            _ => None,
        });
        let connector = match connector {
            Some(connector) => interface::compare(&resolve, connector),
            None => Err(Refusal::Contract(exports.clone())),
        };
        Ok(Self { size: bytes.len(), sha256: Digest::of(bytes), imports, exports, connector })
    }

    /// Judges what was read.
    ///
    /// # Errors
    /// [`Refusal::Contract`], [`Refusal::Imports`] and [`Refusal::Function`], in this order.
    pub fn admit(&self) -> Result<(), Refusal> {
        if !self.exports.iter().any(|name| name == CONNECTOR) {
            return Err(Refusal::Contract(self.exports.clone()));
        }
        let refused: Vec<String> = self.imports.iter().filter(|name| !imports::is_allowed(name)).cloned().collect();
        if !refused.is_empty() {
            return Err(Refusal::Imports(refused));
        }
        self.connector.clone()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Manifest, Refusal};

    fn manifest(imports: &[&str], exports: &[&str]) -> Manifest {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Manifest {
            size: 0,
            sha256: super::Digest::of(b""),
            imports: own(imports),
            exports: own(exports),
            connector: Ok(()),
        }
    }

    #[test]
    fn size_counts_before_form() {
        assert_eq!(Manifest::read(&[0; 11], 10), Err(Refusal::TooLarge { size: 11, limit: 10 }));
        assert!(matches!(Manifest::read(&[0; 10], 10), Err(Refusal::NotAComponent(_))));
        let module = b"\0asm\x01\0\0\0";
        assert!(matches!(Manifest::read(module, 10), Err(Refusal::NotAComponent(_))));
    }

    /// Five thousand component types within each other used to end the process, in the decoder.
    #[test]
    fn what_is_too_much_to_compile_is_too_much_to_decode() {
        let types = [b"\x01".as_slice(), &b"\x41\x01\x01".repeat(5_000), b"\x41\x00"].concat();
        let mut component = wasm_encoder::Component::new();
        component
            .section(&wasm_encoder::RawSection { id: wasm_encoder::ComponentSectionId::Type.into(), data: &types });
        let refused = Manifest::read(&component.finish(), usize::MAX).unwrap_err().to_string();
        assert_eq!(refused, "the plugin has 5 component types within each other, and at most 4 are compiled here");
    }

    #[test]
    fn refusals_name_the_version_and_the_import() {
        let other = manifest(&[], &["license-broker:plugin/connector@0.9.0"]).admit().unwrap_err();
        assert_eq!(
            other.to_string(),
            "the plugin does not export license-broker:plugin/connector@0.1.0; \
             it exports license-broker:plugin/connector@0.9.0"
        );
        let imports = ["wasi:io/poll@0.2.12", "wasi:cli/environment@0.2.12", "wasi:sockets/tcp@0.2.12"];
        let refused = manifest(&imports, &["license-broker:plugin/connector@0.1.0"]).admit().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the plugin imports wasi:cli/environment@0.2.12, wasi:sockets/tcp@0.2.12, which no plugin may use"
        );
    }
}
