"""inv compose.*: docker-compose files into a platform, and up and down with it in one step."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from invoke.collection import Collection

from allup.model.platform import Platform
from allup.model.settings import PlatformSettings
from tasks.checkout import CHECKOUT
from tasks.flags import FIXED, RUN, UP
from tasks.platform_folder import PlatformFolder
from tasks.platform_task import PlatformTask
from tasks.verb import Verb

_FILES = ("project", "profile", "env_file", "replicas", "volumes", "debug")
_CLUSTER = ("context", "kubeconfig", "namespace")
_BUILDING = ("repository", "into", "engine")


class ComposeTask(PlatformTask):
    """A task whose words are compose files. ``compose.yaml`` is one of them, and no task of ours."""

    def _words(self) -> int:
        return min(len(list(self._files(sys.argv))), self._verb.words)

    def _files(self, argv: Sequence[str]) -> Iterator[str]:
        names = {f"compose.{self._verb.name}"}
        with_value = {f"--{n.replace('_', '-')}" for n in self._verb.flags if FIXED[n].kind != "switch"}
        rest = iter(argv)
        if not any(word in names for word in rest):
            return
        for word in rest:
            if word == "--" or (_TASK.fullmatch(word) and not Path(word).exists()):
                return
            if word in with_value:
                next(rest, None)
            elif not word.startswith("-"):
                yield word


_TASK = re.compile(r"[a-z0-9-]+\.(?!ya?ml$)[a-z0-9-]+")


def _verbs() -> Iterator[Verb]:
    yield Verb(
        "convert",
        "Turn compose files into a platform folder with tasks of its own.\n\nWithout a file: the one of this "
        "folder, or COMPOSE_FILE. What cannot be carried over is listed, and what to do about it.",
        "compose.convert docker-compose.yml --profile debug",
        "composing:convert",
        (*_FILES, "out", "overwrite", "json", "build", *_BUILDING),
        words=32,
    )
    yield Verb(
        "render",
        "Print the manifests that compose files become; secret values are placeholders.",
        "compose.render compose.yaml",
        "composing:render",
        _FILES,
        words=32,
    )
    yield Verb(
        "up",
        "Convert compose files and bring them up in one step; images with build: are built.\n\n"
        "The platform is kept among allup's own files; compose.convert makes a folder of it that is yours.",
        "compose.up compose.yaml --timeout 600",
        "composing:up",
        (*_FILES, *_CLUSTER, *RUN, *UP, "only", "no_prune", "forward", "no_build", *_BUILDING),
        words=32,
    )
    yield Verb(
        "status",
        "Show a table of the services that compose.up brought up: state, what is not ready and why.",
        "compose.status",
        "composing:status",
        ("project", *_CLUSTER, "json", "check", "component", "watch", "debug"),
        words=32,
    )
    yield Verb(
        "why",
        "Say why what is not right is not right: object, cause, last event, last log lines.",
        "compose.why",
        "composing:why",
        ("project", *_CLUSTER, "json", "component", "debug"),
        words=32,
    )
    yield Verb(
        "down",
        "Take down what compose.up brought up, from what the cluster remembers. Claims stay, unless --purge."
        "\n\nNeeds no compose file: --project names it, where more than one is up.",
        "compose.down --project shop",
        "composing:down",
        ("project", *_CLUSTER, *RUN, "purge", "yes", "debug"),
        words=32,
    )


def _empty(settings: PlatformSettings) -> Platform:
    return Platform("compose", [])


FOLDER = PlatformFolder("compose", CHECKOUT / "compose", PlatformSettings, _empty)
ns = Collection("compose")
for _verb in _verbs():
    ns.add_task(ComposeTask(FOLDER, _verb))
