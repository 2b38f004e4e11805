"""A service as a pod: its container with everything the service says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from allup.compose import probes
from allup.compose.amounts import bytes_, cpus, quantity, whole_seconds, words
from allup.compose.environment import escaped
from allup.compose.findings import Taking
from allup.compose.images import Known
from allup.compose.made import CREDENTIALS, Making, Object, Part, Reference
from allup.compose.naming import dns_label, followed, looks_like_address, mentions
from allup.compose.source import Place, Text, refuse
from allup.compose.storage import Storage

_BASELINE_CAPABILITIES = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
_SAFE_SYSCTLS = frozenset(
    (
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
        *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
        "net.ipv4.tcp_keepalive_probes",
    )
)
"""Pod Security Standards, baseline."""
_PULL = {"always": "Always", "never": "Never", "missing": "IfNotPresent", "if_not_present": "IfNotPresent"}
_HOST_FLAG = re.compile(
    r"^(-h|-H|--?[\w-]*(host|server|addr|url|uri|broker|endpoint|upstream|connect)[\w-]*)$", re.I
)


def pod_spec(
    making: Making,
    part: Part,
    service: str,
    taking: Taking,
    *,
    image: str | Reference,
    env: list[Object],
    storage: Storage,
    ports: list[tuple[int, str]],
    known: Known | None,
    labels: Mapping[str, str],
) -> Object:
    """The pod's spec, without what a Job needs besides."""
    name = making.names.objects[service]
    hidden = _hidden(making, env)
    container: Object = {"name": name, "image": image}
    if pull := _pull_policy(making, service, taking, labels):
        container["imagePullPolicy"] = pull
    container |= _commands(making, part, service, taking, env, hidden)
    if directory := taking.text("working_dir"):
        container["workingDir"] = directory
    probed = _probes(making, part, service, taking, known, labels, env, hidden)
    if env:
        container["env"] = env
    if ports:
        container["ports"] = [
            {"containerPort": port, **({} if protocol == "TCP" else {"protocol": protocol})}
            for port, protocol in ports
        ]
    if resources := _resources(making, service, taking):
        container["resources"] = resources
    container |= probed
    for key, field in (("stdin_open", "stdin"), ("tty", "tty")):
        if taking.boolean(key):
            container[field] = True
    security = _security(making, service, taking)
    if security:
        container["securityContext"] = security
    if lifecycle := _lifecycle(making, service, taking):
        container["lifecycle"] = lifecycle
    _memory(making, service, taking, storage)
    if storage.mounts:
        container["volumeMounts"] = storage.mounts
    spec = _surroundings(making, part, service, taking, labels)
    owner = security.get("runAsGroup", security.get("runAsUser"))
    if owner and any("persistentVolumeClaim" in volume for volume in storage.volumes) | bool(
        storage.templates
    ):
        spec.setdefault("securityContext", {}).setdefault("fsGroup", owner)  # or the disk is root's
    if first := _init_container(labels, storage):
        spec["initContainers"] = [first]
    spec["containers"] = [container]
    if storage.volumes:
        spec["volumes"] = storage.volumes
    return spec


def _hidden(making: Making, env: list[Object]) -> dict[str, str]:
    """Secret values with the variable that this container has them in, or is to have."""
    names = {
        entry["valueFrom"]["secretKeyRef"]["key"]: entry["name"] for entry in env if "valueFrom" in entry
    }
    values = making.secret_values()
    found: dict[str, str] = {}
    for keys in making.secrets.values():
        for name, key in keys.items():
            if key.value in values:
                found[key.value] = names.get(name, key.env)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


# What runs


def _commands(
    making: Making, part: Part, service: str, taking: Taking, env: list[Object], hidden: Mapping[str, str]
) -> Object:
    found: Object = {}
    for key, field in (("entrypoint", "command"), ("command", "args")):
        node = taking.take(key)
        said = words(node, taking.said(key))
        if not said:
            continue
        assert node is not None
        out = []
        for number, word in enumerate(said):
            new = _followed(making, service, key, word, said[number - 1] if number else "", node.place)
            out.append(_without_secret(making, part, service, key, escaped(new), env, hidden, node.place))
        found[field] = out
    return found


def _followed(making: Making, service: str, key: str, word: str, before: str, place: Place) -> str:
    flag, equals, _ = word.partition("=")
    whole = bool(_HOST_FLAG.match(before)) or bool(
        equals and (_HOST_FLAG.match(flag) or looks_like_address(flag))
    )
    new = followed(word, making.names.hosts, whole=whole)
    if new != word:
        making.findings.changed(service, key, f"says {new!r}, since a service is renamed", "", place)
    for old, other in making.names.hosts.items():
        if mentions(new, old):
            making.findings.changed(
                service,
                key,
                f"says {old!r}, which may be the service that is now {other!r}; it is left as it is",
                f"If it is the host, write {other} in the manifest",
                place,
            )
    return new


