//! The bytes of a connection, and how long a client may take to send and to read them.

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

use super::connections::Connection;

/// How long a connection may be without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the head of a request may take from its first byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take to read a response, however short.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may read nothing of a response.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of a response for which a client gets another second: the slowest networks of phones are as fast.
const BYTES_A_SECOND: u32 = 64 * 1024;

/// A connection's stream.
pub struct Stream {
    tcp: TcpStream,
    connection: Arc<Connection>,
    timer: Pin<Box<Sleep>>,
    /// When the head of the next request must be there, or begin.
    head_by: Instant,
    has_begun: bool,
    response: Response,
}

/// The response that is being sent, by its number on the connection.
struct Response {
    number: u64,
    since: Instant,
    /// When the last of its bytes could be written.
    last: Instant,
    bytes: u32,
}

impl Response {
    fn new(number: u64) -> Self {
        let now = Instant::now();
        Self { number, since: now, last: now, bytes: 0 }
    }

    /// When its client must have read more of it.
    fn deadline(&self) -> Instant {
        let in_all = self.since + RESPONSE_TIMEOUT + Duration::from_secs(1) * self.bytes / BYTES_A_SECOND;
        in_all.min(self.last + STALL_TIMEOUT)
    }
}

impl Stream {
    pub fn new(tcp: TcpStream, connection: Arc<Connection>) -> Self {
        let timer = Box::pin(sleep(IDLE_TIMEOUT));
        Self { tcp, connection, head_by: timer.deadline(), timer, has_begun: false, response: Response::new(0) }
    }

    /// An error if it is too late, else pending.
    fn wait<T>(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What came of a write.
    fn written(&mut self, result: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (number, response) = (self.connection.responses(), &mut self.response);
        if response.number != number {
            *response = Response::new(number);
        }
        match result {
            Poll::Pending => {
                let until = response.deadline();
                self.wait(until, context)
            }
            Poll::Ready(Ok(count)) => {
                response.last = Instant::now();
                response.bytes = response.bytes.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
                Poll::Ready(Ok(count))
            }
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl AsyncRead for Stream {
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
            let until = self.head_by;
            return self.wait(until, context);
        }
        if !self.has_begun {
            self.has_begun = true;
            self.head_by = Instant::now() + HEAD_TIMEOUT;
        }
        result
    }
}

impl AsyncWrite for Stream {
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

    /// hyper calls this only when it has written all that it had.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.tcp).poll_flush(context))?;
        if self.connection.flushed() {
            self.has_begun = false;
            self.head_by = Instant::now() + IDLE_TIMEOUT;
            // hyper reads again only when it is woken.
            let until = self.head_by;
            let _ = self.wait::<()>(until, context);
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
    use crate::http::connections::Connections;

    /// A stream and its client.
    async fn connected() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let connection = Connections::new(1).add().await;
        (Stream::new(listener.accept().await.unwrap().0, Arc::new(connection)), client)
    }

    async fn read_to_end(stream: &mut Stream) -> (io::ErrorKind, Duration) {
        let started = Instant::now();
        let ended = stream.read_to_end(&mut Vec::new()).await;
        (ended.unwrap_err().kind(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends_sooner_once_a_head_has_begun() {
        let (mut stream, mut client) = connected().await;
        client.write_all(b"GET /").await.unwrap();
        let (error, after) = read_to_end(&mut stream).await;
        assert_eq!((error, after.as_secs()), (io::ErrorKind::TimedOut, HEAD_TIMEOUT.as_secs()));

        let (mut stream, _client) = connected().await;
        let (error, after) = read_to_end(&mut stream).await;
        assert_eq!((error, after.as_secs()), (io::ErrorKind::TimedOut, IDLE_TIMEOUT.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_and_a_response_that_is_read_have_no_such_limit() {
        let (mut stream, mut client) = connected().await;
        let under_way = stream.connection.begin(false);
        assert!(tokio::time::timeout(IDLE_TIMEOUT * 10, stream.read(&mut [0; 8])).await.is_err());
        drop(under_way);
        stream.write_all(b"alive").await.unwrap();
        stream.flush().await.unwrap();
        client.write_all(b"G").await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_cut_off() {
        let (mut stream, _client) = connected().await;
        let under_way = stream.connection.begin(false).unwrap();
        under_way.respond();
        let started = Instant::now();
        while stream.write(&[0; 8 * 1024]).await.is_ok() {}
        assert_eq!(started.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_has_time_by_the_size_of_the_response() {
        let mut response = Response { bytes: 100 * BYTES_A_SECOND, ..Response::new(1) };
        for (read_after, until) in [(20, 50), (120, 130)] {
            response.last = response.since + Duration::from_secs(read_after);
            assert_eq!(response.deadline() - response.since, Duration::from_secs(until));
        }
    }
}
