#!/bin/sh
# Starts RabbitMQ. The server itself reads RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST,
# on an empty /var/lib/rabbitmq; each may be given as NAME_FILE too, and so may RABBITMQ_ERLANG_COOKIE, which
# becomes the file that the server and rabbitmqctl share. Any other command runs as it is.
set -eu

fail() {
    echo "rabbitmq: $*" >&2
    exit 1
}

# NAME: exports NAME from the file that NAME_FILE names, if it is set.
from_file() {
    eval "given=\${$1:-} file=\${$1_FILE:-}"
    [ -n "$file" ] || return 0
    [ -z "$given" ] || fail "both $1 and $1_FILE are set"
    [ -r "$file" ] || fail "$1_FILE names $file, which cannot be read"
    eval "$1=\$(cat \"\$file\")"
    export "$1"
    unset "$1_FILE"
}

# A cookie that is there already is not replaced: a cluster may depend on it.
write_cookie() {
    cookie=/var/lib/rabbitmq/.erlang.cookie
    if [ -s "$cookie" ]; then
        [ "$(cat "$cookie")" = "$RABBITMQ_ERLANG_COOKIE" ] || fail "$cookie holds another cookie"
    else
        (umask 0377 && printf '%s' "$RABBITMQ_ERLANG_COOKIE" >"$cookie")
    fi
    unset RABBITMQ_ERLANG_COOKIE
}

case ${1:-} in
    -*) set -- rabbitmq-server "$@" ;;
esac
if [ "${1:-}" = rabbitmq-server ]; then
    for name in RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS RABBITMQ_DEFAULT_VHOST RABBITMQ_ERLANG_COOKIE; do
        from_file "$name"
    done
    [ -z "${RABBITMQ_ERLANG_COOKIE:-}" ] || write_cookie
fi
exec "$@"
