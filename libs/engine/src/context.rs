//! The values that a node's expressions see. Not here: evaluating them (`nexus-expr`).

use crate::State;
use nexus_expr::Context;
use nexus_model::graph::NodeIx;
use serde_json::{Value, json};

/// What is not there is null: the output of a skipped node, feedback on a first run.
static NULL: Value = Value::Null;

/// `inputs`, `nodes.<id>.output` of the nodes that the expressions name, `execution.id`, `feedback`, and `memory`
/// once it was looked up.
pub(crate) fn of_node(state: &State, node: NodeIx) -> Context<'_> {
    let mut context = base(state);
    context.set("feedback", state.nodes[node].feedback.as_ref().unwrap_or(&NULL));
    context.set("memory", state.nodes[node].recalled.as_ref().unwrap_or(&NULL));
    read(state, node, &mut context);
    context
}

/// What a tool attached to `agent` sees: the arguments the model gave, and what the tool itself names.
pub(crate) fn of_attached<'a>(state: &'a State, tool: NodeIx, args: &'a Value) -> Context<'a> {
    let mut context = base(state);
    context.set("args", args);
    context.set("feedback", &NULL);
    read(state, tool, &mut context);
    context
}

fn base(state: &State) -> Context<'_> {
    let mut context = Context::new();
    context.set("inputs", &state.inputs);
    context.set_owned("execution", json!({ "id": state.id }));
    context
}

fn read<'a>(state: &'a State, node: NodeIx, context: &mut Context<'a>) {
    for ix in state.definition.reads(node) {
        let output = state.nodes[*ix].output.as_ref().unwrap_or(&NULL);
        context.set_node(state.node_id(*ix).as_str(), output);
    }
}
