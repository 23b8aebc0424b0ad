//! Whether the component that was built last is what a build would give.
//!
//! Cargo knows, and takes a quarter of a second to say so: it starts, and with it the compilers that it asks who they are.
//! That is longer than a whole *Test connection*. So a build leaves a note beside its component, and whoever only wants to
//! run the plugin compares the note with what is there now.
//!
//! | compared | by |
//! | --- | --- |
//! | the sources: `src`, `wit`, manifest, lock file | content |
//! | cargo's settings and the choice of a toolchain, of the folder, of those above it and of the user | content |
//! | variables that cargo, rustup or the compiler heed | content |
//! | compiler, cargo, linker, and this program, which wraps the module | size and time of the last change |
//! | the component | digest |
//!
//! Guarantees that a component without its note, or with one that differs in anything, is built anew. Sources of
//! dependencies are named by the lock file, as for cargo. Refuses to keep a note where something changed during the build.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::toolchain::{GuestToolchain, Way};
use super::{TARGET, WAY_VARIABLE};
use crate::admission::Digest;
use crate::whole_file::WholeFile;

/// What is compiled, of the workspace: all other packages in it are programs of this machine.
const SOURCES: [&str; 4] = ["Cargo.lock", "Cargo.toml", "src", "wit"];

/// What steers a build in any folder from the workspace's upward.
const SETTINGS: [&str; 4] = [".cargo/config", ".cargo/config.toml", "rust-toolchain", "rust-toolchain.toml"];

/// What steers it by the user's own folders: of cargo, and of rustup.
const USER_SETTINGS: [(&str, &str, &[&str]); 2] =
    [("CARGO_HOME", ".cargo", &["config", "config.toml"]), ("RUSTUP_HOME", ".rustup", &["settings.toml"])];

/// Variables that decide which compiler is called and how, by name or by the beginning of it. Those that `cargo run` itself sets
/// are not among them.
const VARIABLES: [&str; 7] = ["CARGO_HOME", "HOME", "PATH", "RUSTC", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", WAY_VARIABLE];
const VARIABLE_PREFIXES: [&str; 6] =
    ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_REGISTRIES_", "CARGO_SOURCE_", "CARGO_UNSTABLE_", "RUSTC_"];

/// What a build left beside its component.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// Digest of all that was compared.
    inputs: String,
    /// Digest of the component.
    component: String,
    /// The files that are compared by size and time.
    programs: Vec<PathBuf>,
}

impl Note {
    /// What a build with this toolchain is about to be made of; none where a file cannot be read.
    pub(super) fn before(workspace: &Path, way: Way, toolchain: &GuestToolchain) -> Option<Self> {
        let programs = programs(toolchain);
        let inputs = inputs(workspace, way, &programs).ok()?;
        Some(Self { inputs, component: String::new(), programs })
    }

    /// Leaves the note beside the component, unless something has changed meanwhile. A folder that is full or read-only is no
    /// reason to fail: then the next command builds, too.
    pub(super) fn after(mut self, workspace: &Path, way: Way, component: &Path) {
        let written = || -> io::Result<()> {
            if inputs(workspace, way, &self.programs)? != self.inputs {
                return Ok(());
            }
            self.component = Digest::of(&std::fs::read(component)?).to_string();
            let mut file = WholeFile::create(&path(component))?;
            file.as_file_mut().write_all(serde_json::to_string_pretty(&self)?.as_bytes())?;
            file.replace()
        };
        if let Err(error) = { written }() {
            tracing::debug!(target: "build", %error, "no note is kept of the build");
        }
    }

    /// Whether the component is what a build would give now.
    pub(super) fn holds(workspace: &Path, way: Way, component: &Path) -> bool {
        let holds = || -> Option<bool> {
            let note: Self = serde_json::from_slice(&std::fs::read(path(component)).ok()?).ok()?;
            Some(
                note.component == Digest::of(&std::fs::read(component).ok()?).to_string()
                    && note.inputs == inputs(workspace, way, &note.programs).ok()?,
            )
        };
        holds().unwrap_or(false)
    }
}

fn path(component: &Path) -> PathBuf {
    component.with_extension("built")
}

/// The files whose replacement is another compiler, or another way to make a component.
fn programs(toolchain: &GuestToolchain) -> Vec<PathBuf> {
    let mut programs = vec![toolchain.cargo.clone()];
    programs.extend(toolchain.envs.iter().map(|(_, value)| PathBuf::from(value)).filter(|path| path.is_absolute()));
    // That which is asked where the others are.
    let found = |folder: PathBuf| Some(folder.join("rustc")).filter(|path| path.is_file());
    programs.extend(std::env::var_os("PATH").and_then(|path| std::env::split_paths(&path).find_map(found)));
    programs.extend(std::env::current_exe());
    // The target may be added to the toolchain later: a better way than the one that was gone.
    if let Some(sysroot) = toolchain.cargo.ancestors().nth(2) {
        programs.push(sysroot.join("lib/rustlib").join(TARGET));
    }
    programs
}

