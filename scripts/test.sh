#!/usr/bin/env bash
# Every check there is, in the order in which mistakes are found fastest. Stops at the first failure and names it.
# Installs what is missing if it may; otherwise says with which command to do so.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"
VENV="$TARGET/python-client"
START=$SECONDS
STEP=

elapsed() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }

step() {
    STEP="$1"
    shift
    local begin=$SECONDS
    say "$STEP"
    "$@"
    printf '    %s took %s (%s since the start)\n' "$STEP" "$(elapsed $((SECONDS - begin)))" "$(elapsed $((SECONDS - START)))" >&2
}

finish() {
    local status=$?
    if [ $status != 0 ]; then
        printf '\nfailed: %s (after %s)\n' "${STEP:-start}" "$(elapsed $((SECONDS - START)))" >&2
    fi
}
trap finish EXIT

programs() {
    need_rust
    need_node
    need_python
    local missing=()
    have nats-server || missing+=(nats-server)
    [ -n "$(postgres_bin)" ] || missing+=(postgresql)
    [ -n "${CHROMIUM_BIN:-}" ] || have chromium || missing+=(chromium)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    if ! cargo nextest --version >/dev/null 2>&1; then
        say "installing cargo-nextest, which runs the tests (once, some minutes)"
        cargo install cargo-nextest --locked
    fi
}

# All of the source, not only what a debug build happens to use.
format() { cargo fmt --all --check; }

web() {
    scripts/web.sh
    npm run --prefix frontend typecheck
    npm run --prefix frontend lint
    npm test --prefix frontend
}

lints() { cargo clippy --workspace --all-targets --locked -- -D warnings; }

# Always the whole workspace: building a part of it would choose other features of shared crates and build those twice.
# The program itself, which tests and the browser start, is built here, too.
tests() { NEXUS_PYTHON="$VENV/bin/python" cargo nextest run --workspace --locked --no-fail-fast; }

doc_tests() { cargo test --doc --workspace --locked --quiet; }

# The client's own libraries, for the tests that run it.
python_client() {
    if [ ! -x "$VENV/bin/python" ]; then
        python3 -m venv "$VENV"
    fi
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --requirement docs/clients/python/requirements.txt \
        --requirement cli/tests/e2e/clients/requirements.txt
}

# What untrusted code runs on, for the tests of the sandbox and of what uses it.
sandbox_python() { scripts/sandbox_python.sh; }

# Manifests, images, workflows, the bill of materials, the documentation site: what needs Python packages and no server.
operations() {
    local venv="$TARGET/operations"
    if [ ! -x "$venv/bin/python" ]; then
        python3 -m venv "$venv"
    fi
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement scripts/tests/requirements.txt
    "$venv/bin/python" -m unittest discover --start-directory k8s/tests
    "$venv/bin/python" -m unittest discover --start-directory scripts/tests
}

# docker-compose.yml without Docker, on the program that was just built.
compose() { "$TARGET/operations/bin/python" scripts/tests/compose_as_processes.py "$TARGET/debug/nexus"; }

# A link that leads nowhere fails, and the reference is made of what the program that was just built says of itself.
documentation() { NEXUS_BIN="$TARGET/debug/nexus" scripts/docs.sh; }

browser() {
    CHROMIUM_BIN="${CHROMIUM_BIN:-$(command -v chromium)}" NEXUS_BIN="$TARGET/debug/nexus" \
        npm run --prefix frontend e2e
}

step "programs" programs
step "format" format
step "operations" operations
step "web app" web
step "lints" lints
step "python client" python_client
step "sandbox's Python" sandbox_python
step "tests" tests
step "documentation tests" doc_tests
step "compose" compose
step "documentation site" documentation
step "browser" browser
say "everything passed in $(elapsed $((SECONDS - START)))"
