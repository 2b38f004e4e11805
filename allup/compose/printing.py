"""A made platform as the texts of its files: ``platform.py``, a manifest for each component, templates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from allup.compose.made import CREDENTIALS, MadeKey, Making, Mode, Part, Reference
from allup.yamlfiles import resolve_plain

_WIDTH = 110


def texts(making: Making) -> dict[str, str]:
    """Every file of the platform's folder by its path."""
    found = {"platform.py": platform_py(making)}
    for part in making.parts.values():
        if part.objects:
            found[f"{part.name}.yaml"] = manifest(part)
    return found | {f"config/{path}": text for path, text in sorted(making.files.items())}


# Manifests


def manifest(part: Part) -> str:
    """The objects of a component, with where they come from on top."""
    said = f"# {part.name}: {part.help}" + (f" (from {part.where})" if part.where else "")
    return f"{said}\n" + "---\n".join(_dumped(one) for one in part.objects)


def _dumped(data: object) -> str:
    import yaml

    text: str = yaml.dump(
        data,
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH - 10,
        default_flow_style=False,
    )
    return text


@cache
def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Lists stand further in than their key; texts that YAML would read as something else are quoted."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        value = value.replace("${", "$${")  # ours are written by reference() alone
        if "\n" in value and not any(line.endswith((" ", "\t")) for line in value.splitlines()):
            return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|")
        plain = resolve_plain(value) if value else None
        quoted = not isinstance(plain, str) or "${" in value
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if quoted else None)

    def reference(dumper: Any, value: Reference) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", f"${{{value}}}")

    def mode(dumper: Any, value: Mode) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:int", f"0{value:03o}")

    Dumper.add_representer(str, text)
    Dumper.add_representer(Mode, mode)
    Dumper.add_representer(Reference, reference)
    return Dumper


# platform.py


def platform_py(making: Making) -> str:
    """The text of ``platform.py``, laid out as ruff does it."""
    used = sorted(
        {"Component", "Platform", "PlatformSettings"}
        | ({"setting"} if making.settings else set())
        | ({"Quantity"} if any(s.kind == "Quantity" for s in making.settings.values()) else set())
        | ({"Secret", "Provided"} if making.secrets else set())
        | ({"config_map", "Config"} & _configs_used(making))
        | ({"requirement"} if any(p.requires for p in making.parts.values()) else set()),
        key=lambda n: (not n[0].isupper(), n),
    )
    files = ", ".join(path.name for path in making.project.files)
    settings = [
        f"    {s.name}: {s.kind} = "
        + _laid_out(_call("setting", _Raw(_literal(s.default)), help=s.help), 4, f"{s.name}: {s.kind} = ")
        for s in making.settings.values()
    ]
    body = _call(
        "Platform",
        making.name,
        [_component(making, part) for part in making.parts.values()],
        **_rest(making),
    )
    name = "s" if making.settings else "_"
    lines = [
        f'"""{making.name}: brought over from {files} by inv compose.convert. It is yours to change."""',
        "",
        "from __future__ import annotations",
        "",
        "from dataclasses import dataclass",
        "",
        _imports(used),
        "",
        "",
        "@dataclass(frozen=True, kw_only=True)",
        "class Settings(PlatformSettings):",
        f'    """What may differ from one installation of {making.name} to the next."""',
        *(["", *settings] if settings else []),
        "",
        "",
        f"def platform({name}: Settings) -> Platform:",
        '    """The services of the compose file, each after what it depends on."""',
        "    return " + _laid_out(body, 4, "return "),
    ]
    return "\n".join(lines) + "\n"


def _imports(names: Sequence[str]) -> str:
    line = f"from allup import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return line
    return "from allup import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _configs_used(making: Making) -> set[str]:
    found = set()
    for part in making.parts.values():
        for files in part.configs.values():
            found.add("config_map" if _by_name(files) else "Config")
    return found


def _by_name(files: Mapping[str, str]) -> bool:
    return all(path.rpartition("/")[2] == key for key, path in files.items())


class _Raw(str):
    """Python as it is to be written."""


class _Call:
    def __init__(self, name: str, positional: Iterable[Any], named: Mapping[str, Any]) -> None:
        self.name, self.positional, self.named = name, list(positional), dict(named)


def _call(name: str, *positional: Any, **named: Any) -> _Call:
    return _Call(name, positional, named)


def _component(making: Making, part: Part) -> _Call:
    named: dict[str, Any] = {}
    if part.after:
        named["after"] = list(part.after)
    if part.name == CREDENTIALS:
        named["secrets"] = [_secret(name, keys) for name, keys in making.secrets.items()]
    if part.configs:
        named["configs"] = [
            _call("config_map", name, *files.values())
            if _by_name(files)
            else _call("Config", name, dict(files))
            for name, files in part.configs.items()
        ]
    if part.requires:
        named["requires"] = [
            _call("requirement", ref, otherwise=otherwise) for ref, otherwise in part.requires.items()
        ]
    if part.help:
        named["help"] = part.help
    manifests = [f"{part.name}.yaml"] if part.objects else []
    return _call("Component", part.name, *manifests, **named)


def _secret(name: str, keys: Mapping[str, MadeKey]) -> _Call:
    def provided(key: MadeKey) -> _Call:
        named: dict[str, Any] = {"env": key.env}
        if key.fallbacks:
            named["fallbacks"] = tuple(key.fallbacks)
        return _call("Provided", **named)

    return _call("Secret", name, {key: provided(made) for key, made in keys.items()})


def _rest(making: Making) -> dict[str, Any]:
    named: dict[str, Any] = {}
    if making.settings:
        named["values"] = {s: _Raw(f"s.{s}") for s in making.settings}
    if making.privileged:
        named["pod_security"] = "privileged"
    if making.urls:
        named["urls"] = [tuple(url) for url in making.urls]
    return named


def _laid_out(value: Any, indent: int, before: str = "") -> str:
    """*value* on one line if it fits behind *before*, else an item a line, with a comma after the last."""
    line = _literal(value)
    if indent + len(before) + len(line) + 1 <= _WIDTH or not _parts(value):
        return line
    opening, items, closing = _pieces(value)
    inner = indent + 4
    joined = [" " * inner + prefix + _laid_out(item, inner, prefix) + "," for prefix, item in items]
    return f"{opening}\n" + "\n".join(joined) + f"\n{' ' * indent}{closing}"


def _parts(value: Any) -> bool:
    return bool(isinstance(value, _Call | list | tuple | dict) and _pieces(value)[1])


def _pieces(value: Any) -> tuple[str, list[tuple[str, Any]], str]:
    if isinstance(value, _Call):
        items = [("", one) for one in value.positional] + [(f"{k}=", v) for k, v in value.named.items()]
        return f"{value.name}(", items, ")"
    if isinstance(value, dict):
        return "{", [(f"{_literal(k)}: ", v) for k, v in value.items()], "}"
    opening, closing = ("(", ")") if isinstance(value, tuple) else ("[", "]")
    return opening, [("", one) for one in value], closing


def _literal(value: Any) -> str:
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, _Call | list | tuple | dict):
        opening, items, closing = _pieces(value)
        inside = ", ".join(prefix + _literal(item) for prefix, item in items)
        comma = "," if isinstance(value, tuple) and len(items) == 1 else ""
        return f"{opening}{inside}{comma}{closing}"
    return repr(value)
