"""Volumes, configs, secrets: where they go, and that no secret is ever in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup.compose.lookup import value
from allup.errors import InputError
from tests.unit.compose.compose_projects import Made, converted, one


def volumes(made: Made, name: str = "a", kind: str = "Deployment") -> dict[str, object]:
    """What is mounted where: the source of the volume behind each path."""
    pod = made.pod(name, kind)
    sources = {v["name"]: {k: w for k, w in v.items() if k != "name"} for v in pod.get("volumes", ())}
    return {m["mountPath"]: sources.get(m["name"], m["name"]) for m in pod["containers"][0]["volumeMounts"]}


def nothing_of(made: Made, secret: str) -> None:
    """Fails when the secret is in a file or in what is told."""
    for path, text in made.files.items():
        assert secret not in text, path
    assert not any(secret in str(finding) for finding in made.found())


# Volumes


def test_a_named_volume_is_a_claim_whose_size_and_class_are_settings(tmp_path: Path) -> None:
    made = one(tmp_path, "volumes: ['my_data:/d:ro']", "volumes: {my_data: }\n")
    claim = made.objects("a")["PersistentVolumeClaim/a-my-data"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "${volume_size}"
    assert volumes(made)["/d"] == {"persistentVolumeClaim": {"claimName": "a-my-data"}}
    assert made.container("a")["volumeMounts"][0]["readOnly"] is True


def test_a_database_has_a_claim_template_and_its_data_in_a_folder_of_it(tmp_path: Path) -> None:
    made = one(tmp_path, "image: postgres\nvolumes: ['pg:/var/lib/postgresql/data']", "volumes: {pg: }\n")
    spec = made.objects("a")["StatefulSet/a"]["spec"]
    assert [t["metadata"]["name"] for t in spec["volumeClaimTemplates"]] == ["pg"]
    mount = made.container("a", "StatefulSet")["volumeMounts"][0]
    assert mount == {"name": "pg", "mountPath": "/var/lib/postgresql/data", "subPath": "data"}


def test_a_volume_of_two_services_is_one_shared_claim_that_both_come_after(tmp_path: Path) -> None:
    text = (
        "services:\n  a: {image: x, volumes: ['v:/v']}\n  b: {image: x, volumes_from: [a]}\nvolumes: {v: }\n"
    )
    made = converted(tmp_path, text)
    claim = made.objects("volumes")["PersistentVolumeClaim/v"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert volumes(made, "a") == volumes(made, "b")
    assert "volumes" in made.after("a")
    assert "ReadWriteMany" in made.says("a", "volumes")


def test_labels_say_size_class_and_kind_of_volumes(tmp_path: Path) -> None:
    labels = "labels: {kompose.volume.size: 7Gi, kompose.volume.storage-class-name: fast}"
    spec = one(tmp_path, f"volumes: ['v:/v']\n{labels}", "volumes: {v: }\n").objects("a")
    claim = spec["PersistentVolumeClaim/a-v"]["spec"]
    assert (claim["resources"]["requests"]["storage"], claim["storageClassName"]) == ("7Gi", "fast")
    made = one(tmp_path, "volumes: ['v:/v']\nlabels: {kompose.volume.type: emptyDir}", "volumes: {v: }\n")
    assert volumes(made) == {"/v": {"emptyDir": {}}}


def test_volumes_as_empty_dir_and_as_host_path(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    body, rest = "volumes: ['v:/v', './d:/d']", "volumes: {v: }\n"
    assert volumes(one(tmp_path, body, rest, volumes="emptyDir")) == {
        "/v": {"emptyDir": {}},
        "/d": {"emptyDir": {}},
    }
    made = one(tmp_path, body, rest, volumes="hostPath")
    assert volumes(made)["/d"] == {"hostPath": {"path": str(tmp_path / "d"), "type": "DirectoryOrCreate"}}
    assert 'pod_security="privileged"' in made.files["platform.py"]


def test_an_nfs_volume_is_mounted_as_one(tmp_path: Path) -> None:
    rest = "volumes: {v: {driver_opts: {type: nfs, o: 'addr=10.0.0.9,rw', device: ':/export'}}}\n"
    made = one(tmp_path, "volumes: ['v:/v']", rest)
    assert volumes(made) == {"/v": {"nfs": {"server": "10.0.0.9", "path": "/export"}}}


def test_what_is_external_is_required_and_never_made(tmp_path: Path) -> None:
    body = "volumes: ['v:/v']\nsecrets: [s]\nconfigs: [c]"
    rest = "volumes: {v: {external: true, name: disk}}\n"
    rest += "secrets: {s: {external: true}}\nconfigs: {c: {external: true}}\n"
    made = one(tmp_path, body, rest)
    assert set(made.making.parts["a"].requires) == {"PersistentVolumeClaim/disk", "Secret/s", "ConfigMap/c"}
    assert set(made.objects("a")) == {"Deployment/a"}
    assert "to do" in made.says("a", "secrets")


# Bind mounts


def test_a_small_text_file_is_a_config_under_the_folder(tmp_path: Path) -> None:
    (tmp_path / "app.conf").write_text("colour = {{ blue }} ${HOME}\n")
    made = one(tmp_path, "volumes: ['./app.conf:/etc/app.conf:ro']")
    assert "{{ blue }} ${HOME}" in made.files["config/app.conf"]
    assert made.container("a")["volumeMounts"] == [
        {"name": "a-app-conf", "mountPath": "/etc/app.conf", "subPath": "app.conf", "readOnly": True}
    ]


def test_a_folder_of_texts_keeps_its_shape(tmp_path: Path) -> None:
    (tmp_path / "conf" / "sub").mkdir(parents=True)
    (tmp_path / "conf" / "a.ini").write_text("a\n")
    (tmp_path / "conf" / "sub" / "b.ini").write_text("b\n")
    made = one(tmp_path, "volumes: ['./conf:/etc/conf:ro']")
    source = volumes(made)["/etc/conf"]
    assert isinstance(source, dict)
    assert {i["key"]: i["path"] for i in source["configMap"]["items"]} == {
        "a.ini": "a.ini",
        "sub__b.ini": "sub/b.ini",
    }


@pytest.mark.parametrize(
    ("source", "grade", "says"),
    [
        ("./binary:/b", "left out", "is not text"),
        ("./gone.conf:/etc/gone.conf", "left out", "is not there"),
        ("./full:/srv/full", "changed", "is not copied. Copy it once the pod runs: kubectl cp"),
        ("./gone:/srv/gone", "changed", "it starts empty"),
        ("/proc:/p", "left out", "belongs to the machine"),
        ("/etc/localtime:/etc/localtime:ro", "left out", "belongs to the machine"),
    ],
)
def test_a_bind_mount_that_is_no_config_is_told_with_what_to_do(
    tmp_path: Path, source: str, grade: str, says: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\0\xff")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    said = one(tmp_path, f"volumes: ['{source}']").says("a", "volumes")
    assert said.startswith(grade)
    assert says in said


def test_the_source_of_an_image_that_is_built_is_not_mounted_over_it(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    made = one(tmp_path, "build: .\nvolumes: ['./src:/app/src']")
    assert "volumeMounts" not in made.container("a")
    assert "has it inside" in made.says("a", "volumes")


def test_a_volume_without_a_name_is_empty_in_every_pod_and_says_so(tmp_path: Path) -> None:
    made = one(tmp_path, "volumes: [/cache]")
    assert volumes(made) == {"/cache": {"emptyDir": {}}}
    assert "empty in every new pod" in made.says("a", "volumes")


# Configs and secrets


def test_configs_by_file_content_and_variable(tmp_path: Path) -> None:
    (tmp_path / "f.conf").write_text("from file\n")
    rest = "configs: {f: {file: f.conf}, c: {content: 'x=$V'}, e: {environment: V}}\n"
    body = "configs: [f, {source: c, target: /etc/c.ini, mode: 0440}, e]"
    made = one(tmp_path, body, rest, environ={"V": "7"})
    assert set(volumes(made)) == {"/f", "/etc/c.ini", "/e"}
    assert made.files["config/f.conf"] == "from file\n"
    assert made.files["config/c.ini"] == "x=7"
    assert "defaultMode: 0440" in made.files["a.yaml"]


def test_secrets_by_file_and_variable_stay_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "pw.txt").write_text("plum-orchard\n")
    rest = "secrets: {pw: {file: pw.txt}, api_key: {environment: API_KEY}}\n"
    made = one(tmp_path, "secrets: [pw, api_key]", rest, environ={"API_KEY": "walnut-tree"})
    platform = made.files["platform.py"]
    assert 'fallbacks=("../../pw.txt",)' in platform
    assert 'env="API_KEY"' in platform
    assert set(volumes(made)) == {"/run/secrets/pw", "/run/secrets/api_key"}
    assert made.after("a") == ["credentials"]
    nothing_of(made, "plum-orchard")
    nothing_of(made, "walnut-tree")


def test_a_password_among_the_variables_is_a_secret_read_from_the_compose_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_PASSWORD=cedar-window\n")
    made = one(
        tmp_path,
        "environment:\n  DB_PASSWORD: ${DB_PASSWORD}\n  URL: postgres://u:${DB_PASSWORD}@db/x\n"
        "  API_TOKEN: literal-token-7\n  TOKEN_TTL: 30\n  PASSWORD_FILE: /run/x\n  USE_PASSWORD: 'true'",
    )
    env = made.env("a")
    assert env["DB_PASSWORD"] == {"secretKeyRef": {"name": "credentials", "key": "DB_PASSWORD"}}
    assert env["URL"]["secretKeyRef"]["key"] == "a.URL"
    assert env["API_TOKEN"]["secretKeyRef"]["key"] == "a.API_TOKEN"
    assert (env["TOKEN_TTL"], env["PASSWORD_FILE"], env["USE_PASSWORD"]) == ("30", "/run/x", "true")
    keys = made.making.secrets["credentials"]
    folder = made.making.options.folder
    found = {name: value(str((folder / key.fallbacks[0]).resolve()), {}) for name, key in keys.items()}
    assert found == {
        "DB_PASSWORD": "cedar-window",
        "a.URL": "postgres://u:cedar-window@db/x",
        "a.API_TOKEN": "literal-token-7",
    }
    nothing_of(made, "cedar-window")
    nothing_of(made, "literal-token-7")


def test_a_password_of_an_env_file_is_read_from_it(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text("A=1\nA_SECRET='quiet-lake'\n")
    made = one(tmp_path, "env_file: a.env\nenvironment: {A: 2}")
    assert made.env("a")["A"] == "2"
    (key,) = made.making.secrets["credentials"].values()
    assert value(str((made.making.options.folder / key.fallbacks[0]).resolve()), {}) == "quiet-lake"
    nothing_of(made, "quiet-lake")


def test_a_password_in_a_command_or_a_probe_becomes_its_variable(tmp_path: Path) -> None:
    body = (
        "environment: {REDIS_PASSWORD: '${PW}'}\ncommand: redis-server --requirepass ${PW}\n"
        "healthcheck: {test: [CMD, redis-cli, -a, '${PW}', ping]}"
    )
    made = one(tmp_path, body, environ={"PW": "amber-bridge"})
    container = made.container("a")
    assert container["args"] == ["redis-server", "--requirepass", "$(REDIS_PASSWORD)"]
    probe = container["readinessProbe"]["exec"]["command"]
    assert probe == ["/bin/sh", "-c", 'redis-cli -a "$${REDIS_PASSWORD}" ping']  # $${ is a literal ${
    nothing_of(made, "amber-bridge")


def test_a_config_that_quotes_a_password_and_a_folder_with_a_key_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "server.key").write_text("-----BEGIN\n")
    (tmp_path / "app.ini").write_text("password = birch-lantern\n")
    made = one(
        tmp_path,
        "environment: {A_PASSWORD: birch-lantern}\nvolumes: ['./app.ini:/app.ini', './tls:/etc/tls:ro']",
    )
    said = made.says("a", "volumes")
    assert "quotes the value of" in said
    assert "looks like a secret" in said
    nothing_of(made, "birch-lantern")
    nothing_of(made, "-----BEGIN")


def test_a_key_file_that_is_mounted_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "server.key").write_text("-----BEGIN KEY-----\nabc\n")
    made = one(tmp_path, "volumes: ['./server.key:/etc/server.key:ro']")
    assert volumes(made) == {"/etc/server.key": {"secret": {"secretName": "a-server-key"}}}
    nothing_of(made, "BEGIN KEY")


def test_a_secret_that_names_a_renamed_service_is_to_be_given_anew(tmp_path: Path) -> None:
    made = converted(
        tmp_path,
        "services:\n  my_db: {image: postgres}\n"
        "  a: {image: x, environment: {DB_URL: 'postgres://u:hazel-river@my_db/x'}}\n",
    )
    assert "Set DEMO_A_DB_URL to the value with the new name" in made.says("a", "environment")
    assert made.making.secrets["credentials"]["a.DB_URL"].fallbacks == []


def test_a_missing_env_file_is_refused_at_its_line_unless_it_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.yaml:4: the env_file no\.env is not there"):
        one(tmp_path, "env_file: no.env")
    one(tmp_path, "env_file: [{path: no.env, required: false}]")
