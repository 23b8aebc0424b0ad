//! Signs as minisign does, for tests: one key, which is made anew each time.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub struct Signer {
    key: Ed25519KeyPair,
}

/// The key's name in every signature. Two keys may have one name.
const KEY_ID: [u8; 8] = *b"a key id";

impl Signer {
    pub fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
        Self { key: Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key") }
    }

    /// The public key file.
    pub fn key_file(&self) -> String {
        let key = [b"Ed", &KEY_ID[..], self.key.public_key().as_ref()].concat();
        format!("untrusted comment: a key\n{}\n", BASE64_STANDARD.encode(key))
    }

    /// The signature file of `bytes`.
    pub fn signature_file(&self, bytes: &[u8], comment: &str) -> String {
        let digest = blake2b_simd::blake2b(bytes);
        let signature = self.key.sign(digest.as_bytes());
        let line = [b"ED", &KEY_ID[..], signature.as_ref()].concat();
        let of_comment = self.key.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        let (line, of_comment) = (BASE64_STANDARD.encode(line), BASE64_STANDARD.encode(of_comment));
        format!("untrusted comment: none\n{line}\ntrusted comment: {comment}\n{of_comment}\n")
    }
}
