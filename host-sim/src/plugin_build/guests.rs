//! Building the hostile guests of `tests/guests`, as the plugin is built: one call of cargo for all of them.
//!
//! A guest is a file in `tests/guests/src/bin`; its name is the guest's. They are for tests and for `bench isolation`,
//! and are never written beside the plugin.

use std::io;
use std::path::{Path, PathBuf};

use super::{BuildError, BuildOptions, cargo, componentize, modules, run, target_folder, toolchain, workspace};

/// Lets a table grow: the linker gives it a fixed size otherwise, and a guest that only asks would prove nothing.
const GROWABLE_TABLE: &str = "-Clink-arg=--growable-table";

/// A hostile guest, ready to be loaded.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Name of its file, without ending.
    pub name: String,
    /// The component.
    pub component: Vec<u8>,
}

/// The folder of the guests' workspace.
fn folder() -> PathBuf {
    workspace().join("tests").join("guests")
}

/// The names of all guests, sorted: of the files, not of what was built from them.
///
/// # Errors
/// When the folder cannot be read, as where the sources are not at hand.
pub fn guest_sources() -> Result<Vec<String>, BuildError> {
    let path = folder().join("src").join("bin");
    let mut names = sources(&path).map_err(|source| BuildError::File { path, verb: "read", source })?;
    names.sort();
    Ok(names)
}

fn sources(path: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Builds all guests, sorted by name; `options.out` has no meaning here.
///
/// # Errors
/// See [`BuildError`].
pub fn build_guests(options: &BuildOptions) -> Result<Vec<Guest>, BuildError> {
    let names = guest_sources()?;
    let toolchain = toolchain::find(options.way, &options.kept_back)?;
    let target_folder = target_folder(&workspace());
    let mut cargo = cargo(&toolchain, &workspace(), &target_folder, &[GROWABLE_TABLE]);
    cargo.arg("--locked").arg("--bins").arg("--manifest-path").arg(folder().join("Cargo.toml"));
    for name in &options.kept_back {
        cargo.env_remove(name);
    }
    // Assembly for WebAssembly is not stable; this lets a released compiler take it, whichever it is.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    if modules(&target_folder).is_dir() {
        cargo.arg("--quiet");
    }
    run(cargo)?;
    let build = |name: String| {
        let path = modules(&target_folder).join(format!("{name}.wasm"));
        let module = std::fs::read(&path).map_err(|source| BuildError::File { path, verb: "read", source })?;
        let component = componentize(&module, &name)?;
        Ok(Guest { name, component })
    };
    names.into_iter().map(build).collect()
}
