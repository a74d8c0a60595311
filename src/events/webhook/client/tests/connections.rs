//! What receivers are connected to, and for how long.

use std::{net::SocketAddr, thread, time::Instant};

use super::*;

#[tokio::test]
async fn connections_are_used_again_and_unread_bodies_end_them() {
    for (response, connections) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nendless", 3),
    ] {
        let (url, task) = receiver(response, 3).await;
        let client = client(policy("127.0.0.1/32"));
        for _ in 0..3 {
            assert_eq!(client.post(&url, message()).await, Ok(()));
            // Lets the client's task return the connection.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(task.await.unwrap().1, connections, "{response}");
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_name_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = post(&url(&format!("http://{address}/secret"))).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot reach 127.0.0.1: Connection refused"), "{error}");
    assert_eq!(error.kind(), "unreachable");

    let client = WebhookClient::new(policy("127.0.0.1/32"), Arc::new(FixedClock)).unwrap();
    let error = client.post(&url("http://hooks.invalid/secret"), message()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot reach hooks.invalid: failed to lookup address"), "{error}");
}

#[tokio::test]
async fn a_receiver_without_a_response_times_out() {
    // Silent, one byte of the headers at a time, and one interim response at a time.
    for part in ["", "a", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(&format!("http://{}/", listener.local_addr().unwrap()));
        let task = tokio::spawn(async move {
            let mut connection = listener.accept().await.unwrap().0;
            read_request(&mut connection).await;
            if part.len() == 1 {
                connection.write_all(b"HTTP/1.1 200 OK\r\na: ").await.unwrap();
            }
            while connection.write_all(part.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if part.is_empty() && connection.read(&mut [0]).await.unwrap_or(0) == 0 {
                    return;
                }
            }
        });
        let started = Instant::now();
        let error = post(&url).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), ("timed out after 0.4 s", "timeout"));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        // The client closes the connection, and the receiver sees that.
        task.await.unwrap();
    }
}

#[tokio::test]
async fn headers_of_a_response_are_limited() {
    // Headers, a header that doesn't end, and interim responses.
    for (start, part) in [
        ("HTTP/1.1 200 OK\r\n", "a: b\r\n".to_owned()),
        ("HTTP/1.1 200 OK\r\n", format!("a: {}", "b".repeat(1 << 16))),
        ("", "HTTP/1.1 103 E\r\n\r\n".repeat(1 << 10)),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url(&format!("http://{}/", listener.local_addr().unwrap()));
        let task = tokio::spawn(async move {
            let mut connection = listener.accept().await.unwrap().0;
            read_request(&mut connection).await;
            connection.write_all(start.as_bytes()).await.unwrap();
            let mut sent = 0;
            while connection.write_all(part.as_bytes()).await.is_ok() {
                sent += part.len();
            }
            sent
        });
        let client = WebhookClient::new(policy("127.0.0.1/32"), Arc::new(FixedClock)).unwrap();
        let error = client.post(&url, message()).await.unwrap_err();
        let too_long = ["the head of the response has more than 65536 bytes", "message head is too large"];
        assert!(too_long.iter().any(|text| error.to_string().ends_with(text)), "{error}");
        // Includes the buffers of the operating system.
        let sent = task.await.unwrap();
        assert!(sent < 16 << 20, "the client read up to {sent} bytes");
    }
}

#[tokio::test]
async fn refused_addresses_are_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for (host, text) in [
        ("127.0.0.1", "the address 127.0.0.1 is not permitted"),
        ("0x7f000001", "the address 127.0.0.1 is not permitted"),
        ("10.0.0.1", "the address 10.0.0.1 is not permitted"),
        ("localhost", "localhost resolves to no permitted address"),
    ] {
        let url = url(&format!("http://{host}:{port}/"));
        let error = client(AddressPolicy::default()).post(&url, message()).await.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.kind(), "refused_address");
    }
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(accepted.is_err(), "the client connected");
}

#[tokio::test]
async fn a_name_with_a_permitted_address_is_connected_to() {
    let (address, task) = receiver("HTTP/1.1 200 OK\r\n\r\n", 1).await;
    let port = url::Url::parse(address.as_str()).unwrap().port().unwrap();
    assert_eq!(post(&url(&format!("http://localhost:{port}/"))).await, Ok(()));
    assert!(task.await.unwrap().0[0].contains(&format!("host: localhost:{port}\r\n")));
}

#[tokio::test]
async fn a_receiver_without_tls_or_with_an_untrusted_certificate_is_a_failure_of_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut connection = listener.accept().await.unwrap().0;
        connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let error = post(&url(&format!("https://{plain}/"))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot establish TLS with 127.0.0.1: received corrupt message of type InvalidContentType"
    );
    assert_eq!(error.kind(), "tls");

    let untrusted = untrusted_receiver();
    let error = post(&url(&format!("https://{untrusted}/"))).await.unwrap_err();
    assert!(
        error.to_string().starts_with("cannot establish TLS with 127.0.0.1: invalid peer certificate: "),
        "{error}"
    );
    assert_eq!(error.kind(), "tls");
}

/// Accepts one connection with a certificate that no authority signed.
fn untrusted_receiver() -> SocketAddr {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        // Fails when the client rejects the certificate.
        while session.complete_io(&mut connection).is_ok() && session.is_handshaking() {}
    });
    address
}
