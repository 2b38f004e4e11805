"""What a real node is made of, without one."""

from __future__ import annotations

import io
import json
import tarfile
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from pathlib import Path
from uuid import uuid4

import pytest

from allup.errors import ClusterError, InputError
from allup.sandbox.clock import SystemClock
from allup.sandbox.node import configs, imagetar, requirements
from allup.sandbox.node.addresses import PLACES, Addresses, free_place
from allup.sandbox.node.cgroups import Cgroups
from allup.sandbox.node.claiming import claimed
from allup.sandbox.node.clearing import MOST_WORKERS
from allup.sandbox.status import Record


def test_every_place_has_addresses_of_its_own() -> None:
    routes = [route for place in PLACES for route in Addresses(place).ranges]
    for place in PLACES:
        others = [r for r in routes if r not in Addresses(place).ranges]
        assert Addresses(place).are_free(others)
        assert not Addresses(place).are_free([Addresses(place).pods])


def test_a_place_that_a_route_leads_into_or_a_stopped_sandbox_has_is_left_out() -> None:
    assert free_place(["0.0.0.0/0", "192.168.1.0/24"], []).place == 0
    assert free_place(["10.224.0.2", "fe80::/64"], [1]).place == 2


def test_each_node_of_a_sandbox_has_addresses_of_its_own_within_the_sandbox_s() -> None:
    for place in PLACES:
        nodes = [Addresses(place, MOST_WORKERS).of(number) for number in range(1, MOST_WORKERS + 1)]
        own = [IPv4Network(text) for node in nodes for text in (node.pods, node.link)]
        assert not any(one.overlaps(other) for one, other in combinations(own, 2))
        assert all(range_.subnet_of(IPv4Network(Addresses(place).ranges[1])) for range_ in own)
        for node in nodes:
            assert {IPv4Address(node.gateway), IPv4Address(node.node)} == set(IPv4Network(node.link).hosts())
            assert IPv4Network(node.pods).subnet_of(IPv4Network(node.all_pods))
            assert (node.host, node.dns) == (nodes[0].gateway, nodes[0].dns)


def test_a_single_node_has_the_addresses_it_always_had() -> None:
    alone = Addresses(0)
    assert (alone.host, alone.gateway, alone.node) == ("10.224.255.1", "10.224.255.1", "10.224.255.2")
    assert (alone.pods, alone.all_pods) == ("10.224.0.0/24", "10.224.0.0/24")


def test_two_sandboxes_that_choose_at_the_same_moment_get_different_addresses() -> None:
    name = f"allup-test-{uuid4()}"
    with claimed(list, list, name) as first:
        with claimed(list, list, name) as second:
            assert (first.place, second.place) == (0, 1)
        with claimed(list, list, name) as third:
            assert third.place == 1
    with claimed(list, list, name) as again:
        assert again.place == 0


def test_a_place_taken_between_the_look_and_the_claim_is_left_alone() -> None:
    answers = iter([[], [0], [0], [0]])
    with claimed(list, lambda: next(answers), f"allup-test-{uuid4()}") as ours:
        assert ours.place == 1


def test_a_machine_whose_routes_take_everything_is_told_so() -> None:
    with pytest.raises(ClusterError, match="a route into every range"):
        free_place(["10.0.0.0/8"], [])


def test_a_record_keeps_its_place_and_an_old_one_means_simulated_nodes(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.json"
    file.write_text(Record("now", 1, "tools", {"kube-apiserver": 1}, place=3).written())
    again = Record.read(file)
    assert again is not None
    assert (again.real, again.place, again.address) == (True, 3, "10.227.255.1")
    old = json.loads(file.read_text())
    del old["place"]
    file.write_text(json.dumps(old))
    simulated = Record.read(file)
    assert simulated is not None
    assert (simulated.real, simulated.address) == (False, "127.0.0.1")


def test_an_image_is_one_program_and_the_same_bytes_every_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    made = imagetar.pack_program("docker.io/local/it:1", program, "it", ["also"])
    assert made == imagetar.pack_program("docker.io/local/it:1", program, "it", ["also"])
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        index = json.load(tar.extractfile("index.json") or io.BytesIO())
        [described] = index["manifests"]
        assert described["annotations"]["io.containerd.image.name"] == "docker.io/local/it:1"
        manifest = json.load(tar.extractfile(f"blobs/sha256/{described['digest'][7:]}") or io.BytesIO())
        layer = tar.extractfile(f"blobs/sha256/{manifest['layers'][0]['digest'][7:]}")
        assert layer is not None
        with tarfile.open(fileobj=io.BytesIO(layer.read()), mode="r:gz") as files:
            assert {entry.name: entry.issym() for entry in files} == {"it": False, "also": True}


@pytest.mark.parametrize(
    ("platform", "user", "why"),
    [("darwin", 0, "needs Linux"), ("linux", 1000, "needs root"), ("linux", 0, "")],
)
def test_a_machine_that_cannot_have_one_is_told_why_and_where_to_go(
    platform: str, user: int, why: str
) -> None:
    assert why in requirements.possible(platform, user)
    if why:
        with pytest.raises(InputError) as refused:
            requirements.check({}, platform=platform, user=user)
        assert refused.value.exit_code == 2
        for place in ("kind", "minikube", "Docker Desktop"):
            assert place in str(refused.value)


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "search_path", lambda environ: str(tmp_path))
    monkeypatch.setattr(requirements, "CNI_FOLDERS", (str(tmp_path),))
    lacking = requirements.missing({})
    assert {"runc", "iptables", "CNI plugins"} <= set(lacking.names)
    assert "containernetworking-plugins" in lacking.command
    for name in {*requirements.PROGRAMS, *configs.PLUGINS}:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    assert not requirements.missing({})


def _hierarchy(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("")
    return folder


def test_cgroups_are_made_in_every_hierarchy_and_only_ours_are_removed(tmp_path: Path) -> None:
    for name in ("memory", "pids", "cpuset"):
        _hierarchy(tmp_path / name / "somebody").parent.joinpath("cgroup.procs").write_text("1\n")
    ours = Cgroups("allup-1", tmp_path)
    assert not ours.exist()
    assert ours.make() == [tmp_path / "memory/allup-1/node", tmp_path / "pids/allup-1/node"]
    assert (tmp_path / "cpuset/allup-1").is_dir()
    assert ours.exist()
    pod = _hierarchy(tmp_path / "memory/allup-1/kubepods/pod1")
    (pod / "cgroup.procs").write_text("4194305\n0\n")
    assert ours.members(below="kubepods") == {4194305}
    (pod / "cgroup.procs").unlink()  # in a real hierarchy the folder's files go with it
    ours.remove(SystemClock())
    assert not ours.exist()
    assert (tmp_path / "memory/somebody").is_dir()


def test_a_unified_hierarchy_has_one_folder(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (tmp_path / "cgroup.procs").write_text("")
    assert Cgroups("allup-1", tmp_path).make() == [tmp_path / "allup-1" / "node"]
