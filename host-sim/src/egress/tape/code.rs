//! Errors as a recording keeps them: by stable names, with what a guest can see of them.

use serde::{Deserialize, Serialize};
use wasmtime_wasi_http::Error;

/// The errors that the egress gives. Any other is kept as `other`, with its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Code {
    NameNotFound,
    AddressProhibited,
    Unavailable,
    ConnectionRefused,
    ConnectionTimeout,
    ConnectionTerminated,
    ReadTimeout,
    ResponseTimeout,
    TlsCertificate,
    TlsProtocol,
    TlsAlert { id: Option<u8>, message: Option<String> },
    HeadSize(Option<u32>),
    BodySize(Option<u64>),
    Protocol,
    Other(String),
}

impl From<&Error> for Code {
    fn from(error: &Error) -> Self {
        match error {
            Error::DnsError { .. } => Self::NameNotFound,
            Error::DestinationIpProhibited => Self::AddressProhibited,
            Error::DestinationUnavailable => Self::Unavailable,
            Error::ConnectionRefused => Self::ConnectionRefused,
            Error::ConnectionTimeout => Self::ConnectionTimeout,
            Error::ConnectionTerminated => Self::ConnectionTerminated,
            Error::ConnectionReadTimeout => Self::ReadTimeout,
            Error::HttpResponseTimeout => Self::ResponseTimeout,
            Error::TlsCertificateError => Self::TlsCertificate,
            Error::TlsProtocolError => Self::TlsProtocol,
            Error::TlsAlertReceived { alert_id, alert_message } => {
                Self::TlsAlert { id: *alert_id, message: alert_message.clone() }
            }
            Error::HttpResponseHeaderSectionSize(size) => Self::HeadSize(*size),
            Error::HttpResponseBodySize(size) => Self::BodySize(*size),
            Error::HttpProtocolError => Self::Protocol,
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        match code {
            Code::NameNotFound => Self::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None },
            Code::AddressProhibited => Self::DestinationIpProhibited,
            Code::Unavailable => Self::DestinationUnavailable,
            Code::ConnectionRefused => Self::ConnectionRefused,
            Code::ConnectionTimeout => Self::ConnectionTimeout,
            Code::ConnectionTerminated => Self::ConnectionTerminated,
            Code::ReadTimeout => Self::ConnectionReadTimeout,
            Code::ResponseTimeout => Self::HttpResponseTimeout,
            Code::TlsCertificate => Self::TlsCertificateError,
            Code::TlsProtocol => Self::TlsProtocolError,
            Code::TlsAlert { id, message } => Self::TlsAlertReceived { alert_id: id, alert_message: message },
            Code::HeadSize(size) => Self::HttpResponseHeaderSectionSize(size),
            Code::BodySize(size) => Self::HttpResponseBodySize(size),
            Code::Protocol => Self::HttpProtocolError,
            Code::Other(words) => Self::InternalError(Some(words)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use wasmtime_wasi_http::Error;

    use super::Code;

    #[test]
    fn a_guest_sees_the_same_error_again() {
        for error in [
            Error::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None },
            Error::DestinationIpProhibited,
            Error::DestinationUnavailable,
            Error::ConnectionRefused,
            Error::ConnectionTimeout,
            Error::ConnectionTerminated,
            Error::ConnectionReadTimeout,
            Error::HttpResponseTimeout,
            Error::TlsCertificateError,
            Error::TlsProtocolError,
            Error::TlsAlertReceived { alert_id: Some(40), alert_message: Some("HandshakeFailure".to_owned()) },
            Error::HttpResponseHeaderSectionSize(None),
            Error::HttpResponseBodySize(Some(7)),
            Error::HttpProtocolError,
        ] {
            let text = serde_json::to_string(&Code::from(&error)).unwrap();
            let again = Error::from(serde_json::from_str::<Code>(&text).unwrap());
            assert_eq!(format!("{again:?}"), format!("{error:?}"), "{text}");
        }
        let other = Error::from(Code::from(&Error::LoopDetected));
        assert!(matches!(other, Error::InternalError(Some(_))));
    }
}
