//! Who vouches for a component.
//!
//! A signature is detached and in minisign's format: Ed25519 over the BLAKE2b-512 digest of the component, with a signed
//! comment. It is made by `minisign -Sm plugin.wasm` or `rsign sign plugin.wasm`, and it is checked before the component
//! is parsed. Refused: the older form that signs the file itself, another key, another file, a changed comment.

use std::path::Path;

use minisign_verify::{Error, PublicKey, Signature};

use super::Refusal;

/// Longest file of a key or a signature, bytes. Both have a few short lines.
const FILE_BYTES: u64 = 16 * 1024;

/// The key of whom a host trusts.
#[derive(Debug, Clone)]
pub struct VerifyKey(PublicKey);

/// A file that holds no key or no signature.
#[derive(Debug, thiserror::Error)]
#[error("{path} holds no minisign {what}: {why}")]
pub struct SignatureFileError {
    path: String,
    what: &'static str,
    why: String,
}

impl VerifyKey {
    /// Reads a public key file as `minisign -G` writes it, or its second line alone.
    ///
    /// # Errors
    /// When there is no such file, or something else in it.
    pub fn read(path: &Path) -> Result<Self, SignatureFileError> {
        let what = "public key";
        let text = read(path, what)?;
        PublicKey::decode(&text)
            .or_else(|_| PublicKey::from_base64(text.trim()))
            .map(Self)
            .map_err(|_| SignatureFileError::new(path, what, "its form is another"))
    }

    /// Checks that `signature`, the text of a signature file, was made by this key for `bytes`, and gives its signed
    /// comment.
    ///
    /// # Errors
    /// [`Refusal::Signature`].
    pub fn check(&self, bytes: &[u8], signature: &SignatureText) -> Result<String, Refusal> {
        // Not the older form: its signature is over the file, not over a digest of it.
        self.0.verify(bytes, &signature.0, false).map_err(|error| {
            Refusal::Signature(match error {
                Error::UnexpectedKeyId => "the signature was made with another key",
                Error::UnexpectedAlgorithm => "the signature has minisign's older form; sign without -l",
                _ => "the signature is not one of this file by this key",
            })
        })?;
        Ok(signature.0.trusted_comment().to_owned())
    }
}

/// A signature file, parsed.
#[derive(Clone)]
pub struct SignatureText(Signature);

impl SignatureText {
    /// Reads a signature file.
    ///
    /// # Errors
    /// When there is no such file, or something else in it.
    pub fn read(path: &Path) -> Result<Self, SignatureFileError> {
        let what = "signature";
        Signature::decode(&read(path, what)?)
            .map(Self)
            .map_err(|_| SignatureFileError::new(path, what, "its form is another"))
    }
}

impl SignatureFileError {
    fn new(path: &Path, what: &'static str, why: impl Into<String>) -> Self {
        Self { path: path.display().to_string(), what, why: why.into() }
    }
}

fn read(path: &Path, what: &'static str) -> Result<String, SignatureFileError> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES).read_to_string(&mut text))
        .map_err(|error| SignatureFileError::new(path, what, error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{SignatureText, VerifyKey};
    use crate::admission::Refusal;

    // Made by minisign 0.11 with keys that were thrown away: `minisign -Sm FILE`, and `-Slm` for the older form.
    const KEY: &str = "RWTEpuIcrydWYzpRxGr3bL1haJW6J+ZR/Gn5NQwF+m5FanWETQGSTdla";
    const OTHER_KEY: &str = "RWTGiG/iDYHcC8xK5aA39ie9nIbN4yQYkHuIcEGQQs7wq3sDk10/Kk3d";
    const SIGNED: &[u8] = b"a component";
    const SIGNATURE: &str = "\
untrusted comment: signature from minisign secret key
RUTEpuIcrydWYw55fBaNrfamlZgQ0CpKS/7h0N2sBKvceBKqguNniP0io1HxOMFq1sgzW8IC49kPYcan8RzwePD/1Kwa2Hwoxwo=
trusted comment: gitlab-seats 0.1.0
c8AfHwNlesArVuKlQzFA7KnsbMmC1T4Mzn0eIOwmCnUlhuX2BZuBq0ge32IyzpkP2qvmS74iW+OJ8eBvh/LsDw==
";
    const OLDER_FORM: &str = "\
untrusted comment: signature from minisign secret key
RWTEpuIcrydWY3fQMx8h8TmkpCu9Jo7pmqDtyb5RmWpn/LdbADcrMdWZ15A1+ZQxPLU5pXJ1EHyEOd73xoxJrZTImBXrOiLhxQI=
trusted comment: gitlab-seats 0.1.0
QQT/wdH0hybR7sT0ERtdJzjT/BkPo5v5hbT9i1Chp+4lvBEBLG+H29nE6bj0vAZUxRJlwtowXlIis+FZv/S5Aw==
";

    fn checked(key: &str, bytes: &[u8], signature: &str) -> Result<String, Refusal> {
        let folder = tempfile::tempdir().unwrap();
        let (key_file, signature_file) = (folder.path().join("key"), folder.path().join("signature"));
        std::fs::write(&key_file, key).unwrap();
        std::fs::write(&signature_file, signature).unwrap();
        VerifyKey::read(&key_file).unwrap().check(bytes, &SignatureText::read(&signature_file).unwrap())
    }

    #[test]
    fn what_minisign_signs_is_accepted() {
        assert_eq!(checked(KEY, SIGNED, SIGNATURE).unwrap(), "gitlab-seats 0.1.0");
        let whole_file = format!("untrusted comment: minisign public key 635627AF1CE2A6C4\n{KEY}\n");
        assert!(checked(&whole_file, SIGNED, SIGNATURE).is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = |key, bytes, signature: &str| checked(key, bytes, signature).unwrap_err().to_string();
        let about = "the plugin's signature is not accepted: ";
        let forged = format!("{about}the signature is not one of this file by this key");
        assert_eq!(refused(KEY, b"b component", SIGNATURE), forged);
        assert_eq!(refused(KEY, SIGNED, &SIGNATURE.replace("0.1.0", "0.2.0")), forged);
        assert_eq!(refused(KEY, SIGNED, &SIGNATURE.replace("Yw55fBaN", "Yw55fBaM")), forged);
        assert_eq!(refused(OTHER_KEY, SIGNED, SIGNATURE), format!("{about}the signature was made with another key"));
        // Another key that calls itself the same.
        let named_alike = KEY.replace("TQGSTdla", "TQGSTdlb");
        assert_eq!(refused(&named_alike, SIGNED, SIGNATURE), forged);
        let older = format!("{about}the signature has minisign's older form; sign without -l");
        assert_eq!(refused(KEY, SIGNED, OLDER_FORM), older);
    }

    #[test]
    fn a_file_of_something_else_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let words =
            || (VerifyKey::read(&path).unwrap_err().to_string(), SignatureText::read(&path).err().unwrap().to_string());
        assert!(words().0.contains("holds no minisign public key"), "{words:?}", words = words());
        std::fs::write(&path, "something else\nover two lines\n").unwrap();
        let name = path.display();
        assert_eq!(words().0, format!("{name} holds no minisign public key: its form is another"));
        assert_eq!(words().1, format!("{name} holds no minisign signature: its form is another"));
    }
}
