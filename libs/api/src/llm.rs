//! The llm port: calls of language and embedding models, priced. Not here: providers (`services/llm-gateway`).

use crate::{BoxStream, CallCtx, Result};
use async_trait::async_trait;
use nexus_model::{
    ExecutionId, Money, NodeId,
    price::{Mode, Usage},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
}

/// A call of a tool that a model wants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, a JSON object as text, as the model wrote it.
    pub arguments: String,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// The text.
    pub content: String,
    /// Calls the assistant asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a `tool` message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl Message {
    /// A plain message.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// A tool a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub parameters: Value,
}

/// Which of the offered tools a model has to call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// Those it wants to.
    #[default]
    Auto,
    /// None, although they are offered.
    None,
    /// At least one.
    Required,
    /// This one.
    Tool(String),
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteRequest {
    /// `provider/model`.
    pub model: String,
    /// The conversation; system messages first.
    pub messages: Vec<Message>,
    /// Most tokens of the answer; always sent to the provider. 1024 if absent.
    pub max_tokens: Option<u32>,
    /// Sampling temperature; left out where the model takes none.
    pub temperature: Option<f64>,
    /// JSON Schema of the answer.
    pub output_schema: Option<Value>,
    /// Tools it may call.
    pub tools: Vec<ToolDefinition>,
    /// Which of them it has to call.
    pub tool_choice: ToolChoice,
    /// Whether it may call several at once; the provider decides if absent.
    pub parallel_tool_calls: Option<bool>,
    /// Share of the most likely tokens to choose from; left out where the model takes none.
    pub top_p: Option<f64>,
    /// For answers that repeat, where the provider knows such a thing.
    pub seed: Option<i64>,
    /// How much to reason, in the provider's words, e.g. `low`; the model's own default if absent.
    pub reasoning_effort: Option<String>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// On whose behalf, for fairness and accounting.
    pub execution_id: Option<ExecutionId>,
    /// On whose behalf, for fairness and accounting.
    pub node_id: Option<NodeId>,
    /// Takes an answer to exactly the same request that is at most so old, for nothing, and keeps the answer for
    /// others that do; never, if absent.
    pub cache_ttl_seconds: Option<u64>,
}

impl CompleteRequest {
    /// A call with everything optional absent.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            max_tokens: None,
            temperature: None,
            output_schema: None,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: None,
            top_p: None,
            seed: None,
            reasoning_effort: None,
            stop: Vec::new(),
            execution_id: None,
            node_id: None,
            cache_ttl_seconds: None,
        }
    }
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached `max_tokens`.
    Length,
    /// It wants tools called.
    ToolCalls,
    /// The provider withheld the answer.
    ContentFilter,
}

/// A finished answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// `provider/model` that answered.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// The text, possibly empty.
    pub text: String,
    /// Tools it wants called.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// What it used; `None` if the provider did not say.
    pub usage: Option<Usage>,
    /// The price of `usage`, zero for models without a price, and for an answer from the cache.
    pub cost: Money,
    /// It comes from the cache: `usage` is what it took when it was made.
    pub cached: bool,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem {
    /// The next piece of text.
    Delta(String),
    /// The whole answer; always the last item of a stream without an error.
    Done(Box<Completion>),
}

/// Texts to turn into vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbedRequest {
    /// `provider/model`.
    pub model: String,
    /// The texts.
    pub texts: Vec<String>,
    /// Wanted length of the vectors, where the model can choose.
    pub dimensions: Option<u32>,
}

/// Their vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One per text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens and price.
    pub usage: Usage,
    /// The price.
    pub cost: Money,
}

/// A model as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// `provider/model`.
    pub id: String,
    /// The provider.
    pub provider: String,
    /// What it is for.
    pub mode: Mode,
    /// Whether it can be called: the provider has a key.
    pub configured: bool,
    /// Dollars per million prompt tokens, lowest context tier.
    pub input_usd_per_mtok: Option<f64>,
    /// Dollars per million cached prompt tokens.
    pub cached_input_usd_per_mtok: Option<f64>,
    /// Dollars per million tokens of the answer.
    pub output_usd_per_mtok: Option<f64>,
    /// Tokens that fit.
    pub context_window: Option<u64>,
    /// Most tokens of an answer.
    pub max_output_tokens: Option<u64>,
    /// E.g. `tools`, `structured_output`.
    pub capabilities: Vec<String>,
    /// Day it is switched off.
    pub deprecation_date: Option<String>,
}

/// The llm gateway.
///
/// Failures of a provider are `Error`s whose `reason` is one of `provider_rate_limited`, `provider_overloaded`,
/// `provider_unavailable`, `provider_timeout`, `provider_auth`, `provider_quota`, `provider_bad_request`,
/// `provider_bad_answer`, `provider_not_configured`, `unknown_model`; `retryable` and `retry_after` say the rest.
#[async_trait]
pub trait Llm: Send + Sync + 'static {
    /// Calls a model and waits for the whole answer.
    async fn complete(&self, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion>;
    /// Calls a model and hands on the answer as it is written. Fails before the first item or within the stream.
    async fn stream_complete(&self, ctx: &CallCtx, request: CompleteRequest)
    -> Result<BoxStream<StreamItem>>;
    /// Turns texts into vectors.
    async fn embed(&self, ctx: &CallCtx, request: EmbedRequest) -> Result<Embedded>;
    /// Tokens that the messages take, estimated with the model's public tokenizer or by length.
    async fn count_tokens(&self, ctx: &CallCtx, model: String, messages: Vec<Message>) -> Result<u64>;
    /// All models of the price book.
    async fn list_models(&self, ctx: &CallCtx) -> Result<Vec<ModelInfo>>;
}
