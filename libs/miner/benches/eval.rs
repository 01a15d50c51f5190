//! How much of our own pages the miner finds without any model, and how long it takes: `cargo bench -p nexus-miner`.
//! Not here: pages of others.
#![expect(clippy::print_stdout, reason = "a program for the eye")]

#[path = "../tests/site/mod.rs"]
mod site;

use std::time::Duration;

fn main() {
    let pages = site::all();
    for (title, described) in [("without a description", false), ("with its description", true)] {
        let mut times: Vec<Duration> = Vec::new();
        let (mut lists, mut good) = (0, 0);
        println!("\n{title}");
        for truth in &pages {
            let outcome = site::mine(truth, if described { &truth.description } else { "" });
            times.push(outcome.took);
            if matches!(truth.kind.as_str(), "list" | "table") {
                lists += 1;
            }
            // A description leaves fields out, so only the number of records can be compared.
            let right =
                if described { outcome.records.len() == truth.records.len() } else { outcome.f1 >= 0.9 };
            good += u32::from(right && matches!(truth.kind.as_str(), "list" | "table"));
            if !right {
                let source =
                    outcome.analysis.recipe.map(|recipe| format!("{:?}", recipe.source)).unwrap_or_default();
                println!(
                    "  {:24} F1 {:.2}  {} records of {}  {source}",
                    truth.page,
                    outcome.f1,
                    outcome.records.len(),
                    truth.records.len()
                );
            }
        }
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
        println!(
            "  {good} of {lists} lists with F1 >= 0.9; per page median {:.1?}, p90 {:.1?}",
            at(50),
            at(90)
        );
    }
}
