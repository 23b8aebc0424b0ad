//! Finding a compiler for `wasm32-unknown-unknown`, in four ways.
//!
//! | way | needs | does |
//! | --- | --- | --- |
//! | 1 `installed` | the active toolchain has the target | nothing |
//! | 2 `rustup` | rustup, and its server within reach | `rustup target add` |
//! | 3 `distribution` | Debian's `rustc-web` and `rust-web-src`, or apt-get to install them | builds the standard library from source |
//! | 4 | none of these | says what to install |
//!
//! Way 3 asks first when a person is there to answer; without a terminal, and as root, it installs and says so.

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use super::TARGET;

/// The compiler that the distribution's packages install.
const DISTRIBUTION_RUSTC: &str = "/usr/bin/rustc";

/// The packages of way 3: a current compiler, and the standard library's source of the very same version.
const DISTRIBUTION_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];

/// The oldest compiler that compiles the plugin: `rust-version` of the workspace.
const OLDEST: (u32, u32) = (1, 95);

/// How to come by a compiler.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// The first way that works.
    #[default]
    Auto,
    /// Only what the active toolchain has.
    Installed,
    /// `rustup target add`.
    Rustup,
    /// The distribution's compiler.
    Distribution,
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "installed" => Ok(Self::Installed),
            "rustup" => Ok(Self::Rustup),
            "distribution" => Ok(Self::Distribution),
            other => Err(format!("`{other}` is none of auto, installed, rustup, distribution")),
        }
    }
}

/// How to call cargo for the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestToolchain {
    /// The way it was found.
    pub way: Way,
    /// The cargo to call.
    pub cargo: PathBuf,
    /// Further arguments.
    pub cargo_args: Vec<String>,
    /// Further environment.
    pub envs: Vec<(String, OsString)>,
}

/// No compiler for the target.
#[derive(Debug, thiserror::Error)]
pub enum ToolchainError {
    /// No rustc at all.
    #[error("no Rust toolchain was found: {0}")]
    NoRust(String),
    /// There is one, without the target, and no way led to it.
    #[error("this machine has no compiler for {TARGET}: {0}")]
    NoTarget(String),
}

impl ToolchainError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoRust(_) => "install Rust, for example with rustup".to_owned(),
            Self::NoTarget(_) => format!(
                "run `rustup target add {TARGET}`, or on Debian as root `apt-get update && apt-get install \
                 --no-install-recommends {}`",
                DISTRIBUTION_PACKAGES.join(" ")
            ),
        }
    }
}

/// Finds a compiler. The programs that are asked do not get the environment variables in `kept_back`.
///
/// # Errors
/// [`ToolchainError`], which names every way that was tried.
pub fn find(way: Way, kept_back: &[String]) -> Result<GuestToolchain, ToolchainError> {
    let programs = Programs { kept_back };
    let active = ActiveToolchain::query(programs)?;
    let mut tried = Vec::new();
    if matches!(way, Way::Auto | Way::Installed) {
        if active.has_target(programs)? {
            return Ok(active.plain(Way::Installed));
        }
        tried.push("the active toolchain does not have it".to_owned());
    }
    if matches!(way, Way::Auto | Way::Rustup) {
        match rustup_target_add(programs) {
            Ok(()) if active.has_target(programs)? => return Ok(active.plain(Way::Rustup)),
            Ok(()) => tried.push("rustup added it to another toolchain than the active one".to_owned()),
            Err(why) => tried.push(why),
        }
    }
    if matches!(way, Way::Auto | Way::Distribution) {
        match distribution(programs, &active) {
            Ok(toolchain) => return Ok(toolchain),
            Err(why) => tried.push(why),
        }
    }
    Err(ToolchainError::NoTarget(tried.join("; ")))
}

/// How other programs are called.
#[derive(Clone, Copy)]
struct Programs<'a> {
    kept_back: &'a [String],
}

impl Programs<'_> {
    fn call(self, program: &str) -> Command {
        let mut command = Command::new(program);
        for name in self.kept_back {
            command.env_remove(name);
        }
        command
    }
}

/// The toolchain that cargo uses here.
struct ActiveToolchain {
    sysroot: PathBuf,
    host: String,
}

impl ActiveToolchain {
    fn query(programs: Programs<'_>) -> Result<Self, ToolchainError> {
        let sysroot = PathBuf::from(rustc(programs, "rustc", &["--print", "sysroot"]).map_err(ToolchainError::NoRust)?);
        let version = rustc(programs, "rustc", &["-vV"]).map_err(ToolchainError::NoRust)?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
        Ok(Self { sysroot, host })
    }

    fn has_target(&self, programs: Programs<'_>) -> Result<bool, ToolchainError> {
        let folder = rustc(programs, "rustc", &["--print", "target-libdir", "--target", TARGET])
            .map_err(ToolchainError::NoRust)?;
        // The folder may be named without being there, or be there without the library.
        Ok(std::fs::read_dir(folder)
            .is_ok_and(|files| files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))))
    }

    fn cargo(&self) -> PathBuf {
        // The toolchain's own, since rustup's proxy would set its own compiler.
        let own = self.sysroot.join("bin").join("cargo");
        if own.is_file() { own } else { std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from) }
    }

    fn plain(&self, way: Way) -> GuestToolchain {
        let rustc = self.sysroot.join("bin").join("rustc");
        let envs = if rustc.is_file() { vec![("RUSTC".to_owned(), rustc.into_os_string())] } else { vec![] };
        GuestToolchain { way, cargo: self.cargo(), cargo_args: vec![], envs }
    }

    fn linker(&self) -> Option<PathBuf> {
        let linker = self.sysroot.join("lib/rustlib").join(&self.host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    }
}

