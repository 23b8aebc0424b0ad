//! Credentials at rest: sealed with a key of the host, for one tenant and one source.
//!
//! | | form |
//! | --- | --- |
//! | a key | `host-sim-key.v1.` and 32 random bytes in base64 |
//! | a sealed secret | `host-sim-sealed.v1.` and nonce, ciphertext and tag in base64 |
//!
//! XChaCha20-Poly1305 with a random nonce of 24 bytes. Tenant and source are authenticated with the ciphertext: a sealed secret that
//! is copied into another tenant's record, or to another address of the same tenant, does not open. Nor does one that was
//! changed or cut, or whose version was rewritten. The key comes from a file that is its owner's alone, or from the
//! environment; it and the secret are overwritten in memory when they are dropped. Nothing here prints either.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::secret::{Secret, SecretError};

const KEY_FORM: &str = "host-sim-key.v1.";
const SEALED_NAME: &str = "host-sim-sealed.";
const VERSION: &str = "v1";

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Longest key file and sealed secret that are read, bytes. A credential has at most 64 KiB.
const FILE_BYTES: u64 = 128 * 1024;

/// A key that seals and opens.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; KEY_BYTES]>);

/// Whose secret it is, and for what. Both are compared byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The source: where the secret may be sent.
    pub source: &'a str,
}

/// A sealed secret. Without the key it tells no more than how long the secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(String);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file {} cannot be {verb}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        verb: &'static str,
        /// Why.
        why: io::Error,
    },
    /// Others have rights on the file.
    #[error("the key file {} can be read or written by others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("the key file {} belongs to another user", .0.display())]
    Foreign(PathBuf),
    /// It is no key. Never repeats the text.
    #[error("{0} holds no key of the form {KEY_FORM}…")]
    Form(String),
    /// The operating system has no randomness.
    #[error("no random numbers can be had: {0}")]
    Random(String),
}

/// Why a secret cannot be sealed or opened. Never repeats it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It is no sealed secret.
    #[error("this is no sealed secret")]
    Form,
    /// It was sealed by another version.
    #[error("the secret was sealed in the form {0}, and this host opens {VERSION}")]
    Version(String),
    /// The key does not fit: a cipher cannot tell why.
    #[error(
        "the sealed secret does not open: it was sealed with another key, for another tenant or source, or was changed"
    )]
    Closed,
    /// What it held is no credential.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The operating system has no randomness.
    #[error("no random numbers can be had: {0}")]
    Random(String),
}

impl SealingKey {
    /// Makes a key and writes it to a new file, readable by its owner alone. An existing file is left alone: whatever was
    /// sealed with a key that is written over is lost.
    ///
    /// # Errors
    /// [`KeyError::File`] when it exists or cannot be written, [`KeyError::Random`].
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(|error| KeyError::Random(error.to_string()))?;
        let text = Zeroizing::new(format!("{KEY_FORM}{}\n", BASE64_STANDARD_NO_PAD.encode(key.as_slice())));
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|why| KeyError::File { path: path.to_owned(), verb: "written", why })?;
        Ok(Self(key))
    }

    /// Reads a key file. It must be this user's, with no rights for anybody else.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |why| KeyError::File { path: path.to_owned(), verb: "read", why };
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode: metadata.mode() & 0o7777 });
        }
        if ![0, rustix::process::geteuid().as_raw()].contains(&metadata.uid()) {
            return Err(KeyError::Foreign(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Takes a key from an environment variable.
    ///
    /// # Errors
    /// [`KeyError::Form`] when it is not set, or holds no key.
    pub fn from_environment(name: &str) -> Result<Self, KeyError> {
        let place = format!("the environment variable {name}");
        let Ok(text) = std::env::var(name) else { return Err(KeyError::Form(place)) };
        Self::parse(&Zeroizing::new(text), &place)
    }

    fn parse(text: &str, place: &str) -> Result<Self, KeyError> {
        let form = || KeyError::Form(place.to_owned());
        let digits = text.trim().strip_prefix(KEY_FORM).ok_or_else(form)?;
        let bytes = Zeroizing::new(BASE64_STANDARD_NO_PAD.decode(digits).map_err(|_| form())?);
        let key: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| form())?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Seals a secret for its owner.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn seal(&self, secret: &Secret, owner: Owner<'_>) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| SealError::Random(error.to_string()))?;
        let payload = Payload { msg: secret.as_bytes(), aad: &owner.associated() };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError::Closed)?;
        let digits = BASE64_STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        Ok(Sealed(format!("{SEALED_NAME}{VERSION}.{digits}")))
    }

    /// Opens what was sealed for this owner.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, sealed: &Sealed, owner: Owner<'_>) -> Result<Secret, SealError> {
        let (_, digits) = sealed.parts()?;
        let bytes = BASE64_STANDARD_NO_PAD.decode(digits).map_err(|_| SealError::Form)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or(SealError::Form)?;
        let payload = Payload { msg: ciphertext, aad: &owner.associated() };
        let plain = self.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| SealError::Closed)?;
        // The text takes over the bytes, and overwrites them when it is dropped; what is no text is overwritten here.
        let text = String::from_utf8(plain).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            SealError::Secret(SecretError::NotAHeader)
        })?;
        Ok(Secret::new(text)?)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.as_slice().into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey")
    }
}

impl Owner<'_> {
    /// Version, tenant and source, each with its length before it: no two owners have the same bytes.
    fn associated(self) -> Vec<u8> {
        [VERSION, self.tenant, self.source]
            .iter()
            .flat_map(|part| {
                let length = u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes();
                length.into_iter().chain(part.bytes())
            })
            .collect()
    }
}

