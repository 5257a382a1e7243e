#!/usr/bin/env bash
# Run the tiers of tests, each process group that cannot share a process in one of its own:
#   plain      unit, property, contracts (Pact), integration, architecture: two workers
#   green      nameko containers under eventlet, patched before anything else is imported
#   e2e        the real processes on a real RabbitMQ and PostgreSQL
#   faults     the same, killed and cut off
# A tier that collects nothing or skips anything fails. All tiers run, then a summary says which failed.
# Usage: scripts/test.sh [tier…]      (default: all)
set -uo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
export PACT_DO_NOT_TRACK=true
# The tests start many processes; compiling the sources in each would cost more than they do.
unset PYTHONDONTWRITEBYTECODE

tiers=("$@")
if [[ ${#tiers[@]} == 0 ]]; then
    tiers=(plain green e2e faults)
fi

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
summary=()
failed=0

tier() {
    local name=$1 started=$SECONDS status closing
    shift
    printf '\n===== %s =====\n' "$name"
    "$python" -m pytest -p scripts.pytest_tier "$@" 2>&1 | tee "$logs/$name"
    status=${PIPESTATUS[0]}
    # The closing line of pytest, without its rule of "=".
    closing=$(grep -E '[0-9]+ (passed|failed|error|skipped|deselected)|no tests ran' "$logs/$name" |
        tail -n 1 | sed -E 's/^=+ *| *=+$//g')
    summary+=("$(printf '%-6s %-13s %4d s  %s' "$([[ $status == 0 ]] && echo ok || echo FAILED)" \
        "$name" "$((SECONDS - started))" "${closing:-pytest ended with status $status}")")
    [[ $status == 0 ]] || failed=1
}

if [[ " ${tiers[*]} " =~ \ (plain|contracts|integration|architecture|green|e2e|faults)\  ]]; then
    scripts/rabbitmq.sh || exit 1
fi

for name in "${tiers[@]}"; do
    case $name in
        plain)
            tier plain -n 2 --dist loadfile \
                tests/unit tests/property tests/contracts tests/integration tests/architecture ;;
        unit | property | integration | architecture | contracts | green | e2e | faults)
            tier "$name" "tests/$name" ;;
        *)
            echo "No such tier: $name" >&2
            exit 2 ;;
    esac
done

printf '\n===== summary =====\n'
printf '%s\n' "${summary[@]}"
exit "$failed"
