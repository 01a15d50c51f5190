//! Answers that are given again for nothing: only where the caller asked for it, and only to exactly the same request
//! of the same caller. Not here: where they are kept (`nexus-store`).

use nexus_api::llm::{CompleteRequest, Completion, FinishReason, ToolCall};
use nexus_model::{Money, Timestamp, price::Usage};
use nexus_store::LlmStore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Changes when answers that were kept by an older version shall not be given any more.
const VERSION: u32 = 1;

/// Longest time an answer is kept, seconds: a year.
const LONGEST: u64 = 366 * 24 * 3600;

/// Where a request's answer is kept, and for how long.
#[derive(Clone)]
pub(crate) struct Place {
    store: Arc<dyn LlmStore>,
    digest: String,
    ttl_micros: i64,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    provider: String,
    text: String,
    tool_calls: Vec<ToolCall>,
    finish_reason: FinishReason,
    usage: Option<Usage>,
}

impl Place {
    /// Where the answer to this request is kept; `None` if the caller did not ask for it. `address` tells servers
    /// apart that offer models of the same name.
    pub(crate) fn of(
        store: &Arc<dyn LlmStore>,
        caller: Option<&str>,
        address: &str,
        request: &CompleteRequest,
    ) -> Option<Self> {
        let ttl = request.cache_ttl_seconds.filter(|ttl| *ttl > 0)?.min(LONGEST);
        // Written out field by field, so that a new field that matters cannot be forgotten.
        let CompleteRequest {
            model,
            messages,
            max_tokens,
            temperature,
            output_schema,
            tools,
            tool_choice,
            parallel_tool_calls,
            top_p,
            seed,
            reasoning_effort,
            stop,
            execution_id: _,
            node_id: _,
            cache_ttl_seconds: _,
        } = request;
        let what = (model, messages, max_tokens, temperature, output_schema, tools);
        let how = (tool_choice, parallel_tool_calls, top_p, seed, reasoning_effort, stop);
        let text = serde_json::to_string(&(VERSION, caller, address, what, how)).ok()?;
        let digest = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self { store: Arc::clone(store), digest, ttl_micros: i64::try_from(ttl).ok()? * 1_000_000 })
    }

    /// The answer, if there is one. A store that fails is no reason to fail: then the model is asked.
    pub(crate) async fn look(&self, model: &str) -> Option<Completion> {
        let now = Timestamp::now();
        let since = Timestamp::from_micros(now.micros().saturating_sub(self.ttl_micros));
        let found = self.store.kept_answer(&self.digest, since, now).await;
        let found =
            found.inspect_err(|error| tracing::warn!(%error, "kept answers cannot be read")).ok()??;
        let kept: Kept = serde_json::from_str(&found).ok()?;
        Some(Completion {
            model: model.to_owned(),
            provider: kept.provider,
            text: kept.text,
            tool_calls: kept.tool_calls,
            finish_reason: kept.finish_reason,
            usage: kept.usage,
            cost: Money::ZERO,
            cached: true,
        })
    }

    /// Keeps a complete answer.
    pub(crate) async fn keep(&self, completion: &Completion) {
        if !matches!(completion.finish_reason, FinishReason::Stop | FinishReason::ToolCalls) {
            return;
        }
        let kept = Kept {
            provider: completion.provider.clone(),
            text: completion.text.clone(),
            tool_calls: completion.tool_calls.clone(),
            finish_reason: completion.finish_reason,
            usage: completion.usage,
        };
        let Ok(text) = serde_json::to_string(&kept) else { return };
        let now = Timestamp::now();
        let until = Timestamp::from_micros(now.micros().saturating_add(self.ttl_micros));
        if let Err(error) = self.store.keep_answer(&self.digest, &text, now, until).await {
            tracing::warn!(%error, "an answer could not be kept");
        }
    }
}
