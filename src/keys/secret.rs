//! Secrets: made of 256 random bits, kept as their SHA-256.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every secret that the service makes begins with, so that it is known for one where it should not be.
const PREFIX: &str = "epk_";
/// SHA-256 of a secret. Two are compared in a time that does not depend on what they are.
#[derive(Clone, Copy, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of a secret.
    pub fn of(secret: &[u8]) -> Self {
        SecretHash(Sha256::digest(secret).into())
    }

    /// In hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Of its hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(SecretHash(bytes))
    }

    /// What an `Idempotency-Key` is kept as that came with this key: it counts for this key alone, and tells nothing of it.
    pub fn scoped(self, idempotency_key: &str) -> String {
        let both = [&self.0[..], idempotency_key.as_bytes()].concat();
        SecretHash::of(&both).to_hex()
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        // Word by word: byte by byte takes eight times as long.
        let words = |hash: &Self| bytemuck::cast::<[u8; 32], [u64; 4]>(hash.0);
        words(self)[..].ct_eq(&words(other)[..]).into()
    }
}

impl std::hash::Hash for SecretHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// A new secret; none if the system gives no random bits.
pub fn new_secret() -> Option<String> {
    let mut bits = [0; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bits).ok()?;
    Some(PREFIX.to_owned() + &URL_SAFE_NO_PAD.encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_random_and_known_by_their_hash() {
        let (one, other) = (new_secret().expect("bits"), new_secret().expect("bits"));
        assert!(one.starts_with("epk_") && one.len() == 4 + 43 && one != other);
        let hash = SecretHash::of(one.as_bytes());
        assert!(hash == SecretHash::from_hex(&hash.to_hex()).expect("64 digits"));
        assert!(hash != SecretHash::of(other.as_bytes()));
        assert_eq!(format!("{hash:?}"), "SecretHash(…)");
        assert!(SecretHash::from_hex("00").is_none() && SecretHash::from_hex(&"x".repeat(64)).is_none());
    }
}
