//! The execution state machine: what happens next in a running workflow. `step` takes the state and an input and
//! says which facts to record, which events to publish and which effects to start; `State::apply` folds recorded
//! facts back into the state. No clock, no randomness, no IO: they come in as inputs, so every decision can be
//! replayed, and a crashed execution goes on from its journal.
//!
//! Not here: doing the effects, leases, timers (`nexus-executor`), durability (`nexus-store`), judging documents
//! (`nexus-plan`).

mod attempts;
mod backtrack;
mod broken;
mod calls;
mod context;
mod conversation;
mod definition;
mod effect;
mod input;
mod ledger;
mod mark;
mod node;
mod nodes;
mod output;
mod queue;
mod ready;
mod record;
mod requests;
mod retry;
mod schedule;
mod state;
mod step;
mod tools;
mod view;

pub use backtrack::MAX_BACKTRACKS;
pub use broken::BROKEN;
pub use conversation::{Exchange, Reask, ToolSpec, ToolUse, Turn};
pub use definition::Definition;
pub use effect::{Call, Effect, ModelCall, ToolWork, Work};
pub use input::{Answer, CallFailure, CallResult, Env, Input, Outcome, ToolRequest};
pub use ledger::LEAST_CLAMPED_TOKENS;
pub use mark::{Changed, Form, Mark};
pub use node::{AttemptState, NodeState, OpenCall, Waiting, next_status};
pub use queue::Queue;
pub use record::{AttemptOutcome, CallKind, Came, Record};
pub use state::State;
pub use step::{Error, NewEvent, Step, step};

/// Most recoveries in a row without progress; the next one gives the execution up.
pub const MAX_RECOVERIES: u32 = 5;

/// Output carried in events is cut at this many bytes of JSON (contract section 5).
pub const EVENT_OUTPUT_BYTES: usize = 64 << 10;
