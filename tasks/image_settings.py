"""The settings of inv images.*: the variables of the old Makefiles, which invoke.yaml may say too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from allup.model.settings import PlatformSettings, setting, setting_specs
from allup.settings import check_known, resolve
from tasks.output import tell

SECTION = "images"


@dataclass(frozen=True, kw_only=True)
class ImageSettings(PlatformSettings):
    """Each has the name of its variable in small letters, but for IMG and TAG, which make DOCKER_IMAGE."""

    docker_image: str = setting("", env="DOCKER_IMAGE", help="name of the image that is built")
    img: str = setting("", env="IMG", help="its name without the tag")
    tag: str = setting("", env="TAG", help="its tag")
    docker_repo: str = setting("", env="DOCKER_REPO", help="prefix that images are pushed under")
    dockerfile: str = setting("", env="DOCKERFILE", help="the Dockerfile")
    python: str = setting("", env="PYTHON", help="the build argument of that name")
    docker: str = setting("", env="DOCKER", help="the program that is called for docker")
    docker_server: str = setting("", env="DOCKER_SERVER", help="the registry of images.secret")
    docker_user: str = setting("", env="DOCKER_USER", help="who logs in; the password is no setting")
    docker_email: str = setting("", env="DOCKER_EMAIL", help="e-mail there")


def environ() -> Mapping[str, str]:
    """The environment, with what the section ``images`` of the settings files says for variables that are not
    set. Raises InputError, with file and line, for a key or a value that cannot be."""
    from tasks import where

    files = where.settings_files()
    specs = setting_specs(ImageSettings)
    for file in files:
        for warning in check_known(file, {SECTION: [spec.name for spec in specs]}):
            tell(f"warning: {warning}")
    found = resolve(ImageSettings, flags={}, environ={}, files=files, platform_names=(SECTION,))
    said = {
        spec.env: str(getattr(found.values, spec.name))
        for spec in specs
        if spec.env and found.origins[spec.name].kind == "file"
    }
    return {**said, **os.environ}
