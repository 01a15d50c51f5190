//! Makes sure that the folder of the exported web application exists, so that the crate builds without Node; a
//! gateway built that way serves a page that says how to build the application.
//! Not here: building the application (`npm run build` in `frontend/`).

use std::{env, fs, path::PathBuf};

fn main() {
    let manifest = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = PathBuf::from(manifest).join("../frontend/out");
    // In a container's dependency stage the sources may be read-only and `frontend` absent; the embed fails then.
    fs::create_dir_all(&out).expect("cannot create frontend/out beside the gateway");
    println!("cargo::rerun-if-changed={}", out.display());
}
