"""What RStudio's definition promises, read from its own files without a cluster."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from allup import Component, InputError, Platform, Provided, Quantity, Tls, expressions
from allup.model.live import Live
from allup.model.platform import AwaitLogLine, ScaleToZero
from allup.model.settings import SettingSpec, setting_specs
from allup.refs import ObjectRef, ShortRef
from allup.substitution import substitute
from allup.yamlfiles import Document, load_documents
from k8s.rstudio import platform as module
from k8s.rstudio.platform import COLLECTION, PRIMARY_GROUP, SEED_USERS, Settings, platform

FOLDER = Path(module.__file__).parent
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
Object = Mapping[str, Any]


MODES = ("split", "combined")


@pytest.fixture(scope="module")
def rstudio() -> Platform:
    return platform(Settings())


@pytest.fixture(scope="module")
def combined() -> Platform:
    return platform(Settings(mode="combined"))


def components_used(definition: Platform) -> list[Component]:
    return [c for c in definition.components if c.enabled]


def rendered(definition: Platform, component: Component) -> str:
    return yaml.safe_dump_all(objects(definition, component))


def objects(definition: Platform, component: Component) -> list[dict[str, Any]]:
    """The component's manifests with every placeholder replaced; a live value is an address."""
    values = {**definition.values, **component.values}
    known = {name: without_lives(value) for name, value in values.items()}
    return [
        substitute(document.node, known, file) for file in component.files for document in documents(file)
    ]


@cache
def documents(file: str) -> tuple[Document, ...]:
    return tuple(load_documents(FOLDER / file, label=file))


def without_lives(value: Any) -> Any:
    if isinstance(value, Live):
        return "10.96.0.7"
    if isinstance(value, Mapping):
        return {key: without_lives(inner) for key, inner in value.items()}
    return value


def all_objects(definition: Platform) -> list[tuple[Component, dict[str, Any]]]:
    """The objects of every component; the launcher's only where it is switched on."""
    return [
        (c, o)
        for c in definition.components
        if c.enabled or c.name != "launcher"
        for o in objects(definition, c)
    ]


def pods(definition: Platform) -> list[tuple[str, Object]]:
    return [
        (o["metadata"]["name"], o["spec"]["template"])
        for _, o in all_objects(definition)
        if o["kind"] == "Deployment"
    ]


def containers(definition: Platform) -> list[tuple[str, Object]]:
    return [(name, c) for name, pod in pods(definition) for c in pod["spec"]["containers"]]


