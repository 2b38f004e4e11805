"""What QED's pods have in common: who they run as, how Dask and Celery are started and probed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from allup import Quantity

BROKER = "redis://redis:6379/0"
DEMO_USER = 1000
DEATH_TIMEOUT = 180  # seconds that a Dask worker looks for its scheduler before it gives up
_ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")


def rights(user: int | None) -> dict[str, Any]:
    """What the apps' pods and containers may: Pod Security's ``restricted`` when their *user* is known.

    Without one the image decides, and QED's are made for root: ``baseline`` then, with the few capabilities
    that root needs to own files and to become somebody else; HMS' one more, for its port 80.
    """
    seccomp = {"type": "RuntimeDefault"}
    if user is None:
        return {
            "app_pod_security": {"seccompProfile": seccomp},
            "app_security": _confined(*_ROOTS),
            "hms_security": _confined(*_ROOTS, "NET_BIND_SERVICE"),
        }
    pod = {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": seccomp,
    }
    return {"app_pod_security": pod, "app_security": _confined(), "hms_security": _confined()}


def _confined(*capabilities: str) -> Mapping[str, Any]:
    added = {"add": list(capabilities)} if capabilities else {}
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], **added}}


def dask(style: str, cpu: Quantity, memory: Quantity) -> dict[str, Any]:
    """How Dask is started and where it is probed.

    ``/health`` is there from distributed 2.15.0 (2020) on, ``--nworkers`` and ``dask worker`` from 2022 on;
    an older one answers ``/json/identity.json``, its workers nothing.
    """
    threads = str(max(1, math.ceil(Quantity(cpu).amount)))
    limit = str(int(Quantity(memory).scaled(0.8).amount))  # Dask spills and pauses before the kernel kills
    common = ["--worker-port", "8788", "--nthreads", threads, "--memory-limit", limit]
    common += ["--death-timeout", str(DEATH_TIMEOUT), "--local-directory", "/var/tmp"]
    old = style == "old"
    new_scheduler = ["dask", "scheduler", "--port", "8786", "--dashboard-address", ":8787"]
    new_worker = ["dask", "worker", "tcp://dask-scheduler:8786", "--nanny-port", "8789", "--nworkers", "1"]
    return {
        "dask_scheduler_args": ["dask-scheduler"] if old else new_scheduler,
        "dask_worker_args": ["dask-worker", "tcp://dask-scheduler:8786", *common]
        if old
        else [*new_worker, "--dashboard-address", ":8787", *common],
        "dask_health_path": "/json/identity.json" if old else "/health",
        "dask_worker_http": None if old else {"path": "/health", "port": 8787},
        "dask_worker_tcp": {"port": 8788} if old else None,
        "dask_startup_failures": (DEATH_TIMEOUT + 30) // 5,
    }


def celery(name: str, app: str, queue: str, concurrency: int) -> Sequence[str]:
    """The command of a worker. ``@%h`` tells replicas apart; without ``-c`` it would count the node's cores.

    ``celery -A APP worker`` is the one order that every Celery from 3.1 to 5 takes.
    """
    words = ["celery", "-A", app, "worker", "-Q", queue, "--loglevel=INFO"]
    return [*words, "-c", str(concurrency), "-n", f"{name}@%h"]


def ping(name: str) -> Sequence[str]:
    """The command that asks this pod's own worker: exit 0 and ``pong`` when it answers, else 69.

    Without ``-A``, so that the app, which takes long to import, is not loaded for every probe.
    """
    asked = f"celery -b {BROKER} inspect ping -d {name}@$HOSTNAME -t 10"
    return ["sh", "-c", asked]
