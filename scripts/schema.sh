#!/bin/sh
# Writes src/schema.rs anew: every migration applied to a throwaway PostgreSQL, and the result printed by diesel.
set -eu
cd "$(dirname "$0")/.."

for initdb in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /opt/homebrew/opt/postgresql*/bin/initdb \
    "$(command -v initdb || true)"; do
    [ -x "$initdb" ] && bin=$(dirname "$initdb")
done
dir=$(mktemp -d /tmp/portcullis-schema.XXXXXX)

# PostgreSQL refuses to run as root.
if [ "$(id -u)" = 0 ]; then
    chown postgres "$dir"
    as_owner() { (cd "$dir" && su postgres -s /bin/sh -c "$1"); }
else
    as_owner() { sh -c "$1"; }
fi

tidy_up() {
    as_owner "'$bin/pg_ctl' -D '$dir/data' -m immediate stop" >/dev/null 2>&1 || true
    rm -rf "$dir"
}
trap tidy_up EXIT

as_owner "'$bin/initdb' -D '$dir/data' -U portcullis -A trust -E UTF8 --no-locale -N" >/dev/null
as_owner "'$bin/pg_ctl' -D '$dir/data' -w -l '$dir/log' -o \"-k '$dir' -h '' -F\" start" >/dev/null

diesel migration run --database-url "postgres:///postgres?host=$dir&user=portcullis"
