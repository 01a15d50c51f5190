//! Making the call that an effect asks for, handing its text on to watchers while it is written.
//! Not here: deciding what to call (`nexus-engine`), providers (behind the llm port).

use crate::live::{self, Live};
use futures::StreamExt;
use nexus_api::{
    CallCtx, Code, Error, Llm,
    llm::{CompleteRequest, Completion, FinishReason, Message, Role, StreamItem},
};
use nexus_bus::{Bus, Topic};
use nexus_engine::{Answer, Call, CallFailure, CallResult, ModelCall};
use nexus_model::{ExecutionId, Money, Timestamp, event::Delta, execution::Tokens};
use std::{sync::Arc, time::Instant};

/// Makes the call; never fails, a failure is a result. Dropping the future abandons the call.
pub(crate) async fn perform(
    llm: Arc<dyn Llm>,
    bus: Arc<dyn Bus>,
    execution: ExecutionId,
    call: Call,
) -> CallResult {
    let started = Instant::now();
    let ctx = CallCtx::background().with_timeout(call.timeout);
    let answered = ctx.bound(stream(&ctx, llm.as_ref(), bus.as_ref(), execution, &call)).await;
    let latency = started.elapsed();
    match answered {
        Ok(completion) => CallResult {
            tokens: tokens(&completion),
            cost: completion.cost,
            latency,
            provider: Some(completion.provider),
            outcome: judge(completion.text, completion.finish_reason),
        },
        Err(error) => CallResult {
            outcome: Err(failure(error, &call)),
            tokens: Tokens::default(),
            cost: Money::ZERO,
            latency,
            provider: None,
        },
    }
}

async fn stream(
    ctx: &CallCtx,
    llm: &dyn Llm,
    bus: &dyn Bus,
    execution_id: ExecutionId,
    call: &Call,
) -> Result<Completion, Error> {
    let mut items = llm.stream_complete(ctx, request(execution_id, call)).await?;
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
                bus.publish(Topic::Execution(execution_id), live::encode(&Live::Delta { delta }));
            }
        }
    }
    Err(Error::new(Code::Unavailable, "the answer ended before it was complete")
        .reason("provider_bad_answer"))
}

fn request(execution_id: ExecutionId, call: &Call) -> CompleteRequest {
    let ModelCall { model, system, prompt, temperature, max_tokens, output_schema, reask } = &call.request;
    let mut messages: Vec<Message> = system.iter().map(|system| Message::new(Role::System, system)).collect();
    messages.push(Message::new(Role::User, prompt));
    if let Some(reask) = reask {
        messages.push(Message::new(Role::Assistant, &reask.answer));
        let again = format!("This answer was not accepted: {}. Answer again, and mend that.", reask.reason);
        messages.push(Message::new(Role::User, again));
    }
    CompleteRequest {
        max_tokens: Some(*max_tokens),
        temperature: *temperature,
        output_schema: output_schema.clone(),
        execution_id: Some(execution_id),
        node_id: Some(call.node.clone()),
        ..CompleteRequest::new(model, messages)
    }
}

fn tokens(completion: &Completion) -> Tokens {
    completion
        .usage
        .map(|usage| Tokens { prompt: usage.prompt(), completion: usage.output })
        .unwrap_or_default()
}

fn judge(text: String, finish: FinishReason) -> Result<Answer, CallFailure> {
    match finish {
        FinishReason::ContentFilter => Err(CallFailure {
            code: "content_filtered".into(),
            message: "the provider withheld the answer; change the prompt or use another model".into(),
            retryable: false,
            retry_after: None,
        }),
        finish => Ok(Answer { text, truncated: finish == FinishReason::Length }),
    }
}

fn failure(error: Error, call: &Call) -> CallFailure {
    if error.code == Code::DeadlineExceeded && error.reason.is_none() {
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
