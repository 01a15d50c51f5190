//! Whether nodes and edges make a graph that can run: unique ids, edges with two ends, handles that exist, tools
//! attached to agents, no cycles. Not here: what nodes say (`expressions`), what they do on failure (`policies`).

use crate::{
    check::Subject,
    problems::{Problems, With, problem},
    shape::shorten,
    similar,
};
use nexus_model::{
    document::{Edge, NodeKind, NodeType, TOOLS_HANDLE},
    graph::{EdgeIx, NodeIx},
};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Checks the structure; gives the steps in an order in which each comes after those it depends on (without those
/// on or behind a cycle).
pub(crate) fn check(subject: &Subject, given: &Value, problems: &mut Problems) -> Vec<NodeIx> {
    if given.pointer("/graph/nodes").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        problems.error(
            problem("graph_empty", "/graph/nodes", "the workflow has no nodes")
                .suggest("add an agent or a tool".to_owned()),
        );
    }
    unique_nodes(subject, problems);
    edges(subject, problems);
    conditionals(subject, problems);
    attached_tools(subject, problems);
    let order = order(subject);
    cycles(subject, &order, problems);
    order
}

fn unique_nodes(subject: &Subject, problems: &mut Problems) {
    let mut seen = HashSet::new();
    for (ix, node) in subject.nodes() {
        if !seen.insert(&node.id) {
            let message = format!("there is another node with the id `{}`", node.id);
            problems.error(
                subject
                    .problem("duplicate_node_id", ix, "/id", message)
                    .suggest("give it another id".to_owned()),
            );
        }
    }
}

fn edges(subject: &Subject, problems: &mut Problems) {
    let (mut ids, mut seen) = (HashSet::new(), HashSet::new());
    for (ix, edge) in subject.document().graph.edges.iter().enumerate() {
        if !edge.id.is_empty() && !ids.insert(&edge.id) {
            let message = format!("there is another edge with the id `{}`", shorten(&edge.id));
            problems.error(problem("duplicate_edge_id", subject.at_edge(ix, "/id"), message));
        }
        for (end, id) in [("/source", &edge.source), ("/target", &edge.target)] {
            if subject.graph.index(id.as_str()).is_none() {
                let message = format!("there is no node `{id}`");
                let suggestion = similar::did_you_mean(id.as_str(), subject.ids());
                problems
                    .error(problem("unknown_node", subject.at_edge(ix, end), message).suggest(suggestion));
            }
        }
        if edge.source == edge.target {
            let message = format!("`{}` cannot depend on itself", edge.source);
            problems.error(problem("self_loop", subject.at_edge(ix, ""), message).node(Some(&edge.source)));
        }
        if !seen.insert((&edge.source, &edge.target, &edge.source_handle, &edge.target_handle)) {
            let message =
                format!("there is another edge from `{}` to `{}` like this one", edge.source, edge.target);
            problems.error(
                problem("duplicate_edge", subject.at_edge(ix, ""), message)
                    .suggest("remove one of them".to_owned()),
            );
        }
        if let Some(handle) = edge.target_handle.as_deref()
            && handle != TOOLS_HANDLE
        {
            let message =
                format!("`{}` is no target handle; there is only `tools`, or none", shorten(handle));
            problems.error(problem("target_handle_unknown", subject.at_edge(ix, "/target_handle"), message));
        }
        source_handle(subject, ix, edge, problems);
    }
}

