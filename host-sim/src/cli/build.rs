//! `build`: the component, or that of an example.

use std::path::PathBuf;
use std::process::ExitCode;

use super::error::CommandError;
use super::terminal;
use crate::bill::human_bytes;
use crate::plugin_build::toolchain::Way;
use crate::plugin_build::{self, BuildOptions};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo sim build\n  cargo sim build --example csv-seats --out csv_seats.wasm --json"
)]
pub(super) struct Args {
    /// Build this plugin of `examples` instead of the one for GitLab
    #[arg(long, value_name = "NAME")]
    example: Option<String>,
    /// Where to write the component [default: plugin/gitlab_seats.wasm in the target folder, or the example's name]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to come by a compiler: auto, installed, rustup, distribution
    #[arg(long, value_name = "WAY", default_value = "auto", env = "HOST_SIM_GUEST_COMPILER")]
    compiler: Way,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, CommandError> {
    let options = BuildOptions { out: args.out.clone(), way: args.compiler, ..BuildOptions::default() };
    let built = match &args.example {
        Some(name) => plugin_build::build_example(name, &options)?,
        None => plugin_build::build(&options)?,
    };
    let manifest = &built.manifest;
    if args.json {
        let document = serde_json::json!({
            "path": built.path.display().to_string(),
            "size": manifest.size,
            "sha256": manifest.sha256.to_string(),
            "imports": manifest.imports,
        });
        terminal::print(&terminal::json(&document))?;
        return Ok(ExitCode::SUCCESS);
    }
    terminal::print(&format!(
        "component  {}\nsize       {} ({} bytes)\nsha256     {}\nimports    {}\n",
        built.path.display(),
        human_bytes(u64::try_from(manifest.size).unwrap_or(u64::MAX)),
        manifest.size,
        manifest.sha256,
        manifest.imports.join("\n           "),
    ))?;
    Ok(ExitCode::SUCCESS)
}
