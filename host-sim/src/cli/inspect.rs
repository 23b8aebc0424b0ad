//! `inspect`: what a component is, without giving it any network.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::component::{AdmissionArgs, ComponentFile};
use super::error::CommandError;
use super::limits;
use super::terminal::{self, printable};
use crate::bill::{human_bytes, ms};
use crate::contract::{CONNECTOR, Descriptor, Field, FieldKind};
use crate::engine::{Engine, EngineOptions, Plugin};

#[derive(Debug, clap::Args)]
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
        format!("{:#}\n", as_json(&plugin, &descriptor, signed))
    } else {
        as_text(&plugin, &descriptor, signed)
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

fn as_text(plugin: &Plugin, descriptor: &Descriptor, signed: Option<&str>) -> String {
    let (manifest, start) = (plugin.manifest(), plugin.start());
    let fields: String = descriptor
        .fields
        .iter()
        .map(|field| {
            let required = if field.required { ", required" } else { "" };
            let default = field.default_value.as_ref().map(|value| format!(", default {value}")).unwrap_or_default();
            let choices: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
            let choices = if choices.is_empty() { String::new() } else { format!(" ({})", choices.join(" | ")) };
            format!("  {} — {}{choices}{required}{default}\n      {}\n", field.key, kind(field), field.help)
        })
        .collect();
    let memory = plugin.initial_memory_bytes().map_or_else(|| "unknown".to_owned(), human_bytes);
    let signed = signed.map(|comment| format!("signed     {}\n", printable(comment))).unwrap_or_default();
    let code = if start.from_cache { "code kept from before" } else { "compiled now" };
    format!(
        "{} {} ({}), for {}\ncontract   {CONNECTOR}\nsize       {} ({} bytes)\nsha256     {}\n{signed}ready in   {:.1} ms, {code}\nmemory     {memory} at \
         the start\ncredential header `{}`, written by the host\nimports    {}\nfields\n{fields}",
        descriptor.name,
        descriptor.version,
        descriptor.id,
        descriptor.vendor,
        human_bytes(u64::try_from(manifest.size).unwrap_or(u64::MAX)),
        manifest.size,
        manifest.sha256,
        ms(start.took),
        descriptor.credential.header_name,
        manifest.imports.join("\n           "),
    )
}