fn source_handle(subject: &Subject, ix: EdgeIx, edge: &Edge, problems: &mut Problems) {
    let Some(source) = subject.graph.index(edge.source.as_str()).filter(|source| subject.is_known(*source))
    else {
        return;
    };
    let path = subject.at_edge(ix, "/source_handle");
    let id = subject.id(source);
    match (&subject.node(source).kind, edge.source_handle.as_deref()) {
        (NodeKind::Conditional(_), _) if problems.is_misshapen(&subject.at_node(source, "/config/cases")) => {
        }
        (NodeKind::Conditional(_), None) if edge.attaches_tool() => {}
        (NodeKind::Conditional(config), None) => {
            let handles = config.cases.iter().map(|case| &case.handle).chain([&config.r#else]);
            let handles: Vec<_> = handles.map(|handle| format!("`{}`", shorten(handle))).collect();
            let message =
                format!("an edge out of the conditional `{}` must say for which case it is", edge.source);
            let suggestion = format!("set `source_handle` to one of {}", handles.join(", "));
            problems.error(problem("handle_missing", path, message).node(id).suggest(suggestion));
        }
        (NodeKind::Conditional(config), Some(handle)) => {
            let known =
                || config.cases.iter().map(|case| case.handle.as_str()).chain([config.r#else.as_str()]);
            if !known().any(|known| known == handle) {
                let message = format!("`{}` has no case `{}`", edge.source, shorten(handle));
                let suggestion = similar::did_you_mean(handle, known()).unwrap_or_else(|| {
                    format!(
                        "it has {}",
                        known().map(|known| format!("`{}`", shorten(known))).collect::<Vec<_>>().join(", ")
                    )
                });
                problems.error(problem("handle_unknown", path, message).node(id).suggest(suggestion));
            }
        }
        (_, Some(_)) => {
            let message = format!("`{}` is no conditional and has no cases", edge.source);
            problems.error(
                problem("handle_not_allowed", path, message)
                    .node(id)
                    .suggest("remove `source_handle`".to_owned()),
            );
        }
        (_, None) => {}
    }
}

fn conditionals(subject: &Subject, problems: &mut Problems) {
    for (ix, node) in subject.nodes() {
        let NodeKind::Conditional(config) = &node.kind else { continue };
        if config.cases.is_empty() {
            let found =
                subject.problem("cases_empty", ix, "/config/cases", "a conditional needs at least one case");
            problems.error(found);
        }
        let mut handles = HashSet::new();
        for (case_ix, case) in config.cases.iter().enumerate() {
            if !case.handle.is_empty() && !handles.insert(&case.handle) {
                let message = format!("there is another case with the handle `{}`", shorten(&case.handle));
                let path = format!("/config/cases/{case_ix}/handle");
                problems.error(
                    subject
                        .problem("duplicate_handle", ix, &path, message)
                        .suggest("join the two conditions with `||`".to_owned()),
                );
                continue;
            }
            let edges = subject.graph.outgoing(ix).iter().map(|edge| &subject.document().graph.edges[*edge]);
            if !case.handle.is_empty()
                && !edges.into_iter().any(|edge| edge.source_handle.as_ref() == Some(&case.handle))
            {
                let message = format!("no edge leaves the case `{}`", shorten(&case.handle));
                problems.warning(subject.problem(
                    "case_without_edge",
                    ix,
                    &format!("/config/cases/{case_ix}"),
                    message,
                ));
            }
        }
    }
}

fn attached_tools(subject: &Subject, problems: &mut Problems) {
    let document = subject.document();
    for (ix, edge) in document.graph.edges.iter().enumerate() {
        let source = subject.graph.index(edge.source.as_str());
        let target = subject.graph.index(edge.target.as_str());
        let is = |node: Option<NodeIx>, kind: NodeType| {
            node.is_none_or(|node| !subject.is_known(node) || subject.node(node).node_type() == kind)
        };
        if edge.attaches_tool() {
            if !is(source, NodeType::Tool) {
                let message = format!("only tools can be attached; `{}` is none", edge.source);
                problems.error(
                    problem("attached_not_tool", subject.at_edge(ix, "/source"), message)
                        .node(Some(&edge.source)),
                );
            }
            if !is(target, NodeType::Agent) {
                let message = format!("tools can only be attached to agents; `{}` is none", edge.target);
                problems.error(
                    problem("attached_to_no_agent", subject.at_edge(ix, "/target"), message)
                        .node(Some(&edge.target)),
                );
            }
            continue;
        }
        for end in [source, target].into_iter().flatten().filter(|end| subject.graph.is_attached(*end)) {
            let id = &subject.node(end).id;
            let message = format!("`{id}` is attached to an agent as a tool and cannot be a step as well");
            let suggestion = "remove this edge, or use two nodes".to_owned();
            problems.error(
                problem("attached_tool_is_step", subject.at_edge(ix, ""), message)
                    .node(Some(id))
                    .suggest(suggestion),
            );
        }
    }
}

/// The steps, each after those it depends on; those on or behind a cycle are missing.
fn order(subject: &Subject) -> Vec<NodeIx> {
    let graph = &subject.graph;
    let inner = |node: NodeIx, other: &NodeIx| *other != node;
    let mut waiting: Vec<usize> = (0..graph.len())
        .map(|node| graph.predecessors(node).filter(|other| inner(node, other)).count())
        .collect();
    let mut order: Vec<NodeIx> = (0..graph.len()).filter(|node| waiting[*node] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for after in graph.successors(node).filter(|other| inner(node, other)) {
            waiting[after] -= 1;
            if waiting[after] == 0 {
                order.push(after);
            }
        }
    }
    order
}

/// Reports cycles: every node on one is on a reported one, or leads into or out of one.
fn cycles(subject: &Subject, order: &[NodeIx], problems: &mut Problems) {
    let graph = &subject.graph;
    let mut left = vec![true; graph.len()];
    order.iter().for_each(|node| left[*node] = false);
    // Every node that is left has a predecessor that is left: walking back must run into a circle.
    let mut seen = vec![false; graph.len()];
    for start in 0..graph.len() {
        let (mut walk, mut at_step) = (Vec::new(), HashMap::new());
        let mut at = start;
        while left[at] && !seen[at] && !at_step.contains_key(&at) {
            at_step.insert(at, walk.len());
            walk.push(at);
            match graph.predecessors(at).find(|before| *before != at && left[*before]) {
                Some(before) => at = before,
                None => break,
            }
        }
        walk.iter().for_each(|node| seen[*node] = true);
        if let Some(step) = at_step.get(&at)
            && walk.len() > *step + 1
        {
            let mut circle: Vec<NodeIx> = walk[*step..].to_vec();
            circle.reverse();
            // From the node that comes first in the document.
            let first = circle.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(ix, _)| ix);
            circle.rotate_left(first);
            report_cycle(subject, &circle, problems);
        }
    }
}

fn report_cycle(subject: &Subject, circle: &[NodeIx], problems: &mut Problems) {
    let (Some(first), Some(last)) = (circle.first(), circle.last()) else { return };
    let closing = subject
        .graph
        .incoming(*first)
        .iter()
        .find(|edge| subject.graph.ends(**edge) == Some((*last, *first)));
    let path = closing.map_or_else(|| "/graph/edges".into(), |edge| subject.at_edge(*edge, ""));
    let mut names: Vec<&str> = circle.iter().take(20).map(|node| subject.node(*node).id.as_str()).collect();
    if circle.len() > names.len() {
        names.push("…");
    }
    names.push(subject.node(*first).id.as_str());
    let message = format!("the nodes depend on each other in a circle: {}", names.join(" -> "));
    let suggestion =
        "remove one of these edges; to send a node back to work, use `policy.backtrack`".to_owned();
    problems.error(problem("cycle", path, message).node(subject.id(*first)).suggest(suggestion));
}
