"""Registries: does one have an image, and one of our own on this machine.

Source: OCI distribution specification 1.1, "Pulling manifests"; docker's token authentication.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException
from pathlib import Path

from allup import registrylogin
from allup.commands import Command
from allup.errors import AllupError
from allup.images.references import DOCKER_HUB, Reference

CONTAINER = "allup-registry"
OWNER = "allup.registry"
PORT = 5000
TIMEOUT = 10.0
_HUB_HOST = "registry-1.docker.io"
_KINDS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True)
class Presence:
    """What a registry says of an image: *there* is None when it did not say."""

    reference: Reference
    there: bool | None
    said: str


def local(host: str) -> bool:
    """Whether docker speaks plain HTTP to it without being told: 127.0.0.0/8 and localhost."""
    name = host.rpartition(":")[0] or host
    return name == "localhost" or name.startswith("127.") or name == "[::1]"


def presence(reference: Reference, logins: Mapping[str, tuple[str, str]]) -> Presence:
    """Asks the registry of *reference*. *logins* are user and password by registry, as a docker config names
    them. Never raises for what a registry or the network does."""
    full = Reference.parse(reference.full)
    host = _HUB_HOST if full.registry == DOCKER_HUB else full.registry
    scheme = "http" if local(host) else "https"
    url = f"{scheme}://{host}/v2/{full.repository}/manifests/{full.digest or full.tag}"
    login = logins.get(registrylogin.address(full.registry))
    try:
        status, headers = _head(url, "")
        if status == 401:
            authorization = _authorization(headers.get("WWW-Authenticate", ""), full.repository, login)
            status, headers = _head(url, authorization) if authorization else (status, headers)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Presence(reference, None, f"{host} does not answer ({reason})")
    if status == 200:
        return Presence(reference, True, "there")
    if status == 404:
        return Presence(reference, False, f"{host} does not have it")
    if status in (401, 403):
        return Presence(reference, None, f"{host} wants a log-in, or does not have it")
    return Presence(reference, None, f"{host} answers {status}")


def _head(url: str, authorization: str) -> tuple[int, Message]:
    headers = {"Accept": _KINDS, **({"Authorization": authorization} if authorization else {})}
    request = urllib.request.Request(url, headers=headers, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


def _authorization(challenge: str, repository: str, login: tuple[str, str] | None) -> str:
    """The header that answers a challenge, ``""`` when there is none."""
    basic = ""
    if login:
        basic = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic":
        return basic
    if kind.lower() != "bearer":
        return ""
    said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if not said.get("realm", "").startswith("https://"):
        return ""
    query = {
        "service": said.get("service", ""),
        "scope": said.get("scope") or f"repository:{repository}:pull",
    }
    request = urllib.request.Request(
        f"{said['realm']}?{urllib.parse.urlencode(query)}", headers={"Authorization": basic} if basic else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            token = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return ""
    return f"Bearer {token.get('token') or token.get('access_token', '')}"


def logins_of(docker_config: Path) -> Mapping[str, tuple[str, str]]:
    """User and password by registry, as far as a docker config holds them itself."""
    try:
        config = json.loads(docker_config.read_text(encoding="utf-8"))
        auths = dict(config.get("auths") or {})
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
    found = {
        registrylogin.address(server): registrylogin.credentials(entry)
        for server, entry in auths.items()
        if isinstance(entry, dict)
    }
    return {server: login for server, login in found.items() if login[0]}


def answers(port: int) -> bool:
    """Whether a registry answers on this machine: ``GET /v2/`` is 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException, ValueError):
        return False


def in_docker(program: str, port: int) -> Command:
    """Runs a registry in a container that only this machine reaches."""
    return Command(
        (
            *(program, "run", "-d", "--name", CONTAINER, "--restart", "always", "--label", f"{OWNER}={port}"),
            *("-p", f"127.0.0.1:{port}:5000", "-v", f"{CONTAINER}:/var/lib/registry", "registry:2"),
        )
    )


def configuration(folder: Path, port: int) -> str:
    """What Debian's docker-registry is told."""
    return json.dumps(
        {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(folder / "images")},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"127.0.0.1:{port}"},
        },
        indent=2,
    )


def refuse_foreign(printed: str) -> None:
    """Raises AllupError when the container of our name is not ours."""
    labels = ((json.loads(printed)[0].get("Config") or {}).get("Labels")) or {}
    if OWNER not in labels:
        raise AllupError(f"container {CONTAINER}", "is there and is not ours; it stays as it is")
