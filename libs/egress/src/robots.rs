//! robots.txt (RFC 9309): fetching, keeping and asking it. Not here: who must ask (the proxy where it is told to, and
//! whoever hands out addresses to scrapers).

use crate::{Client, Error, Limits, Request, Target};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use url::Position;

mod rules;

pub use rules::Rules;

/// What a scraper calls itself in robots.txt files.
pub const ROBOTS_TOKEN: &str = "nexus-scraper";

/// What a scraper calls itself to servers: what it is, and where a server's owner can forbid it.
pub const USER_AGENT: &str =
    concat!("nexus-scraper/", env!("CARGO_PKG_VERSION"), " (+robots.txt: User-agent: nexus-scraper)");

/// How much of a file is read, in bytes; the standard wants at least 500 KiB.
const READ: usize = 512 * 1024;
/// The standard's bound.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// A server that could not say is asked again after this.
const KEPT_UNKNOWN: Duration = Duration::from_secs(60);
/// Above this many origins those whose time is over are forgotten, then all.
const REMEMBERED: usize = 1024;

/// Asks the robots.txt of origins, each at most once a day. Clones share what they know.
#[derive(Debug, Clone)]
pub struct Robots {
    client: Client,
    known: Arc<Mutex<HashMap<String, Arc<Origin>>>>,
}

#[derive(Debug, Default)]
struct Origin {
    /// Held while the file is fetched, so that it is fetched once.
    file: tokio::sync::Mutex<Option<(Instant, File)>>,
}

#[derive(Debug, Clone)]
enum File {
    Read(Arc<Rules>),
    /// The server is not able to say: the standard takes that for a no.
    Unknown(String),
}

impl Robots {
    /// Fetches with this client. What it fetches counts for the limits per host of this client, so give it one of its
    /// own where a page should not wait for its robots.txt.
    pub fn new(client: Client) -> Self {
        Self { client: client.with_user_agent(USER_AGENT), known: Arc::default() }
    }

    /// Whether a scraper may fetch this.
    ///
    /// # Errors
    /// `robots_forbidden`; `robots_unknown` if the server is not able to say; what refuses the origin as such.
    pub async fn check(&self, target: &Target) -> Result<(), Error> {
        let rules = self.rules(target).await?;
        let path = &target.url[Position::BeforePath..Position::AfterQuery];
        if rules.allow(path) { Ok(()) } else { Err(Error::RobotsForbidden { host: target.host_name() }) }
    }

    /// Whether a scraper may fetch anything at all there; for tunnels, which do not say what is fetched.
    ///
    /// # Errors
    /// As [`Robots::check`].
    pub async fn check_origin(&self, target: &Target) -> Result<(), Error> {
        let rules = self.rules(target).await?;
        if rules.forbid_everything() {
            Err(Error::RobotsForbidden { host: target.host_name() })
        } else {
            Ok(())
        }
    }

    /// The rules of the target's origin.
    ///
    /// # Errors
    /// `robots_unknown`; what refuses the origin as such.
    pub async fn rules(&self, target: &Target) -> Result<Arc<Rules>, Error> {
        let origin = self.origin(target);
        let mut file = origin.file.lock().await;
        let fresh = file.as_ref().is_some_and(|(until, _)| *until > Instant::now());
        if !fresh {
            let fetched = self.fetch(target).await?;
            let kept = if matches!(fetched, File::Read(_)) { KEPT } else { KEPT_UNKNOWN };
            *file = Some((Instant::now() + kept, fetched));
        }
        match file.as_ref() {
            Some((_, File::Read(rules))) => Ok(rules.clone()),
            Some((_, File::Unknown(reason))) => {
                Err(Error::RobotsUnknown { host: target.host_name(), reason: reason.clone() })
            }
            None => Err(Error::RobotsUnknown { host: target.host_name(), reason: "nobody asked".to_owned() }),
        }
    }

    fn origin(&self, target: &Target) -> Arc<Origin> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = target.url[..Position::BeforePath].to_owned();
        if known.len() >= REMEMBERED && !known.contains_key(&key) {
            let now = Instant::now();
            known.retain(|_, origin| {
                origin
                    .file
                    .try_lock()
                    .map_or(true, |file| file.as_ref().is_some_and(|(until, _)| *until > now))
            });
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.entry(key).or_default().clone()
    }

    async fn fetch(&self, target: &Target) -> Result<File, Error> {
        let mut request = Request::get(format!("{}/robots.txt", &target.url[..Position::BeforePath]));
        // The rest of a large file is not read, but a server must not send forever.
        let most = 8 * READ;
        request.limits = Some(Limits {
            total: Duration::from_secs(15).min(self.client.limits().total),
            wire_bytes: most as u64,
            body_bytes: most,
            redirects: 5,
            ..self.client.limits().clone()
        });
        match self.client.send(request).await {
            Ok(response) if response.status.is_success() => {
                let text = &response.body[..response.body.len().min(READ)];
                Ok(File::Read(Arc::new(Rules::parse(text, ROBOTS_TOKEN))))
            }
            // "Too many requests" is no statement about robots.
            Ok(response) if response.status.as_u16() == 429 => Ok(File::Unknown("it answers 429".to_owned())),
            Ok(response) if response.status.is_client_error() => Ok(File::Read(Arc::default())),
            Ok(response) => Ok(File::Unknown(format!("it answers {}", response.status.as_u16()))),
            Err(error) => match error.code() {
                // Nothing else of this origin could be fetched either: say so instead of speaking of robots.txt.
                "address_refused" | "port_refused" | "dns_failed" | "connect_failed" | "connect_timeout"
                | "tls_failed" => Err(error),
                _ => Ok(File::Unknown(error.to_string())),
            },
        }
    }
}
