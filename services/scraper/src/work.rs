//! Working on one job, from its page to code that was tried: every change is written under the job's fence before it is
//! told to anybody. A job that was interrupted begins anew. Not here: who works on which job (`owner`), judging what a
//! trial gave (`trial`).

use crate::{
    Parts,
    choose::{self, Ask, Choice, REFINEMENTS},
    failure::{Failure, FailureCode},
    options::Model,
    purse::JobPurse,
    requested::{Log, Requested},
    trial::{self, Studied, Tried},
    view,
};
use nexus_api::{CallCtx, scraper::JobStatus};
use nexus_miner::{Page, Recipe, analyse, analysis};
use nexus_model::{Money, Timestamp};
use nexus_store::{ClaimedJob, Fence, JobUpdate, NewCode, StoredJob};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// The longest that a job is worked on.
const WHOLE: Duration = Duration::from_secs(300);

/// The longest that a model is waited for.
const MODEL: Duration = Duration::from_secs(90);

/// How long a database that is away is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a job is begun anew after its worker was lost.
const RECOVERIES: u32 = 3;

/// Records shown of a job.
const SAMPLES: usize = 3;

/// Records kept with a version, to find them again on a page that was redesigned.
const KEPT_RECORDS: usize = 60;

/// Why work on a job stops before it has ended.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else has the job now, or it is gone.
    Lost,
    /// The service is stopping, or the database is away: the job is to be given back.
    GiveBack,
}

enum Trouble {
    Stop(Stop),
    Failure(Failure),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Works on a job until it has ended.
pub(crate) async fn work(parts: Arc<Parts>, claimed: ClaimedJob) -> Result<(), Stop> {
    let ClaimedJob { job, fence } = claimed;
    let attempts = job.attempts.len();
    let mut work = Work { parts, job, fence, before: attempts };
    if work.job.recoveries > RECOVERIES {
        let failure = Failure::new(
            FailureCode::ApiCreationError,
            "interrupted",
            format!("the service ended {} times while it was making this scraper", work.job.recoveries),
            "try again; if it happens again, the service's log has more",
        );
        return work.fail(failure).await;
    }
    match timeout(WHOLE, work.make()).await {
        Ok(Ok(made)) => work.finish(made).await,
        Ok(Err(Trouble::Failure(failure))) => work.fail(failure).await,
        Ok(Err(Trouble::Stop(stop))) => Err(stop),
        Err(_) => {
            let failure = Failure::new(
                FailureCode::ScraperGenerationError,
                "timed_out",
                format!("no scraper was found within {} minutes", WHOLE.as_secs() / 60),
                "try again when the site is faster, or choose a smaller page",
            );
            work.fail(failure).await
        }
    }
}

pub(crate) struct Work {
    pub(crate) parts: Arc<Parts>,
    /// As it was last written.
    pub(crate) job: StoredJob,
    fence: Fence,
    /// Attempts of former rounds.
    before: usize,
}

/// Code that works.
struct Made {
    code: NewCode,
    version: u32,
    tried: Tried,
    missing: Vec<String>,
}

/// A recipe to try.
struct Candidate {
    recipe: Recipe,
    source: &'static str,
    /// Why it is tried, if it is not the first one.
    feedback: Option<String>,
}

impl Work {
    async fn make(&mut self) -> Result<Made, Trouble> {
        self.say(JobStatus::Analyzing, "Reading the page").await?;
        let (began, log) = (Timestamp::now(), Log::default());
        let studied = match self.study(&log).await {
            Ok(studied) => Arc::new(studied),
            Err(failure) => {
                self.note(None, &Err(failure.clone()), log.requests(), began, None);
                return Err(failure.into());
            }
        };
        let analysis = &studied.analysis;
        if let Some(failure) = Failure::of_obstacle(analysis) {
            self.note(None, &Err(failure.clone()), log.requests(), began, None);
            return Err(failure.into());
        }

        let found = analysis.regions.first().map_or(0, |region| region.count);
        self.say(JobStatus::Generating, &format!("Choosing what to take ({found} records seen)")).await?;
        let mut others = self.recipes(&studied);
        let model = self.model().await;
        let mut next = None;
        if let Some(model) = &model {
            self.note_model(model);
            next = self.ask(model, &studied, None, 1 + REFINEMENTS).await?;
        }
        let mut candidate = match next.or_else(|| others.next()) {
            Some(candidate) => candidate,
            None => return Err(nothing_found().into()),
        };
        let mut refinements = 0;
        loop {
            let began = Timestamp::now();
            let cost = self.job.cost;
            let code = trial::code(&self.job.url, &self.wish(), &candidate.recipe, analysis);
            let message = if refinements == 0 {
                "Trying the code".to_owned()
            } else {
                format!("Trying other code ({refinements} of {REFINEMENTS})")
            };
            self.say(JobStatus::Testing, &message).await?;
            let tried = self.try_out(&candidate.recipe, &studied).await;
            let (outcome, requests) = match tried {
                (Ok(tried), requests) => (self.not_worse(tried, &candidate, &studied), requests),
                (Err(failure), requests) => (Err(failure), requests),
            };
            let spent = self.job.cost.minus(cost);
            let version = self.next_version().await?;
            let noted = outcome.as_ref().map(|tried| (version, tried.found)).map_err(Clone::clone);
            self.note(Some((&candidate, &code)), &noted, requests, began, Some(spent));
            let failure = match outcome {
                Ok(tried) => {
                    let code = NewCode {
                        code,
                        recipe: serde_json::to_value(&candidate.recipe).ok(),
                        schema: Some(nexus_miner::schema::of(&candidate.recipe)),
                        sample: tried.data.iter().take(KEPT_RECORDS).cloned().map(Value::Object).collect(),
                        records: tried.data.len() as u64,
                        made_by: candidate.source.to_owned(),
                        created_at: Timestamp::now(),
                    };
                    let missing = analysis.missing.clone();
                    return Ok(Made { code, version, tried, missing });
                }
                Err(failure) => failure,
            };
            // A site that does not answer answers no other code either; and without a sandbox there is nothing to try.
            if failure.code == FailureCode::WebsiteAccessError
                || failure.transient
                || failure.reason == "worse"
            {
                if failure.reason == "closed" {
                    return Err(Stop::GiveBack.into());
                }
                return Err(failure.into());
            }
            refinements += 1;
            if refinements > REFINEMENTS {
                return Err(failure.into());
            }
            let fault = failure.message.clone();
            let mut next = None;
            if let Some(model) = &model {
                next = self.ask(model, &studied, Some(&fault), 2).await?;
            }
            let Some(other) = next.or_else(|| others.next()) else { return Err(failure.into()) };
            candidate = Candidate { feedback: Some(fault), ..other };
        }
    }

