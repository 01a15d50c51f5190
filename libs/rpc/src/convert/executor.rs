//! Executions and their events.

use super::{
    all, check_depth, each, from_loose_object, id, invalid, loose_object, malformed, moment, money,
    object_or_empty, optional_id, optional_timestamp, timestamp, to_object,
};
use crate::{json::Struct, proto::executor as pb};
use nexus_api::{Error, Result};
use nexus_model::{
    Event, EventType, Execution, ExecutionStatus,
    event::{Delta, WatchItem},
    execution::{ExecutionSummary, Failure, Spending},
};
use serde_json::{Map, Value as Json, json};

/// `type` of a live piece.
const DELTA: &str = "agent_output_delta";

/// A status by its name.
pub(crate) fn status(path: &str, text: &str) -> Result<ExecutionStatus> {
    ExecutionStatus::parse(text)
        .ok_or_else(|| invalid(path, format!("`{text}` is no status of an execution")))
}

/// The inputs of a request; none if absent.
pub(crate) fn inputs(wire: Option<Struct>) -> Result<Json> {
    let inputs = Json::Object(object_or_empty("/inputs", wire)?);
    check_depth("/inputs", &inputs)?;
    Ok(inputs)
}

/// The inputs for a request.
pub(crate) fn to_inputs(inputs: Json) -> Result<Option<Struct>> {
    match inputs {
        Json::Null => Ok(None),
        inputs => to_object("/inputs", inputs).map(Some),
    }
}

impl From<Failure> for pb::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            node_id: failure.node_id.map(|id| id.to_string()),
        }
    }
}

impl TryFrom<pb::Failure> for Failure {
    type Error = Error;
    fn try_from(failure: pb::Failure) -> Result<Self> {
        let node_id = optional_id("/error/node_id", failure.node_id)?;
        Ok(Self { code: failure.code, message: failure.message, node_id })
    }
}

pub(super) fn failure(wire: Option<pb::Failure>) -> Result<Option<Failure>> {
    wire.map(Failure::try_from).transpose()
}

impl From<Spending> for pb::Spending {
    fn from(spending: Spending) -> Self {
        Self {
            limit_usd: spending.limit_usd.map(nexus_model::Money::usd),
            spent_usd: spending.spent_usd.usd(),
            reserved_usd: spending.reserved_usd.usd(),
        }
    }
}

impl TryFrom<pb::Spending> for Spending {
    type Error = Error;
    fn try_from(spending: pb::Spending) -> Result<Self> {
        Ok(Self {
            limit_usd: spending.limit_usd.map(|usd| money("/budget/limit_usd", usd)).transpose()?,
            spent_usd: money("/budget/spent_usd", spending.spent_usd)?,
            reserved_usd: money("/budget/reserved_usd", spending.reserved_usd)?,
        })
    }
}

impl From<ExecutionSummary> for pb::ExecutionSummary {
    fn from(summary: ExecutionSummary) -> Self {
        Self {
            id: summary.id.to_string(),
            workflow_id: summary.workflow_id.to_string(),
            workflow_version: summary.workflow_version,
            workflow_name: summary.workflow_name,
            status: summary.status.as_str().to_owned(),
            error: summary.error.map(Into::into),
            budget: Some(summary.budget.into()),
            tokens: Some(summary.tokens.into()),
            created_at: moment(summary.created_at),
            started_at: summary.started_at.and_then(moment),
            finished_at: summary.finished_at.and_then(moment),
        }
    }
}

impl TryFrom<pb::ExecutionSummary> for ExecutionSummary {
    type Error = Error;
    fn try_from(summary: pb::ExecutionSummary) -> Result<Self> {
        Ok(Self {
            id: id("/id", &summary.id)?,
            workflow_id: id("/workflow_id", &summary.workflow_id)?,
            workflow_version: summary.workflow_version,
            workflow_name: summary.workflow_name,
            status: status("/status", &summary.status)?,
            error: failure(summary.error)?,
            budget: summary.budget.unwrap_or_default().try_into()?,
            tokens: summary.tokens.unwrap_or_default().into(),
            created_at: timestamp("/created_at", summary.created_at)?,
            started_at: optional_timestamp(summary.started_at)?,
            finished_at: optional_timestamp(summary.finished_at)?,
        })
    }
}

