"""The command for each thing that kind, or the engine under it, is asked; and what they print. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allup.commands import Command, Ended
from allup.errors import AllupError, InputError
from allup.providers.interface import CannotDo, Wanted

PROGRAM = "kind"
OLDEST = (0, 21)
"""The oldest kind that is taken: with its own node image (1.29) allup works; 0.20 makes 1.27."""
ENGINES = ("docker", "podman", "nerdctl")
_CLUSTER, _ROLE = "io.x-k8s.kind.cluster", "io.x-k8s.kind.role"
_QUICK, _LOOKING = 30.0, 60.0
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,48}[a-z0-9])?")
_STEP = re.compile(r"^\s*[•✓✗]\s*(?P<step>.*)$")
_REFUSED = {
    "cpus": "has no --cpus: its nodes are containers that share what the engine has",
    "memory": "has no --memory: its nodes are containers that share what the engine has",
    "addons": "has no addons: apply their manifests, or use minikube",
    "container_runtime": "has no --container-runtime: its nodes run containerd",
    "insecure_registries": "has no --insecure-registry: its nodes are told by /etc/containerd/certs.d "
    "(kind's page on a local registry), or load the image with inv images.load --into kind",
}


@dataclass(frozen=True)
class Container:
    """A node's container, as the engine shows it; *role* is control-plane, worker, external-load-balancer."""

    cluster: str
    name: str
    state: str
    role: str


def valid(name: str) -> str:
    """*name* itself; InputError unless kind takes it and its nodes' names stay host names."""
    if _NAME.fullmatch(name):
        return name
    raise InputError(
        f"kind cluster {name!r}",
        "a name is made of lower-case letters, digits, '-' and '.', at most 50 of them",
        next_step="Choose another --name",
    )


def version() -> Command:
    """Prints kind's version."""
    return Command((PROGRAM, "version", "-q"), patience=_QUICK)


def create(name: str, kubeconfig: str, wanted: Wanted) -> Command:
    """Makes the cluster and waits for its control plane; the configuration goes in by standard input.

    Raises CannotDo for what kind does not have, InputError for a value that makes no sense.
    """
    for field in wanted.given():
        if field in _REFUSED:
            raise CannotDo("kind", _REFUSED[field])
    if wanted.driver not in (None, "docker"):
        raise CannotDo(
            "kind",
            "has no --driver",
            next_step=f"Set KIND_EXPERIMENTAL_PROVIDER={wanted.driver}, which it reads",
        )
    image = (f"--image={node_image(wanted.kubernetes_version)}",) if wanted.kubernetes_version else ()
    return Command(
        (
            *(PROGRAM, "create", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}", "--wait=180s"),
            *image,
            "--config=-",
            *wanted.more,
        ),
        stdin=json.dumps(configuration(wanted)),
    )


def configuration(wanted: Wanted) -> dict[str, Any]:
    """kind's configuration (``kind.x-k8s.io/v1alpha4``; JSON is YAML too)."""
    number = _number("--nodes", wanted.nodes) if wanted.nodes else 1
    nodes: list[dict[str, Any]] = [
        {"role": "control-plane"},
        *({"role": "worker"} for _ in range(number - 1)),
    ]
    if wanted.mount:
        source, colon, target = wanted.mount.partition(":")
        if not (colon and source.startswith("/") and target.startswith("/")):
            raise InputError("--mount", f"{wanted.mount!r} is not SOURCE:TARGET with two absolute paths")
        for node in nodes:
            node["extraMounts"] = [{"hostPath": source, "containerPath": target}]
    config: dict[str, Any] = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
    if wanted.cni == "false":
        config["networking"] = {"disableDefaultCNI": True}
    elif wanted.cni not in (None, "kindnet", "auto"):
        raise CannotDo(
            "kind",
            f"installs no {wanted.cni}",
            next_step="Give --cni false and apply its manifests afterwards",
        )
    return config


