//! Which component, who vouches for it, and where its compiled form is kept: shared by the commands that load one.

use std::path::{Path, PathBuf};

use super::error::CommandError;
use super::terminal;
use crate::admission::{self, Refusal, SignatureText, VerifyKey};
use crate::code_cache::CodeCache;
use crate::engine::{Engine, LoadError, Plugin};
use crate::plugin_build::{self, BuildOptions};

/// How a component is admitted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct AdmissionArgs {
    /// Load the component only if it was signed with this key: a public key file of minisign
    #[arg(long, value_name = "FILE")]
    verify_key: Option<PathBuf>,
    /// The signature, as `minisign -Sm COMPONENT` makes it [default: the component's name with .minisig]
    #[arg(long, value_name = "FILE", requires = "verify_key")]
    signature: Option<PathBuf>,
    /// Compile the component, whether or not its code was kept, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

/// A component whose signature, if one was asked for, is good.
pub(super) struct ComponentFile {
    bytes: Vec<u8>,
    cache: Option<CodeCache>,
    /// The signed comment, if there is a signature.
    pub(super) signed: Option<String>,
}

impl ComponentFile {
    /// Reads a component of at most `limit` bytes, or the GitLab plugin, built if it is not fresh.
    pub(super) fn read(file: Option<&Path>, admission: &AdmissionArgs, limit: usize) -> Result<Self, CommandError> {
        Self::read_keeping_back(file, admission, limit, vec![])
    }

    /// The same where these environment variables hold a token or a key, which a build is not given.
    pub(super) fn read_keeping_back(
        file: Option<&Path>,
        admission: &AdmissionArgs,
        limit: usize,
        variables: Vec<String>,
    ) -> Result<Self, CommandError> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => built(variables)?,
        };
        let bytes = admission::read_file(&path, limit).map_err(|error| {
            CommandError::usage(
                format!("the plugin {} cannot be read: {error}", path.display()),
                "`cargo sim build` makes one; --plugin names another",
            )
        })?;
        // Before the signature: what was not read to its end cannot be verified.
        if bytes.len() > limit {
            return Err(LoadError::from(Refusal::TooLarge { size: bytes.len(), limit }).into());
        }
        let signed = match &admission.verify_key {
            Some(key) => Some(verified(&path, &bytes, key, admission.signature.as_deref())?),
            None => None,
        };
        Ok(Self { bytes, cache: if admission.no_cache { None } else { cache() }, signed })
    }

    /// The component as it was read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Admits and loads it.
    pub(super) fn load(&self, engine: &Engine) -> Result<Plugin, LoadError> {
        engine.load_through(&self.bytes, self.cache.as_ref())
    }
}

fn built(kept_back: Vec<String>) -> Result<PathBuf, CommandError> {
    let options = BuildOptions::from_environment()
        .map_err(|why| CommandError::usage(why, "unset HOST_SIM_GUEST_COMPILER, or correct it"))?;
    Ok(plugin_build::component(&BuildOptions { kept_back, ..options })?)
}

fn verified(path: &Path, bytes: &[u8], key: &Path, signature: Option<&Path>) -> Result<String, CommandError> {
    let beside;
    let signature = match signature {
        Some(signature) => signature,
        None => {
            let mut name = path.as_os_str().to_owned();
            name.push(".minisig");
            beside = PathBuf::from(name);
            &beside
        }
    };
    let unusable = |error: admission::SignatureFileError| {
        CommandError::usage(
            error.to_string(),
            "`minisign -G` makes a key pair, `minisign -Sm COMPONENT` a signature; --signature names its file",
        )
    };
    let key = VerifyKey::read(key).map_err(unusable)?;
    let signature = SignatureText::read(signature).map_err(unusable)?;
    key.check(bytes, &signature).map_err(|refusal: Refusal| LoadError::from(refusal).into())
}

/// The user's cache. One that others could write in is told of, and not used.
pub(super) fn cache() -> Option<CodeCache> {
    match CodeCache::open(&CodeCache::default_folder()?) {
        Ok(cache) => Some(cache),
        Err(error) => {
            terminal::warning(&error.to_string());
            None
        }
    }
}
