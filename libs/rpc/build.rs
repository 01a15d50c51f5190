//! Compiles `proto/` without protoc: descriptors by protox, code by tonic-prost-build. The descriptors, comments
//! included, are kept for server reflection and for the lint over the definitions.

use prost::Message;
use std::{env, error::Error, fs, path::PathBuf};

const AREAS: [&str; 7] = ["common", "planner", "executor", "llm", "memory", "scraper", "secrets"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = "../../proto";
    println!("cargo:rerun-if-changed={root}");
    let files = AREAS.map(|area| format!("{root}/nexus/{area}/v1/{area}.proto"));
    let descriptors = protox::compile(&files, [root])?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        // JSON is decoded straight into serde_json values, see src/json.rs.
        .extern_path(".google.protobuf.Struct", "crate::json::Struct")
        .extern_path(".google.protobuf.Value", "crate::json::Value")
        .build_transport(false)
        .include_file("nexus.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
