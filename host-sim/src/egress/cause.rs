//! From a failure of the HTTP libraries to a code for the guest and a sentence for the administrator.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;
use wasmtime_wasi_http::Error;

use super::connect::ConnectError;
use super::ledger::NetworkFailureKind;
use super::upload;

/// Why a request failed.
pub(super) struct Cause {
    /// What the guest gets to see.
    pub(super) code: Error,
    /// What the administrator gets to see. Holds no header, body, or query.
    pub(super) words: String,
    /// Its kind.
    pub(super) kind: NetworkFailureKind,
    /// The address was refused: the request counts as denied, not as failed.
    pub(super) prohibited: Option<std::net::IpAddr>,
}

impl Cause {
    pub(super) fn new(code: Error, words: impl Into<String>) -> Self {
        let kind = match &code {
            Error::TlsCertificateError | Error::TlsProtocolError | Error::TlsAlertReceived { .. } => {
                NetworkFailureKind::Tls
            }
            Error::HttpResponseHeaderSectionSize(_)
            | Error::HttpResponseBodySize(_)
            | Error::HttpRequestBodySize(_) => NetworkFailureKind::Limit,
            _ => NetworkFailureKind::Other,
        };
        Self { code, words: words.into(), kind, prohibited: None }
    }
}

/// Looks through the chain of sources for the first error that says something.
pub(super) fn of(error: &(dyn StdError + 'static)) -> Cause {
    look(error).unwrap_or_else(|| Cause::new(Error::HttpProtocolError, "the answer is not HTTP"))
}

fn look(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if let Some(cause) = known(error) {
        return Some(cause);
    }
    let Some(io) = error.downcast_ref::<io::Error>() else {
        return look(error.source()?);
    };
    // What an I/O error wraps is not its source: the source is that of the wrapped error.
    io.get_ref().and_then(|wrapped| look(wrapped)).or_else(|| of_io(io))
}

fn known(error: &(dyn StdError + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return Some(of_connect(error));
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(of_tls(error));
    }
    // What our own limit on the body of a request ended.
    if let Some(Error::HttpRequestBodySize(Some(limit))) = error.downcast_ref::<Error>() {
        return Some(Cause::new(Error::HttpRequestBodySize(Some(*limit)), upload::too_large(*limit)));
    }
    if let Some(Error::HttpRequestDenied) = error.downcast_ref::<Error>() {
        return Some(denied_body());
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_incomplete_message() {
        Some(Cause::new(Error::ConnectionTerminated, "the connection was closed before the answer was whole"))
    } else if error.is_parse_too_large() {
        Some(Cause::new(
            Error::HttpResponseHeaderSectionSize(None),
            "the head of the answer is larger than the limit response_headers or response_head_bytes",
        ))
    } else if error.is_parse() {
        // The library's own words, which hold nothing of the answer.
        Some(Cause::new(Error::HttpProtocolError, format!("the answer is not HTTP: {error}")))
    } else {
        None
    }
}

/// What the look through the body of a request ended.
pub(super) fn denied_body() -> Cause {
    let words = "the body of the request is not JSON, or signs in, which is the host's to do";
    Cause { kind: NetworkFailureKind::Denied, ..Cause::new(Error::HttpRequestDenied, words) }
}

fn of_connect(error: &ConnectError) -> Cause {
    let words = error.to_string();
    match error {
        ConnectError::NameNotFound { .. } => {
            Cause::new(Error::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None }, words)
        }
        ConnectError::AddressProhibited { address, .. } => {
            Cause { prohibited: Some(*address), ..Cause::new(Error::DestinationIpProhibited, words) }
        }
        ConnectError::Timeout(_) => Cause::new(Error::ConnectionTimeout, words),
    }
}

fn of_tls(error: &rustls::Error) -> Cause {
    match error {
        rustls::Error::InvalidCertificate(why) => Cause::new(Error::TlsCertificateError, of_certificate(why)),
        rustls::Error::InvalidMessage(_) => {
            Cause::new(Error::TlsProtocolError, "what answers at that port does not speak TLS")
        }
        rustls::Error::AlertReceived(alert) => Cause::new(
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) },
            format!("the server refused the TLS connection: {alert:?}"),
        ),
        other => Cause::new(Error::TlsProtocolError, format!("no TLS connection: {other}")),
    }
}

fn of_certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "the certificate is signed by an authority that is not trusted here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is made out for another name".to_owned()
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        other => format!("the certificate is not accepted: {other:?}"),
    }
}

fn of_io(error: &io::Error) -> Option<Cause> {
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => Cause::new(Error::ConnectionRefused, "nothing listens at that port"),
        io::ErrorKind::TimedOut => Cause::new(Error::ConnectionTimeout, "the connection timed out"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            Cause::new(Error::ConnectionTerminated, "the connection broke off")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Cause::new(Error::DestinationUnavailable, format!("the address cannot be reached: {error}"))
        }
        // From the library's reader of chunks, again in words of its own.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Cause::new(Error::HttpProtocolError, format!("the answer breaks HTTP's framing: {error}"))
        }
        _ => return None,
    })
}
