//! The URL of a database, as the driver and we read it.

use tokio_postgres::{Config, config::SslNegotiation};

use super::tls::{self, Authorities};
use crate::store::error::in_full;

/// What PostgreSQL shows of our sessions in `pg_stat_activity`, unless the URL has a name of its own.
const APPLICATION_NAME: &str = "promolink";

/// How to connect, and who may vouch for the server; `None` for plain text.
pub fn parse(url: &str) -> Result<(Config, Option<Authorities>), String> {
    reject_ambiguous(url)?;
    let (url, encrypted) = tls::split(url)?;
    let mut config: Config = url.parse().map_err(|error| in_full(&error))?;
    // Written in another way than what `split` looks for.
    if encrypted.is_none() && config.get_ssl_negotiation() == SslNegotiation::Direct {
        return Err("sslnegotiation=direct requires sslmode=verify-full".to_owned());
    }
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    Ok((config, encrypted))
}

/// Rejects a password that is not encoded: the driver would take the rest of it, after an @, for the host.
fn reject_ambiguous(url: &str) -> Result<(), String> {
    let Some((credentials, rest)) = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')) else {
        return Ok(());
    };
    let address = rest.split('?').next().unwrap_or_default();
    if address.contains('@') || (credentials.contains('/') && credentials.contains('?')) {
        return Err(
            "an @ stands elsewhere than before the host; in a user name, a password or a parameter, write @ as %40, \
                    / as %2F, : as %3A and ? as %3F"
                .to_owned(),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_not_encoded_is_rejected_with_the_way_to_write_it() {
        for url in [
            "postgres://shop:p@ss/word@127.0.0.1:55440/promolink",
            "postgres://shop:p@ss@h/d",
            "postgres://shop@eu@h/d",
            "postgres://h:5432/d?application_name=shop@eu",
        ] {
            assert!(parse(url).unwrap_err().contains("write @ as %40"), "{url}");
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
    fn a_url_that_the_driver_can_not_read_is_rejected() {
        for url in ["postgres://h:port/d", "postgres://h/d?no_such=1", "postgres://h/d?connect_timeout=soon"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn sessions_have_the_programs_name_or_that_of_the_url() {
        let name = |url| parse(url).unwrap().0.get_application_name().map(ToOwned::to_owned);
        assert_eq!(name("postgres://h/d").as_deref(), Some("promolink"));
        assert_eq!(name("postgres://h/d?application_name=shop").as_deref(), Some("shop"));
    }
}
