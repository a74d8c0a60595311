//! `promolink serve`: the server in production.

use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::{database, signals, startup};
use crate::{
    app::{self, App},
    auth::{ApiKeyVerifier, Authenticator, Limits},
    config::{
        DatabaseArgs, DocumentArgs, EventArgs, HttpArgs, LimitArgs, ReplicaArgs, ShutdownArgs, TelemetryArgs,
        TokenArgs, WebhookArgs, start_tokens,
    },
    promotions::{Clock, SystemClock},
    store,
    telemetry::LogFormat,
};

/// Run the server in production: every request requires a credential
///
/// Callers send their credential in the header `Authorization: Bearer CREDENTIAL`. A credential is either an API key,
/// created with `promolink key create`, or a customer token: a JSON Web Token (RFC 7519) of your own issuer, with the
/// claims iss, aud, exp, org_id (the organisation's number) and sub (the customer's number). Tokens are signed by HS256
/// with the secret of --jwt-secret-file or PROMOLINK_JWT_SECRET, or by RS256, ES256 or EdDSA with a key of --jwks.
///
/// On SIGTERM, SIGHUP or Ctrl-C, the server keeps serving requests for --shutdown-delay. It then accepts no more requests,
/// and finishes those in progress within --shutdown-grace.
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Arguments {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    replica: ReplicaArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    tokens: TokenArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(flatten)]
    shutdown: ShutdownArgs,
}

fn help() -> String {
    format!(
        "The limits of each credential, by role: operations and links per second; failed links and new links per hour, \
         in total and for one customer. Repeated links also count as new links. An hourly limit starts full and refills \
         evenly over an hour. An operation counts as one, and as one more for each further 500 values that it would read \
         and return if every page were full; a lookup counts as 10 values. Each server process counts separately. The \
         defaults:

{}

Examples:
  promolink migrate
  (umask 077; promolink key create --org 100458 --role service > service.key)
  promolink serve --listen 0.0.0.0:8080 --limit storefront.operations=2000

Exit codes:
  0    stopped by a signal
  1    failure, such as a database that can't be reached
  2    invalid settings: a restart fails until they are corrected
  130  stopped immediately by a second Ctrl-C or SIGTERM

See also: docs/configuration.md, docs/credentials.md, docs/operating.md",
        Limits::default()
    )
}

impl Arguments {
    /// The format of the log, which starts before the server.
    pub fn log_format(&self) -> LogFormat {
        self.telemetry.log_format.into()
    }
}

pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments {
        database: DatabaseArgs { url },
        replica,
        http,
        documents,
        tokens,
        limits,
        events,
        webhooks,
        telemetry,
        shutdown,
    } = arguments;
    let engine = documents.settings()?;
    let address = http.listen;
    let http = http.settings();
    let webhook_settings = Arc::new(webhooks.settings()?);
    let replica_url = replica.url()?;
    let customer_tokens = match tokens.settings()? {
        Some(settings) => Some(start_tokens(settings).await?),
        None => None,
    };
    startup::warn_of_ineffective_settings();

    if replica.migrate {
        store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    }
    let store = database::open(&url).await?;
    let reads = match replica_url {
        Some((shown, url)) => {
            let opened = store::open_replica(url, store.promotions.clone()).await;
            Some(opened.with_context(|| format!("cannot open {shown}"))?)
        }
        None => None,
    };
    let listener = startup::listen(address, "--listen").await?;
    let operators = match telemetry.metrics_listen {
        Some(address) => Some(startup::listen(address, "--metrics-listen").await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let metrics = operators.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
    // Before this, a signal ends the process immediately: no work is in progress.
    let shutdown_signal = signals::shutdown_signal()?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        metrics = metrics.map(tracing::field::display),
        database = %url,
        database_tls = url.is_encrypted(),
        distributed = store.distribution.map(tracing::field::display),
        read_database = replica_url.map(|(shown, _)| tracing::field::display(shown)),
        customer_tokens = customer_tokens.is_some(),
        graphiql = http.graphiql,
        concurrency = limits.concurrency,
        limits = limits.changes(),
        "the server has started"
    );
    let mut greeting = vec![format!("Promolink serves http://{address}/graphql from {url}\n")];
    greeting.extend(http.graphiql.then(|| format!("GraphiQL is at http://{address}/graphiql\n")));
    greeting.extend(metrics.map(|metrics| format!("Metrics are at http://{metrics}/metrics\n")));
    startup::greet(&greeting.concat());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let api_keys = ApiKeyVerifier::start(store.api_keys, Arc::clone(&clock));
    let app = App {
        promotions: store.promotions,
        events: store.events,
        webhooks: store.webhooks,
        webhook_settings,
        events_kept: events.kept,
        replica: reads,
        database_check: startup::database_check(store.readiness),
        clock,
        authenticator: Authenticator::Credentials { api_keys, customer_tokens },
        limits: limits.limits(),
        shared_budgets: store.shared_budgets,
        concurrency: limits.concurrency as usize,
        engine,
        http,
        shutdown: shutdown.settings(),
    };
    app::run(app, listener, operators, shutdown_signal).await;
    Ok(())
}
