//! What the values of settings may be, and the sentence for each that is not. Not here: which settings there are.

use super::{BudgetPeriod, EgressRule, Error, Rate};
use crate::keys::ApiKeys;
use nexus_model::Money;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

/// `host:port`; `localhost` and an empty host (all interfaces) are understood, other names are not: a listener needs
/// an address.
pub(super) fn address(name: &'static str, text: &str) -> Result<SocketAddr, Error> {
    let wrong = || {
        Error::new(format!(
            "{name} is `{text}`, which is not an address to listen on; set it to host:port, e.g. 127.0.0.1:8080"
        ))
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    match host {
        "" | "*" => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        "localhost" => Ok((Ipv4Addr::LOCALHOST, port).into()),
        _ => text.parse().map_err(|_| wrong()),
    }
}

/// An `http://` or `https://` address without a slash at its end.
pub(super) fn http_url(name: &'static str, text: &str) -> Result<String, Error> {
    let good = http::Uri::from_str(text).is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if good {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(Error::new(format!(
            "{name} is `{}`, which is not an address of the form http://host:port or https://host",
            without_credentials(text)
        )))
    }
}

/// One or several of them, separated by commas.
pub(super) fn http_urls(name: &'static str, text: &str) -> Result<String, Error> {
    let urls = list(text).map(|url| http_url(name, url)).collect::<Result<Vec<_>, _>>()?;
    Ok(urls.join(","))
}

/// What keys may spend: `name:5/day,name:100/month,other:20/total`.
pub(super) fn key_budgets(
    name: &'static str,
    text: &str,
    keys: &ApiKeys,
) -> Result<BTreeMap<String, Vec<(BudgetPeriod, Money)>>, Error> {
    let mut budgets: BTreeMap<String, Vec<(BudgetPeriod, Money)>> = BTreeMap::new();
    for entry in list(text) {
        let wrong = |problem: &str| {
            Error::new(format!(
                "{name} has `{entry}`, {problem}; write key:dollars/day, /month or /total, e.g. ci:5.50/day"
            ))
        };
        let (key, amount) = entry.split_once(':').ok_or_else(|| wrong("which has no colon"))?;
        if !keys.has(key) {
            return Err(wrong("but NEXUS_API_KEYS has no key of that name"));
        }
        let (period, limit) = budget(amount).map_err(wrong)?;
        let known = budgets.entry(key.to_owned()).or_default();
        if known.iter().any(|(other, _)| *other == period) {
            return Err(wrong("but that key has a budget for that period already"));
        }
        known.push((period, limit));
    }
    Ok(budgets)
}

/// What may be spent in a period: `5.50/day`; the problem if it cannot be read.
pub(crate) fn budget(text: &str) -> Result<(BudgetPeriod, Money), &'static str> {
    let (amount, period) = text.split_once('/').ok_or("which names no period")?;
    let period = match period {
        "day" => BudgetPeriod::Day,
        "month" => BudgetPeriod::Month,
        "total" => BudgetPeriod::Total,
        _ => return Err("whose period is not known"),
    };
    let limit = amount.parse().ok().filter(|usd: &f64| *usd >= 0.0).and_then(Money::from_usd);
    Ok((period, limit.ok_or("which is no amount of dollars")?))
}

/// So many in a time: `600/minute`.
pub(super) fn rate(name: &'static str, text: &str) -> Result<Rate, Error> {
    let wrong =
        || Error::new(format!("{name} is `{text}`; write calls/second, /minute or /hour, e.g. 600/minute"));
    let (calls, period) = text.split_once('/').ok_or_else(wrong)?;
    let calls = calls.trim().parse().ok().filter(|calls| *calls > 0).ok_or_else(wrong)?;
    let seconds = match period.trim() {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        _ => return Err(wrong()),
    };
    Ok(Rate { calls, per: Duration::from_secs(seconds) })
}

/// Networks and addresses, no names.
pub(super) fn networks(name: &'static str, text: &str) -> Result<Vec<EgressRule>, Error> {
    let rules = egress_rules(name, text)?;
    match rules.iter().find(|rule| matches!(rule, EgressRule::Host { .. })) {
        Some(_) => Err(Error::new(format!("{name} has a name in it; write networks such as 10.0.0.0/8"))),
        None => Ok(rules),
    }
}

