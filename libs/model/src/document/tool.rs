//! Tools of a document. Not here: doing what they say.

use super::{MemoryScope, defaults};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A tool: what it is, and how it presents itself when it is attached to an agent.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolConfig {
    /// What it does.
    pub tool: Tool,
    /// What the model is told it does.
    pub description: Option<String>,
    /// JSON Schema of the arguments a model may give.
    pub parameters: Option<Value>,
    /// Whether doing it twice is the same as doing it once.
    pub idempotent: bool,
}

/// The kinds of tools, tagged by `tool`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "snake_case", deny_unknown_fields)]
pub enum Tool {
    /// One HTTP request.
    HttpRequest {
        /// Request method.
        #[serde(default = "defaults::method")]
        method: String,
        /// Template of the address.
        url: String,
        /// Templates of the headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Template of the body, or a JSON value whose texts are templates.
        #[serde(default)]
        body: Option<Value>,
        /// Whether a status of 400 or more is a failure.
        #[serde(default = "defaults::yes")]
        fail_on_error_status: bool,
    },
    /// Runs a generated scraper.
    Scraper {
        /// The scraper job.
        job_id: String,
    },
    /// Keeps a text.
    MemoryStore {
        /// Template of the text.
        text: String,
        /// Where it belongs.
        #[serde(default)]
        scope: MemoryScope,
        /// What to keep beside it.
        #[serde(default)]
        metadata: Map<String, Value>,
    },
    /// Looks texts up.
    MemoryRecall {
        /// Template of the query.
        query: String,
        /// Most entries.
        #[serde(default = "defaults::top_k")]
        top_k: u32,
        /// Which entries.
        #[serde(default)]
        scope: MemoryScope,
    },
    /// Runs `def run(inputs)` in the sandbox.
    Python {
        /// The program; no template.
        code: String,
        /// Templates whose rendered values are passed to `run`.
        #[serde(default)]
        inputs: Map<String, Value>,
    },
    /// Renders a text.
    Template {
        /// The template.
        template: String,
    },
}

impl Tool {
    /// The name in the document.
    pub fn name(&self) -> &'static str {
        match self {
            Self::HttpRequest { .. } => "http_request",
            Self::Scraper { .. } => "scraper",
            Self::MemoryStore { .. } => "memory_store",
            Self::MemoryRecall { .. } => "memory_recall",
            Self::Python { .. } => "python",
            Self::Template { .. } => "template",
        }
    }
}

impl ToolConfig {
    /// Members that every tool may have beside its own.
    pub const SHARED_FIELDS: [&'static str; 3] = ["description", "parameters", "idempotent"];

    pub(super) fn from_json(config: Value) -> Result<Self, serde_json::Error> {
        use serde::de::Error;
        let Value::Object(mut config) = config else {
            return Err(serde_json::Error::custom("`config` must be an object"));
        };
        #[derive(Deserialize)]
        struct Shared {
            #[serde(default)]
            description: Option<String>,
            #[serde(default)]
            parameters: Option<Value>,
            #[serde(default)]
            idempotent: bool,
        }
        let mut shared = Map::new();
        for field in Self::SHARED_FIELDS {
            if let Some(value) = config.remove(field) {
                shared.insert(field.to_owned(), value);
            }
        }
        let shared: Shared = serde_json::from_value(Value::Object(shared))?;
        Ok(Self {
            tool: serde_json::from_value(Value::Object(config))?,
            description: shared.description,
            parameters: shared.parameters,
            idempotent: shared.idempotent,
        })
    }
}

impl Serialize for ToolConfig {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut value = serde_json::to_value(&self.tool).map_err(S::Error::custom)?;
        if let Some(object) = value.as_object_mut() {
            if let Some(description) = &self.description {
                object.insert("description".into(), description.as_str().into());
            }
            if let Some(parameters) = &self.parameters {
                object.insert("parameters".into(), parameters.clone());
            }
            if self.idempotent {
                object.insert("idempotent".into(), true.into());
            }
        }
        value.serialize(serializer)
    }
}
