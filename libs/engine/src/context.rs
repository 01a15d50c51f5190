//! The values that a node's expressions see. Not here: evaluating them (`nexus-expr`).

use crate::{
    Mark, State,
    definition::{AttachedTool, ToolExpressions},
};
use nexus_expr::Context;
use nexus_model::{execution::NodeStatus, graph::NodeIx};
use serde_json::{Value, json};

/// What is not there is null: the output of a skipped node, feedback on a first run.
static NULL: Value = Value::Null;

/// `inputs`, `nodes.<id>.output` of the nodes that the expressions name, `execution.id`, `feedback`, and `memory`
/// once it was looked up.
pub(crate) fn of_node(state: &State, node: NodeIx) -> Context<'_> {
    let mut context = base(state);
    context.set("feedback", state.nodes[node].feedback.as_ref().unwrap_or(&NULL));
    context.set("memory", state.nodes[node].recalled.as_ref().unwrap_or(&NULL));
    read(state, node, state.definition.reads(node), &mut context);
    context
}

/// What a tool attached to `agent` sees: the arguments the model gave, and what the tool itself names of that which the
/// agent may read.
pub(crate) fn of_attached<'a>(
    state: &'a State,
    agent: NodeIx,
    tool: &AttachedTool,
    args: &'a Value,
) -> Context<'a> {
    let mut context = base(state);
    context.set("args", args);
    context.set("feedback", &NULL);
    read(state, agent, &tool.reads, &mut context);
    context
}

/// With placeholders for the secrets that a tool's expressions name.
pub(crate) fn with_secrets<'a>(mut context: Context<'a>, mark: &Mark, tool: &ToolExpressions) -> Context<'a> {
    let names = tool.secrets();
    if !names.is_empty() {
        let placeholders = names.into_iter().map(|name| (name.clone(), mark.placeholder(&name).into()));
        context.set_owned("secrets", Value::Object(placeholders.collect()));
    }
    context
}

fn base(state: &State) -> Context<'_> {
    let mut context = Context::new();
    context.set("inputs", &state.inputs);
    context.set_owned("execution", json!({ "id": state.id }));
    context
}

/// What `node` may read, as it stood when the node began.
fn read<'a>(state: &'a State, node: NodeIx, reads: &[NodeIx], context: &mut Context<'a>) {
    let node = &state.nodes[node];
    let began = node.status == NodeStatus::Running;
    for ix in reads {
        let unseen = began && node.unseen.contains(ix);
        let output = state.nodes[*ix].output.as_ref().filter(|_| !unseen).unwrap_or(&NULL);
        context.set_node(state.node_id(*ix).as_str(), output);
    }
}
