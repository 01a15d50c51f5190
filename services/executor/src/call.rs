//! Making the call that an effect asks for; a model's text is handed on to watchers while it is written.
//! Not here: deciding what to call (`nexus-engine`), tools (`tool`), providers (behind the llm port).

use crate::{
    Deps,
    live::{self, Live},
    observe::Places,
    tool,
};
use futures::StreamExt;
use nexus_api::{
    CallCtx, Code, Error, Workspace,
    llm::{
        CompleteRequest, Completion, FinishReason, Message, Role, StreamItem, ToolCall, ToolChoice,
        ToolDefinition,
    },
};
use nexus_bus::Topic;
use nexus_engine::{
    Answer, Call, CallFailure, CallResult, Exchange, ModelCall, Outcome, ToolRequest, ToolSpec, Turn, Work,
};
use nexus_model::{ExecutionId, Money, Timestamp, WorkflowId, event::Delta, execution::Tokens, price::Usage};
use nexus_runtime::trace;
use std::time::Instant;
use tracing::Instrument;

/// Whose call it is.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) execution: ExecutionId,
    pub(crate) workflow: WorkflowId,
    pub(crate) workspace: Workspace,
    /// Who started it: what it spends counts for their budget.
    pub(crate) principal: Option<String>,
    /// Where its spans stand.
    pub(crate) places: Places,
}

/// What a call brought.
pub(crate) struct Brought {
    pub(crate) outcome: Result<Outcome, CallFailure>,
    pub(crate) usage: Option<Usage>,
    /// `None` if nobody knows.
    pub(crate) cost: Option<Money>,
    pub(crate) provider: Option<String>,
}

/// Makes the call; never fails, a failure is a result. Dropping the future abandons the call.
pub(crate) async fn perform(deps: &Deps, caller: &Caller, call: &Call) -> CallResult {
    let span = caller.places.span(call);
    let result =
        trace::on_behalf_of(Some(caller.execution), made(deps, caller, call)).instrument(span.clone());
    let result = result.await;
    if let Err(failure) = &result.outcome {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", failure.code.as_str());
    }
    result
}

async fn made(deps: &Deps, caller: &Caller, call: &Call) -> CallResult {
    let started = Instant::now();
    let traceparent = Some(caller.places.of_call(call).traceparent());
    let ctx = CallCtx { traceparent, ..CallCtx::background() }
        .on_behalf(caller.principal.clone(), caller.workspace.clone())
        .with_timeout(call.timeout);
    let brought = match &call.work {
        Work::Model(request) => ctx.bound(stream(&ctx, deps, caller, call, request)).await.map(answered),
        Work::Tool(work) => ctx.bound(tool::perform(&ctx, deps, caller, call, work)).await,
    };
    let brought = brought.unwrap_or_else(|error| {
        let spent = error.spent.as_deref().copied();
        Brought {
            outcome: Err(failure(&ctx, error, call)),
            usage: spent.and_then(|spent| spent.usage),
            cost: spent.map(|spent| spent.cost),
            provider: None,
        }
    });
    CallResult {
        outcome: brought.outcome,
        tokens: brought.usage.map(tokens).unwrap_or_default(),
        cost: brought.cost,
        latency: started.elapsed(),
        provider: brought.provider,
    }
}

async fn stream(
    ctx: &CallCtx,
    deps: &Deps,
    caller: &Caller,
    call: &Call,
    model: &ModelCall,
) -> Result<Completion, Error> {
    let execution_id = caller.execution;
    let mut items = deps.llm.stream_complete(ctx, request(execution_id, call, model)).await?;
    while let Some(item) = items.next().await {
        match item? {
            StreamItem::Done(completion) => return Ok(*completion),
            StreamItem::Delta(text) => {
                let delta = Delta {
                    execution_id,
                    agent_id: call.node.clone(),
                    revision: call.revision,
                    attempt: call.attempt,
                    text,
                    timestamp: Timestamp::now(),
                };
                deps.bus.publish(Topic::Execution(execution_id), live::encode(&Live::Delta { delta }));
            }
        }
    }
    Err(Error::new(Code::Unavailable, "the answer ended before it was complete")
        .reason("provider_bad_answer"))
}

