//! Customer tokens.
//!
//! | option | variable |
//! |---|---|
//! | `--jwt-issuer` | `PROMOLINK_JWT_ISSUER` |
//! | `--jwt-audience` | `PROMOLINK_JWT_AUDIENCE` |
//! | `--jwks` | `PROMOLINK_JWKS` |
//! | `--jwt-secret-file` | `PROMOLINK_JWT_SECRET_FILE` |
//! | `--jwt-customer-claim` | `PROMOLINK_JWT_CUSTOMER_CLAIM` |
//! | `--jwt-org-claim` | `PROMOLINK_JWT_ORG_CLAIM` |
//! | `--jwt-org` | `PROMOLINK_JWT_ORG` |
//! | | `PROMOLINK_JWT_SECRET` |
//! | | `PROMOLINK_JWT_PREVIOUS_SECRET` |

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, builder::NonEmptyStringValueParser};

use super::{ConfigError, Variable};
use crate::auth::{CustomerTokens, KeySource, Secret, TokenOrganisation, TokenSettings};

/// The secret itself has no option: other users of the machine could read it there.
pub const SECRET: Variable = Variable { name: "PROMOLINK_JWT_SECRET", default: None };

/// A second secret, while the issuer changes from one to the other.
pub const PREVIOUS_SECRET: Variable = Variable { name: "PROMOLINK_JWT_PREVIOUS_SECRET", default: None };

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
    /// secret itself in the variable PROMOLINK_JWT_SECRET. To change the secret, accept both for a while: give the option
    /// twice, or set the old one in PROMOLINK_JWT_PREVIOUS_SECRET
    #[arg(long, env = "PROMOLINK_JWT_SECRET_FILE", value_name = "FILE", value_delimiter = ',')]
    jwt_secret_file: Vec<PathBuf>,
    /// The claim with the customer's number. Identity providers often have ids of their own in sub
    #[arg(long, env = "PROMOLINK_JWT_CUSTOMER_CLAIM", value_name = "NAME", default_value = "sub",
        value_parser = NonEmptyStringValueParser::new())]
    jwt_customer_claim: String,
    /// The claim with the organisation's number
    #[arg(long, env = "PROMOLINK_JWT_ORG_CLAIM", value_name = "NAME", default_value = "org_id",
        value_parser = NonEmptyStringValueParser::new())]
    jwt_org_claim: String,
    /// The organisation of all tokens, instead of a claim
    #[arg(long, env = "PROMOLINK_JWT_ORG", value_name = "NUMBER", value_parser = TokenOrganisation::fixed)]
    jwt_org: Option<TokenOrganisation>,
}

impl TokenArgs {
    /// Reads the secret and returns the settings, or `None` if no tokens are accepted.
    pub fn settings(self) -> Result<Option<TokenSettings>, ConfigError> {
        let secrets = [SECRET.read()?, PREVIOUS_SECRET.read()?].map(|secret| secret.map(Secret::from));
        let keys = match (self.jwks, &*self.jwt_secret_file, secrets) {
            (None, [], [None, None]) => None,
            (Some(source), [], [None, None]) if source.contains("://") => Some(KeySource::Url(source)),
            (Some(source), [], [None, None]) => Some(KeySource::File(source.into())),
            (None, paths @ ([_] | [_, _]), [None, None]) => {
                let secrets = paths.iter().map(|path| read_secret(path));
                Some(KeySource::Secrets(secrets.collect::<Result<_, _>>()?))
            }
            (None, [], [Some(secret), previous]) => {
                Some(KeySource::Secrets([Some(secret), previous].into_iter().flatten().collect()))
            }
            _ => return Err(ConfigError::SeveralTokenKeys),
        };
        let organisation = self.jwt_org.unwrap_or(TokenOrganisation::Claim(self.jwt_org_claim));
        let customer_claim = self.jwt_customer_claim;
        match (keys, self.jwt_issuer, self.jwt_audience) {
            (None, None, None) => Ok(None),
            (Some(keys), Some(issuer), Some(audience)) => {
                Ok(Some(TokenSettings { issuer, audience, keys, customer_claim, organisation }))
            }
            (None, ..) => Err(ConfigError::TokenKeysMissing),
            (Some(_), ..) => Err(ConfigError::TokenClaimsMissing),
        }
    }
}

/// Loads the keys of customer tokens. A URL that can't be fetched now is fetched later, so an error means wrong settings.
pub async fn start_tokens(settings: TokenSettings) -> Result<CustomerTokens, ConfigError> {
    let option = match &settings.keys {
        KeySource::Secrets(_) => format!("--jwt-secret-file or {}", SECRET.name),
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
