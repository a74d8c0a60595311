//! Classifies PostgreSQL's errors by their SQLSTATE.
//!
//! Messages are in the server's language, which only its administrator can change, and Diesel passes on few of the codes.
//! So the bytes of each connection are inspected on their way to the driver.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    error::SqlState,
    tls::{ChannelBinding, TlsConnect, TlsStream},
};

use super::liveness::{Pending, Requests};
use crate::{
    promotions::{Cause, StoreError},
    store::error::Kind,
};

/// The SQLSTATE of the first error on a connection since the last reset. Later ones are consequences: a failed transaction
/// rejects all further statements.
#[derive(Debug, Clone, Default)]
pub struct Reported(Arc<Mutex<Option<SqlState>>>);

#[derive(Debug, thiserror::Error)]
#[error("{cause} (SQLSTATE {})", state.code())]
struct WithState {
    state: SqlState,
    cause: Cause,
}

impl Reported {
    pub fn reset(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn state(&self) -> Option<SqlState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, state: SqlState) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(state);
    }

    /// Classifies an error of the connection by the SQLSTATE.
    pub fn classify(&self, error: StoreError, is_distributed: bool) -> StoreError {
        match (error, self.state()) {
            (StoreError::Failed(cause), Some(state)) => {
                kind(&state, is_distributed).with_cause(Arc::new(WithState { state, cause }))
            }
            (error, _) => error,
        }
    }
}

/// The kind of an error, by the codes in <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn kind(state: &SqlState, is_distributed: bool) -> Kind {
    match *state {
        // Usually, another server of the database has ended during COMMIT. Damaged data also looks like this.
        SqlState::INTERNAL_ERROR if is_distributed => Kind::Unavailable,
        SqlState::LOCK_NOT_AVAILABLE
        | SqlState::QUERY_CANCELED
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::T_R_SERIALIZATION_FAILURE => Kind::Contended,
        SqlState::DISK_FULL => Kind::Full,
        SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Kind::Unavailable,
        _ => match &state.code()[..2] {
            // Connection failure, insufficient resources, operator intervention (the server shuts down or starts).
            "08" | "53" | "57" => Kind::Unavailable,
            _ => Kind::Failed,
        },
    }
}

/// A stream of PostgreSQL's messages, decrypted, whose errors and pending responses are recorded.
pub struct Inspected<S> {
    stream: S,
    messages: Messages,
    requests: Requests,
    reported: Reported,
    pending: Pending,
}

impl<S> Inspected<S> {
    pub fn new(stream: S, reported: Reported, pending: Pending) -> Self {
        Self { stream, messages: Messages::default(), requests: Requests::default(), reported, pending }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Inspected<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let completed = this.messages.read(&buf.filled()[before..], |state| this.reported.note(state));
        this.pending.received(completed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inspected<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        let requests = self.requests.count(&buf[..written]);
        self.pending.sent(requests);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Inspected<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// Makes encrypted streams that are inspected after decryption.
pub struct InspectedTls<T> {
    pub tls: T,
    pub reported: Reported,
    pub pending: Pending,
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for InspectedTls<T>
where
    T::Future: Send + 'static,
{
    type Stream = Inspected<T::Stream>;
    type Error = T::Error;
    type Future = BoxFuture<'static, Result<Self::Stream, Self::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { tls, reported, pending } = self;
        tls.connect(stream).map_ok(|stream| Inspected::new(stream, reported, pending)).boxed()
    }
}

/// Length of a message's header: one byte for the type, then four for the length of the rest, including these four.
const HEADER: usize = 5;

/// Finds the errors in a stream of messages, however it is split into reads.
#[derive(Debug, Default)]
struct Messages {
    /// The current message as far as it was read: its header, and the body of an error.
    message: Vec<u8>,
    /// Bytes of the current body that are still to be skipped.
    skip: usize,
}

impl Messages {
    /// Reports the errors. Returns the number of responses that end here, each with ReadyForQuery.
    fn read(&mut self, mut bytes: &[u8], mut found: impl FnMut(SqlState)) -> u32 {
        let mut completed = 0;
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let whole = match self.message.first_chunk::<HEADER>() {
                Some([_, length @ ..]) => 1 + u32::from_be_bytes(*length) as usize,
                None => HEADER,
            };
            let taken = whole.saturating_sub(self.message.len()).min(bytes.len());
            self.message.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            let Some([kind, length @ ..]) = self.message.first_chunk::<HEADER>() else { continue };
            let whole = 1 + u32::from_be_bytes(*length) as usize;
            if *kind != b'E' {
                completed += u32::from(*kind == b'Z');
                self.skip = whole.saturating_sub(HEADER);
                self.message.clear();
            } else if self.message.len() >= whole {
                found(code(&self.message[HEADER..]));
                self.message.clear();
            }
        }
        completed
    }
}

/// The SQLSTATE in the body of an error, whose fields begin with a type byte and end with a zero byte.
fn code(body: &[u8]) -> SqlState {
    let code = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C")).unwrap_or_default();
    SqlState::from_code(&String::from_utf8_lossy(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    #[test]
    fn errors_are_found_however_the_stream_is_split() {
        let stream = [
            message(b'D', b"\0\x01E\0\0\0\x05CE"),
            message(b'Z', b"I"),
            message(b'E', b"SFEHLER\0VERROR\0C55P03\0Mkonnte Sperre nicht setzen\0\0"),
            message(b'n', b""),
            message(b'E', b"SFEHLER\0VERROR\0C25P02\0Maktuelle Transaktion wurde abgebrochen\0\0"),
            message(b'Z', b"E"),
        ]
        .concat();
        for size in 1..=stream.len() {
            let (mut messages, mut found) = (Messages::default(), Vec::new());
            let mut completed = 0;
            for piece in stream.chunks(size) {
                completed += messages.read(piece, |state| found.push(state));
            }
            assert_eq!(completed, 2, "{size}");
            assert_eq!(found, [SqlState::LOCK_NOT_AVAILABLE, SqlState::IN_FAILED_SQL_TRANSACTION], "{size}");
        }
    }
}
