//! Building one of the plugins to copy, in `examples`, as the GitLab plugin is built.
//!
//! An example is a folder there with a `src/lib.rs` that exports a connector; its name is that of the folder and of its package.

use std::path::PathBuf;

use super::{BuildError, BuildOptions, Built, admitted, cargo, modules, run, target_folder, toolchain, workspace};

/// What the examples share; no plugin itself.
const KIT: &str = "kit";

fn folder() -> PathBuf {
    workspace().join("examples")
}

/// The names of all examples, sorted.
///
/// # Errors
/// When the folder cannot be read, as where the sources are not at hand.
pub fn examples() -> Result<Vec<String>, BuildError> {
    let path = folder();
    let entries = std::fs::read_dir(&path).map_err(|source| BuildError::File { path, verb: "read", source })?;
    let folders = entries.flatten().filter(|entry| entry.path().join("src").join("lib.rs").is_file());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != KIT);
    names.sort();
    Ok(names)
}

/// Builds the example called `name`; by default to a file of that name, with `_` for `-`, beside the plugin.
///
/// # Errors
/// [`BuildError::NoExample`] for another name, otherwise as [`build`](super::build).
pub fn build_example(name: &str, options: &BuildOptions) -> Result<Built, BuildError> {
    let known = examples()?;
    if !known.iter().any(|known| known == name) {
        return Err(BuildError::NoExample { name: name.to_owned(), known });
    }
    let toolchain = toolchain::find(options.way, &options.kept_back)?;
    let target_folder = target_folder(&workspace());
    let mut cargo = cargo(&toolchain, &workspace(), &target_folder, &[]);
    cargo.args(["--locked", "--package", name, "--manifest-path"]).arg(folder().join("Cargo.toml"));
    for name in &options.kept_back {
        cargo.env_remove(name);
    }
    let krate = name.replace('-', "_");
    let path = modules(&target_folder).join(format!("{krate}.wasm"));
    if path.is_file() {
        // Not the first build: it takes seconds, and needs no words unless it fails.
        cargo.arg("--quiet");
    }
    run(cargo)?;
    let module = std::fs::read(&path).map_err(|source| BuildError::File { path, verb: "read", source })?;
    let out = options.out.clone().unwrap_or_else(|| target_folder.join("plugin").join(format!("{krate}.wasm")));
    admitted(&module, &krate, out)
}
