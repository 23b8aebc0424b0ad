//! Which addresses a connection may go to.
//!
//! Decided on the resolved address, never on text: `127.1`, `0x7f000001` and a public name that resolves to loopback
//! are all loopback. IPv4 inside IPv6 is unpacked first.
//!
//! | kind | allowed |
//! | --- | --- |
//! | public | always |
//! | loopback | with `loopback` |
//! | private (RFC 1918, RFC 6598 shared, RFC 4193 unique local) | with `private` |
//! | link-local, among it the metadata service 169.254.169.254 | never |
//! | unspecified, multicast, broadcast, documentation, benchmarking, reserved | never |

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
    /// One network segment; holds the metadata services of clouds.
    LinkLocal,
    /// Anything else that is nobody's server.
    Special,
}

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
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
            Self::Private
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if a == 0
            || a >= 224
            || address.is_documentation()
            || (a == 192 && b == 0 && c == 0)
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
        if address.is_loopback() {
            Self::Loopback
        } else if address.is_unique_local() {
            Self::Private
        } else if address.is_unicast_link_local() {
            Self::LinkLocal
        } else if s0 & 0xe000 == 0x2000 && (s0, s1) != (0x2001, 0x0db8) {
            Self::Public
        } else {
            // Global unicast is 2000::/3; the rest is unspecified, multicast, documentation, or unassigned.
            Self::Special
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
            AddressKind::LinkLocal | AddressKind::Special => false,
        }
    }

    /// The switch that would allow `address`, if any would.
    #[must_use]
    pub fn switch_for(address: IpAddr) -> Option<&'static str> {
        match AddressKind::of(address) {
            AddressKind::Loopback => Some("--allow-loopback"),
            AddressKind::Private => Some("--allow-private-network"),
            AddressKind::Public | AddressKind::LinkLocal | AddressKind::Special => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{AddressKind, NetworkPolicy};

    #[test]
    fn kinds() {
        use AddressKind::{LinkLocal, Loopback, Private, Public, Special};
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
            ("169.254.169.254", LinkLocal),
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
            ("::ffff:169.254.169.254", LinkLocal),
            ("::127.0.0.1", Special),
            ("64:ff9b::a9fe:a9fe", LinkLocal),
            ("64:ff9b::808:808", Public),
            ("64:ff9b:1::7f00:1", Special),
            ("2002:7f00:1::1", Loopback),
            ("2002:a00:1::1", Private),
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
        let one = NetworkPolicy { loopback: true, private: false };
        assert!(one.allows(loopback) && !one.allows(private));
    }
}
