#!/usr/bin/env bash
# Makes the folder with the Python that untrusted code runs on: bin/python3, a link to an interpreter of this system,
# and site-packages, with what is pinned in libs/sandbox/python/requirements.txt and nothing else. Does nothing if that
# is already so. First argument: the folder; default: sandbox-python in the build folder.
# NEXUS_SANDBOX_BASE_PYTHON chooses the interpreter.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

FOLDER="${1:-${CARGO_TARGET_DIR:-$ROOT/target}/sandbox-python}"
REQUIREMENTS="$ROOT/libs/sandbox/python/requirements.txt"

# Sandboxes need Linux; elsewhere there is nothing to be made.
[ "$(uname -s)" = Linux ] || exit 0

# The system's own interpreter first: everybody may read it, which one in somebody's home is not sure to be.
find_python() {
    local candidate
    for candidate in ${NEXUS_SANDBOX_BASE_PYTHON:+"$NEXUS_SANDBOX_BASE_PYTHON"} /usr/bin/python3 python3; do
        if have "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    die "Python 3.10 or later is missing: install it (Debian: apt-get install python3 python3-pip)"
}

# Any pip will do: it installs into a folder for another interpreter. A private one needs the module `ensurepip`.
find_pip() {
    local candidate
    for candidate in "$PYTHON" python3; do
        if "$candidate" -m pip --version >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    if "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
        "$PYTHON" -m venv "$FOLDER.pip" >/dev/null
        printf '%s\n' "$FOLDER.pip/bin/python"
        return
    fi
    apt_install python3-pip >&2
    printf '%s\n' python3
}

PYTHON="$(find_python)"
STAMP="$(
    "$PYTHON" --version
    sha256sum "$REQUIREMENTS" | cut -d ' ' -f 1
)"
if [ "$(cat "$FOLDER/installed" 2>/dev/null || true)" = "$STAMP" ] &&
    [ "$(readlink "$FOLDER/bin/python3" 2>/dev/null || true)" = "$PYTHON" ]; then
    exit 0
fi

say "installing the sandbox's Python packages"
PIP="$(find_pip)"
rm -rf "$FOLDER" "$FOLDER.new"
mkdir -p "$FOLDER.new/bin"
"$PIP" -m pip --python "$PYTHON" install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
    --only-binary :all: --no-compile --target "$FOLDER.new/site-packages" --requirement "$REQUIREMENTS" ||
    die "could not install the packages of $REQUIREMENTS"
rm -rf "$FOLDER.new/site-packages/bin" "$FOLDER.pip"
# Sandboxes cannot write: what is not compiled now would be compiled again in each of them.
"$PYTHON" -m compileall -q "$FOLDER.new/site-packages"
ln -s "$PYTHON" "$FOLDER.new/bin/python3"
printf '%s\n' "$STAMP" >"$FOLDER.new/installed"
chmod -R go+rX "$FOLDER.new"
mv "$FOLDER.new" "$FOLDER"
