"""What every verb begins with: settings and their origins, the platform they make, the cluster."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allup import InputError, Platform
from allup.loading import LoadedPlatform, load
from allup.model.settings import setting_specs
from allup.redaction import Redactor
from allup.refs import ShortRef
from allup.run.options import RunOptions
from allup.run.secretsource import Given
from allup.settings import ResolvedSettings, SettingsFile, check_known, resolve
from tasks import where, withheld
from tasks.edge import masked_by
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.chartvalues import ChartValues
    from allup.run.session import Session
    from allup.target import Target


@dataclass(frozen=True)
class Prepared:
    """Everything that follows from a call's flags, the environment and the settings files.

    *last_up* are the settings of the last up with their origins, when those count instead.
    """

    call: Call
    redactor: Redactor
    last_up: Mapping[str, tuple[Any, str]] | None = None

    @property
    def name(self) -> str:
        """The platform's name."""
        return self.call.platform.folder.name

    @cached_property
    def settings(self) -> ResolvedSettings:
        """The settings with their origins; ``instance`` and ``namespace`` filled in."""
        platform = self.call.platform
        specs = setting_specs(platform.settings)
        flags = {s.name: self.call.given.get(s.name) for s in specs}
        flags |= {f"no_{s.name}": self.call.given.get(f"no_{s.name}") for s in specs if s.kind is bool}
        known = {n: [s.name for s in specs] for n in (platform.collection, self.name)}
        for file in self.files:
            for warning in check_known(file, known):
                sys.stderr.write(f"warning: {warning}\n")
        found = resolve(
            platform.settings,
            flags=flags,
            environ=os.environ,
            files=self.files,
            platform_names=(platform.collection, self.name),
            chart=self.chart.settings if self.chart else None,
        )
        instance = self.call.given.get("instance") or self.name
        namespace = self.call.given.get("namespace") or self.call.platform.namespace or instance
        return replace(found, values=replace(found.values, instance=instance, namespace=namespace))

    @cached_property
    def chart(self) -> ChartValues | None:
        """What ``--values`` says."""
        if not self.call.given.get("values"):
            return None
        from allup.chartvalues import read

        name, platform = str(self.call.given["values"]), self.call.platform
        known = (platform.chart_values, platform.chart_refused, platform.chart_unused)
        found = read(Path(name).expanduser(), name, *known)
        for warning in found.warnings:
            sys.stderr.write(f"warning: {warning}\n")
        for value in found.variables.values():
            self.redactor.add(value)
        return found

    @cached_property
    def files(self) -> Sequence[SettingsFile]:
        """``-f FILE``, the project's invoke.yaml, the user's."""
        return where.settings_files(_runtime_file(self.call))

    @cached_property
    def platform(self) -> Platform:
        """The platform those settings make."""
        built = self.call.platform.build(self.settings.values)
        return replace(
            built,
            instance=built.instance or self.settings.values.instance,
            namespace=built.namespace or self.settings.values.namespace,
            collection=self.call.platform.collection,
        )

    @cached_property
    def loaded(self) -> LoadedPlatform:
        """With its files read."""
        return load(self.platform, self.call.platform.folder)

    @cached_property
    def target(self) -> Target:
        """The cluster that is meant."""
        allowed = [name for file in self.files for name in file.contexts]
        return where.target(self.call.given, allowed)

    @cached_property
    def session(self) -> Session:
        """A session with it."""
        return where.open_target(self.target, self.redactor)

    def as_last_up(self) -> Prepared:
        """The same with the settings of the last up, where one is remembered: what is there was made so."""
        from allup.cluster import inventory as inventories

        instance = self.call.given.get("instance") or self.name
        namespace = self.call.given.get("namespace") or self.call.platform.namespace or instance
        empty = inventories.Inventory(self.name, instance, namespace)
        known = inventories.read(self.session.objects, empty)
        if known is None or not known.settings:
            return self
        remembered = {name: "" if value is None else value for name, (value, _) in known.settings.items()}
        call = replace(self.call, given={**self.call.given, **remembered})
        again = Prepared(call, self.redactor, known.settings)
        again.__dict__["session"] = self.session  # what a cached property would keep
        return again

    @property
    def given(self) -> Given:
        """The environment and files for secrets, and the settings to be remembered."""
        if self.last_up is not None:
            return Given(withheld.environ(), read_file, self.last_up)
        remembered: dict[str, tuple[Any, str]] = {
            spec.name: (
                _plain(getattr(self.settings.values, spec.name)),
                str(self.settings.origins[spec.name]),
            )
            for spec in setting_specs(self.call.platform.settings)
        }
        variables = self.chart.variables if self.chart else {}
        return Given({**withheld.environ(), **variables}, read_file, remembered)

    def options(self, default_timeout: float) -> RunOptions:
        """The flags that are about the run."""
        given = self.call.given
        only = (self.call.verb.component,) if self.call.verb.component else names(given.get("only"))
        return RunOptions(
            only=only,
            skip=names(given.get("skip")),
            no_deps=bool(given.get("no_deps")),
            timeout=seconds("--timeout", given.get("timeout"), default_timeout),
            jobs=whole_number("--jobs", given.get("jobs"), 16),
            force_conflicts=bool(given.get("force_conflicts")),
            adopt=tuple(str(ShortRef.parse(ref)) for ref in names(given.get("adopt"))),
            prune=not given.get("no_prune"),
            wait=not given.get("no_wait"),
            lock_timeout=seconds("--lock-timeout", given.get("lock_timeout"), 30),
            cascade=bool(given.get("cascade")),
            purge=bool(given.get("purge")),
            bundle=Path(given["bundle"]) if given.get("bundle") else None,
        )


