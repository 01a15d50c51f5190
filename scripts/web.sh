#!/usr/bin/env bash
# Builds the web app into frontend/out, if something changed since the last time. --force builds in any case.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_node
installed=frontend/node_modules/.nexus-installed
built=frontend/out/.nexus-built

if [ ! -f "$installed" ] || [ frontend/package-lock.json -nt "$installed" ]; then
    say "installing what the web app is built with (npm ci)"
    npm ci --prefix frontend --no-audit --no-fund
    touch "$installed"
fi

changed() {
    [ ! -f "$built" ] || [ -n "$(find frontend examples -newer "$built" -type f \
        -not -path 'frontend/node_modules/*' -not -path 'frontend/.next/*' -not -path 'frontend/out/*' \
        -not -name '*.tsbuildinfo' -not -name next-env.d.ts -print -quit)" ]
}

if [ "${1:-}" = --force ] || changed; then
    say "building the web app (half a minute)"
    npm run --prefix frontend build
    touch "$built"
else
    say "the web app is up to date"
fi
