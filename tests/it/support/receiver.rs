//! A receiver of webhooks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    time::sleep,
};

/// The settings of a server that permit webhooks to these receivers.
pub const LOCAL: [(&str, &str); 2] =
    [("PROMOLINK_WEBHOOK_ALLOW", "127.0.0.0/8"), ("PROMOLINK_WEBHOOK_ALLOW_HTTP", "on")];

/// A message that was received.
#[derive(Debug, Clone)]
pub struct Message {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What the receiver does with a message.
#[derive(Debug, Clone)]
pub enum Answer {
    Status(u16),
    Redirect(String),
    /// Closes the connection without a response.
    Close,
    /// Closes the connection in the middle of the response's head.
    CloseHalfway,
    /// Responds to the message after this time.
    After(Duration),
    /// Responds with the status 410 after this time.
    Gone(Duration),
    /// Responds with a retry-after header of this many seconds.
    RetryAfter(u32),
}

/// A receiver at a local URL.
pub struct Receiver {
    pub url: String,
    received: Arc<Mutex<Vec<Message>>>,
    /// Messages without a response, and the most of them at a time.
    open: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Receiver {
    /// Starts a receiver. `answer` gets the number of messages before.
    pub async fn start(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?token=secret", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Message>>> = Arc::default();
        let (messages, answer) = (Arc::clone(&received), Arc::new(answer));
        let open: Arc<(AtomicUsize, AtomicUsize)> = Arc::default();
        let counts = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (messages, answer) = (Arc::clone(&messages), Arc::clone(&answer));
                let counts = Arc::clone(&counts);
                tokio::spawn(async move {
                    let mut connection = BufReader::new(connection);
                    while let Some(message) = read(&mut connection).await {
                        let open = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
                        counts.1.fetch_max(open, Ordering::SeqCst);
                        let mut messages = messages.lock().await;
                        let answered = answer(messages.len());
                        let response = match &answered {
                            Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
                            Answer::Redirect(to) => {
                                format!("HTTP/1.1 301 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
                            }
                            Answer::RetryAfter(seconds) => {
                                format!("HTTP/1.1 503 X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
                            }
                            Answer::Gone(_) => "HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_owned(),
                            Answer::CloseHalfway => "HTTP/1.1 200 OK\r\ncontent-le".to_owned(),
                            Answer::After(_) => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
                            Answer::Close => String::new(),
                        };
                        messages.push(message);
                        drop(messages);
                        if let Answer::After(delay) | Answer::Gone(delay) = answered {
                            sleep(delay).await;
                        }
                        counts.0.fetch_sub(1, Ordering::SeqCst);
                        let is_written = connection.write_all(response.as_bytes()).await.is_ok();
                        if !is_written || matches!(answered, Answer::Close | Answer::CloseHalfway) {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, received, open }
    }

    /// The most messages that were under way at a time.
    pub fn most_concurrent(&self) -> usize {
        self.open.1.load(Ordering::SeqCst)
    }

    /// The messages so far.
    pub async fn received(&self) -> Vec<Message> {
        self.received.lock().await.clone()
    }

    /// The messages, once there are this many.
    pub async fn messages(&self, count: usize) -> Vec<Message> {
        for _ in 0..600 {
            let received = self.received().await;
            if received.len() >= count {
                return received;
            }
            sleep(Duration::from_millis(25)).await;
        }
        panic!("{} messages arrived, not {count}", self.received().await.len());
    }
}

async fn read(connection: &mut BufReader<TcpStream>) -> Option<Message> {
    let (mut headers, mut line) = (HeaderMap::new(), String::new());
    connection.read_line(&mut line).await.ok().filter(|bytes| *bytes > 0)?;
    loop {
        line.clear();
        connection.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let length = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some(Message { headers, body })
}
