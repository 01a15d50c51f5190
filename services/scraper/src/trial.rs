//! Trying code before it is used: it is run in the sandbox on a page or two, and what it gives is compared with what
//! the recipe finds on the page that was studied, which was fetched by itself: two readings that must agree. Not here:
//! what is done about code that fails (`work`).

use crate::{
    failure::{Failure, FailureCode},
    requested::Requested,
    runner::{Run, Runner},
};
use nexus_miner::{
    Analysis, Dom, Recipe, Record,
    check::{self, Problem},
    extract, lint,
    python::{self, About},
};
use nexus_store::Version;
use serde_json::{Map, Value};
use std::{sync::Arc, time::Duration};

/// Pages that a trial reads: the second one shows whether the code finds its way.
const PAGES: u32 = 2;

/// A page that was studied.
pub(crate) struct Studied {
    /// Where it came from, after redirects.
    pub(crate) url: String,
    /// What is on it.
    pub(crate) analysis: Analysis,
    /// The page itself.
    pub(crate) dom: Dom,
}

/// What code gave that stood the trial.
pub(crate) struct Tried {
    /// Its records.
    pub(crate) data: Vec<Record>,
    /// How many of them are of the first page.
    pub(crate) found: usize,
    /// What it says about them.
    pub(crate) metadata: Map<String, Value>,
    /// How long it took.
    pub(crate) duration: Duration,
    /// Whether the code as it is used would have read no further page.
    pub(crate) is_all: bool,
}

/// A recipe as code.
pub(crate) fn code(url: &str, wish: &str, recipe: &Recipe, analysis: &Analysis) -> String {
    let wish = wish.replace('\n', ". ");
    python::generate(recipe, About { url, description: &wish, encoding: &analysis.encoding })
}

/// Runs a recipe's code and judges what it gives; with the requests that it made.
pub(crate) async fn run(
    runner: &Runner,
    recipe: &Recipe,
    studied: &Arc<Studied>,
    (url, wish): (&str, &str),
    ignore_robots: bool,
) -> (Result<Tried, Failure>, Vec<Requested>) {
    let short = Recipe { max_pages: recipe.max_pages.min(PAGES), ..recipe.clone() };
    let code = code(url, wish, &short, &studied.analysis);
    if let Some(finding) = lint::check(&code, "scrape_data").first() {
        let failure = Failure::new(
            FailureCode::ScraperGenerationError,
            "bad_code",
            format!("the code that was written is not usable: {finding}"),
            "ask for new code with other words for what you want",
        );
        return (Err(failure), Vec::new());
    }
    let ran = runner.scrape(Run { code: &code, url, ignore_robots }).await;
    let requests = ran.requests;
    let (duration, is_short) = (ran.duration, short.max_pages < recipe.max_pages);
    let outcome = match ran.outcome {
        Ok(scraped) => {
            let (recipe, studied) = (recipe.clone(), Arc::clone(studied));
            let judged = tokio::task::spawn_blocking(move || {
                let found = judge(&scraped.data, &recipe, &studied)?;
                let pages = scraped.metadata.get("pages").and_then(Value::as_u64).unwrap_or(1);
                let is_all = !is_short || pages < u64::from(PAGES);
                Ok(Tried { data: scraped.data, found, metadata: scraped.metadata, duration, is_all })
            });
            judged.await.unwrap_or_else(|_| Err(disagreement("what it gave could not be judged".to_owned())))
        }
        Err(failure) => Err(failure),
    };
    (outcome, requests)
}

/// Whether records are what the recipe should give; how many of them are of the first page.
fn judge(data: &[Record], recipe: &Recipe, studied: &Studied) -> Result<usize, Failure> {
    let expected = extract(&studied.dom, recipe, &studied.url)
        .map_err(|error| disagreement(format!("its selectors cannot be read: {error}")))?;
    let (first, rest) = data.split_at(expected.len().min(data.len()));
    let mut problems = check::check(first, Some(recipe), &studied.dom);
    if problems.is_empty() {
        problems = check::compare(&expected, first, recipe);
    }
    if problems.is_empty() && !rest.is_empty() && recipe.max_pages > 1 {
        problems = check::compare(first, rest, recipe);
    }
    if problems.is_empty() { Ok(first.len()) } else { Err(disagreement(sentence(&problems))) }
}

fn sentence(problems: &[Problem]) -> String {
    let mut sentence =
        problems.iter().map(|problem| problem.message.trim_end_matches('.')).collect::<Vec<_>>().join("; ");
    if let Some(first) = sentence.get(..1).map(str::to_lowercase) {
        sentence.replace_range(..1, &first);
    }
    sentence
}

fn disagreement(what: String) -> Failure {
    Failure::new(
        FailureCode::ScraperGenerationError,
        "result_wrong",
        format!("the code did not give what it should: {what}"),
        "name what you want by the words that stand on the page, or choose a page with more entries",
    )
}

/// Why new code is worse than the version in use, if it is: that one still works on the page as it is, and finds more.
pub(crate) fn worse(tried: &Tried, recipe: &Recipe, current: &Version, studied: &Studied) -> Option<String> {
    let old: Recipe = serde_json::from_value(current.recipe.clone()?).ok()?;
    let records = extract(&studied.dom, &old, &studied.url).ok()?;
    if !check::check(&records, Some(&old), &studied.dom).is_empty() {
        return None;
    }
    let filled = |records: &[Record], recipe: &Recipe| {
        recipe.fields.iter().filter(|field| check::fill(records, &field.name) >= 0.5).count()
    };
    let first = tried.data.get(..tried.found).unwrap_or(&tried.data);
    let (before, now) = (records.len(), first.len());
    let (fields_before, fields_now) = (filled(&records, &old), filled(first, recipe));
    if now * 10 < before * 9 {
        return Some(format!("the new code finds fewer records on the page: {now} instead of {before}"));
    }
    let fewer = fields_now < fields_before;
    fewer.then(|| format!("the new code finds fewer fields: {fields_now} instead of {fields_before}"))
}

/// What was found, in a sentence.
pub(crate) fn summary(tried: &Tried, missing: &[String]) -> String {
    let count = tried.data.len();
    let records = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
    let mut summary = if tried.is_all {
        format!("{records} found")
    } else {
        format!("{records} found on the first {PAGES} pages; the endpoint reads further ones")
    };
    if !missing.is_empty() {
        summary.push_str(&format!(". Not found on the page: {}", missing.join(", ")));
    }
    summary
}
