//! Calls of models.

use super::{check_depth, each, malformed, name, named, optional_id, optional_value, required, value};
use crate::{json::Value, proto::llm as pb};
use nexus_api::{
    Error, Result,
    llm::{
        CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem, ToolCall,
        ToolChoice, ToolDefinition,
    },
};
use nexus_model::{Money, price::Usage};
use serde_json::Value as Json;

/// Messages of a request. Not `TryFrom`, because an error must tell which message it is about.
pub(crate) fn messages(wire: Vec<pb::Message>) -> Result<Vec<Message>> {
    let message = |(ix, message): (usize, pb::Message)| {
        Ok(Message {
            role: named(&format!("/messages/{ix}/role"), message.role)?,
            content: message.content,
            tool_calls: each(message.tool_calls),
            tool_call_id: message.tool_call_id,
        })
    };
    wire.into_iter().enumerate().map(message).collect()
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        Self {
            role: name(message.role),
            content: message.content,
            tool_calls: each(message.tool_calls),
            tool_call_id: message.tool_call_id,
        }
    }
}

impl From<ToolCall> for pb::ToolCall {
    fn from(call: ToolCall) -> Self {
        Self { id: call.id, name: call.name, arguments: call.arguments }
    }
}

impl From<pb::ToolCall> for ToolCall {
    fn from(call: pb::ToolCall) -> Self {
        Self { id: call.id, name: call.name, arguments: call.arguments }
    }
}

impl From<ToolDefinition> for pb::ToolDefinition {
    fn from(tool: ToolDefinition) -> Self {
        Self { name: tool.name, description: tool.description, parameters: Some(Value::new(tool.parameters)) }
    }
}

fn tools(wire: Vec<pb::ToolDefinition>) -> Result<Vec<ToolDefinition>> {
    let tool = |(ix, tool): (usize, pb::ToolDefinition)| {
        let path = format!("/tools/{ix}/parameters");
        let parameters = match tool.parameters {
            Some(parameters) => value(&path, parameters)?,
            None => serde_json::json!({"type": "object", "properties": {}}),
        };
        check_depth(&path, &parameters)?;
        Ok(ToolDefinition { name: tool.name, description: tool.description, parameters })
    };
    wire.into_iter().enumerate().map(tool).collect()
}

impl From<ToolChoice> for pb::ToolChoice {
    fn from(choice: ToolChoice) -> Self {
        let (mode, name) = match choice {
            ToolChoice::Auto => ("auto", None),
            ToolChoice::None => ("none", None),
            ToolChoice::Required => ("required", None),
            ToolChoice::Tool(name) => ("tool", Some(name)),
        };
        Self { mode: mode.to_owned(), name }
    }
}

fn tool_choice(wire: Option<pb::ToolChoice>) -> Result<ToolChoice> {
    let Some(pb::ToolChoice { mode, name }) = wire else { return Ok(ToolChoice::Auto) };
    match (mode.as_str(), name) {
        ("" | "auto", None) => Ok(ToolChoice::Auto),
        ("none", None) => Ok(ToolChoice::None),
        ("required", None) => Ok(ToolChoice::Required),
        ("tool", Some(name)) if !name.is_empty() => Ok(ToolChoice::Tool(name)),
        ("tool", _) => Err(malformed("/tool_choice/name", "is missing")),
        (_, Some(_)) => Err(malformed("/tool_choice/name", "goes with mode `tool` only")),
        _ => Err(malformed("/tool_choice/mode", "is not one of `auto`, `none`, `required` and `tool`")),
    }
}

