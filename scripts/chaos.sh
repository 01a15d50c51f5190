#!/usr/bin/env bash
# Storms: random workflows on the real programs while processes are killed, stopped and restarted; see
# docs/reliability.md. MINUTES (3), SEED (from the clock), STORE (mesh, up or both), NEXUS_BIN (the program; else it is
# built). With --broken: builds programs that are broken on purpose, into a folder of their own, and expects every one
# of them to be caught.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"
BROKEN="$TARGET/broken"
SEED="${SEED:-$(date +%s)}"

need_rust
[ -n "$(postgres_bin)" ] || die "Postgres is missing: apt-get install postgresql"
have nats-server || die "NATS is missing: apt-get install nats-server"

# storm PROGRAM MINUTES STORE [more]
storm() {
    local program="$1" minutes="$2" store="$3"
    shift 3
    "$TARGET/debug/nexus-chaos" --program "$program" --minutes "$minutes" --seed "$SEED" --store "$store" \
        --keep "$TARGET/chaos" "$@"
}

# caught NAME PACKAGE FEATURE STORE: the storm must see that this build is broken.
caught() {
    say "building a program that is broken on purpose: $1"
    CARGO_TARGET_DIR="$BROKEN" NEXUS_CHAOS_BROKEN_BUILD=1 \
        cargo build --locked --package nexus-cli --package "$2" --features "$2/$3" --bin nexus
    # Under a name of its own, so that nobody takes it for the real one.
    mv "$BROKEN/debug/nexus" "$BROKEN/nexus-$3"
    storm "$BROKEN/nexus-$3" "${MINUTES:-2}" "$4" --expect-violation
}

case "${1:-}" in
"")
    if [ -n "${NEXUS_BIN:-}" ]; then
        cargo build --locked --package nexus-chaos --bin nexus-chaos
    else
        cargo build --locked --package nexus-cli --package nexus-chaos --bin nexus --bin nexus-chaos
    fi
    storm "${NEXUS_BIN:-$TARGET/debug/nexus}" "${MINUTES:-3}" "${STORE:-both}"
    ;;
--broken)
    cargo build --locked --package nexus-chaos --bin nexus-chaos
    caught "writes are not fenced" nexus-store broken-no-fence mesh
    caught "budgets are checked, then spent" nexus-engine broken-check-then-spend both
    ;;
*)
    die "usage: scripts/chaos.sh [--broken]"
    ;;
esac
