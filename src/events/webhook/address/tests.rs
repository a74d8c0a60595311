use super::*;

fn policy(allowed: &[&str]) -> AddressPolicy {
    AddressPolicy::new(allowed.iter().map(|network| network.parse().unwrap()).collect())
}

fn permits(policy: &AddressPolicy, address: &str) -> bool {
    policy.permits(address.parse().unwrap())
}

#[test]
fn global_unicast_addresses_are_permitted() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(permits(&AddressPolicy::default(), address), "{address}");
    }
}

#[test]
fn all_other_addresses_are_refused() {
    for address in [
        // Unspecified, and this network.
        "0.0.0.0",
        "0.0.0.1",
        "0.255.255.255",
        "::",
        // Loopback.
        "127.0.0.1",
        "127.0.1.1",
        "127.1.1.1",
        "127.255.255.255",
        "::1",
        // Private.
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "fc00::",
        "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fec0::1",
        // Link-local.
        "169.254.0.0",
        "169.254.255.255",
        "fe80::1",
        "febf::1",
        // Metadata services of AWS, Google, Azure, DigitalOcean; of ECS; of Azure's platform; of Alibaba; of Oracle.
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::a9fe:a9fe",
        // Shared.
        "100.64.0.0",
        "100.127.255.255",
        // Protocols, documentation and benchmarks.
        "192.0.0.0",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.0",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "2001:1::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:1ff:ffff::1",
        "2001:db8::1",
        "3fff::1",
        "3fff:fff::1",
        "5f00::1",
        "100::1",
        // Multicast, broadcast and reserved.
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "ff02::1",
        "ff0e::1",
        // Unassigned.
        "1fff::1",
        "4000::1",
        "8000::1",
        // Mapped to IPv6 (the second one as some tools write it), or compatible.
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "::8.8.8.8",
        "::a9fe:a9fe",
        // Translated (SIIT), even if it embeds a public address.
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        // NAT64, with the well-known prefix and with the prefix for local use.
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:0:1::8.8.8.8",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1::8.8.8.8",
        // 6to4 and Teredo, which embed 127.0.0.1, 169.254.169.254, a public address and 10.0.0.1 (inverted).
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::",
        "2002:808:808::1",
        "2001:0:808:808:0:0:f5ff:fffe",
    ] {
        assert!(!permits(&AddressPolicy::default(), address), "{address}");
    }
}

#[test]
fn networks_of_the_list_are_permitted_and_nothing_else() {
    let policy = policy(&["10.1.0.0/16", "127.0.0.1/32", "fd00:1::/32"]);
    for address in ["10.1.0.0", "10.1.255.255", "127.0.0.1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd00:1::9"] {
        assert!(permits(&policy, address), "{address}");
    }
    for address in ["10.0.255.255", "10.2.0.0", "127.0.0.2", "::1", "::10.1.2.3", "2002:a01:203::", "fd00:2::9"] {
        assert!(!permits(&policy, address), "{address}");
    }
    assert!(permits(&policy, "8.8.8.8"));
}

#[test]
fn a_list_of_all_ipv4_addresses_permits_no_ipv6_address() {
    let policy = policy(&["0.0.0.0/0"]);
    assert!(permits(&policy, "169.254.169.254") && permits(&policy, "::ffff:127.0.0.1"));
    assert!(!permits(&policy, "::1") && !permits(&policy, "fe80::1"));
}
