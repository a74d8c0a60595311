//! `promolink dev`: a server to try out, on loopback, with demo data and without credentials.

mod demo;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;

use super::{database, signals, startup};
use crate::{
    app::{self, App, Shutdown},
    auth::{Authenticator, Limits, Principal, Role},
    config::{CallerArgs, DatabaseArgs, DocumentArgs, EventArgs, LocalHttpArgs, WebhookArgs},
    promotions::{Clock, OrgId, SystemClock},
    store::{self, Store},
};

const HELP: &str = "\
Examples:
  promolink dev
  promolink dev --listen 127.0.0.1:9000 --database-url sqlite:try.db
  promolink dev --as customer:42

Exit codes: 0 stopped by a signal, 1 failure, 2 invalid settings, 130 stopped immediately by a second signal.

See also: docs/getting-started.md, docs/configuration.md";

/// Run a demo server: loopback only, demo data, no credentials (the default)
///
/// Brings the tables up to date, adds demo data on the first start, and prints the addresses of GraphiQL and the API and a
/// `curl` command that links a code. Every caller is an admin of the demo
/// organisation, unless --as says otherwise, so the server listens on loopback
/// only, and does not start if that organisation has API keys. There are no rate limits and no limit on concurrency.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Arguments {
    #[command(flatten)]
    caller: CallerArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    http: LocalHttpArgs,
    #[command(flatten)]
    documents: DocumentArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
}

pub async fn run(
    Arguments {
        caller: CallerArgs { caller: (role, credential) },
        database: DatabaseArgs { url },
        http,
        documents,
        events,
        webhooks,
    }: Arguments,
) -> anyhow::Result<()> {
    let webhook_settings = Arc::new(webhooks.settings()?);
    let engine = documents.settings()?;
    let address = http.listen();
    let http = http.settings();
    startup::warn_of_ineffective_settings();
    let listener = startup::listen(address, "--listen").await?;
    store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    let Store { promotions, api_keys, events: store_events, webhooks: endpoints, readiness, .. } =
        database::open(&url).await?;
    let org = OrgId::try_from(demo::ORG)?;
    // An organisation with keys means to keep others out.
    ensure!(
        api_keys.keys(org).await.with_context(|| format!("cannot read {url}"))?.is_empty(),
        "organisation {} of {url} has API keys, and `promolink dev` requires no credential: use `promolink serve`, or \
         another database, such as --database-url sqlite:try.db",
        org.get()
    );
    let seeded = demo::seed(&*promotions, org, SystemClock.now()).await?;

    let shutdown_signal = signals::shutdown_signal()?;
    let address = listener.local_addr()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, database = %url, "the server has started");
    startup::greet(&greeting(address, role, &url, seeded, http.graphiql));
    let everyone = Principal { org, role, credential };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let app = App {
        promotions,
        events: store_events,
        webhooks: endpoints,
        webhook_settings,
        events_kept: events.kept,
        replica: None,
        database_check: startup::database_check(readiness),
        clock,
        authenticator: Authenticator::AllowAll(everyone),
        limits: Limits::UNLIMITED,
        shared_budgets: None,
        concurrency: usize::MAX,
        engine,
        http,
        shutdown: Shutdown { delay: Duration::ZERO, grace: Duration::from_secs(10) },
    };
    app::run(app, listener, None, shutdown_signal).await;
    Ok(())
}

fn greeting(address: SocketAddr, role: Role, url: &store::DatabaseUrl, seeded: bool, graphiql: bool) -> String {
    let demo_data = if seeded { "demo data added" } else { "as it was left" };
    let graphiql = if graphiql { format!("http://{address}/graphiql") } else { "off".to_owned() };
    let operation = format!(
        "mutation {{ linkPromotionCode(input: {{customerId: 42, code: \\\"{}\\\", mode: DISCOUNT}}) {{ id orgId \
         promotionId promotionName code customerId active createdOn validTill mode redeemableFrom }} }}",
        demo::FREE_CODE
    );
    format!(
        "Promolink is ready to try out. Not for production: this mode requires no credential.

  GraphiQL  {graphiql}
  API       http://{address}/graphql
  Database  {url} ({demo_data})
  Callers   have the role {role}; see --as

Demo codes, of mode DISCOUNT unless stated:

{codes}
Link a promotion code of the demo organisation ({org}):

  curl http://{address}/graphql -H 'content-type: application/json' \\
    -d '{{\"query\":\"{operation}\"}}'

Press Ctrl-C to stop.
",
        org = demo::ORG,
        codes = demo::CODES
    )
}
