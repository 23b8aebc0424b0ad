//! Compiled components on disk, so that a process starts in milliseconds.
//!
//! An entry is native code that runs in this process with all its rights: whoever can write one, is this process. So
//! the folder is the user's alone, and what is read is checked before it is taken for code.
//!
//! | checked | refused |
//! | --- | --- |
//! | the folder | a link, another owner, rights for group or others |
//! | the folders above it | another owner than the user and root, or writable for others without the sticky bit |
//! | the file | a link, another owner, rights for group or others |
//! | its head | another component, another engine, compiler or setting, another form |
//! | its content | anything that does not have the digest in the head: a disk's error, half a file |
//!
//! A refused folder is an error, and the host compiles without it. A refused entry is compiled anew and replaced. Entries
//! are written whole beside their place and renamed. At most 32 are kept, the newest.

use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{Hash as _, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::admission::Digest;
use crate::whole_file::WholeFile;

/// Begins every entry; another form has another number.
const MAGIC: &[u8; 16] = b"host-sim code 1\n";

/// Magic, digest of the component, hash of the engine, digest of the code.
const HEAD: usize = 16 + 32 + 32 + 32;

/// Entries that are kept, the newest: a host runs a few plugins, and an update leaves one entry of each behind.
const ENTRIES: usize = 32;

/// Largest entry that is read, bytes. Code takes a few times the room of the component, which has a limit of its own.
const ENTRY_BYTES: u64 = 256 << 20;

/// A folder of compiled components.
#[derive(Debug, Clone)]
pub struct CodeCache {
    folder: PathBuf,
}

/// Why a folder is not trusted with code.
#[derive(Debug, thiserror::Error)]
pub enum CodeCacheError {
    /// It cannot be made or looked at.
    #[error("the code cache {} cannot be used: {why}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// Others can write in it, or in a folder above it.
    #[error("the code cache {} is not used: {} {why}", folder.display(), path.display())]
    Exposed {
        /// The cache.
        folder: PathBuf,
        /// The folder that is open to others.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl CodeCache {
    /// `host-sim/code` in the user's cache folder (`XDG_CACHE_HOME`, else `~/.cache`); none for a user without a home.
    #[must_use]
    pub fn default_folder() -> Option<PathBuf> {
        // As the specification says: what is not absolute is as if it were not set.
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(caches.join("host-sim").join("code"))
    }

    /// Opens a folder, and makes it if need be.
    ///
    /// # Errors
    /// [`CodeCacheError`], when it cannot be made or others could write in it.
    pub fn open(folder: &Path) -> Result<Self, CodeCacheError> {
        let unusable = |why| CodeCacheError::Unusable { path: folder.to_owned(), why };
        if let Some(parent) = folder.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(unusable)?;
        }
        match fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
            _ => {}
        }
        let exposed =
            |path: &Path, why| CodeCacheError::Exposed { folder: folder.to_owned(), path: path.to_owned(), why };
        let metadata = fs::symlink_metadata(folder).map_err(unusable)?;
        if !metadata.is_dir() {
            return Err(exposed(folder, "is a link or a file, not a folder"));
        }
        if !is_private(&metadata) {
            return Err(exposed(folder, "is not this user's alone; chmod 700 makes it so"));
        }
        // Whoever can rename a folder on the way can put another in its place.
        let real = fs::canonicalize(folder).map_err(unusable)?;
        for above in real.ancestors().skip(1) {
            let metadata = fs::metadata(above).map_err(unusable)?;
            let ours = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
            let shared = metadata.mode() & 0o022 != 0 && metadata.mode() & 0o1000 == 0;
            if !ours || shared {
                return Err(exposed(above, "can be written by others"));
            }
        }
        Ok(Self { folder: real })
    }

    /// The compiled form of an admitted component, if it was kept and is whole.
    pub(crate) fn get(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let file = OpenOptions::new()
            .read(true)
            // A link could lead to a file that was written by somebody else's leave.
            .custom_flags(i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).ok()?)
            .open(self.path(engine, digest))
            .ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !is_private(&metadata) {
            return None;
        }
        let mut entry = Vec::new();
        entry.try_reserve_exact(usize::try_from(metadata.len().min(ENTRY_BYTES)).ok()?.saturating_add(1)).ok()?;
        file.take(ENTRY_BYTES).read_to_end(&mut entry).ok()?;
        let (head, code) = entry.split_at_checked(HEAD)?;
        if head != self::head(engine, digest, code) {
            return None;
        }
        deserialize(engine, code)
    }

    /// Keeps a compiled component. A full disk or a folder that has gone is no reason not to run it.
    pub(crate) fn put(&self, engine: &Engine, digest: Digest, component: &Component) {
        if let Err(error) = self.write(engine, digest, component) {
            tracing::warn!(target: "engine", %error, folder = %self.folder.display(), "compiled code is not kept");
        }
    }

    fn write(&self, engine: &Engine, digest: Digest, component: &Component) -> io::Result<()> {
        let code = component.serialize().map_err(io::Error::other)?;
        let mut file = WholeFile::create_private(&self.path(engine, digest))?;
        let out: &mut File = file.as_file_mut();
        out.write_all(&head(engine, digest, &code))?;
        out.write_all(&code)?;
        file.replace()?;
        self.prune()
    }

    /// Removes all entries but the newest.
    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "cwasm") {
                entries.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        entries.sort();
        let old = entries.len().saturating_sub(ENTRIES);
        entries.iter().take(old).try_for_each(|(_, path)| match fs::remove_file(path) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        })
    }

    fn path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        let engine: String = engine_hash(engine).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{digest}-{engine}.cwasm"))
    }
}

/// The head of an entry with this code. The name of a file can be changed by mistake; the head tells whose code it is.
fn head(engine: &Engine, digest: Digest, code: &[u8]) -> Vec<u8> {
    [MAGIC.as_slice(), digest.as_bytes(), &engine_hash(engine), Digest::of(code).as_bytes()].concat()
}

/// Everything that code depends on beside the component: release, target, processor features, settings.
fn engine_hash(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// The standard library's hashers have too few bits, and may differ from one release of it to the next.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Asked of by nobody: the digest is taken as it is.
        0
    }
}

fn is_private(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0
}

#[expect(unsafe_code, reason = "the one place: see SAFETY")]
fn deserialize(engine: &Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` must be what `Component::serialize` gave, since wasmtime runs it as native code. Who could have
    // written it? The folder and the file belong to the user this process runs as, with no rights for anybody else, and
    // nobody else can rename a folder above it (`CodeCache::open`). That leaves this user and root, who can trace or
    // replace this process anyway: a key kept beside the entries would keep out neither, so none is kept. Of this
    // user's programs only this module writes here, and only what `Component::serialize` gave for a component that
    // had been admitted. What can still go wrong is half a file, a disk's error, a file under another's name, code of
    // another release: the head names component and engine, and holds the digest of these very bytes, which were
    // read into memory before they were compared. Nothing is mapped from the file, so that nobody can change it after
    // the check.
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}
