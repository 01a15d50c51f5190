//! The secrets that a document names. Not here: whether they may stand where they do (`expressions`), which there are.

use crate::problems::child;
use nexus_expr::Template;
use nexus_model::{
    Document, NodeId,
    document::{NodeKind, Tool},
};
use serde_json::Value;

/// A place in a document that needs a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret.
    pub name: String,
    /// The tool that needs it.
    pub node_id: NodeId,
    /// JSON Pointer to the template.
    pub path: String,
}

/// Every place of a valid document that needs a secret, in its order; each name once per template.
pub fn secrets(document: &Value) -> Vec<SecretUse> {
    let Ok(document) = serde_json::from_value::<Document>(document.clone()) else { return Vec::new() };
    let mut found = Vec::new();
    for (node, ix) in document.graph.nodes.iter().zip(0..) {
        let NodeKind::Tool(tool) = &node.kind else { continue };
        let at = |rest: &str| format!("/graph/nodes/{ix}/config/{rest}");
        let mut look = |path: &str, source: &str| {
            let Ok(template) = Template::compile(source) else { return };
            let secrets = template.references().iter().filter(|reference| reference.root() == "secrets");
            let names = secrets.filter_map(|reference| reference.members().first());
            found.extend(names.map(|name| SecretUse {
                name: name.clone(),
                node_id: node.id.clone(),
                path: path.to_owned(),
            }));
        };
        match &tool.tool {
            Tool::HttpRequest { url, headers, body, .. } => {
                look(&at("url"), url);
                for (name, value) in headers {
                    look(&child(&at("headers"), name), value);
                }
                if let Some(body) = body {
                    texts(&at("body"), body, &mut look);
                }
            }
            Tool::Python { inputs, .. } => {
                for (name, value) in inputs {
                    texts(&child(&at("inputs"), name), value, &mut look);
                }
            }
            _ => {}
        }
    }
    found
}

fn texts(path: &str, value: &Value, look: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => look(path, text),
        Value::Array(items) => {
            for (item, ix) in items.iter().zip(0..) {
                texts(&format!("{path}/{ix}"), item, look);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                texts(&child(path, name), member, look);
            }
        }
        _ => {}
    }
}
