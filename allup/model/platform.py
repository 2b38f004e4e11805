"""Platform and Component: a system as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from allup.errors import InputError, did_you_mean
from allup.model.checks import HealthCheck
from allup.model.extras import ExtraTask, ListChildren
from allup.model.live import Live
from allup.model.secrets import Secret
from allup.refs import ShortRef

RESERVED_NAMES = frozenset(
    (
        *("all", "plan", "diff", "render", "graph", "settings", "status", "wait", "why", "describe", "check"),
        *("logs", "events", "shell", "exec", "forward", "get", "kubectl", "restart", "scale", "sessions"),
        *("secrets", "secret-from-file", "rotate", "orphans", "history", "env", "urls"),
        *("debug", "dns", "container-id"),
    )
)
_FREE_FOR_TASKS = frozenset(("sessions",))
_DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")


@dataclass(frozen=True)
class Config:
    """A ConfigMap or Secret gathered from Jinja2 templates under the platform's ``config/`` folder.

    ``files`` maps the key to the template's path. Only the kind Secret may use ``secrets`` in a template.
    """

    name: str
    files: Mapping[str, str]
    kind: Literal["ConfigMap", "Secret"] = "ConfigMap"


def config_map(name: str, *paths: str, **renamed: str) -> Config:
    """A ConfigMap with a key per template, named as the file; ``key=path`` gives another key."""
    return Config(name, {path.rsplit("/", 1)[-1]: path for path in paths} | renamed)


def config_secret(name: str, *paths: str, **renamed: str) -> Config:
    """The same as a Secret, for texts that quote a secret value."""
    return Config(name, {path.rsplit("/", 1)[-1]: path for path in paths} | renamed, kind="Secret")


@dataclass(frozen=True)
class Children:
    """Objects that the component's own processes make, removed when it goes down.

    Touched only in a namespace that we made.
    """

    kind: str
    selector: str


@dataclass(frozen=True)
class Pin:
    """A field whose value the server chooses once and we then hold on to: a Service's address.

    ``recreate_from`` is where the value is looked for when the object has to be made again.
    """

    ref: ShortRef
    path: str
    recreate_from: Live | None = None


def pin(ref: str, path: str, *, recreate_from: Live | None = None) -> Pin:
    """Such as ``pin("Service/nfs01", "spec.clusterIP", recreate_from=live(…))``."""
    return Pin(ShortRef.parse(ref), path, recreate_from)


@dataclass(frozen=True)
class ScaleToZero:
    """Before anything of the component is deleted: scale the workload to zero and wait for its pods to go."""

    ref: ShortRef
    why: str = ""


def scale_to_zero(ref: str, *, why: str = "") -> ScaleToZero:
    """Such as ``scale_to_zero("Deployment/rsp", why="the licence is given back while it stops")``."""
    return ScaleToZero(ShortRef.parse(ref), why)


@dataclass(frozen=True)
class AwaitLogLine:
    """While the component goes down: a log of the workload's pods must say *pattern*, a regular expression.

    Listening begins before anything is scaled and ends with the pods, at most *timeout* seconds later. When
    it was not heard the run warns and goes on. *when*, a jq expression on the workload, must be true for it
    to be expected at all.
    """

    ref: ShortRef
    pattern: str
    why: str = ""
    when: str = ""
    timeout: float = 10.0


def await_log_line(
    ref: str, pattern: str, *, why: str = "", when: str = "", timeout: float = 10.0
) -> AwaitLogLine:
    """Such as ``await_log_line("Deployment/rsp", "Deactivating", why="the licence is given back")``."""
    return AwaitLogLine(ShortRef.parse(ref), pattern, why, when, timeout)


Hook = ScaleToZero | AwaitLogLine


@dataclass(frozen=True)
class Requirement:
    """An object of the cluster's own that must be there; *otherwise* ends the sentence that refuses. Where it
    is not *needed* that sentence is a warning."""

    ref: ShortRef
    otherwise: str = ""
    needed: bool = True


def requirement(ref: str, *, otherwise: str = "", needed: bool = True) -> Requirement:
    """Such as ``requirement("CSIDriver/nfs.csi.k8s.io", otherwise="Install the driver")``."""
    return Requirement(ShortRef.parse(ref), otherwise, needed)


@dataclass(frozen=True)
class Component:
    """One part of a platform: its objects, what it needs first, and when it counts as up.

    ``after`` names what must be *up* before this one starts, not whom it calls later.
    ``keep`` are objects that all-down leaves (claims, volumes and generated Secrets always stay).
    ``borrows`` are objects that exist without us (``ServiceAccount/default``): they get our fields, and give
    them back on down instead of being deleted.
    ``replace`` are objects that may be deleted and made again when an immutable field has to change.
    ``initialised_by`` maps a claim to the Secret whose values its data was made with: a claim whose data was
    made with others is refused. ``requires`` are objects of the cluster without which nothing is begun, or,
    where they are not needed, what is warned of.
    ``deadline`` is in seconds; so are ``grace``, what a cause that may heal is given before the
    component is given up, and ``stable``, for how long what had to be waited for must then stay ready.
    ``task`` is the name of its up task when it is not ``<name>-up``.
    """

    name: str
    manifests: str | Sequence[str] = ()
    after: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    configs: Sequence[Config] = ()
    secrets: Sequence[Secret] = ()
    checks: Sequence[HealthCheck] = ()
    enabled: bool = True
    help: str = ""
    task: str = ""
    aliases: Sequence[str] = ()
    down_aliases: Sequence[str] = ()
    deadline: float = 600.0
    grace: float = 180.0
    stable: float = 0.0
    keep: Sequence[str] = ()
    borrows: Sequence[str] = ()
    replace: Sequence[str] = ()
    pins: Sequence[Pin] = ()
    children: Sequence[Children] = ()
    before_down: Sequence[Hook] = ()
    requires: Sequence[Requirement] = ()
    initialised_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The manifest files, relative to the platform's folder."""
        return (self.manifests,) if isinstance(self.manifests, str) else tuple(self.manifests)

    @property
    def up_task(self) -> str:
        """The name of the task that brings it up."""
        return self.task or f"{self.name}-up"

    @property
    def down_task(self) -> str:
        """The name of the task that takes it down."""
        return f"{self.name}-down"


