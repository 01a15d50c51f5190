#!/usr/bin/env bash
# Builds the documentation site. First argument: the folder; default: site in the build folder. The reference is made of
# what the program says of itself: NEXUS_BIN, or one that is built here.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_python
TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"
SITE="${1:-$TARGET/site}"
VENV="$TARGET/docs"
if [ -z "${NEXUS_BIN:-}" ]; then
    need_rust
    say "building the program, which describes itself"
    cargo build --quiet --locked --package nexus-cli
    NEXUS_BIN="$TARGET/debug/nexus"
fi
if [ ! -x "$VENV/bin/python" ]; then
    python3 -m venv "$VENV"
fi
"$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement docs/requirements.txt
"$VENV/bin/python" scripts/site/build.py "$NEXUS_BIN" "$SITE"
say "built $SITE/index.html"
