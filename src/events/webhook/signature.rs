//! Signs messages, so that a receiver can tell them from forged and replayed ones.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::body::Bytes;

use super::secret::WebhookSecret;
use crate::promotions::Timestamp;

/// A message and its signature, for one endpoint and one attempt to deliver it.
pub struct SignedMessage {
    pub(super) id: String,
    /// In seconds since the Unix epoch.
    pub(super) timestamp: i64,
    pub(super) signature: String,
    pub(super) body: Bytes,
}

impl SignedMessage {
    /// Signs a message, with both secrets during a rotation. The id stays the same in all attempts: receivers recognise
    /// repeated messages by it. It must be visible ASCII without a full stop, which separates the signed parts.
    #[must_use]
    pub fn sign(id: &str, now: Timestamp, body: Bytes, secrets: &[&WebhookSecret]) -> Self {
        let timestamp = now.millis().div_euclid(1000);
        let keys = secrets.iter().map(|secret| secret.expose_bytes().as_slice());
        let signature = signature_header(keys, id, timestamp, &body);
        Self { id: id.to_owned(), timestamp, signature, body }
    }
}

/// The value of the header webhook-signature: one signature a key, separated by spaces.
fn signature_header<'a>(keys: impl Iterator<Item = &'a [u8]>, id: &str, timestamp: i64, body: &[u8]) -> String {
    let signatures = keys.map(|key| {
        let mut hmac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
        hmac.update(format!("{id}.{timestamp}.").as_bytes());
        hmac.update(body);
        format!("v1,{}", STANDARD.encode(hmac.sign()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use standardwebhooks::Webhook;

    use super::*;

    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";

    #[test]
    fn the_published_example_has_the_published_signature() {
        let key = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let header = signature_header([key.as_slice()].into_iter(), ID, 1_649_367_553, body);
        assert_eq!(header, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn the_reference_library_verifies_a_message_with_each_of_its_secrets() {
        let secrets = [(); 3].map(|()| WebhookSecret::generate().unwrap());
        // The library compares the timestamp with the system clock.
        let now = crate::promotions::Clock::now(&crate::promotions::SystemClock);
        let body = Bytes::from_static("{\"name\":\"Zo\u{eb}\"}".as_bytes());
        let message = SignedMessage::sign(ID, now, body, &[&secrets[0], &secrets[1]]);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", message.id.parse().unwrap());
        headers.insert("webhook-timestamp", message.timestamp.into());
        headers.insert("webhook-signature", message.signature.parse().unwrap());

        let verify = |secret: &WebhookSecret, body: &[u8]| {
            Webhook::new(&secret.expose_text()).unwrap().verify(body, &headers).is_ok()
        };
        assert_eq!(secrets.each_ref().map(|secret| verify(secret, &message.body)), [true, true, false]);
        assert!(!verify(&secrets[0], b"{}"));
    }

    #[test]
    fn a_timestamp_is_in_whole_seconds() {
        let message = SignedMessage::sign(ID, Timestamp::from_millis(1_649_367_553_999), Bytes::new(), &[]);
        assert_eq!(message.timestamp, 1_649_367_553);
    }
}
