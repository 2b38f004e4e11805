"""What a service mounts: named volumes, bind mounts, tmpfs, configs and secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from allup.compose import carried
from allup.compose.amounts import bytes_, quantity
from allup.compose.environment import relative, variable_name
from allup.compose.findings import Taking
from allup.compose.images import Known, keeps
from allup.compose.made import CREDENTIALS, SHARED, MadeKey, Making, Mode, Object, Part
from allup.compose.naming import dns_label, followed, mentions, unique
from allup.compose.source import Fields, Items, Place, Text, text

_RWX = "ReadWriteMany"
_WHOLE = ("/", "/etc", "/usr", "/lib", "/lib/modules", "/boot", "/var", "/var/log", "/home", "/root")
_MACHINE = ("/proc", "/sys", "/dev", "/run", "/var/run", "/var/lib/docker", "/etc/localtime", "/etc/timezone")


@dataclass(frozen=True)
class Mount:
    """One entry of ``volumes``, read."""

    kind: str
    source: str
    target: str
    read_only: bool
    place: Place
    subpath: str = ""
    size: int = 0


@dataclass
class Storage:
    """The pod's side of it: *mounts* of the container, *volumes* of the pod, *templates* of a StatefulSet's
    claims. *exclusive*: holds a claim that one pod at a time may write."""

    mounts: list[Object] = field(default_factory=list)
    volumes: list[Object] = field(default_factory=list)
    templates: list[Object] = field(default_factory=list)
    exclusive: bool = False

    def volume(self, wanted: str, source: Object) -> str:
        """Adds a volume, or finds the one with the same source; returns its name."""
        for one in self.volumes:
            if {k: v for k, v in one.items() if k != "name"} == source:
                return str(one["name"])
        taken = [*(str(v["name"]) for v in self.volumes), *(t["metadata"]["name"] for t in self.templates)]
        name = unique(dns_label(wanted), taken)
        self.volumes.append({"name": name, **source})
        return name

    def mount(
        self, name: str, target: str, *, read_only: bool = False, inside: str = "", file: bool = False
    ) -> None:
        """Adds a mount of the volume *name*."""
        entry: Object = {"name": name, "mountPath": target}
        if inside:
            entry["subPath"] = inside
        if read_only or file:
            entry["readOnly"] = True
        self.mounts.append(entry)


def mounts_of(taking: Taking, making: Making, service: str) -> list[Mount]:
    """The entries of ``volumes``; what one of them says and cannot be had is listed."""
    found = []
    for item in taking.items("volumes"):
        kind, target, source = item.text("type", "volume"), item.text("target"), item.text("source")
        size, subpath = 0, ""
        tmpfs, volume, bind = item.fields("tmpfs"), item.fields("volume"), item.fields("bind")
        if (node := tmpfs.take("size")) is not None:
            size = bytes_(node, "size of tmpfs")
        subpath = volume.text("subpath")
        bind.take("create_host_path")
        bind.take("selinux")
        volume.take("nocopy")
        item.take("consistency")
        read_only = item.boolean("read_only")
        for part in (item, tmpfs, volume, bind):
            for key, place in part.rest():
                making.findings.left_out(
                    service, f"volumes.{key}", f"{key} of the mount at {target} has no counterpart", "", place
                )
        found.append(Mount(kind, source, target, read_only, item.node.place, subpath, size))
    return found


@dataclass
class Mounting:
    """Turns the mounts of one service into a Storage."""

    making: Making
    part: Part
    service: str
    known: Known | None
    labels: Mapping[str, str]
    stateful: bool
    build_contexts: frozenset[Path]
    shared: frozenset[str]
    storage: Storage = field(default_factory=Storage)

    @property
    def label(self) -> str:
        """What the service's objects are called."""
        return self.making.names.objects[self.service]

    @property
    def how(self) -> str:
        """What volumes become: as the label says, else as the flag does."""
        return self.labels.get("kompose.volume.type") or self.making.options.volumes

    def add(self, mount: Mount) -> None:
        """One mount."""
        if mount.kind != "tmpfs" and not mount.subpath:
            mount = replace(mount, subpath=self.labels.get("kompose.volume.subpath", ""))
        match mount.kind:
            case "tmpfs":
                self.tmpfs(mount.target, mount.size)
            case "bind":
                self.bind(mount)
            case "volume" if mount.source:
                self.named(mount)
            case "volume":
                self.anonymous(mount)
            case _:
                self.left_out(mount, f"a mount of type {mount.kind} has no counterpart")

    def tmpfs(self, target: str, size: int = 0) -> None:
        """Memory as a disk."""
        source: Object = {"medium": "Memory"}
        if size:
            source["sizeLimit"] = quantity(size)
        taken = [str(one["name"]) for one in self.storage.volumes]
        name = unique(dns_label(f"tmp-{target.strip('/')}"), taken)
        self.storage.volumes.append({"name": name, "emptyDir": source})
        self.storage.mount(name, target)

    def anonymous(self, mount: Mount) -> None:
        """A volume without a name: gone with the container, unless a database keeps its data there."""
        if keeps(self.known, mount.target) and self.how != "emptyDir":
            self.claimed(self._name_of(mount), mount)
            return
        name = self.storage.volume(self._name_of(mount), {"emptyDir": {}})
        self.storage.mount(name, mount.target, read_only=mount.read_only)
        self.making.findings.changed(
            self.service,
            "volumes",
            f"the volume without a name at {mount.target} is an emptyDir, which is empty in every new pod",
            "Give it a name in the compose file to keep its data",
            mount.place,
        )

    def named(self, mount: Mount) -> None:
        """A volume of the top level."""
        entry = self.making.project.sections["volumes"].get(mount.source)
        declared = Taking(entry, f"volume {mount.source!r}", mount.place)
        options = declared.mapping("driver_opts")
        external = is_external(declared)
        name = declared.text("name")
        declared.take("labels")
        driver = declared.text("driver", "local")
        if external:
            claim = dns_label(name or mount.source)
            self.part.requires[f"PersistentVolumeClaim/{claim}"] = (
                f"It is the external volume {mount.source}: make the claim first"
            )
            self.making.findings.to_do(
                self.service,
                "volumes",
                f"the volume {mount.source} is external: the claim {claim} has to be there",
                f"Make the PersistentVolumeClaim {claim} before the up",
                mount.place,
            )
            self._mount_claim(claim, mount)
            return
        kind = options["type"].text if "type" in options else ""
        if kind.startswith("nfs"):
            said = options["o"].text if "o" in options else ""
            server = next((o.partition("=")[2] for o in said.split(",") if o.startswith("addr=")), "")
            path = options["device"].text.lstrip(":") if "device" in options else "/"
            volume = self.storage.volume(mount.source, {"nfs": {"server": server, "path": path}})
            self.storage.mount(volume, mount.target, read_only=mount.read_only, inside=mount.subpath)
            return
        if kind == "tmpfs":
            self.tmpfs(mount.target)
            return
        if options or driver != "local":
            self.making.findings.changed(
                self.service,
                "volumes",
                f"driver {driver} and driver_opts of the volume {mount.source} are not carried over: it is a "
                "claim of the cluster's storage class",
                "Choose a class with --storage-class, or edit the claim",
                mount.place,
            )
        if self.how == "emptyDir":
            volume = self.storage.volume(mount.source, {"emptyDir": {}})
            self.storage.mount(volume, mount.target, read_only=mount.read_only, inside=mount.subpath)
            self.making.findings.changed(
                self.service,
                "volumes",
                f"{mount.source} is an emptyDir, as asked: its data goes with the pod",
                "",
                mount.place,
            )
            return
        self.claimed(mount.source, mount)

    # Claims

    def claimed(self, wanted: str, mount: Mount) -> None:
        """A disk: a claim template of the StatefulSet, a claim of the service, or one that several share."""
        name = dns_label(wanted)
        if mount.kind == "volume" and mount.source in self.shared:
            self._shared_claim(name, mount)
            return
        self.storage.exclusive = True
        if self.stateful:
            if all(one["metadata"]["name"] != name for one in self.storage.templates):
                self.storage.templates.append(self._claim(name, "ReadWriteOnce", template=True))
            inside = mount.subpath or ("data" if keeps(self.known, mount.target) else "")
            self.storage.mount(name, mount.target, read_only=mount.read_only, inside=inside)
            return
        claim = name if name.startswith(f"{self.label}-") else f"{self.label}-{name}"[:63].rstrip("-")
        claims = [o["metadata"]["name"] for o in self.part.objects if o["kind"] == "PersistentVolumeClaim"]
        if claim not in claims:
            self.part.objects.append(self._claim(claim, "ReadWriteOnce"))
        self._mount_claim(claim, mount)

    def _shared_claim(self, name: str, mount: Mount) -> None:
        shared = self.making.parts.setdefault(SHARED, Part(SHARED, "disks that several services share"))
        self.part.comes_after(SHARED)
        if all(one["metadata"]["name"] != name for one in shared.objects):
            shared.objects.append(self._claim(name, _RWX))
            self.making.findings.changed(
                self.service,
                "volumes",
                f"{mount.source} is shared by several services, so its claim asks for {_RWX}",
                "Choose a storage class that has it with --storage-class, such as one of NFS",
                mount.place,
            )
        self._mount_claim(name, mount)

    def _mount_claim(self, claim: str, mount: Mount) -> None:
        volume = self.storage.volume(claim, {"persistentVolumeClaim": {"claimName": claim}})
        self.storage.mount(volume, mount.target, read_only=mount.read_only, inside=mount.subpath)

    def _claim(self, name: str, mode: str, *, template: bool = False) -> Object:
        size = self.labels.get("kompose.volume.size") or self.making.setting(
            "volume_size", "Quantity", "1Gi", "disk of every claim that names no size"
        )
        storage_class = self.labels.get("kompose.volume.storage-class-name") or self.making.setting(
            "storage_class", "str | None", None, "class of the claims (default: the cluster's)"
        )
        spec: Object = {
            "accessModes": [mode],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        }
        if selector := self.labels.get("kompose.volume.selector"):
            spec["selector"] = {"matchLabels": {"volume": selector}}
        if template:
            return {"metadata": {"name": name}, "spec": spec}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": spec,
        }

    # Bind mounts

    def bind(self, mount: Mount) -> None:
        """A file or folder of the machine that ran Compose."""
        path = _resolved(mount)
        how = self.how
        if how != "hostPath" and _of_the_machine(path):
            self.left_out(
                mount,
                f"{mount.source} belongs to the machine that ran Compose",
                "The label kompose.volume.type: hostPath mounts the node's; TZ sets a time zone",
            )
            return
        seen = carried.look(path)
        if how == "hostPath":
            self._host_path(path, seen, mount)
        elif seen.kind == "file":
            self._file(path, seen, mount)
        elif self._is_source(path):
            self.left_out(
                mount,
                f"{mount.source} is the source of the image that is built, which has it inside",
                "Build the image with it",
            )
        elif seen.kind == "folder" and seen.files and self._as_config(mount):
            self._folder(path, seen, mount)
        elif how == "configMap":
            self.left_out(
                mount, f"{mount.source} {seen.why_not or 'is not there'}, so it cannot be a ConfigMap"
            )
        elif seen.kind == "missing" and Path(mount.target).suffix and not keeps(self.known, mount.target):
            self.left_out(
                mount,
                f"the file {mount.source} {seen.why_not if 'read' in seen.why_not else 'is not there'}",
                "Put it there and convert again",
            )
        elif seen.kind == "other":
            self.left_out(mount, f"{mount.source} {seen.why_not}")
        else:
            self._folder_as_disk(seen, mount)

    def _as_config(self, mount: Mount) -> bool:
        if keeps(self.known, mount.target):
            return False
        return (
            mount.read_only
            or self.how == "configMap"
            or mount.target.startswith(("/docker-entrypoint-", "/etc/"))
        )

    def _is_source(self, path: Path) -> bool:
        return any(path == context or context in path.parents for context in self.build_contexts)

    def _host_path(self, path: Path, seen: carried.Seen, mount: Mount) -> None:
        kind = "File" if seen.kind == "file" else "DirectoryOrCreate"
        volume = self.storage.volume(self._name_of(mount), {"hostPath": {"path": str(path), "type": kind}})
        self.storage.mount(volume, mount.target, read_only=mount.read_only, inside=mount.subpath)
        self.making.privileged = True
        self.making.findings.changed(
            self.service,
            "volumes",
            f"{mount.source} is the path {path} of whichever node the pod runs on, as asked",
            "See that the nodes have it",
            mount.place,
        )

    def _file(self, path: Path, seen: carried.Seen, mount: Mount) -> None:
        if not seen.files:
            self.left_out(
                mount,
                f"{mount.source} {seen.why_not}",
                "Put it into an image, or onto a claim with kubectl cp",
            )
            return
        content = next(iter(seen.files.values()))
        if carried.is_secret(path.name) or carried.is_secret(mount.target.rpartition("/")[2]):
            self.secret_file(dns_label(f"{self.label}-{path.name}"), path, content, mount.target, mount.place)
            return
        name = dns_label(f"{self.label}-{Path(mount.target).name}")
        self.config({path.name: content}, name, mount.target, mount.place, file=path.name)
        self._said_read_only(mount)

    def _folder(self, path: Path, seen: carried.Seen, mount: Mount) -> None:
        secret = [file for file in seen.files if carried.is_secret(file)]
        if secret:
            self.left_out(
                mount,
                f"{mount.source} holds {secret[0]}, which looks like a secret, so nothing of it is here",
                "Mount its files one by one: those become ConfigMaps and Secrets",
            )
            return
        self.config(dict(seen.files), dns_label(f"{self.label}-{path.name}"), mount.target, mount.place)
        self._said_read_only(mount)

    def _said_read_only(self, mount: Mount) -> None:
        if not mount.read_only:
            self.making.findings.changed(
                self.service,
                "volumes",
                f"{mount.target} is read-only: a ConfigMap, with {mount.source} as it is now",
                "Edit the copy under config/ from now on",
                mount.place,
            )

    def _folder_as_disk(self, seen: carried.Seen, mount: Mount) -> None:
        content = f"what is in {mount.source} is not copied" if seen.kind == "folder" else "it starts empty"
        if self.how == "emptyDir":
            volume = self.storage.volume(self._name_of(mount), {"emptyDir": {}})
            self.storage.mount(volume, mount.target, read_only=mount.read_only)
            what = "an emptyDir, as asked"
        else:
            self.claimed(self._name_of(mount), mount)
            what = "a claim"
        self.making.findings.changed(
            self.service,
            "volumes",
            f"{mount.target} is {what}; {content}",
            f"Copy it once the pod runs: kubectl cp {mount.source} POD:{mount.target}"
            if seen.kind == "folder" and seen.why_not != "is empty"
            else "",
            mount.place,
        )

    def _name_of(self, mount: Mount) -> str:
        last = dns_label(mount.target.rstrip("/").rpartition("/")[2] or "root")
        return last if self.stateful else f"{self.label}-{last}"

    # ConfigMaps and Secrets

    def config(
        self, files: dict[str, str], name: str, target: str, place: Place, *, file: str = "", mode: int = 0
    ) -> None:
        """Texts at *target*: a folder of them, or with *file* that one."""
        hidden = next((v for v in self.making.secret_values() if any(v in t for t in files.values())), None)
        if hidden is not None:
            self.making.findings.left_out(
                self.service,
                "volumes",
                f"the file for {target} quotes the value of {self.making.secret_values()[hidden]}",
                "Take the secret out of it; let the program read it from a variable or a file of its own",
                place,
            )
            return
        name = self._config_name(name, files)
        if name not in self.part.configs:
            self.part.configs[name] = {
                file_key(path): self._template(f"{name}/{path}" if len(files) > 1 else path, content, place)
                for path, content in files.items()
            }
        source: Object = {"name": name}
        if any("/" in path for path in files):
            source["items"] = [{"key": file_key(path), "path": path} for path in files]
        if mode:
            source["defaultMode"] = Mode(mode)
        volume = self.storage.volume(name, {"configMap": source})
        self.storage.mount(
            volume, target, read_only=True, inside=file_key(file) if file else "", file=bool(file)
        )

    def _config_name(self, name: str, files: Mapping[str, str]) -> str:
        keys = {file_key(path) for path in files}
        same = self.part.configs.get(name)
        return name if same is None or set(same) == keys else unique(name, self.part.configs)

    def _template(self, path: str, content: str, place: Place) -> str:
        hosts = self.making.names.hosts
        followed_text = followed(content, hosts, whole=False)
        name = path.rpartition("/")[2]
        if followed_text != content:
            self.making.findings.changed(
                self.service, "volumes", f"in {name} the renamed services have their new names", "", place
            )
        for old, new in hosts.items():
            if mentions(followed_text, old):
                self.making.findings.changed(
                    self.service,
                    "volumes",
                    f"{name} still says {old!r}, which may be the service that is now {new!r}",
                    f"See whether it means the host, and write {new}",
                    place,
                )
        template = _literal(followed_text)
        files = self.making.files
        if files.get(path, template) != template:
            path = f"{self.label}/{path}"
        files[path] = template
        return path

    def secret_file(
        self, name: str, path: Path, content: str, target: str, place: Place, *, key: str = "", mode: int = 0
    ) -> None:
        """A file whose content is read at every up from where it is, and never copied."""
        key = key or file_key(path.name)
        env = variable_name(self.making.name, key)
        keys = self.making.secrets.setdefault(name, {})
        reference = relative(self.making, str(path))
        keys[key] = MadeKey(env, [reference], f"Set {env}, or keep the file {reference}", content.strip())
        self.making.findings.changed(
            self.service,
            "volumes",
            f"{path.name} is in the Secret {name}, read at the up from {reference}",
            f"The variable {env} gives another",
            place,
        )
        self.mount_secret(name, key, target, mode=mode)

    def mount_secret(self, name: str, key: str, target: str, *, mode: int = 0) -> None:
        """One key of a Secret as a file."""
        self.part.comes_after(CREDENTIALS)
        source: Object = {"secretName": name}
        if mode:
            source["defaultMode"] = Mode(mode)
        volume = self.storage.volume(name, {"secret": source})
        self.storage.mount(volume, target, inside=key, file=True)

    def left_out(self, mount: Mount, reason: str, next_step: str = "") -> None:
        """Says that the mount is not there."""
        self.making.findings.left_out(self.service, "volumes", reason, next_step, mount.place)


