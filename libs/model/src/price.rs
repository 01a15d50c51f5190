//! What models cost: the price book made from `pricing/models.json`, and the exact price of a call.
//! Not here: when money is reserved or spent (`nexus-engine`), who calls (`nexus-llm-gateway`).

pub mod bound;
mod embedding;
mod file;
#[cfg(test)]
mod tests;

pub use bound::PromptBound;
pub use embedding::EmbeddingModel;
pub use file::Error;

use crate::Money;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// The service tier Nexus asks for and prices are shown of.
pub const DEFAULT_TIER: &str = "default";

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
        // Counts come from outside: a nonsensical one must not wrap.
        self.input
            .saturating_add(self.cached_input)
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_long)
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

impl Rate {
    /// The price of a call by this row.
    pub fn cost(&self, usage: &Usage) -> Money {
        let cache_write = self.cache_write.unwrap_or(self.input);
        [
            self.input.times(usage.input),
            self.cached_input.unwrap_or(self.input).times(usage.cached_input),
            cache_write.times(usage.cache_write),
            self.cache_write_long.unwrap_or(cache_write).times(usage.cache_write_long),
            self.output.times(usage.output),
        ]
        .into_iter()
        .sum()
    }

    /// The most a prompt token can cost by this row, whatever the provider's cache does with it.
    pub fn dearest_input(&self) -> Money {
        [Some(self.input), self.cached_input, self.cache_write, self.cache_write_long]
            .into_iter()
            .flatten()
            .fold(Money::ZERO, Money::max)
    }
}

/// A model and its prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The provider's own name for it.
    pub name: String,
    /// Further names of it, without the provider.
    pub aliases: Vec<String>,
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
    /// The reasoning effort it uses when none is asked for.
    pub default_reasoning_effort: Option<String>,
    /// Whether it can be forced to call a tool.
    pub forced_tool_use: bool,
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

    /// Whether it is known to be able to do this, e.g. `structured_output`.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// Whether temperature may be sent when no reasoning effort is.
    pub fn takes_temperature(&self) -> bool {
        self.takes_sampling(None)
    }

    /// Whether temperature and top_p may be sent beside this reasoning effort (`None`: none is sent).
    pub fn takes_sampling(&self, effort: Option<&str>) -> bool {
        match self.sampling_params {
            SamplingParams::Always => true,
            SamplingParams::Never => false,
            SamplingParams::WhenEffortNone => {
                effort.or(self.default_reasoning_effort.as_deref()) == Some("none")
            }
        }
    }

    /// The row that prices a call of `prompt` tokens in this tier; it prices all tokens of the call.
    pub fn rate(&self, tier: &str, prompt: u64) -> Option<&Rate> {
        self.reachable(tier, prompt).max_by_key(|rate| rate.above_input_tokens)
    }

    /// The row for short prompts in the default tier: what lists show. Every model of a price book has one.
    pub fn default_rate(&self) -> Option<&Rate> {
        self.rate(DEFAULT_TIER, 0)
    }

    /// The exact price of a call; `None` if the model has no prices for this tier.
    pub fn cost(&self, tier: &str, usage: &Usage) -> Option<Money> {
        Some(self.rate(tier, usage.prompt())?.cost(usage))
    }

    /// The most a call in the default tier can cost whose prompt has at most `prompt_bound` tokens and whose answer
    /// at most `max_tokens`: no usage within these bounds costs more. Each rate is the dearest of all rows such a
    /// prompt can reach, since a shorter prompt than the bound may land in a dearer row.
    pub fn worst_case(&self, prompt_bound: u64, max_tokens: u64) -> Money {
        let dearest = |of: fn(&Rate) -> Money| {
            // Without a price nothing is known to be enough.
            self.reachable(DEFAULT_TIER, prompt_bound).map(of).max().unwrap_or(Money::from_picos(i64::MAX))
        };
        let (input, output) = (dearest(Rate::dearest_input), dearest(|rate| rate.output));
        input.times(prompt_bound).plus(output.times(max_tokens))
    }

    /// The rows of a tier that prompts of up to `prompt` tokens can fall under.
    fn reachable<'a>(&'a self, tier: &str, prompt: u64) -> impl Iterator<Item = &'a Rate> {
        self.rates.iter().filter(move |rate| {
            rate.tier == tier && (rate.above_input_tokens == 0 || rate.above_input_tokens < prompt)
        })
    }
}

/// All known models, by `provider/name` (aliases included).
#[derive(Debug, Clone, Default)]
pub struct PriceBook {
    models: Vec<Model>,
    by_id: BTreeMap<String, usize>,
}

static BUILTIN: LazyLock<Arc<PriceBook>> = LazyLock::new(|| {
    let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../pricing/models.json"));
    // A test proves that the file in the repository parses.
    Arc::new(PriceBook::parse(text).unwrap_or_default())
});

impl PriceBook {
    /// The price book in the repository, `pricing/models.json`; parsed once, cheap to get again.
    pub fn builtin() -> Arc<PriceBook> {
        Arc::clone(&BUILTIN)
    }

    /// Reads and checks a pricing file; the format is described in `pricing/README.md`.
    pub fn parse(text: &str) -> Result<PriceBook, Error> {
        file::parse(text)
    }

    /// The models of both; none may be in both.
    pub fn with(&self, other: PriceBook) -> Result<PriceBook, Error> {
        let mut all = self.clone();
        for (id, index) in other.by_id {
            if all.by_id.insert(id.clone(), self.models.len() + index).is_some() {
                return Err(Error::File(format!("{id} is listed twice")));
            }
        }
        all.models.extend(other.models);
        Ok(all)
    }

    /// The model with this `provider/name`, or with this alias.
    pub fn get(&self, id: &str) -> Option<&Model> {
        self.models.get(*self.by_id.get(id)?)
    }

    /// All models, as the file orders them.
    pub fn models(&self) -> &[Model] {
        &self.models
    }
}
