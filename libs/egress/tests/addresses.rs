//! The classifier of addresses against a plain list of networks, written down from the registries of IANA. Not here:
//! what is made of the judgement.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_egress::{Policy, Target, special};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Not public.
const SPECIAL: [&str; 45] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    // Everything outside 2000::/3 …
    "0000::/3",
    "4000::/2",
    "8000::/1",
    // … and in it: protocol assignments, documentation, 6to4
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    // The rest is inside these, and named so that their edges are tested.
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "fd00:ec2::254/128",
    "64:ff9b::7f00:0/104",
    "64:ff9b::a00:0/104",
    "64:ff9b::a9fe:0/112",
    "64:ff9b::c0a8:0/112",
    "169.254.169.254/32",
];

/// IPv4 inside a prefix that is public itself: judged by what is inside.
const NAT64: &str = "64:ff9b::/96";

fn parse(network: &str) -> (IpAddr, u32) {
    let (address, prefix) = network.split_once('/').unwrap();
    (address.parse().unwrap(), prefix.parse().unwrap())
}

/// Bits from the left, one by one: slow and plain.
fn contains(network: &str, address: IpAddr) -> bool {
    let bit = |address: IpAddr, n: u32| match address {
        IpAddr::V4(v4) => u32::from(v4) >> (31 - n) & 1 == 1,
        IpAddr::V6(v6) => u128::from(v6) >> (127 - n) & 1 == 1,
    };
    let (network, prefix) = parse(network);
    network.is_ipv4() == address.is_ipv4() && (0..prefix).all(|n| bit(network, n) == bit(address, n))
}

fn naive(address: IpAddr) -> bool {
    if let IpAddr::V6(v6) = address {
        let inside = IpAddr::V4(Ipv4Addr::from(u128::from(v6) as u32));
        if contains(NAT64, address) {
            return naive(inside);
        }
        let tunnel = (u128::from(v6) >> 32) as u32;
        if matches!(tunnel, 0x5efe | 0x0200_5efe) && naive(inside) {
            return true;
        }
    }
    SPECIAL.iter().any(|network| contains(network, address))
}

fn agree(address: IpAddr) {
    assert_eq!(special(address).is_some(), naive(address), "{address}: {:?}", special(address));
}

#[test]
fn the_edges_of_every_network_are_where_they_should_be() {
    for network in SPECIAL.iter().chain(&[NAT64]) {
        let (address, prefix) = parse(network);
        match address {
            IpAddr::V4(v4) => {
                let first = u32::from(v4);
                let last = first | u32::MAX.checked_shr(prefix).unwrap_or(0);
                for at in
                    [first.wrapping_sub(1), first, first + (last - first) / 2, last, last.wrapping_add(1)]
                {
                    agree(Ipv4Addr::from(at).into());
                }
            }
            IpAddr::V6(v6) => {
                let first = u128::from(v6);
                let last = first | u128::MAX.checked_shr(prefix).unwrap_or(0);
                for at in
                    [first.wrapping_sub(1), first, first + (last - first) / 2, last, last.wrapping_add(1)]
                {
                    agree(Ipv6Addr::from(at).into());
                }
            }
        }
    }
}

/// Addresses near the networks of the list, where mistakes are.
fn near() -> impl Strategy<Value = IpAddr> {
    (0..SPECIAL.len(), any::<u128>(), 0u32..=128).prop_map(|(index, noise, keep)| {
        match parse(SPECIAL[index]).0 {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shr(keep % 33).unwrap_or(0);
                Ipv4Addr::from(u32::from(v4) ^ (noise as u32 & mask)).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shr(keep).unwrap_or(0);
                Ipv6Addr::from(u128::from(v6) ^ (noise & mask)).into()
            }
        }
    })
}

/// IPv4 addresses in every wrapping.
fn wrapped() -> impl Strategy<Value = IpAddr> {
    let inside =
        prop_oneof![any::<u32>(), near().prop_map(|ip| if let IpAddr::V4(v4) = ip { v4.into() } else { 1 })];
    (inside, 0..7usize, any::<u64>()).prop_map(|(v4, way, noise)| {
        let v4 = u128::from(v4);
        let bits = match way {
            0 => v4,
            1 => 0xffff << 32 | v4,
            2 => 0xffff << 48 | v4,
            3 => 0x0064_ff9b << 96 | v4,
            4 => 0x2002 << 112 | v4 << 80 | u128::from(noise),
            5 => u128::from(0x2a00_0000 | noise >> 40) << 96 | 0x5efe << 32 | v4,
            _ => u128::from(0x2a00_0000 | noise >> 40) << 96 | 0x0200_5efe << 32 | v4,
        };
        Ipv6Addr::from(bits).into()
    })
}

