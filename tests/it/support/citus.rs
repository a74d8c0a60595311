//! Databases whose tables are distributed over the Citus cluster that `TEST_CITUS_URL` names. It is the URL of a database on
//! the coordinator that knows the cluster's servers. Its user must be allowed to create databases, on all of them.

use std::env;

use diesel::{
    QueryableByName,
    sql_types::{Integer, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use reqwest::Url;

use super::program;

/// Few, so that tables are distributed fast.
const SHARDS: u32 = 4;

/// Creates a database on all servers of the cluster, with distributed tables. Returns its URLs, that of the coordinator first.
pub async fn create(name: &str) -> Vec<String> {
    let cluster: Url = env::var("TEST_CITUS_URL").expect("TEST_CITUS_URL names a Citus cluster").parse().unwrap();
    let servers = servers(&cluster).await;
    for server in &servers {
        let mut connection = connect(&server.url(&cluster, "postgres")).await;
        run(&mut connection, "SET citus.enable_create_database_propagation = off").await;
        run(&mut connection, &format!("CREATE DATABASE {name}")).await;
    }
    let urls: Vec<String> = servers.iter().map(|server| server.url(&cluster, name)).collect();
    for url in &urls {
        run(&mut connect(url).await, "CREATE EXTENSION citus").await;
    }
    let mut coordinator = connect(&urls[0]).await;
    run(&mut coordinator, &format!("ALTER DATABASE {name} SET citus.shard_count = {SHARDS}")).await;
    for (index, Server { nodename, nodeport }) in servers.iter().enumerate() {
        let function = if index == 0 { "citus_set_coordinator_host" } else { "citus_add_node" };
        run(&mut coordinator, &format!("SELECT {function}('{nodename}', {nodeport})")).await;
    }
    let output = program().args(["migrate", "--distribute"]).env("DATABASE_URL", &urls[0]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    urls
}

/// Drops a database on all servers of the cluster.
pub async fn drop(name: &str) {
    let cluster: Url = env::var("TEST_CITUS_URL").unwrap().parse().unwrap();
    // The workers first: their database has no connection of its own to another server.
    for server in servers(&cluster).await.iter().rev() {
        let mut connection = connect(&server.url(&cluster, "postgres")).await;
        run(&mut connection, "SET citus.enable_create_database_propagation = off").await;
        run(&mut connection, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap()
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) {
    connection.batch_execute(statement).await.unwrap();
}

#[derive(QueryableByName)]
struct Server {
    #[diesel(sql_type = Text)]
    nodename: String,
    #[diesel(sql_type = Integer)]
    nodeport: i32,
}

impl Server {
    fn url(&self, cluster: &Url, database: &str) -> String {
        let mut url = cluster.clone();
        url.set_host(Some(&self.nodename)).unwrap();
        url.set_port(self.nodeport.try_into().ok()).unwrap();
        url.set_path(database);
        url.into()
    }
}

async fn servers(cluster: &Url) -> Vec<Server> {
    let servers = "SELECT nodename, nodeport FROM pg_dist_node WHERE isactive ORDER BY groupid";
    diesel::sql_query(servers).load(&mut connect(cluster.as_str()).await).await.unwrap()
}
