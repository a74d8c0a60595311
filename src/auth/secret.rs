//! What must not be seen.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A text that is wiped from memory when it is dropped, and shows itself to nobody who does not ask for it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text itself. Whoever asks must not keep it, print it or log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Some(Secret::from("hidden".to_owned()))), "Some(***)");
    }
}
