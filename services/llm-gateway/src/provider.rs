//! What the gateway wants of a provider, whatever it speaks on the wire. Not here: the wire formats.

use async_trait::async_trait;
use nexus_api::{
    BoxStream, Result,
    llm::{CompleteRequest, EmbedRequest, FinishReason, ToolCall},
};
use nexus_model::price::{Model, Usage};
use tokio::time::Instant;

/// Most tokens of an answer when the caller does not say.
pub(crate) const DEFAULT_MAX_TOKENS: u32 = 1024;

/// One call of a chat model.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The provider's own name of the model.
    pub(crate) name: String,
    /// What the model can and cannot do.
    pub(crate) quirks: Quirks,
    /// What to say.
    pub(crate) request: CompleteRequest,
    /// When the caller stops waiting.
    pub(crate) deadline: Option<Instant>,
}

impl Call {
    /// The cap on the answer; always sent, since reservations rest on it.
    pub(crate) fn max_tokens(&self) -> u32 {
        self.request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS)
    }

    /// The texts it sends: none of them may show up in an error.
    pub(crate) fn sent(&self) -> Vec<&str> {
        self.request.messages.iter().map(|message| message.content.as_str()).collect()
    }

    /// The temperature, where the model takes one.
    pub(crate) fn temperature(&self) -> Option<f64> {
        self.request.temperature.filter(|_| self.quirks.sampling)
    }

    /// The share of likely tokens, where the model takes one.
    pub(crate) fn top_p(&self) -> Option<f64> {
        self.request.top_p.filter(|_| self.quirks.sampling)
    }
}

/// What of a model's capabilities changes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// The price book knows the model.
    pub(crate) known: bool,
    /// Takes temperature and top_p.
    pub(crate) sampling: bool,
    /// Can be held to a JSON Schema. True for models whose capabilities nobody has written down: new ones can.
    pub(crate) structured_output: bool,
    /// Can be forced to call a tool.
    pub(crate) forced_tool_use: bool,
}

impl Quirks {
    /// The quirks the price book tells of, for a request with this reasoning effort.
    pub(crate) fn of(model: Option<&Model>, effort: Option<&str>) -> Self {
        Self {
            known: model.is_some(),
            sampling: model.is_none_or(|model| model.takes_sampling(effort)),
            structured_output: model
                .is_none_or(|model| model.capabilities.is_empty() || model.can("structured_output")),
            forced_tool_use: model.is_none_or(|model| model.forced_tool_use),
        }
    }
}

/// A finished answer as the provider gave it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tool_calls: Vec<ToolCall>,
    pub(crate) finish_reason: FinishReason,
    /// `None` if the provider did not say.
    pub(crate) usage: Option<Usage>,
    /// The service tier in the words of the price book, if the provider named it.
    pub(crate) tier: Option<String>,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// More text.
    Text(String),
    /// The whole answer; the last piece.
    Done(Box<Answer>),
}

/// Vectors and what they used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vectors {
    pub(crate) vectors: Vec<Vec<f32>>,
    pub(crate) usage: Usage,
}

/// One provider. Its failures carry a `reason` of those listed at `nexus_api::Llm`.
#[async_trait]
pub(crate) trait Provider: Send + Sync {
    /// The whole answer.
    async fn complete(&self, call: Call) -> Result<Answer>;
    /// The answer as it is written. Dropping the stream drops the connection.
    async fn stream(&self, call: Call) -> Result<BoxStream<Piece>>;
    /// Vectors of texts, by the provider's own name of the model.
    async fn embed(&self, name: &str, request: EmbedRequest, deadline: Option<Instant>) -> Result<Vectors>;
}
