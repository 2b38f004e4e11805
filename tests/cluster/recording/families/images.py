"""Images that cannot be had."""

from __future__ import annotations

from tests.cluster.recording.scenario import (
    CASE,
    Scenario,
    container,
    daemon_set,
    deployment,
    of_fate,
    played,
)

IMAGE = "registry.example/team/web:1"


def _image(
    name: str, fate: str, cause: str, hopeless: bool, *words: str, image: str = IMAGE, live: bool = True
) -> Scenario:
    return Scenario(
        name=name,
        family="image",
        cause=cause,
        hopeless=hopeless,
        words=(image, *words),
        subject=f"Deployment/{CASE}",
        objects=(container(deployment(fate=fate), image=image),),
        visible=played,
        source=of_fate(fate),
        live=live,
    )


SCENARIOS = [
    _image(
        "image-name-with-capitals", "image-invalid-name", "image-invalid-name", True, image="Example/Web:1"
    ),
    _image("image-not-found", "image-not-found", "image-not-found", True, "not found"),
    _image("image-denied", "image-denied", "image-denied", True, "denies"),
    _image("image-forbidden-without-login", "image-forbidden", "image-denied", True, live=False),
    _image("image-not-found-by-cri-o", "image-not-found-by-cri-o", "image-not-found", True, live=False),
    _image(
        "image-not-found-told-by-events-only",
        "image-not-found-told-by-events",
        "image-not-found",
        True,
        live=False,
    ),
    _image("registry-not-trusted", "registry-untrusted", "image-pull", False, "x509", live=False),
    _image("registry-name-unknown", "registry-unknown", "image-pull", False, "no such host"),
    _image(
        "registry-refuses-connections", "registry-down", "image-pull", False, "connection refused", live=False
    ),
    _image("registry-limits-pulls", "registry-busy", "image-pull", False, live=False),
    _image("image-for-another-architecture", "image-architecture", "image-architecture", True),
    _image("image-never-pulled", "image-never-pulled", "image-not-found", True, "Never", live=False),
    Scenario(
        name="image-of-the-init-container-not-found",
        family="image",
        cause="image-not-found",
        hopeless=True,
        words=("registry.example/team/setup:1", "setup"),
        subject=f"DaemonSet/{CASE}",
        objects=(
            daemon_set(
                fate="image-of-init-not-found",
                initContainers=[{"name": "setup", "image": "registry.example/team/setup:1"}],
            ),
        ),
        visible=played,
        source=of_fate("image-of-init-not-found"),
    ),
    Scenario(
        name="program-for-another-architecture",
        family="image",
        cause="image-architecture",
        hopeless=True,
        words=("exec format error",),
        subject=f"Deployment/{CASE}",
        objects=(deployment(fate="crash-wrong-format"),),
        visible=played,
        source=of_fate("crash-wrong-format"),
    ),
]
