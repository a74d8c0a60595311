//! Crashes of a server of a distributed database.

use std::{process::Command, time::Duration};

use tokio::time::sleep;

use super::{Load, assert_acknowledged, assert_sound, codes};
use crate::support::{Database, ORG, Server};

/// Kills a session of the worker that has the organisation. PostgreSQL then ends all sessions, and recovers from its log. Two
/// servers are connected to different servers of the database meanwhile.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Citus cluster on this machine: TEST_CITUS_URL=postgres://... tests/run citus"]
async fn no_acknowledged_link_is_lost_when_a_worker_crashes_on_citus() {
    let database = Database::citus();
    database.seed(&[codes()]).await;
    let key = database.key(ORG, "admin");
    let servers = [(); 2].map(|()| Server::serve(&database, &[]));
    let load = Load::start(32, &key, &[&servers[0].address, &servers[1].address]);
    let port = "SELECT nodeport::bigint AS number FROM pg_dist_shard_placement \
                WHERE shardid = get_shard_id_for_distribution_column('organisations', 100458)";
    let port = database.session().await.number(port).await;
    let worker = Database::at(database.url_of_port(port));
    for _ in 0..3 {
        load.wait_for_links(100).await;
        let mut session = worker.session().await;
        let process = session.number("SELECT pg_backend_pid()::bigint AS number").await;
        assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
        sleep(Duration::from_millis(100)).await;
    }
    load.wait_for_links(100).await;
    let acknowledged = load.stop().await;
    for server in servers {
        server.stop();
    }
    // Sessions of those servers may still have a connection to the worker that is closed, so that one more request fails.
    let server = Server::serve(&database, &[]);
    assert_acknowledged(acknowledged, &server.caller(&key)).await;
    server.stop();
    assert_sound(&database);
}
