//! A chat completion's request as OpenAI's clients send it, and what it means to us. Members that change nothing we
//! promise (`user`, `metadata`, `store`, …) are ignored; those that would change the answer in a way we do not offer are
//! refused, never dropped in silence. Not here: calling.

use super::model_id;
use nexus_api::{
    Code, Error, Result,
    llm::{CompleteRequest, Message, Role, ToolCall, ToolChoice, ToolDefinition},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Cap on an answer when the client names none.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// Most answers to one request.
const MAX_CHOICES: u32 = 16;

/// A chat to complete, as OpenAI's API takes it.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ChatRequest {
    /// `provider/model`, or a bare name of OpenAI's or Anthropic's.
    #[schema(example = "anthropic/claude-haiku-4-5")]
    model: String,
    /// Further models, tried in order when one fails before its first token. Ours.
    #[serde(default)]
    fallbacks: Vec<String>,
    /// The conversation.
    #[schema(value_type = Vec<Object>)]
    messages: Vec<WireMessage>,
    /// Most tokens of the answer, reasoning included; 4096 if absent.
    max_completion_tokens: Option<u32>,
    /// The old name of `max_completion_tokens`.
    max_tokens: Option<u32>,
    /// Sampling temperature; left out where the model takes none.
    temperature: Option<f64>,
    /// Share of likely tokens; left out where the model takes none.
    top_p: Option<f64>,
    /// For answers that repeat, where the provider knows such a thing.
    seed: Option<i64>,
    /// How many answers, 1 to 16. Each is a call of its own.
    n: Option<u32>,
    /// One text that ends the answer, or several.
    #[schema(value_type = Option<Object>)]
    stop: Option<OneOrMany>,
    /// Whether the answer is wanted as it is written, as server-sent events.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    /// `include_usage`: a last piece with usage and cost.
    pub(super) stream_options: Option<StreamOptions>,
    /// Tools that the model may call.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    tools: Option<Vec<WireTool>>,
    /// `auto`, `none`, `required`, or one of the tools.
    tool_choice: Option<Value>,
    /// Whether several tools may be called at once.
    parallel_tool_calls: Option<bool>,
    /// `text`, `json_object` or `json_schema`.
    response_format: Option<Value>,
    /// How much to reason, in the provider's words.
    reasoning_effort: Option<String>,
    /// `{"ttl_seconds": 60}`: takes a kept answer to exactly this request, for nothing. Ours.
    cache: Option<Cache>,
    /// Everything else.
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Map<String, Value>,
}

