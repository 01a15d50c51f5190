//! Reading addresses of outsiders: one parser, whose answer is the only thing the rest of the crate looks at, so that
//! no two places can understand the same text differently. Not here: whether one may go there (`policy`).

use crate::Error;
use std::net::IpAddr;
use url::{Host, Url};

/// Longest address that is read, in bytes.
const LONGEST: usize = 8 * 1024;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`, without user, password and fragment.
    pub url: Url,
    /// The name or address, as it is normalised.
    pub host: Host<String>,
    /// The port, the scheme's own if none was given.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
}

impl Target {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// `url_invalid`, `scheme_refused`, `userinfo_refused`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        plain(text)?;
        Self::of(Url::parse(text).map_err(|error| Error::url(error.to_string()))?)
    }

    /// Reads an address relative to this one, as in a `Location`.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn join(&self, text: &str) -> Result<Self, Error> {
        plain(text)?;
        Self::of(self.url.join(text).map_err(|error| Error::url(error.to_string()))?)
    }

    fn of(mut url: Url) -> Result<Self, Error> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(Error::SchemeRefused { scheme: other.to_owned() }),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::UserinfoRefused);
        }
        let Some(host) = url.host().map(|host| host.to_owned()) else {
            return Err(Error::url("it has no host".to_owned()));
        };
        let port = url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 });
        if port == 0 {
            return Err(Error::url("port 0 leads nowhere".to_owned()));
        }
        if let Host::Domain(name) = &host {
            domain(name)?;
        }
        url.set_fragment(None);
        Ok(Self { url, host, port, tls })
    }

    /// Reads `host:port` as in a CONNECT request. TLS is what will be spoken there.
    ///
    /// # Errors
    /// As [`Target::parse`].
    pub fn parse_authority(text: &str) -> Result<Self, Error> {
        let bad = |c: char| matches!(c, '/' | '?' | '#' | '@' | '\\');
        if text.contains(bad) {
            return Err(Error::url("CONNECT takes host:port and nothing else".to_owned()));
        }
        let target = Self::parse(&format!("https://{text}/"))?;
        if text.rsplit_once(':').is_none_or(|(_, port)| port.parse() != Ok(target.port)) {
            return Err(Error::url("CONNECT takes host:port; the port is missing".to_owned()));
        }
        Ok(target)
    }

    /// The address itself, if the host is one.
    pub fn literal(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(v4) => Some(v4.into()),
            Host::Ipv6(v6) => Some(v6.into()),
            Host::Domain(_) => None,
        }
    }

    /// The host without brackets and trailing dot: what rules and per-host limits are kept by.
    pub fn host_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.trim_end_matches('.').to_owned(),
            Host::Ipv4(v4) => v4.to_string(),
            Host::Ipv6(v6) => v6.to_string(),
        }
    }

    /// `host:port`, with brackets where they belong.
    pub fn authority(&self) -> String {
        match &self.host {
            Host::Ipv6(v6) => format!("[{v6}]:{}", self.port),
            _ => format!("{}:{}", self.host_name(), self.port),
        }
    }

    /// Whether both are of the same scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.tls == other.tls && self.port == other.port && self.host_name() == other.host_name()
    }
}

/// What parsers of addresses have been known to disagree about is refused before any of them sees it.
fn plain(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST {
        return Err(Error::url(format!("it is longer than {LONGEST} bytes")));
    }
    if text.contains(|c: char| c.is_control() || c == '\\') {
        return Err(Error::url("it has a backslash or a control character in it".to_owned()));
    }
    if text.trim() != text {
        return Err(Error::url("it begins or ends with a blank".to_owned()));
    }
    Ok(())
}

/// Names that resolvers would take for something else than a name of the DNS.
fn domain(name: &str) -> Result<(), Error> {
    let labels = name.trim_end_matches('.');
    let good = !labels.is_empty()
        && labels.len() <= 253
        && !name.ends_with("..")
        && labels.split('.').all(|label| !label.is_empty() && label.len() <= 63)
        && labels.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if good { Ok(()) } else { Err(Error::url("its host is not a name that the DNS could know".to_owned())) }
}
