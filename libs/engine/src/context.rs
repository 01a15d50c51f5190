//! The values that a node's expressions see. Not here: evaluating them (`nexus-expr`).

use crate::State;
use nexus_expr::Context;
use nexus_model::graph::NodeIx;
use serde_json::{Map, Value, json};

/// `inputs`, `nodes.<id>.output` of the nodes that the expressions name, `execution.id`, `feedback`.
pub(crate) fn of_node(state: &State, node: NodeIx) -> Context {
    Context::new(roots(state, node))
}

/// The same with the node's own `output`, for checks.
pub(crate) fn of_checks(state: &State, node: NodeIx, output: &Value) -> Context {
    let mut roots = roots(state, node);
    roots.insert("output".into(), output.clone());
    Context::new(roots)
}

fn roots(state: &State, node: NodeIx) -> Map<String, Value> {
    let mut nodes = Map::new();
    for ix in state.definition.reads(node) {
        let output = state.nodes[*ix].output.clone().unwrap_or(Value::Null);
        nodes.insert(state.node_id(*ix).to_string(), json!({ "output": output }));
    }
    let mut roots = Map::new();
    roots.insert("inputs".into(), state.inputs.as_ref().clone());
    roots.insert("nodes".into(), Value::Object(nodes));
    roots.insert("execution".into(), json!({ "id": state.id }));
    roots.insert("feedback".into(), Value::Null);
    roots
}
