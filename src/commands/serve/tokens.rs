//! Which customer tokens `serve` takes.

use std::{
    env::{self, VarError},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;

use crate::auth::{KeySource, Secret, TokenSettings};

/// A secret has no argument: other users of the machine could read it there.
const SECRET_VARIABLE: &str = "PROMOLINK_JWT_SECRET";

#[derive(Debug, Args)]
#[command(next_help_heading = "Customer tokens")]
pub struct TokenArguments {
    /// Who issues them: what their claim iss must be
    #[arg(long, env = "PROMOLINK_JWT_ISSUER", value_name = "TEXT")]
    jwt_issuer: Option<String>,
    /// Whom they are for: what their claim aud must be or contain
    #[arg(long, env = "PROMOLINK_JWT_AUDIENCE", value_name = "TEXT")]
    jwt_audience: Option<String>,
    /// The issuer's public keys: a JSON Web Key Set (RFC 7517), refreshed every 5 minutes, and immediately for a new key
    #[arg(long, env = "PROMOLINK_JWKS", value_name = "FILE or https://URL")]
    jwks: Option<String>,
    /// A file with the secret that the issuer shares, instead of public keys (or set PROMOLINK_JWT_SECRET)
    #[arg(long, env = "PROMOLINK_JWT_SECRET_FILE", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
}

impl TokenArguments {
    /// The settings. `None`: no tokens are taken.
    pub fn settings(self) -> anyhow::Result<Option<TokenSettings>> {
        // A variable that is set to nothing is as good as none.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let secret = match env::var(SECRET_VARIABLE) {
            Err(VarError::NotUnicode(_)) => bail!("{SECRET_VARIABLE} is not UTF-8"),
            secret => given(secret.ok()).map(Secret::from),
        };
        let file = self.jwt_secret_file.filter(|path| !path.as_os_str().is_empty());
        let keys = match (given(self.jwks), file, secret) {
            (None, None, None) => None,
            (Some(source), None, None) if source.contains("://") => Some(KeySource::Url(source)),
            (Some(source), None, None) => Some(KeySource::File(source.into())),
            (None, Some(path), None) => Some(KeySource::Secret(read_secret(&path)?)),
            (None, None, Some(secret)) => Some(KeySource::Secret(secret)),
            _ => {
                bail!("customer tokens: one of --jwks, --jwt-secret-file and {SECRET_VARIABLE} is wanted, not several")
            }
        };
        match (keys, given(self.jwt_issuer), given(self.jwt_audience)) {
            (None, None, None) => Ok(None),
            (Some(keys), Some(issuer), Some(audience)) => Ok(Some(TokenSettings { issuer, audience, keys })),
            (None, ..) => bail!("customer tokens: one of --jwks, --jwt-secret-file and {SECRET_VARIABLE} is missing"),
            (Some(_), ..) => bail!("customer tokens: both --jwt-issuer and --jwt-audience are wanted"),
        }
    }
}

fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = Secret::from(fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?);
    Ok(text.expose().trim_end_matches(['\r', '\n']).to_owned().into())
}
