//! One GET of an address that an administrator typed.

use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{Fields, IncomingResponse, OutgoingRequest, Scheme, http_error_code};
use wasi::io::poll::poll;
use wasi::io::streams::StreamError;

use crate::connector::{Credential, Failure};
use crate::failure::{malformed, of_network, of_status, say};

/// Longest body, in bytes. What a plugin makes of more would not fit into the memory that hosts allow.
pub const LONGEST_BODY: usize = 8 << 20;

/// How long the head of an answer is awaited, in nanoseconds. A host has limits of its own, yet need not have this one.
const PATIENCE: u64 = 60_000_000_000;

/// A typed address in one spelling, so that it can be the key of a source: scheme `https` unless it is given, host in lower
/// case, no default port. Whom it may name is for the host to judge.
///
/// # Errors
/// Why it is no address of a file, in a sentence.
pub fn address(typed: &str) -> Result<String, &'static str> {
    let typed = typed.trim();
    let (scheme, rest) = typed.split_once("://").unwrap_or(("https", typed));
    let (authority, path) = rest.find('/').map(|slash| rest.split_at(slash)).ok_or("The address names no file.")?;
    let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    // A query often holds a secret, which has no place in settings.
    if authority.is_empty() || authority.contains('@') || !graphic(rest) || rest.contains(['?', '#', '\\']) {
        return Err("The address must be a host and a path, without user, query or spaces.");
    }
    let (scheme, port) = match scheme.to_lowercase().as_str() {
        "https" => ("https", ":443"),
        // Hosts send no token over it, unless to themselves in development.
        "http" => ("http", ":80"),
        _ => return Err("The address must begin with https://."),
    };
    let authority = authority.to_lowercase();
    Ok(format!("{scheme}://{}{path}", authority.strip_suffix(port).unwrap_or(&authority)))
}

/// The body at an address that [`address`] made.
///
/// # Errors
/// A [`Failure`] for everything but status 200 with a body of at most [`LONGEST_BODY`] bytes.
pub fn get(address: &str, credential: &Credential) -> Result<Vec<u8>, Failure> {
    let foreign = || Failure::InvalidConfiguration(say("The settings are not this plugin's.", "Configure it again."));
    let (scheme, rest) = address.split_once("://").ok_or_else(foreign)?;
    let (authority, path) = rest.find('/').map(|slash| rest.split_at(slash)).ok_or_else(foreign)?;
    let headers = Fields::new();
    // Usually the host writes the header, and the plugin never sees the token.
    if let Credential::Value(token) = credential {
        let value = format!("Bearer {token}").into_bytes();
        headers.append("authorization", &value).map_err(|_| of_status(401, None))?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    request
        .set_scheme(Some(&scheme))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .map_err(|()| foreign())?;
    let future = outgoing_handler::handle(request, None).map_err(|code| of_network(&code))?;
    poll(&[&future.subscribe(), &monotonic_clock::subscribe_duration(PATIENCE)]);
    match future.get() {
        Some(Ok(Ok(response))) if response.status() == 200 => body(&response),
        Some(Ok(Ok(response))) => Err(of_status(response.status(), retry_after(&response))),
        Some(Ok(Err(code))) => Err(of_network(&code)),
        Some(Err(())) | None => Err(broke_off()),
    }
}

fn broke_off() -> Failure {
    Failure::Unreachable(say("The answer did not come, or broke off.", "Try again later."))
}

fn retry_after(response: &IncomingResponse) -> Option<u32> {
    str::from_utf8(response.headers().get("retry-after").first()?).ok()?.parse().ok()
}

fn body(response: &IncomingResponse) -> Result<Vec<u8>, Failure> {
    let body = response.consume().map_err(|()| broke_off())?;
    // Declared after the body, and so dropped before it: a child resource must go before the one it came from.
    let stream = body.stream().map_err(|()| broke_off())?;
    let mut read = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(piece) if read.len() + piece.len() > LONGEST_BODY => {
                return Err(malformed(format!("more than {LONGEST_BODY} bytes")));
            }
            Ok(piece) => read.extend(piece),
            Err(StreamError::Closed) => return Ok(read),
            // The stream only says that it failed; the reason is the HTTP layer's to tell.
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(http_error_code(&error).map_or_else(broke_off, |code| of_network(&code)));
            }
        }
    }
}
