"""What this machine says: programs, docker's log-ins, routes, kubeconfigs, certificates. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from allup.cluster.connect import Entry
from allup.fields import text
from allup.providers.kind import commands as kind_commands
from allup.providers.minikube import commands as minikube_commands
from allup.providers.tools import install_hint, numbers
from allup.sandbox.doctor import Finding

WANTED: Mapping[str, str] = {
    "docker": "images of Dockerfiles, kind, minikube's docker driver",
    "kind": "cluster.up --provider kind",
    "minikube": "cluster.up --provider minikube",
    "kubectl": "PLATFORM.kubectl",
    "git": "content of images",
    "ssh": "remote hosts",
    "sshfs": "folders of remote hosts",
}
"""Programs that some task runs, and which."""

_OLDEST = {"kind": kind_commands.OLDEST, "minikube": minikube_commands.OLDEST}
_VPN = re.compile(r"(tun|tap|utun|ppp|wg|ipsec|gpd|cscotun|tailscale|nordlynx|proton|vpn)\w*", re.IGNORECASE)
_SOON = timedelta(days=7)
_KEYCHAINS = ("osxkeychain", "desktop", "wincred", "secretservice", "pass")


def programs(found: Mapping[str, str], platform: str) -> list[Finding]:
    """One finding for those that are there (*found*: by program what it says of itself), one for each that is
    not, with the way to get it on *platform*."""
    there = ", ".join(f"{name} {said}".strip() for name, said in found.items())
    findings = [Finding("programs", "ok", there)] if there else []
    for name, oldest in _OLDEST.items():
        version = numbers(found.get(name, ""))
        if version and version < oldest:
            fact = f"{found[name]} is too old; {'.'.join(map(str, oldest))} or newer is needed"
            findings.append(Finding(name, "warn", fact, install_hint(name, platform)))
    for name, use in WANTED.items():
        if name not in found:
            findings.append(Finding(name, "note", f"not installed; for {use}", install_hint(name, platform)))
    return findings


def engine(ended_with: int, said: str) -> Finding:
    """Whether docker's engine answers, by exit code and words of ``docker version``."""
    if ended_with == 0:
        return Finding("docker engine", "ok", said or "answers")
    return Finding(
        "docker engine", "note", said[-300:] or "does not answer", "Start Docker; the sandbox needs none"
    )


def log_ins(config: str, platform: str, helpers: Sequence[str]) -> Finding:
    """Where docker keeps its passwords. *config* is the text of its config.json (``""``: none), *helpers*
    those ``docker-credential-…`` programs that are on PATH."""
    name = "docker log-ins"
    try:
        read = json.loads(config) if config else {}
    except ValueError:
        return Finding(name, "fail", "config.json is not JSON: docker takes no command", "Repair or move it")
    store = text(read, "credsStore") if isinstance(read, Mapping) else ""
    if not store:
        return Finding(name, "ok", "in docker's own config.json" if config else "none")
    if store not in helpers:
        fact = f"config.json names the keychain {store}, and docker-credential-{store} is not on PATH"
        return Finding(
            name, "fail", f"{fact}: every pull and push fails", "Install it, or remove credsStore there"
        )
    if store in _KEYCHAINS:
        what = "the macOS keychain" if platform == "darwin" else f"the keychain {store}"
        fact = f"in {what}: kompose and a pull Secret made of config.json find no password there"
        return Finding(name, "warn", fact, "Give the password: DOCKER_PASSWORD=… inv images.secret NAME")
    return Finding(name, "ok", f"in the helper {store}")


def device(printed: str) -> str:
    """The network device in what ``ip -o route get`` (Linux) or ``route -n get`` (macOS) prints."""
    found = re.search(r"\bdev (\S+)", printed) or re.search(r"^\s*interface: (\S+)", printed, re.MULTILINE)
    return found[1] if found else ""


def routes(devices: Mapping[str, str], *, local: bool) -> Finding:
    """Whether a VPN takes what should go to the cluster. *devices* by address; *local*: on this machine."""
    taken = {address: name for address, name in devices.items() if _VPN.fullmatch(name)}
    if not devices:
        return Finding("routes", "unknown", "the way to the cluster's addresses cannot be seen")
    if not taken:
        told = ", ".join(f"{address} by {name}" for address, name in devices.items())
        return Finding("routes", "ok", told)
    told = ", ".join(f"{address} by {name}" for address, name in taken.items())
    if not local:
        return Finding("routes", "ok", f"through a VPN, as a far cluster may: {told}")
    remedy = (
        "Exclude that range from the VPN, or disconnect it and restart the cluster (inv cluster.down, up)"
    )
    return Finding(
        "routes", "fail", f"a VPN takes the addresses of a cluster on this machine: {told}", remedy
    )


def kubeconfig(entry: Entry, mode: int) -> Finding:
    """Whether the file is for its owner alone; *mode* are its permission bits."""
    server = text(entry.cluster, "server") or "no server"
    fact = f"{entry.context} leads to {server} ({entry.file})"
    if mode & 0o077:
        return Finding("kubeconfig", "warn", f"{fact}; others may read it", f"chmod 600 {entry.file}")
    if entry.cluster.get("insecure-skip-tls-verify"):
        return Finding(
            "kubeconfig", "warn", f"{fact}; the server is not verified", "Name its certificate authority"
        )
    return Finding("kubeconfig", "ok", fact)


def certificate(entry: Entry, now: datetime) -> Finding | None:
    """Until when the user's client certificate holds; None when the user has none."""
    from cryptography import x509

    inline, named = entry.user.get("client-certificate-data"), entry.user.get("client-certificate")
    if not inline and not named:
        return None
    name = "credentials"
    try:
        raw = base64.b64decode(str(inline)) if inline else (entry.file.parent / str(named)).read_bytes()
        ends = x509.load_pem_x509_certificate(raw).not_valid_after_utc
    except (ValueError, OSError):
        return Finding(name, "fail", "the client certificate cannot be read", "Get a new kubeconfig")
    renew = "Get a new one from whoever runs the cluster; for minikube and kind: inv cluster.up --provider …"
    if ends <= now:
        return Finding(name, "fail", f"the client certificate ended on {ends:%Y-%m-%d}", renew)
    if ends - now < _SOON:
        return Finding(name, "warn", f"the client certificate ends on {ends:%Y-%m-%d %H:%M} UTC", renew)
    return Finding(name, "ok", f"a client certificate until {ends:%Y-%m-%d}")
