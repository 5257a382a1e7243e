#!/usr/bin/env bash
# Write .env with fresh secrets for docker compose; an existing .env is kept, missing lines are added.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077
touch .env

add() { grep -q "^$1=" .env || echo "$1=$2" >> .env; }
password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
key() { head -c 32 /dev/urandom | base64; }

for name in POSTGRES RABBITMQ ADMIN; do add "LOYALTY_${name}_PASSWORD" "$(password)"; done
for name in IDENTITY MEMBERS POINTS COUPONS TIERS; do
    add "LOYALTY_${name}_PASSWORD" "$(password)"
    add "LOYALTY_${name}_OWNER_PASSWORD" "$(password)"
done
add LOYALTY_MASTER_KEY "$(key)"
add LOYALTY_LOOKUP_KEY "$(key)"
add LOYALTY_GATEWAY_SECRET "$(key)"
