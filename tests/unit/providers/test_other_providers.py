"""Docker Desktop, found and judged by what docker answers; which provider is meant by a word or a context."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from allup.commands import Ended
from allup.errors import AllupError, ClusterError, InputError
from allup.providers import records
from allup.providers.choosing import KINDS, Providers
from allup.providers.desktop import Desktop
from allup.providers.interface import CannotDo, Lacking, Wanted
from tests.unit.providers.recorded_tools import Answers

DESKTOP = Ended(0, "Docker Desktop 4.51.0 (210443)\n", "")
LINUX = Ended(0, "Docker Engine - Community\n", "")
HERE = Ended(0, "unix:///home/ada/.docker/desktop/docker.sock\n", "")


def test_docker_desktop_is_told_from_another_engine(tmp_path: Path) -> None:
    other = Desktop(Answers({"docker version": LINUX}), str(tmp_path / "config"), "darwin")
    with pytest.raises(AllupError, match="its engine is Docker Engine - Community, not Docker Desktop's"):
        other.status()
    off = Desktop(Answers({"docker version": DESKTOP}), str(tmp_path / "config"), "darwin")
    with pytest.raises(AllupError, match="Switch Kubernetes on in Docker Desktop"):
        off.up(Wanted(), lambda step: None)
    with pytest.raises(AllupError, match="set in Docker Desktop's own settings"):
        off.up(Wanted(cpus="4"), lambda step: None)


def test_docker_desktop_owns_the_cluster_of_its_own_authority_only(tmp_path: Path) -> None:
    pki = tmp_path / "Library" / "Group Containers" / "group.com.docker" / "pki"
    pki.mkdir(parents=True)
    (pki / "ca.crt").write_bytes(b"its own")
    environ = {"HOME": str(tmp_path)}
    found = Desktop(Answers({"docker version": DESKTOP, "docker context": HERE}), "", "darwin")
    assert found.owns(b"its own", environ)
    assert not found.owns(b"another", environ)
    assert not found.owns(b"", environ)
    assert not found.owns(b"its own", {**environ, "DOCKER_HOST": "ssh://ada@far"})
    assert not Desktop(Answers({"docker version": LINUX, "docker context": HERE}), "", "darwin").owns(
        b"its own", environ
    )


def providers(tmp_path: Path, answers: dict[str, Ended]) -> Providers:
    """Where both programs are on PATH."""
    for program in ("kind", "minikube"):
        (tmp_path / program).touch(mode=0o755)
    environ = {"HOME": str(tmp_path), "PATH": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    return Providers(tmp_path, Answers(answers), environ, "linux", str(tmp_path / "config"))


def kubeconfig(file: Path, context: str, server: str, authority: bytes = b"ca") -> Path:
    """A kubeconfig as kind writes it."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()}
    content = {
        "clusters": [{"name": context, "cluster": cluster}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }
    file.write_text(json.dumps(content))
    return file


def test_kind_owns_a_context_only_with_its_server_and_authority(tmp_path: Path) -> None:
    own = kubeconfig(tmp_path / "own", "kind-try", "https://127.0.0.1:40001")
    tunnel = kubeconfig(tmp_path / "tunnel", "kind-try", "https://127.0.0.1:40001", b"another")
    answers = {"kind get kubeconfig": Ended(0, own.read_text(), ""), "docker context": HERE}
    here = providers(tmp_path, answers)
    assert here.owner(str(own), "kind-try") == "kind"
    assert here.owner(str(tunnel), "kind-try") == ""
    assert here.owner(str(own), "nobody") == ""
    gone = {"kind get kubeconfig": Ended(1, "", "ERROR: could not locate any"), "docker context": HERE}
    assert providers(tmp_path, gone).owner(str(own), "kind-try") == ""


def test_each_word_means_a_provider_and_others_are_refused(tmp_path: Path) -> None:
    here = providers(tmp_path, {})
    names = {"existing": "there"}
    assert [here.named(kind, names.get(kind)).kind for kind in KINDS] == list(KINDS)
    assert [here.named(k, names.get(k)).context for k in KINDS] == [
        *("allup-sandbox", "kind-kind", "minikube", "docker-desktop", "there"),
    ]
    with pytest.raises(ClusterError, match="Work inside WSL2"):
        replace(here, platform="win32").named("minikube", None)
    with pytest.raises(InputError, match="did you mean 'minikube'"):
        here.named("minikub", None)
    with pytest.raises(InputError, match="which one"):
        here.named("existing", None)
    with pytest.raises(InputError, match="one cluster, without a name"):
        here.named("docker-desktop", "other")


def test_whatever_a_provider_lacks_has_a_sentence_and_a_way_out(tmp_path: Path) -> None:
    here = providers(tmp_path, {})
    for kind in KINDS:
        provider = here.named(kind, "there" if kind == "existing" else None)
        for what in provider.lacks if isinstance(provider, Lacking) else ():
            refusal = provider.cannot(what) if isinstance(provider, Lacking) else None
            assert isinstance(refusal, CannotDo)
            assert refusal.next_step


def test_a_kubeconfig_of_ours_is_private_found_again_and_forgotten(tmp_path: Path) -> None:
    root = tmp_path / "checkout" / "_providers"
    file = records.kubeconfig(root, "kind", "try")
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(records.kept(root)) == []
    file.write_text("{}")
    records.mark(root, "kind", "try", local=True)
    (kept,) = records.kept(root)
    assert (kept.context, kept.local) == ("kind-try", True)
    records.mark(root, "kind", "try", local=False)
    assert [kept.local for kept in records.kept(root)] == [False]
    records.forget(root, "kind", "try")
    assert list(records.kept(root)) == []
    records.forget(root, "kind", "try")
