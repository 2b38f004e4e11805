#!/bin/sh
# Starts Redis in /data: options alone, or a configuration file, mean redis-server with them. As in the official
# image the protected mode is off unless something says otherwise. Any other command runs as it is.
set -eu

# Whether the options, or the configuration file among them, say anything of the protected mode.
says_protected() {
    for word in "$@"; do
        case $word in
            --protected-mode*) return 0 ;;
            *.conf) [ ! -r "$word" ] || ! grep -qi '^[[:space:]]*protected-mode' "$word" || return 0 ;;
        esac
    done
    return 1
}

case ${1:-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1:-}" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        [ "$PWD" = / ] || find . -xdev ! -user redis -exec chown --no-dereference redis '{}' +
        exec setpriv --reuid=redis --regid=redis --clear-groups --no-new-privs "$0" "$@"
    fi
    umask 0077
    case ${2:-} in
        -v | --version | -h | --help | --test-memory | --check-system) exec "$@" ;;
    esac
    says_protected "$@" || set -- "$@" --protected-mode no
fi
exec "$@"
