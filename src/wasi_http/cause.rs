//! The host's error codes as our few causes.
//!
//! Guarantees: policy, trust and network are told apart, since each has another remedy and only the last may get better
//! by itself.
//!
//! Refuses to pass on the host's own words, which can hold anything.

use wasi::http::types::ErrorCode;

use crate::transport::{TransportError, Unreachable};

/// The host's error code as one of our causes.
pub(super) fn cause(code: &ErrorCode) -> TransportError {
    match code {
        ErrorCode::HttpRequestDenied => TransportError::Denied("the address is not among those granted"),
        ErrorCode::DestinationIpProhibited => TransportError::Denied("the network address is not allowed"),
        ErrorCode::ConnectionLimitReached => TransportError::Denied("too many connections are open"),
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_) => TransportError::Denied("the answer is larger than it allows"),
        ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_) => TransportError::Denied("the request is not one that it sends"),
        ErrorCode::TlsProtocolError => TransportError::Tls("no TLS session could be agreed on"),
        ErrorCode::TlsCertificateError => TransportError::Tls("the certificate is not accepted"),
        ErrorCode::TlsAlertReceived(_) => TransportError::Tls("the other side broke the handshake off"),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => Unreachable::NameNotFound.into(),
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Unreachable::TimedOut.into(),
        ErrorCode::ConnectionRefused => Unreachable::Refused.into(),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => Unreachable::BrokeOff.into(),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => Unreachable::NoRoute.into(),
        ErrorCode::HttpProtocolError
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_) => Unreachable::Protocol.into(),
        ErrorCode::LoopDetected | ErrorCode::ConfigurationError | ErrorCode::InternalError(_) => {
            Unreachable::Other.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_trust_and_network_are_told_apart() {
        let table = [
            (ErrorCode::HttpRequestDenied, "the broker's own policy stopped the request"),
            (ErrorCode::DestinationIpProhibited, "the broker's own policy stopped the request"),
            (ErrorCode::HttpResponseBodySize(Some(1)), "the broker's own policy stopped the request"),
            (ErrorCode::TlsCertificateError, "the connection is not trustworthy"),
            (ErrorCode::TlsProtocolError, "the connection is not trustworthy"),
            (ErrorCode::DestinationNotFound, "its name was not found in DNS"),
            (ErrorCode::DnsTimeout, "it did not answer in time"),
            (ErrorCode::ConnectionRefused, "the connection was refused"),
            (ErrorCode::ConnectionReadTimeout, "it did not answer in time"),
            (ErrorCode::ConnectionTerminated, "the connection broke off"),
            (ErrorCode::HttpResponseIncomplete, "the connection broke off"),
            (ErrorCode::DestinationIpUnroutable, "no network path"),
            (ErrorCode::HttpProtocolError, "does not speak HTTP"),
            (ErrorCode::InternalError(Some("glpat-x".to_owned())), "the connection failed"),
        ];
        for (code, words) in table {
            let error = cause(&code).to_string();
            assert!(error.contains(words), "{code:?}: {error}");
            assert!(!error.contains("glpat"), "the host's own words stay out");
        }
    }
}