def _without_secret(
    making: Making,
    part: Part,
    service: str,
    key: str,
    word: str,
    env: list[Object],
    hidden: Mapping[str, str],
    place: Place,
) -> str:
    for value, variable in hidden.items():
        if value in word:
            word = word.replace(value, f"$({variable})")
            _have(making, part, env, variable, value)
            making.findings.changed(
                service, key, f"quotes a secret, which now comes from the variable {variable}", "", place
            )
    return word


def _have(making: Making, part: Part, env: list[Object], variable: str, value: str) -> None:
    """Sees to it that the container has the variable."""
    if any(entry["name"] == variable for entry in env):
        return
    for secret, keys in making.secrets.items():
        for name, key in keys.items():
            if key.value == value:
                reference = {"name": secret, "key": name}
                env.append({"name": variable, "valueFrom": {"secretKeyRef": reference}})
                part.comes_after(CREDENTIALS)
                return


def _probes(
    making: Making,
    part: Part,
    service: str,
    taking: Taking,
    known: Known | None,
    labels: Mapping[str, str],
    env: list[Object],
    hidden: Mapping[str, str],
) -> Object:
    check = taking.fields("healthcheck")
    for word in check.texts("test"):
        for value, variable in hidden.items():
            if value in word.text:
                _have(making, part, env, variable, value)
    found = probes.of_healthcheck(check, hidden)
    for key, place in check.rest():
        making.findings.left_out(service, f"healthcheck.{key}", "has no counterpart in a probe", "", place)
    if not found and not check.node.entries:
        found = probes.of_known(known)
    found |= probes.of_labels(labels)
    if labels.get("kompose.service.healthcheck.readiness.disable") == "true":
        found = {key: value for key, value in found.items() if key == "livenessProbe"}
    return found


def _lifecycle(making: Making, service: str, taking: Taking) -> Object:
    found: Object = {}
    for key, field in (("post_start", "postStart"), ("pre_stop", "preStop")):
        steps = taking.items(key)
        for number, step in enumerate(steps):
            command = words(step.take("command"), step.said("command"))
            if number == 0 and command:
                found[field] = {"exec": {"command": command}}
            elif command:
                making.findings.left_out(
                    service,
                    key,
                    "Kubernetes runs one command there",
                    "Join them into a script",
                    step.node.place,
                )
            for other, place in step.rest():
                making.findings.left_out(service, f"{key}.{other}", "has no counterpart", "", place)
    return found


def _init_container(labels: Mapping[str, str], storage: Storage) -> Object:
    image = labels.get("kompose.init.containers.image")
    if not image:
        return {}
    found: Object = {"name": dns_label(labels.get("kompose.init.containers.name") or "init"), "image": image}
    if command := labels.get("kompose.init.containers.command"):
        said = [one.strip().strip("\"'") for one in command.strip("[]").split(",")]
        found["command"] = said
    if storage.mounts:
        found["volumeMounts"] = storage.mounts
    return found


# What it may and gets


def _pull_policy(making: Making, service: str, taking: Taking, labels: Mapping[str, str]) -> str:
    said = taking.text("pull_policy")
    label = labels.get("kompose.image-pull-policy", "")
    if label:
        return label
    if said and said not in _PULL and said != "build":
        making.findings.left_out(
            service,
            "pull_policy",
            f"{said} has no counterpart",
            "Always, Never or IfNotPresent",
            taking.where("pull_policy"),
        )
    return _PULL.get(said, "")


def _resources(making: Making, service: str, taking: Taking) -> Object:
    deploy = taking.fields("deploy")
    found: Object = {}
    resources = deploy.fields("resources")
    for key, field in (("limits", "limits"), ("reservations", "requests")):
        said = resources.fields(key)
        amounts: Object = {}
        if (node := said.take("cpus")) is not None:
            amounts["cpu"] = cpus(node, said.said("cpus"))
        if (node := said.take("memory")) is not None:
            amounts["memory"] = quantity(bytes_(node, said.said("memory")))
        if amounts:
            found[field] = amounts
        for other, place in said.rest():
            making.findings.left_out(
                service,
                f"deploy.resources.{key}.{other}",
                "depends on the nodes",
                "Add it to the container's resources, such as nvidia.com/gpu: 1"
                if other == "devices"
                else "",
                place,
            )
    for key, field, name in (
        ("cpus", "limits", "cpu"),
        ("mem_limit", "limits", "memory"),
        ("mem_reservation", "requests", "memory"),
    ):
        node = taking.take(key)
        if node is not None:
            amount = cpus(node, key) if name == "cpu" else quantity(bytes_(node, key))
            given = found.setdefault(field, {}).setdefault(name, amount)
            if given != amount:
                refuse(
                    taking.where(key), f"{key} of {service!r} is {amount}, and deploy.resources says {given}"
                )
    return {key: found[key] for key in ("requests", "limits") if key in found}


