"""What a reana-cluster.yaml may say, and how it is refused: the file, the line, the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from allup import InputError
from k8s.reana.clusterfile import read
from k8s.reana.layout import BROKER, CONTROLLER, SERVER, Layout, Mount
from k8s.reana.names import refuse_impossible_profile, suggestion

RELEASE = """\
cluster:
  type: "kubernetes"
  version: "v1.16.3"
  db_config: &db_base_config
    - REANA_DB_NAME: "reana"
    - REANA_DB_HOST: "db"
    - REANA_DB_PORT: "5432"
  root_path: "/data/reana"
  shared_volume_path: "/data/reana"
  db_persistence_path: "/data/reana-db"
components:
  reana-workflow-controller:
    type: "docker"
    image: "example/controller:1"
    environment:
      - <<: *db_base_config
      - SHARED_VOLUME_PATH: "/data/reana"
      - GIT_SSL_NO_VERIFY: true
      - RETRIES: 3
  reana-server:
    type: "docker"
    image: "example/server:1"
    environment:
      - <<: *db_base_config
    mountpoints:
      - type: hostPath
        name: reana-server-code
        path: "/code/reana-server:/code"
  reana-message-broker:
    type: "docker"
    image: "example/broker:1"
"""


def layout(tmp_path: Path, text: str = RELEASE) -> Layout:
    file = tmp_path / "reana-cluster.yaml"
    file.write_text(text)
    return read(str(file))


def refusal(tmp_path: Path, old: str, new: str) -> str:
    """How the file with *old* replaced is refused, from the line number on."""
    assert old in RELEASE
    with pytest.raises(InputError) as error:
        layout(tmp_path, RELEASE.replace(old, new, 1))
    assert error.value.exit_code == 2
    return str(error.value).partition("reana-cluster.yaml:")[2]


def test_it_says_images_paths_and_what_kubernetes_it_expects(tmp_path: Path) -> None:
    found = layout(tmp_path)
    assert (found.version, found.context) == ("v1.16.3", "")
    assert (found.root_path, found.shared_volume_path) == ("/data/reana", "/data/reana")
    assert found.db_persistence_path == "/data/reana-db"
    images = {name: part.image for name, part in found.parts.items()}
    assert images == {
        CONTROLLER: "example/controller:1",
        SERVER: "example/server:1",
        BROKER: "example/broker:1",
    }
    assert found.parts[SERVER].mounts == (Mount("reana-server-code", "/code/reana-server", "/code"),)
    assert found.parts[BROKER].environment == ()


def test_a_kubeconfig_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    text = RELEASE.replace("  type:", '  config: "./development.yaml"\n  type:', 1)
    assert layout(tmp_path, text).kubeconfig == str(tmp_path / "development.yaml")


def test_an_anchor_of_a_list_becomes_every_one_of_its_variables_and_all_values_are_text(
    tmp_path: Path,
) -> None:
    environment = {v.name: v.value for v in layout(tmp_path).parts[CONTROLLER].environment}
    assert environment == {
        "REANA_DB_NAME": "reana",
        "REANA_DB_HOST": "db",
        "REANA_DB_PORT": "5432",
        "SHARED_VOLUME_PATH": "/data/reana",
        "GIT_SSL_NO_VERIFY": "True",
        "RETRIES": "3",
    }


def test_a_file_that_only_says_where_has_the_components_of_the_release(tmp_path: Path) -> None:
    there = layout(tmp_path, RELEASE[: RELEASE.index("components:")])
    assert {name: part.image for name, part in there.parts.items()} == {
        CONTROLLER: "reanahub/reana-workflow-controller:0.6.1",
        SERVER: "reanahub/reana-server:0.6.1",
        BROKER: "reanahub/reana-message-broker:0.6.0",
    }


def test_a_variable_said_twice_has_its_last_value(tmp_path: Path) -> None:
    again = RELEASE.replace("      - RETRIES: 3\n", "      - RETRIES: 3\n      - RETRIES: 4\n")
    environment = {v.name: v.value for v in layout(tmp_path, again).parts[CONTROLLER].environment}
    assert environment["RETRIES"] == "4"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  root_path:", "  rot_path:", "8: 'rot_path' is not a key of cluster (did you mean 'root_path'?)."),
        ("components:", "component:", "11: 'component' is not a key of the file (did you mean 'comp"),
        ("  reana-server:", "  reana-sever:", "20: 'reana-sever' is not a key of components (did you mean"),
        ('    image: "example/server:1"\n', "", "20: reana-server lacks image."),
        ('"kubernetes"', '"openstack"', "2: cluster.type can only be 'kubernetes'."),
        ('version: "v1.16.3"', "version: 1.16", "3: version is not a text."),
        ('root_path: "/data/reana"', 'root_path: "data"', "8: cluster.root_path, 'data', is not an absolute"),
        ("/code/reana-server:/code", "/code/reana-server", "28: '/code/reana-server' is not NODE_PATH:CONT"),
        ("/code/reana-server:/code", "/a:/b:/c", "28: '/a:/b:/c' is not NODE_PATH:CONTAINER_PATH"),
        ("/code/reana-server:/code", "/code/../etc:/code", "28: a side of path, '/code/../etc', is not an"),
        ("name: reana-server-code", "name: Server_Code", "27: 'Server_Code' cannot be the name of a volume"),
        ("type: hostPath", "type: nfs", "26: the type of a mount point can only be 'hostPath'."),
        ("RETRIES: 3", "RETRIES: [3]", "19: the value of RETRIES is not a text."),
        ("- RETRIES: 3", "- RETRIES", "19: an item of environment is a mapping, NAME: value."),
        ("RETRIES: 3", "GREETING: <CHANGEME>", "19: GREETING still is '<CHANGEME>'."),
        ("*db_base_config", "*db_base_confg", "16: *db_base_confg refers to an anchor that is not in this"),
        (
            '  root_path: "/data/reana"',
            "  cephfs_monitors: [a]",
            "8: cluster.cephfs_monitors is not taken. No release since 0.5 reads it.",
        ),
        ("  reana-message-broker:", "  reana-job-controller:", "29: reana-job-controller is no component"),
    ],
)
def test_what_it_cannot_mean_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert refusal(tmp_path, old, new).startswith(said)


@pytest.mark.parametrize(
    "name", ["REANA_DB_PASSWORD", "REANA_SQLALCHEMY_DATABASE_URI", "RABBIT_MQ_PASS", "CERN_CONSUMER_SECRET"]
)
def test_a_secret_in_the_file_is_refused_and_its_value_is_not_repeated(tmp_path: Path, name: str) -> None:
    said = refusal(tmp_path, "RETRIES: 3", f"{name}: canary-of-the-file")
    assert said.startswith(f"19: {name} is a secret, which does not belong into a file.")
    assert "canary" not in said


def test_a_file_that_is_not_there_or_is_two_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="holds 2 YAML documents"):
        layout(tmp_path, f"{RELEASE}---\na: 1\n")


# Names


@pytest.mark.parametrize("name", ["reana-0.1.0", "minikube", "r2"])
def test_a_profile_that_a_node_can_be_called_is_taken(name: str) -> None:
    refuse_impossible_profile(name)


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("reana_0.1.0", "reana-0.1.0"),
        ("Reana", "reana"),
        ("-x-", ""),
        ("a..b", "a.b"),
        ("My REANA", "my-reana"),
    ],
)
def test_a_profile_that_would_leave_all_pods_pending_is_refused_with_a_better_one(
    name: str, better: str
) -> None:
    with pytest.raises(InputError, match="cannot be the name of a node") as error:
        refuse_impossible_profile(name)
    assert suggestion(name) == better
    assert (f"Call it {better}." in str(error.value)) is bool(better)


def test_words_that_minikube_keeps_are_refused() -> None:
    with pytest.raises(InputError, match="minikube keeps for itself"):
        refuse_impossible_profile("delete")


def test_a_suggestion_is_always_a_name_that_is_taken() -> None:
    for name in ("A_B.C_D", "x" * 80, "ä-ö.reana", "..reana..", "a_.b"):
        better = suggestion(name)
        if better:
            refuse_impossible_profile(better)
