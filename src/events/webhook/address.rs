//! The addresses that webhooks may be sent to. Organisations choose the URLs of their endpoints, and must not be able to make
//! the server send requests into its own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Permits globally routable unicast addresses and the networks of a list.
#[derive(Debug, Clone, Default)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

/// An address that a webhook may not be sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddress {
    /// The URL contains the address.
    #[error("the address {0} is not permitted")]
    Literal(IpAddr),
    /// The name of a host resolves to no permitted address. Organisations must not learn the addresses of internal names.
    #[error("{0} resolves to no permitted address")]
    Resolved(String),
}

/// IPv4 networks that are not globally routable unicast, by the registry of special-purpose addresses
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
const REFUSED_V4: [Ipv4Net; 16] = [
    // This network, and the unspecified address.
    v4([0, 0, 0, 0], 8),
    // Private.
    v4([10, 0, 0, 0], 8),
    // Shared by the customers of a provider. Has metadata services of clouds.
    v4([100, 64, 0, 0], 10),
    // Loopback.
    v4([127, 0, 0, 0], 8),
    // Azure's platform services. The address is public, but each virtual machine reaches its own host there.
    v4([168, 63, 129, 16], 32),
    // Link-local. Has metadata services of clouds.
    v4([169, 254, 0, 0], 16),
    // Private.
    v4([172, 16, 0, 0], 12),
    // Protocol assignments.
    v4([192, 0, 0, 0], 24),
    // Documentation.
    v4([192, 0, 2, 0], 24),
    // Relays of 6to4, which is deprecated.
    v4([192, 88, 99, 0], 24),
    // Private.
    v4([192, 168, 0, 0], 16),
    // Benchmarks.
    v4([198, 18, 0, 0], 15),
    // Documentation.
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Multicast.
    v4([224, 0, 0, 0], 4),
    // Reserved, and the broadcast address.
    v4([240, 0, 0, 0], 4),
];

/// All global unicast addresses that have been assigned. Other addresses, even unassigned ones, are refused.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Networks within [`GLOBAL_V6`] that are not globally routable unicast
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const REFUSED_V6: [Ipv6Net; 4] = [
    // Protocol assignments. Among these are Teredo, which embeds IPv4 addresses, and benchmarks.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // 6to4, which embeds IPv4 addresses.
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    // Documentation.
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// The addresses by which hosts without IPv4 reach IPv4 addresses, through NAT64 (RFC 6052). DNS servers in such networks
/// return them for all names that have an IPv4 address only, so they are not refused as a whole.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::from_octets(octets), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix)
}

impl AddressPolicy {
    /// Permits these networks as well. IPv4 networks must be in the form of IPv4, because addresses that embed an IPv4 address
    /// are compared as that.
    #[must_use]
    pub const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether a webhook may be sent to this address.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = destination(address);
        self.allowed.iter().any(|network| network.contains(&address))
            || match address {
                IpAddr::V4(address) => !REFUSED_V4.iter().any(|network| network.contains(&address)),
                IpAddr::V6(address) => {
                    GLOBAL_V6.contains(&address) && !REFUSED_V6.iter().any(|network| network.contains(&address))
                }
            }
    }
}

/// The IPv4 address that an IPv6 address leads to, or the address itself.
fn destination(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) if NAT64.contains(&address) => {
            let [.., a, b, c, d] = address.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        address => address.to_canonical(),
    }
}

#[cfg(test)]
mod tests;
