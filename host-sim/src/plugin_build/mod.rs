//! Building the GitLab plugin, and others beside it, on any machine that has Rust.
//!
//! Three steps: find a compiler for the guest's target ([`toolchain`]), compile the crate into a core module, and wrap
//! the module into a component, whose import list is then exactly what the plugin uses. Each step says in one line what
//! it does. Cargo decides what is fresh, so a second build takes a second; who only runs the plugin is spared even that
//! ([`component`]).

mod examples;
mod fresh;
mod guests;
mod names;
pub mod toolchain;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use examples::{build_example, examples};
use fresh::Note;
pub use guests::{Guest, build_guests, guest_sources};
use toolchain::{GuestToolchain, ToolchainError, Way};

use crate::admission::{Manifest, Refusal};
use crate::policy::limits::Limits;
use crate::whole_file::WholeFile;

/// The target of the guest. Not a WASI target: the standard library for those would import files, environment and
/// more, whether the plugin uses them or not.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Name of the package.
const PACKAGE: &str = "gitlab-seats";

/// The same as code spells it.
const CRATE: &str = "gitlab_seats";

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No compiler for the target.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// Cargo could not be started.
    #[error("cargo cannot be started: {0}")]
    Cargo(io::Error),
    /// Cargo ran and failed; it has said why.
    #[error("the plugin does not compile")]
    Compile,
    /// The core module is not what a component can be made of.
    #[error("no component can be made of the compiled plugin: {0}")]
    Component(String),
    /// It would not be loaded.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such plugin to build.
    #[error("there is no example `{name}`")]
    NoExample {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file cannot be read or written.
    #[error("{} cannot be {verb}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// What to build and where to.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The component's file; by default `plugin/gitlab_seats.wasm` in the target folder, or the example's own name there.
    pub out: Option<PathBuf>,
    /// How to come by a compiler.
    pub way: Way,
    /// Environment variables that the programs called do not get: those with a token or a key. What is compiled runs code of
    /// its own while it is, and so do the compilers' installers.
    pub kept_back: Vec<String>,
}

/// The environment variable that chooses the way when no option does: for tests and CI, which build through commands
/// that have no such option.
pub const WAY_VARIABLE: &str = "HOST_SIM_GUEST_COMPILER";

impl BuildOptions {
    /// Defaults, with the way from [`WAY_VARIABLE`].
    ///
    /// # Errors
    /// When the variable holds no way.
    pub fn from_environment() -> Result<Self, String> {
        let way = match std::env::var(WAY_VARIABLE) {
            Ok(text) => text.parse().map_err(|why| format!("{WAY_VARIABLE}: {why}"))?,
            Err(_) => Way::Auto,
        };
        Ok(Self { way, ..Self::default() })
    }
}

/// A built component.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its file.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Builds the plugin.
///
/// # Errors
/// See [`BuildError`]. The component's file is replaced only by a whole one that would be loaded.
pub fn build(options: &BuildOptions) -> Result<Built, BuildError> {
    let toolchain = toolchain::find(options.way, &options.kept_back)?;
    let workspace = workspace();
    let target_folder = target_folder(&workspace);
    let note = Note::before(&workspace, options.way, &toolchain).filter(|_| options.out.is_none());
    let module = compile(&toolchain, &workspace, &target_folder, &options.kept_back)?;
    let built = admitted(&module, CRATE, options.out.clone().unwrap_or_else(|| default_path(&target_folder)))?;
    if let Some(note) = note {
        note.after(&workspace, options.way, &built.path);
    }
    Ok(built)
}

/// The plugin's component: the one that was built last if a build would give the same, which `fresh.rs` tells in a
/// millisecond or two; else a new one.
///
/// # Errors
/// As [`build`].
pub fn component(options: &BuildOptions) -> Result<PathBuf, BuildError> {
    let workspace = workspace();
    let path = default_path(&target_folder(&workspace));
    if options.out.is_none() && Note::holds(&workspace, options.way, &path) {
        return Ok(path);
    }
    build(options).map(|built| built.path)
}

