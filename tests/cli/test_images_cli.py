"""inv images.* and the tasks about this machine, as a person types them.

buildah and docker-registry are the real ones where they are installed. For the data server, whose image is
Docker Hub's, an executable stands in for docker and keeps its containers in a file; a real daemon is asked in
tests/nodes/test_docker_daemon.py.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from allup.images import registries
from tests.cli.invoking import ROOT, Inv
from tests.cluster.platforms_for_tests import eventually


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def building(alone: Inv, tmp_path: Path) -> Inv:
    """With a store of images of its own, and no Docker."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    (programs / "docker").chmod(0o755)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text("{}")
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/store"\n'
    )
    own = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
        "STORAGE_DRIVER": "vfs",
        "BUILDAH_ISOLATION": "chroot",
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }
    return replace(alone, environ={**alone.environ, **own})


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nARG PYTHON\nCOPY hello /hello\n")
    (folder / "hello").write_text("hello\n")
    return folder


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def registry(building: Inv, port: int) -> Iterator[str]:
    assert "answers" in building.fine("images.registry-up", "--port", str(port))
    assert "answers" in building.fine("images.registry-up", "--port", str(port))  # it is left alone
    try:
        yield f"localhost:{port}"
    finally:
        assert "is stopped" in building.fine("images.registry-down", "--purge")
        assert "No registry" in building.fine("images.registry-down")


@needs("buildah")
def test_buildah_builds_once_and_again_only_what_has_changed(building: Inv, context: Path) -> None:
    words = ("images.build", "--context", str(context), "--image", "local/hello:1")
    assert "is built" in building.fine(*words)
    assert "is unchanged" in building.fine(*words)
    assert "is built" in building("images.build", *words[1:], environ={"PYTHON": "python3.6"}).out
    (context / "hello").write_text("hello again\n")
    assert "is built" in building.fine(*words)
    assert "local/hello:1" in building.fine("images.list")


@needs("buildah")
@needs("docker-registry")
def test_an_image_that_is_pushed_is_found_where_it_would_be_pulled_from(
    building: Inv, context: Path, registry: str
) -> None:
    pushed = f"{registry}/team/local/hello:1"

    def there(image: str) -> object:
        said = building.fine("images.check", "--json", environ={"DOCKER_IMAGE": image})
        return [entry["there"] for entry in json.loads(said)["images"]]

    assert there(pushed) == [False]
    building.fine("images.build", "--context", str(context), "--image", "local/hello:1")
    said = building.fine("images.push", "--image", "local/hello:1", "--repository", f"{registry}/team/")
    assert f"{pushed} is pushed" in said
    assert there(pushed) == [True]
    assert building("images.check", "--check", environ={"DOCKER_IMAGE": pushed}).code == 0
    assert building("images.check", "--check", environ={"DOCKER_IMAGE": f"{registry}/other:1"}).code == 5


CANARY = "canary-of-the-registry-7"
# htpasswd -nbB pusher of that; docker-registry knows no other kind of hash.
_HTPASSWD = "pusher:$2y$05$l7cfifN/n09nvIwv84BPiOEnrlGkv53BnkXsR38TLe8gnnnSJhYPa\n"


