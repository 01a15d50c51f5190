//! The execution state machine: what happens next in a running workflow. `step` takes the state and an input and
//! says which facts to record, which events to publish and which effects to start; `State::apply` folds recorded
//! facts back into the state. No clock, no randomness, no IO: they come in as inputs, so every decision can be
//! replayed, and a crashed execution goes on from its journal.
//!
//! Not here: doing the effects, leases, timers (`nexus-executor`), durability (`nexus-store`), judging documents
//! (`nexus-plan`).

mod attempts;
mod context;
mod definition;
mod effect;
mod input;
mod nodes;
mod output;
mod record;
mod requests;
mod retry;
mod schedule;
mod state;
mod step;
mod view;

pub use definition::Definition;
pub use effect::{Call, Effect, ModelCall, Reask};
pub use input::{Answer, CallFailure, CallResult, Env, Input};
pub use record::{AttemptOutcome, Record};
pub use state::{AttemptState, NodeState, State, Waiting, next_status};
pub use step::{Error, NewEvent, Step, step};

/// Most recoveries in a row without progress; the next one gives the execution up.
pub const MAX_RECOVERIES: u32 = 5;

/// Output carried in events is cut at this many bytes of JSON (contract section 5).
pub const EVENT_OUTPUT_BYTES: usize = 64 << 10;
