//! Raw HTTP, for requests that no HTTP client sends.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends bytes on a new connection. Returns everything received until the connection is closed.
pub async fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    // A server that closes before it has read everything resets the connection. The bytes received before that count.
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8_lossy(&response).into_owned()
}

/// Sends the same request `count` times on one connection without waiting for the responses. The last one closes it.
/// Returns the responses.
pub async fn pipeline(address: &str, line: &str, headers: &str, count: usize) -> String {
    let (mut receiver, mut sender) = TcpStream::connect(address).await.unwrap().into_split();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\n{headers}");
    let requests = format!("{request}\r\n").repeat(count - 1) + &request + "connection: close\r\n\r\n";
    let sending = tokio::spawn(async move { sender.write_all(requests.as_bytes()).await.map(|()| sender) });
    let mut responses = Vec::new();
    receiver.read_to_end(&mut responses).await.unwrap();
    sending.await.unwrap().unwrap();
    String::from_utf8_lossy(&responses).into_owned()
}
