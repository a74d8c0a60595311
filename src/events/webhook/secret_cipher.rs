//! Encrypts the secrets of endpoints for the store, so that a copy of the database does not disclose them.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::secret::{SECRET_BYTES, WebhookSecret};

/// The first byte of a stored secret that is not encrypted. The secret follows.
const PLAIN: u8 = 0;

/// The first byte of a stored secret that is encrypted with AES-256-GCM. The nonce, the ciphertext and the tag follow.
const AES_GCM: u8 = 1;

/// Encrypts with its first key and decrypts with all of them, so that keys can be rotated. Without a key, which is the
/// default, secrets are stored as they are.
#[derive(Debug, Default)]
pub struct SecretCipher {
    keys: Vec<RandomizedNonceKey>,
}

/// A part of the list of keys that is not a key. The message omits its text, which may be most of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key {position} must be 32 bytes in base64, such as from: openssl rand -base64 32")]
pub struct InvalidEncryptionKey {
    /// Its place in the list, from 1.
    pub position: usize,
}

/// Encrypting a secret failed, which only happens if the random source fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot encrypt a webhook secret")]
pub struct SealFailed;

/// Why a stored secret can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSecret {
    /// It is encrypted, and the cipher has no key.
    #[error("the webhook secret is encrypted, and no encryption key is set")]
    NoKey,
    /// It was encrypted with another key or for another endpoint, or changed afterwards.
    #[error("no encryption key decrypts the webhook secret")]
    Undecryptable,
    /// It is not in a known format.
    #[error("the stored webhook secret is malformed")]
    Malformed,
}

