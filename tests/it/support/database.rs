//! A separate database for each test, removed when the test ends.

use std::{
    env,
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use diesel::{
    Connection, QueryableByName, SqliteConnection,
    connection::SimpleConnection,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use promolink::{
    promotions::{CampaignWithContent, PromotionCode, PromotionRepository},
    store::{self, DatabaseUrl},
};
use uuid::Uuid;

use super::{TestCampaign, citus, cluster::Cluster, org, program};

/// The PostgreSQL server that the tests share. It starts for the first test that needs it and is removed when the run
/// ends. `TEST_DATABASE_URL` names another server to use, whose user must be allowed to create databases.
static CLUSTER: LazyLock<(String, Option<Cluster>)> = LazyLock::new(|| {
    if let Ok(url) = env::var("TEST_DATABASE_URL") {
        return (url, None);
    }
    let cluster = Cluster::start("-c max_connections=200 -c fsync=off");
    (cluster.url("postgres"), Some(cluster))
});

/// The URL of the server's maintenance database.
fn maintenance_url() -> &'static str {
    &CLUSTER.0
}

/// A database for one test. It has no tables until it is opened, seeded or migrated.
pub struct Database {
    pub url: String,
    kind: Kind,
}

enum Kind {
    Sqlite(#[expect(dead_code, reason = "its drop removes the folder")] tempfile::TempDir),
    Postgres {
        name: String,
    },
    /// On a Citus cluster, with a URL for each of its servers.
    Citus {
        name: String,
        urls: Vec<String>,
        next: AtomicUsize,
    },
    /// On another PostgreSQL server, or behind a proxy. Not dropped when the test ends.
    Elsewhere,
}

impl Database {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("test.db");
        Self { url: format!("sqlite:{}", path.display()), kind: Kind::Sqlite(folder) }
    }

    pub fn postgres() -> Self {
        Self::postgres_with("")
    }

    /// A PostgreSQL database with these options of `CREATE DATABASE`.
    pub fn postgres_with(options: &str) -> Self {
        let name = new_name();
        administer(&format!("CREATE DATABASE {name} {options}"));
        let (server, _) = maintenance_url().rsplit_once('/').expect("TEST_DATABASE_URL must name a database");
        Self { url: format!("{server}/{name}"), kind: Kind::Postgres { name } }
    }

    /// A database whose tables are distributed over a Citus cluster. Its URL leads to the coordinator, and servers are started
    /// on all servers of the cluster in turn.
    pub fn citus() -> Self {
        let name = new_name();
        let urls = on_own_thread(citus::create(&name));
        Self { url: urls[0].clone(), kind: Kind::Citus { name, urls, next: AtomicUsize::new(1) } }
    }

    /// The URL for the next server.
    pub fn url_of_server(&self) -> &str {
        match &self.kind {
            Kind::Citus { urls, next, .. } => &urls[next.fetch_add(1, Ordering::Relaxed) % urls.len()],
            _ => &self.url,
        }
    }

    /// The URL of the server of the cluster with this port.
    pub fn url_of_port(&self, port: i64) -> String {
        let Kind::Citus { urls, .. } = &self.kind else { panic!("not on a Citus cluster") };
        urls.iter().find(|url| url.contains(&format!(":{port}/"))).expect("the server is in the cluster").clone()
    }

    /// The PostgreSQL database with this URL. It is not dropped.
    pub const fn at(url: String) -> Self {
        Self { url, kind: Kind::Elsewhere }
    }

    pub fn parsed_url(&self) -> DatabaseUrl {
        self.url.parse().unwrap()
    }

    /// Migrates this database and opens its store.
    pub async fn open(&self) -> Arc<dyn PromotionRepository> {
        store::migrate(&self.parsed_url()).await.unwrap();
        store::open(&self.parsed_url()).await.unwrap().promotions
    }

    /// Creates an API key.
    pub fn key(&self, org: i64, role: &str) -> String {
        let mut command = program();
        command.args(["key", "create", "--role", role, "--org", &org.to_string()]).env("DATABASE_URL", &self.url);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Migrates this database and adds campaigns and codes to the test organisation.
    pub async fn seed(&self, campaigns: &[TestCampaign]) {
        let (campaigns, codes): (Vec<CampaignWithContent>, Vec<Vec<PromotionCode>>) =
            campaigns.iter().map(|test| (test.campaign.clone().into(), test.codes.clone())).unzip();
        assert!(self.open().await.seed(org(), &campaigns, &codes.concat(), super::in_days(-2)).await.unwrap());
    }
}

impl Database {
    /// Runs statements on a connection of their own.
    pub async fn run(&self, statements: &str) {
        match &self.kind {
            Kind::Postgres { .. } | Kind::Citus { .. } | Kind::Elsewhere => self.session().await.run(statements).await,
            Kind::Sqlite(_) => {
                let file = self.url.trim_start_matches("sqlite:");
                let mut connection = SqliteConnection::establish(file).unwrap();
                connection.batch_execute(&format!("PRAGMA busy_timeout = 5000; {statements}")).unwrap();
            }
        }
    }

    /// The query plan of SQLite for a statement, step by step.
    pub fn plan(&self, statement: &str) -> Vec<String> {
        let mut connection = SqliteConnection::establish(self.url.trim_start_matches("sqlite:")).unwrap();
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<Step> = diesel::RunQueryDsl::load(explain, &mut connection).unwrap();
        steps.into_iter().map(|step| step.detail).collect()
    }

    /// Opens a session on the PostgreSQL database.
    pub async fn session(&self) -> Session {
        Session(AsyncPgConnection::establish(&self.url).await.unwrap())
    }
}

/// A session on a PostgreSQL database.
pub struct Session(AsyncPgConnection);

impl Session {
    pub async fn run(&mut self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap();
    }

    /// Returns the column `number` of the only row of a query.
    pub async fn number(&mut self, query: &str) -> i64 {
        let number: Number = diesel::sql_query(query).get_result(&mut self.0).await.unwrap();
        number.number
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Drop for Database {
    fn drop(&mut self) {
        match &self.kind {
            Kind::Postgres { name } => administer(&format!("DROP DATABASE {name} WITH (FORCE)")),
            Kind::Citus { name, .. } => on_own_thread(citus::drop(name)),
            Kind::Sqlite(_) | Kind::Elsewhere => {}
        }
    }
}

fn new_name() -> String {
    format!("promolink_test_{}", Uuid::new_v7(uuid::Timestamp::now(uuid::NoContext)).simple())
}

/// Runs a statement on the server.
fn administer(statement: &str) {
    on_own_thread(async {
        let mut connection = AsyncPgConnection::establish(maintenance_url()).await.unwrap();
        connection.batch_execute(statement).await.unwrap();
    });
}

/// Runs a future in a separate thread, since tests drop databases in async code.
fn on_own_thread<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work)
        });
        worker.join().unwrap()
    })
}
