"""The tasks that only ARL has: its image, the programs in it, the data server, the test shell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allup import DataServer, ExtraTask, HostsLine, ImageTask, PodShell, RunImage
from k8s.arl.settings import Settings, image


def extra_tasks(s: Settings, pull_secret: str) -> Sequence[ExtraTask]:
    name = s.docker_image or f"{s.img}:{s.tag}"
    data = f"{s.source.rstrip('/')}/data"

    def run(task: str, help: str, *command: str, **more: Any) -> RunImage:
        return RunImage(name=task, help=help, program=s.docker, image=name, command=command, **more)

    return (
        ImageTask(
            name="docker-build",
            help="Build ARL's image from its checkout.",
            action="build",
            image=name,
            context=s.source,
            dockerfile=s.dockerfile,
            arguments={"PYTHON": s.python},
        ),
        ImageTask(
            name="docker-push",
            help="Build ARL's image and push it under DOCKER_REPO.",
            action="push",
            image=name,
            context=s.source,
            dockerfile=s.dockerfile,
            arguments={"PYTHON": s.python},
            repository=s.docker_repo,
            aliases=("push",),
        ),
        DataServer(
            name="data-server",
            help="The data server: NFS out of a container on this machine.",
            program=s.docker,
            image=s.nfs_image,
            folder=data,
            listen=s.nfs_listen,
            permitted=s.nfs_permitted,
            writable=s.nfs_writable,
            up_aliases=("docker-nfs-arl-data",),
        ),
        PodShell(
            name="test-shell",
            help="Run the image in a pod of its own and open a shell there, or run what stands behind --.",
            image=image(s),
            pull_policy=s.image_pull_policy,
            pull_secret=pull_secret,
            component="scheduler",
            aliases=("test-arl",),
        ),
        HostsLine(
            name="localip",
            help="Print the line for /etc/hosts that leads the Ingress' host name to the cluster.",
            host=s.ingress_host,
        ),
        run(
            "docker-notebook",
            "Run the notebook in a container on this machine.",
            network="host",
            data=data,
            container="arl_notebook",
        ),
        run(
            "docker-tests",
            "Run ARL's unit tests in its image.",
            *(s.python, "-m", "unittest", "discover", "-s", "/arl/tests"),
            data=data,
        ),
        run("docker-pytest", "Run pytest in ARL's image.", "pytest", "-x", "/arl/tests", data=data),
        run(
            "docker-lint",
            "Run pylint in ARL's image.",
            "pylint",
            "--extension-pkg-whitelist=numpy",
            "/arl/arl",
        ),
        run("docker-shell", "Open a shell in ARL's image.", "bash", interactive=True, data=data),
        run(
            "docker-test-data",
            "Copy the data into the volume arl-volume.",
            *("sh", "-c", "cp -a /from/. /arl/data/"),
            volume="arl-volume",
            source=data,
        ),
    )
