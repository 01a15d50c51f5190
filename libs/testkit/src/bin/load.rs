//! A closed-loop load of chat completions on anything that speaks OpenAI's API, for comparing gateways: so many requests,
//! so many at once, over kept connections. Prints one JSON object. Not here: starting what is measured.
#![expect(clippy::print_stdout, reason = "the figures go to whoever started it")]

use serde_json::json;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

const USAGE: &str = "load URL MODEL REQUESTS CONCURRENCY [NAME:VALUE …]";

fn main() -> Result<(), Box<dyn Error>> {
    // One thread: it shares a core with the provider, and must not take part in what is measured elsewhere.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let (url, model) = (next()?, next()?);
    let (requests, concurrency): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let mut headers = reqwest::header::HeaderMap::new();
    for header in arguments {
        let (name, value) = header.split_once(':').ok_or(USAGE)?;
        headers.insert(reqwest::header::HeaderName::try_from(name)?, value.trim().parse()?);
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).default_headers(headers).build()?;
    let body = json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "hello ".repeat(50)}]});
    let body = bytes::Bytes::from(body.to_string());
    let url = format!("{url}/chat/completions");
    let (left, begin) = (Arc::new(AtomicUsize::new(requests)), Instant::now());
    let workers = (0..concurrency).map(|_| {
        let (client, body, url, left) = (client.clone(), body.clone(), url.clone(), Arc::clone(&left));
        tokio::spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0_usize);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                let start = Instant::now();
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                let answered = match request.send().await {
                    Ok(response) if response.status().is_success() => response.bytes().await.is_ok(),
                    _ => false,
                };
                if answered {
                    times.push(start.elapsed());
                } else {
                    failed += 1;
                }
            }
            (times, failed)
        })
    });
    let (mut times, mut failed) = (Vec::new(), 0);
    for worker in workers.collect::<Vec<_>>() {
        let (some, lost) = worker.await?;
        times.extend(some);
        failed += lost;
    }
    let seconds = begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |percent: usize| {
        let time = times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
        time.map_or(0.0, |time: &Duration| time.as_secs_f64() * 1e3)
    };
    println!(
        "{}",
        json!({"ok": times.len(), "failed": failed, "p50_ms": at(50), "p99_ms": at(99),
            "requests_per_second": times.len() as f64 / seconds, "seconds": seconds})
    );
    Ok(())
}