    /// Fetches the page and finds out what is on it.
    async fn study(&mut self, log: &Log) -> Result<Studied, Failure> {
        // Whoever asks for new code means the page as it is now.
        let kept = self.job.round == 1;
        let fetched = self.parts.fetcher.page(&self.job.url, self.job.ignore_robots, kept, log).await?;
        let description = self.wish();
        let page = Arc::clone(&fetched);
        let studied = tokio::task::spawn_blocking(move || {
            let page = Page { url: &page.url, body: &page.body, content_type: page.content_type.as_deref() };
            analyse(page, &description)
        })
        .await;
        let Ok((analysis, dom)) = studied else {
            return Err(Failure::new(
                FailureCode::ScraperGenerationError,
                "unreadable",
                "the page could not be read: the program that reads pages failed on it",
                "choose another page; the service's log has more",
            ));
        };
        let mut shown = serde_json::to_value(&analysis).unwrap_or_default();
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("requests".to_owned(), json!(log.requests()));
            shown.insert("model".to_owned(), Value::Null);
        }
        self.job.analysis = Some(shown);
        Ok(Studied { url: fetched.url.clone(), analysis, dom })
    }

    /// What is wanted: the description, and what people said afterwards.
    fn wish(&self) -> String {
        crate::wish(&self.job.description, self.job.feedback.as_deref())
    }

    /// Recipes that need no model, the best first.
    fn recipes(&self, studied: &Studied) -> impl Iterator<Item = Candidate> + Send + use<> {
        let analysis = &studied.analysis;
        let first = analysis.recipe.clone();
        let others: Vec<Recipe> = analysis
            .regions
            .iter()
            .skip(1)
            .map(|region| analysis::recipe(region, &analysis.wanted, analysis.pagination.as_ref()))
            .collect();
        let all = first.into_iter().chain(others).filter(|recipe| !recipe.fields.is_empty());
        all.map(|recipe| Candidate { recipe, source: "miner", feedback: None })
    }

