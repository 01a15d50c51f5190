//! What happens when a node fails, and what it may spend. Not here: deciding it (`nexus-engine`).

use super::defaults;
use crate::{Money, NodeId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens when a node fails, and what it may spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Longest attempt, seconds; a timeout is retryable.
    pub timeout_seconds: f64,
    /// Retries of the same model.
    pub retry: Retry,
    /// What a final failure means for the rest.
    pub on_error: OnError,
    /// The output with `on_error: default`.
    pub default_output: Option<Value>,
    /// Cap for this node in dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<Money>,
    /// When the node is ready.
    pub join: Join,
    /// Whom to send back to work when this node rejects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrack: Option<Backtrack>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout_seconds: 60.0,
            retry: Retry::default(),
            on_error: OnError::Fail,
            default_output: None,
            budget_usd: None,
            join: Join::All,
            backtrack: None,
        }
    }
}

/// Retries with growing pauses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Most attempts with one model, the first included.
    pub max_attempts: u32,
    /// Pause before the second attempt.
    pub initial_interval_ms: u64,
    /// Growth of the pause from one attempt to the next.
    pub factor: f64,
    /// Longest pause.
    pub max_interval_ms: u64,
    /// Whether a pause is a random part (half to all) of its length.
    pub jitter: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 3, initial_interval_ms: 500, factor: 2.0, max_interval_ms: 60_000, jitter: true }
    }
}

/// What a final failure means for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Dependents are skipped, other branches go on, the execution ends failed.
    Fail,
    /// Dependents go on with `null`.
    Continue,
    /// Dependents go on with `default_output`.
    Default,
}

/// When a node is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// When every incoming edge is decided and one is taken.
    All,
    /// At the first taken edge.
    Any,
}

/// Whom to send back to work, and how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backtrack {
    /// The upstream node to run again.
    pub to: NodeId,
    /// Most rejections.
    #[serde(default = "defaults::backtrack_max")]
    pub max: u32,
}
