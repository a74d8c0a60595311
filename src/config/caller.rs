//! The callers of `promolink dev`.
//!
//! | option | variable |
//! |---|---|
//! | `--as` | |

use clap::Args;

use crate::auth::{Credential, Role};

/// What a server without credentials takes its callers for.
#[derive(Debug, Args)]
pub struct CallerArgs {
    /// Treat every caller as this role: admin, service, storefront, or a customer such as customer:42
    #[arg(long = "as", value_name = "ROLE", default_value = "admin", value_parser = parse_caller)]
    pub caller: (Role, Credential),
}

fn parse_caller(text: &str) -> Result<(Role, Credential), String> {
    let role = match text {
        "admin" => Role::Admin,
        "service" => Role::Service,
        "storefront" => Role::Storefront,
        _ => {
            let customer = text.strip_prefix("customer:").and_then(|number| number.parse().ok());
            let customer = customer.ok_or("must be admin, service, storefront, or a customer such as customer:42")?;
            return Ok((Role::Customer, Credential::Customer(customer)));
        }
    };
    Ok((role, Credential::None))
}
