"""Engines' commands as data; contexts as numbers; the names of images; log-ins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from allup import commands, registrylogin
from allup.errors import AllupError, InputError
from allup.images import contexts, dataserver, engines, registries
from allup.images.engines import Build
from allup.images.references import Reference
from tasks import imaging

DOCKER = engines.named("docker", {})
BUILDAH = engines.named("buildah", {})
IMAGE = Reference.parse("arl_img:latest")


# Names


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("arl_img", "docker.io/library/arl_img:latest"),
        ("local/dask:2026.8.0", "docker.io/local/dask:2026.8.0"),
        ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
        ("registry.example.org/a", "registry.example.org/a:latest"),
        ("a@sha256:" + "0" * 64, "docker.io/library/a@sha256:" + "0" * 64),
    ],
)
def test_a_name_says_what_is_meant_by_what_it_leaves_out(text: str, full: str) -> None:
    assert str(Reference.parse(text)) == text
    assert Reference.parse(text).full == full


@pytest.mark.parametrize("text", ["", "Arl", "a b", "a:b c", "a@sha256:1", "http://x/y", "a//b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Reference.parse(text)


@pytest.mark.parametrize("prefix", ["localhost:5000/team", "localhost:5000/team/"])
def test_a_prefix_may_end_with_a_slash_or_not(prefix: str) -> None:
    assert str(IMAGE.under(prefix)) == "localhost:5000/team/arl_img:latest"
    assert IMAGE.under("") == IMAGE
    assert str(Reference.parse("ghcr.io/a/b:1").under(prefix)) == "ghcr.io/a/b:1"


# Commands


def test_dockers_build_is_the_old_makefiles_with_a_label_of_what_it_is_made_of() -> None:
    build = Build(reference=IMAGE, context=".", arguments={"PYTHON": "python3.6"}, content="abc")
    assert str(DOCKER.build(build)) == (
        "docker build -t arl_img:latest -f Dockerfile --label allup.content=abc "
        "--build-arg PYTHON=python3.6 ."
    )
    assert BUILDAH.build(build).argv[:2] == ("buildah", "build")


def test_a_build_argument_without_a_value_keeps_it_out_of_argv() -> None:
    words = DOCKER.build(Build(reference=IMAGE, context=".", arguments={"TOKEN": None})).argv
    assert words[words.index("--build-arg") + 1] == "TOKEN"


@pytest.mark.parametrize("engine", [DOCKER, BUILDAH], ids=["docker", "buildah"])
def test_a_password_goes_in_by_standard_input_and_is_not_even_shown(engine: engines.Engine) -> None:
    command = engine.login("registry.example.org", "me", "open-sesame")
    assert "--password-stdin" in command.argv
    assert command.stdin == "open-sesame"
    assert "open-sesame" not in f"{command.argv} {command} {command!r}"


def test_the_log_in_of_a_push_lies_in_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = imaging._private_config(tmp_path, "registry.example.org", "me", "open-sesame")
    assert os.stat(file).st_mode & 0o777 == 0o600
    assert "me" in json.loads(Path(file).read_text())["auths"]["registry.example.org"]["username"]
    assert DOCKER.push(IMAGE, authfile=file).argv[1:3] == ("--config", str(tmp_path))
    assert BUILDAH.push(IMAGE, authfile=file).argv[2:4] == ("--authfile", file)


def test_the_old_variables_are_what_is_built_when_no_flag_says_otherwise() -> None:
    old = {"DOCKER_IMAGE": "arl_img:1", "DOCKERFILE": "Other", "PYTHON": "python3.6", "TOKEN": "x"}
    asked = imaging.asked(None, None, None, ["TOKEN"], False, old)
    assert (asked.image, asked.dockerfile) == ("arl_img:1", "Other")
    assert asked.arguments == {"PYTHON": "python3.6", "TOKEN": None}
    assert imaging.asked("b", None, None, [], False, old).image == "b"
    assert imaging.asked(None, None, None, [], False, {"IMG": "a", "TAG": "2"}).image == "a:2"
    with pytest.raises(InputError, match="neither given nor in the environment"):
        imaging.asked(None, None, None, ["NO"], False, {})


# Building only what has changed. Docker has no daemon here, so an executable stands in for its client.


@pytest.fixture
def fake_docker(tmp_path: Path) -> dict[str, str]:
    """A docker that remembers its calls, and the label of what it built last."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        'case "$1 $2" in\n'
        f'  "image inspect") cat {tmp_path}/label 2>/dev/null || exit 1;;\n'
        '  "build -t") for w; do case $w in\n'
        f'    allup.content=*) echo "${{w#*=}}" > {tmp_path}/label;; esac; done;;\n'
        '  "version --format") exit 0;;\n'
        "esac\n"
    )
    script.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_an_unchanged_context_is_not_built_again(tmp_path: Path, fake_docker: dict[str, str]) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    asked = imaging.Asked("arl_img:latest", str(context))

    def builds() -> int:
        imaging.build(imaging.engine("", fake_docker), asked, fake_docker)
        return (tmp_path / "calls").read_text().count("build -t")

    assert [builds(), builds()] == [1, 1]
    (context / "a.py").write_text("1")
    assert [builds(), builds()] == [2, 2]


