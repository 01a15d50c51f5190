//! The values that a node's expressions see. Not here: evaluating them (`nexus-expr`).

use crate::State;
use nexus_expr::Context;
use nexus_model::graph::NodeIx;
use serde_json::{Value, json};

/// What is not there is null: the output of a skipped node, feedback on a first run.
static NULL: Value = Value::Null;

/// `inputs`, `nodes.<id>.output` of the nodes that the expressions name, `execution.id`, `feedback`.
pub(crate) fn of_node(state: &State, node: NodeIx) -> Context<'_> {
    let mut context = Context::new();
    context.set("inputs", &state.inputs);
    context.set_owned("execution", json!({ "id": state.id }));
    context.set("feedback", &NULL);
    for ix in state.definition.reads(node) {
        let output = state.nodes[*ix].output.as_ref().unwrap_or(&NULL);
        context.set_node(state.node_id(*ix).as_str(), output);
    }
    context
}
