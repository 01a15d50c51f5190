//! The smallest program that can keep sandboxes: tests and benches, whose own `main` is not ours, name it as the
//! helper. Not here: anything else; the `nexus` program keeps its own sandboxes.

fn main() {
    nexus_sandbox::child_main();
}
