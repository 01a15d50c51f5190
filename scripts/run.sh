#!/usr/bin/env bash
# Builds the web app and the program, and starts everything in one process. --build-only does not start it.
# Settings come from the environment (docs/configuration.md); further arguments are handed to `nexus up`.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

build_only=
if [ "${1:-}" = --build-only ]; then
    build_only=1
    shift
fi

need_rust
need_node
have python3 || printf 'note: Python is missing; Python nodes and scrapers will not run\n' >&2

scripts/web.sh

# Without it everything else works; the program says what does not.
if have python3; then scripts/sandbox_python.sh || printf 'note: Python nodes and scrapers will not run\n' >&2; fi

program="${CARGO_TARGET_DIR:-target}/release/nexus"
if [ -x "$program" ]; then
    say "building the program"
else
    say "building the program (the first time this takes some minutes)"
fi
cargo build --release --locked --package nexus-cli

if [ -n "$build_only" ]; then
    say "built $program"
    exit 0
fi
say "starting Nexus at http://${NEXUS_HTTP_ADDR:-127.0.0.1:8080} (Ctrl-C ends it)"
exec "$program" up "$@"
