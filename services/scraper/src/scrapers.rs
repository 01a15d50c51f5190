//! Jobs as endpoints see them: their code, running it, mending it. Not here: endpoints (`endpoint`).

use crate::{
    Parts,
    choose::{self, Ask, Budget, Choice},
    endpoint::{Fetched, Mended, Ran, Scraper, Scrapers},
    options::Model,
    requested::Log,
    runner::Run,
};
use async_trait::async_trait;
use nexus_api::{CallCtx, Code, Error, Result, Workspace};
use nexus_miner::{Analysis, Dom, Recipe};
use nexus_model::{JobId, Money, Timestamp};
use nexus_store::NewCode;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// The longest that a model is waited for while an endpoint is mended.
const MODEL: Duration = Duration::from_secs(60);

/// Records kept with a version, to find them again on a page that was redesigned.
const KEPT_RECORDS: usize = 60;

/// The jobs of this service.
pub(crate) struct Jobs(pub(crate) Arc<Parts>);

#[async_trait]
impl Scrapers for Jobs {
    async fn workspace(&self, id: JobId) -> Result<Workspace> {
        let stored =
            self.0.store.job(id).await?.ok_or_else(|| Error::not_found(format!("scraper job {id}")))?;
        Ok(Workspace::new(&stored.workspace).unwrap_or_default())
    }

    async fn find(&self, id: JobId) -> Result<Scraper> {
        let stored =
            self.0.store.job(id).await?.ok_or_else(|| Error::not_found(format!("scraper job {id}")))?;
        let Some(current) = stored.current else {
            return Err(Error::new(Code::Conflict, "the scraper is not ready: it has no code yet")
                .suggest("wait until the job is ready; if it has failed, ask for new code"));
        };
        Ok(Scraper {
            id,
            workspace: Workspace::new(&stored.workspace).unwrap_or_default(),
            description: crate::wish(&stored.description, stored.feedback.as_deref()),
            url: stored.url,
            code: current.code,
            version: current.number,
            recipe: current.recipe.and_then(|recipe| serde_json::from_value(recipe).ok()),
            ignore_robots: stored.ignore_robots,
        })
    }

    async fn run(&self, scraper: &Scraper, code: &str) -> Result<Ran> {
        let run = Run { code, url: &scraper.url, ignore_robots: scraper.ignore_robots };
        let ran = self.0.runner.scrape(run).await;
        let scraped = ran.outcome?;
        Ok(Ran { data: scraped.data, metadata: scraped.metadata, duration: ran.duration })
    }

    async fn page(&self, scraper: &Scraper) -> Result<Fetched> {
        let page = self.0.fetcher.page(&scraper.url, scraper.ignore_robots, false, &Log::default()).await?;
        Ok(Fetched {
            url: page.url.clone(),
            body: page.body.to_vec(),
            content_type: page.content_type.clone(),
        })
    }

    async fn ask_model(&self, scraper: &Scraper, (analysis, dom): (&Analysis, &Dom)) -> Option<Recipe> {
        let ctx = CallCtx::background().with_timeout(MODEL);
        let model = match &self.0.options.model {
            Model::Off => return None,
            Model::Named(model) => model.clone(),
            Model::Cheapest => choose::cheapest(&*self.0.llm, &ctx).await.ok()??,
        };
        let mut budget = Budget { limit: self.0.options.budget, spent: Money::ZERO };
        let ask = Ask { model: &model, description: &scraper.description, fault: None, tries: 2 };
        let choice = choose::choose(&*self.0.llm, &ctx, &mut budget, (analysis, dom), ask).await;
        if budget.spent > Money::ZERO
            && let Err(error) = self.0.store.add_job_cost(scraper.id, budget.spent).await
        {
            tracing::warn!(job = %scraper.id, %error, "what mending cost could not be written");
        }
        match choice {
            Choice::Recipe(recipe) => Some(*recipe),
            Choice::NoneWorks(_) | Choice::NoBudget | Choice::Failed(_) => None,
        }
    }

    async fn adopt(&self, scraper: &Scraper, mended: &Mended) -> Result<Option<u32>> {
        let code = NewCode {
            code: mended.code.clone(),
            recipe: serde_json::to_value(&mended.recipe).ok(),
            schema: Some(nexus_miner::schema::of(&mended.recipe)),
            sample: mended.ran.data.iter().take(KEPT_RECORDS).cloned().map(Value::Object).collect(),
            records: mended.ran.data.len() as u64,
            made_by: mended.made_by.to_owned(),
            created_at: Timestamp::now(),
        };
        Ok(self.0.store.replace_code(scraper.id, scraper.version, code).await?)
    }

    async fn note_run(&self, id: JobId, failure: Option<&str>) {
        if let Err(error) = self.0.store.note_run(id, failure).await {
            tracing::warn!(job = %id, %error, "how a run ended could not be written");
        }
    }
}