fn request(execution_id: ExecutionId, call: &Call, model: &ModelCall) -> CompleteRequest {
    let system = model.system.iter().map(|system| Message::new(Role::System, system));
    let mut messages: Vec<Message> = system.collect();
    messages.push(Message::new(Role::User, &model.prompt));
    for exchange in &model.said {
        match exchange {
            Exchange::Rejected(reask) => {
                messages.push(Message::new(Role::Assistant, &reask.answer));
                messages.push(Message::new(Role::User, reask.request()));
            }
            Exchange::Tools(turn) => messages.extend(used(turn)),
        }
    }
    CompleteRequest {
        max_tokens: Some(model.max_tokens),
        temperature: model.temperature,
        output_schema: model.output_schema.clone(),
        tools: model.tools.iter().map(definition).collect(),
        tool_choice: if model.tools_allowed { ToolChoice::Auto } else { ToolChoice::None },
        execution_id: Some(execution_id),
        node_id: Some(call.node.clone()),
        cache_ttl_seconds: model.cache_ttl_seconds,
        ..CompleteRequest::new(&model.model, messages)
    }
}

fn definition(spec: &ToolSpec) -> ToolDefinition {
    let ToolSpec { name, description, parameters } = spec.clone();
    ToolDefinition { name, description, parameters }
}

/// A round of tools as messages: what the model asked for, what came of it.
fn used(turn: &Turn) -> impl Iterator<Item = Message> {
    let calls = turn.uses.iter().map(|asked| ToolCall {
        id: asked.id.clone(),
        name: asked.tool.clone(),
        arguments: asked.arguments.clone(),
    });
    let wanted = Message { tool_calls: calls.collect(), ..Message::new(Role::Assistant, &turn.text) };
    let results = turn.uses.iter().map(|asked| Message {
        tool_call_id: Some(asked.id.clone()),
        ..Message::new(Role::Tool, asked.result())
    });
    std::iter::once(wanted).chain(results)
}

fn tokens(usage: Usage) -> Tokens {
    Tokens { prompt: usage.prompt(), completion: usage.output }
}

/// An answer without usage may have cost anything up to what was reserved.
fn answered(completion: Completion) -> Brought {
    let Completion { provider, usage, cost, cached, .. } = &completion;
    let (provider, usage, cost) =
        (Some(provider.clone()), *usage, (*cached || usage.is_some()).then_some(*cost));
    Brought { outcome: judge(completion), usage, cost, provider }
}

fn judge(completion: Completion) -> Result<Outcome, CallFailure> {
    let Completion { text, tool_calls, finish_reason, .. } = completion;
    if finish_reason == FinishReason::ContentFilter {
        let message = "the provider withheld the answer; change the prompt or use another model";
        return Err(CallFailure::fatal("content_filtered", message));
    }
    let tool_calls = tool_calls
        .into_iter()
        .map(|ToolCall { id, name, arguments }| ToolRequest { id, name, arguments })
        .collect();
    Ok(Outcome::Answer(Answer { text, truncated: finish_reason == FinishReason::Length, tool_calls }))
}

/// Whoever noticed first that the attempt's time was over (the provider's adapter, the port, we): it is one failure.
fn failure(ctx: &CallCtx, error: Error, call: &Call) -> CallFailure {
    let is_over = ctx.remaining().is_some_and(|left| left.is_zero());
    if error.code == Code::DeadlineExceeded && (is_over || error.reason.is_none()) {
        return CallFailure {
            code: "timeout".into(),
            message: format!("no complete answer within {} s", call.timeout.as_secs_f64()),
            retryable: true,
            retry_after: None,
        };
    }
    let message = match &error.suggestion {
        Some(suggestion) => format!("{}; {suggestion}", error.message),
        None => error.message.clone(),
    };
    CallFailure {
        code: error.reason.clone().unwrap_or_else(|| error.code.as_str().to_ascii_lowercase()),
        message,
        retryable: error.retryable,
        retry_after: error.retry_after,
    }
}
