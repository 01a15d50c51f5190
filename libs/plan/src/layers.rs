//! How the nodes of a document can run: groups by depth, a longest chain, the width. For display; nothing waits for
//! a group. Linear in nodes and edges, without recursion.
//! Not here: running them (`nexus-engine`).

use nexus_model::{
    Document,
    graph::{Graph, NodeIx},
    workflow::Plan,
};

/// The plan of a valid document. (Of one with a cycle, the part before the cycle.)
pub fn plan(document: &Document) -> Plan {
    let graph = Graph::new(document);
    let count = graph.len();
    let mut waiting: Vec<u32> = (0..count).map(|node| graph.incoming(node).len() as u32).collect();
    let mut depth = vec![0_usize; count];
    let mut before: Vec<Option<NodeIx>> = vec![None; count];
    let mut ready: Vec<NodeIx> = graph.steps().filter(|node| waiting[*node] == 0).collect();
    let mut settled = vec![false; count];
    while let Some(node) = ready.pop() {
        settled[node] = true;
        for after in graph.successors(node) {
            if depth[after] <= depth[node] {
                depth[after] = depth[node] + 1;
                before[after] = Some(node);
            }
            waiting[after] -= 1;
            if waiting[after] == 0 {
                ready.push(after);
            }
        }
    }
    let id = |node: NodeIx| document.graph.nodes[node].id.clone();
    let mut groups: Vec<Vec<_>> = Vec::new();
    let (mut deepest, mut node_count): (Option<NodeIx>, usize) = (None, 0);
    for node in graph.steps() {
        node_count += 1;
        if !settled[node] {
            continue;
        }
        if groups.len() <= depth[node] {
            groups.resize_with(depth[node] + 1, Vec::new);
        }
        groups[depth[node]].push(id(node));
        if deepest.is_none_or(|deepest| depth[node] > depth[deepest]) {
            deepest = Some(node);
        }
    }
    let mut critical_path: Vec<_> = std::iter::successors(deepest, |node| before[*node]).map(id).collect();
    critical_path.reverse();
    let max_parallelism = groups.iter().map(Vec::len).max().unwrap_or(0);
    Plan { groups, critical_path, max_parallelism, node_count }
}