def file_key(path: str) -> str:
    """A file's path as a key of a ConfigMap or Secret."""
    return re.sub(r"[^-._a-zA-Z0-9]", "_", path.replace("/", "__"))


def _literal(text: str) -> str:
    """*text* as a template that renders to it."""
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return text
    return "{% raw %}" + text + "{% endraw %}" + ("\n" if text.endswith("\n") else "")


def _resolved(mount: Mount) -> Path:
    source = Path(mount.source).expanduser()
    return source if source.is_absolute() else (mount.place.source.folder / source).resolve()


def _of_the_machine(path: Path) -> bool:
    """Whether a path is the operating system's, or a socket."""
    inside = any(path == Path(one) or Path(one) in path.parents for one in _MACHINE)
    return inside or str(path) in _WHOLE or path.suffix == ".sock"


def is_external(declared: Taking) -> bool:
    """Whether an entry at the top of the file says that somebody else makes it."""
    node = declared.take("external")
    if isinstance(node, Fields):  # the older form, {name: …}
        return True
    return isinstance(node, Text) and node.text == "true"


def contents(making: Making, taking: Taking, mounts: list[Mount]) -> Iterator[str]:
    """The texts that a service gets from files and configs, to look for names in."""
    for mount in mounts:
        if mount.kind == "bind" and not _of_the_machine(_resolved(mount)):
            yield from carried.look(_resolved(mount)).files.values()
    node = taking.node.get("configs")
    for item in node.items if isinstance(node, Items) else ():
        source = item.get("source") if isinstance(item, Fields) else None
        entry = making.project.sections["configs"].get(text(source, "source")) if source is not None else None
        content, file = (entry.get("content"), entry.get("file")) if entry is not None else (None, None)
        if isinstance(content, Text):
            yield content.text
        elif isinstance(file, Text):
            yield from carried.look(file.place.source.folder / file.text).files.values()


def claim_sources(mounts: list[Mount]) -> set[str]:
    """The named volumes among *mounts*."""
    return {mount.source for mount in mounts if mount.kind == "volume" and mount.source}
