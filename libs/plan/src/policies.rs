//! What nodes do on failure: default outputs, retries, and sending others back to work.
//! Not here: ranges of single values (`shape`).

use crate::{
    check::Subject,
    problems::{Problems, With},
    similar,
};
use nexus_model::{
    document::{Backtrack, Join, NodeKind, NodeType, OnError, Tool, ToolConfig},
    graph::NodeIx,
};

/// `order`: the steps, each after those it depends on.
pub(crate) fn check(subject: &Subject, order: &[NodeIx], problems: &mut Problems) {
    for (ix, node) in subject.nodes() {
        let policy = &node.policy;
        if policy.on_error == OnError::Default && policy.default_output.is_none() {
            let message =
                "`on_error: default` without `default_output` goes on with null, as `continue` does";
            problems.warning(subject.problem(
                "default_output_missing",
                ix,
                "/policy/default_output",
                message,
            ));
        }
        if policy.on_error != OnError::Default && policy.default_output.is_some() {
            let message = "`default_output` is used only with `on_error: default`";
            problems.warning(subject.problem("default_output_unused", ix, "/policy/default_output", message));
        }
        if policy.retry.max_interval_ms < policy.retry.initial_interval_ms {
            let message = "the longest pause is shorter than the first one, and will be the pause each time";
            problems.warning(subject.problem(
                "retry_intervals_crossed",
                ix,
                "/policy/retry/max_interval_ms",
                message,
            ));
        }
        if let Some(backtrack) = &policy.backtrack {
            backtracking(subject, ix, backtrack, order, problems);
        }
    }
}

fn backtracking(
    subject: &Subject,
    ix: NodeIx,
    backtrack: &Backtrack,
    order: &[NodeIx],
    problems: &mut Problems,
) {
    const TO: &str = "/policy/backtrack/to";
    let id = &subject.node(ix).id;
    let to_id = &backtrack.to;
    let Some(to) = subject.graph.index(to_id.as_str()) else {
        let suggestion = similar::did_you_mean(to_id.as_str(), subject.ids());
        let found = subject.problem("backtrack_unknown_node", ix, TO, format!("there is no node `{to_id}`"));
        problems.error(found.suggest(suggestion));
        return;
    };
    if to == ix {
        let found = subject.problem("backtrack_to_itself", ix, TO, "a node cannot send itself back to work");
        problems.error(found.suggest("use `retry`, or name a node before it".to_owned()));
        return;
    }
    if subject.graph.is_attached(ix) || !subject.graph.ancestors(ix).contains(&to) {
        let message = format!("`{to_id}` does not come before `{id}`");
        let found = subject.problem("backtrack_not_ancestor", ix, TO, message);
        problems.error(found.suggest("name a node that this one depends on".to_owned()));
        return;
    }
    if subject.is_known(to) && subject.node(to).node_type() == NodeType::Conditional {
        let message = format!("`{to_id}` is a conditional and would decide the same again");
        problems.error(
            subject
                .problem("backtrack_to_conditional", ix, TO, message)
                .suggest("name an agent or a tool".to_owned()),
        );
    }
    if let NodeKind::Agent(agent) = &subject.node(ix).kind
        && agent.checks.is_empty()
        && agent.output_schema.is_none()
    {
        let message = format!(
            "`{id}` has neither checks nor an output schema: it rejects nothing, only its failures go back"
        );
        let found = subject.problem("backtrack_without_checks", ix, "/policy/backtrack", message);
        problems.warning(found.suggest("add `checks`, e.g. `output.approved == true`".to_owned()));
    }
    side_effects(subject, ix, to, order, problems);
}

/// Nodes that the backtrack would run a second time may not do harm by it.
fn side_effects(subject: &Subject, ix: NodeIx, to: NodeIx, order: &[NodeIx], problems: &mut Problems) {
    let graph = &subject.graph;
    if order.len() < graph.len() {
        return; // there is a cycle, and no telling what runs before what
    }
    // What cannot start before this node has settled has not run yet when it rejects.
    let mut after = vec![false; graph.len()];
    for node in order {
        let mut before = graph.predecessors(*node).map(|before| before == ix || after[before]).peekable();
        after[*node] = before.peek().is_some()
            && match subject.node(*node).policy.join {
                Join::All => before.any(|waits| waits),
                Join::Any => before.all(|waits| waits),
            };
    }
    let mut again = graph.descendants(to);
    again.push(to);
    again.sort_unstable();
    for node in again.into_iter().filter(|node| !after[*node]) {
        let (to_id, id) = (&subject.node(to).id, &subject.node(ix).id);
        if let NodeKind::Tool(tool) = &subject.node(node).kind
            && has_side_effects(tool)
        {
            let message = format!(
                "`{}` changes something outside, and would do so again when `{id}` sends `{to_id}` back to work",
                subject.node(node).id
            );
            let found = subject.problem("backtrack_side_effect", node, "/config/idempotent", message);
            let suggestion =
                format!("set `idempotent: true` if doing it twice is harmless, or let it depend on `{id}`");
            problems.error(found.suggest(suggestion));
        }
        for attached in graph.attached_tools(node) {
            if let NodeKind::Tool(tool) = &subject.node(*attached).kind
                && has_side_effects(tool)
            {
                let message = format!(
                    "the agent `{}` may call `{}` again when it is sent back to work",
                    subject.node(node).id,
                    subject.node(*attached).id
                );
                problems.warning(subject.problem(
                    "backtrack_side_effect",
                    *attached,
                    "/config/idempotent",
                    message,
                ));
            }
        }
    }
}

/// Whether running it twice is not the same as running it once, as far as is known.
fn has_side_effects(tool: &ToolConfig) -> bool {
    !tool.idempotent
        && match &tool.tool {
            Tool::HttpRequest { method, .. } => method != "GET" && method != "HEAD",
            Tool::MemoryStore { .. } => true,
            Tool::Scraper { .. }
            | Tool::MemoryRecall { .. }
            | Tool::Python { .. }
            | Tool::Template { .. } => false,
        }
}