@pytest.fixture
def closed_registry(tmp_path: Path, port: int) -> Iterator[str]:
    """A registry that only the user ``pusher`` gets into."""
    (tmp_path / "htpasswd").write_text(_HTPASSWD)
    told = json.loads(registries.configuration(tmp_path / "closed", port))
    told["auth"] = {"htpasswd": {"realm": "closed", "path": str(tmp_path / "htpasswd")}}
    (tmp_path / "closed.json").write_text(json.dumps(told))
    with subprocess.Popen(
        ["docker-registry", "serve", str(tmp_path / "closed.json")], stderr=subprocess.DEVNULL
    ) as process:
        try:
            eventually(lambda: _listens(port), "the registry to listen")
            yield f"localhost:{port}"
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@needs("buildah")
@needs("docker-registry")
def test_a_push_logs_in_and_its_password_is_seen_by_nobody(
    building: Inv, context: Path, closed_registry: str, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    wrapper = tmp_path / "bin" / "buildah"
    wrapper.write_text(f'#!/bin/sh\n(echo "$@"; env) >> {told}\nexec {shutil.which("buildah")} "$@"\n')
    wrapper.chmod(0o755)
    pushed = f"{closed_registry}/local/hello:1"
    building.fine("images.build", "--context", str(context), "--image", "local/hello:1")
    words = ("images.push", "--image", "local/hello:1", "--repository", f"{closed_registry}/")

    refused = building(*words)
    assert (refused.code, "authentication required" in refused.err) == (1, True), refused.err
    wrong = building(*words, environ={"DOCKER_USER": "pusher", "DOCKER_PASSWORD": f"{CANARY}!"})
    assert wrong.code == 1
    right = building(*words, environ={"DOCKER_USER": "pusher", "DOCKER_PASSWORD": CANARY})
    assert (right.code, f"{pushed} is pushed" in right.out) == (0, True), right.err

    assert "push" in told.read_text()
    login = base64.b64encode(f"pusher:{CANARY}".encode()).decode()
    kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]  # told among them
    printed = [text.encode() for text in (wrong.out, wrong.err, right.out, right.err)]
    for secret in (CANARY, login):
        assert not [seen for seen in (*kept, *printed) if secret.encode() in seen]

    def said(config: object) -> object:
        (tmp_path / "docker" / "config.json").write_text(json.dumps(config))
        printed = building.fine("images.check", "--json", environ={"DOCKER_IMAGE": pushed})
        return [entry["there"] for entry in json.loads(printed)["images"]]

    assert said({}) == [None]  # it wants a log-in
    assert said({"auths": {closed_registry: {"auth": login}}}) == [True]


def test_what_cannot_be_is_refused_in_one_sentence(building: Inv, tmp_path: Path) -> None:
    for words, said in (
        (("images.build", "dusk"), "did you mean 'dask'?"),
        (("images.build", "--engine", "dockr"), "did you mean 'docker'?"),
        (("images.build", "--engine", "buildah", "--context", str(tmp_path)), "DOCKERFILE"),
        (
            ("images.load", "dask", "--into", "knd"),
            "It is one of sandbox, kind, minikube, docker-desktop, docker",
        ),
        (("images.check", "--platform", "rsudio"), "did you mean 'rstudio'?"),
        (("images.secret", "--user", "me"), "Set DOCKER_PASSWORD"),
    ):
        assert said in building.refused(*words)


def test_the_list_as_json_holds_its_schema(building: Inv) -> None:
    told = json.loads(building.fine("images.list", "--json"))
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(told)
    described = {entry["name"]: entry["image"] for entry in told["images"]}
    assert described["postgres"] == "local/postgres:15"


@needs("buildah")
def test_settings_files_say_what_variables_say_and_variables_win(
    building: Inv, context: Path, settings_file: Path
) -> None:
    (context / "Other").write_text("FROM scratch\n")
    settings_file.write_text("images:\n  docker_image: local/said:1\n  dockerfile: Other\n")
    words = ("images.build", "--context", str(context))
    assert "local/said:1 is built." in building.fine(*words)
    assert "local/win:1 is built." in building.fine(*words, environ={"DOCKER_IMAGE": "local/win:1"})
    settings_file.write_text("images:\n  dockerfil: Other\n")
    assert "did you mean 'dockerfile'?" in building.refused(*words)
    assert "invoke.yaml:2" in building.refused(*words)
    settings_file.write_text("imags:\n  dockerfile: Other\n")
    assert "'imags' is not a platform (did you mean 'images'?)" in building(*words).err


# Images that compose files build


@pytest.fixture
def shop(tmp_path: Path, context: Path) -> Path:
    """A compose file with two services of one build, one of another, and one that is not built."""
    file = tmp_path / "compose.yaml"
    file.write_text(
        "name: buildshop\n"
        "services:\n"
        "  web: {build: {context: context, args: {PYTHON: a-token-of-somebody, TOKEN: }}, ports: ['80']}\n"
        "  worker: {build: {context: context, args: {PYTHON: a-token-of-somebody, TOKEN: }}}\n"
        "  inline: {build: {context: context, dockerfile_inline: 'FROM scratch'}, image: 'team/inline:3'}\n"
        "  cache: {image: redis:7}\n"
    )
    return file


