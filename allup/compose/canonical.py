"""Short forms into long ones, so that files merge and everything after reads one form only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from allup.compose.source import Fields, Items, Node, Place, Text, fields, refuse, text, texts
from allup.errors import did_you_mean

_KEYS = """annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs
    container_name cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus
    cpuset credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search
    domainname entrypoint env_file environment expose extends external_links extra_hosts gpus group_add
    healthcheck hostname image init ipc isolation label_file labels links log_driver log_opt logging
    mac_address mem_limit mem_reservation mem_swappiness memswap_limit models net network_mode networks
    oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_start pre_stop privileged
    profiles provider pull_policy pull_refresh_after read_only restart runtime scale secrets security_opt
    shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket
    user userns_mode uts volume_driver volumes volumes_from working_dir"""
SERVICE_KEYS = tuple(_KEYS.split())
"""Every key a service may have by the specification's schema, and four of the oldest format."""

_LISTS = (
    *("cap_add", "cap_drop", "dns", "dns_search", "dns_opt", "tmpfs", "label_file", "expose", "links"),
    *("profiles", "security_opt", "volumes_from", "external_links", "group_add", "devices"),
)
_MAPS = ("environment", "labels", "annotations", "sysctls")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def canonical_service(service: Fields, name: str) -> Fields:
    """A service with every short form written out. Raises InputError for an unknown key."""
    what = f"service {name!r}"
    out: dict[str, Node] = {}
    for key, node in service.entries.items():
        if key.startswith("x-"):
            continue
        if key not in SERVICE_KEYS:
            refuse(
                service.where(key),
                f"{what} has no key {key!r} in the Compose Specification{did_you_mean(key, SERVICE_KEYS)}",
                next_step="A key of your own begins with x-",
            )
        out[key] = _kept_tag(node, _canonical(key, node, what))
    return Fields(out, service.place, service.tag, service.lines)


def _kept_tag(before: Node, after: Node) -> Node:
    return replace(after, tag=before.tag) if before.tag else after


def _canonical(key: str, node: Node, what: str) -> Node:
    if isinstance(node, Text) and node.null:
        return node
    said = f"{key} of {what}"
    if key in _MAPS:
        return as_fields(node, said, "=")
    if key in _LISTS:
        return Items(tuple(texts(node, said)), node.place)
    if key in _SPECIAL:
        return _SPECIAL[key](node, said)
    return node


def as_fields(node: Node, what: str, separator: str) -> Fields:
    """``[K=V, K]`` or a mapping as a mapping; a bare ``K`` has null."""
    if isinstance(node, Fields):
        for key, value in node.entries.items():
            if not isinstance(value, Text):
                refuse(node.where(key), f"{key} in {what} has to be a text")
        return node
    entries: dict[str, Node] = {}
    for item in texts(node, what):
        key, sign, said = item.text.partition(separator)
        entries[key] = Text(said, item.place) if sign else Text("", item.place, plain=True)
    return Fields(entries, node.place)


def _sequence(node: Node, what: str) -> tuple[Node, ...]:
    if not isinstance(node, Items):
        refuse(node.place, f"{what} has to be a list")
    return node.items


def _made(place: Place, **entries: str | bool | Node | None) -> Fields:
    def node(value: str | bool | Node) -> Node:
        if isinstance(value, bool):
            return Text("true" if value else "false", place, plain=True)
        return Text(value, place) if isinstance(value, str) else value

    return Fields({k: node(v) for k, v in entries.items() if v is not None}, place)


def _build(node: Node, what: str) -> Node:
    if isinstance(node, Text):
        return _made(node.place, context=node)
    found = fields(node, what)
    assert found is not None
    args = found.get("args")
    return found.replaced(args=as_fields(args, f"args in {what}", "=")) if args else found


def _depends_on(node: Node, what: str) -> Node:
    if isinstance(node, Fields):
        for key, value in node.entries.items():
            fields(value, f"{key} in {what}")
        return node
    entries: dict[str, Node] = {
        item.text: _made(item.place, condition="service_started", required=True) for item in texts(node, what)
    }
    return Fields(entries, node.place)


def _networks(node: Node, what: str) -> Node:
    if isinstance(node, Fields):
        return node
    return Fields({item.text: Fields({}, item.place) for item in texts(node, what)}, node.place)


def _extra_hosts(node: Node, what: str) -> Node:
    if isinstance(node, Items):
        return Items(tuple(texts(node, what)), node.place)
    found = fields(node, what)
    assert found is not None
    return Items(
        tuple(
            Text(f"{host}={one.text}", one.place)
            for host, value in found.entries.items()
            for one in texts(value, what)
        ),
        node.place,
    )


def _env_file(node: Node, what: str) -> Node:
    items = node.items if isinstance(node, Items) else (node,)
    out: list[Node] = []
    for item in items:
        out.append(_made(item.place, path=item) if isinstance(item, Text) else item)
    return Items(tuple(out), node.place)


def _healthcheck(node: Node, what: str) -> Node:
    found = fields(node, what)
    assert found is not None
    test = found.get("test")
    if isinstance(test, Text):
        shell = Items((Text("CMD-SHELL", test.place), Text(test.text, test.place)), test.place, test.tag)
        return found.replaced(test=shell)
    return found


