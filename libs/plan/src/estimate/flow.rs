//! Which nodes run: surely, never, and how likely, from the branches that conditionals may take.
//! Not here: how likely each branch is (`history`), what nodes cost.

use nexus_model::{
    document::{Document, NodeKind},
    graph::{Graph, NodeIx},
};

/// Scenarios that are looked at: all of them if there are no more than that, else a fixed sample of so many.
const SCENARIOS: usize = 512;

/// What is known of a conditional's choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Choice {
    /// Always this one of its handles: it depends on the inputs alone.
    Fixed(usize),
    /// Each handle as likely as this.
    Open(Vec<f64>),
}

/// How the nodes of a document can come to run.
#[derive(Debug)]
pub(super) struct Flow {
    /// The steps, each after those it depends on.
    pub(super) order: Vec<NodeIx>,
    /// Per node and incoming edge: where it comes from, and at which of a conditional's handles (`None`: at each).
    incoming: Vec<Vec<(NodeIx, Option<usize>)>>,
    /// Per node: the handles of a conditional, `else` last unless a case has the same.
    pub(super) handles: Vec<Vec<String>>,
}

impl Flow {
    pub(super) fn new(document: &Document, graph: &Graph) -> Self {
        let nodes = &document.graph.nodes;
        let handles: Vec<Vec<String>> = nodes
            .iter()
            .map(|node| match &node.kind {
                NodeKind::Conditional(config) => {
                    let mut handles: Vec<String> = Vec::new();
                    for handle in config.cases.iter().map(|case| &case.handle).chain([&config.r#else]) {
                        if !handles.contains(handle) {
                            handles.push(handle.clone());
                        }
                    }
                    handles
                }
                _ => Vec::new(),
            })
            .collect();
        let handle_of = |edge: usize, source: NodeIx| {
            if handles[source].is_empty() {
                return None;
            }
            let wanted = document.graph.edges[edge].source_handle.as_deref();
            // A handle that is none of its own is never chosen.
            Some(handles[source].iter().position(|own| Some(own.as_str()) == wanted).unwrap_or(usize::MAX))
        };
        let incoming = (0..nodes.len())
            .map(|ix| {
                let edges = graph.incoming(ix).iter();
                edges
                    .filter_map(|edge| {
                        graph.ends(*edge).map(|(source, _)| (source, handle_of(*edge, source)))
                    })
                    .collect()
            })
            .collect();
        Self { order: order(graph), incoming, handles }
    }

    /// Whether a node runs in every case, as long as what comes before it succeeds. `choices` of the nodes before it
    /// must be known.
    pub(super) fn surely(&self, node: NodeIx, surely: &[bool], choices: &[Option<Choice>]) -> bool {
        let edges = &self.incoming[node];
        edges.is_empty()
            || edges.iter().any(|(source, handle)| {
                surely[*source]
                    && match (handle, &choices[*source]) {
                        (None, _) => true,
                        (Some(handle), Some(Choice::Fixed(chosen))) => handle == chosen,
                        // Every handle leads here.
                        (Some(_), _) => (0..self.handles[*source].len())
                            .all(|handle| edges.contains(&(*source, Some(handle)))),
                    }
            })
    }

    /// Whether a node runs in no case at all.
    pub(super) fn never(&self, node: NodeIx, never: &[bool], choices: &[Option<Choice>]) -> bool {
        let edges = &self.incoming[node];
        !edges.is_empty()
            && edges.iter().all(|(source, handle)| {
                never[*source]
                    || match (handle, &choices[*source]) {
                        (Some(handle), Some(Choice::Fixed(chosen))) => handle != chosen,
                        (Some(handle), _) => *handle == usize::MAX,
                        (None, _) => false,
                    }
            })
    }

    /// How likely each node runs, if whatever runs succeeds.
    pub(super) fn probabilities(&self, choices: &[Option<Choice>]) -> Vec<f64> {
        let open: Vec<(NodeIx, &[f64])> = choices
            .iter()
            .enumerate()
            .filter_map(|(ix, choice)| match choice {
                Some(Choice::Open(likely)) => Some((ix, likely.as_slice())),
                _ => None,
            })
            .collect();
        let mut chosen: Vec<usize> = choices
            .iter()
            .map(|choice| match choice {
                Some(Choice::Fixed(handle)) => *handle,
                _ => 0,
            })
            .collect();
        let all = open.iter().try_fold(1_usize, |all, (_, likely)| all.checked_mul(likely.len().max(1)));
        let all = all.filter(|all| *all <= SCENARIOS);
        let mut sums = vec![0.0; choices.len()];
        let mut total = 0.0;
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut runs = vec![false; choices.len()];
        for nth in 0..all.unwrap_or(SCENARIOS) {
            let (mut weight, mut rest) = (1.0, nth);
            for (ix, likely) in &open {
                chosen[*ix] = if all.is_some() {
                    let handle = rest % likely.len().max(1);
                    rest /= likely.len().max(1);
                    weight *= likely.get(handle).copied().unwrap_or(1.0);
                    handle
                } else {
                    chance.pick(likely)
                };
            }
            total += weight;
            self.settle(&chosen, &mut runs);
            for (sum, runs) in sums.iter_mut().zip(&runs) {
                if *runs {
                    *sum += weight;
                }
            }
        }
        // Rounding must not make a sure thing less than sure.
        sums.into_iter().map(|sum| (sum / total * 1e9).round() / 1e9).collect()
    }

    /// Which nodes run if conditionals choose these handles.
    fn settle(&self, chosen: &[usize], runs: &mut [bool]) {
        for node in &self.order {
            let edges = &self.incoming[*node];
            runs[*node] = edges.is_empty()
                || edges.iter().any(|(source, handle)| {
                    runs[*source] && handle.is_none_or(|handle| handle == chosen[*source])
                });
        }
    }
}

/// The steps, each after those it depends on.
fn order(graph: &Graph) -> Vec<NodeIx> {
    let mut waiting: Vec<usize> = (0..graph.len()).map(|node| graph.incoming(node).len()).collect();
    let mut order: Vec<NodeIx> = graph.steps().filter(|node| waiting[*node] == 0).collect();
    let mut at = 0;
    while let Some(node) = order.get(at).copied() {
        at += 1;
        for after in graph.successors(node) {
            waiting[after] -= 1;
            if waiting[after] == 0 {
                order.push(after);
            }
        }
    }
    order
}

/// Numbers that look random and are the same every time (splitmix64): an estimate is a function of its arguments.
struct Chance(u64);

impl Chance {
    fn pick(&mut self, likely: &[f64]) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mut point = ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        for (handle, likely) in likely.iter().enumerate() {
            if point < *likely {
                return handle;
            }
            point -= likely;
        }
        likely.len().saturating_sub(1)
    }
}
