"""What QED reads and writes: one volume, with the folders of a checkout of qed_kube in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allup import InputError

VOLUME = "qed-data"


@dataclass(frozen=True)
class Mount:
    """A folder (or file) of the volume, where a container sees it."""

    folder: str
    path: str
    writable: bool = False


_SAM = "/src/pram_flask/ubertool/ubertool/sam/bin"
_STATIC = "data/collected-static"
# With `_`: the original's flask had hyphens in these paths, where nothing reads them.
_SAM_PREPROCESSED = Mount("data/sam-preprocessed", f"{_SAM}/Preprocessed")
_SAM_RESULTS = Mount("data/sam-results", f"{_SAM}/Results", writable=True)
_BASINS = Mount("data/qed-basins", "/src/hms_flask/data/qed-basins")

ALWAYS: Mapping[str, Mount] = {
    "django_collected": Mount(_STATIC, "/src/collected_static", writable=True),
    "flask_collected": Mount(_STATIC, "/src/collected_static", writable=True),
    "celery_collected": Mount(_STATIC, "/src/collected_static", writable=True),
    "nginx_collected": Mount(_STATIC, "/src/collected_static"),
}
SETS: Mapping[str, Mapping[str, Mount]] = {
    "site": {
        "django_temp_config": Mount("temp_config", "/src/temp_config"),
        "django_templates": Mount("templates_qed", "/src/templates_qed"),
        "django_static": Mount("static_qed", "/src/static_qed"),
    },
    "sam": {
        "flask_sam_preprocessed": _SAM_PREPROCESSED,
        "flask_sam_results": _SAM_RESULTS,
        "celery_sam_preprocessed": _SAM_PREPROCESSED,
        "celery_sam_results": _SAM_RESULTS,
    },
    "basins": {"flask_basins": _BASINS, "celery_basins": _BASINS},
    "hms-app-data": {"hms_app_data": Mount("hms/Web.Services/App_Data", "/app/App_Data")},
    "hms-databases": {"hms_databases": Mount("data/hms-databases", "/app/data")},
    "dask-source": {"dask_source": Mount("qed_django", "/src/qed")},
    "pisces": {"postgres_seed": Mount("data/pisces", "/docker-entrypoint-initdb.d")},
    "tomcat": {
        "tomcat_webapps": Mount("data/tomcat-secrets/webapps", "/usr/local/tomcat/webapps"),
        "tomcat_users": Mount(
            "data/tomcat-secrets/tomcat-users.xml", "/usr/local/tomcat/conf/tomcat-users.xml"
        ),
        "tomcat_licenses": Mount("data/tomcat-secrets/chemaxon/licenses", "/home/tomcat/.chemaxon/licenses"),
    },
}
"""What a person may have besides, by its name in the setting ``data``. Mounted only when it is there: an
empty folder would hide what an image brings."""


def chosen(text: str) -> frozenset[str]:
    """The data sets that *text* names, with commas between; raises InputError for one that is not known."""
    named = [name.strip() for name in text.split(",") if name.strip()]
    for name in named:
        if name not in SETS:
            raise InputError(
                "the setting data",
                f"{name!r} is not a data set of QED",
                next_step=f"They are {', '.join(SETS)}; several stand with commas between",
            )
    return frozenset(named)


def mounts(sets: frozenset[str]) -> dict[str, Any]:
    """``mount_<name>`` for every mount there is: an item of ``volumeMounts``, None for what is not *sets*."""
    values: dict[str, Any] = {f"mount_{name}": _item(mount) for name, mount in ALWAYS.items()}
    for name, members in SETS.items():
        values |= {f"mount_{m}": _item(mount) if name in sets else None for m, mount in members.items()}
    return values


def volume(sets: frozenset[str], *names: str) -> Mapping[str, Any] | None:
    """The item of ``volumes``, None when none of *names* is among *sets*."""
    return {"name": "data", "persistentVolumeClaim": {"claimName": VOLUME}} if sets & {*names} else None


def _item(mount: Mount) -> Mapping[str, Any]:
    item = {"name": "data", "mountPath": mount.path, "subPath": mount.folder}
    return item if mount.writable else {**item, "readOnly": True}
