"""QED's settings, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

from allup import InputError, PlatformSettings, Quantity, setting
from k8s.qed import data, images

LEAST_MEMORY = Quantity("128Mi")
_OTHER = "image instead of the preset's"


@dataclass(frozen=True, kw_only=True)
class Settings(PlatformSettings):
    """What a person may set for QED."""

    preset: str = setting(
        "quanted",
        choices=images.PRESETS,
        env="QED_PRESET",
        help="quanted: QED's own images; demo: public images, and small apps of ours where there are none",
    )
    registry: str = setting("", env="QED_REGISTRY", help="prefix of the images that you or we build")
    image_pull_policy: str = setting(
        "IfNotPresent", choices=("IfNotPresent", "Always", "Never"), help="when nodes pull the images"
    )
    image_pull_secret: str | None = setting(None, help="name of an existing pull Secret")
    nginx_image: str | None = setting(None, help=_OTHER)
    django_image: str | None = setting(None, help=_OTHER)
    flask_image: str | None = setting(None, help=f"{_OTHER}; Celery runs it too")
    flower_image: str | None = setting(None, help=_OTHER)
    cts_nodejs_image: str | None = setting(None, help=_OTHER)
    cts_celery_image: str | None = setting(None, help=f"{_OTHER}, of cts-manager and cts-worker")
    redis_image: str | None = setting(None, help=_OTHER)
    mongodb_image: str | None = setting(None, help=_OTHER)
    hms_image: str | None = setting(None, help=_OTHER)
    dask_image: str | None = setting(None, help=f"{_OTHER}, of scheduler and workers")
    tomcat_image: str | None = setting(None, help=_OTHER)
    postgres_image: str | None = setting(None, help=_OTHER)
    app_user: int | None = setting(None, help="uid of the apps (default: demo 1000, quanted the images')")

    data: str | None = setting(
        None, help=f"data sets that are there: {', '.join(data.SETS)} (default: site; demo: none)"
    )
    data_root: str = setting("", env="QED_DATA_ROOT", help="folder of the nodes: a checkout of qed_kube")
    data_size: Quantity = setting("1Gi", help="disk for the data")
    data_access: str = setting(
        "ReadWriteOnce",
        choices=("ReadWriteOnce", "ReadWriteMany"),
        help="access mode of the data; several nodes or replicas need ReadWriteMany",
    )
    redis_size: Quantity = setting("1Gi", help="disk of Redis")
    mongodb_size: Quantity = setting("1Gi", help="disk of MongoDB")
    postgres_size: Quantity = setting("1Gi", help="disk of PostgreSQL")
    storage_class: str | None = setting(None, help="class of the claims (default: the cluster's)")

    service_type: str = setting("ClusterIP", choices=("ClusterIP", "NodePort"), help="type of nginx' Service")
    https: str = setting(
        "none", choices=("none", "made", "given"), help="certificate: none, one made here, or yours"
    )
    server_name: str = setting("qed.local", help="host name of the Ingress, and in a certificate made here")
    ingress: bool = setting(False, help="an Ingress for the site; a certificate is its own then")
    ingress_class: str | None = setting(None, help="class of the Ingress (default: the cluster's)")
    tls_cert: str = setting("", help="file of your certificate with its chain (--https given)")
    tls_key: str = setting("", help="file of its key")
    login: bool = setting(False, help="ask for a password (images from mid 2019 on): QED_LOGIN_HASH")
    login_hash: str = setting("", help="file with the bcrypt hash of the password")
    is_public: bool = setting(False, help="the public site: fewer pages, no debugging")
    django_settings: str = setting("settings_allup", help="Django's settings module; ours knows the database")

    mongodb: bool = setting(True, help="run MongoDB, which needs a CPU with AVX; models keep nothing without")
    flower: bool = setting(True, help="run Flower")
    cts: bool = setting(True, help="run the chemical transformation simulator")
    hms: bool = setting(True, help="run the hydrologic micro services")
    dask: bool = setting(True, help="run Dask")
    celery_replicas: int = setting(1, help="Celery workers")
    celery_concurrency: int = setting(2, help="processes of a Celery worker")
    celery_liveness: bool = setting(False, help="restart Celery workers that do not answer for minutes")
    cts_worker_replicas: int = setting(1, help="workers of CTS")
    cts_worker_concurrency: int = setting(2, help="processes of a worker of CTS")
    dask_workers: int = setting(1, help="Dask workers")
    dask_worker_cpu: Quantity = setting("500m", help="CPU of a Dask worker, request and limit")
    dask_worker_mem: Quantity = setting("512Mi", help="memory of a Dask worker, request and limit")
    dask_style: str | None = setting(
        None, choices=("space", "old"), help="'dask scheduler', or 'dask-scheduler' of 2019 (quanted)"
    )
    django_mem: Quantity = setting("1Gi", help="memory limit of Django")
    flask_mem: Quantity = setting("1Gi", help="memory limit of flask")
    celery_mem: Quantity = setting("1Gi", help="memory limit of a Celery worker")
    cts_mem: Quantity = setting("1Gi", help="memory limit of a worker of CTS")
    hms_mem: Quantity = setting("1Gi", help="memory limit of HMS")
    hms_port: int | None = setting(None, help="port that HMS listens on (default: 80; demo: 8080)")
    mongodb_mem: Quantity = setting("1Gi", help="memory limit of MongoDB")
    tomcat_heap: str = setting("512m", help="Java's heap of Tomcat")


def refuse_impossible(s: Settings, sets: frozenset[str]) -> None:
    """Raises InputError for what cannot be; *sets* are the data sets that are there."""
    if s.preset == "quanted" and not s.django_image and "site" not in sets:
        raise InputError(
            "the setting data",
            "lacks site, without which QED's Django does not start",
            evidence="It imports temp_config and reads templates_qed and static_qed; its image has none",
            next_step="Add site, or choose --preset demo",
        )
    if "pisces" in sets and not s.data_root:
        raise InputError(
            "the setting data",
            "has pisces, and there is no data_root",
            evidence="PostgreSQL and the apps are different users, who would take a claim from each other",
            next_step="Give --data-root, or load the SQL into the running database",
        )
    if s.data_root and not s.data_root.startswith("/"):
        raise InputError(
            "the setting data_root",
            f"{s.data_root!r} is not an absolute path",
            evidence="It is a folder of the nodes, not of this machine",
            next_step="Give --data-root /path/on/the/nodes",
        )
    if (s.https == "given") != bool(s.tls_cert or s.tls_key):
        raise InputError(
            "the settings https, tls_cert and tls_key",
            "contradict each other",
            next_step="Give --https given together with --tls-cert FILE and --tls-key FILE",
        )
    if s.app_user == 0:
        raise InputError(
            "the setting app_user",
            "0 is root, which the apps are when nothing is said",
            next_step="Leave it out, or give a uid above 0 that the images can run as",
        )
    _refuse_counts(s, sets)


def _refuse_counts(s: Settings, sets: frozenset[str]) -> None:
    replicas = {
        "celery_replicas": s.celery_replicas,
        "cts_worker_replicas": s.cts_worker_replicas,
        "dask_workers": s.dask_workers,
    }
    sharing = {"celery_replicas"} | ({"dask_workers"} if "dask-source" in sets else set())
    for name, number in replicas.items():
        if number < 0:
            raise InputError(f"the setting {name}", f"{number} cannot be")
        if number > 1 and name in sharing and s.data_access == "ReadWriteOnce":
            raise InputError(
                f"the setting {name}",
                f"{number} of them cannot share a volume that is ReadWriteOnce",
                next_step="Give --data-access ReadWriteMany, on storage that can do it",
            )
    processes = {
        "celery_concurrency": s.celery_concurrency,
        "cts_worker_concurrency": s.cts_worker_concurrency,
    }
    for name, number in processes.items():
        if number < 1:
            raise InputError(f"the setting {name}", f"{number} processes do no work")
    if Quantity(s.dask_worker_mem).amount < LEAST_MEMORY.amount:
        least = f"no worker of Dask starts with less than {LEAST_MEMORY}"
        raise InputError(
            "the setting dask_worker_mem",
            f"{s.dask_worker_mem} is too little: {least}",
            next_step=f"Write {s.dask_worker_mem}Mi" if s.dask_worker_mem.isdigit() else "Give 512Mi",
        )
