//! Connects to the first of a URL's hosts that can be reached and suits the connection's purpose.
//!
//! The driver can do this too, but keeps its sockets to itself, so that the bytes on them could not be inspected.

use std::{io, time::Duration};

use tokio::{net::lookup_host, time::timeout};
use tokio_postgres::{
    Config,
    config::{Host, LoadBalanceHosts},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    connection::Connection,
    session,
    socket::{self, Target},
    url::UrlError,
};
use crate::store::error::OpenError;

/// How long to try all addresses, unless there is only one and the URL has a `connect_timeout`. Shorter than a request
/// waits for a connection, so that the last address is tried in time.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1800);

const DEFAULT_PORT: u16 = 5432;

enum Address {
    /// A name or an IP address.
    Tcp(String),
    /// The folder of a socket.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

/// Connects to the first suitable address.
pub async fn connect_to_first(config: &Config, tls: Option<&MakeRustlsConnect>) -> Result<Connection, OpenError> {
    let slow = || unreachable(io::Error::new(io::ErrorKind::TimedOut, "it did not respond in time"));
    let mut failure = OpenError::InvalidUrl(UrlError::NoHost);
    // A name can have several addresses.
    let mut targets = Vec::new();
    for (name, address, port) in hosts(config)? {
        match timeout(CONNECT_TIMEOUT, resolve(address, port)).await {
            Ok(Ok(resolved)) => targets.extend(resolved.into_iter().map(|target| (name.clone(), target))),
            Ok(Err(error)) => failure = unreachable(error),
            Err(_) => failure = slow(),
        }
    }
    let share = CONNECT_TIMEOUT / u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    let limit = match config.get_connect_timeout() {
        Some(limit) if targets.len() == 1 => *limit,
        Some(limit) => share.min(*limit),
        None => share,
    };
    for (name, target) in targets {
        let connecting = async {
            let socket = socket::open(config, target).await.map_err(unreachable)?;
            session::start(config, socket, &name, tls).await
        };
        match timeout(limit, connecting).await.unwrap_or_else(|_| Err(slow())) {
            Ok(connection) => return Ok(connection),
            // That a server is read-only says more than that another can't be reached.
            Err(_) if matches!(failure, OpenError::ReadOnly) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The hosts of a URL in the order of the attempts, each with the name that its certificate must have.
fn hosts(config: &Config) -> Result<Vec<(String, Address, u16)>, OpenError> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    if (!addresses.is_empty() && !names.is_empty() && addresses.len() != names.len())
        || (ports.len() > 1 && ports.len() != count)
    {
        return Err(UrlError::HostCounts.into());
    }
    let mut hosts: Vec<_> = (0..count)
        .map(|at| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
            let address = addresses.get(at).map(|address| Address::Tcp(address.to_string()));
            match names.get(at) {
                #[cfg(unix)]
                Some(Host::Unix(folder)) => (String::new(), Address::Unix(folder.clone()), port),
                Some(Host::Tcp(name)) => (name.clone(), address.unwrap_or_else(|| Address::Tcp(name.clone())), port),
                None => (String::new(), address.unwrap_or_else(|| Address::Tcp(String::new())), port),
            }
        })
        .collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random && count > 1 {
        let random = getrandom::u32().map_err(unreachable)?;
        hosts.rotate_left(random as usize % count);
    }
    Ok(hosts)
}

async fn resolve(address: Address, port: u16) -> io::Result<Vec<Target>> {
    match address {
        #[cfg(unix)]
        Address::Unix(folder) => Ok(vec![Target::Unix(folder.join(format!(".s.PGSQL.{port}")))]),
        Address::Tcp(name) => {
            let resolved: Vec<_> = lookup_host((name.as_str(), port)).await?.map(Target::Tcp).collect();
            let none = || io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            if resolved.is_empty() { Err(none()) } else { Ok(resolved) }
        }
    }
}

fn unreachable(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Unreachable(error.into())
}
