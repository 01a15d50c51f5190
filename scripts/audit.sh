#!/usr/bin/env bash
# Known vulnerabilities in what we build on. Not part of `make test`: the answer changes without our doing.
# Licences, banned crates and sources are tests (libs/testkit/tests/dependencies.rs) and need nothing installed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_rust
if ! cargo deny --version >/dev/null 2>&1; then
    say "installing cargo-deny (once, some minutes)"
    cargo install cargo-deny --locked
fi
cargo deny check
need_node
npm audit --prefix frontend --omit dev
