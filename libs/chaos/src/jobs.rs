//! The work: random workflows with their budgets, and what their users do to them. A job follows from the seed and
//! its number alone. Not here: what providers answer (`provider`), what is killed when (`faults`).

mod graph;

use crate::dice::Dice;
use graph::Sketch;
use nexus_model::Money;
use serde_json::{Value, json};
use std::time::Duration;

/// One execution to be.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which.
    pub number: u64,
    /// The workflow document.
    pub document: Value,
    /// The inputs.
    pub inputs: Value,
    /// The budget that comes with the execution instead of the document's, if any.
    pub budget: Option<Value>,
    /// The limit it starts with.
    pub limit: Option<Money>,
    /// When its user cancels it, counted from its start.
    pub cancel_after: Option<Duration>,
    /// How often its user resumes it at most.
    pub resumes: u32,
    /// How many clients watch it.
    pub watchers: u64,
}

/// Where the tool nodes of workflows send their requests.
#[derive(Debug, Clone)]
pub struct Places {
    /// `http://127.0.0.1:PORT/tool`.
    pub tool: String,
}

impl Job {
    /// The job of this number.
    pub fn new(seed: u64, number: u64, places: &Places) -> Self {
        let mut dice = Dice::new(seed, &[&"job", &number]);
        let mut sketch = Sketch::new(number, places);
        let shape = dice.weighted(&[(3, 0), (4, 1), (5, 2), (3, 3), (3, 4)]);
        match shape {
            Some(0) => sketch.chain(&mut dice),
            Some(1) => sketch.fan_out(&mut dice),
            Some(2) => sketch.random(&mut dice),
            Some(3) => sketch.review(&mut dice),
            _ => sketch.tools(&mut dice),
        }
        let need = sketch.need();
        let limit = dice.percent(80).then(|| scaled(need, dice.fraction(0.5, 3.0)));
        let degrade = if dice.percent(30) { "degrade" } else { "stop" };
        let with_execution = dice.percent(40);
        let own = limit.map(|limit| json!({"limit_usd": limit, "on_exhausted": degrade}));
        let (budget, in_document) = if with_execution { (own, None) } else { (None, own) };
        Self {
            number,
            document: sketch.document(in_document),
            inputs: json!({"topic": format!("topic {number}"), "n": dice.between(0, 9)}),
            budget,
            limit,
            cancel_after: dice.percent(16).then(|| dice.millis(50, 3_000)),
            resumes: u32::try_from(dice.between(0, 2)).unwrap_or_default(),
            watchers: dice.weighted(&[(75, 1), (25, 2)]).unwrap_or(1),
        }
    }
}

/// So many times this much.
pub(crate) fn scaled(money: Money, by: f64) -> Money {
    Money::from_picos((money.picos() as f64 * by) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places { tool: "http://127.0.0.1:9/tool".into() }
    }

    #[test]
    fn a_job_follows_from_seed_and_number() {
        for number in 0..200 {
            let job = Job::new(5, number, &places());
            assert_eq!(job.document, Job::new(5, number, &places()).document);
            assert!(job.limit.is_none_or(|limit| limit > Money::ZERO), "{job:?}");
        }
        assert_ne!(Job::new(5, 1, &places()).document, Job::new(6, 1, &places()).document);
    }

    #[test]
    fn jobs_are_of_every_kind() {
        let all: String =
            (0..300).map(|number| Job::new(1, number, &places()).document.to_string()).collect();
        for feature in [
            "\"conditional\"",
            "\"backtrack\"",
            "\"tools\"",
            "\"http_request\"",
            "\"template\"",
            "\"any\"",
            "\"fallbacks\"",
            "\"output_schema\"",
            "\"budget_usd\"",
            "\"limit_usd\"",
            "\"continue\"",
            "\"default\"",
            "\"memory_recall\"",
            "\"memory\"",
        ] {
            assert!(all.contains(feature), "no job has {feature}");
        }
    }
}
