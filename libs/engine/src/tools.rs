//! Tools with everything rendered: what is to be done, and what of it the execution shows as the node's input.
//! Not here: doing it (`nexus-executor`), when (`calls`).

use crate::{
    Definition, ToolWork,
    definition::{AttachedTool, ToolExpressions},
};
use nexus_expr::{Context, Error, Result};
use nexus_model::{
    document::{Tool, ToolConfig},
    graph::NodeIx,
};
use serde_json::{Map, Value, json};

/// What a tool comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rendered {
    /// It has to be done outside.
    Work(ToolWork),
    /// It is done: a template.
    Done(Value),
}

/// Whether a header's value is nobody's business, as far as its name tells.
pub(crate) fn is_secret(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    ["auth", "cookie", "key", "password", "secret", "session", "signature", "token"]
        .iter()
        .any(|word| name.contains(word))
}

/// Renders a tool. `slot` names this use of it within the node's revision.
pub(crate) fn render(
    tool: &ToolConfig,
    expressions: &ToolExpressions,
    context: &Context<'_>,
    slot: String,
) -> Result<Rendered> {
    let text = |template: &Result<nexus_expr::Template>| {
        template.as_ref().map_err(Clone::clone).and_then(|template| template.render(context))
    };
    let value = |template: &Result<nexus_expr::ValueTemplate>| {
        template.as_ref().map_err(Clone::clone).and_then(|template| template.render(context))
    };
    let work = match (&tool.tool, expressions) {
        (
            Tool::HttpRequest { method, fail_on_error_status, .. },
            ToolExpressions::Http { url, headers, body },
        ) => ToolWork::Http {
            method: method.clone(),
            url: text(url)?,
            headers: headers
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value)?)))
                .collect::<Result<_>>()?,
            body: body.as_ref().map(value).transpose()?,
            fail_on_error_status: *fail_on_error_status,
        },
        (Tool::MemoryStore { scope, .. }, ToolExpressions::MemoryStore { text: template, metadata }) => {
            ToolWork::MemoryStore {
                text: text(template)?,
                scope: *scope,
                metadata: match value(metadata)? {
                    Value::Object(metadata) => metadata,
                    _ => Map::new(),
                },
                slot,
            }
        }
        (Tool::MemoryRecall { top_k, scope, .. }, ToolExpressions::MemoryRecall { query }) => {
            ToolWork::MemoryRecall { query: text(query)?, top_k: *top_k, scope: *scope }
        }
        (Tool::Python { code, .. }, ToolExpressions::Python { inputs }) => {
            ToolWork::Python { code: code.clone(), inputs: value(inputs)? }
        }
        (Tool::Scraper { job_id }, _) => ToolWork::Scraper { job_id: job_id.clone() },
        (Tool::Template { .. }, ToolExpressions::Template(template)) => {
            return Ok(Rendered::Done(json!({ "text": text(template)? })));
        }
        (tool, _) => return Err(Error::evaluation(format!("{} was not prepared", tool.name()))),
    };
    Ok(Rendered::Work(work))
}

impl ToolWork {
    /// The node's input as the execution shows it: what is asked of the tool, without secrets.
    pub(crate) fn input(&self) -> Value {
        match self {
            Self::Http { method, url, headers, body, .. } => {
                let headers: Map<String, Value> = headers
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), Value::from(if is_secret(name) { "[hidden]" } else { value }))
                    })
                    .collect();
                json!({ "tool": "http_request", "method": method, "url": url, "headers": headers, "body": body })
            }
            Self::Scraper { job_id } => json!({ "tool": "scraper", "job_id": job_id }),
            Self::MemoryStore { text, scope, metadata, .. } => {
                json!({ "tool": "memory_store", "text": text, "scope": scope, "metadata": metadata })
            }
            Self::MemoryRecall { query, top_k, scope } => {
                json!({ "tool": "memory_recall", "query": query, "top_k": top_k, "scope": scope })
            }
            Self::Python { inputs, .. } => json!({ "tool": "python", "inputs": inputs }),
        }
    }

    /// The text that is turned into a vector for it, which is paid for.
    pub(crate) fn embedded(&self) -> Option<&str> {
        match self {
            Self::MemoryStore { text, .. } => Some(text),
            Self::MemoryRecall { query, .. } => Some(query),
            Self::Http { .. } | Self::Scraper { .. } | Self::Python { .. } => None,
        }
    }
}

/// Whether doing it once more than asked for does no harm, as far as is known. Keeping a text in memory carries a
/// key, so it is kept once.
pub(crate) fn may_be_repeated(tool: &ToolConfig) -> bool {
    match &tool.tool {
        Tool::HttpRequest { method, .. } => tool.idempotent || ["GET", "HEAD"].contains(&method.as_str()),
        Tool::Scraper { .. }
        | Tool::MemoryStore { .. }
        | Tool::MemoryRecall { .. }
        | Tool::Python { .. }
        | Tool::Template { .. } => true,
    }
}

/// The attached tool with this name, and the arguments if they are what it takes; else what to tell the model.
pub(crate) fn judge_arguments<'a>(
    definition: &'a Definition,
    agent: NodeIx,
    name: &str,
    arguments: &str,
) -> std::result::Result<(&'a AttachedTool, Value), String> {
    let tools =
        definition.agent(agent).map(|(_, expressions)| expressions.tools.as_slice()).unwrap_or_default();
    let Some(tool) = tools.iter().find(|tool| tool.spec.name == name) else {
        let known: Vec<&str> = tools.iter().map(|tool| tool.spec.name.as_str()).collect();
        return Err(format!("there is no tool `{name}`; there are: {}", known.join(", ")));
    };
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    let args: Value =
        serde_json::from_str(arguments).map_err(|error| format!("the arguments are not JSON: {error}"))?;
    if !args.is_object() {
        return Err("the arguments must be a JSON object".into());
    }
    let schema = tool.parameters.as_ref().map_err(|error| format!("the tool's parameters: {error}"))?;
    schema.validate(&args).map_err(|violations| {
        let shown: Vec<String> = violations
            .iter()
            .take(5)
            .map(|(path, message)| format!("{}: {message}", if path.is_empty() { "/" } else { path }))
            .collect();
        format!("the arguments break the schema: {}", shown.join("; "))
    })?;
    Ok((tool, args))
}
