//! What the outside is asked to do once a step is durable. Not here: doing it (`nexus-executor`).

use nexus_model::{NodeId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// Something to start after the commit, never before.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Call a model and report `Input::CallFinished`.
    Call(Box<Call>),
    /// Report `Input::TimerFired` at this time.
    Wait {
        /// The node whose next attempt waits.
        node: NodeId,
        /// Until when.
        due: Timestamp,
    },
}

/// A call that the journal knows of.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The node.
    pub node: NodeId,
    /// Its revision.
    pub revision: u32,
    /// The attempt, from 1 within the revision.
    pub attempt: u32,
    /// Longest it may take.
    pub timeout: Duration,
    /// What to call.
    pub request: ModelCall,
}

/// A request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCall {
    /// `provider/model`.
    pub model: String,
    /// System message.
    pub system: Option<String>,
    /// User message.
    pub prompt: String,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// JSON Schema of the answer.
    pub output_schema: Option<Value>,
    /// The former answer and what was wrong with it.
    pub reask: Option<Reask>,
}

/// A rejected answer and the reason, shown to the model when it is asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reask {
    /// What it answered.
    pub answer: String,
    /// Why that will not do.
    pub reason: String,
}
