"""Tasks that only one platform has, as data: a small closed set of kinds, run by the command line.

A platform never holds a client, so it says *what* is listed, run or tried, and what an output means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from allup.errors import InputError
from allup.model.checks import CheckTarget

PROBE = "probe"
"""Where a trial runs that wants a pod of its own."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an output means: whether it is *good*, one *sentence* that says it, and the *facts* in it."""

    good: bool
    sentence: str
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class ListChildren:
    """Lists the children of one kind of a component, and ends those that are named.

    *columns* are headers with jq expressions on the child. Ending a child also ends the component's children
    of other kinds for which *belongs*, a jq expression, gives its name.
    """

    name: str
    help: str
    component: str
    kind: str
    columns: Mapping[str, str]
    belongs: str = ""
    noun: str = "object"


@dataclass(frozen=True, kw_only=True)
class RunCommand:
    """Runs a command in a ready pod of *target* and says what *read* makes of its output.

    *read* is pure and gets standard output and standard error as one text. Without it the output is printed,
    and the exit code tells whether it is good. *timeout* is in seconds.
    """

    name: str
    help: str
    target: str
    command: Sequence[str]
    container: str = ""
    timeout: float = 30.0
    read: Callable[[str], Reading] | None = None

    def __post_init__(self) -> None:
        CheckTarget.parse(self.target)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One thing to try: it works when the command exits 0 and prints what *expect* finds.

    *where* is a target such as ``deploy/rsp``, or ``PROBE``. *fails* says what a failure means; *signs* say
    it more precisely: regular expressions on the output, with what they mean. What is not *needed* may fail.
    """

    name: str
    where: str
    command: Sequence[str]
    fails: str
    expect: str = ""
    signs: Sequence[tuple[str, str]] = ()
    needed: bool = True
    timeout: float = 30.0

    def __post_init__(self) -> None:
        if self.where != PROBE:
            CheckTarget.parse(self.where)


@dataclass(frozen=True, kw_only=True)
class ProbePod:
    """A pod for trials only, of the image that the workload *image_of* runs now. It ends by itself.

    It counts as a part of *component*, so a pod that was left behind goes down with it.
    """

    image_of: str
    component: str
    privileged: bool = False
    lifetime: int = 600


@dataclass(frozen=True, kw_only=True)
class RunTrials:
    """Runs trials in order and gives a verdict: the first needed one that fails is the cause."""

    name: str
    help: str
    trials: Sequence[Trial]
    good: str
    probe: ProbePod | None = None

    def __post_init__(self) -> None:
        if self.probe is None and any(trial.where == PROBE for trial in self.trials):
            raise InputError(f"task {self.name!r}", "has a trial in a probe pod and declares none")


# Tasks of the machine that inv runs on, and of images


@dataclass(frozen=True, kw_only=True)
class ImageTask:
    """Builds an image from *context*, and pushes it under the prefix *repository* when *action* is push."""

    name: str
    help: str
    action: str
    image: str
    context: str
    dockerfile: str = "Dockerfile"
    arguments: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""
    aliases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RunImage:
    """Runs an image in a container on this machine that is removed afterwards.

    *data* is a folder of this machine that it sees at ``/arl/data``, *volume* a volume it has there instead;
    *source* a folder it sees at ``/from``, read-only.
    """

    name: str
    help: str
    program: str
    image: str
    command: Sequence[str] = ()
    data: str = ""
    volume: str = ""
    source: str = ""
    network: str = ""
    container: str = ""
    interactive: bool = False


@dataclass(frozen=True, kw_only=True)
class DataServer:
    """An NFS server in a container on this machine that exports *folder*: tasks *name* with ``-up``,
    ``-status`` and ``-down``.

    *listen* is the one address it listens on; *permitted* who may mount (an address, a network);
    *writable* whether clients may write.
    """

    name: str
    help: str
    program: str
    image: str
    folder: str
    listen: str = ""
    permitted: str = ""
    writable: bool = False
    up_aliases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class PodShell:
    """A pod of its own with *image*, and a shell in it; it is removed afterwards.

    It counts as a part of *component*, so a pod that was left behind goes down with it. *claims* maps the
    name of a claim to where the pod sees it. With *user*, a uid, it runs as that one and may no more than
    Pod Security's ``restricted`` allows.
    """

    name: str
    help: str
    image: str
    component: str
    claims: Mapping[str, str] = field(default_factory=dict)
    user: int | None = None
    pull_policy: str = "IfNotPresent"
    pull_secret: str = ""
    aliases: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HostsLine:
    """Prints the line for /etc/hosts that leads *host* to the cluster; changes nothing."""

    name: str
    help: str
    host: str


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Compares the cluster with what the platform is made for: the server's *version*, as its git version or
    the beginning of one (only told unless *strict*), the *context*, the *kubeconfig*, and the image of every
    container of every workload. An empty text is not compared; *version_from* says who wants the version."""

    name: str
    help: str
    version: str = ""
    version_from: str = ""
    strict: bool = False
    context: str = ""
    kubeconfig: str = ""


@dataclass(frozen=True, kw_only=True)
class Export:
    """A variable that ``P.env`` exports beside its own: the URL of *target* (``svc/server:80``), by the best
    way there is now; or what the platform's own *task* prints, which the shell runs, so that no secret value
    stands in the output of env."""

    variable: str
    target: str = ""
    task: str = ""

    def __post_init__(self) -> None:
        if bool(self.target) == bool(self.task):
            raise InputError(f"the export {self.variable!r}", "has either a target or a task")
        if self.target:
            CheckTarget.parse(self.target)


ExtraTask = (
    ListChildren | RunCommand | RunTrials | ImageTask | RunImage | DataServer | PodShell | HostsLine | Verify
)
