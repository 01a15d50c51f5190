//! Makes sure that the folder of the exported web application exists, so that the crate builds without Node; a
//! gateway built that way serves a page that says how to build the application.
//! Not here: building the application (`npm run build` in `frontend/`).

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontend/out");
    fs::create_dir_all(&out)?;
    println!("cargo::rerun-if-changed={}", out.display());
    Ok(())
}
