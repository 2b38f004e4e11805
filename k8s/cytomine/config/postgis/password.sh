# Sets the role's password with a server for one user only, which nobody else can reach. The password is standard
# input's: in no argument list.
set -eu
data={{ postgis_data }}
if [ ! -s "$data/PG_VERSION" ]; then
    echo "nothing is there yet: the first start sets the password"
    exit 0
fi
read -r password < /run/cytomine-database/password || [ -n "$password" ]
printf "ALTER ROLE docker PASSWORD '%s'\n" "$password" |
    {{ postgis_program }} --single {{ postgis_options | join(" ") }} -c log_min_error_statement=panic docker \
        > /tmp/said 2>&1 || code=$?
if [ "${code:-0}" != 0 ] || grep -q ERROR /tmp/said; then
    cat /tmp/said >&2
    exit 1
fi
echo "the password of role docker is the Secret's"
