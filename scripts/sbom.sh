#!/usr/bin/env bash
# Writes the bill of materials of what is shipped (CycloneDX JSON). First argument: the file; default: in the build folder.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_rust
need_python
FILE="${1:-${CARGO_TARGET_DIR:-$ROOT/target}/nexus.cdx.json}"
mkdir -p "$(dirname "$FILE")"
cargo metadata --format-version 1 --locked --filter-platform x86_64-unknown-linux-gnu | python3 scripts/sbom.py >"$FILE.new"
mv "$FILE.new" "$FILE"
say "wrote $FILE"