impl From<Execution> for pb::Execution {
    fn from(execution: Execution) -> Self {
        let summary = pb::ExecutionSummary::from(execution.summary);
        Self {
            id: summary.id,
            workflow_id: summary.workflow_id,
            workflow_version: summary.workflow_version,
            workflow_name: summary.workflow_name,
            status: summary.status,
            error: summary.error,
            budget: summary.budget,
            tokens: summary.tokens,
            created_at: summary.created_at,
            started_at: summary.started_at,
            finished_at: summary.finished_at,
            inputs: loose_object(execution.inputs),
            outputs: Some(Struct::new(execution.outputs)),
            agent_executions: each(execution.agent_executions),
        }
    }
}

impl TryFrom<pb::Execution> for Execution {
    type Error = Error;
    fn try_from(execution: pb::Execution) -> Result<Self> {
        Ok(Self {
            summary: ExecutionSummary::try_from(pb::ExecutionSummary {
                id: execution.id,
                workflow_id: execution.workflow_id,
                workflow_version: execution.workflow_version,
                workflow_name: execution.workflow_name,
                status: execution.status,
                error: execution.error,
                budget: execution.budget,
                tokens: execution.tokens,
                created_at: execution.created_at,
                started_at: execution.started_at,
                finished_at: execution.finished_at,
            })?,
            inputs: from_loose_object("/inputs", execution.inputs)?,
            outputs: object_or_empty("/outputs", execution.outputs)?,
            agent_executions: all(execution.agent_executions)?,
        })
    }
}

impl From<Event> for pb::Event {
    fn from(event: Event) -> Self {
        Self {
            seq: event.seq,
            execution_id: event.execution_id.to_string(),
            r#type: event.kind.as_str().to_owned(),
            agent_id: event.agent_id.map(|id| id.to_string()),
            data: loose_object(event.data),
            timestamp: moment(event.timestamp),
        }
    }
}

impl TryFrom<pb::Event> for Event {
    type Error = Error;
    fn try_from(event: pb::Event) -> Result<Self> {
        Ok(Self {
            seq: event.seq,
            execution_id: id("/execution_id", &event.execution_id)?,
            kind: EventType::parse(&event.r#type)
                .ok_or_else(|| invalid("/type", "an unknown type of event"))?,
            agent_id: optional_id("/agent_id", event.agent_id)?,
            data: from_loose_object("/data", event.data)?,
            timestamp: timestamp("/timestamp", event.timestamp)?,
        })
    }
}

impl From<WatchItem> for pb::WatchExecutionResponse {
    fn from(item: WatchItem) -> Self {
        match item {
            WatchItem::Event(event) => {
                let event = pb::Event::from(event);
                Self {
                    seq: event.seq,
                    execution_id: event.execution_id,
                    r#type: event.r#type,
                    agent_id: event.agent_id,
                    data: event.data,
                    timestamp: event.timestamp,
                }
            }
            WatchItem::Delta(delta) => Self {
                seq: 0,
                execution_id: delta.execution_id.to_string(),
                r#type: DELTA.to_owned(),
                agent_id: Some(delta.agent_id.to_string()),
                data: Some(Struct::new(Map::from_iter([
                    ("text".to_owned(), json!(delta.text)),
                    ("revision".to_owned(), json!(delta.revision)),
                    ("attempt".to_owned(), json!(delta.attempt)),
                ]))),
                timestamp: moment(delta.timestamp),
            },
        }
    }
}

/// What a watcher receives, from the wire.
pub(crate) fn watch_item(item: pb::WatchExecutionResponse) -> Result<WatchItem> {
    if item.r#type != DELTA {
        return Ok(WatchItem::Event(Event::try_from(pb::Event {
            seq: item.seq,
            execution_id: item.execution_id,
            r#type: item.r#type,
            agent_id: item.agent_id,
            data: item.data,
            timestamp: item.timestamp,
        })?));
    }
    let data = object_or_empty("/data", item.data)?;
    let count = |member: &str| {
        let number = data.get(member).and_then(Json::as_u64).and_then(|number| u32::try_from(number).ok());
        number.ok_or_else(|| malformed(format!("/data/{member}"), "must be a small integer"))
    };
    Ok(WatchItem::Delta(Delta {
        execution_id: id("/execution_id", &item.execution_id)?,
        agent_id: id("/agent_id", &item.agent_id.unwrap_or_default())?,
        revision: count("revision")?,
        attempt: count("attempt")?,
        text: data.get("text").and_then(Json::as_str).unwrap_or_default().to_owned(),
        timestamp: timestamp("/timestamp", item.timestamp)?,
    }))
}
