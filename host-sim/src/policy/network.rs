//! Which addresses a connection may go to.
//!
//! Decided on the resolved address, never on text: `127.1`, `0x7f000001` and a public name that resolves to loopback
//! are all loopback. IPv4 inside IPv6 (mapped, NAT64, 6to4, ISATAP) is unpacked first; forms that hide it otherwise
//! (compatible, translated, Teredo) are nobody's server.
//!
//! | kind | allowed |
//! | --- | --- |
//! | public | always |
//! | loopback | with `loopback` |
//! | private (RFC 1918, RFC 6598 shared, RFC 4193 unique local) | with `private` |
//! | metadata services of clouds, wherever they are | never |
//! | link-local | never |
//! | unspecified, multicast, broadcast, documentation, benchmarking, protocol assignments, reserved | never |
//!
//! Metadata services give credentials to whoever asks, so no switch opens them: not those in private networks, nor
//! those at public addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a tenant's policy says of addresses. The default allows public ones only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// Allow this machine. For development: it also allows the credential over plain http to it.
    pub loopback: bool,
    /// Allow the company's own network.
    pub private: bool,
}

/// Kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Reachable on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A company's own network.
    Private,
    /// Gives a cloud's credentials to whoever asks.
    Metadata,
    /// One network segment.
    LinkLocal,
    /// Anything else that is nobody's server.
    Special,
}

/// Where clouds have their metadata, whatever the range around it: Amazon (also for containers), Google, Microsoft, Oracle,
/// DigitalOcean and others; Amazon's for tasks; Microsoft's agent; Alibaba; Oracle's older one.
const METADATA_V4: [Ipv4Addr; 5] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same: Amazon's, for containers, Google's, Scaleway's, and the one of OpenStack.
const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

impl AddressKind {
    /// Tells the kind of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        if METADATA_V4.contains(&address) {
            Self::Metadata
        } else if address.is_loopback() {
            Self::Loopback
        } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
            Self::Private
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if a == 0
            || a >= 224
            || address.is_documentation()
            || (a == 192 && b == 0 && c == 0)
            // Relays of 6to4, given up by RFC 7526.
            || (a == 192 && b == 88 && c == 99)
            || (a == 198 && (b == 18 || b == 19))
        {
            Self::Special
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        // Mapped (::ffff:a.b.c.d), NAT64 (64:ff9b::/96) and 6to4 (2002::/16) lead to the IPv4 address inside.
        if let Some(inner) = address.to_ipv4_mapped() {
            return Self::of_v4(inner);
        }
        let [s0, s1, s2, .., s6, s7] = address.segments();
        let [.., s3, s4, s5, _, _] = address.segments();
        let v4 = |high: u16, low: u16| {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            Ipv4Addr::new(a, b, c, d)
        };
        if (s0, s1) == (0x64, 0xff9b) {
            // Beyond the /96 lies the local-use prefix, which leads wherever the network's owner says.
            let well_known = (s2, s3, s4, s5) == (0, 0, 0, 0);
            return if well_known { Self::of_v4(v4(s6, s7)) } else { Self::Special };
        }
        if s0 == 0x2002 {
            return Self::of_v4(v4(s1, s2));
        }
        // ISATAP: the interface's half of the address names an IPv4 neighbour.
        if (s4 == 0 || s4 == 0x200) && s5 == 0x5efe {
            return Self::of_v4(v4(s6, s7));
        }
        if METADATA_V6.contains(&address) {
            Self::Metadata
        } else if address.is_loopback() {
            Self::Loopback
        } else if address.is_unique_local() {
            Self::Private
        } else if address.is_unicast_link_local() {
            Self::LinkLocal
        } else if s0 & 0xe000 != 0x2000
            // Protocol assignments: Teredo, benchmarking, identifiers that are no addresses.
            || (s0 == 0x2001 && s1 < 0x0200)
            || (s0, s1) == (0x2001, 0x0db8)
            || (s0 == 0x3fff && s1 < 0x1000)
        {
            // Global unicast is 2000::/3; the rest is unspecified, multicast, documentation, or unassigned.
            Self::Special
        } else {
            Self::Public
        }
    }
}

