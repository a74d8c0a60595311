//! The secret that signs the webhooks of an endpoint, and that its receiver verifies them with.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretBox};

/// The length of a secret, in bytes: as long as the output of its hash function. The specification permits 24 to 64.
pub const SECRET_BYTES: usize = 32;

/// The secret of an endpoint. It is wiped from memory when it is dropped, and its `Debug` form hides it.
pub struct WebhookSecret(SecretBox<[u8; SECRET_BYTES]>);

impl WebhookSecret {
    /// Generates a random secret.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Box::new([0; SECRET_BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes.into()))
    }

    /// The text that the receiver is configured with: `whsec_` and the secret in base64. Do not keep, print or log it.
    #[must_use]
    pub fn expose_text(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.expose_bytes()))
    }

    pub(super) fn expose_bytes(&self) -> &[u8; SECRET_BYTES] {
        self.0.expose_secret()
    }
}

impl From<[u8; SECRET_BYTES]> for WebhookSecret {
    fn from(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Box::new(bytes).into())
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_a_prefix_and_32_bytes_in_base64() {
        let text = WebhookSecret::from([7; SECRET_BYTES]).expose_text();
        assert_eq!(text, "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    }

    #[test]
    fn generated_secrets_differ() {
        let [one, other] = [(); 2].map(|()| WebhookSecret::generate().unwrap().expose_text());
        assert_ne!(one, other);
    }

    #[test]
    fn the_debug_form_hides_a_secret() {
        assert_eq!(format!("{:?}", Some(WebhookSecret::from([7; SECRET_BYTES]))), "Some(***)");
    }
}
