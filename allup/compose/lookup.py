"""``FILE#NAME``: a secret that stays where it is, in a compose file or a file of variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from allup.compose import envfiles
from allup.compose.canonical import as_fields
from allup.compose.interpolation import Refused, interpolate
from allup.compose.source import Fields, Place, Source, Text, parse
from allup.yamlfiles import read_text

_YAML = (".yaml", ".yml")


def value(path: str, environ: Mapping[str, str]) -> str | None:
    """What *path*, ``FILE#NAME``, says: the variable NAME of a file of variables, or in a compose file
    ``SERVICE.NAME``, a variable in the service's environment. None when it is not there.

    Raises InputError when the file is not sound.
    """
    name, _, key = path.rpartition("#")
    file = Path(name).expanduser()
    if not file.is_file():
        return None
    text = read_text(file, label=str(file))
    if file.suffix not in _YAML:
        return envfiles.parse(text, str(file), environ).get(key)
    service, _, variable = key.rpartition(".")
    found = dict(environment(parse(text, Source(str(file), file.parent, file)), service)).get(variable)
    if found is None:
        return None
    variables = {**_dotenv(file.parent), **environ}
    if found.null:
        return variables.get(variable)
    try:
        return interpolate(found.value, variables) if "$" in found.value else found.text
    except Refused:
        return None


def service_at(tree: Fields, variable: str, place: Place) -> str | None:
    """The service in whose environment *variable* is written at *place*; its file is *tree*."""
    services = tree.get("services")
    for name in services.entries if isinstance(services, Fields) else ():
        for found, node in environment(tree, name):
            if found == variable and node.place.line == place.line:
                return name
    return None


def environment(tree: Fields, service: str) -> Iterator[tuple[str, Text]]:
    """The variables as a service's environment writes them in the file whose *tree* it is."""
    services = tree.get("services")
    found = services.get(service) if isinstance(services, Fields) else None
    written = found.get("environment") if isinstance(found, Fields) else None
    if written is not None:
        for name, node in as_fields(written, "environment", "=").entries.items():
            if isinstance(node, Text):
                yield name, node


def _dotenv(folder: Path) -> dict[str, str]:
    file = folder / ".env"
    return envfiles.parse(read_text(file, label=str(file)), str(file), {}) if file.is_file() else {}