/// One number of an IPv4 address in one of the three ways that URLs know, with zeros that change nothing.
fn number(value: u32, way: u8, zeros: usize) -> String {
    let zeros = "0".repeat(zeros);
    match way % 3 {
        0 => value.to_string(),
        1 => format!("0{zeros}{value:o}"),
        _ => format!("0x{zeros}{value:X}"),
    }
}

/// An address in one to four numbers, the last of which holds what is left.
fn written(address: Ipv4Addr, parts: u32, ways: [u8; 4], zeros: usize) -> String {
    let bits = u32::from(address);
    let mut numbers: Vec<_> = (1..parts).map(|part| bits >> (32 - 8 * part) & 0xff).collect();
    numbers.push(bits & u32::MAX.checked_shr(8 * (parts - 1)).unwrap_or(0));
    let texts = numbers.into_iter().zip(ways).map(|(value, way)| number(value, way, zeros));
    texts.collect::<Vec<_>>().join(".")
}

/// What texts of hostile addresses are made of.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "//",
        "/",
        "\\",
        "@",
        ":",
        ".",
        "%",
        "#",
        "?",
        "[",
        "]",
        "\t",
        "\r\n",
        "\0",
        " ",
        "127",
        "0177",
        "0x7f",
        "1",
        "0",
        "2130706433",
        "169.254.169.254",
        "::1",
        "::ffff:",
        "8.8.8.8",
        "[::1]",
        "[::ffff:7f00:1]",
        "[fe80::1%25lo]",
        "user",
        "80",
        "localhost",
        "%31",
        "%2e",
        "\u{3002}",
        "\u{ff11}",
        "\u{2460}",
        "\u{ad}",
        "\u{202e}",
        "xn--",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn any_ipv4_address(bits: u32) {
        agree(Ipv4Addr::from(bits).into());
    }

    #[test]
    fn any_ipv6_address(bits: u128) {
        agree(Ipv6Addr::from(bits).into());
    }

    #[test]
    fn any_address_of_2000_3(bits: u128) {
        agree(Ipv6Addr::from(bits >> 3 | 1 << 125).into());
    }

    #[test]
    fn addresses_near_special_networks(address in near()) {
        agree(address);
    }

    #[test]
    fn ipv4_addresses_in_every_wrapping(address in wrapped()) {
        agree(address);
    }

    /// However an address is written, the URL leads to it, and is judged as it is.
    #[test]
    fn ipv4_addresses_in_every_writing(
        address in prop_oneof![
            any::<u32>().prop_map(Ipv4Addr::from),
            near().prop_filter_map("IPv4 only", |ip| if let IpAddr::V4(v4) = ip { Some(v4) } else { None }),
        ],
        parts in 1u32..=4,
        ways: [u8; 4],
        zeros in 0usize..3,
        dot: bool,
    ) {
        let host = written(address, parts, ways, zeros) + if dot { "." } else { "" };
        let target = Target::parse(&format!("http://{host}/")).unwrap();
        prop_assert_eq!(target.literal(), Some(address.into()), "{}", host);
        let admitted = Policy::public().admit(&target, &[address.into()]).is_ok();
        prop_assert_eq!(admitted, !naive(address.into()), "{}", host);
    }

    /// Whatever is made of pieces that parsers stumble over: what is admitted without a resolver is public.
    #[test]
    fn no_text_leads_to_what_is_not_public(pieces in prop::collection::vec(piece(), 1..8)) {
        let text = format!("http:{}", pieces.concat());
        if let Ok(target) = Target::parse(&text) && let Some(address) = target.literal() {
            let admitted = Policy::public().admit(&target, &[address]);
            prop_assert!(admitted.is_err() || !naive(address), "{}", text);
            prop_assert!(target.url.username().is_empty() && target.url.password().is_none(), "{}", text);
        }
    }
}