def url_parts(target: str) -> tuple[str, str]:
    """``svc/web:8080/login`` as its target ``svc/web:8080`` and the path ``/login``, which may be empty."""
    before, colon, after = target.partition(":")
    port, slash, path = after.partition("/")
    return before + colon + port, slash + path


@dataclass(frozen=True)
class Platform:
    """A whole system. ``values`` are seen by the manifests and templates of every component; ``collection``
    is the group its tasks are in, for messages that name a command; ``tasks`` are those only it has;
    ``urls`` are pairs of a label and a target with a port and perhaps a path (``svc/web:8080/login``);
    ``warnings`` are sentences about these settings, said by every up and plan.

    Raises InputError when a name is wrong, reserved or used twice, or names no component where it must.
    """

    name: str
    components: Sequence[Component]
    namespace: str = ""
    instance: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    collection: str = ""
    pod_security: Literal["privileged", "baseline", "restricted"] = "baseline"
    urls: Sequence[tuple[str, str]] = ()
    tasks: Sequence[ExtraTask] = ()
    warnings: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = [component.name for component in self.components]
        for name in names:
            if not _DNS_LABEL.match(name):
                raise InputError(f"component {name!r} of {self.name}", "is not a DNS label (RFC 1123)")
            if name in RESERVED_NAMES:
                raise InputError(
                    f"component {name!r} of {self.name}", "has the name of a task every platform has"
                )
            if names.count(name) > 1:
                raise InputError(f"component {name!r} of {self.name}", "is defined twice")
        for component in self.components:
            for needed in component.after:
                if needed not in names:
                    raise InputError(
                        f"component {component.name!r} of {self.name}",
                        f"comes after {needed!r}, which is not a component{did_you_mean(needed, names)}",
                    )
        self._check_tasks()

    def _check_tasks(self) -> None:
        taken = [one for c in self.components for one in (c.up_task, c.down_task, *c.aliases)]
        taken += [task.name for task in self.tasks]
        for task in self.tasks:
            if not _DNS_LABEL.match(task.name):
                raise InputError(f"task {task.name!r} of {self.name}", "is not a DNS label (RFC 1123)")
            if task.name in RESERVED_NAMES - _FREE_FOR_TASKS or taken.count(task.name) > 1:
                raise InputError(f"task {task.name!r} of {self.name}", "has the name of another task")
            if isinstance(task, ListChildren):
                self.component(task.component)

    def component(self, name: str) -> Component:
        """The component of that name; raises InputError with a suggestion when there is none."""
        for component in self.components:
            if component.name == name:
                return component
        names = [component.name for component in self.components]
        raise InputError(
            f"component {name!r}",
            f"is not part of {self.name}{did_you_mean(name, names)}",
            next_step=f"Its components are {', '.join(names)}",
        )