    /// The model to ask, if there is one.
    async fn model(&self) -> Option<String> {
        match &self.parts.options.model {
            Model::Off => None,
            Model::Named(model) => Some(model.clone()),
            Model::Cheapest => {
                let ctx = CallCtx::background().with_timeout(Duration::from_secs(10));
                match choose::cheapest(&*self.parts.llm, &ctx).await {
                    Ok(model) => model,
                    Err(error) => {
                        tracing::warn!(%error, "models cannot be listed; going on without one");
                        None
                    }
                }
            }
        }
    }

    fn note_model(&mut self, model: &str) {
        if let Some(analysis) = self.job.analysis.as_mut().and_then(Value::as_object_mut) {
            analysis.insert("model".to_owned(), model.into());
        }
    }

    /// A recipe that the model chose and that works on the page.
    async fn ask(
        &mut self,
        model: &str,
        studied: &Studied,
        fault: Option<&str>,
        tries: u32,
    ) -> Result<Option<Candidate>, Stop> {
        let last = self.job.last_failure.clone().filter(|_| self.job.round > 1);
        let description = self.wish();
        let llm = Arc::clone(&self.parts.llm);
        let ctx = CallCtx::background().with_timeout(MODEL);
        let ask = Ask { model, description: &description, fault: fault.or(last.as_deref()), tries };
        let mut purse = JobPurse { work: self, stop: None };
        let choice = choose::choose(&*llm, &ctx, &mut purse, (&studied.analysis, &studied.dom), ask).await;
        if let Some(stop) = purse.stop {
            return Err(stop);
        }
        let why = match choice {
            Choice::Recipe(recipe) => {
                return Ok(Some(Candidate { recipe: *recipe, source: "model", feedback: None }));
            }
            Choice::NoneWorks(fault) => format!("no answer of the model worked: {fault}"),
            Choice::NoBudget => "the job's budget for models is used up".to_owned(),
            Choice::Failed(error) => format!("the model could not be asked: {error}"),
        };
        tracing::info!(job = %self.job.id, %why, "going on without the model");
        if let Some(analysis) = self.job.analysis.as_mut().and_then(Value::as_object_mut) {
            analysis.insert("model_note".to_owned(), why.into());
        }
        Ok(None)
    }

    async fn try_out(
        &self,
        recipe: &Recipe,
        studied: &Arc<Studied>,
    ) -> (Result<Tried, Failure>, Vec<Requested>) {
        let about = (self.job.url.as_str(), self.wish());
        trial::run(&self.parts.runner, recipe, studied, (about.0, &about.1), self.job.ignore_robots).await
    }

    /// Refuses code that finds less than the version in use finds on the same page. What people asked for in between
    /// may well mean less.
    fn not_worse(&self, tried: Tried, candidate: &Candidate, studied: &Studied) -> Result<Tried, Failure> {
        let (Some(current), None) = (&self.job.current, &self.job.feedback) else { return Ok(tried) };
        match trial::worse(&tried, &candidate.recipe, current, studied) {
            None => Ok(tried),
            Some(why) => Err(Failure::new(
                FailureCode::ScraperGenerationError,
                "worse",
                why,
                "say what should be different when you ask for new code",
            )),
        }
    }

    /// The number that the next version will have.
    async fn next_version(&self) -> Result<u32, Stop> {
        match self.parts.store.job_versions(self.job.id).await {
            Ok(versions) => Ok(versions.first().map_or(1, |version| version.number + 1)),
            Err(error) => {
                tracing::warn!(job = %self.job.id, %error, "a job's versions cannot be read");
                Err(Stop::GiveBack)
            }
        }
    }

    /// Adds an attempt, to be written with the next change.
    fn note(
        &mut self,
        what: Option<(&Candidate, &str)>,
        outcome: &Result<(u32, usize), Failure>,
        requests: Vec<Requested>,
        began: Timestamp,
        cost: Option<Money>,
    ) {
        let (version, records) = outcome.as_ref().ok().copied().unzip();
        let attempt = json!({
            "attempt": self.job.attempts.len() - self.before.min(self.job.attempts.len()) + 1,
            "round": self.job.round,
            "version": version,
            "source": what.map(|(candidate, _)| candidate.source),
            "status": if outcome.is_ok() { "succeeded" } else { "failed" },
            "code": what.map(|(_, code)| code),
            "error": outcome.as_ref().err().map(Failure::to_json),
            "feedback": what.and_then(|(candidate, _)| candidate.feedback.clone()),
            "cost_usd": cost.unwrap_or_default(),
            "records": records,
            "requests": requests,
            "started_at": began,
            "finished_at": Timestamp::now(),
        });
        self.job.attempts.push(attempt);
    }