/// Wraps the module of a crate, and writes it where a host that would load it finds it.
fn admitted(module: &[u8], krate: &str, path: PathBuf) -> Result<Built, BuildError> {
    let component = componentize(module, krate)?;
    let manifest = Manifest::read(&component, Limits::default().component_bytes)?;
    manifest.admit()?;
    write(&path, &component)?;
    Ok(Built { path, manifest })
}

/// Where `build` puts the component when it is not told otherwise.
#[must_use]
pub fn default_component() -> PathBuf {
    default_path(&target_folder(&workspace()))
}

fn default_path(target_folder: &Path) -> PathBuf {
    target_folder.join("plugin").join("gitlab_seats.wasm")
}

/// The folder of the workspace: the parent of this crate's.
fn workspace() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    let is_workspace = |folder: &Path| folder.join("wit/connector.wit").is_file();
    here.ancestors()
        .find(|folder| is_workspace(folder))
        .or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| is_workspace(folder)))
        .map_or(here.clone(), Path::to_path_buf)
}

fn target_folder(workspace: &Path) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        // Relative to where cargo was called, as cargo takes it.
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => workspace.join("target"),
    }
}

fn compile(
    toolchain: &GuestToolchain,
    workspace: &Path,
    target_folder: &Path,
    kept_back: &[String],
) -> Result<Vec<u8>, BuildError> {
    let mut cargo = cargo(toolchain, workspace, target_folder, &[]);
    for name in kept_back {
        cargo.env_remove(name);
    }
    cargo.args(["--lib", "--package", PACKAGE]);
    if target_folder.join("plugin").is_dir() {
        // Not the first build: it takes seconds, and needs no words unless it fails.
        cargo.arg("--quiet");
    }
    run(cargo)?;
    let path = modules(target_folder).join("gitlab_seats.wasm");
    std::fs::read(&path).map_err(|source| BuildError::File { path, verb: "read", source })
}

/// `cargo build` for the guest's target, run in the workspace; what to build is for the caller to add.
fn cargo(toolchain: &GuestToolchain, workspace: &Path, target_folder: &Path, flags: &[&str]) -> Command {
    let mut rustflags = reproducible_paths(workspace);
    rustflags.extend(flags.iter().map(ToString::to_string));
    let mut cargo = Command::new(&toolchain.cargo);
    cargo
        .current_dir(workspace)
        .args(["build", "--profile", "guest", "--target", TARGET])
        .args(&toolchain.cargo_args)
        // A folder of its own: the usual one is locked while `cargo test` builds, and shares nothing with the guest anyway.
        .arg("--target-dir")
        .arg(guest_folder(target_folder))
        .envs(toolchain.envs.iter().map(|(name, value)| (name, value)))
        // Flags for this machine's programs are not for the guest.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_BUILD_RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\u{1f}"))
        .stdin(Stdio::null())
        // What cargo has to say is for the person who waits; standard output belongs to the command's result.
        .stdout(Stdio::null());
    cargo
}

fn run(mut cargo: Command) -> Result<(), BuildError> {
    if cargo.status().map_err(BuildError::Cargo)?.success() { Ok(()) } else { Err(BuildError::Compile) }
}

fn guest_folder(target_folder: &Path) -> PathBuf {
    target_folder.join("guest")
}

/// Where cargo puts the modules that it made.
fn modules(target_folder: &Path) -> PathBuf {
    guest_folder(target_folder).join(TARGET).join("guest")
}

/// Panic messages hold source paths; with the machine's own paths taken out, two machines build the same bytes.
fn reproducible_paths(workspace: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    home.iter().map(|home| remap(home, "/cargo")).chain([remap(workspace, "/plugin")]).collect()
}

fn componentize(module: &[u8], krate: &str) -> Result<Vec<u8>, BuildError> {
    let module = names::keep_own(module, krate).map_err(|error| BuildError::Component(error.to_string()))?;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| BuildError::Component(format!("{error:#}")))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let fail = |source| BuildError::File { path: path.to_owned(), verb: "written", source };
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut file = WholeFile::create(path).map_err(fail)?;
    file.as_file_mut().write_all(bytes).map_err(fail)?;
    file.finish().map_err(fail)?;
    Ok(())
}
