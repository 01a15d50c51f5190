//! What the outside is asked to do once a step is durable. Not here: doing it (`nexus-executor`).

use crate::conversation::{Exchange, ToolSpec};
use nexus_model::{Money, NodeId, Timestamp, document::MemoryScope};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, time::Duration};

/// Something to start after the commit, never before.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Make a call and report `Input::CallFinished`.
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
    /// The call, from 0 within the attempt.
    pub call: u32,
    /// Longest it may take.
    pub timeout: Duration,
    /// Money held for it: it must not cost more.
    pub reserved: Money,
    /// What to do.
    pub work: Work,
}

impl Call {
    /// The request to a model, if it is one.
    pub fn model(&self) -> Option<&ModelCall> {
        match &self.work {
            Work::Model(model) => Some(model),
            Work::Tool(_) => None,
        }
    }
}

/// What a call does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// Asks a model.
    Model(Box<ModelCall>),
    /// Uses a tool.
    Tool(ToolWork),
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
    /// What was said since.
    pub said: Vec<Exchange>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// JSON Schema of the answer.
    pub output_schema: Option<Value>,
    /// Functions the model may call.
    pub tools: Vec<ToolSpec>,
    /// Whether it may still call them; otherwise it has to answer now.
    pub tools_allowed: bool,
    /// How old an answer from the cache may be, seconds.
    pub cache_ttl_seconds: Option<u64>,
}

/// A tool with everything rendered.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolWork {
    /// One HTTP request.
    Http {
        /// Request method.
        method: String,
        /// Address.
        url: String,
        /// Headers.
        headers: BTreeMap<String, String>,
        /// Body: a text as it is, every other value as JSON.
        body: Option<Value>,
        /// Whether a status of 400 or more is a failure.
        fail_on_error_status: bool,
    },
    /// Runs a generated scraper.
    Scraper {
        /// The scraper job.
        job_id: String,
    },
    /// Keeps a text.
    MemoryStore {
        /// The text.
        text: String,
        /// Where it belongs.
        scope: MemoryScope,
        /// What to keep beside it.
        metadata: Map<String, Value>,
        /// Names this act within the node's revision: done again, it is done once.
        slot: String,
    },
    /// Looks texts up.
    MemoryRecall {
        /// The query.
        query: String,
        /// Most entries.
        top_k: u32,
        /// Which entries.
        scope: MemoryScope,
    },
    /// Runs `def run(inputs)` in the sandbox.
    Python {
        /// The program.
        code: String,
        /// What is passed to `run`.
        inputs: Value,
    },
}
