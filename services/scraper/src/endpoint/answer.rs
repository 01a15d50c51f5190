//! What an endpoint answers: the part of the records that was asked for, and what there is to say about them. Not here:
//! where they come from.

use super::{
    refresh::{Fresh, to_json},
    scrapers::Scraper,
};
use nexus_api::{
    Error,
    scraper::{EndpointData, EndpointQuery},
};
use nexus_model::Timestamp;
use nexus_store::endpoints::EndpointResult;
use serde_json::{Value, json};

/// An answer to be given.
pub(super) struct Answer<'a> {
    pub(super) asked: Timestamp,
    pub(super) scraper: &'a Scraper,
    pub(super) query: &'a EndpointQuery,
}

impl Answer<'_> {
    /// With what a run gave just now.
    pub(super) fn fresh(&self, fresh: &Fresh) -> EndpointData {
        let mut answer = self.of(&fresh.result, false);
        if let Some(warnings) = answer.metadata["warnings"].as_array_mut() {
            warnings.extend(fresh.drift.iter().map(|sign| Value::String(sign.clone())));
        }
        answer.metadata["note"] = json!(fresh.note);
        answer
    }

    /// With what a run gave not long ago.
    pub(super) fn cached(&self, result: &EndpointResult) -> EndpointData {
        self.of(result, true)
    }

    /// With the last that there is, because a run failed.
    pub(super) fn stale(&self, result: &EndpointResult, failed: &Error) -> EndpointData {
        let mut answer = self.of(result, true);
        answer.metadata["stale"] = true.into();
        answer.metadata["error"] = to_json(failed);
        answer.metadata["note"] =
            format!("The scraper fails at the moment; this is what it gave at {}.", result.fetched_at).into();
        answer
    }

    fn of(&self, result: &EndpointResult, cached: bool) -> EndpointData {
        let skip = usize::try_from(self.query.offset).unwrap_or(usize::MAX);
        let take = self.query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let data: Vec<Value> = result.data.iter().skip(skip).take(take).cloned().map(Value::Object).collect();
        // As the recipe orders them, else as they stand.
        let fields: Vec<&str> = match &self.scraper.recipe {
            Some(recipe) if result.code_version == self.scraper.version => {
                recipe.fields.iter().map(|field| field.name.as_str()).collect()
            }
            _ => result
                .data
                .first()
                .map(|first| first.keys().map(String::as_str).collect())
                .unwrap_or_default(),
        };
        // What the scraper itself had to leave out, such as a page that could not be read.
        let problems = result.metadata.get("problems").filter(|problems| problems.is_array()).cloned();
        let problems = problems.unwrap_or_else(|| json!([]));
        let metadata = json!({
            "total": result.data.len(),
            "count": data.len(),
            "offset": self.query.offset,
            "limit": self.query.limit,
            "fields": fields,
            "pages": result.metadata.get("pages"),
            "cached": cached,
            "stale": false,
            "fetched_at": result.fetched_at,
            "age_seconds": Timestamp::now().since(result.fetched_at).as_secs(),
            "duration_ms": u64::try_from(result.duration.as_millis()).unwrap_or(u64::MAX),
            "code_version": result.code_version,
            "warnings": problems,
            "error": null,
            "note": null,
            "scraper": result.metadata,
        });
        EndpointData { request_timestamp: self.asked, source_url: self.scraper.url.clone(), data, metadata }
    }
}