fn rustc(programs: Programs<'_>, program: &str, args: &[&str]) -> Result<String, String> {
    let output = programs
        .call(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{program} {} failed", args.join(" ")))
    }
}

fn rustup_target_add(programs: Programs<'_>) -> Result<(), String> {
    say(&format!("adding the target {TARGET} with rustup"));
    let status = programs
        .call("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|_| "rustup is not installed".to_owned())?;
    if status.success() { Ok(()) } else { Err("rustup cannot download it".to_owned()) }
}

fn distribution(programs: Programs<'_>, active: &ActiveToolchain) -> Result<GuestToolchain, String> {
    let linker = active.linker().ok_or("the active toolchain has no rust-lld to link with")?;
    if let Err(why) = distribution_compiler(programs) {
        install(programs, &why)?;
        distribution_compiler(programs)?;
    }
    Ok(GuestToolchain {
        way: Way::Distribution,
        cargo: active.cargo(),
        cargo_args: build_std(),
        envs: vec![
            ("RUSTC".to_owned(), DISTRIBUTION_RUSTC.into()),
            // Building the standard library is not stable; this lets a released compiler do it.
            ("RUSTC_BOOTSTRAP".to_owned(), "1".into()),
            ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER".to_owned(), linker.into_os_string()),
        ],
    })
}

/// The standard library, as optimised as the one that rustup brings: by the profile of other dependencies it would be small and slow.
fn build_std() -> Vec<String> {
    let fast = ["alloc", "compiler_builtins", "core", "dlmalloc", "hashbrown", "std"]
        .map(|package| format!("--config=profile.guest.package.{package}.opt-level=3"));
    [vec!["-Zbuild-std=std,panic_abort".to_owned()], fast.to_vec()].concat()
}

/// Whether the distribution's compiler is there, new enough, and has its library's source.
fn distribution_compiler(programs: Programs<'_>) -> Result<(), String> {
    if !Path::new(DISTRIBUTION_RUSTC).is_file() {
        return Err(format!("{DISTRIBUTION_RUSTC} is not installed"));
    }
    let version = rustc(programs, DISTRIBUTION_RUSTC, &["--version"])?;
    let release = release(&version).ok_or_else(|| format!("{DISTRIBUTION_RUSTC} says `{version}`"))?;
    if release < OLDEST {
        let ((major, minor), (least_major, least_minor)) = (release, OLDEST);
        return Err(format!("{DISTRIBUTION_RUSTC} is {major}.{minor}, at least {least_major}.{least_minor} is needed"));
    }
    let sysroot = rustc(programs, DISTRIBUTION_RUSTC, &["--print", "sysroot"])?;
    let source = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if source.is_file() { Ok(()) } else { Err("the source of the standard library is not installed".to_owned()) }
}

/// `(1, 96)` of `rustc 1.96.0 (…)`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn install(programs: Programs<'_>, why: &str) -> Result<(), String> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        return Err(format!("{why}, and this is no Debian"));
    }
    let packages = DISTRIBUTION_PACKAGES.join(" ");
    let person = io::stdin().is_terminal() && io::stderr().is_terminal();
    let root = is_root(programs);
    let as_root: &[&str] = match (root, person) {
        (true, _) => &[],
        (false, true) => &["sudo"],
        (false, false) => return Err(format!("{why}, and installing {packages} needs root")),
    };
    if person && !ask(&format!("{why}. Install {packages} with apt-get now?")) {
        return Err(format!("{why}, and installing {packages} was declined"));
    }
    say(&format!("installing {packages} with apt-get, since {why}"));
    let apt_get = |args: &[&str]| {
        let mut words = as_root.iter().copied().chain(["apt-get"]).chain(args.iter().copied());
        let program = words.next().unwrap_or("apt-get");
        programs
            .call(program)
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(if person { Stdio::inherit() } else { Stdio::null() })
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    // A failed update is not the end: the lists may be fresh enough.
    apt_get(&["update", "-qq"]);
    let [compiler, source] = DISTRIBUTION_PACKAGES;
    if apt_get(&["install", "-qq", "-y", "--no-install-recommends", compiler, source]) {
        Ok(())
    } else {
        Err(format!("apt-get could not install {packages}"))
    }
}

fn is_root(programs: Programs<'_>) -> bool {
    let id = programs.call("id").arg("-u").stdin(Stdio::null()).output();
    id.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "0")
}

#[allow(clippy::print_stderr, reason = "a question to the person at the terminal")]
fn ask(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

#[allow(clippy::print_stderr, reason = "each step that changes the machine is announced")]
fn say(line: &str) {
    eprintln!("guest compiler: {line}");
}

#[cfg(test)]
mod tests {
    use super::{Way, release};

    #[test]
    fn releases() {
        assert_eq!(release("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some((1, 96)));
        assert_eq!(release("rustc 1.63.0"), Some((1, 63)));
        assert_eq!(release("rustc 1.100.0-nightly"), Some((1, 100)));
        assert_eq!(release("gcc"), None);
    }

    #[test]
    fn ways() {
        assert_eq!("distribution".parse(), Ok(Way::Distribution));
        assert!("Debian".parse::<Way>().is_err());
    }
}