def _deploy(node: Node, what: str) -> Node:
    found = fields(node, what)
    assert found is not None
    labels = found.get("labels")
    return found.replaced(labels=as_fields(labels, f"labels in {what}", "=")) if labels else found


def _secrets(node: Node, what: str) -> Node:
    out: list[Node] = []
    for item in _sequence(node, what):
        out.append(_made(item.place, source=item) if isinstance(item, Text) else item)
    return Items(tuple(out), node.place)


# Ports


def _ports(node: Node, what: str) -> Node:
    out: list[Node] = []
    for item in _sequence(node, what):
        if isinstance(item, Text):
            out += _short_port(item, what)
            continue
        found = fields(item, f"an item of {what}")
        assert found is not None
        if found.get("target") is None:
            refuse(item.place, f"an item of {what} has no target, the port inside the container")
        out.append(found)
    return Items(tuple(out), node.place)


def _short_port(item: Text, what: str) -> Iterator[Fields]:
    """``[[IP:]HOST:]CONTAINER[/proto]``, ranges written out."""
    written = item.value if item.plain else item.text
    rest, _, protocol = written.partition("/")
    host_ip = ""
    if rest.startswith("["):
        host_ip, _, rest = rest[1:].partition("]:")
    pieces = rest.split(":")
    if len(pieces) == 3 and not host_ip:
        host_ip, *pieces = pieces
    published, target = (pieces[0], pieces[1]) if len(pieces) == 2 else ("", pieces[-1])
    inside, outside = port_range(target), port_range(published) if published else None
    if len(pieces) > 2 or inside is None or (published and outside is None):
        refuse(
            item.place,
            f"{written!r} in {what} is no port",
            next_step="Write CONTAINER, HOST:CONTAINER or IP:HOST:CONTAINER, then /udp if it is",
        )
    if outside is not None and len(inside) > 1 and len(outside) != len(inside):
        refuse(item.place, f"the two ranges of {written!r} in {what} differ in length")
    for number, port in enumerate(inside):
        host = None if outside is None else str(outside[number]) if len(inside) > 1 else published
        yield _made(
            item.place,
            target=str(port),
            published=host,
            host_ip=host_ip or None,
            protocol=protocol or "tcp",
        )


def port_range(written: str) -> range | None:
    """``8000-8002`` as a range, one port as a range of one; None for what is neither."""
    match = _RANGE.fullmatch(written)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return range(first, last + 1) if 0 < first <= last < 65_536 else None


# Volumes

_MODES = ("rw", "ro", "z", "Z", "nocopy", "copy", "cached", "delegated", "consistent")
_PROPAGATION = ("shared", "slave", "private", "rshared", "rslave", "rprivate")


def _volumes(node: Node, what: str) -> Node:
    out: list[Node] = []
    for item in _sequence(node, what):
        if isinstance(item, Text):
            out.append(_short_volume(item, what))
            continue
        found = fields(item, f"an item of {what}")
        assert found is not None
        if found.get("target") is None:
            refuse(item.place, f"an item of {what} has no target, the path inside the container")
        out.append(found)
    return Items(tuple(out), node.place)


def _short_volume(item: Text, what: str) -> Fields:
    pieces = item.text.split(":")
    if len(pieces) == 1:
        return _made(item.place, type="volume", target=pieces[0])
    if len(pieces) > 3 or not all(pieces[:2]):
        refuse(
            item.place,
            f"{item.text!r} in {what} is no volume",
            next_step="Write SOURCE:TARGET or SOURCE:TARGET:ro",
        )
    source, target = pieces[:2]
    modes = pieces[2].split(",") if len(pieces) == 3 else []
    for mode in modes:
        if mode not in (*_MODES, *_PROPAGATION):
            refuse(item.place, f"{mode!r} in {item.text!r} of {what} is no mode{did_you_mean(mode, _MODES)}")
    bind = is_path(source)
    return _made(
        item.place,
        type="bind" if bind else "volume",
        source=source,
        target=target,
        read_only=True if "ro" in modes else None,
    )


def is_path(source: str) -> bool:
    """A short volume's source that is a path, and no volume's name."""
    return source.startswith((".", "/", "~"))


_SPECIAL: dict[str, Callable[[Node, str], Node]] = {
    "build": _build,
    "depends_on": _depends_on,
    "networks": _networks,
    "extra_hosts": _extra_hosts,
    "env_file": _env_file,
    "healthcheck": _healthcheck,
    "deploy": _deploy,
    "secrets": _secrets,
    "configs": _secrets,
    "ports": _ports,
    "volumes": _volumes,
}

# Uniqueness, for merging


def unique_key(key: str, item: Node) -> str:
    """What makes an item of the list *key* the same as another one, so that the later replaces it."""
    if not isinstance(item, Fields):
        return text(item, key)

    def of(name: str, default: str = "") -> str:
        value = item.get(name)
        return text(value, name) if value is not None else default

    match key:
        case "ports":
            return "|".join((of("host_ip"), of("target"), of("published"), of("protocol", "tcp")))
        case "volumes":
            return of("target")
        case "configs":
            return of("target", f"/{of('source')}")
        case "secrets":
            return of("target", f"/run/secrets/{of('source')}")
        case _:
            return repr(sorted((k, str(v)) for k, v in item.entries.items()))
