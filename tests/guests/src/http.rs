//! Requests, as plainly as the imports allow.

use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingRequest, Scheme};

use crate::connector::Configuration;

/// Where the administrator's service is.
pub struct Target {
    /// `http`, `https`, or whatever a guest likes to try.
    pub scheme: String,
    /// Host and port, or whatever a guest likes to try.
    pub authority: String,
}

/// The granted origin.
pub fn granted(config: &Configuration) -> Target {
    let origin = config.allowed_origins.first().map_or("", String::as_str);
    let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
    Target { scheme: scheme.to_owned(), authority: authority.to_owned() }
}

fn scheme(text: &str) -> Scheme {
    match text {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

/// A request that is not sent yet. An error names the part that the host does not take.
pub fn request(method: &Method, target: &Target, path: &str, fields: Fields) -> Result<OutgoingRequest, String> {
    let request = OutgoingRequest::new(fields);
    request.set_method(method).map_err(|()| "method refused")?;
    request.set_scheme(Some(&scheme(&target.scheme))).map_err(|()| "scheme refused")?;
    request.set_authority(Some(&target.authority)).map_err(|()| "authority refused")?;
    request.set_path_with_query(Some(path)).map_err(|()| "path refused")?;
    Ok(request)
}

/// Sends a GET and does not wait for its answer.
pub fn start(target: &Target, path: &str) -> Result<FutureIncomingResponse, String> {
    send(request(&Method::Get, target, path, Fields::new())?)
}

/// Sends a request that has no body.
pub fn send(request: OutgoingRequest) -> Result<FutureIncomingResponse, String> {
    outgoing_handler::handle(request, None).map_err(|code| name(&code))
}

/// Waits for the head of an answer.
pub fn answer(future: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(Ok(response))) => Ok(response),
        Some(Ok(Err(code))) => Err(name(&code)),
        Some(Err(())) | None => Err("taken".to_owned()),
    }
}

/// Reads a body to its end.
pub fn body(response: &IncomingResponse) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(body) = response.consume() else { return read };
    let Ok(stream) = body.stream() else { return read };
    while let Ok(piece) = stream.blocking_read(64 * 1024) {
        read.extend_from_slice(&piece);
    }
    read
}

/// One GET, read to its end: status and body, or the code of the failure.
pub fn get(target: &Target, path: &str) -> Result<(u16, Vec<u8>), String> {
    let response = answer(&start(target, path)?)?;
    Ok((response.status(), body(&response)))
}

/// Waits so long.
pub fn wait(nanoseconds: u64) {
    monotonic_clock::subscribe_duration(nanoseconds).block();
}

/// The name of a code, without what is in it.
pub fn name(code: &ErrorCode) -> String {
    let text = format!("{code:?}");
    text.split(['(', ' ', '{'])
        .next()
        .map_or_else(String::new, |name| name.trim_start_matches("ErrorCode::").to_owned())
}