def node_image(kubernetes_version: str) -> str:
    """The node image of a version: ``v1.34.0``, or a whole reference with its digest."""
    if "/" in kubernetes_version:
        return kubernetes_version
    if not re.fullmatch(r"v?\d+\.\d+\.\d+", kubernetes_version):
        raise InputError(
            "--kubernetes-version",
            f"{kubernetes_version!r} is no whole version such as v1.34.0, for which kind has an image",
        )
    return f"kindest/node:v{kubernetes_version.removeprefix('v')}"


def delete(name: str, kubeconfig: str) -> Command:
    """Removes the cluster, and its entry from our kubeconfig; ends with 0 when there is none."""
    return Command((PROGRAM, "delete", "cluster", f"--name={name}", f"--kubeconfig={kubeconfig}"))


def kubeconfig(name: str) -> Command:
    """Prints a kubeconfig and touches no file."""
    return Command((PROGRAM, "get", "kubeconfig", f"--name={name}"), patience=_LOOKING)


def load(name: str, archive: str) -> Command:
    """Takes the images of a tar onto each node."""
    return Command((PROGRAM, "load", "image-archive", archive, f"--name={name}"))


def export_logs(name: str, folder: str) -> Command:
    """Writes every node's logs into a folder."""
    return Command((PROGRAM, "export", "logs", folder, f"--name={name}"), patience=300.0)


def containers(engine: str) -> Command:
    """The engine's list of every kind node, running or not: cluster, name, state, role, between tabs."""
    label = "{{.Label %s}}" if engine != "podman" else "{{index .Labels %s}}"
    fields = (label % f'"{_CLUSTER}"', "{{.Names}}", "{{.State}}", label % f'"{_ROLE}"')
    form = "\t".join(fields)
    return Command((engine, "ps", "-a", "--filter", f"label={_CLUSTER}", "--format", form), patience=_QUICK)


def stop(engine: str, nodes: Sequence[str]) -> Command:
    """Stops the containers."""
    return Command((engine, "stop", *nodes))


def start(engine: str, nodes: Sequence[str]) -> Command:
    """Starts them again."""
    return Command((engine, "start", *nodes))


def node_address(engine: str, node: str) -> Command:
    """Prints the container's addresses, one a line."""
    form = "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}"
    return Command((engine, "inspect", "--format", form, node), patience=_QUICK)


def node_images(engine: str, node: str) -> Command:
    """Prints the images in a node as JSON of the container runtime interface."""
    return Command((engine, "exec", node, "crictl", "images", "-o", "json"), patience=_LOOKING)


def read_containers(ended: Ended, engine: str) -> tuple[Container, ...]:
    """Raises AllupError when the engine does not answer."""
    if ended.code:
        raise AllupError(engine, "does not answer", evidence=ended.last_words, next_step="Start it")
    rows = (line.split("\t") for line in ended.out.splitlines() if line.strip())
    return tuple(Container(*(part.strip() for part in row)) for row in rows if len(row) == 4)


def read_images(ended: Ended) -> tuple[str, ...]:
    """The full names of the images of ``crictl images -o json``; none when it is not that."""
    try:
        entries = json.loads(ended.out)["images"]
        return tuple(str(tag) for entry in entries for tag in entry.get("repoTags") or ())
    except (ValueError, KeyError, TypeError):
        return ()


def step(line: str) -> str:
    """What a line of kind's progress says is being done, without its signs; ``""`` for any other line."""
    found = _STEP.match(line)
    return re.sub(r"[^\w)]+$", "", found["step"]) if found else ""


def failure(ended: Ended, subject: str, fact: str) -> AllupError:
    """kind's own words: the line that begins with ERROR and what the command under it printed."""
    lines = [line.strip() for line in ended.err.splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("ERROR:")]
    output = lines[lines.index("Command Output:") + 1 :] if "Command Output:" in lines else []
    output = output or [line for line in lines if line.startswith("Command Output:")]
    words = " ".join([*(line.removeprefix("ERROR: ") for line in said), *output]) or ended.last_words
    return AllupError(subject, fact, evidence=words[:600])


def _number(flag: str, text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise InputError(flag, f"{text!r} is no number of nodes")
