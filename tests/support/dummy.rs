//! Components that do nothing: right or wrong in their types alone.

use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, MemorySection,
    MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{ManglingAndAbi, Resolve, WasmExport, WasmExportKind, WasmImport, WorldId, WorldItem};

const CONNECTOR: &str = include_str!("../../wit/connector.wit");

/// A component of a world with these lines, each of whose functions traps. The contract has `from` replaced by `to`; the
/// interface `wasi:cli/environment` can be imported.
pub fn dummy(lines: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(CONNECTOR.contains(from), "{from}");
    let mut resolve = Resolve::default();
    let environment = "package wasi:cli@0.2.12;\ninterface environment { get: func() -> u32; }\n";
    resolve.push_source("cli.wit", environment).expect("WIT");
    let contract = format!("{}\nworld plugin {{ {lines} }}\n", CONNECTOR.replacen(from, to, 1));
    let package = resolve.push_source("contract.wit", &contract).expect("WIT");
    let world = resolve.packages[package].worlds["plugin"];
    let mut module = module(&resolve, world);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&module).and_then(|encoder| encoder.encode()).expect("a component")
}

/// The core module: what the world imports, and what it exports, trapping.
fn module(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let world = &resolve.worlds[world];
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let value = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    };
    let mangling = ManglingAndAbi::Standard32;
    for (key, item) in &world.imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for func in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestImport, func);
            let (from, name) = resolve.wasm_import_name(mangling, WasmImport::Func { interface: Some(key), func });
            imports.import(&from, &name, EntityType::Function(types.len()));
            types.ty().function(signature.params.iter().map(value), signature.results.iter().map(value));
        }
    }
    let mut export = |name: &str, params: &[ValType], results: &[ValType]| {
        exports.export(name, ExportKind::Func, imports.len() + functions.len());
        functions.function(types.len());
        types.ty().function(params.iter().copied(), results.iter().copied());
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    };
    for (key, item) in &world.exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for func in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, func);
            let kind = WasmExportKind::Normal;
            let name = resolve.wasm_export_name(mangling, WasmExport::Func { interface: Some(key), func, kind });
            let values = |types: &[WasmType]| types.iter().map(value).collect::<Vec<_>>();
            export(&name, &values(&signature.params), &values(&signature.results));
        }
    }
    let realloc = resolve.wasm_export_name(mangling, WasmExport::Realloc);
    export(&realloc, &[ValType::I32; 4], &[ValType::I32]);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export(&resolve.wasm_export_name(mangling, WasmExport::Memory), ExportKind::Memory, 0);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}
