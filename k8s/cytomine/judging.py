"""Settings that are refused, and settings that are warned of."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from allup import InputError
from k8s.cytomine import versions
from k8s.cytomine.settings import Settings

RULE_THEIR_NODE = {
    "software_router": "the node's Docker socket and a privileged container, to start containers there",
    "slurm": "a privileged container, since Singularity makes namespaces and mounts in it",
}


def refuse(s: Settings, deployed: Collection[str]) -> None:
    """Raises InputError for what contradicts itself, and for parts that rule their node unless allowed."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", s.server_name):
        raise InputError("the setting server_name", f"{s.server_name!r} is not a host name (RFC 1123)")
    for name in ("admin_email", "email_sender", "smtp_host", "rabbitmq_username", "github_username"):
        if re.search(r"[\x00-\x1f]", getattr(s, name)):
            raise InputError(f"the setting {name}", "has a line break or another control character in it")
    if s.front == "nginx" and s.ingress and "nginx" not in deployed:
        raise InputError(
            "the settings front and deploy_nginx",
            "contradict each other: the Ingress would lead to nginx, which is not deployed",
            next_step="Give --front ingress, or --no-ingress",
        )
    for part, privilege in RULE_THEIR_NODE.items():
        if part in deployed and not s.allow_privileged:
            raise InputError(
                f"the setting deploy_{part}",
                f"{part} needs {privilege}: whoever rules it rules the node",
                evidence="It also never worked well in Kubernetes",
                next_step="Leave it out, or give --allow-privileged as well",
            )


def warnings(s: Settings, deployed: Collection[str], images: Mapping[str, str]) -> Sequence[str]:
    """Sentences about what may be set and is unwise; *images* are those of what is deployed."""
    found = [
        f"image {image} may be another one tomorrow: name a tag or, better, a digest"
        for image in versions.moving(images)
    ]
    lacking = [part for part in ("postgis", "mongodb", "rabbitmq") if part not in deployed]
    if "core" in deployed and lacking:
        found.append(
            f"core does not start without {', '.join(lacking)}, which this platform does not deploy now"
        )
    if s.server_name.endswith(".local"):
        found.append(f"{s.server_name}: many machines ask multicast DNS for .local and never the name server")
    return found