impl SecretCipher {
    /// Parses a list of keys, separated by commas. The first one encrypts.
    pub fn from_keys(list: &str) -> Result<Self, InvalidEncryptionKey> {
        let keys = list.split(',').enumerate().map(|(index, text)| {
            let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
            // Rejects other lengths than that of a key.
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
            key.map_err(|_| InvalidEncryptionKey { position: index + 1 })
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// Prepares a secret for the store. The context is not stored, but opening needs the same one: with the ids of the
    /// organisation and the endpoint, an encrypted secret can't be moved to another endpoint.
    pub fn seal(&self, context: &[u8], secret: &WebhookSecret) -> Result<Vec<u8>, SealFailed> {
        let bytes = secret.expose_bytes();
        let Some(key) = self.keys.first() else {
            return Ok([&[PLAIN], bytes.as_slice()].concat());
        };
        let mut ciphertext = bytes.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut ciphertext).map_err(|_| SealFailed)?;
        Ok([&[AES_GCM], nonce.as_ref().as_slice(), &ciphertext].concat())
    }

    /// Reads a stored secret. One that is not encrypted is readable with any keys, so that encryption can be introduced later.
    pub fn open(&self, context: &[u8], stored: &[u8]) -> Result<WebhookSecret, UnreadableSecret> {
        let (version, rest) = stored.split_first().ok_or(UnreadableSecret::Malformed)?;
        match *version {
            PLAIN => secret(rest),
            AES_GCM if self.keys.is_empty() => Err(UnreadableSecret::NoKey),
            AES_GCM => {
                let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(UnreadableSecret::Malformed)?;
                let opened = self.keys.iter().find_map(|key| {
                    let mut text = ciphertext.to_vec();
                    let nonce = Nonce::assume_unique_for_key(*nonce);
                    key.open_in_place(nonce, Aad::from(context), &mut text).ok().map(|opened| secret(opened))
                });
                opened.unwrap_or(Err(UnreadableSecret::Undecryptable))
            }
            _ => Err(UnreadableSecret::Malformed),
        }
    }
}

fn secret(bytes: &[u8]) -> Result<WebhookSecret, UnreadableSecret> {
    let bytes: [u8; SECRET_BYTES] = bytes.try_into().map_err(|_| UnreadableSecret::Malformed)?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &[u8] = b"organisation 1, endpoint 2";

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    fn cipher(keys: &[u8]) -> SecretCipher {
        let keys: Vec<_> = keys.iter().copied().map(key).collect();
        SecretCipher::from_keys(&keys.join(", ")).unwrap()
    }

    fn opened(cipher: &SecretCipher, context: &[u8], stored: &[u8]) -> Result<String, UnreadableSecret> {
        cipher.open(context, stored).map(|secret| secret.expose_text())
    }

    #[test]
    fn a_sealed_secret_is_encrypted_and_opens_again() {
        let secret = WebhookSecret::from([7; SECRET_BYTES]);
        let [stored, other] = [(); 2].map(|()| cipher(&[1]).seal(CONTEXT, &secret).unwrap());
        assert_eq!((stored[0], stored.len()), (AES_GCM, 1 + 12 + 32 + 16));
        assert_ne!(stored, other, "a nonce was used twice");
        assert!(!stored.windows(4).any(|bytes| bytes == [7; 4]));
        assert_eq!(opened(&cipher(&[1]), CONTEXT, &stored), Ok(secret.expose_text()));
    }

    #[test]
    fn after_a_rotation_old_secrets_open_and_new_ones_use_the_new_key() {
        let secret = WebhookSecret::from([7; SECRET_BYTES]);
        let old = cipher(&[1]).seal(CONTEXT, &secret).unwrap();
        let rotated = cipher(&[2, 1]);
        assert_eq!(opened(&rotated, CONTEXT, &old), Ok(secret.expose_text()));
        let new = rotated.seal(CONTEXT, &secret).unwrap();
        assert_eq!(opened(&cipher(&[2]), CONTEXT, &new), Ok(secret.expose_text()));
        assert_eq!(opened(&cipher(&[1]), CONTEXT, &new), Err(UnreadableSecret::Undecryptable));
    }

    #[test]
    fn a_secret_opens_only_unchanged_and_for_its_endpoint() {
        let cipher = cipher(&[1]);
        let stored = cipher.seal(CONTEXT, &WebhookSecret::from([7; SECRET_BYTES])).unwrap();
        assert_eq!(opened(&cipher, b"another", &stored), Err(UnreadableSecret::Undecryptable));
        for position in 1..stored.len() {
            let mut changed = stored.clone();
            changed[position] ^= 1;
            assert_eq!(opened(&cipher, CONTEXT, &changed), Err(UnreadableSecret::Undecryptable), "{position}");
        }
        assert_eq!(opened(&SecretCipher::default(), CONTEXT, &stored), Err(UnreadableSecret::NoKey));
    }

    #[test]
    fn without_a_key_a_secret_is_plain_and_opens_with_keys_too() {
        let secret = WebhookSecret::from([7; SECRET_BYTES]);
        let stored = SecretCipher::default().seal(CONTEXT, &secret).unwrap();
        assert_eq!(stored, [&[PLAIN], [7; SECRET_BYTES].as_slice()].concat());
        for cipher in [SecretCipher::default(), cipher(&[1])] {
            assert_eq!(opened(&cipher, CONTEXT, &stored), Ok(secret.expose_text()));
        }
    }

    #[test]
    fn malformed_secrets_are_rejected() {
        for stored in [&[][..], &[PLAIN], &[PLAIN; 32], &[PLAIN; 34], &[AES_GCM; 12], &[2; 33]] {
            assert_eq!(opened(&cipher(&[1]), CONTEXT, stored), Err(UnreadableSecret::Malformed), "{stored:?}");
        }
    }

    #[test]
    fn malformed_keys_are_rejected_with_their_position() {
        let short = STANDARD.encode([1; 31]);
        let long = STANDARD.encode([1; 33]);
        let lists =
            [("", 1), (",", 1), ("secret", 1), (&*short, 1), (&*long, 1)].map(|(text, at)| (text.to_owned(), at));
        let later = [format!("{},", key(1)), format!("{},{short}", key(1))].map(|list| (list, 2));
        for (list, position) in lists.into_iter().chain(later) {
            assert_eq!(SecretCipher::from_keys(&list).err(), Some(InvalidEncryptionKey { position }), "{list}");
        }
    }

    #[test]
    fn the_debug_form_hides_the_keys() {
        let shown = format!("{:?}", cipher(&[0xab]));
        assert!(
            !shown.contains(&key(0xab)) && !shown.contains("171") && !shown.to_lowercase().contains("abab"),
            "{shown}"
        );
    }
}
