//! Which addresses a purpose may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::Purpose;

/// Special-purpose IPv4 ranges (RFC 6890 and the IANA registry it founded).
const SPECIAL_V4: [Ipv4Net; 20] = [
    v4(0, 0, 0, 0, 8),          // "this network"
    v4(10, 0, 0, 0, 8),         // private
    v4(100, 64, 0, 0, 10),      // carrier-grade NAT
    v4(127, 0, 0, 0, 8),        // loopback
    v4(168, 63, 129, 16, 32),   // a public cloud's host agent, answering inside its machines
    v4(169, 254, 0, 0, 16),     // link-local, and most clouds' metadata
    v4(172, 16, 0, 0, 12),      // private
    v4(192, 0, 0, 0, 24),       // IETF protocol assignments
    v4(192, 0, 2, 0, 24),       // documentation
    v4(192, 31, 196, 0, 24),    // AS112
    v4(192, 52, 193, 0, 24),    // AMT
    v4(192, 88, 99, 0, 24),     // 6to4 relays
    v4(192, 168, 0, 0, 16),     // private
    v4(192, 175, 48, 0, 24),    // AS112
    v4(198, 18, 0, 0, 15),      // benchmarks
    v4(198, 51, 100, 0, 24),    // documentation
    v4(203, 0, 113, 0, 24),     // documentation
    v4(224, 0, 0, 0, 4),        // multicast
    v4(240, 0, 0, 0, 4),        // reserved
    v4(255, 255, 255, 255, 32), // broadcast
];

/// The only IPv6 range with addresses of strangers.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Special-purpose ranges within [`GLOBAL_V6`].
const SPECIAL_V6: [Ipv6Net; 5] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // IETF assignments: Teredo, ORCHID, benchmarks
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4
    v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// What even an administrator's endpoint never is: link-local, cloud metadata, many at once, or nobody.
const FORBIDDEN_V4: [Ipv4Net; 7] = [
    v4(0, 0, 0, 0, 8),
    v4(100, 100, 100, 200, 32), // cloud metadata in the carrier-grade NAT range
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(192, 0, 0, 192, 32), // cloud metadata in the IETF range
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The same for IPv6.
const FORBIDDEN_V6: [Ipv6Net; 5] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),     // link-local
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),     // site-local, deprecated
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),      // multicast
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), // cloud metadata in the unique local range
];

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(groups: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = groups;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// True when a request for `purpose` may be sent to `address`.
pub(super) fn is_allowed(purpose: Purpose, address: IpAddr) -> bool {
    match purpose {
        Purpose::ClientDocument | Purpose::ClientLogo | Purpose::LinkedEndpoint => is_public(address),
        Purpose::AdministratorEndpoint | Purpose::AdministratorKeys => !is_forbidden(address),
        Purpose::OperatorCommand => true,
    }
}

/// True for an address of a stranger on the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|range| range.contains(&address)),
        // Everything that carries an IPv4 address (mapped, NAT64, 6to4, Teredo) is outside or special, so it is refused.
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|range| range.contains(&address)),
    }
}

fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => FORBIDDEN_V4.iter().any(|range| range.contains(&address)),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => false,
        IpAddr::V6(address) => {
            FORBIDDEN_V6.iter().any(|range| range.contains(&address))
                || carried_v4(address).is_some_and(|carried| is_forbidden(carried.into()))
        }
    }
}

/// The IPv4 address to which a packet for this IPv6 address may end up going.
fn carried_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    match address.segments() {
        // Mapped and compatible (RFC 4291 §2.5.5), translated (RFC 2765), NAT64 (RFC 6052, RFC 8215).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, ..] => Some(low_v4(bits)),
        // 6to4 (RFC 3056 §2).
        [0x2002, ..] => Some(low_v4(bits >> 80)),
        // Teredo, whose client address is inverted (RFC 4380 §4).
        [0x2001, 0, ..] => Some(low_v4(!bits)),
        _ => None,
    }
}

/// The lowest 32 bits as an address.
fn low_v4(bits: u128) -> Ipv4Addr {
    let [.., a, b, c, d] = bits.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_stranger_reaches_no_special_address_in_any_disguise() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a00:1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_allowed(Purpose::ClientDocument, ip(text)), "{text}");
            assert!(!is_allowed(Purpose::LinkedEndpoint, ip(text)), "{text}");
        }
        for text in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700:4700::1111", "2a00:1450::1"]
        {
            assert!(is_allowed(Purpose::ClientDocument, ip(text)), "{text}");
        }
    }

    #[test]
    fn an_administrators_endpoint_may_be_inside_but_never_link_local_or_metadata() {
        for text in
            ["10.0.0.1", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "::ffff:10.0.0.1", "8.8.8.8"]
        {
            assert!(is_allowed(Purpose::AdministratorEndpoint, ip(text)), "{text}");
        }
        for text in [
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:1:1:1:1:5601:5601",
            "::169.254.169.254",
        ] {
            assert!(!is_allowed(Purpose::AdministratorEndpoint, ip(text)), "{text}");
        }
    }

    #[test]
    fn an_operators_command_goes_anywhere() {
        assert!(is_allowed(Purpose::OperatorCommand, ip("169.254.169.254")));
    }
}
