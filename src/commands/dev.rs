//! `promolink dev`: a server to try, on loopback, with demo data and no credentials.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use clap::Args;

use super::{Database, signals, wire::WireArguments};
use crate::{
    app::{self, App, Shutdown},
    auth::{Authenticator, Credential, Limits, Principal, Role},
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
    wire: WireArguments,
}

pub async fn run(Arguments { database, listen, wire }: Arguments) -> anyhow::Result<()> {
    ensure!(
        listen.ip().is_loopback(),
        "`promolink dev` asks nobody for a credential, so it listens on loopback alone: {listen} is not"
    );
    let (engine, wire) = (wire.engine()?, wire.wire(true)?);
    let listener = super::listen(listen).await?;
    let url = database.url()?;
    store::migrate(&url).await.with_context(|| format!("cannot bring {url} up to date"))?;
    let Store { promotions, api_keys, readiness } =
        store::open(&url).await.with_context(|| format!("cannot open {url}"))?;
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
    greet(listener.local_addr()?, &url, seeded, wire.graphiql);
    let everyone = Principal { org, role: Role::Admin, credential: Credential::None };
    let app = App {
        promotions,
        replica: None,
        database_check: super::database_check(readiness),
        clock: Arc::new(SystemClock),
        authenticator: Authenticator::Everyone(everyone),
        limits: Limits::NONE,
        concurrency: usize::MAX,
        engine,
        wire,
        shutdown: Shutdown { delay: Duration::ZERO, grace: Duration::from_secs(10) },
    };
    app::run(app, listener, None, asked_to_end).await;
    Ok(())
}

fn greet(address: SocketAddr, url: &store::DatabaseUrl, seeded: bool, graphiql: bool) {
    let demo_data = if seeded { "demo data added" } else { "as it was left" };
    let graphiql = if graphiql { format!("http://{address}/graphiql") } else { "off".to_owned() };
    let operation = format!(
        "mutation {{ linkPromotionCode(input: {{customerId: 42, code: \\\"{}\\\", mode: DISCOUNT}}) {{ id orgId \
         promotionId promotionName code customerId active createdOn validTill mode redeemableFrom }} }}",
        demo::FREE_CODE
    );
    println!(
        "Promolink is ready to try. Not for production: nobody needs a credential in this mode.

  GraphiQL  {graphiql}
  API       http://{address}/graphql
  Database  {url} ({demo_data})

Link a promotion code of the demo organisation ({org}):

  curl http://{address}/graphql -H 'content-type: application/json' \\
    -d '{{\"query\":\"{operation}\"}}'

Press Ctrl-C to stop.",
        org = demo::ORG
    );
}