def prepare(call: Call) -> Prepared:
    """What follows from a call, worked out when asked for. Raises InputError for an impossible name."""
    for flag in ("instance", "namespace"):
        if call.given.get(flag):
            _valid_name(f"--{flag}", call.given[flag])
    redactor = Redactor()
    for value in withheld.values().values():
        redactor.add(value)
    masked_by(redactor.mask)
    return Prepared(call, redactor)


def read_file(path: str) -> str | None:
    """The text of a file a flag names (``-`` is standard input), None when it is not there.

    ``FILE#NAME`` is a variable in a compose file or a file of variables (see ``allup.compose.lookup``).
    """
    if path == "-":
        return sys.stdin.read()
    if "#" in path and not Path(path).expanduser().exists():
        from allup.compose import lookup

        return lookup.value(path, withheld.environ())
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            path, f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})"
        ) from None


def names(raw: Any) -> tuple[str, ...]:
    """The names in a flag that may be given several times, or once with commas."""
    values = raw if isinstance(raw, list) else [raw] if raw else []
    return tuple(name.strip() for value in values for name in str(value).split(",") if name.strip())


def seconds(flag: str, raw: Any, default: float) -> float:
    """A number of seconds above zero (also ``5m``, ``2h``); raises InputError."""
    if raw is None:
        return default
    text = str(raw).strip()
    factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:].lower())
    try:
        number = float(text[:-1]) * factor if factor else float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(flag, f"{raw!r} is not a number above zero")
    return number


def whole_number(flag: str, raw: Any, default: int) -> int:
    """A whole number above zero; raises InputError."""
    if raw is None:
        return default
    text = str(raw).strip()
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InputError(flag, f"{raw!r} is not a whole number above zero")
    return int(text)


def _valid_name(flag: str, name: str) -> None:
    """It becomes the name of a namespace, a label and part of other names (RFC 1123 label)."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise InputError(
            flag,
            f"{name!r} cannot be the name of a namespace",
            next_step="Lower-case letters, digits and '-', at most 63, a letter or digit first and last",
        )


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _runtime_file(call: Call) -> Path | None:
    path = getattr(call.context.config, "_runtime_path", None)
    return Path(str(path)) if path else None
