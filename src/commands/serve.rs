//! `promolink serve`: the server in production.

pub mod operations;
mod tokens;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use clap::Args;

pub use self::tokens::SECRET_VARIABLE;
use self::{operations::OperationArguments, tokens::TokenArguments};
use super::{
    Database, EXIT_CODES, database::database_check, http_args::HttpArguments, listen, open, settings_error, signals,
};
use crate::{
    app::{self, App},
    auth::{ApiKeyVerifier, Authenticator, CustomerTokens, LimitSetting, Limits, TokenSettings},
    http::AllowedHosts,
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
    http: HttpArguments,
    #[command(flatten)]
    customer_tokens: TokenArguments,
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
    limits: Vec<LimitSetting>,
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
  (umask 077; promolink key create --org 100458 --role service > service.key)
  promolink serve --listen 0.0.0.0:8080 --limit storefront.operations=2000

{EXIT_CODES}",
        Limits::default()
    )
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { database, listen: address, http, customer_tokens, operations, limits: limit_settings } = arguments;
    let (engine, http) = (http.engine()?, http.http(AllowedHosts::Any));
    let mut limits = Limits::default();
    for setting in &limit_settings {
        limits.set(*setting);
    }
    if let Some(DatabaseUrl::Sqlite(_)) = operations.read_database_url {
        return Err(settings_error("--read-database-url takes the URL of a PostgreSQL database"));
    }
    let customer_tokens = match customer_tokens.settings()? {
        Some(settings) => Some(start_tokens(settings).await?),
        None => None,
    };
    super::warn_of_ineffective_settings();

    let url = database.url;
    if operations.migrate {
        store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    }
    let store = open(&url).await?;
    let reads = match &operations.read_database_url {
        Some(replica @ DatabaseUrl::Postgres(url)) => {
            let opened = store::open_replica(url, store.promotions.clone()).await;
            Some(opened.with_context(|| format!("cannot open {replica}"))?)
        }
        _ => None,
    };
    let listener = listen(address, "--listen").await?;
    let operators = match operations.metrics_listen {
        Some(address) => Some(listen(address, "--metrics-listen").await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let metrics = operators.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
    // Until here a signal ends the process immediately: no work is under way.
    let asked_to_end = signals::asked_to_end()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        metrics = metrics.map(tracing::field::display),
        database = %url,
        database_tls = url.is_encrypted(),
        read_database = operations.read_database_url.as_ref().map(tracing::field::display),
        customer_tokens = customer_tokens.is_some(),
        graphiql = http.graphiql,
        concurrency = operations.concurrency,
        limits = (!limit_settings.is_empty()).then(|| limit_settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        "the server has started"
    );
    let mut greeting = vec![format!("Promolink serves http://{address}/graphql from {url}\n")];
    greeting.extend(http.graphiql.then(|| format!("GraphiQL is at http://{address}/graphiql\n")));
    greeting.extend(metrics.map(|metrics| format!("Metrics are at http://{metrics}/metrics\n")));
    super::greet(&greeting.concat());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let api_keys = ApiKeyVerifier::start(store.api_keys, Arc::clone(&clock));
    let app = App {
        promotions: store.promotions,
        replica: reads,
        database_check: database_check(store.readiness),
        clock,
        authenticator: Authenticator::Credentials { api_keys, customer_tokens },
        limits,
        concurrency: operations.concurrency as usize,
        engine,
        http,
        shutdown: operations.shutdown(),
    };
    app::run(app, listener, operators, asked_to_end).await;
    Ok(())
}

/// Gets the keys of customer tokens. Keys that can't be fetched are fetched later, so what fails here is a setting.
async fn start_tokens(settings: TokenSettings) -> anyhow::Result<CustomerTokens> {
    let source = settings.keys.to_string();
    let started = CustomerTokens::start(settings).await;
    started
        .with_context(|| format!("cannot check customer tokens with {source}"))
        .map_err(|error| settings_error(format_args!("{error:#}")))
}