def images_in(folder: Path) -> dict[str, str]:
    """The defaults of the settings for images."""
    found = re.findall(r'(\w+)_image: str = setting\(\s*"([^"]*)"', (folder / "platform.py").read_text())
    return dict(found)


@needs("buildah")
@needs("docker-registry")
def test_what_a_compose_file_builds_is_built_and_pushed_once_and_named_by_its_content(
    building: Inv, shop: Path, context: Path, registry: str, tmp_path: Path
) -> None:
    out, pushed = tmp_path / "buildshop", f"{registry}/team"
    words = ("compose.convert", str(shop), "--out", str(out), "--build", "--repository", pushed)
    ended = building(*words, "--json")
    assert ended.code == 0, ended.err
    assert [f["key"] for f in json.loads(ended.out)["findings"] if f["grade"] == "to do"] == []
    assert "a-token-of-somebody" not in "".join(file.read_text() for file in out.iterdir())
    first = images_in(out)
    assert sorted(first) == ["inline", "web", "worker"]
    assert first["web"].partition(":content-")[0] == f"{pushed}/buildshop-web"
    assert first["inline"].startswith(f"{pushed}/team/inline:content-")
    for image in first.values():
        assert building("images.check", "--check", environ={"DOCKER_IMAGE": image}).code == 0
    again = building(*words)
    assert again.err.count("is unchanged.") == 3
    assert images_in(out) == first
    (context / "hello").write_text("hello again\n")
    assert building(*words, "--overwrite").code == 0
    assert all(images_in(out)[name] != first[name] for name in ("web", "worker", "inline"))


def test_docker_is_told_the_same_and_no_value_or_password_as_an_argument(
    building: Inv, shop: Path, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "bin" / "docker").write_text(
        f'#!/bin/sh\necho "$@" >>{calls}\nenv >>{tmp_path}/environments\n'
        'case "$1 $2" in "image inspect") exit 1;; esac\n'
    )
    secret = {"DOCKER_USER": "ada", "DOCKER_PASSWORD": "open-sesame-7", "TOKEN": "token-of-ada"}
    repository = ("--repository", "registry.example.org/team")
    words = ("compose.convert", str(shop), "--out", str(tmp_path / "shop"), "--build", *repository)
    ended = building(*words, environ=secret)
    assert ended.code == 0, ended.err
    told = calls.read_text()
    assert "build -t shop-web -f" in told
    assert "--build-arg PYTHON --build-arg TOKEN" in told
    assert re.search(r"--config \S+ push registry\.example\.org/team/shop-web:content-[0-9a-f]{16}\n", told)
    environments = (tmp_path / "environments").read_text()
    assert "PYTHON=a-token-of-somebody\n" in environments
    assert "TOKEN=token-of-ada\n" in environments
    for value in ("a-token-of-somebody", "token-of-ada"):
        assert value not in told + ended.out + ended.err
    assert "open-sesame-7" not in told + environments + ended.out + ended.err


def test_where_nothing_can_build_one_sentence_says_so(building: Inv, shop: Path, tmp_path: Path) -> None:
    without = {"PATH": str(Path(sys.executable).parent)}
    words = ("compose.convert", str(shop), "--out", str(tmp_path / "out"), "--build", "--into", "docker")
    ended = building(*words, environ=without)
    assert ended.code == 1
    assert "no engine for images: docker: is not installed; buildah: is not installed" in ended.paragraph
    assert not (tmp_path / "out").exists()
    for more, said in (
        (("--into", "knd"), "It is one of sandbox, kind, minikube, docker"),
        (("--into", "docker", "--repository", "localhost:5000"), "Give one of them"),
        (("--context", "far"), "far"),
    ):
        given = ("compose.up" if "--context" in more else "compose.convert", str(shop), *more)
        paragraph = building(*given, *(() if "--context" in more else ("--build",))).paragraph
        assert said in paragraph


