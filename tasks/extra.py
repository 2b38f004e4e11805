"""Tasks that one platform has beside the verbs of all: made of what its definition declares."""

from __future__ import annotations

from collections.abc import Iterator

from allup.model.extras import (
    DataServer,
    HostsLine,
    ImageTask,
    ListChildren,
    PodShell,
    RunImage,
    RunTrials,
    Verify,
)
from allup.model.platform import Platform
from tasks.flags import HERE, WHERE
from tasks.verb import Verb


def verbs(platform: Platform) -> Iterator[Verb]:
    """A verb per declared task; their names do not depend on settings."""
    for task in platform.tasks:
        match task:
            case ListChildren():
                yield Verb(
                    task.name,
                    f"{task.help}\n\n--stop NAME ends one, --stop all ends all of them.",
                    f"P.{task.name}",
                    "extra_bodies:children",
                    (*WHERE, "json", "stop", "yes"),
                )
            case RunTrials():
                yield Verb(
                    task.name, task.help, f"P.{task.name}", "extra_bodies:trials", (*WHERE, "json", "check")
                )
            case ImageTask():
                yield _here(task, "hosting:build", aliases=tuple(task.aliases))
            case RunImage():
                yield _here(task, "hosting:run_image")
            case HostsLine():
                yield Verb(task.name, task.help, f"P.{task.name}", "hosting:hosts_line", settings=True)
            case PodShell():
                yield Verb(
                    task.name,
                    task.help,
                    f"P.{task.name} -- python3 --version",
                    "hosting:pod_shell",
                    settings=True,
                    aliases=tuple(task.aliases),
                )
            case Verify():
                yield Verb(
                    task.name,
                    f"{task.help}\n\nOnly `backend` or only `components`, when that word follows.",
                    f"P.{task.name} components",
                    "verifying:verify",
                    (*WHERE, "json"),
                    optional=("part",),
                )
            case DataServer():
                yield from _data_server(task)
            case _:
                yield Verb(
                    task.name, task.help, f"P.{task.name}", "extra_bodies:command", (*WHERE, "json", "check")
                )


def _here(task: ImageTask | RunImage, body: str, aliases: tuple[str, ...] = ()) -> Verb:
    return Verb(task.name, task.help, f"P.{task.name}", body, HERE, settings=True, aliases=aliases)


def _data_server(task: DataServer) -> Iterator[Verb]:
    what = task.help.rstrip(".")
    yield Verb(
        f"{task.name}-up",
        f"{what}; started, unless it runs.\n\nRefused while its data are pointers of Git LFS, and where "
        "DOCKER_HOST leads to another machine, unless --anyway.",
        f"P.{task.name}-up --nfs-listen 192.168.39.1 --nfs-permitted 192.168.39.0/24",
        "hosting:data_server_up",
        (*HERE, "anyway"),
        settings=True,
        aliases=tuple(task.up_aliases),
    )
    yield Verb(
        f"{task.name}-status",
        f"{what}: whether it runs, answers, and has the data.",
        f"P.{task.name}-status",
        "hosting:data_server_status",
        (*HERE, "json", "check"),
        settings=True,
    )
    yield Verb(
        f"{task.name}-down",
        f"{what}; removed, if it is ours. The data stay.",
        f"P.{task.name}-down",
        "hosting:data_server_down",
        HERE,
        settings=True,
    )
