//! Which customer tokens `serve` takes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, builder::NonEmptyStringValueParser};

use crate::{
    auth::{KeySource, Secret, TokenSettings},
    commands::{environment::variable, settings_error},
};

/// A secret has no argument: other users of the machine could read it there.
pub const SECRET_VARIABLE: &str = "PROMOLINK_JWT_SECRET";

#[derive(Debug, Args)]
#[command(next_help_heading = "Customer tokens")]
pub struct TokenArguments {
    /// Who issues them: what their claim iss must be
    #[arg(long, env = "PROMOLINK_JWT_ISSUER", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    jwt_issuer: Option<String>,
    /// Whom they are for: what their claim aud must be or contain
    #[arg(long, env = "PROMOLINK_JWT_AUDIENCE", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    jwt_audience: Option<String>,
    /// The issuer's public keys: a JSON Web Key Set (RFC 7517), refreshed every 5 minutes, and immediately for a new key
    #[arg(long, env = "PROMOLINK_JWKS", value_name = "FILE or https://URL", value_parser = NonEmptyStringValueParser::new())]
    jwks: Option<String>,
    /// A file with the secret that the issuer shares, instead of public keys (or set PROMOLINK_JWT_SECRET)
    #[arg(long, env = "PROMOLINK_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
}

impl TokenArguments {
    /// The settings. `None` if no tokens are accepted.
    pub fn settings(self) -> anyhow::Result<Option<TokenSettings>> {
        let secret = variable(SECRET_VARIABLE)?.map(Secret::from);
        let keys = match (self.jwks, self.jwt_secret_file, secret) {
            (None, None, None) => None,
            (Some(source), None, None) if source.contains("://") => Some(KeySource::Url(source)),
            (Some(source), None, None) => Some(KeySource::File(source.into())),
            (None, Some(path), None) => Some(KeySource::Secret(read_secret(&path)?)),
            (None, None, Some(secret)) => Some(KeySource::Secret(secret)),
            _ => {
                return Err(settings_error(format_args!(
                    "customer tokens: exactly one of --jwks, --jwt-secret-file and {SECRET_VARIABLE} is required, not \
                     several"
                )));
            }
        };
        match (keys, self.jwt_issuer, self.jwt_audience) {
            (None, None, None) => Ok(None),
            (Some(keys), Some(issuer), Some(audience)) => Ok(Some(TokenSettings { issuer, audience, keys })),
            (None, ..) => Err(settings_error(format_args!(
                "customer tokens: one of --jwks, --jwt-secret-file and {SECRET_VARIABLE} is missing"
            ))),
            (Some(_), ..) => Err(settings_error("customer tokens: both --jwt-issuer and --jwt-audience are required")),
        }
    }
}

/// Reads a secret, without the blanks around it.
fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let unreadable = |error| settings_error(format_args!("--jwt-secret-file: cannot read {}: {error}", path.display()));
    let text = Secret::from(fs::read_to_string(path).map_err(unreadable)?);
    Ok(text.expose().trim().to_owned().into())
}
