//! Silent, slow and unread connections, request heads that are too large, and the `Host` header.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::operations::METRICS;
use crate::support::{Database, ORG, Server, code_of, raw};

/// The limit of open files of the server's process, of which 128 are reserved for other uses than connections.
const FILES: u32 = 400;

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_block_others_or_interrupt_requests() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let server = Server::serve_with_files(&database, FILES, &[]);
    let body = json!({ "query": "{ __typename }" }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut under_way = TcpStream::connect(&server.address).await.unwrap();
    under_way.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let mut silent = Vec::new();
    for number in 0..700 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        }
        silent.push(stream);
    }
    for _ in 0..10 {
        let asked = Instant::now();
        // A new connection each time.
        let health =
            raw::exchange(&server.address, "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(health.ends_with("alive\n"), "{health}");
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    }
    assert_eq!(code_of(&server.caller(&key).execute("{ __typename }", json!({})).await), "OK");
    let mut closed = 0;
    for stream in &mut silent {
        let read = timeout(Duration::from_millis(1), stream.read(&mut [0; 64])).await;
        closed += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!((430..500).contains(&closed), "{closed} of 700 connections were closed to admit others");

    under_way.write_all(body.as_bytes()).await.unwrap();
    let mut response = String::new();
    under_way.read_to_string(&mut response).await.unwrap();
    assert!(
        response.starts_with("HTTP/1.1 200") && response.ends_with("{\"data\":{\"__typename\":\"Query\"}}"),
        "{response}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_their_responses_do_not_block_others() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve_with_files(&database, FILES, &[("PROMOLINK_GRAPHIQL", "on")]);
    let address = server.address.parse().unwrap();
    let mut unread = Vec::new();
    for _ in 0..400 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        // More responses than the system buffers for a client that reads nothing.
        stream.write_all("GET /graphiql HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100).as_bytes()).await.unwrap();
        unread.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..10 {
        let asked = Instant::now();
        let health =
            raw::exchange(&server.address, "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(health.ends_with("alive\n"), "{health}");
        // 30 seconds if the server closes none of them.
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_send_their_bodies_do_not_block_others() {
    let database = Database::sqlite();
    database.open().await;
    let key = database.key(ORG, "service");
    let server = Server::serve_with_files(&database, FILES, &[]);
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: 100000\r\n\r\n{{"
    );
    let mut stalled = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stalled.push(stream);
    }
    for _ in 0..10 {
        let asked = Instant::now();
        // A new connection each time.
        let response = timeout(Duration::from_secs(5), server.caller(&key).execute("{ __typename }", json!({}))).await;
        assert_eq!(code_of(&response.unwrap()), "OK");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_silent_for_longer_are_closed_first() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve_with_files(&database, FILES, &[]);
    let ask = async |stream: &mut TcpStream| {
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..read].ends_with(b"alive\n"), "{read} bytes: {:?}", String::from_utf8_lossy(&buffer[..read]));
    };
    let mut kept = TcpStream::connect(&server.address).await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        ask(&mut kept).await;
        for _ in 0..30 {
            silent.push(TcpStream::connect(&server.address).await.unwrap());
        }
    }
    ask(&mut kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_heads_over_16_kib_are_rejected() {
    let database = Database::sqlite();
    let server = Server::start(&database);
    let ask = async |bytes: usize| {
        let head = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-filler: ";
        raw::exchange(&server.address, &format!("{head}{}\r\n\r\n", "x".repeat(bytes - head.len() - 4))).await
    };
    assert!(ask(16 * 1024 - 1).await.starts_with("HTTP/1.1 200"));
    assert!(ask(16 * 1024 + 1).await.starts_with("HTTP/1.1 431"));
    assert!(ask(1024 * 1024).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_requires_exactly_one_valid_host() {
    let database = Database::sqlite();
    database.open().await;
    let server = Server::serve(&database, &[METRICS]);
    let metrics = server.greeting.lines().find_map(|line| line.strip_prefix("Metrics are at http://")).unwrap();
    let operators = metrics.trim_end_matches("/metrics");
    for (version, hosts, is_served) in [
        ("1.1", "host: x\r\n", true),
        ("1.1", "host: promolink.example:8080\r\n", true),
        ("1.1", "host: [::1]:8080\r\n", true),
        ("1.1", "", false),
        ("1.1", "host:\r\n", false),
        ("1.1", "host: x\r\nhost: x\r\n", false),
        ("1.1", "host: x\r\nhost: y\r\n", false),
        ("1.1", "host: x y\r\n", false),
        ("1.1", "host: http://x/\r\n", false),
        ("1.1", "host: user@x\r\n", false),
        ("1.1", "host: x:port\r\n", false),
        ("1.1", "host: x:80:80\r\n", false),
        ("1.1", "host: \u{e9}\r\n", false),
        ("1.0", "", true),
        ("1.0", "host: x\r\n", true),
        ("1.0", "host: x\r\nhost: y\r\n", false),
        ("1.0", "host: x/y\r\n", false),
    ] {
        let ask = async |address: &str, path: &str| {
            raw::exchange(address, &format!("GET {path} HTTP/{version}\r\n{hosts}connection: close\r\n\r\n")).await
        };
        for (address, path, served) in [
            (server.address.as_str(), "/health", "200"),
            (server.address.as_str(), "/graphql", "401"),
            (server.address.as_str(), "/nothing", "404"),
            (operators, "/metrics", "200"),
        ] {
            let response = ask(address, path).await;
            let expected = if is_served { served } else { "400" };
            assert_eq!(response.split(' ').nth(1), Some(expected), "{version} {hosts:?} {path}: {response:.200}");
            if !is_served {
                let body = response.rsplit("\r\n\r\n").next().unwrap();
                assert_eq!(body.contains("\"code\":\"BAD_REQUEST\""), path == "/graphql", "{path}: {response}");
                assert!(body.contains("exactly one header Host"), "{path}: {response}");
            }
        }
    }
}
