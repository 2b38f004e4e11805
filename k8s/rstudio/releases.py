"""Images of one release, and of one Linux distribution: what is told from their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from allup import InputError

_RELEASE = re.compile(r"(?<![\d.])\d{4}\.\d{2}\.\d+(?![\d.])")
_DISTRIBUTION = re.compile(r"(ubuntu|debian|rocky|rockylinux|rhel|centos|opensuse|sles)-?(\d[\d.]*)")
# What repositories of built packages call them.
_CODENAMES = {
    "ubuntu-22.04": "jammy",
    "ubuntu-24.04": "noble",
    "ubuntu-26.04": "resolute",
    "debian-12": "bookworm",
    "debian-13": "trixie",
}


def refuse_mixed(release: str, images: Mapping[str, str]) -> None:
    """Raises InputError for an image whose tag names another release than *release*, and for session images
    of several distributions. *images* are texts of the settings, several with commas, by setting."""
    for setting, text in images.items():
        for image in listed(text):
            found = _RELEASE.search(_tag(image))
            if found and found[0] != release:
                raise InputError(
                    f"the setting {setting}",
                    f"names {image}, which is of release {found[0]}, while workbench_version is {release}",
                    evidence="Server, launcher and session components must be of one release",
                    next_step=f"Give --workbench-version {found[0]}, or an image of {release}",
                )
    sessions = [i for name in ("session_image", "session_images") for i in listed(images.get(name, ""))]
    distributions = {d for image in sessions if (d := distribution(image))}
    if len(distributions) > 1:
        raise InputError(
            "the settings session_image and session_images",
            f"name images of several distributions: {', '.join(sorted(distributions))}",
            evidence="Packages that a user installs with one would be loaded, and break, in the other",
            next_step="Keep to one, and make another instance for the other",
        )


def refuse_tagged(setting: str, image: str) -> None:
    """Raises InputError when *image* has a tag or digest of its own: it is the release's."""
    if _tag(image) or "@" in image:
        raise InputError(
            f"the setting {setting}",
            f"names {image} with a tag",
            next_step="Leave the tag away: it follows from workbench_version and workbench_os",
        )


def listed(text: str) -> Sequence[str]:
    """The images in a text with commas."""
    return [image.strip() for image in text.split(",") if image.strip()]


def distribution(image: str) -> str:
    """The distribution an image's name tells, such as ``ubuntu-24.04``; ``""`` when it tells none."""
    found = _DISTRIBUTION.search(image.rpartition("/")[2])
    if not found:
        return ""
    name, version = found[1], found[2].rstrip(".")
    if name == "ubuntu" and len(version) == 4 and version.isdigit():  # as in the older tags: ubuntu2204
        version = f"{version[:2]}.{version[2:]}"
    return f"{name}-{version}"


def mirror(url: str, of: str) -> str:
    """*url* with ``{distribution}`` replaced by the repositories' name for the distribution *of*."""
    return url.replace("{distribution}", _CODENAMES.get(of, of.replace("-", "")))


def _tag(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[2]
