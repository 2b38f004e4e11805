"""Where the values of Secrets come from in one run: given now, else kept in the cluster, else generated."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from allup.cluster.store import Store
from allup.model import labels
from allup.model.secrets import Provided, Secret
from allup.redaction import Redactor
from allup.refs import ObjectRef
from allup.secretvalues import SecretRandom, resolve_secret

ReadFile = Callable[[str], str | None]
"""The text of a file (``-`` is standard input), None when it is not there."""


@dataclass
class Given:
    """What the outside hands in. A secret's variable is removed from *environ* once read, so that no child
    process inherits it. *settings* are the non-secret settings with their origins, to be remembered.

    Secrets may be resolved twice in a run: what was taken or read once is answered again.
    """

    environ: MutableMapping[str, str]
    read_file: ReadFile
    settings: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    _taken: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _read: dict[str, str | None] = field(default_factory=dict, init=False, repr=False)

    @contextmanager
    def variables(self) -> Iterator[MutableMapping[str, str]]:
        """The environment; what is taken out of it is gone from the real one afterwards."""
        variables = {**self.environ, **self._taken}
        try:
            yield variables
        finally:
            for name in [name for name in self.environ if name not in variables]:
                self._taken[name] = self.environ.pop(name)

    def text(self, path: str) -> str | None:
        """The text of a file, read once."""
        if path not in self._read:
            self._read[path] = self.read_file(path)
        return self._read[path]


@dataclass
class ResolvedSecrets:
    """Values by Secret and key, which Secrets hold evaluation values, and sentences worth a warning."""

    values: dict[str, Mapping[str, str]] = field(default_factory=dict)
    origins: dict[str, Mapping[str, str]] = field(default_factory=dict)
    evaluation: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"ResolvedSecrets({sorted(self.values)})"


def kept_values(store: Store, namespace: str, name: str) -> dict[str, str] | None:
    """The values a Secret holds in the cluster, None when it is not there (or holds an evaluation value,
    which a real one shall replace)."""
    found = store.get(ObjectRef("", "Secret", namespace, name))
    if found is None or labels.EVALUATION in (found["metadata"].get("annotations") or {}):
        return None
    data = found.get("data") or {}
    return {key: base64.b64decode(value).decode("utf-8", "replace") for key, value in data.items()}


def resolve(
    wanted: Sequence[Secret],
    *,
    others: Sequence[Secret],
    store: Store,
    namespace: str,
    given: Given,
    sandbox: bool,
    folder: Path,
    redactor: Redactor,
    now: datetime,
) -> ResolvedSecrets:
    """The values of the Secrets in *wanted*, every one of them known to *redactor* from here on; of *others*,
    which templates may quote, only what the cluster keeps.

    Raises InputError when one is neither given nor kept nor made; nothing has been written then.
    """
    resolved = ResolvedSecrets()
    evaluation: set[str] = set()
    warnings: list[str] = []
    random = SecretRandom()
    with given.variables() as environ:
        for secret in wanted:
            values = resolve_secret(
                _absolute(secret, folder),
                existing=kept_values(store, namespace, secret.name),
                environ=environ,
                read_file=given.text,
                sandbox=sandbox,
                random=random,
                now=now,
            )
            for value in values.values.values():
                redactor.add(value)
            resolved.values[secret.name] = values.values
            resolved.origins[secret.name] = values.origins
            warnings += values.warnings
            if values.evaluation:
                evaluation.add(secret.name)
                warnings.append(_stands_in(secret))
    for secret in others:
        kept = kept_values(store, namespace, secret.name)
        if kept is not None and secret.name not in resolved.values:
            resolved.values[secret.name] = kept
    resolved.evaluation = frozenset(evaluation)
    resolved.warnings = tuple(warnings)
    return resolved


def _stands_in(secret: Secret) -> str:
    variables = sorted(k.env for k in secret.keys.values() if isinstance(k, Provided) and k.env)
    way = f" ({' and '.join(variables)} sets the real one)" if variables else ""
    return f"Secret {secret.name}: nothing is given, so a stand-in is used, as only a sandbox may{way}"


def _absolute(secret: Secret, folder: Path) -> Secret:
    keys = {
        name: replace(key, fallbacks=tuple(str((folder / path).resolve()) for path in key.fallbacks))
        if isinstance(key, Provided)
        else key
        for name, key in secret.keys.items()
    }
    return replace(secret, keys=keys)
