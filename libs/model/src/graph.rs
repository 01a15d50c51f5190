//! The graph of a document's steps: who depends on whom, by index. Tools attached to an agent are not steps and
//! hang off their agent. Not here: judging whether the graph is sound (`nexus-plan`), running it (`nexus-engine`).

use crate::{
    NodeId,
    document::{Document, Edge, GraphSpec, Node},
};
use petgraph::graph::{DiGraph, NodeIndex};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::Range,
};

/// Position of a node in `document.graph.nodes`.
pub type NodeIx = usize;
/// Position of an edge in `document.graph.edges`.
pub type EdgeIx = usize;

/// Index over a document's nodes and edges. Edges that name unknown nodes are left out.
#[derive(Debug, Clone)]
pub struct Graph {
    by_id: HashMap<NodeId, NodeIx, BuildHasherDefault<Fnv>>,
    incoming: Lists,
    outgoing: Lists,
    attached: Vec<Vec<NodeIx>>,
    is_attached: Vec<bool>,
    ends: Vec<Option<(NodeIx, NodeIx)>>,
}

impl Graph {
    /// Indexes the document's graph.
    pub fn new(document: &Document) -> Self {
        Self::of(&document.graph)
    }

    /// Indexes nodes and edges. With duplicate ids the first node wins.
    pub fn of(spec: &GraphSpec) -> Self {
        let count = spec.nodes.len();
        let mut by_id = HashMap::with_capacity_and_hasher(count, BuildHasherDefault::default());
        for (ix, Node { id, .. }) in spec.nodes.iter().enumerate() {
            by_id.entry(id.clone()).or_insert(ix);
        }
        let mut graph = Self {
            by_id,
            incoming: Lists::default(),
            outgoing: Lists::default(),
            attached: vec![Vec::new(); count],
            is_attached: vec![false; count],
            ends: Vec::with_capacity(spec.edges.len()),
        };
        for edge in &spec.edges {
            let ends = graph.resolve(edge);
            match ends {
                Some((source, target)) if edge.attaches_tool() => {
                    graph.attached[target].push(source);
                    graph.is_attached[source] = true;
                    graph.ends.push(None);
                }
                _ => graph.ends.push(ends),
            }
        }
        let steps = || graph.ends.iter().enumerate().filter_map(|(ix, ends)| Some((ix, (*ends)?)));
        graph.outgoing = Lists::new(count, || steps().map(|(ix, (source, _))| (source, ix)));
        graph.incoming = Lists::new(count, || steps().map(|(ix, (_, target))| (target, ix)));
        graph
    }

    fn resolve(&self, edge: &Edge) -> Option<(NodeIx, NodeIx)> {
        Some((self.index(edge.source.as_str())?, self.index(edge.target.as_str())?))
    }

    /// The node with this id.
    pub fn index(&self, id: &str) -> Option<NodeIx> {
        self.by_id.get(id).copied()
    }

    /// How many nodes the document lists, attached tools included.
    pub fn len(&self) -> usize {
        self.is_attached.len()
    }

    /// Whether there is no node at all.
    pub fn is_empty(&self) -> bool {
        self.is_attached.is_empty()
    }

    /// The nodes that are steps, in document order.
    pub fn steps(&self) -> impl Iterator<Item = NodeIx> + '_ {
        (0..self.len()).filter(|ix| !self.is_attached[*ix])
    }

    /// Whether the node is a tool attached to an agent.
    pub fn is_attached(&self, node: NodeIx) -> bool {
        self.is_attached[node]
    }

    /// The tools attached to an agent.
    pub fn attached_tools(&self, node: NodeIx) -> &[NodeIx] {
        &self.attached[node]
    }

    /// Edges into a step.
    pub fn incoming(&self, node: NodeIx) -> &[EdgeIx] {
        self.incoming.of(node)
    }

    /// Edges out of a step.
    pub fn outgoing(&self, node: NodeIx) -> &[EdgeIx] {
        self.outgoing.of(node)
    }

    /// Source and target of a step-to-step edge.
    pub fn ends(&self, edge: EdgeIx) -> Option<(NodeIx, NodeIx)> {
        self.ends.get(edge).copied().flatten()
    }

    /// The steps directly before a step.
    pub fn predecessors(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        self.incoming(node).iter().filter_map(|edge| self.ends(*edge)).map(|(source, _)| source)
    }

    /// The steps directly after a step.
    pub fn successors(&self, node: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        self.outgoing(node).iter().filter_map(|edge| self.ends(*edge)).map(|(_, target)| target)
    }

    /// Everything downstream of a step, itself not included.
    pub fn descendants(&self, node: NodeIx) -> Vec<NodeIx> {
        self.reachable(node, |graph, at| graph.successors(at).collect())
    }

    /// Everything upstream of a step, itself not included.
    pub fn ancestors(&self, node: NodeIx) -> Vec<NodeIx> {
        self.reachable(node, |graph, at| graph.predecessors(at).collect())
    }

    fn reachable(&self, from: NodeIx, next: impl Fn(&Self, NodeIx) -> Vec<NodeIx>) -> Vec<NodeIx> {
        let mut seen = vec![false; self.len()];
        let mut found = Vec::new();
        let mut todo = next(self, from);
        while let Some(node) = todo.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                found.push(node);
                todo.extend(next(self, node));
            }
        }
        found.sort_unstable();
        found
    }

    /// The steps and their edges for petgraph's algorithms; weights are our indices.
    pub fn petgraph(&self) -> DiGraph<NodeIx, EdgeIx> {
        let mut graph = DiGraph::with_capacity(self.len(), self.ends.len());
        let indices: Vec<NodeIndex> = (0..self.len()).map(|ix| graph.add_node(ix)).collect();
        for (ix, ends) in self.ends.iter().enumerate() {
            if let Some((source, target)) = ends {
                graph.add_edge(indices[*source], indices[*target], ix);
            }
        }
        graph
    }
}

/// A list of edges per node, all in one piece: a graph of a hundred thousand nodes takes three allocations for it.
#[derive(Debug, Clone, Default)]
struct Lists {
    starts: Vec<usize>,
    edges: Vec<EdgeIx>,
}

impl Lists {
    /// `pairs` gives node and edge, the edges of a node in the order they shall have; it is asked twice.
    fn new<I: Iterator<Item = (NodeIx, EdgeIx)>>(nodes: usize, pairs: impl Fn() -> I) -> Self {
        let mut starts = vec![0; nodes + 1];
        for (node, _) in pairs() {
            starts[node + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut edges = vec![0; starts[nodes]];
        for (node, edge) in pairs() {
            edges[next[node]] = edge;
            next[node] += 1;
        }
        Self { starts, edges }
    }

    fn of(&self, node: NodeIx) -> &[EdgeIx] {
        let range: Range<usize> = self.starts[node]..self.starts[node + 1];
        &self.edges[range]
    }
}

/// FNV-1a: ids are short, and there are too few of them in a document for made-up collisions to hurt.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
