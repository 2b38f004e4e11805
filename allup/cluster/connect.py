"""From a kubeconfig and a context to an Api, with the client library's silent traps closed.

A failing credential plugin is an error here (the library only logs it and goes on as anonymous), and
impersonation (``as``, ``as-groups``, ``as-uid``) is sent as headers (the library ignores it, and the user
would act with full rights).
"""

from __future__ import annotations

import base64
import hashlib
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.config
import yaml

from allup.cluster.requests import Api, Timeouts
from allup.errors import ApiError, ClusterError, InputError, did_you_mean
from allup.redaction import Redactor

OLDEST_SERVER = (1, 28)
POOL_SIZE = 48


def contexts(kubeconfig: str) -> tuple[str, ...]:
    """The names of the contexts in a kubeconfig (several paths are merged as kubectl does)."""
    merged = _read(kubeconfig)
    return tuple(str(context["name"]) for context in merged.get("contexts") or ())


@dataclass(frozen=True)
class Entry:
    """What a kubeconfig says of one context, as it stands there; *cluster* and *user* are ``{}`` when the
    names lead nowhere, *file* is the first of the files."""

    context: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    file: Path

    def authority(self) -> bytes:
        """The certificate of the authority that the server is checked against, ``b""`` when there is none or
        it cannot be read."""
        inline = self.cluster.get("certificate-authority-data")
        try:
            if inline:
                return base64.b64decode(str(inline), validate=True)
            named = self.cluster.get("certificate-authority")
            # A relative path is relative to the kubeconfig.
            return (self.file.parent / str(named)).read_bytes() if named else b""
        except (ValueError, OSError):
            return b""


def entry(kubeconfig: str, context: str) -> Entry:
    """What the kubeconfig says of *context*. Raises InputError."""
    settings = _read(kubeconfig)
    known = [str(each["name"]) for each in settings["contexts"] if each.get("name")]
    if context not in known:
        raise InputError(
            f"context {context!r}",
            f"is not in {kubeconfig}{did_you_mean(context, known)}",
            evidence=f"It has {', '.join(known) or 'none'}",
        )
    names = next((c.get("context") or {} for c in settings["contexts"] if c.get("name") == context), {})
    cluster: dict[str, Any] = next(
        (c for c in settings["clusters"] if c.get("name") == names.get("cluster")), {}
    )
    first = next(path for path in map(Path, kubeconfig.split(":")) if path.expanduser().exists())
    return Entry(context, cluster.get("cluster") or {}, _user(settings, context), first.expanduser())


def connect(
    kubeconfig: str,
    context: str,
    *,
    redactor: Redactor,
    stop: threading.Event,
    patience: float = 30.0,
    timeouts: Timeouts = Timeouts(),  # noqa: B008  # frozen
) -> Api:
    """An Api for one context. Sends nothing yet. Raises InputError and ClusterError."""
    user = dict(entry(kubeconfig, context).user)
    configuration = kubernetes.client.Configuration()
    with _library_errors() as errors:
        _load(kubeconfig, context, configuration)
    if "exec" in user and not (configuration.api_key or configuration.cert_file):
        raise ClusterError(
            f"context {context!r}",
            f"its credential plugin {user['exec'].get('command')!r} gave no credentials",
            evidence=redactor.mask(" ".join(errors.messages)),
            next_step="Run the plugin by hand, or renew your login",
        )
    configuration.connection_pool_maxsize = POOL_SIZE
    configuration.retries = False
    # A log is followed for as long as it says nothing: only the kernel can find out that its server is gone.
    configuration.socket_options = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    client = kubernetes.client.ApiClient(configuration)

    def renew() -> None:
        """Reads the kubeconfig again and runs its plugin: a token may be refused before it says it ends."""
        fresh = kubernetes.client.Configuration()
        with _library_errors():
            _load(kubeconfig, context, fresh)
        configuration.api_key = fresh.api_key
        configuration.refresh_api_key_hook = fresh.refresh_api_key_hook

    return Api(
        client,
        redactor=redactor,
        stop=stop,
        patience=patience,
        timeouts=timeouts,
        headers=_impersonation(user, context),
        renew=renew,
    )


