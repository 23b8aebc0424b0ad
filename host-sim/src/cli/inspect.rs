//! `inspect`: what a component is, without giving it any network.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::component::{AdmissionArgs, ComponentFile};
use super::error::CommandError;
use super::limits;
use super::terminal::{self, printable};
use crate::admission::Manifest;
use crate::bill::{human_bytes, ms};
use crate::contract::{CONNECTOR, Descriptor, Field, FieldKind};
use crate::engine::{Engine, EngineOptions, Plugin, Start};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo sim inspect\n  cargo sim inspect plugin.wasm --verify-key vendor.pub --json"
)]
pub(super) struct Args {
    /// The component [default: the GitLab plugin, built if need be]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    admission: AdmissionArgs,
    /// Limits of a tenant, in TOML [default: those that `limits` lists]
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, CommandError> {
    let limits = limits::of_tenant(args.limits.as_deref())?;
    let component = ComponentFile::read(args.file.as_deref(), &args.admission, limits.component_bytes)?;
    let engine = Engine::new(limits, EngineOptions::default())?;
    let plugin = component.load(&engine)?;
    let descriptor = plugin.describe().await.result?;
    let signed = component.signed.as_deref();
    let text = if args.json {
        terminal::json(&as_json(&plugin, &descriptor, signed))
    } else {
        as_text(plugin.manifest(), plugin.start(), plugin.initial_memory_bytes(), &descriptor, signed)
    };
    terminal::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn kind(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Text => "text",
        FieldKind::Url => "url",
        FieldKind::Secret => "secret",
        FieldKind::MultilineSecret => "multiline-secret",
        FieldKind::Choice => "choice",
        FieldKind::Integer => "integer",
        FieldKind::Boolean => "boolean",
    }
}

fn as_json(plugin: &Plugin, descriptor: &Descriptor, signed: Option<&str>) -> Value {
    let (manifest, start) = (plugin.manifest(), plugin.start());
    let fields: Vec<Value> = descriptor
        .fields
        .iter()
        .map(|field| {
            let choices: Vec<Value> =
                field.choices.iter().map(|choice| json!({ "value": choice.value, "label": choice.label })).collect();
            json!({
                "key": field.key, "label": field.label, "help": field.help, "kind": kind(field),
                "required": field.required, "default": field.default_value, "placeholder": field.placeholder,
                "choices": choices,
            })
        })
        .collect();
    json!({
        "contract": CONNECTOR,
        "id": descriptor.id,
        "name": descriptor.name,
        "vendor": descriptor.vendor,
        "version": descriptor.version,
        "credential": {
            "field_key": descriptor.credential.field_key,
            "header_name": descriptor.credential.header_name,
            "prefix": descriptor.credential.prefix,
        },
        "fields": fields,
        "imports": manifest.imports,
        "exports": manifest.exports,
        "size": manifest.size,
        "sha256": manifest.sha256,
        "initial_memory_bytes": plugin.initial_memory_bytes(),
        "signed_comment": signed,
        "ready": { "ms": ms(start.took), "from_cache": start.from_cache },
    })
}

/// All that comes out of the component is a stranger's, and none of it may look like a line of its own.
fn as_text(
    manifest: &Manifest,
    start: Start,
    initial_memory_bytes: Option<u64>,
    descriptor: &Descriptor,
    signed: Option<&str>,
) -> String {
    let fields: String = descriptor
        .fields
        .iter()
        .map(|field| {
            let required = if field.required { ", required" } else { "" };
            let default = field.default_value.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
            let choices: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            let choices = if choices.is_empty() { String::new() } else { format!(" ({})", choices.join(" | ")) };
            let line = printable(&format!("{} — {}{choices}{required}{default}", field.key, kind(field)));
            format!("  {line}\n      {}\n", printable(&field.help))
        })
        .collect();
    let memory = initial_memory_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
    let signed = signed.map(|comment| format!("signed     {}\n", printable(comment))).unwrap_or_default();
    let code = if start.from_cache { "code kept from before" } else { "compiled now" };
    let imports: Vec<String> = manifest.imports.iter().map(|import| printable(import)).collect();
    format!(
        "{} {} ({}), for {}\ncontract   {CONNECTOR}\nsize       {} ({} bytes)\nsha256     {}\n{signed}ready in   {:.1} ms, {code}\nmemory     {memory} at \
         the start\ncredential header `{}`, written by the host\nimports    {}\nfields\n{fields}",
        printable(&descriptor.name),
        printable(&descriptor.version),
        printable(&descriptor.id),
        printable(&descriptor.vendor),
        human_bytes(u64::try_from(manifest.size).unwrap_or(u64::MAX)),
        manifest.size,
        manifest.sha256,
        ms(start.took),
        printable(&descriptor.credential.header_name),
        imports.join("\n           "),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::as_text;
    use crate::admission::Manifest;
    use crate::contract::{Choice, CredentialPlacement, Descriptor, Field, FieldKind};
    use crate::engine::Start;

    /// A descriptor, and an import list, with `bad` at the end of every text.
    fn shown(bad: &str) -> String {
        let text = |word: &str| format!("{word}{bad}");
        let field = Field {
            key: text("key"),
            label: text("label"),
            help: text("help"),
            kind: FieldKind::Choice,
            required: true,
            default_value: Some(text("default")),
            placeholder: Some(text("placeholder")),
            choices: vec![Choice { value: text("choice"), label: text("choice") }],
        };
        let descriptor = Descriptor {
            id: text("id"),
            name: text("name"),
            vendor: text("vendor"),
            version: text("version"),
            credential: CredentialPlacement {
                field_key: text("field"),
                header_name: text("header"),
                prefix: text("prefix"),
            },
            fields: vec![field],
        };
        // The smallest component; who admits a plugin looks at its imports, too.
        let mut manifest = Manifest::read(b"\0asm\x0d\0\x01\0", usize::MAX).unwrap();
        manifest.imports = vec![text("import")];
        let start = Start { from_cache: false, took: Duration::ZERO };
        as_text(&manifest, start, None, &descriptor, Some(&text("comment")))
    }

    #[test]
    fn a_plugin_cannot_forge_a_line() {
        let bad = "\nsigned     approved\u{1b}[2K\r\u{202e}\u{2028}";
        let text = shown(bad);
        assert_eq!(text.lines().count(), shown("").lines().count(), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("signed ")).count(), 1, "{text}");
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}', '\u{2028}']), "{text}");
        let clean = bad.replace(['\n', '\u{1b}', '\r', '\u{202e}', '\u{2028}'], "\u{fffd}");
        for word in
            ["id", "name", "vendor", "version", "header", "key", "help", "default", "choice", "import", "comment"]
        {
            assert!(text.contains(&format!("{word}{clean}")), "{word}: {text}");
        }
    }
}
