//! What models cost: the price book made from `pricing/models.json`, and the exact price of a call.
//! Not here: when money is reserved or spent (`nexus-engine`), who calls (`nexus-llm-gateway`).

use crate::Money;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a call used, in tokens. The counts do not overlap except `reasoning`, which is part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens that were neither read from a cache nor written to one.
    pub input: u64,
    /// Prompt tokens read from the provider's cache.
    pub cached_input: u64,
    /// Prompt tokens written to the provider's cache (short lifetime).
    pub cache_write: u64,
    /// Prompt tokens written to the provider's cache (long lifetime).
    pub cache_write_long: u64,
    /// Tokens of the answer, reasoning included.
    pub output: u64,
    /// Tokens of hidden reasoning, already counted in `output`.
    pub reasoning: u64,
}

impl Usage {
    /// All prompt tokens: what context tiers are judged by.
    pub fn prompt(&self) -> u64 {
        self.input + self.cached_input + self.cache_write + self.cache_write_long
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Answers messages.
    Chat,
    /// Answers messages, but only over OpenAI's responses API, which is not spoken yet.
    Responses,
    /// Turns text into vectors.
    Embedding,
}

/// When a model takes temperature and top_p.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplingParams {
    /// Always.
    #[default]
    Always,
    /// Never.
    Never,
    /// Only without reasoning.
    WhenEffortNone,
}

/// Prices of one service tier, from `above_input_tokens` on, per token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Service tier: `default`, `flex`, `priority`, `batch`.
    pub tier: String,
    /// The row holds for prompts of more tokens than this.
    pub above_input_tokens: u64,
    /// Per prompt token.
    pub input: Money,
    /// Per prompt token read from the cache; `input` if absent.
    pub cached_input: Option<Money>,
    /// Per prompt token written to the cache; `input` if absent.
    pub cache_write: Option<Money>,
    /// Per prompt token written to the long-lived cache; `cache_write` if absent.
    pub cache_write_long: Option<Money>,
    /// Per token of the answer.
    pub output: Money,
}

/// A model and its prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The provider's own name for it.
    pub name: String,
    /// The provider: `openai`, `anthropic`, `demo`.
    pub provider: String,
    /// What it is for.
    pub mode: Mode,
    /// Tokens that fit, prompt and answer together.
    pub context_window: Option<u64>,
    /// Most prompt tokens.
    pub max_input_tokens: Option<u64>,
    /// Most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// Public tokenizer, if known.
    pub tokenizer: Option<String>,
    /// Prices by tier and context.
    pub rates: Vec<Rate>,
    /// E.g. `tools`, `structured_output`, `vision`.
    pub capabilities: Vec<String>,
    /// When it takes temperature and top_p.
    pub sampling_params: SamplingParams,
    /// Day it is switched off, `YYYY-MM-DD`.
    pub deprecation_date: Option<String>,
    /// Length of its vectors, for embeddings.
    pub dimensions: Option<u32>,
}

impl Model {
    /// `provider/name`, as documents write it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }
}

/// All known models, by `provider/name` (aliases included).
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    models: Vec<Model>,
    by_id: BTreeMap<String, usize>,
}
