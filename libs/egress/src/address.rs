//! Which IP addresses are public: everything that IANA's special-purpose registries do not set apart, judged the same
//! way however an IPv4 address is wrapped into an IPv6 one. Not here: what an operator allows besides (`policy`).

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    /// "This network": 0.0.0.0/8, `::`.
    Unspecified,
    /// This machine: 127.0.0.0/8, `::1`.
    Loopback,
    /// RFC 1918 networks, unique local IPv6 addresses.
    Private,
    /// Behind a carrier's NAT: 100.64.0.0/10.
    SharedByCarrier,
    /// 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// Where clouds tell their machines who they are, credentials included.
    Metadata,
    /// Groups of machines.
    Multicast,
    /// For examples and benchmarks.
    Documentation,
    /// An IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4, Teredo, ISATAP).
    Embedded,
    /// Set apart for something else, or not given out.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Special::Unspecified => "an unspecified address",
            Special::Loopback => "a loopback address",
            Special::Private => "an address of a private network",
            Special::SharedByCarrier => "an address shared by a carrier's customers",
            Special::LinkLocal => "a link-local address",
            Special::Metadata => "a cloud metadata address",
            Special::Multicast => "a multicast address",
            Special::Documentation => "an address for documentation or benchmarks",
            Special::Embedded => "an IPv6 address that hides an IPv4 address",
            Special::Reserved => "a reserved address",
        })
    }
}

/// The address that packets will really go to: an IPv4-mapped IPv6 address is the IPv4 address in it.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// Why the address is not public, or `None` if it is.
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    Some(match address.octets() {
        [0, ..] => Special::Unspecified,
        [127, ..] => Special::Loopback,
        // 100.100.100.200 is a cloud's metadata address and lies in the carrier's range anyway.
        [100, 100, 100, 200] | [169, 254, 169, 254] | [169, 254, 170, 2 | 23] => Special::Metadata,
        // Public by its number, but on that provider's machines it is the machine's own host.
        [168, 63, 129, 16] => Special::Metadata,
        [192, 0, 0, 192] => Special::Metadata,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Special::Private,
        [100, 64..=127, ..] => Special::SharedByCarrier,
        [169, 254, ..] => Special::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..] => Special::Documentation,
        // Protocol assignments, and the relays of 6to4, which are no more.
        [192, 0, 0, _] | [192, 88, 99, _] => Special::Reserved,
        [224..=239, ..] => Special::Multicast,
        [240..=255, ..] => Special::Reserved,
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(v4) = address.to_ipv4_mapped() {
        // What is inside decides what to call it; none of them belongs into a URL.
        return Some(special_v4(v4).unwrap_or(Special::Embedded));
    }
    let parts = address.segments();
    let last_v4 = embedded(parts[6], parts[7]);
    Some(match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Special::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Special::Loopback,
        // IPv4-compatible; IPv4-translated
        [0, 0, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => Special::Embedded,
        // NAT64's well-known prefix is how a network without IPv4 reaches public IPv4 addresses: those are fine.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => return special_v4(last_v4).map(|_| Special::Embedded),
        // NAT64 with a prefix of the local network's own; 6to4; Teredo
        [0x64, 0xff9b, 1, ..] | [0x2002, ..] | [0x2001, 0, ..] => Special::Embedded,
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Special::Metadata,
        [0xfc00..=0xfdff, ..] => Special::Private,
        [0xfe80..=0xfebf, ..] => Special::LinkLocal,
        // Site-local: no more in use, but routers may still know it.
        [0xfec0..=0xfeff, ..] => Special::Private,
        [0xff00..=0xffff, ..] => Special::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2001, 2, 0, ..] => Special::Documentation,
        // Protocol assignments: 2001::/23
        [0x2001, 0..=0x1ff, ..] => Special::Reserved,
        // ISATAP: an interface identifier that says which IPv4 address to tunnel to
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, _, _] if special_v4(last_v4).is_some() => {
            Special::Embedded
        }
        // Everything public lies in 2000::/3.
        [0x2000..=0x3fff, ..] => return None,
        _ => Special::Reserved,
    })
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}
