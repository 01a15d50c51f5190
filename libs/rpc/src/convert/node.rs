//! The nodes of an execution: their attempts, revisions and uses of tools. Not here: executions (`executor`).

use super::{
    all, each, executor::failure, id, moment, money, name, named, optional_timestamp, optional_value,
    required, timestamp, value,
};
use crate::{json::Value, proto::executor as pb};
use nexus_api::{Error, Result};
use nexus_model::execution::{AgentExecution, Attempt, Revision, ToolCall};

impl From<AgentExecution> for pb::AgentExecution {
    fn from(node: AgentExecution) -> Self {
        Self {
            node_id: node.node_id.to_string(),
            node_type: name(node.node_type),
            status: name(node.status),
            revision: node.revision,
            attempts: each(node.attempts),
            input: node.input.map(Value::new),
            output: node.output.map(Value::new),
            model: node.model,
            tokens: Some(node.tokens.into()),
            cost_usd: node.cost_usd.usd(),
            latency_ms: node.latency_ms,
            error: node.error.map(Into::into),
            started_at: node.started_at.and_then(moment),
            finished_at: node.finished_at.and_then(moment),
            revisions: each(node.revisions),
            feedback: node.feedback.map(Value::new),
        }
    }
}

impl TryFrom<pb::AgentExecution> for AgentExecution {
    type Error = Error;
    fn try_from(node: pb::AgentExecution) -> Result<Self> {
        Ok(Self {
            node_id: id("/node_id", &node.node_id)?,
            node_type: named("/node_type", node.node_type)?,
            status: named("/status", node.status)?,
            revision: node.revision,
            attempts: all(node.attempts)?,
            input: optional_value("/input", node.input)?,
            output: optional_value("/output", node.output)?,
            model: node.model,
            tokens: node.tokens.unwrap_or_default().into(),
            cost_usd: money("/cost_usd", node.cost_usd)?,
            latency_ms: node.latency_ms,
            error: failure(node.error)?,
            started_at: optional_timestamp(node.started_at)?,
            finished_at: optional_timestamp(node.finished_at)?,
            revisions: all(node.revisions)?,
            feedback: optional_value("/feedback", node.feedback)?,
        })
    }
}

impl From<Attempt> for pb::Attempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.attempt,
            revision: attempt.revision,
            model: attempt.model,
            provider: attempt.provider,
            status: name(attempt.status),
            error: attempt.error.map(Into::into),
            tokens: Some(attempt.tokens.into()),
            cost_usd: attempt.cost_usd.usd(),
            latency_ms: attempt.latency_ms,
            started_at: moment(attempt.started_at),
            finished_at: attempt.finished_at.and_then(moment),
            output: attempt.output.map(Value::new),
            tool_calls: each(attempt.tool_calls),
            max_tokens: attempt.max_tokens,
        }
    }
}

impl TryFrom<pb::Attempt> for Attempt {
    type Error = Error;
    fn try_from(attempt: pb::Attempt) -> Result<Self> {
        Ok(Self {
            attempt: attempt.attempt,
            revision: attempt.revision,
            model: attempt.model,
            provider: attempt.provider,
            status: named("/status", attempt.status)?,
            error: failure(attempt.error)?,
            tokens: attempt.tokens.unwrap_or_default().into(),
            cost_usd: money("/cost_usd", attempt.cost_usd)?,
            latency_ms: attempt.latency_ms,
            started_at: timestamp("/started_at", attempt.started_at)?,
            finished_at: optional_timestamp(attempt.finished_at)?,
            output: optional_value("/output", attempt.output)?,
            tool_calls: all(attempt.tool_calls)?,
            max_tokens: attempt.max_tokens,
        })
    }
}

impl From<Revision> for pb::Revision {
    fn from(revision: Revision) -> Self {
        Self {
            revision: revision.revision,
            status: name(revision.status),
            input: revision.input.map(Value::new),
            output: revision.output.map(Value::new),
            error: revision.error.map(Into::into),
            feedback: revision.feedback.map(Value::new),
            started_at: revision.started_at.and_then(moment),
            finished_at: revision.finished_at.and_then(moment),
        }
    }
}

impl TryFrom<pb::Revision> for Revision {
    type Error = Error;
    fn try_from(revision: pb::Revision) -> Result<Self> {
        Ok(Self {
            revision: revision.revision,
            status: named("/status", revision.status)?,
            input: optional_value("/input", revision.input)?,
            output: optional_value("/output", revision.output)?,
            error: failure(revision.error)?,
            feedback: optional_value("/feedback", revision.feedback)?,
            started_at: optional_timestamp(revision.started_at)?,
            finished_at: optional_timestamp(revision.finished_at)?,
        })
    }
}

impl From<ToolCall> for pb::ToolCall {
    fn from(call: ToolCall) -> Self {
        Self {
            tool: call.tool,
            args: Some(Value::new(call.args)),
            output: call.output.map(Value::new),
            error: call.error,
            latency_ms: call.latency_ms,
        }
    }
}

impl TryFrom<pb::ToolCall> for ToolCall {
    type Error = Error;
    fn try_from(call: pb::ToolCall) -> Result<Self> {
        Ok(Self {
            tool: call.tool,
            args: value("/args", required("/args", call.args)?)?,
            output: optional_value("/output", call.output)?,
            error: call.error,
            latency_ms: call.latency_ms,
        })
    }
}
