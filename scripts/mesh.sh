#!/usr/bin/env bash
# The mesh on this machine: a private Postgres and NATS, and one process per role, all on loopback. Everything lives
# in .mesh/ (data, logs); Ctrl-C stops all of it. EXECUTORS and GATEWAYS say how many of these there are; the first
# gateway listens at HTTP_PORT (8080), the next ones above.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

EXECUTORS="${EXECUTORS:-1}"
GATEWAYS="${GATEWAYS:-1}"
HTTP_PORT="${HTTP_PORT:-8080}"
PROGRAM="${NEXUS_BIN:-${CARGO_TARGET_DIR:-target}/release/nexus}"
MESH="$ROOT/.mesh"
LOGS="$MESH/logs"
PIDS=()
# Ctrl-C reaches this script alone, which then stops the rest in order.
APART=(env)
if have setsid; then APART=(setsid); fi

BIN="$(postgres_bin)"
[ -n "$BIN" ] || die "Postgres is missing: apt-get install postgresql"
have nats-server || die "NATS is missing: apt-get install nats-server"
if [ -z "${NEXUS_BIN:-}" ]; then scripts/run.sh --build-only; fi
mkdir -p "$LOGS"

# Postgres refuses to be root.
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || die "Postgres must not run as root, and there is no user postgres to run it as"
    as_postgres() { (cd / && setpriv --reuid postgres --regid postgres --init-groups -- "$@"); }
    # A folder below a home of root's is out of that user's reach.
    PGDATA="$(mktemp -d /tmp/nexus-mesh-XXXXXX)"
    chown postgres "$PGDATA"
    REMOVE="$PGDATA"
else
    as_postgres() { "$@"; }
    PGDATA="$MESH/postgres"
    mkdir -p "$PGDATA"
    REMOVE=
fi
chmod 700 "$PGDATA"

# shellcheck disable=SC2329 # called by the trap
stop() {
    trap - EXIT
    trap '' INT TERM
    say "stopping"
    # The processes first: they hand their work back, for which they need the database.
    if [ ${#PIDS[@]} -gt 0 ]; then
        kill "${PIDS[@]}" 2>/dev/null || true
        wait "${PIDS[@]}" 2>/dev/null || true
    fi
    if [ -n "${NATS_PID:-}" ]; then kill "$NATS_PID" 2>/dev/null || true; fi
    as_postgres "$BIN/pg_ctl" --pgdata "$PGDATA" --mode fast stop >/dev/null 2>&1 || true
    if [ -n "$REMOVE" ]; then rm -rf "$REMOVE"; fi
}
trap stop EXIT
trap 'exit 0' INT TERM

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

need_python
PG_PORT="$(free_port)"
NATS_PORT="$(free_port)"

say "starting Postgres and NATS"
if [ ! -f "$PGDATA/PG_VERSION" ]; then
    as_postgres "$BIN/initdb" --pgdata "$PGDATA" --username nexus --auth trust --encoding UTF8 >/dev/null
fi
as_postgres "$BIN/pg_ctl" --pgdata "$PGDATA" --wait --log "$PGDATA/postgres.log" \
    --options "-c listen_addresses=127.0.0.1 -c port=$PG_PORT -c unix_socket_directories=$PGDATA" start >/dev/null ||
    die "Postgres does not start: see $PGDATA/postgres.log"
"${APART[@]}" nats-server --addr 127.0.0.1 --port "$NATS_PORT" --log "$LOGS/nats.log" &
NATS_PID=$!

export DATABASE_URL="postgres://nexus@127.0.0.1:$PG_PORT/postgres"
export NATS_URL="nats://127.0.0.1:$NATS_PORT"
export LOG_FORMAT="${LOG_FORMAT:-text}"
"$PROGRAM" migrate

# start NAME ROLE ADDRESS-VARIABLE ADDRESS
start() {
    "${APART[@]}" env "$3=$4" "$PROGRAM" serve "$2" >"$LOGS/$1.log" 2>&1 &
    PIDS+=($!)
    printf '    %-14s %-22s %s\n' "$1" "$4" "$LOGS/$1.log" >&2
}

say "starting the services"
grpc() { printf '127.0.0.1:%s' "$1"; }
start planner planner NEXUS_GRPC_ADDR "$(grpc 50051)"
start llm-gateway llm-gateway NEXUS_GRPC_ADDR "$(grpc 50053)"
start memory memory NEXUS_GRPC_ADDR "$(grpc 50054)"
start scraper scraper NEXUS_GRPC_ADDR "$(grpc 50055)"
NEXUS_EXECUTOR_URL=
for n in $(seq 1 "$EXECUTORS"); do
    port=$((n == 1 ? 50052 : 50060 + n))
    start "executor-$n" executor NEXUS_GRPC_ADDR "$(grpc $port)"
    NEXUS_EXECUTOR_URL="${NEXUS_EXECUTOR_URL:+$NEXUS_EXECUTOR_URL,}http://$(grpc $port)"
done
export NEXUS_EXECUTOR_URL
for n in $(seq 1 "$GATEWAYS"); do
    start "gateway-$n" gateway NEXUS_HTTP_ADDR "127.0.0.1:$((HTTP_PORT + n - 1))"
done

ready() { python3 -c 'import sys, urllib.request as u; sys.exit(u.urlopen(sys.argv[1], timeout=3).status != 200)' "$1" 2>/dev/null; }

for n in $(seq 1 "$GATEWAYS"); do
    url="http://127.0.0.1:$((HTTP_PORT + n - 1))"
    for try in $(seq 1 150); do
        if ready "$url/readyz"; then break; fi
        for pid in "${PIDS[@]}"; do
            kill -0 "$pid" 2>/dev/null || die "a process ended: see $LOGS (a port may be taken)"
        done
        [ "$try" -lt 150 ] || die "$url does not become ready: see $LOGS"
        sleep 0.2
    done
    say "ready: $url"
done
say "Ctrl-C stops everything"
wait -n "${PIDS[@]}" || true
die "a process ended: see $LOGS"
