#!/usr/bin/env bash
# Measures, and says on which machine: numbers without a machine mean nothing. Arguments are handed to `cargo bench`.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_rust
need_python
say "machine"
printf '    cpu:    %s × %s\n' "$(nproc)" "$(awk -F ': ' '/model name/ {print $2; exit}' /proc/cpuinfo 2>/dev/null || uname -m)"
printf '    memory: %s\n' "$(awk '/MemTotal/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo 2>/dev/null || true)"
printf '    system: %s, %s\n' "$(uname -sr)" "$(rustc --version)"
printf '    load:   %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg 2>/dev/null || true)"

scripts/sandbox_python.sh
grep --files-with-matches --recursive --include Cargo.toml '^\[\[bench\]\]' libs services gateway cli |
    while read -r manifest; do
        crate="$(awk -F '"' '/^name/ {print $2; exit}' "$manifest")"
        say "$crate"
        cargo bench --quiet --package "$crate" "$@" </dev/null
    done

say "the program: start and idle memory"
cargo build --quiet --release --package nexus-cli
python3 scripts/bench_start.py "${CARGO_TARGET_DIR:-target}/release/nexus"

say "gateways for models: ours beside LiteLLM's and Portkey's"
cargo build --quiet --release --package nexus-testkit --bins
python3 scripts/bench_gateways.py "${CARGO_TARGET_DIR:-target}/release" "${CARGO_TARGET_DIR:-target}/bench-gateways"
