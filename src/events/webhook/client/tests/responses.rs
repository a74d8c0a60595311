//! What receivers respond.

use super::*;

#[tokio::test]
async fn a_message_is_sent_with_the_headers_of_the_specification() {
    let (url, task) = receiver("HTTP/1.1 204 No Content\r\n\r\n", 1).await;
    assert_eq!(post(&url).await, Ok(()));
    let request = task.await.unwrap().0.remove(0).to_lowercase();
    for line in [
        "post /hook?a=b http/1.1\r\n",
        "\r\nwebhook-id: evt_1\r\n",
        "\r\nwebhook-timestamp: 1795755600\r\n",
        "\r\nwebhook-signature: v1,",
        "\r\ncontent-type: application/json\r\n",
        concat!("\r\nuser-agent: promolink/", env!("CARGO_PKG_VERSION"), "\r\n"),
        "\r\n\r\n{\"type\":\"a\"}",
    ] {
        assert!(request.contains(line), "{line} is not in {request}");
    }
}

#[tokio::test]
async fn only_2xx_is_success() {
    for response in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"] {
        assert_eq!(post_to(response).await, Ok(()));
    }
    for (response, text, kind) in [
        ("HTTP/1.1 304 Not Modified\r\n\r\n", "status 304", "status"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\nsecret", "status 404", "status"),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", "status 410", "gone"),
        ("HTTP/1.1 500 secret\r\ncontent-length: 6\r\n\r\nsecret", "status 500", "status"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "status 101", "status"),
    ] {
        let error = post_to(response).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind(), error.retry_after()), (text, kind, None));
        assert_eq!(error.is_gone(), kind == "gone");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, task) = receiver("HTTP/1.1 200 OK\r\n\r\n", 1).await;
    let response = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {}\r\n\r\n", target.as_str());
    let error = post_to(response.leak()).await.unwrap_err();
    assert_eq!(error, DeliveryError::Status { status: 307, retry_after: None });
    assert!(!task.is_finished());
    task.abort();
}

#[tokio::test]
async fn a_failed_response_can_request_a_delay() {
    for (status, value, seconds) in [
        ("503", "120", Some(120)),
        ("429", " 0 ", Some(0)),
        ("500", "43201", Some(43_200)),
        ("500", "18446744073709551616", Some(43_200)),
        ("503", "Fri, 27 Nov 2026 05:10:00 GMT", Some(600)),
        ("503", "Fri, 27 Nov 2026 04:00:00 GMT", Some(0)),
        ("503", "Fri, 31 Dec 9999 23:59:59 GMT", Some(43_200)),
        ("503", "-1", None),
        ("503", "soon", None),
        ("503", "", None),
    ] {
        let response = format!("HTTP/1.1 {status} \r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n");
        let error = post_to(response.leak()).await.unwrap_err();
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{value}");
    }
}

#[tokio::test]
async fn broken_responses_are_failures() {
    for (response, cause) in [
        ("", "connection closed before message completed"),
        ("HTTP/1.1 200 OK\r\ncontent-le", "connection closed before message completed"),
        ("SSH-2.0-secret\r\n\r\n", "invalid HTTP version parsed"),
        ("HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "invalid HTTP header parsed"),
    ] {
        let error = post_to(response).await.unwrap_err();
        assert_eq!(error.to_string(), format!("no valid response from 127.0.0.1: {cause}"), "{response}");
        assert_eq!(error.kind(), "invalid_response");
    }
}
