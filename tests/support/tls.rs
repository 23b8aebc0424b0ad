//! TLS in front of a server, with a certificate made for the test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::StandIn;

/// A TLS port that leads to a server.
pub struct TlsFront {
    pub address: SocketAddr,
    authority: String,
}

impl TlsFront {
    /// Listens with a certificate for `name`, signed by an authority that nobody knows.
    pub fn start(stand_in: &StandIn, name: &str) -> Self {
        Self::before(stand_in.gitlab.address(), &stand_in.runtime, name)
    }

    /// The same, to any server.
    pub fn before(behind: SocketAddr, runtime: &Runtime, name: &str) -> Self {
        let authority_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&authority_key).expect("an authority");
        let issuer = Issuer::from_params(&params, &authority_key);
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .expect("parameters")
            .signed_by(&key, &issuer)
            .expect("a certificate");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
            )
            .expect("a certificate that fits its key");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut front) = acceptor.accept(stream).await else { return };
                    let Ok(mut back) = TcpStream::connect(behind).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
                });
            }
        });
        Self { address, authority: authority.pem() }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Writes the authority's certificate.
    pub fn write_authority(&self, path: &Path) {
        std::fs::write(path, &self.authority).expect("a file");
    }
}
