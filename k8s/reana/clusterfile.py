"""Reads a ``reana-cluster.yaml``. Every refusal names the file and the line.

reana-cluster's own JSON schema let unknown keys pass and checked six of the twenty that the tool read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NoReturn

from allup import InputError, MappingNode, Node, ScalarNode, SequenceNode, did_you_mean, load_documents
from k8s.reana.layout import DEFAULT, PARTS, Layout, Mount, Part, Variable

_TEXTS = (
    *("version", "config", "config_context", "reana_url"),
    *("root_path", "shared_volume_path", "db_persistence_path"),
)
_SWITCHES = ("debug", "ui", "eos", "cephfs")
_NOT_OURS = {
    "url": "",
    "db_config": "",
    "cephfs_os_share_id": "It is a parameter of the StorageClass: --shared-storage-class names one",
    "cephfs_os_share_access_id": "It is a parameter of the StorageClass: --shared-storage-class names one",
    "cephfs_monitors": "No release since 0.5 reads it",
}
_READ_BY_NOBODY = ("url", "db_config")
_CLUSTER = (*_TEXTS, *_SWITCHES, "type", "cephfs_volume_size", *_NOT_OURS)
_PART = ("type", "image", "environment", "mountpoints")
_MOUNT = ("type", "name", "path")
_GONE = {
    "reana-job-controller": "Since 0.6 it is a container of every run, and its image a variable: "
    "REANA_JOB_CONTROLLER_IMAGE",
    "reana-workflow-monitor": "It was dropped in 0.5",
    "reana-zeromq-msg-proxy": "It was dropped in 0.5",
}
_SECRET = {
    "REANA_DB_PASSWORD": "It is made here; to give one, set the variable REANA_DB_PASSWORD",
    "REANA_SQLALCHEMY_DATABASE_URI": "It holds the password; the database is the component db",
    "RABBIT_MQ": "It holds the broker's password",
    "RABBIT_MQ_PASS": "It follows from --broker-login",
    "CERN_CONSUMER_KEY": "Set the variable CERN_CONSUMER_KEY, and give --cern-sso",
    "CERN_CONSUMER_SECRET": "Set the variable CERN_CONSUMER_SECRET, and give --cern-sso",
    "REANA_GITLAB_OAUTH_APP_ID": "Set the variable REANA_GITLAB_OAUTH_APP_ID, and give --gitlab-host",
    "REANA_GITLAB_OAUTH_APP_SECRET": "Set the variable REANA_GITLAB_OAUTH_APP_SECRET, and give --gitlab-host",
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def read(path: str) -> Layout:
    """What the file says. Raises InputError, ``file:line``, for all that it cannot mean."""
    documents = load_documents(Path(path).expanduser(), label=path)
    if len(documents) != 1:
        raise InputError(path, f"holds {len(documents)} YAML documents, and a layout is one")
    return _File(path).layout(documents[0].node)


class _File:
    def __init__(self, name: str) -> None:
        self._name = name

    def layout(self, node: Node) -> Layout:
        # Without components, which the old schema asked for, a file says where, and what is 0.6.1's own.
        top = self._mapping(node, "the file", ("cluster", "components"), required=("cluster",))
        cluster = self._mapping(top["cluster"][1], "cluster", _CLUSTER, required=("type", "version"))
        said: dict[str, Any] = {key: self._text(cluster[key], key) for key in _TEXTS if key in cluster}
        said |= {key: self._switch(cluster[key], key) for key in _SWITCHES if key in cluster}
        if "cephfs_volume_size" in cluster:
            said["cephfs_volume_size"] = self._whole_number(cluster["cephfs_volume_size"])
        if self._text(cluster["type"], "type") != "kubernetes":
            self._refuse(cluster["type"][0], "cluster.type can only be 'kubernetes'")
        for key, reason in _NOT_OURS.items():
            if key in cluster and key not in _READ_BY_NOBODY:
                self._refuse(cluster[key][0], f"cluster.{key} is not taken", evidence=reason)
        for key in ("root_path", "shared_volume_path", "db_persistence_path"):
            if key in said:
                self._absolute(said[key], f"cluster.{key}", cluster[key][0])
        said["context"] = said.pop("config_context", "")
        if "config" in said:  # from the file's own folder on, as the old tool's page has it
            kubeconfig = Path(said.pop("config")).expanduser()
            said["kubeconfig"] = str(Path(self._name).expanduser().absolute().parent / kubeconfig)
        lines = {f"cluster.{key}": f"{self._name}:{line}" for key, (line, _) in cluster.items()}
        parts = self._parts(*top["components"]) if "components" in top else DEFAULT.parts
        return Layout(**said, parts=parts, lines=lines)

    def _parts(self, line: int, node: Node) -> Mapping[str, Part]:
        for name, at, _ in node.entries if isinstance(node, MappingNode) else ():
            if name in _GONE:
                self._refuse(at, f"{name} is no component of 0.6", evidence=_GONE[name])
        parts = self._mapping(node, "components", PARTS, required=PARTS, line=line)
        return {name: self._part(name, *parts[name]) for name in PARTS}

    def _part(self, name: str, line: int, node: Node) -> Part:
        keys = self._mapping(node, name, _PART, required=("image",), line=line)
        if "type" in keys and self._text(keys["type"], "type") != "docker":
            self._refuse(keys["type"][0], f"the type of {name} can only be 'docker'")
        return Part(
            image=self._text(keys["image"], "image"),
            environment=self._environment(*keys["environment"]) if "environment" in keys else (),
            mounts=tuple(self._each(keys, "mountpoints", self._mount)),
        )

    def _environment(self, line: int, node: Node) -> tuple[Variable, ...]:
        """Every pair of every item: with ``<<`` an item has several. The last one of a name counts."""
        found: dict[str, Variable] = {}
        for item in self._items(node, "environment", line):
            if not isinstance(item, MappingNode):
                self._refuse(item.line, "an item of environment is a mapping, NAME: value")
            for name, at, value in item.entries:
                if not _VARIABLE.fullmatch(name):
                    self._refuse(at, f"{name!r} cannot be the name of a variable")
                if name in _SECRET:
                    self._refuse(
                        at, f"{name} is a secret, which does not belong into a file", evidence=_SECRET[name]
                    )
                if not isinstance(value, ScalarNode) or value.data is None:
                    self._refuse(at, f"the value of {name} is not a text")
                # As written: `"True"` and True are both the text True, as Jinja printed them.
                text = value.text if not isinstance(value.data, bool) else str(value.data)
                if "<CHANGEME>" in text:
                    self._refuse(at, f"{name} still is {text!r}")
                found[name] = Variable(name, text, f"{self._name}:{at}")
        return tuple(found.values())

    def _mount(self, node: Node) -> Mount:
        keys = self._mapping(node, "a mount point", _MOUNT, required=_MOUNT)
        if self._text(keys["type"], "type") != "hostPath":
            self._refuse(keys["type"][0], "the type of a mount point can only be 'hostPath'")
        line, name = keys["name"][0], self._text(keys["name"], "name")
        if not _LABEL.fullmatch(name):
            self._refuse(
                line,
                f"{name!r} cannot be the name of a volume{_suggestion(name)}",
                evidence="Lower-case letters, digits and '-', at most 63, a letter or digit first and last",
            )
        line, path = keys["path"][0], self._text(keys["path"], "path")
        sides = path.split(":")
        if len(sides) != 2:
            self._refuse(line, f"{path!r} is not NODE_PATH:CONTAINER_PATH, with one ':'")
        for side in sides:
            self._absolute(side, "a side of path", line)
        return Mount(name, sides[0], sides[1])

    # What a node may be

    def _mapping(
        self, node: Node, what: str, known: Collection[str], *, required: Collection[str], line: int = 0
    ) -> dict[str, tuple[int, Node]]:
        if not isinstance(node, MappingNode):
            self._refuse(line or node.line, f"{what} is not a mapping")
        for key, at, _ in node.entries:
            if key not in known:
                self._refuse(
                    at,
                    f"{key!r} is not a key of {what}{did_you_mean(key, known)}",
                    evidence="" if did_you_mean(key, known) else f"There are {', '.join(known)}",
                )
        found = {key: (at, value) for key, at, value in node.entries}
        for key in required:
            if key not in found:
                self._refuse(line or node.line, f"{what} lacks {key}")
        return found

    def _items(self, node: Node, what: str, line: int) -> tuple[Node, ...]:
        if isinstance(node, ScalarNode) and node.data is None:
            return ()
        if not isinstance(node, SequenceNode):
            self._refuse(line, f"{what} is a list")
        return node.items

    def _each(
        self, keys: Mapping[str, tuple[int, Node]], key: str, read_one: Callable[[Node], Mount]
    ) -> list[Mount]:
        if key not in keys:
            return []
        line, node = keys[key]
        return [read_one(item) for item in self._items(node, key, line)]

    def _text(self, entry: tuple[int, Node], key: str) -> str:
        line, node = entry
        if not isinstance(node, ScalarNode) or not isinstance(node.data, str) or not node.text:
            self._refuse(line, f"{key} is not a text")
        return node.text

    def _switch(self, entry: tuple[int, Node], key: str) -> bool:
        line, node = entry
        if not isinstance(node, ScalarNode) or not isinstance(node.data, bool):
            self._refuse(line, f"{key} is true or false")
        return node.data is True

    def _whole_number(self, entry: tuple[int, Node]) -> int:
        line, node = entry
        if not isinstance(node, ScalarNode) or type(node.data) is not int or node.data < 1:
            self._refuse(line, "cephfs_volume_size is a whole number of gigabytes")
        assert isinstance(node.data, int)
        return node.data

    def _absolute(self, path: str, what: str, line: int) -> None:
        if not path.startswith("/") or posixpath.normpath(path) != path.rstrip("/") or path == "/":
            self._refuse(line, f"{what}, {path!r}, is not an absolute path without detours")

    def _refuse(self, line: int, fact: str, *, evidence: str = "") -> NoReturn:
        raise InputError(f"{self._name}:{line}", fact, evidence=evidence)


def _suggestion(name: str) -> str:
    from k8s.reana.names import suggestion

    better = suggestion(name)
    return f" (did you mean {better!r}?)" if better else ""
