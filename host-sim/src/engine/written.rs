//! What a guest writes into a request that is not sent yet: kept by the host, and so bounded by it.
//!
//! The library keeps method, scheme, authority and path at whatever length they come. Guarantees that none is longer than
//! the limit `target_bytes`: the function that sets it refuses, as it does for what is not well-formed. Header fields have a
//! limit of the library's own, which here holds for copies of an answer's fields, too; and a body is kept in pieces of
//! [`BODY_PIECE`](crate::policy::limits::BODY_PIECE).

use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::FieldMapError;
use wasmtime_wasi_http::p2::bindings::http::types::{
    Fields, HostFields, HostOutgoingRequest as _, Method, OutgoingRequest, Scheme,
};

use super::State;

/// Where the functions below stand among the imports.
const TYPES: &str = "wasi:http/types@0.2.12";

/// What the setters of the contract give: refused or not.
type Set = (Result<(), ()>,);

/// Puts the bounded setters over the library's.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, State>, (request, method): (Resource<OutgoingRequest>, Method)| {
            let text = if let Method::Other(text) = &method { text.as_str() } else { "" };
            set(&mut store, text.len(), |state| state.http().set_method(request, method))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: StoreContextMut<'_, State>, (request, scheme): (Resource<OutgoingRequest>, Option<Scheme>)| {
            let text = if let Some(Scheme::Other(text)) = &scheme { text.as_str() } else { "" };
            set(&mut store, text.len(), |state| state.http().set_scheme(request, scheme))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, State>, (request, text): (Resource<OutgoingRequest>, Option<String>)| {
            let length = text.as_ref().map_or(0, String::len);
            set(&mut store, length, |state| state.http().set_authority(request, text))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: StoreContextMut<'_, State>, (request, text): (Resource<OutgoingRequest>, Option<String>)| {
            let length = text.as_ref().map_or(0, String::len);
            set(&mut store, length, |state| state.http().set_path_with_query(request, text))
        },
    )?;
    types.func_wrap(
        "[method]fields.clone",
        |mut store: StoreContextMut<'_, State>, (fields,): (Resource<Fields>,)| {
            let state = store.data_mut();
            let copied = bytes(state.table().get(&fields)?);
            // Of the library's copy only what is added later is counted.
            if copied > state.limits.fields_bytes {
                return Err(FieldMapError::TotalSizeTooBig.into());
            }
            Ok((HostFields::clone(&mut state.http(), fields)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Memory of fields, as the library counts it.
fn bytes(fields: &HeaderMap) -> usize {
    let names = fields.keys().map(|name| name.as_str().len() + size_of::<HeaderName>());
    let values = fields.values().map(|value| value.len() + size_of::<HeaderValue>());
    names.chain(values).sum()
}

fn set(
    store: &mut StoreContextMut<'_, State>,
    length: usize,
    act: impl FnOnce(&mut State) -> wasmtime::Result<Result<(), ()>>,
) -> wasmtime::Result<Set> {
    let state = store.data_mut();
    if length > state.limits.target_bytes { Ok((Err(()),)) } else { Ok((act(state)?,)) }
}