def test_without_docker_and_buildah_both_reasons_are_told(tmp_path: Path) -> None:
    with pytest.raises(AllupError, match="docker: is not installed; buildah: is not installed"):
        imaging.engine("", {"PATH": str(tmp_path)})


def test_what_a_failing_program_said_last_is_in_the_error(tmp_path: Path) -> None:
    script = tmp_path / "docker"
    script.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(AllupError, match="Cannot connect to the Docker daemon"):
        commands.must(DOCKER.tag(IMAGE, IMAGE), {"PATH": f"{tmp_path}:/bin"}, "image a")


# Contexts


def context(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_a_context_is_another_one_when_a_file_its_name_or_an_argument_changes(tmp_path: Path) -> None:
    context(tmp_path, Dockerfile="FROM scratch", **{"a/b": "1"})

    def key(**arguments: str) -> str:
        return contexts.content_key(tmp_path, tmp_path / "Dockerfile", arguments)

    keys = [key(), key(PYTHON="python3"), key(PYTHON="python3.6")]
    (tmp_path / "a" / "b").write_text("2")
    keys.append(key())
    (tmp_path / "a" / "b").chmod(0o755)
    keys.append(key())
    (tmp_path / "a" / "b").rename(tmp_path / "a" / "c")
    keys.append(key())
    assert len(set(keys)) == 6
    assert key() == keys[-1]


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("data", ["a.py", "docs/x.md", "docs/y.txt"]),
        ("**/*.md\n", ["a.py", "data/big", "docs/y.txt"]),
        ("*\n!a.py", ["a.py"]),
        ("docs/*\n!docs/x.md", ["a.py", "data/big", "docs/x.md"]),
        ("# data\n\n/data/", ["a.py", "docs/x.md", "docs/y.txt"]),
    ],
)
def test_dockerignore_leaves_out_what_docker_leaves_out(tmp_path: Path, rules: str, left: list[str]) -> None:
    context(tmp_path, **{"a.py": "", "data/big": "", "docs/x.md": "", "docs/y.txt": ""})
    found = contexts.files(tmp_path)
    parsed = contexts.patterns(rules)
    assert [path for path in found if not contexts.ignored(path, parsed)] == left


def test_a_missing_dockerfile_is_told_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="DOCKERFILE"):
        contexts.content_key(tmp_path, tmp_path / "Dockerfile", {})


# Log-ins


