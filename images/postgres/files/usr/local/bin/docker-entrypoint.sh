#!/bin/sh
# Starts PostgreSQL; on an empty PGDATA it makes the cluster first, with the variables that the official image
# documents: POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB, POSTGRES_INITDB_ARGS, POSTGRES_INITDB_WALDIR,
# POSTGRES_HOST_AUTH_METHOD; the first four also as NAME_FILE. Any other command runs as it is.
set -eu

fail() {
    echo "postgres: $*" >&2
    exit 1
}

# NAME DEFAULT: sets NAME to itself, else to the contents of the file that NAME_FILE names, else to DEFAULT.
setting() {
    eval "given=\${$1:-} file=\${$1_FILE:-}"
    if [ -n "$file" ]; then
        [ -z "$given" ] || fail "both $1 and $1_FILE are set"
        [ -r "$file" ] || fail "$1_FILE names $file, which cannot be read"
        given=$(cat "$file")
    fi
    [ -n "$given" ] || given=$2
    eval "$1=\$given"
    unset "$1_FILE"
}

# Whether the server is to run, not only to print something about itself.
serves() {
    [ "${1:-}" = postgres ] || return 1
    for word in "$@"; do
        case $word in
            -\? | --help | --describe-config | -V | --version | -C) return 1 ;;
        esac
    done
}

initialise() {
    setting POSTGRES_PASSWORD ''
    setting POSTGRES_USER postgres
    setting POSTGRES_DB "$POSTGRES_USER"
    setting POSTGRES_INITDB_ARGS ''
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    [ -n "$POSTGRES_PASSWORD" ] || [ "$method" = trust ] ||
        fail 'there is no database yet and no password for it: set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE' \
            '(POSTGRES_HOST_AUTH_METHOD=trust lets everybody in without one)'

    set -- --username="$POSTGRES_USER"
    [ -z "${POSTGRES_INITDB_WALDIR:-}" ] || set -- "$@" --waldir="$POSTGRES_INITDB_WALDIR"
    # The arguments are a line of shell words, as the official image reads them.
    eval "set -- \"\$@\" $POSTGRES_INITDB_ARGS"
    if [ -n "$POSTGRES_PASSWORD" ]; then
        printf '%s\n' "$POSTGRES_PASSWORD" | initdb --pgdata="$PGDATA" --pwfile=/dev/stdin "$@"
    else
        initdb --pgdata="$PGDATA" "$@"
    fi
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    printf '\nhost all all all %s\n' "$method" >>"$PGDATA/pg_hba.conf"

    # Until everything is there, only this container reaches the server.
    pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
    export PGUSER="$POSTGRES_USER" PGPASSWORD="$POSTGRES_PASSWORD"
    if [ "$POSTGRES_DB" != postgres ]; then
        echo 'CREATE DATABASE :"wanted"' | sql --dbname=postgres --set=wanted="$POSTGRES_DB"
    fi
    export POSTGRES_USER POSTGRES_DB POSTGRES_PASSWORD
    for script in /docker-entrypoint-initdb.d/*; do
        run_script "$script"
    done
    pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
    echo 'postgres: initialised; starting'
}

sql() {
    psql --set=ON_ERROR_STOP=1 --no-password --no-psqlrc --quiet "$@"
}

run_script() {
    case $1 in
        *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
        *.sql) sql --dbname="$POSTGRES_DB" --file="$1" ;;
        *.sql.gz) gzip -dc "$1" | sql --dbname="$POSTGRES_DB" ;;
        *.sql.xz) xz -dc "$1" | sql --dbname="$POSTGRES_DB" ;;
        *'/*') ;;
        *) echo "postgres: $1 is passed over: it is no .sh, .sql, .sql.gz or .sql.xz" ;;
    esac
}

case ${1:-} in
    -*) set -- postgres "$@" ;;
esac
if serves "$@"; then
    if [ "$(id -u)" = 0 ]; then
        mkdir -p "$PGDATA" /run/postgresql
        find "$PGDATA" /run/postgresql -xdev ! -user postgres -exec chown --no-dereference postgres '{}' +
        exec setpriv --reuid=postgres --regid=postgres --clear-groups --no-new-privs "$0" "$@"
    fi
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA" || echo "postgres: $PGDATA keeps its mode" >&2
    if [ -s "$PGDATA/PG_VERSION" ]; then
        echo 'postgres: the data are there; nothing is initialised'
    else
        (initialise) # what it read and exported is gone with it
    fi
fi
exec "$@"
