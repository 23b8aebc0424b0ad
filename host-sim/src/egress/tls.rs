//! Which servers are trusted, and how they have to speak.
//!
//! Guarantees: TLS 1.2 or 1.3; a certificate for the very name or address that was granted, in date, signed by the system's
//! roots or by the tenant's own. Sessions are kept by this configuration, and so by the tenant.
//!
//! Refuses anything older, also from a server that offers nothing else. There is no switch that trusts blindly.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The CA file cannot be read or parsed.
    #[error("the CA file {} cannot be read: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The CA file holds no certificate.
    #[error("the CA file {} holds no certificate", .0.display())]
    EmptyCaFile(PathBuf),
    /// The cryptography library refused its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Rustls(#[from] rustls::Error),
}

/// How long the system's roots are taken for what they were.
const FRESH: Duration = Duration::from_secs(60);

/// The system's roots, the same for all tenants: a hundred and more certificates, which a thousand tenants would each read from
/// their files and keep. Whatever is bound to a connection stays with each tenant's own configuration.
static SYSTEM: Kept<RootCertStore> = Kept(Mutex::new(None));

/// Something that is made anew when it has become old.
struct Kept<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Kept<T> {
    fn at(&self, now: Instant, make: impl FnOnce() -> T) -> Arc<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.as_ref().filter(|(made, _)| now.saturating_duration_since(*made) < FRESH);
        if let Some((_, what)) = fresh {
            return Arc::clone(what);
        }
        let what = Arc::new(make());
        *kept = Some((now, Arc::clone(&what)));
        what
    }
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(target: "egress", %error, "system root certificates");
    }
    let (_, ignored) = roots.add_parsable_certificates(native.certs);
    if ignored > 0 {
        tracing::warn!(target: "egress", ignored, "system root certificates that do not parse");
    }
    roots
}

/// Begins to read the system's roots, while whoever is about to go to the network gets something else done: they are hundreds of files on
/// some systems, and milliseconds. The first client waits for what is left of that.
pub fn read_roots_ahead() {
    let reading = std::thread::Builder::new().name("roots".to_owned());
    if let Err(error) = reading.spawn(|| SYSTEM.at(Instant::now(), system_roots)) {
        tracing::debug!(target: "egress", %error, "the roots are read when they are needed");
    }
}

/// The system's roots, read at most a minute ago, and those of `ca_file` (PEM) beside them. TLS 1.2 and 1.3.
///
/// A machine without system roots is no error here: plain loopback works, and a TLS server is then refused by name.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let mut roots = SYSTEM.at(Instant::now(), system_roots);
    if let Some(path) = ca_file {
        let roots = Arc::make_mut(&mut roots);
        let fail = |why: String| TlsError::CaFile { path: path.to_owned(), why };
        let mut found = false;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(error.to_string()))? {
            let certificate = certificate.map_err(|error| fail(error.to_string()))?;
            roots.add(certificate).map_err(|error| fail(error.to_string()))?;
            found = true;
        }
        if !found {
            return Err(TlsError::EmptyCaFile(path.to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        // Named, so that no new version of the library can widen it by its defaults.
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use rustls::RootCertStore;

    use super::{FRESH, Kept, SYSTEM, TlsError, config, system_roots};

    #[test]
    fn what_all_tenants_share_is_made_once_and_again_when_it_is_old() {
        let kept = Kept(Mutex::new(None));
        let now = Instant::now();
        let first = kept.at(now, || 1);
        let fresh = kept.at(now + FRESH - Duration::from_millis(1), || 2);
        assert!(Arc::ptr_eq(&first, &fresh));
        assert_eq!(*kept.at(now + FRESH, || 3), 3);
        // A clock that went back makes nothing old.
        assert_eq!(*kept.at(now, || 4), 3);
    }

    /// One tenant's authority must not become everybody's.
    #[test]
    fn an_authority_of_one_tenant_is_not_among_those_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        let authority = rcgen::generate_simple_self_signed(["authority.example".to_owned()]).unwrap();
        std::fs::write(&path, authority.cert.pem()).unwrap();
        let count = || SYSTEM.at(Instant::now(), RootCertStore::empty).len();
        config(None).unwrap();
        let before = count();
        config(Some(&path)).unwrap();
        assert_eq!((count(), before), (before, system_roots().len()));
    }

    #[test]
    fn a_file_without_a_certificate_is_no_authority() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        for content in ["", "not a certificate\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(matches!(config(Some(&path)).unwrap_err(), TlsError::EmptyCaFile(_)), "{content:?}");
        }
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(matches!(config(Some(&path)).unwrap_err(), TlsError::CaFile { .. }));
    }
}