impl From<CompleteRequest> for pb::CompleteRequest {
    fn from(request: CompleteRequest) -> Self {
        Self {
            model: request.model,
            messages: each(request.messages),
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            output_schema: request.output_schema.map(Value::new),
            tools: each(request.tools),
            stop: request.stop,
            execution_id: request.execution_id.map(|id| id.to_string()),
            node_id: request.node_id.map(|id| id.to_string()),
            tool_choice: Some(request.tool_choice)
                .filter(|choice| *choice != ToolChoice::Auto)
                .map(Into::into),
            parallel_tool_calls: request.parallel_tool_calls,
            top_p: request.top_p,
            seed: request.seed,
            reasoning_effort: request.reasoning_effort,
            cache_ttl_seconds: request.cache_ttl_seconds,
        }
    }
}

impl TryFrom<pb::CompleteRequest> for CompleteRequest {
    type Error = Error;
    fn try_from(request: pb::CompleteRequest) -> Result<Self> {
        if request.messages.is_empty() {
            return Err(malformed("/messages", "is missing"));
        }
        let output_schema = optional_value("/output_schema", request.output_schema)?;
        check_depth("/output_schema", output_schema.as_ref().unwrap_or(&Json::Null))?;
        Ok(Self {
            model: model(request.model)?,
            messages: messages(request.messages)?,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            output_schema,
            tools: tools(request.tools)?,
            stop: request.stop,
            execution_id: optional_id("/execution_id", request.execution_id)?,
            node_id: optional_id("/node_id", request.node_id)?,
            tool_choice: tool_choice(request.tool_choice)?,
            parallel_tool_calls: request.parallel_tool_calls,
            top_p: request.top_p,
            seed: request.seed,
            reasoning_effort: request.reasoning_effort,
            cache_ttl_seconds: request.cache_ttl_seconds,
        })
    }
}

/// The name of a model, which must be there.
pub(crate) fn model(text: String) -> Result<String> {
    required("/model", Some(text).filter(|text| !text.is_empty()))
}

// The two requests are the same but for their names.
impl From<pb::CompleteRequest> for pb::StreamCompleteRequest {
    fn from(request: pb::CompleteRequest) -> Self {
        Self {
            model: request.model,
            messages: request.messages,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            output_schema: request.output_schema,
            tools: request.tools,
            stop: request.stop,
            execution_id: request.execution_id,
            node_id: request.node_id,
            tool_choice: request.tool_choice,
            parallel_tool_calls: request.parallel_tool_calls,
            top_p: request.top_p,
            seed: request.seed,
            reasoning_effort: request.reasoning_effort,
            cache_ttl_seconds: request.cache_ttl_seconds,
        }
    }
}

impl From<pb::StreamCompleteRequest> for pb::CompleteRequest {
    fn from(request: pb::StreamCompleteRequest) -> Self {
        Self {
            model: request.model,
            messages: request.messages,
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            output_schema: request.output_schema,
            tools: request.tools,
            stop: request.stop,
            execution_id: request.execution_id,
            node_id: request.node_id,
            tool_choice: request.tool_choice,
            parallel_tool_calls: request.parallel_tool_calls,
            top_p: request.top_p,
            seed: request.seed,
            reasoning_effort: request.reasoning_effort,
            cache_ttl_seconds: request.cache_ttl_seconds,
        }
    }
}

impl From<Usage> for pb::Usage {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input,
            cached_input: usage.cached_input,
            cache_write: usage.cache_write,
            cache_write_long: usage.cache_write_long,
            output: usage.output,
            reasoning: usage.reasoning,
        }
    }
}

impl From<pb::Usage> for Usage {
    fn from(usage: pb::Usage) -> Self {
        Self {
            input: usage.input,
            cached_input: usage.cached_input,
            cache_write: usage.cache_write,
            cache_write_long: usage.cache_write_long,
            output: usage.output,
            reasoning: usage.reasoning,
        }
    }
}

impl From<Completion> for pb::CompleteResponse {
    fn from(completion: Completion) -> Self {
        Self {
            model: completion.model,
            provider: completion.provider,
            text: completion.text,
            tool_calls: each(completion.tool_calls),
            finish_reason: name(completion.finish_reason),
            usage: completion.usage.map(Into::into),
            cost_usd: completion.cost.usd(),
            cost_picos: completion.cost.picos(),
            cached: completion.cached,
        }
    }
}

