//! `promolink dev`: a server to try, on loopback, with demo data and no credentials.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;

use super::{Database, database::database_check, http_args::HttpArguments, listen, open, settings_error, signals};
use crate::{
    app::{self, App, Shutdown},
    auth::{Authenticator, Credential, Limits, Principal, Role},
    http::AllowedHosts,
    promotions::{Clock, OrgId, SystemClock, demo},
    store::{self, Store},
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    database: Database,
    /// The address to listen on; loopback only, since nobody needs a credential. Port 0 takes a free one
    #[arg(long, env = "PROMOLINK_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    http: HttpArguments,
}

pub async fn run(Arguments { database: Database { url }, listen: address, http }: Arguments) -> anyhow::Result<()> {
    if !address.ip().is_loopback() {
        return Err(settings_error(format_args!(
            "`promolink dev` requires no credential, so it listens on loopback only: {address} is not loopback"
        )));
    }
    let (engine, http) = (http.engine()?, http.http(AllowedHosts::Loopback));
    super::warn_of_ineffective_settings();
    let listener = listen(address, "--listen").await?;
    store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    let Store { promotions, api_keys, readiness } = open(&url).await?;
    let org = OrgId::try_from(demo::ORG)?;
    // Whoever makes a key means to keep others out.
    ensure!(
        api_keys.keys(org).await.with_context(|| format!("cannot read {url}"))?.is_empty(),
        "`promolink dev` asks nobody for a credential, but organisation {} of {url} has API keys: use `promolink serve`, \
         or another database, such as --database-url sqlite:try.db",
        org.get()
    );
    let seeded = demo::seed(&*promotions, org, SystemClock.now()).await.context("cannot add the demo data")?;

    let asked_to_end = signals::asked_to_end()?;
    let address = listener.local_addr()?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, database = %url, "the server has started");
    super::greet(&greeting(address, &url, seeded, http.graphiql));
    let everyone = Principal { org, role: Role::Admin, credential: Credential::None };
    let app = App {
        promotions,
        replica: None,
        database_check: database_check(readiness),
        clock: Arc::new(SystemClock),
        authenticator: Authenticator::Everyone(everyone),
        limits: Limits::NONE,
        concurrency: usize::MAX,
        engine,
        http,
        shutdown: Shutdown { delay: Duration::ZERO, grace: Duration::from_secs(10) },
    };
    app::run(app, listener, None, asked_to_end).await;
    Ok(())
}

fn greeting(address: SocketAddr, url: &store::DatabaseUrl, seeded: bool, graphiql: bool) -> String {
    let demo_data = if seeded { "demo data added" } else { "as it was left" };
    let graphiql = if graphiql { format!("http://{address}/graphiql") } else { "off".to_owned() };
    let operation = format!(
        "mutation {{ linkPromotionCode(input: {{customerId: 42, code: \\\"{}\\\", mode: DISCOUNT}}) {{ id orgId \
         promotionId promotionName code customerId active createdOn validTill mode redeemableFrom }} }}",
        demo::FREE_CODE
    );
    format!(
        "Promolink is ready to try. Not for production: nobody needs a credential in this mode.

  GraphiQL  {graphiql}
  API       http://{address}/graphql
  Database  {url} ({demo_data})

Link a promotion code of the demo organisation ({org}):

  curl http://{address}/graphql -H 'content-type: application/json' \\
    -d '{{\"query\":\"{operation}\"}}'

Press Ctrl-C to stop.
",
        org = demo::ORG
    )
}