impl NetworkPolicy {
    /// Whether a connection may go to `address`.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match AddressKind::of(address) {
            AddressKind::Public => true,
            AddressKind::Loopback => self.loopback,
            AddressKind::Private => self.private,
            AddressKind::Metadata | AddressKind::LinkLocal | AddressKind::Special => false,
        }
    }

    /// The switch that would allow `address`, if any would.
    #[must_use]
    pub fn switch_for(address: IpAddr) -> Option<&'static str> {
        match AddressKind::of(address) {
            AddressKind::Loopback => Some("--allow-loopback"),
            AddressKind::Private => Some("--allow-private-network"),
            AddressKind::Public | AddressKind::Metadata | AddressKind::LinkLocal | AddressKind::Special => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{AddressKind, NetworkPolicy};

    #[test]
    fn kinds() {
        use AddressKind::{LinkLocal, Loopback, Metadata, Private, Public, Special};
        for (text, kind) in [
            ("8.8.8.8", Public),
            ("172.32.0.1", Public),
            ("100.128.0.1", Public),
            ("127.0.0.1", Loopback),
            ("127.255.0.3", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("169.254.1.1", LinkLocal),
            ("168.63.129.16", Metadata),
            ("168.63.129.17", Public),
            ("100.100.100.200", Metadata),
            ("100.100.100.201", Private),
            ("192.0.0.192", Metadata),
            ("192.88.99.1", Special),
            ("240.0.0.1", Special),
            ("198.51.100.1", Special),
            ("203.0.113.1", Special),
            ("198.19.255.255", Special),
            ("198.20.0.1", Public),
            ("0.0.0.0", Special),
            ("0.1.2.3", Special),
            ("224.0.0.1", Special),
            ("255.255.255.255", Special),
            ("192.0.2.1", Special),
            ("192.0.0.1", Special),
            ("198.18.0.1", Special),
            ("2a00:1450::1", Public),
            ("::1", Loopback),
            ("::", Special),
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:10.1.2.3", Private),
            ("::ffff:169.254.169.254", Metadata),
            ("::ffff:100.100.100.200", Metadata),
            ("::ffff:0:127.0.0.1", Special),
            ("::127.0.0.1", Special),
            ("64:ff9b::a9fe:a9fe", Metadata),
            ("64:ff9b::808:808", Public),
            ("64:ff9b:1::7f00:1", Special),
            ("2002:7f00:1::1", Loopback),
            ("2002:a00:1::1", Private),
            ("2002:a9fe:a9fe::1", Metadata),
            ("2a00:1450::5efe:7f00:1", Loopback),
            ("2a00:1450::200:5efe:a00:1", Private),
            ("2a00:1450::5eff:7f00:1", Public),
            ("2001::7f00:1", Special),
            ("2001:0:4136:e378:8000:63bf:80ff:fffe", Special),
            ("2001:2::1", Special),
            ("2001:10::1", Special),
            ("2001:1ff::1", Special),
            ("2001:200::1", Public),
            ("3fff::1", Special),
            ("3fff:1000::1", Public),
            ("fd00:ec2::254", Metadata),
            ("fd00:ec2::255", Private),
            ("fd20:ce::254", Metadata),
            ("fd00:42::42", Metadata),
            ("fe80::a9fe:a9fe", Metadata),
            ("fec0::1", Special),
            ("5f00::1", Special),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fe80::1", LinkLocal),
            ("ff02::1", Special),
            ("2001:db8::1", Special),
        ] {
            assert_eq!(AddressKind::of(text.parse().unwrap()), kind, "{text}");
        }
    }

    #[test]
    fn switches_open_one_kind_each() {
        let loopback = "127.0.0.1".parse().unwrap();
        let private = "10.0.0.1".parse().unwrap();
        let metadata = "169.254.169.254".parse().unwrap();
        let none = NetworkPolicy::default();
        assert!(!none.allows(loopback) && !none.allows(private) && !none.allows(metadata));
        let both = NetworkPolicy { loopback: true, private: true };
        assert!(both.allows(loopback) && both.allows(private) && !both.allows(metadata));
        for never in ["100.100.100.200", "fd00:ec2::254", "168.63.129.16", "fe80::1", "224.0.0.1", "0.0.0.0", "::"] {
            let never = never.parse().unwrap();
            assert!(!both.allows(never), "{never}");
            assert_eq!(NetworkPolicy::switch_for(never), None, "{never}");
        }
        let one = NetworkPolicy { loopback: true, private: false };
        assert!(one.allows(loopback) && !one.allows(private));
    }
}
