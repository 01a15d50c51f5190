//! What must hold, how often it was checked, and where it did not. Not here: checking it (`judge`).

use std::collections::BTreeMap;

/// How many violations of one kind are kept word by word.
const SHOWN: usize = 20;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Every accepted execution ends.
    Ends,
    /// A run ends once, and the row, the journal and the events agree about how.
    EndsOnce,
    /// Nothing happens after the end, until a resume.
    NothingAfterTheEnd,
    /// A revision of a node succeeds once at most.
    OneSuccess,
    /// Stored events are numbered 1 to n.
    Numbering,
    /// Each client saw 1 to n, and the same as is stored.
    Clients,
    /// No node starts before its dependencies have settled.
    Order,
    /// The provider's bill is at most what was recorded.
    SpendIsKnown,
    /// What was recorded and held never exceeds the limit.
    WithinLimit,
    /// The row's sums are those of the journal, and nothing is held after the end.
    Books,
    /// No call reached the provider that the journal does not know.
    CallsAreKnown,
    /// Each request to start made exactly one execution.
    StartedOnce,
    /// No call starts after a cancel was answered.
    Cancel,
    /// Whoever loses its executor finds another in time.
    Reclaim,
    /// Processes hold afterwards what they held before.
    Leaks,
    /// No panic, no status 500, orderly ends.
    Manners,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 16] = [
        Self::Ends,
        Self::EndsOnce,
        Self::NothingAfterTheEnd,
        Self::OneSuccess,
        Self::Numbering,
        Self::Clients,
        Self::Order,
        Self::SpendIsKnown,
        Self::WithinLimit,
        Self::Books,
        Self::CallsAreKnown,
        Self::StartedOnce,
        Self::Cancel,
        Self::Reclaim,
        Self::Leaks,
        Self::Manners,
    ];

    /// What it says.
    pub fn says(self) -> &'static str {
        match self {
            Self::Ends => "every accepted execution ends",
            Self::EndsOnce => "a run ends exactly once; row, journal, events agree",
            Self::NothingAfterTheEnd => "nothing after the terminal event",
            Self::OneSuccess => "at most one success per (node, revision)",
            Self::Numbering => "stored events are numbered 1..n",
            Self::Clients => "each client's seq is 1..n",
            Self::Order => "no node before its dependencies",
            Self::SpendIsKnown => "provider's true spend <= recorded spend",
            Self::WithinLimit => "recorded + reserved <= limit, at every step",
            Self::Books => "sums of the row = sums of the journal; nothing held at the end",
            Self::CallsAreKnown => "no call at the provider that the journal does not know",
            Self::StartedOnce => "each request to start made one execution",
            Self::Cancel => "no call begins after a cancel was answered",
            Self::Reclaim => "taken over in time after its executor died",
            Self::Leaks => "file descriptors and memory return to baseline",
            Self::Manners => "no panic, no status 500, SIGTERM obeyed within 28 s",
        }
    }
}

/// How it went for one of them.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// How often it was checked.
    pub checked: u64,
    /// How often it did not hold.
    pub broken: u64,
    /// Some of where it did not.
    pub violations: Vec<String>,
    /// Figures worth showing.
    pub note: String,
}

/// How it went.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(BTreeMap<Invariant, Verdict>);

impl Verdicts {
    /// Notes a check; `wrong` says what is wrong if it does not hold.
    pub fn check(&mut self, invariant: Invariant, holds: bool, wrong: impl FnOnce() -> String) {
        let verdict = self.0.entry(invariant).or_default();
        verdict.checked += 1;
        if !holds {
            verdict.broken += 1;
            if verdict.violations.len() < SHOWN {
                verdict.violations.push(wrong());
            }
        }
    }

    /// Notes figures.
    pub fn note(&mut self, invariant: Invariant, note: String) {
        self.0.entry(invariant).or_default().note = note;
    }

    /// Checks done elsewhere, each of which held.
    pub fn held(&mut self, invariant: Invariant, count: u64) {
        self.0.entry(invariant).or_default().checked += count;
    }

    /// How it went for one.
    pub fn of(&self, invariant: Invariant) -> Verdict {
        self.0.get(&invariant).cloned().unwrap_or_default()
    }

    /// How many checks did not hold so far.
    pub fn broken(&self) -> u64 {
        self.0.values().map(|verdict| verdict.broken).sum()
    }

    /// Whether all held.
    pub fn all_hold(&self) -> bool {
        self.0.values().all(|verdict| verdict.broken == 0)
    }

    /// A line for each, then what was wrong.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for invariant in Invariant::ALL {
            let Verdict { checked, broken, note, .. } = self.of(invariant);
            let state = match (checked, broken) {
                (0, 0) => "not checked".to_owned(),
                (_, 0) => "holds".to_owned(),
                _ => format!("BROKEN {broken}x"),
            };
            table.push_str(&format!("  {:<64} {checked:>8}  {state:<12} {note}\n", invariant.says()));
        }
        for invariant in Invariant::ALL {
            let verdict = self.of(invariant);
            if verdict.broken > 0 {
                table.push_str(&format!("\n{}: broken {} times\n", invariant.says(), verdict.broken));
                verdict.violations.iter().for_each(|violation| table.push_str(&format!("  - {violation}\n")));
            }
        }
        table
    }
}
