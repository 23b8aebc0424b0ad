//! Servers whose certificates are not what they should be. What breaks the protocol itself is in `contained`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fake_gitlab::{FakeGitlab, Options};
use host_sim::contract::Failure;
use host_sim::egress::{Lookup, Resolve, SystemResolver};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};

use crate::host::{LOOPBACK, Tenant, end};

/// A certificate of a server, and how it came about.
struct Certificate {
    names: Vec<String>,
    years: (i32, i32),
    signed_by_itself: bool,
    for_authorities: bool,
}

impl Certificate {
    fn of(name: &str) -> Self {
        Self { names: vec![name.to_owned()], years: (2020, 4000), signed_by_itself: false, for_authorities: false }
    }
}

/// TLS in front of an honest stand-in; ends with the test.
struct Front {
    gitlab: FakeGitlab,
    address: SocketAddr,
    authority: tempfile::NamedTempFile,
    /// Requests that came through to what is behind TLS.
    agreed: Arc<AtomicUsize>,
    _task: tokio::task::JoinSet<()>,
}

impl Front {
    async fn start(
        on: &str,
        certificate: Certificate,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Option<Self> {
        let listener = TcpListener::bind((on.parse::<IpAddr>().unwrap(), 0)).await.ok()?;
        let gitlab = fake_gitlab::start(Options { users: 3, ..Options::default() }).await.unwrap();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = Issuer::from_params(&authority, &authority_key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(certificate.names).unwrap();
        // Not the name of the authority, which rcgen would give both.
        params.distinguished_name.push(DnType::CommonName, "server");
        params.not_before = date_time_ymd(certificate.years.0, 1, 1);
        params.not_after = date_time_ymd(certificate.years.1, 1, 1);
        if certificate.for_authorities {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        let signed = if certificate.signed_by_itself {
            params.self_signed(&key).unwrap()
        } else {
            params.signed_by(&key, &issuer).unwrap()
        };
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(signed.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority_pem).unwrap();
        let address = listener.local_addr().unwrap();
        let (behind, agreed) = (gitlab.address(), Arc::new(AtomicUsize::new(0)));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut task = tokio::task::JoinSet::new();
        let count = Arc::clone(&agreed);
        task.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
                connections.spawn(async move {
                    let Ok(mut front) = acceptor.accept(stream).await else { return };
                    count.fetch_add(1, Ordering::SeqCst);
                    let Ok(mut back) = TcpStream::connect(behind).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut front, &mut back).await;
                });
            }
        });
        Some(Self { gitlab, address, authority: file, agreed, _task: task })
    }
}

/// Every name is this machine.
#[derive(Debug)]
struct Here;

impl Resolve for Here {
    fn lookup(&self, _: &str) -> Lookup {
        Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
    }
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];

/// How a call to `host` ends, and how many requests came through TLS.
async fn call(front: &Front, host: &str, trusting: bool, resolver: Arc<dyn Resolve>) -> (String, usize) {
    let tenant = Tenant::with(LOOPBACK, trusting.then(|| front.authority.path()), resolver);
    let call = tenant.page(&format!("https://{host}:{}", front.address.port())).await;
    if let Ok(Err(failure)) = &call.result {
        assert!(matches!(failure, Failure::Tls(_)), "{host}: {}", end(&call));
        assert_eq!(front.gitlab.request_count(), 0, "{host}: nothing was asked, so no token was shown");
    }
    (end(&call), front.agreed.load(Ordering::SeqCst))
}

#[test]
fn only_the_right_certificate_is_accepted() {
    let other_name = "the certificate is made out for another name";
    let untrusted = "the certificate is signed by an authority that is not trusted here";
    let (fine, name) = ("it was taken for a GitLab", "gitlab.example.com");
    let cases: Vec<(&str, Certificate, bool, &str)> = vec![
        (name, Certificate::of(name), true, fine),
        (name, Certificate::of("*.example.com"), true, fine),
        (name, Certificate::of(name), false, untrusted),
        (name, Certificate::of("other.example.com"), true, other_name),
        (name, Certificate::of("example.com"), true, other_name),
        (name, Certificate::of("*.gitlab.example.com"), true, other_name),
        (name, Certificate::of("*.com"), true, other_name),
        (name, Certificate::of("gitlab.example.com.evil.example"), true, other_name),
        (name, Certificate::of("127.0.0.1"), true, other_name),
        ("127.0.0.1", Certificate::of("127.0.0.1"), true, fine),
        ("127.0.0.1", Certificate::of("127.0.0.2"), true, other_name),
        ("127.0.0.1", Certificate::of("localhost"), true, other_name),
        (name, Certificate { years: (2020, 2021), ..Certificate::of(name) }, true, "the certificate has expired"),
        (name, Certificate { years: (3000, 4000), ..Certificate::of(name) }, true, "the certificate is not valid yet"),
        (name, Certificate { signed_by_itself: true, ..Certificate::of(name) }, true, untrusted),
        (name, Certificate { signed_by_itself: true, ..Certificate::of(name) }, false, untrusted),
        (name, Certificate { for_authorities: true, ..Certificate::of(name) }, true, "CaUsedAsEndEntity"),
    ];
    crate::support::runtime().block_on(async {
        for (number, (host, certificate, trusting, expected)) in cases.into_iter().enumerate() {
            let front = Front::start("127.0.0.1", certificate, BOTH).await.unwrap();
            let (end, _) = call(&front, host, trusting, Arc::new(Here)).await;
            assert!(end.contains(expected), "{number} {host}: {end}");
        }
    });
}

#[test]
fn both_versions_and_an_address_of_ipv6_work() {
    crate::support::runtime().block_on(async {
        for version in BOTH {
            let front = Front::start("127.0.0.1", Certificate::of("127.0.0.1"), &[version]).await.unwrap();
            let (end, agreed) = call(&front, "127.0.0.1", true, Arc::new(SystemResolver)).await;
            assert!(end == "it was taken for a GitLab" && agreed > 0, "{version:?}: {end}");
        }
        let Some(front) = Front::start("::1", Certificate::of("::1"), BOTH).await else {
            eprintln!("skipped: this machine has no ::1");
            return;
        };
        assert_eq!(call(&front, "[::1]", true, Arc::new(SystemResolver)).await.0, "it was taken for a GitLab");
        let other = Front::start("::1", Certificate::of("127.0.0.1"), BOTH).await.unwrap();
        let (end, _) = call(&other, "[::1]", true, Arc::new(SystemResolver)).await;
        assert!(end.contains("the certificate is made out for another name"), "{end}");
    });
}