    async fn say(&mut self, status: JobStatus, message: &str) -> Result<(), Stop> {
        self.job.status = status;
        self.job.message = message.to_owned();
        self.write(Money::ZERO, None).await
    }

    async fn finish(mut self, made: Made) -> Result<(), Stop> {
        let Made { code, version, tried, missing } = made;
        self.job.status = JobStatus::Ready;
        self.job.error = None;
        self.job.sample_data = Some(json!(tried.data.iter().take(SAMPLES).collect::<Vec<_>>()));
        self.job.message = format!("Ready: {}", trial::summary(&tried, &missing));
        self.write(Money::ZERO, Some(code)).await?;
        metrics::counter!("nexus_scraper_jobs_total", "status" => "ready").increment(1);
        if let Some(stored) = self.read().await {
            self.parts.made(&stored, version, tried).await;
            view::tell(&*self.parts.bus, stored);
        }
        Ok(())
    }

    async fn fail(mut self, failure: Failure) -> Result<(), Stop> {
        tracing::info!(job = %self.job.id, code = failure.code.as_str(), reason = failure.reason, "a job failed");
        metrics::counter!("nexus_scraper_jobs_total", "status" => "failed").increment(1);
        match &self.job.current {
            Some(current) => {
                self.job.status = JobStatus::Ready;
                self.job.message = format!(
                    "Version {} stays in use. New code was not made: {}; {}",
                    current.number, failure.message, failure.suggestion
                );
                self.job.error = None;
            }
            None => {
                self.job.status = JobStatus::Failed;
                self.job.message = format!("Failed: {}", failure.message);
                self.job.error = Some(failure.to_json());
            }
        }
        self.write(Money::ZERO, None).await
    }

    async fn read(&self) -> Option<StoredJob> {
        match self.parts.store.job(self.job.id).await {
            Ok(stored) => stored,
            // Watchers find out by themselves.
            Err(error) => {
                tracing::warn!(job = %self.job.id, %error, "a job cannot be read");
                None
            }
        }
    }

    /// Writes the job as it is now, waits for a database that is away, and tells watchers.
    pub(crate) async fn write(&mut self, cost: Money, code: Option<NewCode>) -> Result<(), Stop> {
        self.job.updated_at = Timestamp::now();
        let has_code = code.is_some();
        let update = JobUpdate {
            status: self.job.status,
            message: self.job.message.clone(),
            error: self.job.error.clone(),
            analysis: self.job.analysis.clone(),
            sample_data: self.job.sample_data.clone(),
            attempts: self.job.attempts.clone(),
            cost,
            code,
            at: self.job.updated_at,
        };
        let began = Instant::now();
        loop {
            match self.parts.store.update_job(self.job.id, self.fence, update.clone()).await {
                Ok(change) => {
                    self.job.change = change;
                    self.job.cost = self.job.cost.plus(cost);
                    self.job.round_cost = self.job.round_cost.plus(cost);
                    // With new code it is told once its version is known.
                    if !has_code {
                        view::tell(&*self.parts.bus, self.job.clone());
                    }
                    return Ok(());
                }
                Err(nexus_store::Error::FenceLost | nexus_store::Error::NotFound) => return Err(Stop::Lost),
                Err(nexus_store::Error::Unavailable(why)) if began.elapsed() < PATIENCE => {
                    tracing::warn!(job = %self.job.id, %why, "the database is away; waiting");
                    tokio::time::sleep(self.parts.options.poll / 2).await;
                }
                Err(error) => {
                    tracing::error!(job = %self.job.id, %error, "a job's change could not be written");
                    return Err(Stop::GiveBack);
                }
            }
        }
    }
}

fn nothing_found() -> Failure {
    Failure::new(
        FailureCode::ScraperGenerationError,
        "nothing_found",
        "nothing was found on the page that could be taken",
        "check that the page shows what you want without scripts, and name it by the words that stand on the page",
    )
}
