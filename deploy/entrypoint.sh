#!/bin/sh
# Run the part this image was built for; the first argument says which of its processes.
set -eu
case "$LOYALTY_PART" in
    gateway)
        # Workers share their counters through files, so that one port shows the sum.
        export PROMETHEUS_MULTIPROC_DIR="${PROMETHEUS_MULTIPROC_DIR:-/metrics}"
        exec python -m gateway "$@" ;;
    *) exec python -m "services.$LOYALTY_PART" "$@" ;;
esac
