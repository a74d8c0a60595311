//! Closed-loop load: each client keeps a connection and sends its next request when it has the response.

use std::{
    cell::{Cell, RefCell},
    fmt::Write,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Latencies;

/// A request body and its expected response.
pub struct Question {
    /// The index of the API key.
    pub key: usize,
    pub body: String,
    pub status: u16,
    /// Text that the response must contain.
    pub expected: String,
}

/// The clients, and how long they send requests.
pub struct Load<'a> {
    pub address: &'a str,
    pub keys: &'a [String],
    pub connections: usize,
    /// Responses in this time are not counted.
    pub warm_up: Duration,
    pub duration: Duration,
}

impl Load<'_> {
    /// Sends each request once. Ends the whole run at the first unexpected response, since latencies of failures are
    /// meaningless.
    ///
    /// One thread drives all connections, as in pgbench with one job.
    pub fn run(&self, question: impl Fn(u64) -> Question) -> Latencies {
        let next = Cell::new(0);
        let latencies = RefCell::new(Vec::new());
        let clients = async {
            let begin = Instant::now() + self.warm_up;
            let clients = (0..self.connections).map(|_| async {
                let mut client = Client::connect(self.address).await;
                loop {
                    let question = question(next.replace(next.get() + 1));
                    let asked = Instant::now();
                    client.send_checked(&self.keys[question.key], &question).await;
                    let answered = Instant::now();
                    if answered > begin + self.duration {
                        break;
                    }
                    if answered > begin {
                        latencies.borrow_mut().push(answered - asked);
                    }
                }
            });
            futures_util::future::join_all(clients).await;
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(clients);
        Latencies::new(latencies.into_inner(), self.duration)
    }
}

/// A client with a persistent connection.
pub struct Client {
    stream: TcpStream,
    head: String,
    request: String,
    answer: Vec<u8>,
}

impl Client {
    pub async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nauthorization: Bearer "
        );
        Self { stream, head, request: String::new(), answer: Vec::with_capacity(16 * 1024) }
    }

    /// Sends a body. Returns the whole response, head included.
    pub async fn send(&mut self, key: &str, body: &str) -> &str {
        self.request.clear();
        // Writing to a string can't fail.
        let _ = write!(self.request, "{}{key}\r\ncontent-length: {}\r\n\r\n{body}", self.head, body.len());
        self.stream.write_all(self.request.as_bytes()).await.unwrap();
        self.answer.clear();
        let mut end = None;
        while end.is_none_or(|end| self.answer.len() < end) {
            let read = self.stream.read_buf(&mut self.answer).await.unwrap();
            assert_ne!(read, 0, "the server closed a connection; received: {}", String::from_utf8_lossy(&self.answer));
            end = end.or_else(|| response_length(&self.answer));
        }
        std::str::from_utf8(&self.answer).unwrap()
    }

    async fn send_checked(&mut self, key: &str, question: &Question) {
        let answer = self.send(key, &question.body).await;
        let right = status(answer) == question.status && answer.contains(&question.expected);
        assert!(right, "unexpected response to {}: {answer}", question.body);
    }
}

/// The status of a response.
pub fn status(response: &str) -> u16 {
    response.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("the response has a status line")
}

/// The length of the whole response in bytes. `None` until the head is complete.
fn response_length(response: &[u8]) -> Option<usize> {
    let head = response.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&response[..head]).unwrap();
    let (_, rest) = text.split_once("content-length: ").unwrap();
    let body: usize = rest.lines().next().unwrap().parse().unwrap();
    Some(head + 4 + body)
}
