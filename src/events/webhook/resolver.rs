//! Resolves the names of hosts to permitted addresses.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net;

use super::address::{AddressPolicy, RefusedAddress};

/// Returns permitted addresses only. The client connects to what this returns and never resolves a name again, so that a name
/// can't change its address between the check and the connection (DNS rebinding).
pub struct PermittedResolver {
    pub policy: Arc<AddressPolicy>,
}

impl Resolve for PermittedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = Arc::clone(&self.policy);
        Box::pin(async move {
            // The client sets the port.
            let found: Vec<SocketAddr> = net::lookup_host((name.as_str(), 0)).await?.collect();
            let permitted: Vec<_> = found.iter().copied().filter(|found| policy.permits(found.ip())).collect();
            match found.first() {
                Some(refused) if permitted.is_empty() => {
                    Err(RefusedAddress::Resolved { host: name.as_str().to_owned(), address: refused.ip() }.into())
                }
                _ => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}
