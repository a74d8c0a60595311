//! `promolink serve`: the server in production.

pub mod operations;
mod tokens;

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use self::operations::{OperationArguments, READ_VARIABLE};
use super::{Database, listen, open, parse_url, signals, wire::WireArguments};
use crate::{
    app::{self, App},
    auth::{ApiKeys, Authenticator, CustomerTokens, LimitSetting, Limits},
    promotions::{Clock, SystemClock},
    store::{self, DatabaseUrl},
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// The address to listen on, for plain HTTP: put a proxy before it that speaks TLS. Port 0 takes a free one
    #[arg(long, env = "PROMOLINK_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    wire: WireArguments,
    #[command(flatten)]
    customer_tokens: tokens::TokenArguments,
    #[command(flatten)]
    pub operations: OperationArguments,
    /// Another limit than the default, a number or none; may be given more than once
    #[arg(
        long = "limit",
        env = "PROMOLINK_LIMITS",
        value_name = "ROLE.LIMIT=NUMBER",
        value_delimiter = ',',
        help_heading = "Limits"
    )]
    limits: Vec<String>,
}

/// What `--help` ends with.
pub fn notes() -> String {
    format!(
        "Every caller shows a credential, as the header  Authorization: Bearer CREDENTIAL

An API key is made by `promolink key create`. A customer token is a JSON Web Token (RFC 7519):
  its claims     iss, aud, exp, org_id (the organisation's number), sub (the customer's number)
  its signature  HS256 by the secret in PROMOLINK_JWT_SECRET or --jwt-secret-file,
                 or RS256, ES256 or EdDSA by a key of --jwks

Limits of one credential: operations and links a second; links an hour that fail and that succeed
(new-links, which counts repeated links as well), in all and for one customer. An hour's are there
at once at first, and come back over an hour. An operation counts as one, and as one more for each
further 500 values that it would read and return if every page were full, or 50 look-ups. Each server
process counts for itself. The defaults:

{}

Examples:
  promolink migrate
  promolink key create --org 100458 --role service > service.key
  promolink serve --listen 0.0.0.0:8080 --limit storefront.operations=2000",
        Limits::default()
    )
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let (engine, wire) = (arguments.wire.engine()?, arguments.wire.wire(false)?);
    let customer_tokens = match arguments.customer_tokens.settings()? {
        Some(settings) => {
            let with = settings.keys.to_string();
            let ready = CustomerTokens::start(settings).await;
            Some(ready.with_context(|| format!("cannot check customer tokens with {with}"))?)
        }
        None => None,
    };
    let mut limits = Limits::default();
    // A variable that is set to nothing is as good as none.
    for setting in arguments.limits.iter().filter(|setting| !setting.is_empty()) {
        limits.set(setting.parse::<LimitSetting>().map_err(|error| anyhow!("--limit {setting}: {error}"))?);
    }
    let operations = arguments.operations;
    let url = arguments.database.url()?;
    if operations.migrate {
        store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    }
    let store = open(&url).await?;
    let replica = match &operations.read_database_url {
        // A variable that is set to nothing is as good as none.
        Some(replica) if !replica.expose().is_empty() => Some(parse_url(replica, READ_VARIABLE)?),
        _ => None,
    };
    let reads = match &replica {
        Some(DatabaseUrl::Sqlite(_)) => bail!("--read-database-url wants a replica of a PostgreSQL database"),
        Some(replica @ DatabaseUrl::Postgres(url)) => {
            let opened = store::open_replica(url, store.promotions.clone()).await;
            Some(opened.with_context(|| format!("cannot open {replica}"))?)
        }
        None => None,
    };
    let listener = listen(arguments.listen).await?;
    let operators = match &operations.metrics_listen {
        // A variable that is set to nothing is as good as none.
        Some(address) if !address.is_empty() => {
            let address = address.parse().with_context(|| format!("--metrics-listen {address}: no address"))?;
            Some(listen(address).await?)
        }
        _ => None,
    };
    let address = listener.local_addr()?;
    let mut greeting = vec![format!("Promolink serves http://{address}/graphql from {url}")];
    greeting.extend(wire.graphiql.then(|| format!("GraphiQL is at http://{address}/graphiql")));
    if let Some(operators) = &operators {
        greeting.push(format!("Metrics are at http://{}/metrics", operators.local_addr()?));
    }
    // Until here a signal ends the process at once: nothing is under way.
    let asked_to_end = signals::asked_to_end()?;
    // In one piece: whoever waits for the first line may not read on.
    print!("{}", greeting.join("\n") + "\n");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let api_keys = ApiKeys::start(store.api_keys, Arc::clone(&clock));
    let authenticator = Authenticator::Credentials { api_keys, customer_tokens };
    let app = App {
        promotions: store.promotions,
        replica: reads,
        database_check: super::database_check(store.readiness),
        clock,
        authenticator,
        limits,
        concurrency: operations.concurrency as usize,
        engine,
        wire,
        shutdown: operations.shutdown(),
    };
    app::run(app, listener, operators, asked_to_end).await;
    Ok(())
}