def _load(kubeconfig: str, context: str, configuration: Any) -> None:
    try:
        kubernetes.config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
        )
    except (kubernetes.config.ConfigException, OSError, ValueError) as error:
        raise ClusterError(f"context {context!r}", f"its kubeconfig cannot be used ({error})") from error


def server_version(api: Api) -> str:
    """The server's version; raises ClusterError when it is older than we support."""
    answer = api.get("/version")
    try:
        version = (int(answer["major"]), int(str(answer["minor"]).rstrip("+")))
    except (KeyError, TypeError, ValueError):
        raise ClusterError(f"cluster at {api.server}", "does not tell its version") from None
    if version < OLDEST_SERVER:
        raise ClusterError(
            f"cluster at {api.server}",
            f"runs Kubernetes {version[0]}.{version[1]}; allup needs "
            f"{OLDEST_SERVER[0]}.{OLDEST_SERVER[1]} or newer",
        )
    return str(answer.get("gitVersion", ""))


def fingerprints(api: Api) -> tuple[str, ...]:
    """What tells this cluster from another of the same name, the better first.

    kube-system's uid where it may be read; ``ca:`` and the hash of the authority that its certificate is
    checked against, if there is one. Raises when the server fails to answer: that is no other cluster.
    """
    found = []
    try:
        found.append(str(api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]))
    except ApiError as error:
        if error.status not in (403, 404):
            raise
    authority = api.configuration.ssl_ca_cert
    if authority:
        found.append("ca:" + hashlib.sha256(Path(authority).read_bytes()).hexdigest())
    return tuple(found)


def _read(kubeconfig: str) -> dict[str, Any]:
    paths = [Path(part).expanduser() for part in kubeconfig.split(":") if part]
    present = [path for path in paths if path.exists()]
    if not present:
        raise InputError(f"kubeconfig {kubeconfig}", "is not there", next_step="Name one with --kubeconfig")
    merged: dict[str, Any] = {"contexts": [], "users": [], "clusters": []}
    for path in present:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or "not readable"
            raise InputError(f"kubeconfig {path}", f"cannot be read ({reason})") from None
        if not isinstance(content, dict):
            raise InputError(f"kubeconfig {path}", "is not a kubeconfig")
        if not all(isinstance(content.get(key) or [], list) for key in merged):
            raise InputError(f"kubeconfig {path}", "is not a kubeconfig")
        for key in merged:
            merged[key] += [entry for entry in content.get(key) or () if isinstance(entry, dict)]
    return merged


def _user(settings: dict[str, Any], context: str) -> dict[str, Any]:
    for entry in settings["contexts"]:
        if entry.get("name") == context:
            name = (entry.get("context") or {}).get("user")
            for user in settings["users"]:
                if user.get("name") == name:
                    return dict(user.get("user") or {})
    return {}


def _impersonation(user: dict[str, Any], context: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if user.get("as"):
        headers["Impersonate-User"] = str(user["as"])
    if user.get("as-uid"):
        headers["Impersonate-Uid"] = str(user["as-uid"])
    groups = user.get("as-groups") or ()
    if len(groups) > 1 or user.get("as-user-extra"):
        raise ClusterError(
            f"context {context!r}",
            "impersonates with several groups or extra fields, which allup cannot send",
            next_step="Use a context of its own for that identity",
        )
    if groups:
        headers["Impersonate-Group"] = str(groups[0])
    return headers


@contextmanager
def _library_errors() -> Iterator[_Errors]:
    errors, library_log = _Errors(), logging.getLogger()
    library_log.addHandler(errors)
    try:
        yield errors
    finally:
        library_log.removeHandler(errors)


class _Errors(logging.Handler):
    """Collects what the client library logs instead of raising."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
