#!/usr/bin/env bash
# Build or refresh .venv from the hashed locks. Needs nothing but Python >= 3.11 with its venv module.
# Usage: scripts/venv.sh standalone|dev      (PYTHON=… names the interpreter)
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$1
# A .venv that has the developers' tools keeps them when only the runtime lock moved.
if [[ $lock == standalone && -e .venv/.stamp-dev ]]; then
    lock=dev
fi

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    cat >&2 <<'MESSAGE'
Python 3.11 or newer with its `venv` module is needed and was not found.
  Debian, Ubuntu:  apt-get install python3 python3-venv
  Fedora:          dnf install python3
  macOS:           brew install python
Another interpreter is taken with PYTHON=/path/to/python.
MESSAGE
    return 1
}

if ! usable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Creating .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

echo "Installing requirements/$lock.txt"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    --requirement requirements/tools.txt
export VIRTUAL_ENV=$PWD/.venv
# Compiled once here rather than at every start of every process.
.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes \
    requirements/tools.txt "requirements/$lock.txt"
# Without isolation: the build needs setuptools only, and that came with a hash.
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable .

touch .venv/.stamp-run
if [[ $lock == dev ]]; then
    touch .venv/.stamp-dev
fi
