//! Watching the database while the system is harmed: whose each execution is, and whether its budget holds at every
//! look. Not here: what becomes of it afterwards (`judge`).

use crate::database::{Database, Place};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};
use tokio::sync::watch;

/// How often.
const EVERY: Duration = Duration::from_millis(100);

/// Whose an execution is from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    /// Nobody's: it waits.
    Nobody,
    /// A worker's.
    Worker(String),
    /// It has ended.
    Ended,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Observed {
    /// Whose each execution was from when on, in order.
    pub owners: BTreeMap<String, Vec<(SystemTime, Owned)>>,
    /// Looks at a budget.
    pub looks: u64,
    /// Budgets that did not hold.
    pub overdrawn: Vec<String>,
}

/// Looks until it is told to stop.
pub async fn observe(place: Place, mut stop: watch::Receiver<bool>) -> Observed {
    let mut observed = Observed::default();
    let mut live = BTreeSet::new();
    let mut database = None;
    while !*stop.borrow_and_update() {
        let connected = match database.take() {
            Some(connected) => Some(connected),
            None => Database::connect(&place).await.ok(),
        };
        if let Some(mut connected) = connected
            && let Ok(rows) = connected.live().await
        {
            let now = SystemTime::now();
            let mut present = BTreeSet::new();
            for row in rows {
                observed.looks += 1;
                if let Some(limit) = row.limit.filter(|limit| row.spent.plus(row.reserved) > *limit) {
                    let (spent, reserved) = (row.spent, row.reserved);
                    observed.overdrawn.push(format!("{}: {spent} spent + {reserved} held > {limit}", row.id));
                }
                present.insert(row.id.clone());
                let owned = row.owner.map_or(Owned::Nobody, Owned::Worker);
                observed.note(row.id, now, owned);
            }
            for ended in live.difference(&present) {
                observed.note(String::clone(ended), now, Owned::Ended);
            }
            live = present;
            database = Some(connected);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => {}
        }
    }
    observed
}

impl Observed {
    fn note(&mut self, id: String, now: SystemTime, owned: Owned) {
        let changes = self.owners.entry(id).or_default();
        if changes.last().is_none_or(|(_, last)| *last != owned) {
            changes.push((now, owned));
        }
    }
}
