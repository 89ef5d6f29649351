#!/usr/bin/env bash
# Sees that a full PostgreSQL (TLS, contrib) and openssl are there for the tests, installing
# Debian's where that is allowed: as root, with apt-get. The tests run without it as well, and say
# which of them are left out, so this always succeeds.
set -uo pipefail

found() {
    local bin
    for bin in "${PSYCOXIDE_PG_BIN:-}" "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
        [ -n "$bin" ] && [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && return 0
    done
    return 1
}

found && command -v openssl >/dev/null && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null &&
        apt-get install -y -qq --no-install-recommends \
            postgresql postgresql-contrib openssl </dev/null >/dev/null
fi
found || echo "No full PostgreSQL here, and it cannot be installed: tests that need TLS or contrib are left out."
exit 0
