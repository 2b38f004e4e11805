"""A project into a platform: a component for each service, and a list of all that is not as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from allup.compose import configs_and_secrets, network, storage, workloads
from allup.compose.environment import Variable, env_entries, variables
from allup.compose.findings import Taking
from allup.compose.images import Known, keeps, known
from allup.compose.made import CREDENTIALS, SHARED, VOLUMES_AS, Making, Options, Part, Reference
from allup.compose.naming import Names, dns_label, mentions
from allup.compose.pods import pod_annotations, pod_spec
from allup.compose.project import Project
from allup.compose.source import Fields, Items, Text, boolean, known_keys, refuse, text
from allup.compose.storage import Mount, Mounting
from allup.compose.workloads import Kind, Restart
from allup.errors import InputError, did_you_mean
from allup.graph import Graph
from allup.yamlfiles import read_text

_KOMPOSE = (
    *("kompose.controller.port.expose", "kompose.controller.type", "kompose.cronjob.schedule"),
    *("kompose.cronjob.concurrency_policy", "kompose.cronjob.backoff_limit", "kompose.hpa.cpu"),
    *("kompose.hpa.memory", "kompose.hpa.replicas.min", "kompose.hpa.replicas.max"),
    *("kompose.image-pull-policy", "kompose.image-pull-secret", "kompose.init.containers.name"),
    *("kompose.init.containers.image", "kompose.init.containers.command"),
    *("kompose.security-context.fsgroup", "kompose.serviceaccount-name", "kompose.service.type"),
    *("kompose.service.expose", "kompose.service.expose.tls-secret"),
    *("kompose.service.expose.ingress-class-name", "kompose.service.external-traffic-policy"),
    *("kompose.service.group", "kompose.service.name_override", "kompose.service.nodeport.port"),
    *(
        f"kompose.service.healthcheck.{which}.{key}"
        for which in ("liveness", "readiness")
        for key in (
            *("http_get_path", "http_get_port", "tcp_port", "test", "interval", "timeout", "retries"),
            *("start_period", "disable"),
        )
    ),
    *("kompose.volume.size", "kompose.volume.type", "kompose.volume.subpath", "kompose.volume.selector"),
    "kompose.volume.storage-class-name",
)
_NUMBERS = (
    *("kompose.hpa.", "kompose.cronjob.backoff_limit", "kompose.service.nodeport.port"),
    "kompose.security-context.fsgroup",
    *(
        f"kompose.service.healthcheck.{which}.{key}"
        for which in ("liveness", "readiness")
        for key in ("http_get_port", "tcp_port", "interval", "timeout", "retries", "start_period")
    ),
)
_NOT_HONOURED = {
    "kompose.controller.port.expose": "a port of the node is not opened; a Service leads to the pod",
    "kompose.service.group": "each service keeps a pod of its own, so that one can go without the other",
}
_WHY = {
    "ulimits": ("limits of processes are the container runtime's", "Set them on the nodes"),
    "logging": ("logs go to the node, and inv NAME.logs shows them", "Set rotation in the kubelet"),
    "log_driver": ("logs go to the node, and inv NAME.logs shows them", ""),
    "log_opt": ("logs go to the node, and inv NAME.logs shows them", ""),
    "devices": ("a pod gets devices from a device plugin", "Add resources.limits, such as nvidia.com/gpu: 1"),
    "gpus": ("a pod gets devices from a device plugin", "Add resources.limits, such as nvidia.com/gpu: 1"),
    "stop_signal": ("Kubernetes sends the image's STOPSIGNAL, else SIGTERM", "Set STOPSIGNAL in the image"),
    "develop": ("it is for work on the source", ""),
    "models": ("Kubernetes runs no models", "Run a model server as a service"),
    "external_links": ("the other container is not in this project", "Bring it over too, or make a Service"),
    "mac_address": ("the cluster's network gives addresses", ""),
    "runtime": ("a runtime is a RuntimeClass", "Set runtimeClassName in the manifest"),
    "userns_mode": ("users are mapped by the node", "See hostUsers: false"),
    "use_api_socket": ("there is no Docker to talk to", ""),
    "isolation": ("it is for Windows", ""),
    "pids_limit": ("the kubelet limits processes for all pods", ""),
    "attach": ("it is about docker compose up's own output", ""),
}
_DEPLOY_KNOWN = (
    *("mode", "replicas", "resources", "restart_policy", "placement", "labels"),
    *("update_config", "rollback_config", "endpoint_mode"),
)


@dataclass
class _Service:
    """One service on its way."""

    name: str
    taking: Taking
    part: Part
    image: str
    known: Known | None
    labels: Mapping[str, str]
    mounts: list[Mount] = field(default_factory=list)
    ports: list[network.Port] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    restart: Restart = field(default_factory=lambda: Restart("no", 0, False))
    kind: Kind = Kind.DEPLOYMENT
    env: list[dict[str, object]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def convert(project: Project, options: Options, *, name: str = "") -> Making:
    """The platform that *project* becomes, called *name* or as the project.

    Reads what the services mount, writes nothing. Raises InputError with file and line.
    """
    wanted = dns_label(name or project.name)
    if not project.services:
        left = f": profiles leave out {', '.join(project.disabled)}" if project.disabled else ""
        raise InputError(
            str(project.files[0]),
            f"has no service{left}",
            next_step="--profile switches one on" if left else "",
        )
    return _Conversion(project, options, wanted).made()


class _Conversion:
    def __init__(self, project: Project, options: Options, name: str) -> None:
        names = Names.of(project.services, reserved=(CREDENTIALS, SHARED))
        self._making = Making(project, options, name, names)
        self._services: dict[str, _Service] = {}
        self._aliases: dict[str, list[str]] = {}

    def made(self) -> Making:
        making = self._making
        making.parts[CREDENTIALS] = Part(CREDENTIALS, "passwords, keys and tokens")
        making.parts[SHARED] = Part(SHARED, "disks that several services share")
        for name, node in making.project.services.items():
            self._begin(name, node)
        for one in self._services.values():
            one.texts = list(storage.contents(making, one.taking, one.mounts))
        for one in self._services.values():
            self._find_aliases(one)
        for one in self._services.values():
            one.mounts += self._borrowed(one)
            one.restart = workloads.restart_of(one.taking, one.name)
            one.kind = self._kind(one)
        for one in self._services.values():  # all secrets are known before a text is looked through
            one.env = env_entries(making, one.part, one.name, one.variables)
        for one in self._services.values():
            self._finish(one)
        for one in self._services.values():
            making.parts[one.part.name] = one.part
        for optional in (CREDENTIALS, SHARED):
            if optional == CREDENTIALS and not making.secrets:
                del making.parts[optional]
            if optional == SHARED and not making.parts[optional].objects:
                del making.parts[optional]
        self._networks()
        self._left_at_the_top()
        self._in_order()
        return making

    # First look

    def _begin(self, name: str, node: Fields) -> None:
        making = self._making
        taking = Taking(node, f"service {name!r}", node.place)
        if node.get("provider") is not None:
            making.findings.left_out(
                name,
                "provider",
                "somebody else runs it",
                "Bring what it provides into the cluster",
                node.place,
            )
            return
        part = Part(making.names.components[name], where=str(node.place))
        image = taking.text("image")
        service = _Service(name, taking, part, image, known(image), self._labels(name, taking))
        service.mounts = storage.mounts_of(taking, making, name)
        service.ports = network.ports_of(making, name, taking)
        service.variables = variables(making, name, taking)
        self._services[name] = service

    def _labels(self, name: str, taking: Taking) -> dict[str, str]:
        findings = self._making.findings
        found: dict[str, str] = {}
        for node in (taking.take("labels"), taking.fields("deploy").node.get("labels")):
            if isinstance(node, Fields):
                for key, value in node.entries.items():
                    if key.startswith("kompose."):
                        found[key] = text(value, key)
                        if key.startswith(_NUMBERS) and not re.fullmatch(r"\d+[s%]?", found[key]):
                            refuse(value.place, f"{key} of {name!r} is {found[key]!r} and has to be a number")
                        if key not in _KOMPOSE:
                            findings.left_out(
                                name,
                                "labels",
                                f"{key} is no label of kompose{did_you_mean(key, _KOMPOSE)}",
                                "",
                                value.place,
                            )
                        elif key in _NOT_HONOURED:
                            findings.left_out(name, "labels", f"{key}: {_NOT_HONOURED[key]}", "", value.place)
        if (kind := found.get("kompose.volume.type")) is not None and kind not in VOLUMES_AS:
            refuse(
                taking.where("labels"),
                f"the label kompose.volume.type of {name!r} is {kind!r}{did_you_mean(kind, VOLUMES_AS)}",
            )
        return found

    def _find_aliases(self, one: _Service) -> None:
        """Further names under which others reach a service: links, network aliases, container_name."""
        names = self._making.names
        for link in one.taking.texts("links"):
            target, _, alias = link.text.partition(":")
            if target not in self._services:
                refuse(
                    link.place,
                    f"service {one.name!r} links {target!r}, which is not there"
                    f"{did_you_mean(target, self._services)}",
                )
            one.part.comes_after(names.components[target])
            if alias and alias != target:
                self._alias(target, alias, link)
        networks = one.taking.take("networks")
        for network_name, node in networks.entries.items() if isinstance(networks, Fields) else ():
            if not isinstance(node, Fields):
                continue
            said = Taking(node, f"network {network_name!r} of service {one.name!r}", node.place)
            for alias_node in said.texts("aliases"):
                self._alias(one.name, alias_node.text, alias_node)
            for key, place in said.rest():
                self._making.findings.left_out(
                    one.name, f"networks.{key}", "the cluster's network gives addresses", "", place
                )
        container = one.taking.text("container_name")
        if container and container != one.name and self._named(container, but=one.name):
            said_name = one.taking.take("container_name")
            assert isinstance(said_name, Text)
            self._alias(one.name, container, said_name)

    def _alias(self, service: str, alias: str, node: Text) -> None:
        making = self._making
        label = dns_label(alias)
        taken = {**{v: k for k, v in making.names.objects.items()}}
        owner = taken.get(label) or next((s for s, found in self._aliases.items() if label in found), None)
        if owner is not None and owner != service:
            making.findings.left_out(
                service,
                "networks",
                f"the alias {alias} is also the name of {owner}: one namespace has one of each",
                "Give one of them another name",
                node.place,
            )
            return
        if label != making.names.objects[service] and label not in self._aliases.setdefault(service, []):
            self._aliases[service].append(label)
        if label != alias:
            making.names.hosts[alias] = label

    def _borrowed(self, one: _Service) -> Iterator[Mount]:
        """The mounts of the services in ``volumes_from``."""
        for source in one.taking.texts("volumes_from"):
            name, _, mode = source.text.partition(":")
            if name not in self._services:
                self._making.findings.left_out(
                    one.name, "volumes_from", f"{name} is no service of this project", "", source.place
                )
                continue
            for mount in self._services[name].mounts:
                if mount.kind == "volume" and not mount.source:
                    continue
                yield Mount(
                    mount.kind,
                    mount.source,
                    mount.target,
                    mount.read_only or mode == "ro",
                    source.place,
                    mount.subpath,
                    mount.size,
                )

    def _kind(self, one: _Service) -> Kind:
        health = one.taking.node.get("healthcheck")
        return workloads.kind_of(
            self._making,
            one.name,
            one.taking,
            one.labels,
            awaited=self._awaited(one.name),
            serves=bool(one.ports) or health is not None,
            keeps_data=any(keeps(one.known, m.target) and m.kind in ("volume", "bind") for m in one.mounts),
            known=one.known,
            restart=one.restart,
        )

    def _awaited(self, name: str) -> bool:
        """Whether another service waits for it to complete."""
        for other in self._services.values():
            depends = other.taking.node.get("depends_on")
            how = depends.entries.get(name) if isinstance(depends, Fields) else None
            condition = how.get("condition") if isinstance(how, Fields) else None
            if condition is not None and text(condition, "condition") == "service_completed_successfully":
                return True
        return False

    def _named(self, host: str, *, but: str) -> bool:
        """Whether another service says *host* anywhere in what it runs with."""
        for other in self._services.values():
            if other.name == but:
                continue
            said = (*(v.value for v in other.variables), *other.texts)
            if any(mentions(text, host) for text in said):
                return True
            for key in ("command", "entrypoint", "healthcheck"):
                node = other.taking.node.get(key)
                if node is not None and any(mentions(t, host) for t in _texts_in(node)):
                    return True
        return False

    # The rest

    def _finish(self, one: _Service) -> None:
        making, taking, name = self._making, one.taking, one.name
        self._depend(one)
        mounting = Mounting(
            making,
            one.part,
            name,
            one.known,
            one.labels,
            one.kind is Kind.STATEFUL_SET,
            self._contexts(),
            self._shared(),
        )
        for mount in one.mounts:
            mounting.add(mount)
        configs_and_secrets.add_configs(mounting, taking)
        configs_and_secrets.add_secrets(mounting, taking)
        found_labels = self._plain_labels(taking)
        pod = pod_spec(
            making,
            one.part,
            name,
            taking,
            image=self._image(one),
            env=one.env,
            storage=mounting.storage,
            ports=[(port.target, port.protocol) for port in one.ports],
            known=one.known,
            labels=one.labels,
        )
        if making.options.volumes == "hostPath" and any("hostPath" in v for v in mounting.storage.volumes):
            making.privileged = True
        objects = self._services_of(one)
        objects += workloads.workload(
            making,
            one.part,
            name,
            one.kind,
            pod,
            mounting.storage,
            annotations=pod_annotations(making, name, taking, found_labels),
            replicas=self._replicas(one, exclusive=mounting.storage.exclusive),
            restart=one.restart,
            labels=one.labels,
        )
        claims = [o for o in one.part.objects if o["kind"] == "PersistentVolumeClaim"]
        one.part.objects[:] = [*claims, *objects]
        one.part.help = self._help(one)
        if one.known is not None and one.known.database and one.kind is Kind.DEPLOYMENT:
            making.findings.changed(
                name,
                "volumes",
                "it keeps its data in the pod, since the compose file names no volume: a new pod is empty",
                "Add a volume to the compose file",
                taking.node.place,
            )
        self._tell_the_rest(one)

    def _depend(self, one: _Service) -> None:
        making = self._making
        node = one.taking.take("depends_on")
        for other, how in node.entries.items() if isinstance(node, Fields) else ():
            assert isinstance(node, Fields)
            if other not in self._services:
                making.findings.changed(
                    one.name, "depends_on", f"{other} is not here, and not required", "", node.where(other)
                )
                continue
            said = Taking(how if isinstance(how, Fields) else None, f"depends_on {other!r}", node.place)
            condition = said.text("condition", "service_started")
            conditions = ("service_started", "service_healthy", "service_completed_successfully")
            if condition not in conditions:
                refuse(
                    node.where(other),
                    f"service {one.name!r} waits for {condition!r}{did_you_mean(condition, conditions)}",
                    next_step=f"Write one of {', '.join(conditions)}",
                )
            target = self._services[other]
            if condition == "service_healthy" and target.taking.node.get("healthcheck") is None:
                making.findings.changed(
                    one.name,
                    "depends_on",
                    f"{other} has no healthcheck here (its image may), so it counts as healthy when it runs",
                    f"Write a healthcheck for {other}",
                    node.where(other),
                )
            if said.boolean("restart"):
                making.findings.left_out(
                    one.name,
                    "depends_on.restart",
                    f"a restart of {other} does not restart it",
                    f"inv {making.name}.restart {one.part.name}",
                    said.where("restart"),
                )
            said.take("required")
            one.part.comes_after(making.names.components[other])
        for source in one.taking.texts("volumes_from"):
            other = source.text.partition(":")[0]
            if other in self._services:
                one.part.comes_after(making.names.components[other])

    def _contexts(self) -> frozenset[Path]:
        found = (_context(one.taking) for one in self._services.values())
        return frozenset(path for path in found if path is not None)

    def _shared(self) -> frozenset[str]:
        users: dict[str, set[str]] = {}
        for one in self._services.values():
            for source in storage.claim_sources(one.mounts):
                users.setdefault(source, set()).add(one.name)
        return frozenset(source for source, names in users.items() if len(names) > 1)

    def _image(self, one: _Service) -> str | Reference:
        making = self._making
        build = one.taking.take("build")
        if build is None:
            return one.image
        label = making.names.objects[one.name]
        image = one.image or f"{making.name}-{label}"
        context = build.get("context") if isinstance(build, Fields) else None
        where = text(context, "context") if context is not None else "."
        flag = f"--{label}-image"
        making.findings.to_do(
            one.name,
            "build",
            f"the image {image} is to be built from {where}, which is not done here",
            f"docker compose build {one.name}, push or load it, then all-up with {flag} NAME",
            one.taking.where("build"),
        )
        return making.setting(
            f"{label.replace('-', '_')}_image", "str", image, f"image of {one.name}, built from {where}"
        )

    def _replicas(self, one: _Service, *, exclusive: bool) -> int | Reference | None:
        making = self._making
        said = one.taking.fields("deploy").integer("replicas")
        scale = one.taking.integer("scale")
        if said is not None and scale is not None and said != scale:
            refuse(one.taking.where("scale"), f"scale of {one.name!r} is {scale}, and deploy.replicas {said}")
        wanted = said if said is not None else scale if scale is not None else 1
        asked = making.options.replicas
        if one.kind in (Kind.JOB, Kind.CRON_JOB, Kind.DAEMON_SET):
            return None
        database = one.known is not None and one.known.database
        if one.kind is Kind.STATEFUL_SET or exclusive or database:
            if wanted > 1 or (asked or 1) > 1:
                why = (
                    "each pod of a database has its own data"
                    if database
                    else "one pod at a time has its disk"
                )
                making.findings.changed(
                    one.name,
                    "deploy.replicas",
                    f"it stays at one pod: {why}",
                    "",
                    one.taking.node.place,
                )
            return min(wanted, 1)
        return making.setting(
            f"{making.names.objects[one.name].replace('-', '_')}_replicas",
            "int",
            wanted if asked is None else asked,
            f"pods of {one.name}",
        )

    def _services_of(self, one: _Service) -> list[dict[str, object]]:
        making = self._making
        label = making.names.objects[one.name]
        aliases = self._aliases.get(one.name, [])
        stateful = one.kind is Kind.STATEFUL_SET
        ports = one.ports
        if one.kind in (Kind.JOB, Kind.CRON_JOB) and not ports:
            return []
        hosts = (one.name, label, *aliases)
        needed = bool(ports) or stateful or bool(aliases) or "kompose.service.type" in one.labels
        needed = needed or self._depended(one.name) or any(self._named(host, but=one.name) for host in hosts)
        if not needed:
            return []
        if not ports:
            ports = network.guessed(one.known)
        return network.service_objects(
            making,
            one.part,
            one.name,
            ports,
            aliases,
            one.labels,
            stateful=stateful,
            where=one.taking.node.place,
        )

    def _depended(self, name: str) -> bool:
        for other in self._services.values():
            depends = other.taking.node.get("depends_on")
            links = other.taking.node.get("links")
            if isinstance(depends, Fields) and name in depends.entries:
                return True
            if isinstance(links, Items) and any(
                text(i, "links").partition(":")[0] == name for i in links.items
            ):
                return True
        return False

    def _plain_labels(self, taking: Taking) -> dict[str, Text]:
        found: dict[str, Text] = {}
        for file in taking.texts("label_file"):
            from allup.compose import envfiles

            path = file.place.source.folder / file.text
            read = envfiles.parse(read_text(path, label=file.text), file.text, self._making.project.variables)
            found |= {key: Text(value, file.place) for key, value in read.items()}
        return {**found, **taking.mapping("labels")}

    def _help(self, one: _Service) -> str:
        what = {
            Kind.JOB: "runs once",
            Kind.CRON_JOB: "runs by the clock",
            Kind.DAEMON_SET: "on every node",
            Kind.STATEFUL_SET: "with a disk of its own",
        }.get(one.kind, "")
        image = one.image or "an image that is built"
        return f"{image}, {what}" if what else image

    def _tell_the_rest(self, one: _Service) -> None:
        findings = self._making.findings
        deploy = one.taking.fields("deploy")
        known_keys(deploy.node, _DEPLOY_KNOWN, "deploy")
        for key in ("update_config", "rollback_config", "endpoint_mode"):
            if deploy.take(key) is not None:
                findings.left_out(
                    one.name,
                    f"deploy.{key}",
                    "a rollout goes the way of its kind",
                    "Write strategy into the manifest" if key == "update_config" else "",
                    deploy.where(key),
                )
        policy = deploy.fields("restart_policy")
        for key in ("condition", "max_attempts"):
            policy.take(key)
        for key, place in policy.rest():
            findings.left_out(
                one.name, f"deploy.restart_policy.{key}", "Kubernetes waits longer each time", "", place
            )
        for key in ("extends", "profiles", "deploy", "env_file", "environment", "build"):
            one.taking.take(key)
        for key, place in one.taking.rest():
            reason, step = _WHY.get(key, ("has no counterpart in a pod", ""))
            findings.left_out(one.name, key, reason.replace("NAME", self._making.name), step, place)

    # The whole

    def _networks(self) -> None:
        """Who could not reach whom can now: one namespace is one network."""
        making = self._making
        members: dict[str, set[str]] = {}
        for one in self._services.values():
            node = one.taking.node.get("networks")
            for name in node.entries if isinstance(node, Fields) else ("default",):
                members.setdefault(name, set()).add(one.name)
        everybody = {name for names in members.values() for name in names}
        if len(members) > 1 and all(names != everybody for names in members.values()):
            making.findings.left_out(
                "",
                "networks",
                f"the networks {', '.join(sorted(members))} keep services apart, and a namespace does not",
                "Write NetworkPolicies if that matters",
            )
        for name, node in making.project.sections["networks"].items():
            said = Taking(node, f"network {name!r}", node.place)
            if boolean(said.take("internal"), "internal"):
                making.findings.left_out(
                    "",
                    "networks",
                    f"{name} is internal, and here its services reach the world",
                    "Write a NetworkPolicy on egress",
                    said.where("internal"),
                )
            for key in ("name", "labels", "external", "attachable"):
                said.take(key)
            for key, place in said.rest():
                making.findings.left_out("", f"networks.{key}", "the cluster has its own network", "", place)

    def _left_at_the_top(self) -> None:
        making = self._making
        if making.project.disabled:
            names = ", ".join(sorted(making.project.disabled))
            making.findings.left_out(
                "",
                "profiles",
                f"{names}: not in a profile that is switched on",
                "Convert with --profile NAME",
            )
        for kind in ("configs", "secrets", "volumes"):
            used = self._used(kind)
            for name, node in making.project.sections[kind].items():
                if name not in used:
                    making.findings.left_out(
                        "", kind, f"{name} is declared and no service uses it", "", node.place
                    )

    def _used(self, kind: str) -> set[str]:
        if kind == "volumes":
            return {s for one in self._services.values() for s in storage.claim_sources(one.mounts)}
        found = set()
        for one in self._services.values():
            node = one.taking.node.get(kind)
            for item in node.items if isinstance(node, Items) else ():
                source = item.get("source") if isinstance(item, Fields) else None
                found |= {text(source, "source")} if source is not None else set()
        return found

    def _in_order(self) -> None:
        """What is needed stands before what needs it. Raises InputError for a circle."""
        parts = self._making.parts
        try:
            order = Graph({part.name: part.after for part in parts.values()}).order()
            self._making.parts = {name: parts[name] for name in order}
        except InputError as error:
            place = next(iter(self._services.values())).taking.node.place
            raise InputError(
                place.source.label,
                f"services depend on each other in a circle: {error.fact.partition(': ')[2]}",
            ) from None


def _texts_in(node: object) -> Iterator[str]:
    if isinstance(node, Text):
        yield node.text
    elif isinstance(node, Items):
        for item in node.items:
            yield from _texts_in(item)
    elif isinstance(node, Fields):
        for value in node.entries.values():
            yield from _texts_in(value)


def _context(taking: Taking) -> Path | None:
    """The folder an image is built from."""
    build = taking.node.get("build")
    context = build.get("context") if isinstance(build, Fields) else None
    if not isinstance(context, Text) or "://" in context.text:
        return None
    return (context.place.source.folder / context.text).resolve()
