//! The generated messages, servers and clients of `proto/`, and their descriptors.
//! Not here: anything written by hand. Nothing of this leaves the crate but the descriptors.

/// The compiled definitions with their comments, a serialized `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code follows its generator's rules"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/nexus.rs"));
}

pub(crate) use generated::nexus::{
    common::v1 as common, executor::v1 as executor, llm::v1 as llm, memory::v1 as memory,
    planner::v1 as planner, scraper::v1 as scraper, secrets::v1 as secrets,
};
