#!/usr/bin/env bash
# Write requirements/*.txt: one lock with hashes per deployable, from the extras of pyproject.toml.
# No lock names a package index, so any mirror can serve them; every deployable takes the versions
# that dev.txt, the lock the tests run with, settled on.
# Usage: scripts/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/.."

uv=${UV:-.venv/bin/uv}
compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}

compile "$@" requirements/tools.in --output-file requirements/tools.txt
compile "$@" pyproject.toml --extra dev --output-file requirements/dev.txt
for deployable in identity members points coupons tiers gateway standalone; do
    compile pyproject.toml --extra "$deployable" --constraint requirements/dev.txt \
        --output-file "requirements/$deployable.txt"
done
