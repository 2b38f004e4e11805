"""What QED's manifests and templates may name, and the Secrets that follow from settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from allup import Provided, Secret, tls_secret
from k8s.qed import data, images, pods
from k8s.qed.settings import Settings


def values(s: Settings, instance: str, sets: frozenset[str]) -> Mapping[str, Any]:
    """What the manifests and templates may name: every setting, and what follows from several."""
    demo = s.preset == "demo"
    user = s.app_user if s.app_user is not None else pods.DEMO_USER if demo else None
    given = {name: getattr(s, f"{name}_image") for name in images.IMAGES}
    style = s.dask_style or ("space" if demo else "old")
    liveness = {
        "exec": {"command": pods.ping("qed_worker")},
        "periodSeconds": 60,
        "timeoutSeconds": 20,
        "failureThreshold": 5,
    }
    return {
        **{f.name: getattr(s, f.name) for f in fields(s)},
        "instance": instance,
        "namespace": s.namespace or instance,
        **images.chosen(s.preset, s.registry, given),
        **data.mounts(sets),
        **pods.rights(user),
        **pods.dask(style, s.dask_worker_cpu, s.dask_worker_mem),
        "app_user": user,
        "pull_secrets": [{"name": s.image_pull_secret}] if s.image_pull_secret else None,
        "host_path": {"path": s.data_root, "type": "Directory"},
        "data_mode": s.data_access,
        "hms_volume": data.volume(sets, "hms-app-data", "hms-databases"),
        "dask_volume": data.volume(sets, "dask-source"),
        "postgres_volume": data.volume(sets, "pisces"),
        "site_check": _site_check(images.chosen(s.preset, s.registry, given)["django_image"], s, user)
        if "site" in sets
        else None,
        "is_public_text": str(s.is_public),
        "login_text": str(s.login),
        "hms_listens": s.hms_port or (8080 if demo else 80),
        **_https(s),
        "tomcat": "tomcat" in sets,
        "celery_liveness_probe": liveness if s.celery_liveness else None,
        "celery_command": pods.celery("qed_worker", "celery_cgi", "qed", s.celery_concurrency),
        "celery_ping": pods.ping("qed_worker"),
        "manager_command": pods.celery("manager_worker", "tasks", "manager_queue", 1),
        "manager_ping": pods.ping("manager_worker"),
        "cts_worker_command": pods.celery("cts_worker", "tasks", "cts_queue", s.cts_worker_concurrency),
        "cts_worker_ping": pods.ping("cts_worker"),
        "broker": pods.BROKER,
        "java_opts": f"-Xmx{s.tomcat_heap}",
    }


def _https(s: Settings) -> dict[str, Any]:
    """Where TLS ends: in nginx, or in the Ingress before it."""
    own, ingress = s.https != "none" and not s.ingress, s.https != "none" and s.ingress
    return {
        "https_on": own,
        "https_port": {"name": "https", "port": 443, "targetPort": "https"} if own else None,
        "https_volume": {"name": "certificate", "secret": {"secretName": "qed-tls"}} if own else None,
        "https_mount": {"name": "certificate", "mountPath": "/etc/qed-tls", "readOnly": True}
        if own
        else None,
        "ingress_tls": [{"hosts": [s.server_name], "secretName": "qed-tls"}] if ingress else None,
    }


_SITE = ("temp_config", "templates_qed", "static_qed")
_LOOK = (
    f"for one in {' '.join(_SITE)}; do "
    '[ "$(ls -A /src/$one)" ] || '
    '{ echo "the data volume has no $one, without which QED has no site: see docs/qed.md" >&2; exit 1; }; '
    "done"
)


def _site_check(image: str, s: Settings, user: int | None) -> list[Mapping[str, Any]]:
    """Django without its site ends in an ImportError, or in a page that says 500; this says why."""
    mounts = data.mounts(frozenset({"site"}))
    return [
        {
            "name": "site",
            "image": image,
            "imagePullPolicy": s.image_pull_policy,
            "command": ["sh", "-c", _LOOK],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "securityContext": pods.rights(user)["app_security"],
            "volumeMounts": [mounts[f"mount_{name}"] for name in data.SETS["site"]],
        }
    ]


def login(s: Settings) -> Secret:
    """The hash that Django compares with; a newline at its end would make every log-in fail."""
    return Secret(
        "qed-login",
        {
            "secret_key_login.txt": Provided(
                env="QED_LOGIN_HASH",
                file=s.login_hash,
                help="It is a bcrypt hash ($2b$…) of the password of the user qeduser",
            )
        },
        help="the hash of the password that people give",
    )


def certificate(s: Settings, instance: str) -> Secret:
    """What nginx shows on 443: yours, or one made here."""
    if s.https == "given":
        keys: Mapping[str, Any] = {
            "tls.crt": Provided(env="QED_TLS_CERT", file=s.tls_cert, help="Give --tls-cert FILE"),
            "tls.key": Provided(env="QED_TLS_KEY", file=s.tls_key, help="Give --tls-key FILE"),
        }
        return Secret("qed-tls", keys, type="kubernetes.io/tls", help="your certificate")
    names = (s.server_name, "qed-nginx", f"qed-nginx.{s.namespace or instance}.svc")
    return tls_secret(
        "qed-tls", bundle="nginx", dns_names=names, help="nginx' certificate, with a CA of its own"
    )
