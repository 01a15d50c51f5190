//! What earlier runs teach: how much a node's calls took, which way a conditional went. Pure data, gathered by whoever
//! has a store. Not here: reading it from one (`services/planner`).

use nexus_model::NodeId;
use std::collections::HashMap;

/// Earlier runs of a workflow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    runs: u32,
    samples: HashMap<(NodeId, String), Vec<Sample>>,
    branches: HashMap<NodeId, HashMap<String, u32>>,
}

/// What a node took in one run, all attempts and revisions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Tokens of all prompts.
    pub prompt: u64,
    /// Tokens of all answers.
    pub completion: u64,
    /// Attempts of all revisions; at least 1.
    pub attempts: u32,
}

/// What is typical of a node: means of the samples between the first and the last tenth, so that a few strange runs
/// do not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Typical {
    pub(crate) prompt: f64,
    pub(crate) completion: f64,
    pub(crate) attempts: f64,
}

impl History {
    /// Of so many runs.
    pub fn of_runs(runs: u32) -> Self {
        Self { runs, ..Self::default() }
    }

    /// How many runs there were.
    pub fn runs(&self) -> u32 {
        self.runs
    }

    /// Adds what a node took with this model.
    pub fn add_sample(&mut self, node: NodeId, model: String, sample: Sample) {
        self.samples.entry((node, model)).or_default().push(sample);
    }

    /// Adds that a conditional chose this handle.
    pub fn add_branch(&mut self, node: NodeId, handle: String) {
        *self.branches.entry(node).or_default().entry(handle).or_default() += 1;
    }

    pub(crate) fn typical(&self, node: &NodeId, model: &str) -> Option<Typical> {
        let samples = self.samples.get(&(node.clone(), model.to_owned())).filter(|list| !list.is_empty())?;
        Some(Typical {
            prompt: middle(samples, |sample| sample.prompt),
            completion: middle(samples, |sample| sample.completion),
            attempts: middle(samples, |sample| u64::from(sample.attempts.max(1))),
        })
    }

    /// How likely each handle is: as often as it was chosen, and before there is much to go by, evenly.
    pub(crate) fn likelihoods(&self, node: &NodeId, handles: &[&str]) -> Vec<f64> {
        let even = 1.0 / handles.len().max(1) as f64;
        let chosen = self.branches.get(node);
        let counts: Vec<f64> = handles
            .iter()
            .map(|handle| {
                chosen.and_then(|chosen| chosen.get(*handle)).map_or(0.0, |count| f64::from(*count))
            })
            .collect();
        let total: f64 = counts.iter().sum();
        counts.into_iter().map(|count| (count + even) / (total + 1.0)).collect()
    }
}

fn middle(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> f64 {
    let mut values: Vec<u64> = samples.iter().map(of).collect();
    values.sort_unstable();
    let tenth = values.len() / 10;
    let kept = values.get(tenth..values.len() - tenth).unwrap_or(&values);
    kept.iter().map(|value| *value as f64).sum::<f64>() / kept.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strange_runs_do_not_count() {
        let node = NodeId::new("a").unwrap();
        let mut history = History::of_runs(20);
        assert_eq!(history.typical(&node, "m"), None);
        for run in 0..20 {
            let completion = if run == 7 { 1_000_000 } else { 100 };
            history.add_sample(node.clone(), "m".into(), Sample { prompt: 10, completion, attempts: 1 });
        }
        let typical = history.typical(&node, "m").unwrap();
        assert_eq!((typical.prompt, typical.completion, typical.attempts), (10.0, 100.0, 1.0));
        assert_eq!(history.typical(&node, "other"), None);
    }

    #[test]
    fn branches_are_even_at_first_and_then_as_they_were_taken() {
        let node = NodeId::new("c").unwrap();
        let mut history = History::default();
        assert_eq!(history.likelihoods(&node, &["yes", "no"]), [0.5, 0.5]);
        for _ in 0..9 {
            history.add_branch(node.clone(), "yes".into());
        }
        assert_eq!(history.likelihoods(&node, &["yes", "no"]), [0.95, 0.05]);
    }
}
