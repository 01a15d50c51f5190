//! Who may be reached: public addresses, and what the operator allows besides. Every answer of a name counts: one that
//! is not allowed refuses the name. Not here: what is public (`address`), how names are resolved (`dial`).

use crate::{Error, Target, address};
use std::net::{IpAddr, SocketAddr};

/// A place that may be reached although it is not public, on any port (networks) or on this one (hosts).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Network { address: IpAddr, prefix: u8 },
    Host { host: String, port: u16 },
}

/// Ports of public addresses that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// All but those of services that understand a request as commands of their own.
    Usual,
    /// 80 and 443.
    Web,
}

/// Who may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    ports: Ports,
}

impl Default for Policy {
    fn default() -> Self {
        Self::public()
    }
}

impl Policy {
    /// Public addresses only, on every port but those that web browsers refuse as well.
    pub fn public() -> Self {
        Self { rules: Vec::new(), ports: Ports::Usual }
    }

    /// Of public addresses only ports 80 and 443.
    #[must_use]
    pub fn web_ports_only(mut self) -> Self {
        self.ports = Ports::Web;
        self
    }

    /// Allows the addresses whose leading `prefix` bits are those of `address`, on any port. A prefix longer than the
    /// address means exactly this address.
    #[must_use]
    pub fn allow_network(mut self, address: IpAddr, prefix: u8) -> Self {
        // Addresses are compared in their canonical form, so a network of mapped ones is one of IPv4.
        let (address, prefix) = match address::canonical(address) {
            v4 @ IpAddr::V4(_) if address.is_ipv6() && prefix >= 96 => (v4, prefix - 96),
            _ => (address, prefix),
        };
        self.rules.push(Rule::Network { address, prefix });
        self
    }

    /// Allows one port of a host, wherever its name leads. `host` is a name or an address without brackets.
    #[must_use]
    pub fn allow_host(mut self, host: &str, port: u16) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let host = host.parse::<IpAddr>().map_or(host, |address| address::canonical(address).to_string());
        self.rules.push(Rule::Host { host, port });
        self
    }

    /// Where to connect to: all the answers if every one is allowed. Nothing else may be connected to afterwards.
    ///
    /// # Errors
    /// `address_refused`, `port_refused`; `dns_failed` if there are no answers.
    pub fn admit(&self, target: &Target, answers: &[IpAddr]) -> Result<Vec<SocketAddr>, Error> {
        if answers.is_empty() {
            return Err(Error::DnsFailed {
                host: target.host_name(),
                reason: "it has no address".to_owned(),
            });
        }
        let host_allowed = self.allows_host(target);
        let mut public = false;
        let mut admitted: Vec<SocketAddr> = Vec::with_capacity(answers.len());
        for &answer in answers {
            let at = address::canonical(answer);
            if !host_allowed && !self.allows_address(at) {
                // Judged as it was given: the mapped form of a public address has no business in a URL or the DNS.
                if let Some(special) = address::special(answer) {
                    return Err(Error::AddressRefused { authority: target.authority(), special });
                }
                public = true;
            }
            let at = SocketAddr::new(at, target.port);
            if !admitted.contains(&at) {
                admitted.push(at);
            }
        }
        if public && !self.allows_port(target.port) {
            return Err(Error::PortRefused { authority: target.authority(), port: target.port });
        }
        Ok(admitted)
    }

    fn allows_host(&self, target: &Target) -> bool {
        let wanted =
            target.literal().map_or_else(|| target.host_name(), |ip| address::canonical(ip).to_string());
        self.rules
            .iter()
            .any(|rule| matches!(rule, Rule::Host { host, port } if *port == target.port && *host == wanted))
    }

    fn allows_address(&self, wanted: IpAddr) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Network { address, prefix } => contains(*address, *prefix, wanted),
            Rule::Host { .. } => false,
        })
    }

    fn allows_port(&self, port: u16) -> bool {
        match self.ports {
            Ports::Usual => !OF_OTHER_SERVICES.contains(&port),
            Ports::Web => matches!(port, 80 | 443),
        }
    }
}

fn contains(network: IpAddr, prefix: u8, wanted: IpAddr) -> bool {
    match (network, wanted) {
        (IpAddr::V4(network), IpAddr::V4(wanted)) => {
            let differing = u32::from(network) ^ u32::from(wanted);
            differing.leading_zeros() >= u32::from(prefix.min(32))
        }
        (IpAddr::V6(network), IpAddr::V6(wanted)) => {
            let differing = u128::from(network) ^ u128::from(wanted);
            differing.leading_zeros() >= u32::from(prefix.min(128))
        }
        _ => false,
    }
}

/// The "bad ports" of the Fetch standard, which browsers refuse: mail, shells, printers, chats and the like. Port 0 is
/// refused when the address is read.
const OF_OTHER_SERVICES: [u16; 82] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
    109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
    526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];
