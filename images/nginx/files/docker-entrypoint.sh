#!/bin/sh
# Before nginx starts, the scripts in /docker-entrypoint.d run in the order of their names: .envsh is read into
# this shell, .sh runs if it may be executed. Any other command runs as it is.
set -eu

case ${1:-} in
    nginx | nginx-debug)
        for script in /docker-entrypoint.d/*; do
            case $script in
                *.envsh) if [ -x "$script" ]; then . "$script"; fi ;;
                *.sh) if [ -x "$script" ]; then "$script"; fi ;;
            esac
        done
        ;;
esac
exec "$@"