def test_a_log_in_is_what_nodes_expect_and_is_known_again() -> None:
    text = registrylogin.of_password("https://registry.example.org/v2/", "me", "pw", "me@example.org", "s")
    entry = json.loads(text)["auths"]["registry.example.org"]
    assert entry == {"username": "me", "password": "pw", "email": "me@example.org", "auth": "bWU6cHc="}
    assert registrylogin.is_of(text, "registry.example.org", "me")
    assert not registrylogin.is_of(text, "other.example.org", "me")
    assert not registrylogin.is_of(text, "registry.example.org", "you")
    assert "https://index.docker.io/v1/" in registrylogin.of_password("", "me", "pw", "", "s")


def test_of_a_docker_config_only_the_log_in_that_is_meant_is_taken() -> None:
    config = json.dumps(
        {"auths": {"a.example": {"auth": "bWU6cHc="}, "b.example": {"auth": "eDp5"}}, "HttpHeaders": {}}
    )
    assert json.loads(registrylogin.from_docker_config(config, "c", "a.example")) == {
        "auths": {"a.example": {"auth": "bWU6cHc="}}
    }
    with pytest.raises(InputError, match=r"holds no log-in to c.example"):
        registrylogin.from_docker_config(config, "c", "c.example")


def test_a_docker_config_that_keeps_log_ins_elsewhere_says_so() -> None:
    config = json.dumps({"auths": {"a.example": {}}, "credsStore": "osxkeychain"})
    with pytest.raises(InputError, match="credential store osxkeychain"):
        registrylogin.from_docker_config(config, "~/.docker/config.json")


# The data server


SERVER = dataserver.Server(
    program="docker",
    image="nfs:1",
    folder="/srv/arl/data",
    listen="192.168.39.1",
    permitted="192.168.39.0/24",
)


def test_only_the_data_are_exported_read_only_to_whom_it_is_for_on_one_address() -> None:
    words = SERVER.start().argv
    assert words[words.index("-p") + 1] == "192.168.39.1:2049:2049"
    assert words[words.index("-v") + 1] == "/srv/arl/data:/export/data:ro"
    assert {"READ_ONLY=true", "PERMITTED=192.168.39.0/24", "SHARED_DIRECTORY=/export"} <= set(words)
    assert words[words.index("--label") + 1] == "allup.data-server=/srv/arl/data"


def test_a_container_of_that_name_is_ours_only_by_its_label() -> None:
    def container(labels: dict[str, str]) -> str:
        return json.dumps([{"Config": {"Labels": labels, "Image": "nfs:1"}, "State": {"Status": "running"}}])

    assert dataserver.read(container({"allup.data-server": "/d"})) == dataserver.Found(
        True, "running", "/d", "nfs:1"
    )
    assert not dataserver.read(container({})).ours


@pytest.mark.parametrize(
    "environ", [{"MINIKUBE_ACTIVE_DOCKERD": "minikube"}, {"DOCKER_HOST": "tcp://192.168.39.37:2376"}]
)
def test_it_is_refused_where_it_would_land_on_another_machine(environ: dict[str, str]) -> None:
    with pytest.raises(InputError, match="--anyway"):
        dataserver.refuse_elsewhere(environ)
    dataserver.refuse_elsewhere({"DOCKER_HOST": "unix:///run/docker.sock"})


def test_pointers_of_git_lfs_are_not_taken_for_data(tmp_path: Path) -> None:
    context(
        tmp_path, **{"models/a.fits": "version https://git-lfs.github.com/spec/v1\noid x\n", "b.txt": "b"}
    )
    with pytest.raises(InputError, match=r"1 files are pointers .* models/a.fits. Run git lfs pull"):
        dataserver.refuse_pointers(tmp_path)
    (tmp_path / "models" / "a.fits").write_bytes(b"\0" * 2000)
    dataserver.refuse_pointers(tmp_path)


# The registry


def test_a_registry_on_this_machine_is_asked_in_plain_and_any_other_is_not() -> None:
    assert registries.local("localhost:5000")
    assert registries.local("127.0.0.1:5001")
    assert not registries.local("registry.example.org:5000")
