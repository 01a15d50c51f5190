//! What users of the ports and of the wire may rely on, held against fakes of the ports: directly, over gRPC in
//! process, and over TCP. One program, because each further one is linked anew.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod authorisation;
mod behaviour;
mod certificates;
mod definitions;
mod endpoint_samples;
mod fakes;
mod foreign;
mod same_answers;
mod samples;
mod serving;
mod survival;