def _security(making: Making, service: str, taking: Taking) -> Object:
    findings = making.findings
    found: Object = {}
    user = taking.text("user")
    if user:
        uid, _, gid = user.partition(":")
        if uid.isdigit():
            found["runAsUser"] = int(uid)
        if gid.isdigit():
            found["runAsGroup"] = int(gid)
        if not uid.isdigit() or (gid and not gid.isdigit()):
            findings.left_out(
                service,
                "user",
                f"{user} is a name, and Kubernetes wants numbers",
                "Look them up: docker run --rm --entrypoint id IMAGE " + uid,
                taking.where("user"),
            )
    if taking.boolean("privileged"):
        found["privileged"] = True
        making.privileged = True
        findings.changed(
            service,
            "privileged",
            "it may do anything on its node; the namespace allows it",
            "See whether it needs to",
        )
    if taking.boolean("read_only"):
        found["readOnlyRootFilesystem"] = True
    capabilities: Object = {}
    for key, field in (("cap_drop", "drop"), ("cap_add", "add")):
        said = [one.text.upper().removeprefix("CAP_") for one in taking.texts(key)]
        if said:
            capabilities[field] = said
    if set(capabilities.get("add", ())) - _BASELINE_CAPABILITIES:
        making.privileged = True
    if capabilities:
        found["capabilities"] = capabilities
    for one in taking.texts("security_opt"):
        option = one.text.replace(":", "=", 1)
        if option in ("no-new-privileges", "no-new-privileges=true"):
            found["allowPrivilegeEscalation"] = False
        elif option == "seccomp=unconfined":
            found["seccompProfile"] = {"type": "Unconfined"}
            making.privileged = True
        else:
            findings.left_out(service, "security_opt", f"{one.text} depends on the nodes", "", one.place)
    return found


def _memory(making: Making, service: str, taking: Taking, storage: Storage) -> None:
    for one in taking.texts("tmpfs"):
        target, _, options = one.text.partition(":")
        size = re.search(r"(?:^|,)size=(\w+)", options)
        amount = bytes_(Text(size[1], one.place), "size of tmpfs") if size else 0
        _tmpfs(storage, target, amount)
    node = taking.take("shm_size")
    if node is not None:
        _tmpfs(storage, "/dev/shm", bytes_(node, "shm_size"))


def _tmpfs(storage: Storage, target: str, size: int) -> None:
    source: Object = {"medium": "Memory"}
    if size:
        source["sizeLimit"] = quantity(size)
    name = dns_label(f"tmp-{target.strip('/')}")
    storage.volumes.append({"name": name, "emptyDir": source})
    storage.mount(name, target)


# Around the container


def _surroundings(
    making: Making, part: Part, service: str, taking: Taking, labels: Mapping[str, str]
) -> Object:
    findings = making.findings
    spec: Object = {"enableServiceLinks": False}
    if account := labels.get("kompose.serviceaccount-name"):
        spec["serviceAccountName"] = account
        part.requires[f"ServiceAccount/{account}"] = "The label kompose.serviceaccount-name asks for it"
        findings.to_do(
            service, "labels", f"the ServiceAccount {account} has to be there", "Make it before the up"
        )
    else:
        spec["automountServiceAccountToken"] = False
    if secret := labels.get("kompose.image-pull-secret"):
        spec["imagePullSecrets"] = [{"name": secret}]
        part.requires[f"Secret/{secret}"] = "The image is pulled with it"
        findings.to_do(
            service,
            "labels",
            f"the pull Secret {secret} has to be there",
            f"kubectl create secret docker-registry {secret} …",
        )
    hostname = taking.text("hostname")
    if hostname:
        spec["hostname"] = dns_label(hostname)
    if (node := taking.take("stop_grace_period")) is not None:
        spec["terminationGracePeriodSeconds"] = whole_seconds(node, "stop_grace_period")
    else:
        spec["terminationGracePeriodSeconds"] = 10  # Compose's default; Kubernetes' is 30
    spec |= _modes(making, service, taking)
    context: Object = {}
    if group := labels.get("kompose.security-context.fsgroup"):
        context["fsGroup"] = int(group)
    groups = taking.texts("group_add")
    numbers = [int(one.text) for one in groups if one.text.isdigit()]
    if numbers:
        context["supplementalGroups"] = numbers
    for one in groups:
        if not one.text.isdigit():
            findings.left_out(service, "group_add", f"{one.text} is a name", "Give its number", one.place)
    if sysctls := _sysctls(making, service, taking):
        context["sysctls"] = sysctls
    if context:
        spec["securityContext"] = context
    if aliases := _host_aliases(making, service, taking):
        spec["hostAliases"] = aliases
    dns: Object = {}
    for key, field in (("dns", "nameservers"), ("dns_search", "searches")):
        if said := [one.text for one in taking.texts(key)]:
            dns[field] = said
    options = [one.text.partition(":") for one in taking.texts("dns_opt")]
    if options:
        dns["options"] = [{"name": n, **({"value": v} if v else {})} for n, _, v in options]
    if dns:
        spec["dnsConfig"] = dns
    spec |= _placed(making, service, taking)
    return spec


