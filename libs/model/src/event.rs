//! Events of an execution: what watchers see and the store keeps. Not here: when they happen (`nexus-engine`).

use crate::{ExecutionId, NodeId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The kinds of stored events, as they are spelled outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// A run began, also after a resume.
    ExecutionStarted,
    /// A node began (any kind of node).
    AgentStarted,
    /// A failed attempt will be followed by another.
    AgentRetrying,
    /// A reviewer sent an upstream node back to work.
    AgentBacktracked,
    /// A node succeeded.
    AgentCompleted,
    /// A node failed for good.
    AgentFailed,
    /// A node will not run.
    AgentSkipped,
    /// Spending reached the warning mark, once per execution.
    BudgetWarning,
    /// The next call does not fit the budget.
    BudgetExceeded,
    /// The run ended; always the last event of a run.
    ExecutionCompleted,
}

impl EventType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExecutionStarted => "execution_started",
            Self::AgentStarted => "agent_started",
            Self::AgentRetrying => "agent_retrying",
            Self::AgentBacktracked => "agent_backtracked",
            Self::AgentCompleted => "agent_completed",
            Self::AgentFailed => "agent_failed",
            Self::AgentSkipped => "agent_skipped",
            Self::BudgetWarning => "budget_warning",
            Self::BudgetExceeded => "budget_exceeded",
            Self::ExecutionCompleted => "execution_completed",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        serde_json::from_value(Value::from(name)).ok()
    }
}

/// A stored event. `seq` counts 1, 2, 3 … within its execution, without gaps, across resumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position, from 1.
    pub seq: u64,
    /// The execution.
    pub execution_id: ExecutionId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// The node concerned, if any.
    pub agent_id: Option<NodeId>,
    /// Details, by kind.
    pub data: Value,
    /// When.
    pub timestamp: Timestamp,
}

/// A piece of an agent's answer while it is being written: live only, never stored, without `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The execution.
    pub execution_id: ExecutionId,
    /// The agent that speaks.
    pub agent_id: NodeId,
    /// Which revision of the node speaks, from 1.
    pub revision: u32,
    /// Which attempt speaks, from 1. A higher attempt starts its text afresh.
    pub attempt: u32,
    /// The next piece of text.
    pub text: String,
    /// When.
    pub timestamp: Timestamp,
}

/// What a watcher receives.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchItem {
    /// A stored event.
    Event(Event),
    /// A live piece of text.
    Delta(Delta),
}

impl WatchItem {
    /// The JSON that WebSocket and SSE clients receive; a delta has the same shape as an event, without `seq`.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Event(event) => serde_json::to_value(event).unwrap_or_default(),
            Self::Delta(delta) => serde_json::json!({
                "execution_id": delta.execution_id,
                "type": "agent_output_delta",
                "agent_id": delta.agent_id,
                "data": {"text": delta.text, "revision": delta.revision, "attempt": delta.attempt},
                "timestamp": delta.timestamp,
            }),
        }
    }
}
