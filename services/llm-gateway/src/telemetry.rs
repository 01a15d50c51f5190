//! Metrics and spans of provider calls: counts, tokens, money, times; OpenTelemetry's GenAI names. Content only where
//! that was explicitly enabled, and then in spans alone. Not here: exporters (`nexus-runtime`).

use crate::provider::Call;
use metrics::{counter, histogram};
use nexus_api::{Error, llm::Completion};
use nexus_model::price::Usage;
use std::{sync::Arc, time::Instant};
use tracing::{Span, field::Empty};

/// An answer was given from the cache.
pub(crate) fn cached(provider: &Arc<str>, name: &str, known: bool) {
    let model = if known { name } else { "other" }.to_owned();
    counter!("nexus_llm_cached_answers_total", "provider" => Arc::clone(provider), "model" => model)
        .increment(1);
}

/// Measures one call from its start to its end, whatever the end is.
#[derive(Debug)]
pub(crate) struct Meter {
    provider: Arc<str>,
    /// The model as a metric label: unknown names are `other`, or callers could make any number of series.
    model: String,
    operation: &'static str,
    start: Instant,
    first_piece: bool,
    ended: bool,
    pub(crate) span: Span,
}

impl Meter {
    pub(crate) fn start(operation: &'static str, provider: &Arc<str>, name: &str, known: bool) -> Self {
        let span = tracing::info_span!(
            "llm",
            otel.name = format!("{operation} {name}"),
            otel.kind = "client",
            gen_ai.operation.name = operation,
            gen_ai.provider.name = &**provider,
            gen_ai.request.model = name,
            gen_ai.request.max_tokens = Empty,
            gen_ai.request.temperature = Empty,
            gen_ai.request.top_p = Empty,
            gen_ai.output.type = Empty,
            gen_ai.input.messages = Empty,
            gen_ai.output.messages = Empty,
            gen_ai.response.model = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            nexus.cost_picodollars = Empty,
            "error.type" = Empty,
        );
        let model = if known { name } else { "other" }.to_owned();
        Self {
            provider: Arc::clone(provider),
            model,
            operation,
            start: Instant::now(),
            first_piece: false,
            ended: false,
            span,
        }
    }

    /// What is asked for; with its content only if `content`.
    pub(crate) fn asks(&self, call: &Call, content: bool) {
        self.span.record("gen_ai.request.max_tokens", call.max_tokens());
        if let Some(temperature) = call.temperature() {
            self.span.record("gen_ai.request.temperature", temperature);
        }
        if let Some(top_p) = call.top_p() {
            self.span.record("gen_ai.request.top_p", top_p);
        }
        let output = if call.request.output_schema.is_some() { "json" } else { "text" };
        self.span.record("gen_ai.output.type", output);
        if content && let Ok(messages) = serde_json::to_string(&call.request.messages) {
            self.span.record("gen_ai.input.messages", messages);
        }
    }

    /// What was answered, for traces that may hold it.
    pub(crate) fn says(&self, completion: &Completion) {
        let said = serde_json::json!([{"role": "assistant", "content": completion.text,
            "tool_calls": completion.tool_calls}]);
        self.span.record("gen_ai.output.messages", said.to_string());
    }

    /// The first piece of the answer came.
    pub(crate) fn piece(&mut self) {
        if !std::mem::replace(&mut self.first_piece, true) {
            histogram!("nexus_llm_first_piece_seconds", "provider" => Arc::clone(&self.provider), "model" => self.model.clone())
                .record(self.start.elapsed());
        }
    }

    /// The call succeeded.
    pub(crate) fn answered(&mut self, completion: &Completion) {
        let name = completion.model.split_once('/').map_or("", |(_, name)| name);
        self.span.record("gen_ai.response.model", name);
        self.span.record("gen_ai.response.finish_reasons", tracing::field::debug(completion.finish_reason));
        self.used(completion.usage.as_ref(), completion.cost.picos());
    }

    /// The call succeeded, with this usage at this price.
    pub(crate) fn used(&mut self, usage: Option<&Usage>, picos: i64) {
        if let Some(usage) = usage {
            self.span.record("gen_ai.usage.input_tokens", usage.prompt());
            self.span.record("gen_ai.usage.output_tokens", usage.output);
            self.span.record("gen_ai.usage.cache_read.input_tokens", usage.cached_input);
            let written = usage.cache_write.saturating_add(usage.cache_write_long);
            self.span.record("gen_ai.usage.cache_creation.input_tokens", written);
            for (kind, count) in [
                ("input", usage.input),
                ("cached_input", usage.cached_input),
                ("cache_write", usage.cache_write.saturating_add(usage.cache_write_long)),
                ("output", usage.output),
            ] {
                if count > 0 {
                    counter!("nexus_llm_tokens_total", "provider" => Arc::clone(&self.provider), "model" => self.model.clone(), "kind" => kind)
                        .increment(count);
                }
            }
        }
        self.span.record("nexus.cost_picodollars", picos);
        counter!("nexus_llm_cost_picodollars_total", "provider" => Arc::clone(&self.provider), "model" => self.model.clone())
            .increment(u64::try_from(picos).unwrap_or_default());
        self.end("ok");
    }

    /// The call failed.
    pub(crate) fn failed(&mut self, error: &Error) {
        let reason = error.reason.clone().unwrap_or_else(|| error.code.as_str().to_lowercase());
        self.span.record("error.type", reason.as_str());
        let _entered = self.span.enter();
        tracing::info!(
            provider = &*self.provider,
            reason,
            retryable = error.retryable,
            "a call of a model failed"
        );
        drop(_entered);
        self.end(&reason);
    }

    fn end(&mut self, outcome: &str) {
        self.ended = true;
        counter!(
            "nexus_llm_calls_total", "provider" => Arc::clone(&self.provider), "model" => self.model.clone(),
            "operation" => self.operation, "outcome" => outcome.to_owned()
        )
        .increment(1);
        histogram!("nexus_llm_call_seconds", "provider" => Arc::clone(&self.provider), "model" => self.model.clone())
            .record(self.start.elapsed());
    }
}

impl Drop for Meter {
    /// A call that neither succeeded nor failed was given up by its caller.
    fn drop(&mut self) {
        if !self.ended {
            self.end("abandoned");
        }
    }
}