@pytest.mark.cluster
def test_simulated_nodes_get_no_images_and_the_rest_comes_up(beside: Inv, shop: Path) -> None:
    up = beside("compose.up", str(shop), "--timeout", "60", environ={"PATH": os.environ["PATH"]})
    assert up.code == 0, up.err
    assert "simulates its nodes, so no image is built" in up.err
    assert beside("compose.down", "--project", "buildshop", "--purge", "--yes").code == 0


# ARL's tasks on this machine


FAKE = """#!/bin/sh
echo "$@" >> {folder}/calls
case "$1 $2" in
  "container inspect") cat {folder}/container 2>/dev/null || {{ echo "No such container: $3" >&2; exit 1; }};;
  "run -d")
    for word; do case $word in
      allup.data-server=*) label=${{word#*=}};;
    esac; done
    printf '[{{"Config": {{"Labels": {{"allup.data-server": "%s"}}}}, ' "$label" > {folder}/container
    echo '"State": {{"Status": "running"}}}}]' >> {folder}/container;;
  "rm --force") rm {folder}/container;;
esac
"""


@pytest.fixture
def docker(alone: Inv, tmp_path: Path) -> Inv:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(FAKE.format(folder=tmp_path))
    (programs / "docker").chmod(0o755)
    (tmp_path / "arl" / "data").mkdir(parents=True)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "CURRENT_DIR": str(tmp_path / "arl")}
    return replace(alone, environ={**alone.environ, **own})


def test_the_data_server_is_started_once_looked_at_and_removed(docker: Inv, tmp_path: Path) -> None:
    assert "read-only" in docker.fine("arl.data-server-up", "--nfs-listen", "127.0.0.1")
    assert "runs and exports" in docker.fine("arl.docker-nfs-arl-data")
    assert (tmp_path / "calls").read_text().count("run -d") == 1
    status = json.loads(docker.fine("arl.data-server-status", "--json"))
    assert (status["facts"]["container"], status["good"]) == ("running", False)  # nothing listens there
    assert docker("arl.data-server-status", "--check").code == 5
    assert "is gone" in docker.fine("arl.data-server-down")
    assert "is not there" in docker.fine("arl.data-server-down")


def test_the_data_server_leaves_what_is_somebody_elses_alone(docker: Inv, tmp_path: Path) -> None:
    foreign = json.dumps([{"Config": {"Labels": {}, "Image": "theirs:1"}, "State": {"Status": "running"}}])
    (tmp_path / "container").write_text(foreign)
    for task in ("arl.data-server-up", "arl.data-server-down"):
        assert "is not ours (image theirs:1)" in docker.refused(task, code=1)
    assert (tmp_path / "container").read_text() == foreign


def test_the_data_server_refuses_pointers_and_another_machines_docker(docker: Inv, tmp_path: Path) -> None:
    far = {"DOCKER_HOST": "tcp://192.168.39.37:2376"}
    assert "DOCKER_HOST" in docker.refused("arl.data-server-up", environ=far)
    (tmp_path / "arl/data/a.fits").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "git lfs pull" in docker.refused("arl.data-server-up")
    assert docker("arl.data-server-up", "--anyway", environ=far).code == 0


def test_arls_image_is_run_as_the_old_targets_ran_it(docker: Inv, tmp_path: Path) -> None:
    docker.fine("arl.docker-pytest", environ={"DOCKER_IMAGE": "arl_img:7"})
    docker.fine("arl.docker-test-data")
    docker.fine("arl.docker-notebook")
    data = tmp_path / "arl" / "data"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"run --rm -v {data}:/arl/data arl_img:7 pytest -x /arl/tests",
        f"run --rm -v arl-volume:/arl/data -v {data}:/from:ro arl_img:latest sh -c cp -a /from/. /arl/data/",
        f"run --rm --name arl_notebook --network host -v {data}:/arl/data arl_img:latest",
    ]


def test_a_push_without_a_place_is_refused_before_it_is_begun(docker: Inv, tmp_path: Path) -> None:
    (tmp_path / "arl" / "Dockerfile").write_text("FROM scratch\n")
    assert "DOCKER_REPO is empty" in docker.refused("arl.docker-push")
