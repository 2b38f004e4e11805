"""The images of Cytomine v3.0.1, and which of them may run together.

Source: Cytomine-bootstrap v3.0.1 and the Helm chart whose README is the original document.
"""

from __future__ import annotations

from collections.abc import Mapping

from allup import InputError

RELEASE = "v3.0.1"

IMAGES: Mapping[str, str] = {
    "memcached": "cytomine/memcached:v1.1.2",
    "rabbitmq": "cytomine/rabbitmq:v1.1.2",
    "postgis": "cytomine/postgis:v2.0.0",
    "mongodb": "cytomine/mongodb:v1.1.2",
    "bioformat": "cytomine/bioformat:v1.1.2",
    "iip_official": "cytomine/iipofficial:v1.2.0",
    "iip_cyto": "cytomine/iipcyto:v1.2.2",
    "core": "cytomine/core:v3.0.3",
    "ims": "cytomine/ims:v1.2.6",
    "web_ui": "cytomine/web_ui:v1.2.1",
    "nginx": "cytomine/nginx:v1.3.1",
    "k8s_router": "norling/k8s-software-router:latest",
    "software_router": "cytomine/software_router:v2.0.0",
    "slurm": "cytomine/slurm:v1.0.0",
}
"""The image of each part, by the prefix of its settings."""


def refuse_mixed(images: Mapping[str, str]) -> None:
    """Raises InputError for an image of Cytomine's that is of another release than the rest.

    *images* are those in use, by the prefix of their settings. Images of other names pass: whoever names
    one knows what it is. Different releases keep their configuration in different places.
    """
    tags = {name.rpartition(":")[0]: name.rpartition(":")[2] for name in IMAGES.values()}
    for prefix, image in images.items():
        name, tag = _split(image)
        ours = next((known for known in tags if name == known or name.endswith(f"/{known}")), "")
        if ours.startswith("cytomine/") and tag and tag != tags[ours]:
            raise InputError(
                f"the setting {prefix}_image",
                f"{image} is not of {RELEASE}, whose image is {ours}:{tags[ours]}",
                evidence="Images of different releases do not understand each other",
                next_step="Leave it out, or give --mixed-images",
            )


def moving(images: Mapping[str, str]) -> tuple[str, ...]:
    """Those of *images* that may be another image tomorrow: without a tag or a digest, or tagged latest."""
    return tuple(
        image for image in images.values() if "@" not in image and _split(image)[1] in ("", "latest")
    )


def placed(image: str, registry: str) -> str:
    """*image* as nodes pull it: under *registry*, unless it names one (with a dot or a port) itself."""
    first = image.partition("/")[0]
    prefix = registry.strip().rstrip("/")
    if not prefix or ("/" in image and ("." in first or ":" in first or first == "localhost")):
        return image
    return f"{prefix}/{image}"


def _split(image: str) -> tuple[str, str]:
    """Name and tag; no tag for an image with a digest alone."""
    name = image.partition("@")[0]
    last = name.rpartition("/")[2]
    if ":" not in last:
        return name, ""
    return name.rpartition(":")[0], name.rpartition(":")[2]
