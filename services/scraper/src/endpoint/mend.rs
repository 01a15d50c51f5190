//! Mending a scraper whose page was redesigned: mined again for free, then by a model. What comes out is run on the same
//! page, and replaces the code in use only if it does better. Not here: when to mend (`refresh`), how columns are
//! found again (`nexus_miner::repair`).

use super::{
    drift::quality,
    scrapers::{Fetched, Mended, Scraper, Scrapers},
};
use crate::failure::Failure;
use nexus_api::{Error, Result};
use nexus_miner::{Analysis, Dom, Page, Recipe, Record, analyse, python, repair::repair};

/// Below this it is not what it was, whatever the code in use does.
const LEAST: f64 = 0.6;
/// As much better it must be.
const BETTER: f64 = 0.1;

/// The page, and what could read it.
struct Studied {
    analysis: Analysis,
    dom: Dom,
    candidates: Vec<Recipe>,
}

/// What the records used to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Good<'a> {
    pub(super) records: &'a [Record],
    pub(super) usual: usize,
}

impl Good<'_> {
    fn quality(&self, now: &[Record]) -> f64 {
        quality(self.records, self.usual, now)
    }
}

/// Code that does better on the page as it is now than `broken`, which the code in use gives; `None` if there is none.
///
/// # Errors
/// If the page cannot be fetched.
pub(super) async fn mend(
    scrapers: &dyn Scrapers,
    scraper: &Scraper,
    good: Good<'_>,
    broken: &[Record],
) -> Result<Option<Mended>> {
    let page = scrapers.page(scraper).await?;
    let studied = study(scraper, good.records, page).await?;
    let least = LEAST.max(good.quality(broken) + BETTER);
    let mut best: Option<(f64, Mended)> = None;
    for recipe in studied.candidates {
        let found = attempt(scrapers, scraper, good, recipe, &studied.analysis.encoding, "repair").await;
        best = better(best, found, least);
    }
    if best.is_none()
        && let Some(recipe) = scrapers.ask_model(scraper, (&studied.analysis, &studied.dom)).await
    {
        let found = attempt(scrapers, scraper, good, recipe, &studied.analysis.encoding, "model").await;
        best = better(best, found, least);
    }
    Ok(best.map(|(_, mended)| mended))
}

fn better(best: Option<(f64, Mended)>, found: Option<(f64, Mended)>, least: f64) -> Option<(f64, Mended)> {
    let least = best.as_ref().map_or(least, |(quality, _)| quality + f64::EPSILON);
    found.filter(|(quality, _)| *quality >= least).or(best)
}

/// What stands in the way of reading the page as it is now: a login, a page made by scripts and the like.
///
/// # Errors
/// If the page cannot be fetched.
pub(super) async fn obstacle(scrapers: &dyn Scrapers, scraper: &Scraper) -> Result<Option<Failure>> {
    let page = scrapers.page(scraper).await?;
    Ok(Failure::of_obstacle(&study(scraper, &[], page).await?.analysis))
}

/// Reads the page; away from the threads that serve, for it may take a while.
async fn study(scraper: &Scraper, good: &[Record], page: Fetched) -> Result<Studied> {
    let (description, recipe, good) = (scraper.description.clone(), scraper.recipe.clone(), good.to_vec());
    let work = move || {
        let source = Page { url: &page.url, body: &page.body, content_type: page.content_type.as_deref() };
        let (analysis, dom) = analyse(source, &description);
        let repaired = recipe.and_then(|old| repair(&old, &good, &dom, &page.url)).map(|found| found.recipe);
        let mut candidates: Vec<Recipe> = repaired.into_iter().collect();
        candidates.extend(analysis.recipe.clone().filter(|recipe| !candidates.contains(recipe)));
        Studied { analysis, dom, candidates }
    };
    tokio::task::spawn_blocking(work).await.map_err(|failed| Error::internal(format!("mining: {failed}")))
}

async fn attempt(
    scrapers: &dyn Scrapers,
    scraper: &Scraper,
    good: Good<'_>,
    recipe: Recipe,
    encoding: &str,
    made_by: &'static str,
) -> Option<(f64, Mended)> {
    let about = python::About { url: &scraper.url, description: &scraper.description, encoding };
    let code = python::generate(&recipe, about);
    // One that does not run is none.
    let ran = scrapers.run(scraper, &code).await.ok()?;
    Some((good.quality(&ran.data), Mended { code, recipe, ran, made_by }))
}