impl Sealed {
    /// Takes a text that was sealed before: a form field, a column, the content of a file.
    ///
    /// # Errors
    /// [`SealError::Form`] and [`SealError::Version`].
    pub fn new(text: &str) -> Result<Self, SealError> {
        let sealed = Self(text.trim().to_owned());
        sealed.parts()?;
        Ok(sealed)
    }

    /// Reads a file that holds one.
    ///
    /// # Errors
    /// When it cannot be read; what it holds is judged by [`Sealed::new`].
    pub fn read(path: &Path) -> io::Result<String> {
        let mut text = String::new();
        File::open(path)?.take(FILE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The text to keep.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Version and digits.
    fn parts(&self) -> Result<(&str, &str), SealError> {
        let (version, digits) =
            self.0.strip_prefix(SEALED_NAME).and_then(|rest| rest.split_once('.')).ok_or(SealError::Form)?;
        let is_version = version.len() <= 8 && version.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match version {
            VERSION => Ok((version, digits)),
            other if is_version => Err(SealError::Version(other.to_owned())),
            _ => Err(SealError::Form),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD_NO_PAD;

    use super::{KeyError, Owner, SealError, Sealed, SealingKey};
    use crate::egress::Secret;

    const TOKEN: &str = "glpat-canary-of-a-tenant";
    const OWNER: Owner<'_> = Owner { tenant: "acme", source: "https://gitlab.example.com" };

    fn key() -> SealingKey {
        let folder = tempfile::tempdir().unwrap();
        SealingKey::create(&folder.path().join("key")).unwrap()
    }

    fn secret() -> Secret {
        Secret::new(TOKEN.to_owned()).unwrap()
    }

    #[test]
    fn opens_for_its_owner_and_for_nobody_else() {
        let key = key();
        let sealed = key.seal(&secret(), OWNER).unwrap();
        assert_eq!(key.open(&sealed, OWNER).unwrap().as_bytes(), TOKEN.as_bytes());
        assert!(!sealed.as_str().contains("canary"));
        for other in [
            Owner { tenant: "acme2", ..OWNER },
            Owner { tenant: "", ..OWNER },
            Owner { source: "https://gitlab.example.org", ..OWNER },
            Owner { source: "https://gitlab.example.com:8443", ..OWNER },
            // The same letters with the border elsewhere.
            Owner { tenant: "acmeh", source: "ttps://gitlab.example.com" },
            Owner { tenant: OWNER.source, source: OWNER.tenant },
        ] {
            assert_eq!(key.open(&sealed, other).unwrap_err(), SealError::Closed, "{other:?}");
        }
        assert_eq!(self::key().open(&sealed, OWNER).unwrap_err(), SealError::Closed, "another key");
        // Twice the same is never the same twice.
        assert_ne!(key.seal(&secret(), OWNER).unwrap(), sealed);
    }

    #[test]
    fn nothing_of_it_can_be_changed_or_left_out() {
        let key = key();
        let sealed = key.seal(&secret(), OWNER).unwrap();
        let digits = sealed.as_str().strip_prefix("host-sim-sealed.v1.").unwrap();
        let bytes = BASE64_STANDARD_NO_PAD.decode(digits).unwrap();
        let open = |bytes: &[u8]| {
            let text = format!("host-sim-sealed.v1.{}", BASE64_STANDARD_NO_PAD.encode(bytes));
            key.open(&Sealed::new(&text).unwrap(), OWNER).map(|_| ())
        };
        assert_eq!(open(&bytes), Ok(()));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(open(&changed), Err(SealError::Closed), "{place}");
            let error = if place < 24 { SealError::Form } else { SealError::Closed };
            assert_eq!(open(&bytes[..place]), Err(error), "the first {place} bytes");
        }
        assert_eq!(open(&[&bytes[..], &[0]].concat()), Err(SealError::Closed));
    }

    #[test]
    fn another_form_is_named_and_nothing_else_is_repeated() {
        for (text, error) in [
            ("host-sim-sealed.v2.AAAA", SealError::Version("v2".to_owned())),
            ("host-sim-sealed.v1", SealError::Form),
            ("host-sim-sealed.glpat-canary-of-a-tenant.x", SealError::Form),
            (TOKEN, SealError::Form),
            ("", SealError::Form),
        ] {
            assert_eq!(Sealed::new(text).unwrap_err(), error, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
        let not_digits = Sealed::new("host-sim-sealed.v1.*").unwrap();
        assert_eq!(key().open(&not_digits, OWNER).unwrap_err(), SealError::Form);
        assert_eq!(format!("{:?}", key()), "SealingKey");
    }

    #[test]
    fn a_key_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = SealingKey::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = made.seal(&secret(), OWNER).unwrap();
        assert!(SealingKey::read(&path).unwrap().open(&sealed, OWNER).is_ok());
        for mode in [0o640, 0o604, 0o620, 0o601, 0o644] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(SealingKey::read(&path), Err(KeyError::Exposed { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(SealingKey::read(&path).is_ok());
        // A key is never written over.
        assert!(matches!(SealingKey::create(&path), Err(KeyError::File { .. })));
        assert!(SealingKey::read(&path).unwrap().open(&sealed, OWNER).is_ok());
        let other = folder.path().join("other");
        for text in ["", "host-sim-key.v1.AAAA", "host-sim-key.v2.AAAA", TOKEN] {
            fs::write(&other, text).unwrap();
            fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
            let error = SealingKey::read(&other).unwrap_err();
            assert!(matches!(error, KeyError::Form(_)) && !error.to_string().contains("canary"), "{error}");
        }
        assert!(matches!(SealingKey::from_environment("HOST_SIM_NO_SUCH_KEY"), Err(KeyError::Form(_))));
    }
}
