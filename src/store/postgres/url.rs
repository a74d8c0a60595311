//! URLs of PostgreSQL databases, as the driver and this program read them.

use tokio_postgres::{Config, config::SslNegotiation};

use super::tls::{self, TlsUrlError, TrustedRoots};
use crate::store::error::in_full;

/// The name of our sessions in `pg_stat_activity`, unless the URL has one.
const APPLICATION_NAME: &str = "promolink";

/// A URL of a PostgreSQL database can't be used.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// A special character is not encoded.
    #[error(
        "it has an @ elsewhere than before the host: in a user name, a password or a parameter, write @ as %40, / as %2F, \
         : as %3A and ? as %3F"
    )]
    NotEncoded,
    /// Its encryption parameters are wrong.
    #[error(transparent)]
    Tls(#[from] TlsUrlError),
    /// The driver can't read it.
    #[error("{}", in_full(.0))]
    Driver(tokio_postgres::Error),
    /// It lists several hosts, and not as many addresses or ports.
    #[error("it has a different number of hosts than of addresses or ports")]
    HostCounts,
    /// It has no host.
    #[error("it has no host")]
    NoHost,
}

/// The driver's configuration, and the roots to verify the server with: `None` for plain text.
pub fn parse(url: &str) -> Result<(Config, Option<TrustedRoots>), UrlError> {
    reject_ambiguous(url)?;
    let (url, roots) = tls::split(url)?;
    let mut config: Config = url.parse().map_err(UrlError::Driver)?;
    // Written in a form that `split` does not find.
    if roots.is_none() && config.get_ssl_negotiation() == SslNegotiation::Direct {
        return Err(TlsUrlError::WithoutTls.into());
    }
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    Ok((config, roots))
}

/// Rejects a password that is not encoded: the driver would take the part after an @ for the host.
fn reject_ambiguous(url: &str) -> Result<(), UrlError> {
    let Some((credentials, rest)) = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')) else {
        return Ok(());
    };
    let address = rest.split('?').next().unwrap_or_default();
    if address.contains('@') || (credentials.contains('/') && credentials.contains('?')) {
        return Err(UrlError::NotEncoded);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_not_encoded_is_rejected() {
        for url in [
            "postgres://shop:p@ss/word@127.0.0.1:55440/promolink",
            "postgres://shop:p@ss@h/d",
            "postgres://shop@eu@h/d",
            "postgres://h:5432/d?application_name=shop@eu",
        ] {
            assert!(parse(url).unwrap_err().to_string().contains("write @ as %40"), "{url}");
        }
        for url in [
            "postgres://shop:p%40ss%2Fword@h/d",
            "postgres://shop:a:b@h/d",
            "postgres://h,i/d?target_session_attrs=read-write",
        ] {
            parse(url).unwrap();
        }
    }

    #[test]
    fn a_url_that_the_driver_can_t_read_is_rejected() {
        for url in ["postgres://h:port/d", "postgres://h/d?no_such=1", "postgres://h/d?connect_timeout=soon"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn sessions_have_the_name_of_the_program_or_of_the_url() {
        let name = |url| parse(url).unwrap().0.get_application_name().map(ToOwned::to_owned);
        assert_eq!(name("postgres://h/d").as_deref(), Some("promolink"));
        assert_eq!(name("postgres://h/d?application_name=shop").as_deref(), Some("shop"));
    }
}
