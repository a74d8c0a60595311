//! Texts that must not reach logs.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret text. It is wiped from memory when it is dropped, and its `Debug` form hides it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// The text. Do not keep, print or log it.
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
    fn the_debug_form_hides_a_secret() {
        assert_eq!(format!("{:?}", Some(Secret::from("hidden".to_owned()))), "Some(***)");
    }
}