/// What of a stream is wanted.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// A last piece with usage and cost.
    #[serde(default)]
    pub(super) include_usage: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Cache {
    /// Oldest answer that is taken.
    ttl_seconds: u64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct WireMessage {
    role: String,
    content: Option<Content>,
    tool_calls: Option<Vec<WireCall>>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    text: Option<String>,
    refusal: Option<String>,
}

#[derive(Debug, Deserialize)]
struct WireCall {
    id: String,
    function: WireFunctionCall,
}

#[derive(Debug, Deserialize)]
struct WireFunctionCall {
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct WireTool {
    r#type: String,
    function: Option<WireFunction>,
}

#[derive(Debug, Deserialize)]
struct WireFunction {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
}

/// What a chat means to us.
#[derive(Debug)]
pub(super) struct Meaning {
    /// The models to try.
    pub(super) models: Vec<String>,
    /// The name as the client wrote it.
    pub(super) name: String,
    /// The call, for the first of them.
    pub(super) call: CompleteRequest,
    /// How many answers.
    pub(super) choices: u32,
}

/// A member that is not acceptable.
fn wrong(path: impl Into<String>, what: impl Into<String>) -> Error {
    let (path, what) = (path.into(), what.into());
    Error::new(Code::Invalid, format!("`{path}` {what}")).detail(path, what).reason("invalid_request_error")
}

impl ChatRequest {
    pub(super) fn meaning(self) -> Result<Meaning> {
        self.refuse_the_rest()?;
        let mut messages = Vec::with_capacity(self.messages.len());
        for (index, message) in self.messages.into_iter().enumerate() {
            messages.push(read_message(index, message)?);
        }
        if messages.is_empty() {
            return Err(wrong("messages", "is empty"));
        }
        // Instructions come first for every provider.
        messages.sort_by_key(|message| message.role != Role::System);
        let choices = self.n.unwrap_or(1);
        if !(1..=MAX_CHOICES).contains(&choices) {
            return Err(wrong("n", format!("must be 1 to {MAX_CHOICES}")));
        }
        let cap = self.max_completion_tokens.or(self.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS);
        if cap == 0 {
            return Err(wrong("max_completion_tokens", "must be at least 1"));
        }
        let tools = self.tools.unwrap_or_default().into_iter().enumerate();
        let tools = tools.map(|(index, tool)| read_tool(index, tool)).collect::<Result<Vec<_>>>()?;
        let models: Vec<String> =
            std::iter::once(&self.model).chain(&self.fallbacks).map(|name| model_id(name)).collect();
        let call = CompleteRequest {
            max_tokens: Some(cap),
            temperature: self.temperature,
            top_p: self.top_p,
            seed: self.seed,
            output_schema: self.response_format.map_or(Ok(None), |format| read_format(&format))?,
            tools,
            tool_choice: self.tool_choice.map_or(Ok(ToolChoice::Auto), |choice| read_choice(&choice))?,
            parallel_tool_calls: self.parallel_tool_calls,
            reasoning_effort: self.reasoning_effort,
            stop: match self.stop {
                None => Vec::new(),
                Some(OneOrMany::One(text)) => vec![text],
                Some(OneOrMany::Many(texts)) => texts,
            },
            cache_ttl_seconds: self.cache.map(|cache| cache.ttl_seconds),
            ..CompleteRequest::new(model_id(&self.model), messages)
        };
        Ok(Meaning { models, name: self.model, call, choices })
    }

    /// Members that would change the answer in a way that not every provider offers.
    fn refuse_the_rest(&self) -> Result<()> {
        for (name, value) in &self.rest {
            let harmless = match name.as_str() {
                "frequency_penalty" | "presence_penalty" => value.as_f64() == Some(0.0),
                "logprobs" => value == false,
                "logit_bias" => value.as_object().is_some_and(Map::is_empty),
                "modalities" => value == &json!(["text"]),
                // Another tier has another price than the one that was held back for the call.
                "service_tier" => value == "auto" || value == "default",
                "top_logprobs" | "audio" | "functions" | "function_call" | "prediction"
                | "web_search_options" => false,
                _ => true,
            };
            if !harmless && !value.is_null() {
                return Err(wrong(name, "is not offered here; leave it out").reason("unsupported_parameter"));
            }
        }
        Ok(())
    }
}

fn read_message(index: usize, message: WireMessage) -> Result<Message> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            return Err(wrong(format!("messages.{index}.role"), format!("is `{other}`, which is not known")));
        }
    };
    let content = match message.content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => {
            let mut text = String::new();
            for (part_index, part) in parts.into_iter().enumerate() {
                match (part.r#type.as_str(), part.text, part.refusal) {
                    ("text", Some(part), _) | ("refusal", _, Some(part)) => text.push_str(&part),
                    (kind, ..) => {
                        let path = format!("messages.{index}.content.{part_index}");
                        let what = format!("is of type `{kind}`; only text is taken");
                        return Err(wrong(path, what).reason("unsupported_content"));
                    }
                }
            }
            text
        }
    };
    let calls = message.tool_calls.unwrap_or_default().into_iter().map(|call| ToolCall {
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
    });
    Ok(Message {
        tool_calls: calls.collect(),
        tool_call_id: message.tool_call_id,
        ..Message::new(role, content)
    })
}

