//! How often somebody may call: for every key and for every address, so many calls in a time, all of which may come at
//! once. What is remembered of each is one moment, and of so many of them at most.
//! Not here: what the rates are (`Options`), what is refused how (`auth`).

use http::{HeaderMap, HeaderName};
use nexus_runtime::config::Rate;
use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Callers that are told apart; those beyond them share one allowance until others have been quiet for long enough.
const MOST: usize = 65_536;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Allowances of callers of one kind.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: Rate,
    /// When each of them will have made up for its calls.
    even: Mutex<Evens<K>>,
}

#[derive(Debug)]
struct Evens<K> {
    known: HashMap<K, Instant>,
    others: Option<Instant>,
    swept: Option<Instant>,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        let even = Evens { known: HashMap::new(), others: None, swept: None };
        Self { rate, even: Mutex::new(even) }
    }

    /// Counts a call; too many are not counted and told after which time to come again.
    pub(crate) fn count(&self, who: K, now: Instant) -> Result<(), Duration> {
        self.count_among(who, now, MOST)
    }

    fn count_among(&self, who: K, now: Instant, most: usize) -> Result<(), Duration> {
        let mut evens = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        if evens.known.len() >= most && !evens.known.contains_key(&who) {
            // Whoever has made up for all calls is as good as new. Looked for once a second at most: it takes a while.
            if evens.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= Duration::from_secs(1))
            {
                evens.known.retain(|_, even| *even > now);
                evens.swept = Some(now);
            }
            if evens.known.len() >= most {
                let even = self.after(evens.others, now)?;
                evens.others = Some(even);
                return Ok(());
            }
        }
        let even = self.after(evens.known.get(&who).copied(), now)?;
        evens.known.insert(who, even);
        Ok(())
    }

    /// When a caller will have made up for one call more.
    fn after(&self, even: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let share = self.rate.per / self.rate.calls;
        let even = even.map_or(now, |even| even.max(now)) + share;
        match even.saturating_duration_since(now).checked_sub(self.rate.per) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => Ok(even),
        }
    }
}

/// Whether an address is in a network.
fn is_in(address: IpAddr, network: (IpAddr, u8)) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((address, length), (network, of)) = (bits(address), (bits(network.0), network.1));
    let mask = if of == 0 { 0 } else { u128::MAX << (128 - u32::from(of.min(128))) };
    length == network.1 && address & mask == network.0 & mask
}

/// Whose call it is: the last address that is not one of our proxies. Every proxy writes down who called it; what
/// stands before the entry of the first one that is ours may be made up.
pub(crate) fn caller(peer: IpAddr, headers: &HeaderMap, proxies: &[(IpAddr, u8)]) -> IpAddr {
    let ours = |address: IpAddr| proxies.iter().any(|network| is_in(address, *network));
    let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let said: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut caller = peer.to_canonical();
    for before in said.into_iter().rev() {
        match before.parse::<IpAddr>() {
            Ok(address) if ours(caller) => caller = address.to_canonical(),
            _ => break,
        }
    }
    // A single customer of a provider has 2^64 addresses.
    match caller {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(calls: u32, seconds: u64) -> Limiter<&'static str> {
        Limiter::new(Rate { calls, per: Duration::from_secs(seconds) })
    }

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let (limiter, start) = (limiter(3, 60), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..3 {
            limiter.count("a", start).unwrap();
        }
        assert_eq!(limiter.count("a", start), Err(Duration::from_secs(20)));
        // Being refused costs nothing, and others are not concerned.
        assert_eq!(limiter.count("a", at(5)), Err(Duration::from_secs(15)));
        limiter.count("b", start).unwrap();
        limiter.count("a", at(20)).unwrap();
        assert_eq!(limiter.count("a", at(20)), Err(Duration::from_secs(20)));
        for _ in 0..3 {
            limiter.count("a", at(200)).unwrap();
        }
        assert!(limiter.count("a", at(200)).is_err());
    }

    #[test]
    fn a_flood_of_callers_takes_no_more_memory_and_resets_nobody() {
        let limiter: Limiter<u32> = Limiter::new(Rate { calls: 2, per: Duration::from_secs(10) });
        let start = Instant::now();
        limiter.count_among(0, start, 3).unwrap();
        limiter.count_among(0, start, 3).unwrap();
        let passed = (1..100).filter(|who| limiter.count_among(*who, start, 3).is_ok()).count();
        // Two more are known, all others share what one may do.
        assert_eq!(passed, 4);
        assert!(limiter.count_among(0, start, 3).is_err());
        assert_eq!(limiter.even.lock().unwrap().known.len(), 3);
        // Those who have been quiet make room.
        let later = start + Duration::from_secs(11);
        assert!((100..103).all(|who| limiter.count_among(who, later, 3).is_ok()));
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        let proxies: [(IpAddr, u8); 2] = [("10.0.0.0".parse().unwrap(), 8), ("fd00::".parse().unwrap(), 8)];
        let caller = |peer: &str, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for said in said {
                headers.append(FORWARDED_FOR, said.parse().unwrap());
            }
            caller(peer.parse().unwrap(), &headers, &proxies).to_string()
        };
        assert_eq!(caller("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        assert_eq!(caller("10.1.1.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(caller("10.1.1.1", &["1.1.1.1, 203.0.113.9", "10.2.2.2"]), "203.0.113.9");
        assert_eq!(caller("10.1.1.1", &["nonsense"]), "10.1.1.1");
        assert_eq!(caller("10.1.1.1", &["203.0.113.9, nonsense"]), "10.1.1.1");
        assert_eq!(caller("::ffff:10.1.1.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(caller("fd12::1", &["2001:db8:1:2:3:4:5:6"]), "2001:db8:1:2::");
        assert!(!is_in("10.0.0.1".parse().unwrap(), ("::".parse().unwrap(), 0)));
        assert!(is_in("1.2.3.4".parse().unwrap(), ("0.0.0.0".parse().unwrap(), 0)));
    }
}
