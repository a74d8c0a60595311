//! Traces, in a build with the feature `otlp`: a collector receives them as part of the caller's trace.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, routing::post};
use serde_json::json;
use tokio::{net::TcpListener, time::sleep};

use crate::support::{Database, ORG, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_joins_the_trace_of_its_caller() {
    let collected: Arc<Mutex<Vec<u8>>> = Arc::default();
    let collecting = Arc::clone(&collected);
    let collect = async move |body: Bytes| collecting.lock().unwrap().extend_from_slice(&body);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().route("/v1/traces", post(collect))).into_future());

    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let server = Server::serve(&database, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    let body = json!({ "query": "query Mine { customerPromotions(customerId: 1) { nodes { id } } }" });
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = server.caller(&key).request(&body).header("traceparent", trace);
    assert_eq!(request.send().await.unwrap().status(), 200);
    server.stop();
    sleep(Duration::from_millis(100)).await;

    let collected = collected.lock().unwrap();
    let has = |wanted: &[u8]| collected.windows(wanted.len()).any(|window| window == wanted);
    let id = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes();
    assert!(has(&id) && has(b"promolink") && has(b"request"), "{:?}", String::from_utf8_lossy(&collected));
}
