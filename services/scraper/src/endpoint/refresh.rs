//! A run of a scraper from beginning to end: run, compare with what it used to give, mend if its page was redesigned,
//! write down how it went. Not here: who asks for it (`super`, `schedule`), at most one at a time (`flights`).

use super::{
    Endpoints, drift,
    mend::{self, Good},
    scrapers::{Ran, Scraper},
};
use nexus_api::{
    Code, Error, Result,
    endpoint::{Run, Trigger},
};
use nexus_miner::Record;
use nexus_model::{JobId, Timestamp};
use nexus_store::endpoints::{Ended, EndpointResult, Which};
use serde_json::{Value, json};
use std::{sync::Arc, time::Instant};

/// The contract's code for code that does not work.
pub(super) const SANDBOX: &str = "SandboxExecutionError";
/// The contract's code for pages that cannot be read.
pub(super) const WEBSITE: &str = "WebsiteAccessError";

/// A good run.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) result: EndpointResult,
    /// How it differs from what the scraper used to give.
    pub(super) drift: Vec<String>,
    /// What else happened.
    pub(super) note: Option<String>,
}

/// An error as jobs and runs show it.
pub(super) fn to_json(error: &Error) -> Value {
    json!({
        "code": error.reason.as_deref().unwrap_or(error.code.as_str()),
        "message": error.message,
        "suggestion": error.suggestion,
    })
}

/// Whether the error says something about the scraper or its page, not about us.
pub(super) fn is_about_the_scraper(error: &Error) -> bool {
    matches!(error.reason.as_deref(), Some(SANDBOX | WEBSITE))
}

pub(super) fn no_records() -> Error {
    Error::new(Code::Invalid, "the scraper ran, but found no records on the page")
        .reason(SANDBOX)
        .suggest("look at the page: if the data is still there, let the scraper be written anew (regenerate)")
        .retryable(false)
}

/// How far a run has come.
struct Attempt {
    scraper: Scraper,
    started: Instant,
    outcome: Result<Ran>,
    note: Option<String>,
}

impl Endpoints {
    /// Runs the job's scraper and writes down how it went.
    pub(super) async fn refresh(&self, id: JobId, trigger: Trigger) -> Result<Arc<Fresh>> {
        let scraper = self.scrapers.find(id).await?;
        let (at, started) = (Timestamp::now(), Instant::now());
        let baseline = self.store.endpoint_result(id, Which::Baseline).await?;
        let runs = self.store.runs(id, 10).await?;
        // Of this version: one that somebody asked for may have other fields on purpose.
        let version = scraper.version;
        let baseline = baseline.filter(|baseline| baseline.code_version == version);
        let good = baseline.map(|baseline| baseline.data).unwrap_or_default();
        let comparable = runs.iter().filter(|run| run.ok && run.code_version == version);
        let counts: Vec<u64> = comparable.map(|run| run.records).collect();
        let usual = drift::usual(&counts, good.len());

        let outcome = self.scrapers.run(&scraper, &scraper.code).await;
        let mut attempt = Attempt { scraper, started, outcome, note: None };
        if trigger != Trigger::Test && !good.is_empty() {
            self.mend_if_needed(&mut attempt, &good, usual).await;
        }
        let signs = match &attempt.outcome {
            Ok(ran) => drift::signs(&good, usual, &ran.data),
            Err(_) => Vec::new(),
        };
        let drift: Vec<String> = signs.iter().map(drift::Sign::message).collect();
        let outcome = match attempt.outcome {
            Ok(ran) if ran.data.is_empty() => Err(self.why_nothing(&attempt.scraper).await),
            other => other,
        };
        let took = u64::try_from(attempt.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut run = Run {
            at,
            ok: outcome.is_ok(),
            trigger,
            records: outcome.as_ref().map_or(0, |ran| ran.data.len() as u64),
            duration_ms: took,
            code_version: attempt.scraper.version,
            error: outcome.as_ref().err().map(to_json),
            drift: drift.clone(),
            note: attempt.note.clone(),
        };
        match outcome {
            Ok(ran) => {
                run.duration_ms = u64::try_from(ran.duration.as_millis()).unwrap_or(u64::MAX);
                let result = EndpointResult {
                    code_version: attempt.scraper.version,
                    fetched_at: at,
                    duration: ran.duration,
                    data: ran.data,
                    metadata: ran.metadata,
                };
                let ended = Ended { run, result: Some(result.clone()), is_baseline: drift.is_empty() };
                self.store.end_run(id, ended).await?;
                self.scrapers.note_run(id, drift.first().map(String::as_str)).await;
                self.failures.forget(id);
                Ok(Arc::new(Fresh { result, drift, note: attempt.note }))
            }
            Err(error) => {
                if is_about_the_scraper(&error) && !self.stop.is_cancelled() {
                    self.store.end_run(id, Ended { run, result: None, is_baseline: false }).await?;
                    self.scrapers.note_run(id, Some(&error.message)).await;
                    self.failures.remember(id, &error);
                }
                Err(error)
            }
        }
    }

    /// Why there are no records: what the page itself shows to stand in the way, else nobody knows.
    async fn why_nothing(&self, scraper: &Scraper) -> Error {
        match mend::obstacle(&*self.scrapers, scraper).await {
            Ok(Some(failure)) => failure.into(),
            // The scraper itself could fetch it a moment ago.
            Ok(None) | Err(_) => no_records(),
        }
    }

    /// Mends the scraper if its records show that the page is another one, and that was not tried in vain lately.
    async fn mend_if_needed(&self, attempt: &mut Attempt, good: &[Record], usual: usize) {
        let broken: &[Record] = match &attempt.outcome {
            Ok(ran) if drift::signs(good, usual, &ran.data).is_empty() => return,
            Ok(ran) => &ran.data,
            Err(error) if error.reason.as_deref() == Some(SANDBOX) => &[],
            Err(_) => return,
        };
        let id = attempt.scraper.id;
        if !self.mendings.may_begin(id, attempt.scraper.version) {
            return;
        }
        let good = Good { records: good, usual };
        let mended = match mend::mend(&*self.scrapers, &attempt.scraper, good, broken).await {
            Ok(mended) => mended,
            Err(error) => {
                tracing::info!(job = %id, why = %error, "a scraper could not be mended");
                return;
            }
        };
        let Some(mended) = mended else {
            attempt.note =
                Some("Nothing better than the code in use was found by reading the page anew.".into());
            return;
        };
        match self.scrapers.adopt(&attempt.scraper, &mended).await {
            Ok(Some(version)) => {
                let how = if mended.made_by == "model" { "by a model" } else { "by mining it again" };
                attempt.note = Some(format!(
                    "The page was redesigned; version {version} was made {how} and gives {} records.",
                    mended.ran.data.len()
                ));
                tracing::info!(job = %id, version, how, "a scraper was mended");
                attempt.scraper.version = version;
                attempt.outcome = Ok(mended.ran);
                self.mendings.forget(id);
            }
            // Somebody has written another version meanwhile; the next run tries that.
            Ok(None) => {}
            Err(error) => tracing::warn!(job = %id, why = %error, "mended code could not be kept"),
        }
    }
}