/// An amount of dollars, zero or more.
pub(super) fn dollars(name: &'static str, text: &str) -> Result<Money, Error> {
    let amount = text.parse().ok().filter(|usd: &f64| *usd >= 0.0).and_then(Money::from_usd);
    amount.ok_or_else(|| Error::new(format!("{name} is `{text}`; set it to an amount of dollars, e.g. 0.10")))
}

/// As [`http_urls`], all of them with TLS.
pub(super) fn https_urls(name: &'static str, text: &str) -> Result<String, Error> {
    let urls = http_urls(name, text)?;
    if urls.split(',').all(|url| url.starts_with("https://")) {
        return Ok(urls);
    }
    Err(Error::new(format!(
        "{name} has an address without TLS although NEXUS_MESH_TLS_CERT is set; write https://host:port"
    )))
}

/// Browser origins: scheme, host and port, nothing behind.
pub(super) fn origins(name: &'static str, text: &str) -> Result<Vec<String>, Error> {
    list(text)
        .map(|origin| {
            let url = http_url(name, origin)?;
            let path = http::Uri::from_str(&url).map(|uri| uri.path().len()).unwrap_or(2);
            if path > 1 || url.contains(['?', '#', '@']) {
                return Err(Error::new(format!(
                    "{name} has `{origin}`, which is more than an origin; leave only scheme, host and port, e.g. https://nexus.example.com"
                )));
            }
            Ok(url.to_ascii_lowercase())
        })
        .collect()
}

/// `1`/`0`, `true`/`false`.
pub(super) fn switch(name: &'static str, text: &str) -> Result<bool, Error> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(Error::new(format!("{name} is `{text}`; set it to 1 or 0"))),
    }
}

/// A whole number from 1 to `most`.
pub(super) fn size(name: &'static str, text: &str, most: usize) -> Result<usize, Error> {
    text.parse()
        .ok()
        .filter(|n| (1..=most).contains(n))
        .ok_or_else(|| Error::new(format!("{name} is `{text}`; set it to a whole number from 1 to {most}")))
}

/// A number of days, whole or not, up to a century.
pub(super) fn days(name: &'static str, text: &str) -> Result<Duration, Error> {
    text.parse()
        .ok()
        .filter(|days: &f64| *days > 0.0 && *days <= 36_500.0)
        .map(|days| Duration::from_secs_f64(days * 86_400.0))
        .ok_or_else(|| {
            Error::new(format!(
                "{name} is `{text}`; set it to a number of days such as 90, or leave it out to keep everything"
            ))
        })
}

/// A level, or `tracing` directives such as `info,nexus_executor=debug`.
pub(super) fn log_level(name: &'static str, text: &str) -> Result<String, Error> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let known = |level: &str| LEVELS.contains(&level.to_ascii_lowercase().as_str());
    let good = list(text).all(|part| match part.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && known(level),
        None => known(part),
    });
    if good && list(text).next().is_some() {
        Ok(list(text).map(str::to_ascii_lowercase).collect::<Vec<_>>().join(","))
    } else {
        Err(Error::new(format!("{name} is `{text}`; set it to off, error, warn, info, debug or trace")))
    }
}

/// CIDRs, addresses and `host:port`.
pub(super) fn egress_rules(name: &'static str, text: &str) -> Result<Vec<EgressRule>, Error> {
    list(text)
        .map(|rule| {
            let wrong = || {
                Error::new(format!(
                    "{name} has `{rule}`, which is neither a CIDR such as 10.0.0.0/8 nor host:port such as intranet:8080"
                ))
            };
            if let Some((address, prefix)) = rule.split_once('/') {
                let address: IpAddr = address.parse().map_err(|_| wrong())?;
                let most = if address.is_ipv4() { 32 } else { 128 };
                let prefix = prefix.parse().ok().filter(|prefix| *prefix <= most).ok_or_else(wrong)?;
                return Ok(EgressRule::Network { address, prefix });
            }
            if let Ok(address) = rule.parse::<IpAddr>() {
                return Ok(EgressRule::Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } });
            }
            let (host, port) = rule.rsplit_once(':').ok_or_else(wrong)?;
            let port = port.parse().map_err(|_| wrong())?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            let good = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c));
            if good { Ok(EgressRule::Host { host, port }) } else { Err(wrong()) }
        })
        .collect()
}

/// The parts between commas that are not empty.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// An address as it may be shown: without user and password, and without its query.
pub(super) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit('@').next().unwrap_or_default();
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}
