//! The address policy: public addresses may be called, and the ranges that the operator allowed.
//!
//! Blocked is everything that the IANA special-purpose registries do not call globally reachable,
//! and with it everything that Svix and Hook0 block (`spec/peers.md` §3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The ranges a server may call beyond the public internet.
#[derive(Debug, Clone, Default)]
pub(super) struct AddressPolicy {
    allowed: Vec<IpNet>,
}

/// An address that may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a public address; `--allow-target` allows a range")]
pub(super) struct Blocked(pub(super) IpAddr);

impl AddressPolicy {
    pub(super) const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// The policy for a server that the operator named: wherever it is.
    pub(super) fn any() -> Self {
        Self::new(vec![Ipv4Net::default().into(), Ipv6Net::default().into()])
    }

    /// True if this address may be called.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|range| range.contains(&address))
    }

    /// The addresses of one name that may be called: all of them, or none if any one may not be,
    /// because a name that mixes public and private answers is up to no good.
    ///
    /// `localhost` answers with the loopback address of both families, and operators allow
    /// `127.0.0.0/8`: there the other family's is left out.
    pub(super) fn vet(&self, addresses: &[IpAddr]) -> Result<Vec<IpAddr>, Blocked> {
        let (permitted, refused): (Vec<IpAddr>, Vec<IpAddr>) =
            addresses.iter().partition(|address| self.permits(**address));
        let loopback_allowed = permitted.iter().any(IpAddr::is_loopback);
        match refused.iter().find(|address| !(loopback_allowed && address.is_loopback())) {
            Some(address) => Err(Blocked(*address)),
            None => Ok(permitted),
        }
    }
}

/// True if somebody outside could call this URL, as far as its text says.
///
/// Names are not resolved, but those that never mean a public host are known.
#[must_use]
pub fn is_public_url(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_public(address.into()),
        Some(url::Host::Ipv6(address)) => is_public(address.into()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let last = name.rsplit('.').next().unwrap_or_default();
            name.contains('.')
                && !["localhost", "local", "internal", "test", "invalid", "home", "lan"]
                    .contains(&last)
        }
        None => false,
    }
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

const BLOCKED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 8),       // this network
    v4(10, 0, 0, 8),      // private
    v4(100, 64, 0, 10),   // carrier-grade NAT
    v4(127, 0, 0, 8),     // loopback
    v4(169, 254, 0, 16),  // link-local, cloud metadata
    v4(172, 16, 0, 12),   // private
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(192, 88, 99, 24),  // 6to4 relays
    v4(192, 168, 0, 16),  // private
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, broadcast
];

/// The only part of IPv6 that is handed out for global use. Outside it lie `::`, `::1`, the
/// IPv4-compatible addresses, `100::/64`, `5f00::/16`, `fc00::/7`, `fe80::/10`, `fec0::/10` and
/// `ff00::/8`.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

const BLOCKED_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments, Teredo among them
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4: leads to whatever IPv4 address it holds, and is long deprecated
    v6(0x3fff, 0, 20),     // documentation
];

/// NAT64's well-known prefix: on a network without IPv4 every IPv4 receiver has such an address.
const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !BLOCKED_V4.iter().any(|range| range.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [.., a, b, c, d] = address.octets();
    let embedded = Ipv4Addr::new(a, b, c, d);
    if address.to_ipv4_mapped().is_some() || NAT64.contains(&address) {
        return is_public_v4(embedded);
    }
    // ISATAP interface identifiers tunnel to the IPv4 address they end in.
    let isatap = matches!(address.segments()[4..6], [0 | 0x200, 0x5efe]);
    GLOBAL_V6.contains(&address)
        && !BLOCKED_V6.iter().any(|range| range.contains(&address))
        && (!isatap || is_public_v4(embedded))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn public(text: &str) -> bool {
        AddressPolicy::default().permits(text.parse().unwrap())
    }

    fn policy(ranges: &[&str]) -> AddressPolicy {
        AddressPolicy::new(ranges.iter().map(|range| range.parse().unwrap()).collect())
    }

    #[test]
    fn the_first_and_last_address_of_every_blocked_range_is_blocked() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
            ("::", "::1"),
            ("::ffff:10.0.0.1", "::ffff:169.254.169.254"),
            ("::8.8.8.8", "::ffff:0:8.8.8.8"),
            ("64:ff9b::10.0.0.1", "64:ff9b::7f00:1"),
            ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
            ("100::", "100::ffff:ffff:ffff:ffff"),
            ("2001::", "2001:1ff:ffff::"),
            ("2001:db8::", "2001:db8:ffff::"),
            ("2002:a00:1::", "2002:ffff::"),
            ("2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1"),
            ("3fff::", "3fff:fff::"),
            ("5f00::", "5f00:ffff::"),
            ("fc00::", "fdff:ffff::"),
            ("fe80::", "febf:ffff::"),
            ("fec0::", "feff:ffff::"),
            ("ff00::", "ffff:ffff::"),
        ] {
            assert!(!public(first), "{first}");
            assert!(!public(last), "{last}");
        }
    }

    #[test]
    fn the_neighbours_of_blocked_ranges_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450:4001:80b::200e",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn a_url_tells_by_itself_that_nobody_outside_can_call_it() {
        for private in [
            "http://127.0.0.1:8740",
            "http://localhost:8740",
            "http://gateway",
            "https://10.1.2.3",
            "https://[fd00::1]/",
            "http://waypost.internal",
            "http://2130706433/",
        ] {
            assert!(!is_public_url(private), "{private}");
        }
        for public in ["https://hooks.example.com", "https://93.184.216.34:8443"] {
            assert!(is_public_url(public), "{public}");
        }
    }

    #[test]
    fn one_private_answer_spoils_a_name() {
        let addresses = ["93.184.216.34", "10.0.0.7"].map(|text| text.parse().unwrap());
        assert_eq!(policy(&[]).vet(&addresses), Err(Blocked(addresses[1])));
        assert_eq!(policy(&["10.0.0.0/24"]).vet(&addresses), Ok(addresses.to_vec()));
    }

    #[test]
    fn localhost_is_called_in_the_family_that_was_allowed() {
        let addresses = ["::1", "127.0.0.1"].map(|text| text.parse().unwrap());
        assert_eq!(policy(&["127.0.0.0/8"]).vet(&addresses), Ok(vec![addresses[1]]));
        assert_eq!(policy(&["10.0.0.0/8"]).vet(&addresses), Err(Blocked(addresses[0])));
    }

    proptest! {
        #[test]
        fn a_mapped_address_is_judged_as_the_address_it_holds(bits in any::<u32>()) {
            let plain = Ipv4Addr::from_bits(bits);
            let policy = policy(&["127.0.0.0/8"]);
            let mapped = policy.permits(plain.to_ipv6_mapped().into());
            prop_assert_eq!(mapped, policy.permits(plain.into()));
        }

        #[test]
        fn nothing_the_standard_library_calls_special_is_public(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_private() || address.is_loopback() || address.is_link_local()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation()
                || address.is_unspecified();
            prop_assert!(!(special && is_public(address.into())), "{address}");
        }
    }
}
