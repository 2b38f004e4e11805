"""QED's images: what each preset runs, and which of them are built by QED's own people or here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allup import Reference

PRESETS = ("quanted", "demo")


@dataclass(frozen=True)
class Image:
    """An image in both presets. *ours*: built by whoever runs QED, so that the setting ``registry`` stands
    before it; the others come from where everybody has them."""

    quanted: str
    demo: str
    ours: bool = True


IMAGES: Mapping[str, Image] = {
    "django": Image("quanted/qed-django:gdal_update", "local/qed-django:1"),
    "flask": Image("quanted/flask_qed:dev_kube", "local/qed-flask:1"),
    "cts_nodejs": Image("quanted/cts_nodejs:dev", "local/qed-cts-nodejs:1"),
    "cts_celery": Image("quanted/cts_celery:dev", "local/qed-cts-celery:1"),
    "hms": Image("quanted/hms-dotnetcore:latest", "local/qed-hms:1"),
    "tomcat": Image("quanted/qed-tomcat:latest", "tomcat:9.0-jre17", ours=True),
    "dask": Image("quanted/qed-dask:latest", "ghcr.io/dask/dask:2025.11.0"),
    # Their own images of these four only wrap the public ones; the configuration is ours now.
    "nginx": Image("nginx:1.27", "nginx:1.27", ours=False),
    "redis": Image("redis:7.4", "redis:7.4", ours=False),
    "mongodb": Image("mongo:7.0", "mongo:7.0", ours=False),
    "postgres": Image("postgis/postgis:16-3.4", "postgis/postgis:16-3.4", ours=False),
    "flower": Image("mher/flower:2.0", "mher/flower:2.0", ours=False),
}
"""By the setting ``<name>_image`` that replaces it."""


def chosen(preset: str, registry: str, given: Mapping[str, str | None]) -> dict[str, str]:
    """``<name>_image`` to the image that runs: *given* as it is, else the preset's, behind *registry* when it
    is one of ours. An image that names its registry already keeps it."""
    return {
        f"{name}_image": given.get(name) or _of(preset, registry, image) for name, image in IMAGES.items()
    }


def _of(preset: str, registry: str, image: Image) -> str:
    reference = Reference.parse(image.demo if preset == "demo" else image.quanted)
    return str(reference.under(registry) if image.ours else reference)
