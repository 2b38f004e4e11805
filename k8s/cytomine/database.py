"""How PostgreSQL is started, as its image wants it: Cytomine's own, or the official one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from allup import InputError
from k8s.cytomine.settings import Settings

_OLD = "/var/lib/postgresql/10/main"  # where Cytomine's image has its database, made when it was built
_POD_IP = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
_CONFIG = "/etc/postgresql/10/main/postgresql.conf"


def values(s: Settings) -> Mapping[str, Any]:
    """What the manifest and the scripts of PostgreSQL may name.

    ``-c data_directory`` is the one way to move the data: the configuration file of Debian's packages sets
    it, and wins over ``-D`` (docker-library/postgres issue 1235). Raises InputError for an extension that is
    no name.
    """
    wanted = [name.strip() for name in s.postgis_extensions.split(",") if name.strip()]
    for name in wanted:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            raise InputError("the setting postgis_extensions", f"{name!r} is not the name of an extension")
    if s.postgis_style == "official":
        data = "/postgres-data/pgdata"
        return {
            "postgis_data": data,
            "postgis_from": "''",
            "postgis_program": "postgres",
            "postgis_options": ["-D", data],
            "postgis_command": None,
            "postgis_args": ["postgres"],
            "postgis_env": [
                _POD_IP,
                {"name": "PGDATA", "value": data},
                {"name": "POSTGRES_USER", "value": "docker"},
                {"name": "POSTGRES_DB", "value": "docker"},
                {"name": "POSTGRES_PASSWORD_FILE", "value": "/run/cytomine-database/password"},
            ],
            "postgis_extensions_made": wanted,
        }
    data = "/postgres-data/main"
    program = "/usr/lib/postgresql/10/bin/postgres"
    options = ["-c", f"config_file={_CONFIG}", "-c", f"data_directory={data}"]
    return {
        "postgis_data": data,
        "postgis_from": _OLD,
        "postgis_program": program,
        "postgis_options": options,
        "postgis_command": [program],
        "postgis_args": [*options, "-c", "listen_addresses=*", "-c", "ssl=off"],
        "postgis_env": [_POD_IP],
        "postgis_extensions_made": [],
    }
