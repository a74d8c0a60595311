//! Connects to receivers: to permitted addresses only, and reads no more of them than the head of a response may have.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
    vec,
};

use hyper::{
    Uri,
    rt::{Read, ReadBuf, ReadBufCursor, Write},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector, dns::Name},
    rt::TokioIo,
};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    net::{self, TcpStream},
    time::timeout,
};
use tower::Service;

use super::address::{AddressPolicy, RefusedAddress};

/// The most bytes that are read of a connection between two writes. A response has at most that many before its body, which is
/// not read. It also bounds the interim responses (1xx) to a request, each of which costs time and none of which counts.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Bytes that are read at a time.
const CHUNK: usize = 4 * 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Https = HttpsConnector<HttpConnector<PermittedResolver>>;

/// The receiver did not accept a connection in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
pub struct ConnectTimeout;

/// The response has too many bytes before its body.
#[derive(Debug, thiserror::Error)]
#[error("the head of the response has more than {MAX_RESPONSE_BYTES} bytes")]
struct ResponseTooLong;

/// Connects to receivers.
#[derive(Clone)]
pub struct Connector {
    https: Https,
    timeout: Duration,
}

impl Connector {
    /// Connects to the addresses that the policy permits, by HTTPS with the certificates of the system, or HTTP. The time
    /// limit includes the resolution of the name and the TLS handshake.
    pub fn new(policy: Arc<AddressPolicy>, timeout: Duration) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new_with_resolver(PermittedResolver { policy });
        // HTTPS is built on it.
        http.enforce_http(false);
        http.set_nodelay(true);
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        Ok(Self { https: https.wrap_connector(http), timeout })
    }
}

impl Service<Uri> for Connector {
    type Response = Limited<MaybeHttpsStream<TokioIo<TcpStream>>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connected = timeout(self.timeout, self.https.call(uri));
        Box::pin(async {
            let stream = connected.await.map_err(|_| ConnectTimeout)??;
            Ok(Limited { stream, read: 0 })
        })
    }
}

/// Returns permitted addresses only. The client connects to what this returns and never resolves a name again, so that a name
/// can't change its address between the check and the connection (DNS rebinding).
#[derive(Clone)]
struct PermittedResolver {
    policy: Arc<AddressPolicy>,
}

impl Service<Name> for PermittedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            // The client sets the port.
            let found: Vec<SocketAddr> = net::lookup_host((name.as_str(), 0)).await?.collect();
            let permitted: Vec<_> = found.iter().copied().filter(|found| policy.permits(found.ip())).collect();
            match found.first() {
                Some(refused) if permitted.is_empty() => {
                    let (host, address) = (name.as_str().to_owned(), refused.ip());
                    tracing::info!(host, %address, "the host of a webhook resolves to no permitted address");
                    Err(RefusedAddress::Resolved(host).into())
                }
                _ => Ok(permitted.into_iter()),
            }
        })
    }
}

/// A connection that fails after [`MAX_RESPONSE_BYTES`] without a write.
pub struct Limited<T> {
    stream: T,
    /// Bytes that were read since the last write.
    read: usize,
}

impl<T: Read + Unpin> Read for Limited<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read >= MAX_RESPONSE_BYTES {
            return Poll::Ready(Err(io::Error::other(ResponseTooLong)));
        }
        let mut chunk = [0; CHUNK];
        let length = CHUNK.min(cursor.remaining());
        let mut buffer = ReadBuf::new(&mut chunk[..length]);
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer.unfilled()))?;
        self.read += buffer.filled().len();
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Limited<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<T: Connection> Connection for Limited<T> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
