# shellcheck shell=bash
# What the scripts share: saying what happens, and finding or installing programs. Sourced, never run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$ROOT" || exit 1

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# The folder of the Postgres programs, which Debian keeps out of PATH; the newest version wins.
postgres_bin() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort --reverse --version-sort) \
        /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin; do
        if [ -x "$folder/initdb" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
    if have initdb; then dirname "$(command -v initdb)"; fi
}

# Stops with a sentence unless Rust is there.
need_rust() {
    have cargo || die "Rust is missing: install it from https://rustup.rs (version 1.95 or later)"
    local version
    version="$(cargo --version | awk '{print $2}')"
    [ "$(printf '%s\n1.95.0\n' "$version" | sort --version-sort | head -n 1)" = 1.95.0 ] ||
        die "Rust $version is too old: run \`rustup update stable\` (1.95 or later is needed)"
    have cc || die "a C compiler is missing: install gcc or clang (Debian: apt-get install build-essential)"
}

# Stops with a sentence unless Node is there.
need_node() {
    if ! have node || ! have npm; then
        die "Node.js is missing: install version 20.9 or later from https://nodejs.org"
    fi
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 9) ? 0 : 1)' ||
        die "Node.js $(node --version) is too old: install version 20.9 or later from https://nodejs.org"
}

# Stops with a sentence unless Python is there.
need_python() {
    have python3 || die "Python is missing: install Python 3.9 or later (Debian: apt-get install python3 python3-venv)"
}

# How to become root without being asked for a password; empty if we are root, false if we cannot.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && sudo --non-interactive true 2>/dev/null; then
        sudo --non-interactive "$@"
    else
        return 1
    fi
}

# Installs Debian packages, or says with which command to install them.
apt_install() {
    local command="apt-get install --yes --no-install-recommends $*"
    have apt-get || die "these are missing: $*; install them with your system's package manager"
    if [ "$(id -u)" != 0 ] && ! { have sudo && sudo --non-interactive true 2>/dev/null; }; then
        die "these are missing: $*; run: sudo $command"
    fi
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update --quiet >/dev/null ||
        printf 'the package lists could not be refreshed, going on with those that are there\n' >&2
    # shellcheck disable=SC2086 # words on purpose
    as_root env DEBIAN_FRONTEND=noninteractive $command >/dev/null || die "could not install: $*; run: sudo $command"
}
