#!/usr/bin/env bash
# Sees that a full PostgreSQL (TLS, contrib), openssl and PgBouncer are there for the tests,
# installing Debian's where that is allowed: as root, with apt-get. The tests run without them as
# well, and say which of them are left out, so this always succeeds.
set -uo pipefail

found() {
    local bin
    for bin in "${PSYCOXIDE_PG_BIN:-}" "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin; do
        [ -n "$bin" ] && [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && return 0
    done
    return 1
}

pooler() {
    [ -n "${PSYCOXIDE_TEST_PGBOUNCER:-}" ] || PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null
}

missing=()
found && command -v openssl >/dev/null || missing+=(postgresql postgresql-contrib openssl)
pooler || missing+=(pgbouncer)
[ ${#missing[@]} = 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    for package in "${missing[@]}"; do
        apt-get install -y -qq --no-install-recommends "$package" </dev/null >/dev/null
    done
fi
pooler || echo "No PgBouncer here, and it cannot be installed: tests through it are left out."
found || echo "No full PostgreSQL here, and it cannot be installed: tests that need TLS or contrib are left out."
exit 0
