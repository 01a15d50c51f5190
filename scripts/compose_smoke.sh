#!/usr/bin/env bash
# Starts docker-compose.yml as it stands with images that are there, runs a workflow through it, and ends it. Needs a
# Docker daemon and the images nexus and nexus-scraper.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

have docker || die "Docker is missing"
ENVIRONMENT="$(mktemp)"
KEY="$(head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1)"
printf 'NEXUS_API_KEYS=smoke:%s\nPOSTGRES_PASSWORD=%s\n' \
    "$(printf %s "$KEY" | sha256sum | cut -d ' ' -f 1)" "$(head -c 16 /dev/urandom | sha256sum | cut -c 1-32)" >"$ENVIRONMENT"

compose() { docker compose --project-name nexus-smoke --env-file "$ENVIRONMENT" "$@"; }

# shellcheck disable=SC2329 # called by the trap
stop() {
    local status=$?
    if [ $status != 0 ]; then compose logs --tail 50 || true; fi
    compose down --volumes --timeout 35 || true
    rm -f "$ENVIRONMENT"
}
trap stop EXIT

compose config --quiet
# Returns once the gateway was started, which is when all others are healthy.
compose up --no-build --detach
for try in $(seq 1 60); do
    if compose exec --no-TTY gateway /usr/local/bin/nexus health gateway; then break; fi
    [ "$try" -lt 60 ] || die "the gateway does not become ready"
    sleep 1
done
say "running a workflow"
docker run --rm --network host --env NEXUS_API_KEY="$KEY" --volume "$ROOT/examples:/examples:ro" nexus:0.1.0 \
    --server http://127.0.0.1:8080 run /examples/research-brief.json --input topic=Rust
say "the mesh works"