/// The digest of everything that a build depends on.
fn inputs(workspace: &Path, way: Way, programs: &[PathBuf]) -> io::Result<String> {
    let mut all = Parts(Sha256::new());
    all.part("way", format!("{way:?}").as_bytes());
    for name in SOURCES {
        all.tree(&workspace.join(name))?;
    }
    for folder in workspace.ancestors() {
        for name in SETTINGS {
            all.file_if_any(&folder.join(name))?;
        }
    }
    for (variable, folder, names) in USER_SETTINGS {
        let own = std::env::var_os(variable).map(PathBuf::from);
        let Some(own) = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(folder))) else { continue };
        for name in names {
            all.file_if_any(&own.join(name))?;
        }
    }
    let mut variables: Vec<_> = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_heeded)).collect();
    variables.sort();
    for (name, value) in variables {
        all.part(&name.to_string_lossy(), value.as_encoded_bytes());
    }
    for program in programs {
        all.state(program)?;
    }
    Ok(all.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn is_heeded(name: &str) -> bool {
    VARIABLES.contains(&name)
        || name.starts_with("CARGO_TARGET_") && name != "CARGO_TARGET_DIR"
        || VARIABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Named parts of a digest, each with its length, so that no two lists of parts read alike.
struct Parts(Sha256);

impl Parts {
    fn part(&mut self, name: &str, content: &[u8]) {
        for bytes in [name.as_bytes(), content] {
            self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            self.0.update(bytes);
        }
    }

    /// A file, or all files of a folder in the order of their names.
    fn tree(&mut self, path: &Path) -> io::Result<()> {
        if !path.is_dir() {
            self.part(&path.to_string_lossy(), &std::fs::read(path)?);
            return Ok(());
        }
        let mut within = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        within.sort();
        // What an editor leaves while a file is open is no source.
        within.retain(|path| !path.file_name().is_some_and(is_hidden));
        within.iter().try_for_each(|path| self.tree(path))
    }

    fn file_if_any(&mut self, path: &Path) -> io::Result<()> {
        match std::fs::read(path) {
            Ok(content) => self.part(&path.to_string_lossy(), &content),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A file or folder as it is told from another without being read; one that is not there is a state, too.
    fn state(&mut self, path: &Path) -> io::Result<()> {
        let state = match std::fs::metadata(path) {
            Ok(metadata) => {
                let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("{} {}", metadata.len(), changed.as_nanos())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => "none".to_owned(),
            Err(error) => return Err(error),
        };
        self.part(&path.to_string_lossy(), state.as_bytes());
        Ok(())
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Note, Way, is_heeded};
    use crate::plugin_build::toolchain::GuestToolchain;

    struct Workspace(tempfile::TempDir);

    impl Workspace {
        fn new() -> Self {
            let new = Self(tempfile::tempdir().unwrap());
            for folder in ["src/gitlab", "wit", "bin", "lib/rustlib"] {
                fs::create_dir_all(new.at(folder)).unwrap();
            }
            for file in
                ["Cargo.lock", "Cargo.toml", "src/lib.rs", "src/gitlab/json.rs", "wit/a.wit", "bin/cargo", "c.wasm"]
            {
                new.write(file, file);
            }
            new
        }

        fn at(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.at(name), content).unwrap();
        }

        fn component(&self) -> PathBuf {
            self.at("c.wasm")
        }

        fn built(&self) -> Note {
            let toolchain =
                GuestToolchain { way: Way::Installed, cargo: self.at("bin/cargo"), cargo_args: vec![], envs: vec![] };
            Note::before(self.0.path(), Way::Auto, &toolchain).unwrap()
        }

        fn keep(&self) {
            self.built().after(self.0.path(), Way::Auto, &self.component());
        }

        fn is_fresh(&self) -> bool {
            Note::holds(self.0.path(), Way::Auto, &self.component())
        }
    }

    #[test]
    fn a_component_is_fresh_until_anything_that_it_was_made_of_changes() {
        let workspace = Workspace::new();
        assert!(!workspace.is_fresh(), "no note");
        workspace.keep();
        assert!(workspace.is_fresh() && !Note::holds(workspace.0.path(), Way::Distribution, &workspace.component()));
        let changes: [(&str, Option<&str>); 11] = [
            ("src/lib.rs", Some("Src/lib.rs")),
            ("src/gitlab/json.rs", None),
            ("src/new.rs", Some("")),
            ("wit/a.wit", Some("")),
            ("wit/deps.wit", Some("")),
            ("Cargo.toml", Some("[profile.guest]")),
            ("Cargo.lock", Some("")),
            ("rust-toolchain.toml", Some("[toolchain]")),
            ("bin/cargo", Some("another")),
            ("c.wasm", Some("another")),
            ("c.built", Some("{}")),
        ];
        for (name, content) in changes {
            let before = fs::read(workspace.at(name)).ok();
            match content {
                Some(content) => workspace.write(name, content),
                None => fs::remove_file(workspace.at(name)).unwrap(),
            }
            assert!(!workspace.is_fresh(), "{name}");
            match before {
                Some(before) => fs::write(workspace.at(name), before).unwrap(),
                None => fs::remove_file(workspace.at(name)).unwrap(),
            }
            workspace.keep();
            assert!(workspace.is_fresh(), "{name}");
        }
        // The toolchain gets the target.
        fs::create_dir(workspace.at("lib/rustlib/wasm32-unknown-unknown")).unwrap();
        assert!(!workspace.is_fresh());
    }

    #[test]
    fn what_changed_during_the_build_was_perhaps_not_built() {
        let workspace = Workspace::new();
        let note = workspace.built();
        workspace.write("src/lib.rs", "saved while the compiler ran");
        note.after(workspace.0.path(), Way::Auto, &workspace.component());
        assert!(!Path::new(&workspace.at("c.built")).exists() && !workspace.is_fresh());
    }

    #[test]
    fn variables_of_a_build_are_told_from_those_of_cargo_run() {
        for heeded in
            ["PATH", "RUSTUP_TOOLCHAIN", "CARGO_PROFILE_GUEST_OPT_LEVEL", "RUSTC_WRAPPER", "CARGO_TARGET_X_LINKER"]
        {
            assert!(is_heeded(heeded), "{heeded}");
        }
        for other in
            ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "LD_LIBRARY_PATH", "RUST_LOG"]
        {
            assert!(!is_heeded(other), "{other}");
        }
    }
}
