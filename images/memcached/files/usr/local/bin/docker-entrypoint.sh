#!/bin/sh
# Options alone mean memcached with them; any other command runs as it is.
case ${1:-} in
    -*) set -- memcached "$@" ;;
esac
exec "$@"
