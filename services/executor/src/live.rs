//! What travels over the bus about executions. A convenience, never the truth: receivers check it against the
//! store. Not here: the bus.

use bytes::Bytes;
use nexus_bus::MAX_MESSAGE_BYTES;
use nexus_model::{Event, ExecutionId, event::Delta};
use nexus_store::Fence;
use serde::{Deserialize, Serialize};

/// On an execution's topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub(crate) enum Live {
    /// These events are durable.
    Committed { events: Vec<Event> },
    /// Events up to this `seq` are durable; too large to send along.
    CommittedUpTo { seq: u64 },
    /// A piece of an answer.
    Delta { delta: Delta },
    /// Whoever ran the execution has stopped doing so.
    Stopped,
}

/// On the control topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub(crate) enum Control {
    /// This worker ran the execution under this fence or an older one and has lost it: stop, and answer with
    /// `Live::Stopped` in any case.
    Stop {
        execution_id: ExecutionId,
        worker: String,
        fence: Fence,
        /// The trace of the request that stops it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        traceparent: Option<String>,
    },
}

impl Live {
    /// Durable events, or just their last number if they are too large for a message.
    pub(crate) fn committed(events: Vec<Event>) -> Bytes {
        let seq = events.last().map_or(0, |event| event.seq);
        let bytes = encode(&Live::Committed { events });
        if bytes.len() <= MAX_MESSAGE_BYTES { bytes } else { encode(&Live::CommittedUpTo { seq }) }
    }
}

/// As JSON. Our own types always serialise; should one not, an empty message is ignored by every receiver.
pub(crate) fn encode<T: Serialize>(message: &T) -> Bytes {
    serde_json::to_vec(message).map(Bytes::from).unwrap_or_default()
}

/// `None` for anything unreadable, e.g. from a newer version.
pub(crate) fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
