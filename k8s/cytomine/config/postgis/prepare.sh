# Runs as root. What the image brings is copied once, whole or not at all, with its modes: PostgreSQL refuses a
# directory that others may read.
set -eu
data={{ postgis_data }}
from={{ postgis_from }}
if [ -n "$from" ] && [ ! -s "$data/PG_VERSION" ]; then
    rm -rf "$data.new"
    cp -a "$from" "$data.new"
    [ ! -d "$data" ] || rmdir "$data"
    mv "$data.new" "$data"
    echo "the image's database is on the claim"
fi
mkdir -p "$data"
chown -R {{ postgis_uid }} "$data"
chmod 0700 "$data"
