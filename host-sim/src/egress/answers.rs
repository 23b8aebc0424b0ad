//! What of an answer reaches a guest, from a server that gives away all it can.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks as _};

use super::{Access, Client, Hooks, Injection, Ledger, Network, NetworkFailure, Secret};
use crate::policy::limits::Limits;
use crate::policy::network::NetworkPolicy;
use crate::policy::origin::{Grant, Origin};

const TOKEN: &str = "glpat-of-the-answers";

/// Sends one request to a server that answers so, and gives what a guest would get, and what was sent.
fn exchanged(answer: &'static str) -> (Response<WasiBody>, String) {
    let (response, sent, _) = attempted(answer);
    (response.unwrap(), sent)
}

/// The same for one that may fail, with what the host saw of the failure.
fn attempted(answer: &'static str) -> (Result<Response<WasiBody>, Error>, String, Option<NetworkFailure>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the request is whole");
            request.extend_from_slice(&buffer[..read]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    let grant = Grant::of(std::slice::from_ref(&url), &[Origin::of_url(&url).unwrap()]).unwrap();
    let injection = Injection::new("private-token", "", Secret::new(TOKEN.to_owned()).unwrap()).unwrap();
    let policy = NetworkPolicy { loopback: true, private: false };
    let limits = Arc::new(Limits::default());
    let client = Arc::new(Client::new(&limits, policy, None).unwrap());
    let network = Network { client, access: Access { grant, injection: Some(injection) } };
    let ledger = Arc::new(Ledger::default());
    let mut hooks = Hooks::new(Some(network), limits, Arc::clone(&ledger), None);
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(format!("{url}/")).header("accept-encoding", "gzip, br").body(body).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime.block_on(async {
        let (response, _) =
            Box::into_pin(hooks.send_request(request, None, Box::new(std::future::ready(Ok(()))))).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        Ok(Response::from_parts(head, body.map_err(|never| match never {}).boxed_unsync()))
    });
    (response, server.join().unwrap(), ledger.last_failure())
}

#[test]
fn trailers_sessions_and_the_token_in_any_spelling_stay_behind() {
    let (response, sent) = exchanged(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\nconnection: close\r\n\
         set-cookie: session=1\r\nSet-Cookie: session=2\r\nx-echo: glpat%2Dof%2Dthe%2Danswers\r\n\r\n\
         16\r\na glpat\\u002dof\\u002dt\r\n18\r\nhe\\u002danswers, glpat-o\r\n10\r\nf-the-answers, b\r\n\
         0\r\nx-late: glpat-of-the-answers\r\n\r\n",
    );
    assert_eq!(response.headers().get("x-echo").unwrap(), &"*".repeat(26));
    assert!(response.headers().get("set-cookie").is_none());
    assert!(sent.contains("\r\naccept-encoding: identity\r\n") && !sent.contains("gzip"), "{sent}");
    assert!(sent.contains(&format!("\r\nprivate-token: {TOKEN}\r\n")), "{sent}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(response.into_body().collect()).unwrap();
    assert!(body.trailers().is_none());
    let (long, short) = ("*".repeat(35), "*".repeat(20));
    assert_eq!(body.to_bytes(), format!("a {long}, {short}, b"));
}

/// What a server compresses although it was asked not to would carry an echo of the token past the mask.
#[test]
fn an_answer_that_is_not_as_it_was_sent_is_refused() {
    const REST: &str = "content-length: 2\r\nconnection: close\r\n\r\n{}";
    let answer = |fields: &str, rest: &str| -> &'static str {
        Box::leak(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{rest}").into_boxed_str())
    };
    let chunked = "connection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    for fields in ["x-none: gzip", "content-encoding: identity", "Content-Encoding: IDENTITY, ,identity"] {
        assert!(attempted(answer(fields, REST)).0.is_ok(), "{fields}");
    }
    assert!(attempted(answer("transfer-encoding: Chunked", chunked)).0.is_ok());
    for (fields, rest, seen) in [
        ("content-encoding: gzip", REST, "content-encoding: gzip"),
        ("Content-Encoding: GZip", REST, "content-encoding: gzip"),
        ("content-encoding: identity, br", REST, "content-encoding: br"),
        ("content-encoding: identity\r\ncontent-encoding: zstd", REST, "content-encoding: zstd"),
        // A name of its own could be anything, the token in pieces among it.
        ("content-encoding: glpat_of_the_answers", REST, "content-encoding: unknown"),
        ("transfer-encoding: gzip, chunked", chunked, "transfer-encoding: gzip"),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked", chunked, "transfer-encoding: gzip"),
    ] {
        let (response, _, failure) = attempted(answer(fields, rest));
        let failure = failure.map(|failure| failure.words).unwrap_or_default();
        let words = format!(
            "the answer is encoded ({seen}) although the request forbids it, and the token could not be masked in it"
        );
        assert!(response.is_err() && failure == words, "{fields}: {failure}");
    }
}
