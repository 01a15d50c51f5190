//! What a storm came to, for people. Not here: judging it (`judge`).

use crate::{
    database::Stored,
    faults::{Harm, Part},
    provider::Fates,
    stand::Kind,
    users::Statuses,
    verdict::Verdicts,
};
use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
    path::Path,
    time::Duration,
};

/// What a storm came to.
#[derive(Debug)]
pub struct Report {
    /// From which everything followed.
    pub seed: u64,
    /// What was tested.
    pub kind: Kind,
    /// How long it took, the calming down included.
    pub took: Duration,
    /// Executions in the database.
    pub executions: usize,
    /// How they ended.
    pub statuses: BTreeMap<String, u64>,
    /// WebSocket connections that clients made.
    pub connections: u64,
    /// Cancels that were accepted.
    pub cancels: usize,
    /// Resumes that were accepted.
    pub resumes: u64,
    /// How calls of models went.
    pub fates: Fates,
    /// How requests were answered.
    pub answers: Statuses,
    /// What was done to whom, how often.
    pub done: BTreeMap<(Part, Harm), u64>,
    /// How long processes took to end when asked to.
    pub farewells: Vec<Duration>,
    /// Executions whose executor died and that another took over.
    pub takeovers: usize,
    /// What held.
    pub verdicts: Verdicts,
    /// What is stored of executions for which something did not hold.
    pub wrong: Vec<Stored>,
    /// What the processes wrote.
    pub logs: String,
}

fn counted<K: fmt::Display>(counts: impl IntoIterator<Item = (K, u64)>) -> String {
    let counts: Vec<String> = counts.into_iter().map(|(what, count)| format!("{count} {what}")).collect();
    counts.join(", ")
}

impl Report {
    /// How often something was done to the system.
    pub fn faults(&self) -> u64 {
        self.done.values().sum()
    }

    /// How often something was killed without warning.
    pub fn kills(&self) -> u64 {
        let killed = self.done.iter().filter(|((part, harm), _)| *harm == Harm::Kill || *part == Part::Nats);
        killed.map(|(_, count)| count).sum()
    }

    /// Keeps what helps to find out why something did not hold.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("report.txt"), self.to_string())?;
        std::fs::write(folder.join("processes.log"), &self.logs)?;
        for stored in self.wrong.iter().take(50) {
            let mut file = std::fs::File::create(folder.join(format!("{}.txt", stored.row.id)))?;
            writeln!(file, "{:#?}\n\njournal", stored.row)?;
            for (index, fact) in &stored.facts {
                writeln!(file, "{index} {fact}")?;
            }
            writeln!(file, "\nevents")?;
            for event in &stored.events {
                writeln!(file, "{} {} {:?} {}", event.seq, event.kind, event.node, event.data)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let statuses = self.statuses.iter().map(|(status, count)| (status.as_str(), *count));
        let done = self.done.iter().map(|((part, harm), count)| (format!("{} {part}", harm.name()), *count));
        let calls: u64 = self.fates.values().sum();
        let longest = self.farewells.iter().max().copied().unwrap_or_default();
        writeln!(f, "chaos: {}, seed {}, {:.0?}", self.kind.name(), self.seed, self.took)?;
        writeln!(f, "  {} executions: {}", self.executions, counted(statuses))?;
        writeln!(
            f,
            "  {} resumes, {} cancels, {} WebSocket connections, {} takeovers",
            self.resumes, self.cancels, self.connections, self.takeovers
        )?;
        writeln!(f, "  {} faults, {} of them kills: {}", self.faults(), self.kills(), counted(done))?;
        writeln!(f, "  {} orderly ends, the longest took {longest:.1?}", self.farewells.len())?;
        let fates = self.fates.iter().map(|(fate, count)| (*fate, *count));
        writeln!(f, "  {calls} calls of models: {}", counted(fates))?;
        let answers = self.answers.iter().map(|(status, count)| (format!("x {status}"), *count));
        writeln!(f, "  answers to requests (0: none): {}", counted(answers))?;
        writeln!(f, "\n  {:<64} {:>8}  state", "invariant", "checks")?;
        write!(f, "{}", self.verdicts.table())
    }
}
