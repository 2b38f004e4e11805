#!/bin/sh
set -e
python3 manage.py collectstatic --noinput
python3 manage.py migrate auth
python3 manage.py migrate sessions
exec uwsgi --ini /src/uwsgi.ini
