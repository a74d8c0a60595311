//! Customer tokens.
//!
//! | option | variable |
//! |---|---|
//! | `--jwt-issuer` | `PROMOLINK_JWT_ISSUER` |
//! | `--jwt-audience` | `PROMOLINK_JWT_AUDIENCE` |
//! | `--jwks` | `PROMOLINK_JWKS` |
//! | `--jwt-secret-file` | `PROMOLINK_JWT_SECRET_FILE` |
//! | | `PROMOLINK_JWT_SECRET` |

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, builder::NonEmptyStringValueParser};

use super::{ConfigError, Variable};
use crate::auth::{CustomerTokens, KeySource, Secret, TokenSettings};

/// The secret itself has no option: other users of the machine could read it there.
pub const SECRET: Variable = Variable { name: "PROMOLINK_JWT_SECRET", default: None };

/// Customer tokens.
#[derive(Debug, Args)]
#[command(next_help_heading = "Customer tokens")]
pub struct TokenArgs {
    /// Accept tokens of this issuer: the value of the claim iss
    #[arg(long, env = "PROMOLINK_JWT_ISSUER", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    jwt_issuer: Option<String>,
    /// Accept tokens for this audience: the value of the claim aud, or one of its values
    #[arg(long, env = "PROMOLINK_JWT_AUDIENCE", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    jwt_audience: Option<String>,
    /// Verify signatures with the issuer's public keys: a JSON Web Key Set (RFC 7517) in a file or at an https:// URL. The
    /// key set is read again every 5 minutes, and immediately when a token names an unknown key
    #[arg(long, env = "PROMOLINK_JWKS", value_name = "FILE|URL", value_parser = NonEmptyStringValueParser::new())]
    jwks: Option<String>,
    /// Verify signatures with the secret in this file, of at least 32 bytes, instead of public keys. Alternatively, set the
    /// secret itself in the variable PROMOLINK_JWT_SECRET
    #[arg(long, env = "PROMOLINK_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
}

impl TokenArgs {
    /// Reads the secret and returns the settings, or `None` if no tokens are accepted.
    pub fn settings(self) -> Result<Option<TokenSettings>, ConfigError> {
        let secret = SECRET.read()?.map(Secret::from);
        let keys = match (self.jwks, self.jwt_secret_file, secret) {
            (None, None, None) => None,
            (Some(source), None, None) if source.contains("://") => Some(KeySource::Url(source)),
            (Some(source), None, None) => Some(KeySource::File(source.into())),
            (None, Some(path), None) => Some(KeySource::Secret(read_secret(&path)?)),
            (None, None, Some(secret)) => Some(KeySource::Secret(secret)),
            _ => return Err(ConfigError::SeveralTokenKeys),
        };
        match (keys, self.jwt_issuer, self.jwt_audience) {
            (None, None, None) => Ok(None),
            (Some(keys), Some(issuer), Some(audience)) => Ok(Some(TokenSettings { issuer, audience, keys })),
            (None, ..) => Err(ConfigError::TokenKeysMissing),
            (Some(_), ..) => Err(ConfigError::TokenClaimsMissing),
        }
    }
}

/// Loads the keys of customer tokens. A URL that can't be fetched now is fetched later, so an error means wrong settings.
pub async fn start_tokens(settings: TokenSettings) -> Result<CustomerTokens, ConfigError> {
    let option = match &settings.keys {
        KeySource::Secret(_) => format!("--jwt-secret-file or {}", SECRET.name),
        KeySource::File(path) => format!("--jwks {}", path.display()),
        // A URL that is rejected may have a password in it.
        KeySource::Url(_) => "--jwks".to_owned(),
    };
    CustomerTokens::start(settings).await.map_err(|source| ConfigError::TokenKeysUnusable { option, source })
}

/// Reads a secret, without the white space around it.
fn read_secret(path: &Path) -> Result<Secret, ConfigError> {
    let text = fs::read_to_string(path);
    let text = Secret::from(text.map_err(|source| ConfigError::SecretUnreadable { path: path.to_owned(), source })?);
    Ok(text.expose().trim().to_owned().into())
}