def config_text(definition: Platform, path: str, *, trim: bool = True) -> str:
    """A config text as any sensible Jinja2 environment renders it; secret values show their names."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(FOLDER / "config"),
        trim_blocks=trim,
        lstrip_blocks=trim,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["ssha"] = lambda value: "{SSHA}" + value
    secrets = {
        secret.name: {key: f"<{secret.name} {key}>" for key in secret.keys}
        for component in definition.components
        for secret in component.secrets
    }
    return environment.get_template(path).render({**definition.values, "secrets": secrets})


def options(text: str) -> dict[str, str]:
    """``key=value`` lines."""
    lines = (line for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def needs(definition: Platform, name: str) -> set[str]:
    """The component and everything it comes after."""
    return {name}.union(*(needs(definition, needed) for needed in definition.component(name).after))


# The graph


def test_it_is_the_flagship_under_the_seeds_collection_name(rstudio: Platform) -> None:
    assert (COLLECTION, rstudio.name, rstudio.namespace, rstudio.instance) == (
        *("k8s", "rstudio"),
        *("rstudio", "rstudio"),
    )


def test_components_come_up_in_this_order_under_these_task_names(rstudio: Platform) -> None:
    lines = [
        " ".join([component.up_task, *(f"<- {needed}" for needed in component.after)])
        for component in rstudio.components
    ]
    assert "\n".join(lines) == (
        "setup\n"
        "launcher-keys-up\n"
        "secret-rsp\n"
        "nfs-up <- setup\n"
        "nfs-pv-up <- nfs\n"
        "ldap-up <- setup\n"
        "ldap-admin-up <- ldap\n"
        "launcher-up <- setup <- launcher-keys <- ldap\n"
        "rsp-up <- launcher <- launcher-keys <- ldap <- license <- nfs-pv"
    )


@pytest.mark.parametrize(
    "target",
    [
        *("setup", "nfs-up", "nfs-ip-fix", "nfs-pv-up", "ldap-up", "secret-rsp"),
        *("rsp-ldap-up", "rsp-up", "launcher-ldap-up", "launcher-up", "launcher-keys"),
    ],
)
def test_every_make_target_of_the_original_names_exactly_one_task(rstudio: Platform, target: str) -> None:
    assert sum(target in (c.up_task, *c.aliases) for c in rstudio.components) == 1


def test_no_two_tasks_share_a_name(rstudio: Platform) -> None:
    names = [
        name for c in rstudio.components for name in (c.up_task, c.down_task, *c.aliases, *c.down_aliases)
    ]
    assert len(names) == len(set(names))


def test_the_component_names_do_not_depend_on_settings(rstudio: Platform) -> None:
    other = platform(
        Settings(ldap_admin=True, license_mode="server", license_server="licenses:8999", instance="blue")
    )
    assert [c.name for c in other.components] == [c.name for c in rstudio.components]


def test_the_homes_go_down_only_after_sessions_and_the_server(rstudio: Platform) -> None:
    rsp = rstudio.component("rsp")
    assert "nfs" in needs(rstudio, "rsp")
    assert {child.kind for child in rsp.children} == {"Job", "Service"}
    assert {str(step.ref) for step in rsp.before_down} == {"Deployment/rsp"}


def test_all_down_listens_for_the_licence_before_it_stops_the_server_unless_it_is_a_file(
    rstudio: Platform,
) -> None:
    scale, listen = rstudio.component("rsp").before_down
    assert isinstance(scale, ScaleToZero)
    assert isinstance(listen, AwaitLogLine)
    for mode, server, expected in (
        ("key", "", True),
        ("server", "licenses:8999", True),
        ("file", "", False),
    ):
        definition = platform(Settings(license_mode=mode, license_server=server))
        deployed = next(
            o for o in objects(definition, definition.component("rsp")) if "template" in o["spec"]
        )
        assert expressions.first(listen.when, deployed) is expected, mode


# Instances


def test_two_instances_share_no_cluster_scoped_name_and_no_namespace() -> None:
    blue = platform(Settings(instance="blue"))
    volumes = [o for _, o in all_objects(blue) if o["kind"] == "PersistentVolume"]
    assert blue.namespace == "blue"
    assert [v["metadata"]["name"] for v in volumes] == ["blue-nfs"]
    assert volumes[0]["spec"]["claimRef"]["namespace"] == "blue"


def test_nothing_of_an_instance_in_another_namespace_still_says_rstudio_there() -> None:
    moved = platform(Settings(instance="blue", namespace="team-a"))
    binding = next(o for _, o in all_objects(moved) if o["kind"] == "RoleBinding")
    assert binding["subjects"][0]["namespace"] == "team-a"
    assert "rsp.team-a.svc" in config_text(moved, "rserver.conf")
    assert "kubernetes-namespace=team-a" in config_text(moved, "launcher.kubernetes.conf")


# Manifests


def test_every_placeholder_has_a_value(rstudio: Platform) -> None:
    for component in rstudio.components:
        for file in component.files:
            names = set(PLACEHOLDER.findall((FOLDER / file).read_text()))
            assert names <= {*rstudio.values, *component.values}, file


def test_every_manifest_file_and_config_text_in_the_folder_is_used(rstudio: Platform) -> None:
    files = {file for c in rstudio.components for file in c.files}
    texts = {path for c in rstudio.components for config in c.configs for path in config.files.values()}
    assert {p.name for p in FOLDER.glob("*.yaml")} == files
    found = (FOLDER / "config").rglob("*")
    assert {str(p.relative_to(FOLDER / "config")) for p in found if p.is_file()} == texts


def test_no_object_is_defined_twice_and_the_named_ones_exist(rstudio: Platform) -> None:
    refs = [ObjectRef.of(o) for _, o in all_objects(rstudio)]
    assert len(refs) == len(set(refs))
    for component in rstudio.components:
        for text in (*component.keep, *component.replace, *(str(p.ref) for p in component.pins)):
            own = [ObjectRef.of(o) for o in objects(rstudio, component)]
            assert any(ShortRef.parse(text).matches(ref) for ref in own), text


def test_selectors_match_the_pods_they_mean(rstudio: Platform) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(rstudio)}
    for _, obj in all_objects(rstudio):
        if obj["kind"] == "Deployment":
            assert obj["spec"]["selector"]["matchLabels"] == labels[obj["metadata"]["name"]]
        if obj["kind"] == "Service":
            assert obj["spec"]["selector"] == labels[obj["metadata"]["name"]]


def test_a_services_port_is_one_its_container_opens(rstudio: Platform) -> None:
    opened = {name: {p["name"] for p in c["ports"]} for name, c in containers(rstudio)}
    for _, obj in all_objects(rstudio):
        if obj["kind"] == "Service":
            for port in obj["spec"]["ports"]:
                assert port["targetPort"] in opened[obj["metadata"]["name"]]


def test_services_are_reachable_inside_the_cluster_only(rstudio: Platform) -> None:
    kinds = {o["spec"]["type"] for _, o in all_objects(rstudio) if o["kind"] == "Service"}
    assert kinds == {"ClusterIP"}


def test_what_writes_to_one_disk_is_never_there_twice(rstudio: Platform) -> None:
    for _, obj in all_objects(rstudio):
        if obj["kind"] == "Deployment" and obj["metadata"]["name"] != "ldap-admin":
            assert obj["spec"]["replicas"] == 1
            assert obj["spec"]["strategy"] == {"type": "Recreate"}


def test_no_service_is_named_like_a_variable_an_image_reads(rstudio: Platform) -> None:
    assert "ldap" not in {o["metadata"]["name"] for _, o in all_objects(rstudio)}
    assert all(pod["spec"]["enableServiceLinks"] is False for _, pod in pods(rstudio))


# Pods


def test_every_container_requests_cpu_and_memory_and_is_limited_in_memory(rstudio: Platform) -> None:
    for name, container in containers(rstudio):
        assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name


def test_every_container_is_probed_for_readiness_and_says_why_when_not_for_liveness(
    rstudio: Platform,
) -> None:
    for component in rstudio.components:
        for obj in objects(rstudio, component):
            if obj["kind"] != "Deployment":
                continue
            for container in obj["spec"]["template"]["spec"]["containers"]:
                assert "readinessProbe" in container
                text = "".join((FOLDER / file).read_text() for file in component.files)
                assert "livenessProbe" in container or "# No liveness probe:" in text


def test_only_the_nfs_server_is_privileged(rstudio: Platform) -> None:
    privileged = {n for n, c in containers(rstudio) if c["securityContext"].get("privileged")}
    assert privileged == {"nfs01"}


def test_every_other_container_starts_from_no_capabilities_at_all(rstudio: Platform) -> None:
    for name, pod in pods(rstudio):
        for container in pod["spec"]["containers"]:
            if name == "nfs01":
                continue
            context = container["securityContext"]
            assert context["capabilities"]["drop"] == ["ALL"], name
            assert context["allowPrivilegeEscalation"] is False, name
            assert not {"SYS_ADMIN", "NET_ADMIN", "NET_RAW"} & set(context["capabilities"]["add"]), name
            assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name


def test_only_the_launcher_gets_a_token(rstudio: Platform) -> None:
    tokens = {n: p["spec"]["automountServiceAccountToken"] for n, p in pods(rstudio)}
    assert {n for n, mounted in tokens.items() if mounted} == {"launcher"}
    accounts = [o for _, o in all_objects(rstudio) if o["kind"] == "ServiceAccount"]
    assert {a["metadata"]["name"] for a in accounts} == {"job-launcher", "session"}
    assert not any(a["automountServiceAccountToken"] for a in accounts)


def test_the_launchers_rights_are_a_role_without_wildcards_or_secrets(rstudio: Platform) -> None:
    setup = objects(rstudio, rstudio.component("setup"))
    assert {o["kind"] for o in setup} == {"ServiceAccount", "Role", "RoleBinding"}
    role = next(o for o in setup if o["kind"] == "Role")
    for rule in role["rules"]:
        words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not words & {"*", "secrets", "configmaps", "impersonate", "escalate", "bind"}


@pytest.mark.parametrize("name", ["rsp", "launcher"])
def test_modes_of_mounted_files_stay_what_rserver_and_sssd_insist_on(rstudio: Platform, name: str) -> None:
    spec = dict(pods(rstudio))[name]["spec"]
    for context in (spec["securityContext"], *(c["securityContext"] for c in spec["containers"])):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)
    modes = {v["name"]: v["secret"]["defaultMode"] for v in spec["volumes"] if "secret" in v}
    assert (modes["keys"], modes["sssd"]) == (0o600, 0o600)


def test_the_server_has_time_to_give_its_licence_back(rstudio: Platform) -> None:
    program = options(config_text(rstudio, "rstudio-workbench.conf"))
    assert int(program["stopwaitsecs"]) > 60
    assert program["stopasgroup"] == program["killasgroup"] == "true"
    sssd = 10  # supervisord stops its programs one after another, and this is its default for one
    grace = dict(pods(rstudio))["rsp"]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= int(program["stopwaitsecs"]) + sssd


# Secrets and configs


def mounted(spec: Object) -> Iterator[tuple[str, str, set[str]]]:
    """Kind, name and keys of every Secret and ConfigMap a pod reads."""
    for volume in spec.get("volumes", ()):
        for kind, field, name in (("Secret", "secret", "secretName"), ("ConfigMap", "configMap", "name")):
            if field in volume:
                keys = {item["key"] for item in volume[field].get("items", ())}
                for container in spec["containers"]:
                    mounts = (m for m in container["volumeMounts"] if m["name"] == volume["name"])
                    keys |= {m["subPath"] for m in mounts if "subPath" in m}
                if not volume[field].get("optional"):
                    yield kind, volume[field][name], keys
    for container in spec["containers"]:
        for variable in container.get("env", ()):
            ref = variable.get("valueFrom", {}).get("secretKeyRef")
            if ref and not ref.get("optional"):
                yield "Secret", ref["name"], {ref["key"]}


@pytest.mark.parametrize(
    "settings",
    [
        Settings(ldap_admin=True),
        Settings(license_mode="file"),
        Settings(license_mode="server", license_server="licenses:8999"),
    ],
    ids=lambda s: s.license_mode,
)
def test_every_mounted_secret_and_config_is_there_before_the_pod_that_needs_it(settings: Settings) -> None:
    definition = platform(settings)
    made: dict[tuple[str, str], tuple[str, set[str]]] = {}
    for component in definition.components:
        if component.enabled:
            for secret in component.secrets:
                made["Secret", secret.name] = component.name, set(secret.keys)
            for config in component.configs:
                made[config.kind, config.name] = component.name, set(config.files)
    for component, obj in all_objects(definition):
        if obj["kind"] == "Deployment" and component.enabled:
            for kind, name, keys in mounted(obj["spec"]["template"]["spec"]):
                maker, offered = made[kind, name]
                assert maker in needs(definition, component.name), (component.name, kind, name)
                assert keys <= offered, (component.name, kind, name)


def test_every_claim_a_pod_mounts_exists(rstudio: Platform) -> None:
    claims = {o["metadata"]["name"] for _, o in all_objects(rstudio) if o["kind"] == "PersistentVolumeClaim"}
    for name, pod in pods(rstudio):
        for volume in pod["spec"].get("volumes", ()):
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims, name


def test_every_mounted_volume_is_declared_and_every_declared_one_mounted(rstudio: Platform) -> None:
    for name, pod in pods(rstudio):
        declared = {v["name"] for v in pod["spec"].get("volumes", ())}
        used = {m["name"] for c in pod["spec"]["containers"] for m in c.get("volumeMounts", ())}
        assert declared == used, name


def test_no_secret_value_is_in_a_manifest_a_config_map_or_a_command(rstudio: Platform) -> None:
    for component in rstudio.components:
        assert not [o for o in objects(rstudio, component) if o["kind"] == "Secret"]
        for config in component.configs:
            if config.kind == "ConfigMap":
                assert all(
                    "secrets[" not in (FOLDER / "config" / p).read_text() for p in config.files.values()
                )
    for name, container in containers(rstudio):
        for variable in container.get("env", ()):
            if re.search(r"PASSWORD|LICENSE", variable["name"]) and variable.get("value"):
                assert variable["value"].startswith("/"), f"{name} {variable['name']}: a path, not a value"


def test_each_half_of_the_launchers_key_is_mounted_where_it_belongs(rstudio: Platform) -> None:
    halves = {
        name: {
            i["path"]
            for v in pod["spec"].get("volumes", ())
            if v["name"] == "keys"
            for i in v["secret"]["items"]
        }
        for name, pod in pods(rstudio)
    }
    assert halves["rsp"] == {"launcher.pem", "secure-cookie-key"}
    assert halves["launcher"] == {"launcher.pub", "secure-cookie-key"}


def test_nobody_but_the_directory_sees_its_private_key(rstudio: Platform) -> None:
    for name, pod in pods(rstudio):
        for volume in pod["spec"].get("volumes", ()):
            if volume.get("secret", {}).get("secretName") == "ldap-tls" and name != "openldap":
                assert [i["key"] for i in volume["secret"]["items"]] == ["ca.crt"], name


def test_the_directorys_certificate_names_the_service_that_clients_call(rstudio: Platform) -> None:
    tls = next(s for s in rstudio.component("ldap").secrets if s.name == "ldap-tls")
    host = re.search(r"ldap_uri = ldap://([\w.-]+):389", config_text(rstudio, "sssd.conf"))
    assert host is not None
    assert {key.part for key in tls.keys.values() if isinstance(key, Tls)} == {
        *("certificate", "private-key", "ca-certificate"),
    }
    assert all(isinstance(k, Tls) and host[1] in k.dns_names for k in tls.keys.values())


def test_sssd_verifies_the_directory_and_reads_as_its_readonly_account(rstudio: Platform) -> None:
    text = config_text(rstudio, "sssd.conf")
    for line in (
        "ldap_id_use_start_tls = true",
        "ldap_tls_reqcert = demand",
        "ldap_default_authtok = <ldap-passwords readonly>",
        "ldap_schema = rfc2307",
        "offline_timeout = 5",
    ):
        assert line in text.splitlines()


# Config texts


@pytest.mark.parametrize("trim", [True, False])
def test_the_directorys_seed_is_the_originals_users_with_ids_no_image_uses(
    rstudio: Platform, trim: bool
) -> None:
    text = config_text(rstudio, "50-bootstrap.ldif", trim=trim)
    entries = [block.splitlines() for block in re.split(r"\n\n+", text.strip())]
    assert all(lines[0].startswith("dn: ") for lines in entries)
    people = [dict(line.split(": ", 1) for line in e) for e in entries if "objectClass: posixAccount" in e]
    assert [(p["uid"], int(p["uidNumber"])) for p in people] == [(n, u) for n, _, u in SEED_USERS]
    assert all(int(p["uidNumber"]) > 10000 and p["gidNumber"] == str(PRIMARY_GROUP) for p in people)
    assert people[0]["userPassword"] == "{SSHA}<ldap-users joe>"
    groups = [e for e in entries if "objectClass: posixGroup" in e]
    assert [len([line for line in g if line.startswith("memberUid")]) for g in groups] == [0, 2, 3, 2]


def test_the_entry_the_probe_looks_for_is_in_the_seed(rstudio: Platform) -> None:
    assert f"dn: {rstudio.values['probe_dn']}\n" in config_text(rstudio, "50-bootstrap.ldif")


def test_server_and_launcher_agree_on_cluster_port_and_cookie_key(rstudio: Platform) -> None:
    server = options(config_text(rstudio, "rserver.conf"))
    launcher = config_text(rstudio, "launcher.conf")
    assert f"name={server['launcher-default-cluster']}" in launcher.splitlines()
    assert f"port={server['launcher-port']}" in launcher.splitlines()
    assert f"secure-cookie-key-file={server['secure-cookie-key-file']}" in launcher.splitlines()
    assert "127.0.0.1" not in server["launcher-sessions-callback-address"]


def test_one_version_names_server_launcher_and_session_components() -> None:
    newer = platform(Settings(workbench_version="2027.01.0"))
    server = options(config_text(newer, "rserver.conf"))
    images = {n: c["image"] for n, c in containers(newer)}
    assert images["rsp"] == images["launcher"] == "posit/workbench:2027.01.0-ubuntu-24.04"
    assert server["launcher-sessions-init-container-image-tag"] == "2027.01.0-ubuntu-24.04"


@pytest.mark.parametrize("trim", [True, False])
def test_each_override_of_the_session_job_names_a_json_text_that_is_mounted(
    rstudio: Platform, trim: bool
) -> None:
    profile = options(config_text(rstudio, "launcher.kubernetes.profiles.conf", trim=trim))
    pairs = re.findall(r'"(/[^"]+)":"/mnt/job-json-overrides/([^"]+)"', profile["job-json-overrides"])
    config = next(c for c in rstudio.component("launcher").configs if c.name == "session-job")
    assert {file for _, file in pairs} == set(config.files)
    values = {pointer: json.loads(config_text(rstudio, config.files[file])) for pointer, file in pairs}
    assert values["/spec/template/spec/serviceAccountName"] == "session"
    assert values["/spec/template/spec/volumes/-"]["configMap"]["name"] == "session-config"
    assert (profile["default-cpus"], profile["default-mem-mb"]) == ("2", "4096")


def test_sessions_mount_the_homes_by_claim_so_no_config_holds_an_address(rstudio: Platform) -> None:
    assert "ClaimName: nfs\n" in config_text(rstudio, "launcher-mounts")
    for path in (p for p in (FOLDER / "config").rglob("*") if p.is_file()):
        assert not re.findall(r"\d+\.\d+\.\d+\.\d+", path.read_text()), path


# Settings


def another(spec: SettingSpec) -> Any:
    """A value that is not the default."""
    if spec.choices:
        return next(choice for choice in spec.choices if choice not in (spec.default, "server"))
    if spec.kind is bool:
        return not spec.default
    if spec.kind in (int, float):
        return spec.default + 1
    return Quantity("7Gi") if spec.kind is Quantity else "elsewhere.example.net"


def test_every_setting_has_help_and_no_setting_is_without_effect(rstudio: Platform) -> None:
    def everything(definition: Platform) -> str:
        texts = [rendered(definition, c) for c in definition.components]
        for c in definition.components:
            texts += [config_text(definition, p) for config in c.configs for p in config.files.values()]
        return "\n".join([*texts, repr([dataclasses.replace(c, values={}) for c in definition.components])])

    before = everything(rstudio)
    for spec in setting_specs(Settings):
        assert spec.help, spec.name
        changed: dict[str, Any] = {spec.name: another(spec)}
        if spec.name == "license_server":
            changed["license_mode"] = "server"
        assert everything(platform(Settings(**changed))) != before, spec.name


def test_a_registry_goes_before_every_image_that_names_none_of_its_own() -> None:
    mirrored = platform(
        Settings(
            registry="mirror.example.net/hub/", nfs_image="other.example.net:5000/nfs:1", ldap_admin=True
        )
    )
    images = {name: c["image"] for name, c in containers(mirrored)}
    assert images["nfs01"] == "other.example.net:5000/nfs:1"
    assert images["openldap"] == "mirror.example.net/hub/osixia/openldap:1.5.0"
    assert "mirror.example.net/hub/posit/workbench-session" in config_text(mirrored, "rserver.conf")


def test_a_pull_secret_reaches_every_pod_and_every_session() -> None:
    private = platform(Settings(image_pull_secret="mirror"))
    assert all(pod["spec"]["imagePullSecrets"] == [{"name": "mirror"}] for _, pod in pods(private))
    assert json.loads(config_text(private, "session-job/pull-secrets.json")) == [{"name": "mirror"}]


@pytest.mark.parametrize(
    ("mode", "server", "key", "key_optional", "file_optional"),
    [
        ("key", "", "rsp", False, True),
        ("file", "", "license.lic", True, False),
        ("server", "licenses:8999", None, True, True),
    ],
)
def test_the_pod_insists_on_the_licence_of_the_chosen_mode_and_on_no_other(
    mode: str, server: str, key: str | None, key_optional: bool, file_optional: bool
) -> None:
    definition = platform(Settings(license_mode=mode, license_server=server))
    component = definition.component("license")
    assert component.enabled is (key is not None)
    if key is not None:
        provided = component.secrets[0].keys[key]
        assert isinstance(provided, Provided)
        assert provided.env == "RSP_LICENSE"
        assert provided.evaluation is not None
        assert "EVALUATION" in provided.evaluation
    spec = dict(pods(definition))["rsp"]["spec"]
    env = {e["name"]: e for e in spec["containers"][0]["env"]}
    for prefix in ("RSW", "PWB"):
        assert env[f"{prefix}_LICENSE"]["valueFrom"]["secretKeyRef"]["optional"] is key_optional
        assert env[f"{prefix}_LICENSE_SERVER"]["value"] == server
    volume = next(v for v in spec["volumes"] if v["name"] == "license")
    assert volume["secret"]["optional"] is file_optional
    assert ("server-license-type=remote" in config_text(definition, "rserver.conf")) is (mode == "server")


@pytest.mark.parametrize(
    "settings",
    [Settings(license_mode="server"), Settings(license_server="licenses:8999")],
    ids=["no address", "no mode"],
)
def test_a_licence_server_is_refused_unless_both_named_and_chosen(settings: Settings) -> None:
    with pytest.raises(InputError, match="license_server"):
        platform(settings)


def test_the_page_about_it_names_every_component_task_and_setting(rstudio: Platform) -> None:
    page = (FOLDER.parents[1] / "docs" / "rstudio.md").read_text()
    words = [spec.name for spec in setting_specs(Settings)]
    words += [name for c in rstudio.components for name in (c.name, c.up_task, *c.aliases)]
    assert [word for word in words if f"`{word}`" not in page and f"`k8s.{word}`" not in page] == []
    arrows = set(re.findall(r"([a-z-]+?) --> (?=([a-z-]+))", page.replace("-.->", "-->")))
    assert arrows == {(needed, c.name) for c in rstudio.components for needed in c.after}
