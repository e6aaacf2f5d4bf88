#!/bin/sh
# Installs what a chore needs and this machine lacks: install.sh run|test|clients|pages|bench|deny|schema
# Says nothing when all is there.
set -eu
cd "$(dirname "$0")/.."

say() { echo "install: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        fail "administrator rights are needed for: $*"
    fi
}

# No function below may take the name of a program that it calls.

# packages <apt> <dnf> <apk> <brew>: the same things by the names of each packager
packages() {
    if has apt-get; then
        say "installing $1"
        as_root apt-get update -q >/dev/null || say "the package lists could not be refreshed; trying with the old ones"
        # shellcheck disable=SC2086 # a list of words
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $1 >/dev/null
    elif has dnf; then
        say "installing $2"
        # shellcheck disable=SC2086
        as_root dnf install -y -q $2
    elif has apk; then
        say "installing $3"
        # shellcheck disable=SC2086
        as_root apk add --quiet $3
    elif has brew; then
        say "installing $4"
        # shellcheck disable=SC2086
        brew install --quiet $4
    else
        fail "please install these yourself, by the names that your system has for them: $1"
    fi
}

need_rust() {
    has cargo || fail "Rust is missing. Install it from https://rustup.rs (one line), open a new terminal, and try again."
}

# josekit brings its own OpenSSL, which is built with make and perl.
need_compiler() {
    if ! { has cc && has make && has perl; }; then
        packages "gcc libc6-dev make perl" "gcc make perl" "gcc musl-dev linux-headers make perl" "make perl"
    fi
    has cc || fail "a C compiler is missing. On macOS: xcode-select --install"
}

need_postgres() {
    has initdb && return
    for initdb in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb /usr/libexec/postgresql*/initdb \
        /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    packages postgresql postgresql-server postgresql postgresql
}

modern_node() { has node && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'; }

need_node() {
    if ! { modern_node && has npm; }; then
        packages "nodejs npm" "nodejs npm" "nodejs npm" node
    fi
    modern_node || fail "Node 20 or newer is needed for these tests: see https://nodejs.org"
    # npm writes this file when it is done; it is older than the lock file when that has changed.
    if [ ! tests/node_modules/.package-lock.json -nt tests/package-lock.json ]; then
        say "installing the clients under test"
        npm --prefix tests ci --no-fund --no-audit --loglevel=error
        touch tests/node_modules/.package-lock.json
    fi
}

need_python() {
    if ! python3 -c 'import venv, ensurepip' >/dev/null 2>&1; then
        packages "python3 python3-venv" python3 python3 python
    fi
}

# Packages in versions that others cannot take: python_environment DIRECTORY REQUIREMENTS
python_environment() {
    [ "$1/installed" -nt "$2" ] && return
    say "installing what is in $2"
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
    touch "$1/installed"
}

need_python_clients() {
    need_python
    for environment in "" -fastmcp -langchain; do
        python_environment "tests/.venv$environment" "tests/requirements$environment.txt"
    done
}

need_peer() {
    need_python
    python_environment benches/peer/.venv benches/peer/requirements.txt
}

need_browser() {
    [ -n "${CHROMIUM:-}" ] && return
    has chromium || packages chromium chromium chromium "--cask chromium"
}

cargo_program() {
    cargo "$1" --version >/dev/null 2>&1 || {
        say "installing cargo-$1 (some minutes, once)"
        cargo install --quiet --locked "cargo-$1"
    }
}

need_diesel() {
    has diesel && return
    has pg_config || packages libpq-dev libpq-devel libpq-dev libpq
    say "installing diesel_cli (some minutes, once)"
    cargo install --quiet --locked diesel_cli --no-default-features --features postgres
}

need_rust
case "${1:-}" in
    run) need_compiler; need_postgres ;;
    test) need_compiler; need_postgres; need_node; need_python_clients; need_browser; cargo_program deny ;;
    clients) need_compiler; need_postgres; need_node; need_python_clients; need_browser ;;
    bench) need_compiler; need_postgres; need_node; need_peer ;;
    pages) need_compiler; need_postgres; need_node; need_browser ;;
    deny) cargo_program deny ;;
    schema) need_postgres; need_diesel ;;
    *) fail "usage: install.sh run|test|clients|pages|bench|deny|schema" ;;
esac
