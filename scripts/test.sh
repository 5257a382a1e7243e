#!/usr/bin/env bash
# Run the tiers of tests, each process group that cannot share a process in one of its own:
#   plain      unit, property, contracts (Pact), integration, architecture: two workers
#   green      nameko containers under eventlet, patched before anything else is imported
#   e2e        the real processes on a real RabbitMQ and PostgreSQL
#   faults     the same, killed and cut off
# plain computes; the others mostly wait for processes and brokers. So they run beside it, one after
# the other, and each tier's output appears when it has ended. A tier that collects nothing or skips
# anything fails. All tiers run, then a summary says which failed.
# Usage: scripts/test.sh [tier…]      (default: all)
set -uo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
export PACT_DO_NOT_TRACK=true
# The tests start many processes; compiling the sources in each would cost more than they do.
unset PYTHONDONTWRITEBYTECODE

tiers=("$@")
if [[ ${#tiers[@]} == 0 ]]; then
    tiers=(plain green faults e2e)
fi
for name in "${tiers[@]}"; do
    case $name in
        plain | unit | property | integration | architecture | contracts | green | e2e | faults) ;;
        *)
            echo "No such tier: $name" >&2
            exit 2 ;;
    esac
done

if [[ " ${tiers[*]} " =~ \ (plain|contracts|integration|architecture|green|e2e|faults)\  ]]; then
    scripts/rabbitmq.sh || exit 1
fi

logs=$(mktemp -d)
lanes=()
# Interrupted, the lanes must not go on behind the caller's back.
trap 'trap - TERM; kill "${lanes[@]}" 2>/dev/null; wait; rm -rf "$logs"' EXIT
trap 'exit 130' INT TERM

# Run one tier, and leave its output, its line of the summary and, last, its status in $logs.
tier() {
    local name=$1 started=$SECONDS status closing
    local arguments=("tests/$name")
    if [[ $name == plain ]]; then
        # What takes longest goes first, or one worker would be at it while the other idles.
        arguments=(-n 2 --dist loadfile --no-loadscope-reorder
            tests/property tests/integration tests/contracts tests/architecture tests/unit)
    fi
    "$python" -m pytest -p scripts.pytest_tier "${arguments[@]}" &>"$logs/$name.out" &
    trap "kill $! 2>/dev/null; exit 130" TERM
    wait $!
    status=$?
    # The closing line of pytest, without its rule of "=".
    closing=$(grep -E '[0-9]+ (passed|failed|error|skipped|deselected)|no tests ran' \
        "$logs/$name.out" | tail -n 1 | sed -E 's/^=+ *| *=+$//g')
    printf '%-6s %-13s %4d s  %s\n' "$([[ $status == 0 ]] && echo ok || echo FAILED)" \
        "$name" "$((SECONDS - started))" "${closing:-pytest ended with status $status}" \
        >"$logs/$name.summary"
    echo "$status" >"$logs/$name.status.new"
    mv "$logs/$name.status.new" "$logs/$name.status"
}

lane() {
    local name
    for name in "$@"; do
        tier "$name"
    done
}

# Show the output of tiers as they end; by itself a tier is shown while it runs.
show() {
    local name pending=("$@") left
    if [[ $# == 1 ]]; then
        tail --pid="${lanes[0]}" -n +1 --retry -f "$logs/$1.out" 2>/dev/null
        return
    fi
    while [[ ${#pending[@]} != 0 ]]; do
        left=()
        for name in "${pending[@]}"; do
            if [[ -e $logs/$name.status ]]; then
                printf '\n===== %s =====\n' "$name"
                cat "$logs/$name.out"
            else
                left+=("$name")
            fi
        done
        pending=("${left[@]}")
        sleep 1
    done
}

beside=()
for name in "${tiers[@]}"; do
    if [[ $name == plain ]]; then
        lane plain &
        lanes+=($!)
    else
        beside+=("$name")
    fi
done
if [[ ${#beside[@]} != 0 ]]; then
    lane "${beside[@]}" &
    lanes+=($!)
fi
show "${tiers[@]}"
wait "${lanes[@]}"

printf '\n===== summary =====\n'
failed=0
for name in "${tiers[@]}"; do
    cat "$logs/$name.summary"
    [[ $(<"$logs/$name.status") == 0 ]] || failed=1
done
exit "$failed"
