#!/usr/bin/env bash
# Make sure that the RabbitMQ server is installed; the tests start their own nodes from it.
# As root on Debian or Ubuntu it is installed, elsewhere the message says what to install.
set -euo pipefail

# sbin is not in everyone's PATH.
PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin
if command -v rabbitmq-server >/dev/null; then
    exit 0
fi

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    cat >&2 <<'MESSAGE'
The tests run against a real RabbitMQ (3.10 or newer) and rabbitmq-server was not found. Install it:
  Debian, Ubuntu:  sudo apt-get install rabbitmq-server
  Fedora:          sudo dnf install rabbitmq-server
  macOS:           brew install rabbitmq
It need not be running: the tests start nodes of their own on free ports.
MESSAGE
    exit 1
fi

echo "Installing rabbitmq-server"
export DEBIAN_FRONTEND=noninteractive
# The package would start its own node; invoke-rc.d asks this policy first, and 101 means "do not".
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
apt-get update -qq
apt-get install -qq --yes --no-install-recommends rabbitmq-server >/dev/null
