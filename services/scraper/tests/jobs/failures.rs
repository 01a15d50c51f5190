//! Every way in which a job can fail, each with words of its own.

use crate::support::{NoModels, World, books, ctx, options, request};
use nexus_api::{Code, Scraper, scraper::JobStatus};
use nexus_egress::Policy;
use nexus_scraper::runner::Run;
use nexus_testkit::{
    held::{Held, HeldPages},
    site::Site,
};
use std::{collections::BTreeSet, sync::Arc};

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_words_of_its_own() {
    let (world, site, pages) =
        (World::new().await, Site::start().await.unwrap(), HeldPages::start().await.unwrap());
    pages.put("/huge", Held::page("x".repeat(50 << 20)));
    pages.put("/wall", Held::page("<h1>Just a moment...</h1><p>Verify you are human"));
    pages.put("/blank", Held::page("<html><body></body></html>"));
    let gone = format!("{}/gone", pages.url);
    let cases = [
        ("http://no-such-host.invalid/".to_owned(), "dns_failed"),
        ("http://127.0.0.1:1/".to_owned(), "connect_failed"),
        (gone, "http_404"),
        (format!("{}/forbidden", site.url), "http_403"),
        (format!("{}/pdf", site.url), "not_html"),
        (format!("{}/huge", pages.url), "response_too_large"),
        (format!("{}/login", site.url), "login"),
        (format!("{}/app", site.url), "needs_javascript"),
        (format!("{}/wall", pages.url), "bot_wall"),
        (format!("{}/blank", pages.url), "empty"),
        (format!("{}/private", site.url), "robots_forbidden"),
    ];
    let (mut messages, mut suggestions) = (BTreeSet::new(), BTreeSet::new());
    for (url, reason) in &cases {
        let job = world.made(url, "all titles and prices").await;
        assert_eq!((job.status, job.progress), (JobStatus::Failed, 100), "{url}");
        let error = job.error.as_ref().unwrap();
        assert_eq!(
            (error["code"].as_str(), error["reason"].as_str()),
            (Some("WebsiteAccessError"), Some(*reason)),
            "{error}"
        );
        let (message, suggestion) =
            (error["message"].as_str().unwrap(), error["suggestion"].as_str().unwrap());
        assert!(message.len() > 15 && suggestion.len() > 10, "{error}");
        messages.insert(message.to_owned());
        suggestions.insert(suggestion.to_owned());
        assert_eq!((&job.api_endpoint, &job.scraper_code, job.attempts.len()), (&None, &None, 1));
        assert_eq!(job.attempts[0]["error"], *error);
    }
    assert_eq!(messages.len(), cases.len(), "{messages:#?}");
    assert!(suggestions.len() >= cases.len() - 1, "{suggestions:#?}");
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_answer_is_given_up_on() {
    let (world, site) = (World::new().await, Site::start().await.unwrap());
    let job = world.made(&format!("{}/slow", site.url), "anything").await;
    let error = job.error.unwrap();
    assert_eq!(
        (error["code"].as_str(), error["reason"].as_str()),
        (Some("WebsiteAccessError"), Some("response_timeout"))
    );
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_job_is_refused_at_once() {
    let world = World::with(Arc::new(NoModels), options(), Policy::public());
    for (url, description, path, word) in [
        ("", "titles", "/url", "missing"),
        ("books", "titles", "/url", "address"),
        ("ftp://example.com/", "titles", "/url", "ftp"),
        ("http://user:pw@example.com/", "titles", "/url", "user name"),
        ("http://127.0.0.1/", "titles", "/url", "loopback"),
        ("http://localhost:3000/x", "titles", "/url", "loopback"),
        ("http://169.254.169.254/latest/meta-data", "titles", "/url", "leads to"),
        ("http://[::1]/", "titles", "/url", "loopback"),
        ("http://10.1.2.3/", "titles", "/url", "private"),
        ("http://2130706433/", "titles", "/url", "loopback"),
        ("https://example.com/", "  ", "/description", "empty"),
        ("https://example.com/", &"long ".repeat(1_000), "/description", "longer"),
    ] {
        let error = world.service.create_job(&ctx(), request(url, description)).await.unwrap_err();
        assert_eq!((error.code, error.details[0].path.as_str()), (Code::Invalid, path), "{url} {error:?}");
        assert!(error.message.contains(word), "{url}: {}", error.message);
        assert!(error.suggestion.is_some(), "{url}");
    }
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_this_machine_is_refused_when_it_is_looked_up() {
    let world = World::with(Arc::new(NoModels), options(), Policy::public());
    let error = nexus_scraper::failure::Failure::of_egress("address_refused", "x leads to y. Ask", false);
    assert_eq!(error.code.as_str(), "WebsiteAccessError");
    let limit = nexus_scraper::Options { most_jobs: 1, ..options() };
    let small = World::with(Arc::new(NoModels), limit, Policy::public());
    let first = small.service.create_job(&ctx(), request("http://a.invalid/", "titles")).await.unwrap();
    drop(small.watched(first.id).await);
    // A failed one makes room.
    assert!(small.service.create_job(&ctx(), request("http://b.invalid/", "titles")).await.is_ok());
    small.service.shutdown().await;
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_fails_is_told_apart_from_pages_that_fail() {
    let (world, pages) = (World::new().await, HeldPages::start().await.unwrap());
    pages.put("/list", Held::page(books(6)));
    let url = format!("{}/list", pages.url);
    let missing = format!("{}/missing", pages.url);
    let fetching = "import requests\ndef scrape_data(url):\n    requests.get(url, timeout=5).raise_for_status()\n    return {'data': [], 'metadata': {}}";
    let to_private = "import requests\ndef scrape_data(url):\n    requests.get('http://10.0.0.1/', timeout=5).raise_for_status()";
    for (code, url, expected, reason) in [
        ("def scrape_data(url): return [1]", &url, "SandboxExecutionError", "wrong_shape"),
        (
            "def scrape_data(url): return {'data': ['x'], 'metadata': {}}",
            &url,
            "SandboxExecutionError",
            "wrong_shape",
        ),
        ("def scrape_data(url): 1/0", &url, "SandboxExecutionError", "exception"),
        ("def other(url): pass", &url, "SandboxExecutionError", "no_function"),
        ("def scrape_data(url):\n  return {", &url, "SandboxExecutionError", "syntax"),
        (fetching, &missing, "WebsiteAccessError", "http_404"),
        (to_private, &url, "WebsiteAccessError", "address_refused"),
    ] {
        let run = Run { code, url, ignore_robots: false };
        let ran = world.service.runner().scrape(run).await;
        let failure = ran.outcome.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.reason.as_str()), (expected, reason), "{failure:?}");
    }
    let endless = Run { code: "def scrape_data(url):\n  while True: pass", url: &url, ignore_robots: false };
    let failure = world.service.runner().scrape(endless).await.outcome.unwrap_err();
    assert_eq!(failure.code.as_str(), "SandboxExecutionError");
    assert!(["timeout", "cpu_time"].contains(&failure.reason.as_str()), "{failure:?}");
    assert!(failure.suggestion.contains("loop"), "{failure:?}");
    world.service.shutdown().await;
}