def _modes(making: Making, service: str, taking: Taking) -> Object:
    spec: Object = {}
    if taking.boolean("init"):
        spec["shareProcessNamespace"] = True  # the pod's pause process reaps children
    for key, field in (("network_mode", "hostNetwork"), ("pid", "hostPID"), ("ipc", "hostIPC")):
        said = taking.text(key)
        if said == "host":
            spec[field] = True
            making.privileged = True
            if key == "network_mode":
                spec["dnsPolicy"] = "ClusterFirstWithHostNet"
            making.findings.changed(
                service,
                key,
                "it shares its node's, and the namespace allows it",
                "See whether it needs to",
                taking.where(key),
            )
        elif said and said not in ("bridge", "default", "private", "shareable"):
            making.findings.left_out(
                service,
                key,
                f"{said} has no counterpart: a pod of its own shares nothing with another",
                "Put both containers into one pod, in one manifest" if ":" in said else "",
                taking.where(key),
            )
    return spec


def _sysctls(making: Making, service: str, taking: Taking) -> list[Object]:
    found = []
    for name, node in taking.mapping("sysctls").items():
        if name in _SAFE_SYSCTLS:
            found.append({"name": name, "value": node.text})
        else:
            making.findings.left_out(
                service,
                "sysctls",
                f"{name} is not among those a node allows by itself",
                "Set it on the nodes, or allow it with the kubelet's allowedUnsafeSysctls",
                node.place,
            )
    return found


def _host_aliases(making: Making, service: str, taking: Taking) -> list[Object]:
    by_address: dict[str, list[str]] = {}
    for one in taking.texts("extra_hosts"):
        host, _, address = one.text.partition("=") if "=" in one.text else one.text.partition(":")
        address = address.strip("[]")
        if address == "host-gateway" or not address:
            making.findings.left_out(
                service,
                "extra_hosts",
                f"{one.text}: there is no one host to reach",
                "Make a Service without selector and an EndpointSlice with its address",
                one.place,
            )
        else:
            by_address.setdefault(address, []).append(host)
    return [{"ip": ip, "hostnames": hosts} for ip, hosts in by_address.items()]


def _placed(making: Making, service: str, taking: Taking) -> Object:
    selector: dict[str, str] = {}
    platform = taking.text("platform")
    if platform:
        system, _, machine = platform.partition("/")
        selector["kubernetes.io/os"] = system
        if machine:
            selector["kubernetes.io/arch"] = machine.partition("/")[0]
    placement = taking.fields("deploy").fields("placement")
    for one in placement.texts("constraints"):
        match = re.fullmatch(r"\s*node\.(labels\.([\w./-]+)|hostname)\s*==\s*(\S+)\s*", one.text)
        if match:
            selector[match[2] or "kubernetes.io/hostname"] = match[3]
        else:
            making.findings.left_out(
                service,
                "deploy.placement.constraints",
                f"{one.text!r} has no counterpart",
                "Write a nodeSelector or an affinity",
                one.place,
            )
    for key, place in placement.rest():
        making.findings.left_out(
            service,
            f"deploy.placement.{key}",
            "is not carried over",
            "Write topologySpreadConstraints into the manifest",
            place,
        )
    return {"nodeSelector": selector} if selector else {}


def pod_annotations(
    making: Making, service: str, taking: Taking, found: Mapping[str, Text]
) -> dict[str, str]:
    """Labels and annotations of the service that are nobody's instruction, as annotations."""
    hidden = making.secret_values()
    out: dict[str, str] = {}
    for key, node in {**found, **taking.mapping("annotations")}.items():
        value = node.text
        if key.startswith("kompose."):
            continue
        if any(secret in value for secret in hidden):
            making.findings.left_out(service, "labels", f"{key} quotes a secret", "", node.place)
        elif re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", key):
            out[key] = value
        else:
            making.findings.left_out(
                service, "labels", f"{key} cannot be the name of an annotation", "", node.place
            )
        if key.startswith("traefik."):
            making.findings.changed(
                service,
                "labels",
                f"{key} is an annotation now, which Traefik does not read",
                "Write an Ingress, or an IngressRoute of Traefik",
                node.place,
            )
    return out
