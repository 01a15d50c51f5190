//! Keeps sandboxes for this crate's tests, whose own `main` is not ours. Not here: anything else; the `nexus` program
//! keeps its own sandboxes.

fn main() {
    nexus_sandbox::child_main();
}
