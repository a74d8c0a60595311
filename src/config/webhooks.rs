//! Webhooks.
//!
//! | option | variable |
//! |---|---|
//! | `--webhook-allow` | `PROMOLINK_WEBHOOK_ALLOW` |
//! | `--webhook-allow-http` | `PROMOLINK_WEBHOOK_ALLOW_HTTP` |
//! | | `PROMOLINK_ENCRYPTION_KEY` |

use clap::Args;
use ipnet::IpNet;

use super::{ConfigError, Variable, values::parse_switch};
use crate::events::{AddressPolicy, SecretCipher, WebhookSettings};

/// The keys have no option: other users of the machine could read them there.
pub const ENCRYPTION_KEY: Variable = Variable { name: "PROMOLINK_ENCRYPTION_KEY", default: None };

/// Where webhooks may be sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// Permit webhooks to this network, such as 10.1.0.0/16. By default, they are sent to public addresses only. May be
    /// repeated
    #[arg(long = "webhook-allow", env = "PROMOLINK_WEBHOOK_ALLOW", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network)]
    allowed: Vec<IpNet>,
    /// Permit webhooks to URLs that begin with http://
    #[arg(long = "webhook-allow-http", env = "PROMOLINK_WEBHOOK_ALLOW_HTTP", value_parser = parse_switch)]
    http_permitted: bool,
}

impl WebhookArgs {
    /// Reads the keys that encrypt secrets, and returns the settings.
    pub fn settings(self) -> Result<WebhookSettings, ConfigError> {
        let cipher = match ENCRYPTION_KEY.read()? {
            Some(keys) => SecretCipher::from_keys(&keys).map_err(ConfigError::EncryptionKey)?,
            None => SecretCipher::default(),
        };
        let Self { allowed, http_permitted } = self;
        Ok(WebhookSettings { addresses: AddressPolicy::new(allowed), http_permitted, cipher })
    }
}

/// Parses a network. Addresses that embed an IPv4 address are compared as that, so a network of them would permit nothing.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let network: IpNet =
        text.trim().parse().map_err(|_| "must be a network such as 10.1.0.0/16 or fd00::/8".to_owned())?;
    match network {
        IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => Err("must be written as an IPv4 network".to_owned()),
        network => Ok(network),
    }
}