fn read_tool(index: usize, tool: WireTool) -> Result<ToolDefinition> {
    match (tool.r#type.as_str(), tool.function) {
        ("function", Some(function)) => Ok(ToolDefinition {
            name: function.name,
            description: function.description.unwrap_or_default(),
            parameters: function.parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}})),
        }),
        (kind, _) => {
            Err(wrong(format!("tools.{index}"), format!("is of type `{kind}`; only functions are taken")))
        }
    }
}

fn read_choice(choice: &Value) -> Result<ToolChoice> {
    match choice.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::None),
        Some("required") => return Ok(ToolChoice::Required),
        _ => {}
    }
    match choice["function"]["name"].as_str() {
        Some(name) => Ok(ToolChoice::Tool(name.to_owned())),
        None => Err(wrong("tool_choice", "is neither `auto`, `none`, `required` nor a function")),
    }
}

fn read_format(format: &Value) -> Result<Option<Value>> {
    match format["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(json!({"type": "object"}))),
        Some("json_schema") => match &format["json_schema"]["schema"] {
            schema @ Value::Object(_) => Ok(Some(schema.clone())),
            _ => Err(wrong("response_format.json_schema.schema", "is missing")),
        },
        _ => Err(wrong("response_format", "is neither `text`, `json_object` nor `json_schema`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(edit: Value) -> Result<Meaning, String> {
        let mut body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]});
        if let (Some(body), Value::Object(edit)) = (body.as_object_mut(), edit) {
            body.extend(edit);
        }
        let request: ChatRequest = serde_json::from_value(body).map_err(|error| error.to_string())?;
        request.meaning().map_err(|error| error.message)
    }

    #[test]
    fn what_clients_send_is_understood() {
        let meaning = read(json!({
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "developer", "content": "be kind"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": "r"},
            ],
            "stop": "END", "n": 2, "max_tokens": 7, "fallbacks": ["claude-haiku-4-5"], "user": "u", "metadata": {},
            "tools": [{"type": "function", "function": {"name": "f", "strict": true}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_object"}, "frequency_penalty": 0, "logprobs": null,
            "cache": {"ttl_seconds": 5}, "seed": -3,
        }))
        .unwrap();
        let call = meaning.call;
        assert_eq!(meaning.models, ["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"]);
        assert_eq!((meaning.choices, call.max_tokens, call.seed), (2, Some(7), Some(-3)));
        assert_eq!(call.messages[0].content, "be kind");
        assert_eq!((call.messages[1].content.as_str(), call.messages[3].role), ("ab", Role::Tool));
        assert_eq!(call.tool_choice, ToolChoice::Tool("f".into()));
        assert_eq!((call.stop, call.cache_ttl_seconds), (vec!["END".to_owned()], Some(5)));
        assert_eq!(call.output_schema, Some(json!({"type": "object"})));
        assert_eq!(read(json!({})).unwrap().call.max_tokens, Some(4096));
    }

    #[test]
    fn what_would_change_the_answer_is_refused_and_named() {
        for (edit, part) in [
            (json!({"logprobs": true}), "`logprobs`"),
            (json!({"frequency_penalty": 0.5}), "`frequency_penalty`"),
            (json!({"service_tier": "priority"}), "`service_tier`"),
            (json!({"functions": []}), "`functions`"),
            (json!({"messages": []}), "`messages`"),
            (json!({"messages": [{"role": "robot", "content": "x"}]}), "`messages.0.role`"),
            (json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "only text"),
            (json!({"n": 17}), "`n`"),
            (json!({"max_completion_tokens": 0}), "`max_completion_tokens`"),
            (json!({"tools": [{"type": "custom"}]}), "`tools.0`"),
            (json!({"tool_choice": "sometimes"}), "`tool_choice`"),
            (json!({"response_format": {"type": "json_schema"}}), "`response_format.json_schema.schema`"),
        ] {
            let error = read(edit.clone()).unwrap_err();
            assert!(error.contains(part), "{edit}: {error}");
        }
    }
}
