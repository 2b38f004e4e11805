#!/bin/sh
# The original copies its reports where nginx serves them from, and becomes uwsgi.
set -e
mkdir -p /src/collected_static/reports
cp /src/report.txt /src/collected_static/reports/
exec uwsgi --ini /src/uwsgi.ini
