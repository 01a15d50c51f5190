//! Fetching a page to study it: politely, within limits, and only if it is a page. Not here: what is on it
//! (`nexus-miner`), what generated code fetches (`runner`).

use crate::{
    failure::Failure,
    page_cache::PageCache,
    requested::{Log, Requested},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use nexus_egress::{Client, Hosts, Limits, Policy, Request, Robots, Target, USER_AGENT};
use nexus_model::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// A page as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it came from, after redirects.
    pub url: String,
    /// Its bytes, decompressed.
    pub body: Bytes,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
}

/// How much is kept of pages, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CacheLimits {
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

/// Fetches pages.
pub(crate) struct Fetcher {
    client: Client,
    robots: Robots,
    cache: PageCache,
}

impl Fetcher {
    /// With the turns that all requests to a host share.
    pub(crate) fn new(policy: Policy, hosts: Hosts, robots: Robots, cache: CacheLimits) -> Self {
        let client = Client::new(policy, Limits::default()).with_hosts(hosts).with_user_agent(USER_AGENT);
        Self { client, robots, cache: PageCache::new(cache.bytes, cache.age) }
    }

    /// The page at an address; `kept` allows one that was fetched a moment ago. What is asked of the site goes into
    /// the log.
    pub(crate) async fn page(
        &self,
        url: &str,
        ignore_robots: bool,
        kept: bool,
        log: &Log,
    ) -> Result<Arc<Fetched>, Failure> {
        if kept && let Some(page) = self.cache.get(url) {
            return Ok(page);
        }
        let (at, began) = (Timestamp::now(), Instant::now());
        let fetched = self.fetch(url, ignore_robots).await;
        let (status, bytes) =
            fetched.as_ref().map_or((None, 0), |(status, page)| (Some(*status), page.body.len() as u64));
        let judged = fetched.and_then(|(status, page)| judge(status, page));
        log.add(Requested {
            at,
            method: "GET".to_owned(),
            url: without_query(url),
            status,
            bytes,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            refused: judged.as_ref().err().map(|failure| failure.reason.clone()),
            why: judged.as_ref().err().map(|failure| failure.message.clone()),
        });
        let page = Arc::new(judged?);
        self.cache.put(url, Arc::clone(&page));
        Ok(page)
    }

    async fn fetch(&self, url: &str, ignore_robots: bool) -> Result<(u16, Fetched), Failure> {
        let target = Target::parse(url).map_err(|error| Failure::from(&error))?;
        if !ignore_robots {
            self.robots.check(&target).await.map_err(|error| Failure::from(&error))?;
        }
        let mut request = Request::get(url);
        request.headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"),
        );
        let answer = self.client.send(request).await.map_err(|error| Failure::from(&error))?;
        // A redirect may lead to where robots may not go.
        if !ignore_robots
            && let Ok(last) = Target::parse(answer.final_url.as_str())
            && last.url != target.url
        {
            self.robots.check(&last).await.map_err(|error| Failure::from(&error))?;
        }
        let content_type = answer.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let page = Fetched { url: answer.final_url.to_string(), body: answer.body, content_type };
        Ok((answer.status.as_u16(), page))
    }
}

/// An address as logs have it: what is asked for may be a secret.
fn without_query(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_owned()
}

fn host(url: &str) -> String {
    Target::parse(url).map_or_else(|_| "the server".to_owned(), |target| target.host_name())
}

/// Whether what came is a page that can be read.
fn judge(status: u16, page: Fetched) -> Result<Fetched, Failure> {
    if let Some(failure) = Failure::of_status(status, &host(&page.url)) {
        return Err(failure);
    }
    let named = page.content_type.as_deref().unwrap_or_default();
    let named = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_page = match named.as_str() {
        "text/html" | "application/xhtml+xml" => true,
        // Servers that do not know say one of these.
        "" | "text/plain" | "application/octet-stream" | "application/xml" | "text/xml" => {
            looks_like_html(&page.body)
        }
        _ => false,
    };
    if is_page {
        return Ok(page);
    }
    let what = if named.is_empty() { "something without a type" } else { &named };
    let suggestion = if named.ends_with("json") {
        "this is data already: fetch it with an `http_request` node, no scraper is needed"
    } else {
        "use the address of a page that a browser shows as text"
    };
    Err(Failure::access("not_html", format!("the address leads to {what}, not to a web page"), suggestion))
}

/// Whether the beginning of a text is that of a page.
fn looks_like_html(body: &[u8]) -> bool {
    let head = String::from_utf8_lossy(body.get(..body.len().min(2_000)).unwrap_or_default()).to_lowercase();
    let head = head.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    head.starts_with('<')
        && ["<html", "<!doctype html", "<body", "<head", "<div", "<table"]
            .iter()
            .any(|mark| head.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(content_type: Option<&str>, body: &'static str) -> Fetched {
        Fetched {
            url: "http://shop.test/list?key=secret".to_owned(),
            body: Bytes::from_static(body.as_bytes()),
            content_type: content_type.map(str::to_owned),
        }
    }

    #[test]
    fn only_pages_are_pages() {
        for (named, body) in [
            (Some("text/html; charset=utf-8"), ""),
            (Some("TEXT/HTML"), "x"),
            (None, "\u{feff} <!DOCTYPE html><p>x"),
            (Some("text/plain"), "<html>"),
            (Some("application/xml"), "<?xml version='1.0'?><html/>"),
        ] {
            assert!(judge(200, page(named, body)).is_ok(), "{named:?} {body}");
        }
        for (named, body, word) in [
            (Some("application/pdf"), "%PDF", "application/pdf"),
            (Some("application/json"), "{}", "http_request"),
            (Some("application/rss+xml"), "<rss>", "rss"),
            (None, "plain words", "without a type"),
            (Some("text/plain"), "a < b", "text/plain"),
        ] {
            let failure = judge(200, page(named, body)).unwrap_err();
            assert_eq!(failure.reason, "not_html");
            assert!(format!("{} {}", failure.message, failure.suggestion).contains(word), "{failure:?}");
        }
        assert_eq!(judge(404, page(Some("text/html"), "")).unwrap_err().reason, "http_404");
    }

    #[test]
    fn logs_hold_no_queries() {
        assert_eq!(without_query("http://a.test/b?key=secret#x"), "http://a.test/b");
    }
}