impl TryFrom<pb::CompleteResponse> for Completion {
    type Error = Error;
    fn try_from(completion: pb::CompleteResponse) -> Result<Self> {
        Ok(Self {
            model: completion.model,
            provider: completion.provider,
            text: completion.text,
            tool_calls: each(completion.tool_calls),
            finish_reason: named("/finish_reason", completion.finish_reason)?,
            usage: completion.usage.map(Into::into),
            cost: Money::from_picos(completion.cost_picos),
            cached: completion.cached,
        })
    }
}

impl From<StreamItem> for pb::StreamCompleteResponse {
    fn from(item: StreamItem) -> Self {
        use pb::stream_complete_response::Item;
        Self {
            item: Some(match item {
                StreamItem::Delta(text) => Item::Delta(text),
                StreamItem::Done(completion) => Item::Done((*completion).into()),
            }),
        }
    }
}

impl TryFrom<pb::StreamCompleteResponse> for StreamItem {
    type Error = Error;
    fn try_from(item: pb::StreamCompleteResponse) -> Result<Self> {
        use pb::stream_complete_response::Item;
        Ok(match required("/item", item.item)? {
            Item::Delta(text) => StreamItem::Delta(text),
            Item::Done(completion) => StreamItem::Done(Box::new(completion.try_into()?)),
        })
    }
}

impl From<EmbedRequest> for pb::EmbedRequest {
    fn from(request: EmbedRequest) -> Self {
        Self { model: request.model, texts: request.texts, dimensions: request.dimensions }
    }
}

impl TryFrom<pb::EmbedRequest> for EmbedRequest {
    type Error = Error;
    fn try_from(request: pb::EmbedRequest) -> Result<Self> {
        Ok(Self { model: model(request.model)?, texts: request.texts, dimensions: request.dimensions })
    }
}

impl From<Embedded> for pb::EmbedResponse {
    fn from(embedded: Embedded) -> Self {
        Self {
            vectors: embedded.vectors.into_iter().map(|values| pb::Embedding { values }).collect(),
            usage: Some(embedded.usage.into()),
            cost_usd: embedded.cost.usd(),
            cost_picos: embedded.cost.picos(),
        }
    }
}

impl TryFrom<pb::EmbedResponse> for Embedded {
    type Error = Error;
    fn try_from(embedded: pb::EmbedResponse) -> Result<Self> {
        Ok(Self {
            vectors: embedded.vectors.into_iter().map(|vector| vector.values).collect(),
            usage: embedded.usage.unwrap_or_default().into(),
            cost: Money::from_picos(embedded.cost_picos),
        })
    }
}

impl From<ModelInfo> for pb::Model {
    fn from(model: ModelInfo) -> Self {
        Self {
            id: model.id,
            provider: model.provider,
            mode: name(model.mode),
            configured: model.configured,
            input_usd_per_mtok: model.input_usd_per_mtok,
            cached_input_usd_per_mtok: model.cached_input_usd_per_mtok,
            output_usd_per_mtok: model.output_usd_per_mtok,
            context_window: model.context_window,
            max_output_tokens: model.max_output_tokens,
            capabilities: model.capabilities,
            deprecation_date: model.deprecation_date,
        }
    }
}

impl TryFrom<pb::Model> for ModelInfo {
    type Error = Error;
    fn try_from(model: pb::Model) -> Result<Self> {
        Ok(Self {
            id: model.id,
            provider: model.provider,
            mode: named("/mode", model.mode)?,
            configured: model.configured,
            input_usd_per_mtok: model.input_usd_per_mtok,
            cached_input_usd_per_mtok: model.cached_input_usd_per_mtok,
            output_usd_per_mtok: model.output_usd_per_mtok,
            context_window: model.context_window,
            max_output_tokens: model.max_output_tokens,
            capabilities: model.capabilities,
            deprecation_date: model.deprecation_date,
        })
    }
}
