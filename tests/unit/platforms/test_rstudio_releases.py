"""Releases and distributions, told from the names of images."""

from __future__ import annotations

import pytest

from allup import InputError
from k8s.rstudio.releases import distribution, mirror, refuse_mixed, refuse_tagged

RELEASE = "2026.08.1"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("posit/workbench-session:R4.5.2-python3.14.3-ubuntu-24.04", "ubuntu-24.04"),
        ("rstudio/r-session-complete:ubuntu2204-2026.08.1", "ubuntu-22.04"),
        ("example.net:5000/team/r-debian-12:latest", "debian-12"),
        ("example.net/r:rhel9", "rhel-9"),
        ("ubuntu-24.04.example.net/r:1", ""),
        ("example.net/r:1", ""),
    ],
)
def test_a_distribution_is_read_from_name_or_tag_never_from_the_registry(image: str, expected: str) -> None:
    assert distribution(image) == expected


@pytest.mark.parametrize(
    "image",
    [
        "posit/workbench:2026.08.1-ubuntu-24.04",
        "rstudio/r-session-complete:ubuntu2204-2026.08.1",
        "posit/workbench-session:R4.5.2-python3.14.3-ubuntu-24.04",  # tells no release, by design
        "example.net/2025.01.0/workbench:mine",
        "example.net/workbench@sha256:2025",
    ],
)
def test_an_image_of_the_release_or_of_none_passes(image: str) -> None:
    refuse_mixed(RELEASE, {"rsp_image": image})


def test_a_mixed_release_is_refused_with_both_ways_out() -> None:
    with pytest.raises(InputError) as refused:
        refuse_mixed(RELEASE, {"session_images": "a/b:1, rstudio/r-session-complete:ubuntu2204-2025.05.1"})
    assert "--workbench-version 2025.05.1" in str(refused.value)
    assert refused.value.exit_code == 2


def test_session_images_of_two_distributions_are_refused() -> None:
    with pytest.raises(InputError, match=r"rocky-9, ubuntu-24\.04"):
        refuse_mixed(RELEASE, {"session_image": "a/r:ubuntu-24.04", "session_images": "b/r:rocky-9"})


def test_the_image_of_the_session_components_has_no_tag_of_its_own() -> None:
    refuse_tagged("session_init_image", "example.net:5000/posit/workbench-session-init")
    for image in ("posit/init:1", "posit/init@sha256:abc"):
        with pytest.raises(InputError, match="session_init_image"):
            refuse_tagged("session_init_image", image)


def test_a_mirror_without_the_placeholder_is_left_alone() -> None:
    assert mirror("https://cran.example.net", "ubuntu-24.04") == "https://cran.example.net"
    assert mirror("x/{distribution}", "rocky-9") == "x/rocky9"
