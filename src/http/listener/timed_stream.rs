//! The stream of a connection, with timeouts for clients that send or read too slowly.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::connection_limit::TrackedConnection;

/// The longest time between two requests, or before the first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time from the first byte of a request's head to the last.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for a client to read a response of any length.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time in which a client reads nothing of a response.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of a response for which a client gets another second. The slowest mobile networks are as fast.
const MIN_BYTES_PER_SECOND: u32 = 64 * 1024;

/// A connection's TCP stream, with timeouts.
pub struct TimedStream {
    tcp: TcpStream,
    connection: Arc<TrackedConnection>,
    timer: Pin<Box<Sleep>>,
    /// When the next request's head must be complete if it has begun, or must begin.
    head_deadline: Instant,
    head_has_begun: bool,
    response: Response,
}

/// The response that is being sent, by its number on the connection.
struct Response {
    number: u64,
    started: Instant,
    /// When bytes of it could last be written.
    last_write: Instant,
    bytes: u32,
}

impl Response {
    fn new(number: u64) -> Self {
        let now = Instant::now();
        Self { number, started: now, last_write: now, bytes: 0 }
    }

    /// When the client must have read more of it.
    fn deadline(&self) -> Instant {
        let total = self.started + RESPONSE_TIMEOUT + Duration::from_secs(1) * self.bytes / MIN_BYTES_PER_SECOND;
        total.min(self.last_write + STALL_TIMEOUT)
    }
}

impl TimedStream {
    pub fn new(tcp: TcpStream, connection: Arc<TrackedConnection>) -> Self {
        let timer = Box::pin(sleep(IDLE_TIMEOUT));
        Self {
            tcp,
            connection,
            head_deadline: timer.deadline(),
            timer,
            head_has_begun: false,
            response: Response::new(0),
        }
    }

    /// Pending until a deadline, then an error.
    fn poll_deadline<T>(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Applies the timeouts to the result of a write.
    fn written(&mut self, result: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (number, response) = (self.connection.responses(), &mut self.response);
        if response.number != number {
            *response = Response::new(number);
        }
        match result {
            Poll::Pending => {
                let deadline = response.deadline();
                self.poll_deadline(deadline, context)
            }
            Poll::Ready(Ok(count)) => {
                response.last_write = Instant::now();
                response.bytes = response.bytes.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                Poll::Ready(Ok(count))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if !self.connection.is_idle() {
            return result;
        }
        if result.is_pending() {
            let deadline = self.head_deadline;
            return self.poll_deadline(deadline, context);
        }
        if !self.head_has_begun {
            self.head_has_begun = true;
            self.head_deadline = Instant::now() + HEAD_TIMEOUT;
        }
        result
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.tcp).poll_write(context, bytes);
        self.written(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        self.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    /// hyper calls this only when it has written everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.tcp).poll_flush(context))?;
        if self.connection.flushed() {
            self.head_has_begun = false;
            self.head_deadline = Instant::now() + IDLE_TIMEOUT;
            // hyper reads again only when it is woken, so the timer must wake it.
            let deadline = self.head_deadline;
            let _ = self.poll_deadline::<()>(deadline, context);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::http::listener::connection_limit::ConnectionLimit;

    /// A stream and its client.
    async fn connected() -> (TimedStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connection = ConnectionLimit::new(1).add().await;
        (TimedStream::new(listener.accept().await.unwrap().0, Arc::new(connection)), client)
    }

    async fn read_to_end(stream: &mut TimedStream) -> (io::ErrorKind, Duration) {
        let started = Instant::now();
        let ended = stream.read_to_end(&mut Vec::new()).await;
        (ended.unwrap_err().kind(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_incomplete_head_times_out_sooner_than_an_idle_connection() {
        let (mut stream, mut client) = connected().await;
        client.write_all(b"GET /").await.unwrap();
        let (error, after) = read_to_end(&mut stream).await;
        assert_eq!((error, after.as_secs()), (io::ErrorKind::TimedOut, HEAD_TIMEOUT.as_secs()));

        let (mut stream, _client) = connected().await;
        let (error, after) = read_to_end(&mut stream).await;
        assert_eq!((error, after.as_secs()), (io::ErrorKind::TimedOut, IDLE_TIMEOUT.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn no_idle_timeout_applies_while_a_request_is_in_progress() {
        let (mut stream, mut client) = connected().await;
        let request = stream.connection.begin_request(false);
        assert!(tokio::time::timeout(IDLE_TIMEOUT * 10, stream.read(&mut [0; 8])).await.is_err());
        drop(request);
        stream.write_all(b"alive").await.unwrap();
        stream.flush().await.unwrap();
        client.write_all(b"G").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_disconnected() {
        let (mut stream, _client) = connected().await;
        let request = stream.connection.begin_request(false).unwrap();
        request.begin_response();
        let started = Instant::now();
        while stream.write(&[0; 8 * 1024]).await.is_ok() {}
        assert_eq!(started.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_to_read_a_response_grows_with_its_size() {
        let mut response = Response { bytes: 100 * MIN_BYTES_PER_SECOND, ..Response::new(1) };
        for (last_write, deadline) in [(20, 50), (120, 130)] {
            response.last_write = response.started + Duration::from_secs(last_write);
            assert_eq!(response.deadline() - response.started, Duration::from_secs(deadline));
        }
    }
}
