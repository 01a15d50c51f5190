#!/usr/bin/env bash
# Takes screenshots of every page, light and dark, wide and on a phone, into docs/screenshots: the real program on its demo
# models in a real browser. SCREENSHOTS_DIR=… puts them elsewhere.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_rust
[ -n "${CHROMIUM_BIN:-}" ] || have chromium || apt_install chromium
scripts/web.sh
cargo build --package nexus-cli
CHROMIUM_BIN="${CHROMIUM_BIN:-$(command -v chromium)}" NEXUS_BIN="${CARGO_TARGET_DIR:-$ROOT/target}/debug/nexus" \
    npm run --prefix frontend screenshots
