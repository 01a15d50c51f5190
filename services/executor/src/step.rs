//! The engine's steps in the form in which the store keeps them. Not here: making them durable (`run`).

use nexus_engine::State;
use nexus_model::{ExecutionStatus, Timestamp};
use nexus_store::{Fence, HeadUpdate, NewEvent, Ownership, Step};

/// A step for the store. All facts of a step are one journal entry.
pub(crate) fn store_step(state: &State, fence: Fence, journal_len: u64, step: nexus_engine::Step) -> Step {
    let now = Timestamp::now();
    let progress = step.is_progress();
    let queued = state.status == ExecutionStatus::Queued;
    let ownership = if state.status.is_terminal() || queued { Ownership::Nobody } else { Ownership::Keep };
    Step {
        id: state.id,
        fence,
        journal_len,
        records: entries(&step.records),
        events: step
            .events
            .into_iter()
            .map(|event| NewEvent {
                kind: event.kind,
                agent_id: event.node,
                data: event.data,
                timestamp: now,
            })
            .collect(),
        update: HeadUpdate {
            status: state.status,
            error: state.failure.clone(),
            budget: state.budget,
            spent: state.spent(),
            reserved: state.reserved(),
            tokens: state.tokens(),
            started_at: state.started_at,
            finished_at: state.finished_at,
        },
        ownership,
        progress,
    }
}

/// Journal entries of at most about this many bytes: databases do not like larger values.
const ENTRY_BYTES: usize = 16 << 20;

/// The facts of a step: one entry, unless they are very large.
fn entries(records: &[nexus_engine::Record]) -> Vec<String> {
    let mut entries = vec![String::new()];
    for record in records {
        // facts are plain data; their serialisation cannot fail
        let record = serde_json::to_string(record).unwrap_or_default();
        match entries.last_mut() {
            Some(entry) if entry.len() + record.len() < ENTRY_BYTES || entry.is_empty() => {
                entry.push(if entry.is_empty() { '[' } else { ',' });
                entry.push_str(&record);
            }
            _ => entries.push(format!("[{record}")),
        }
    }
    for entry in &mut entries {
        entry.push_str(if entry.is_empty() { "[]" } else { "]" });
    }
    entries
}
