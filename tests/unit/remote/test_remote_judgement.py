"""Mount tables, ports, tokens, files: what is judged without a host."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from allup.commands import Command
from allup.errors import ClusterError, InputError
from allup.remote import account, bringing_up, configs, mounttable, ports, record, sshfs, tokens
from allup.remote.bringing_up import Asked
from allup.remote.far_minikube import Node
from allup.remote.mounttable import Mounted
from allup.remote.naming import Address
from allup.remote.openssh import LONGEST_CONTROL_PATH, Way
from allup.remote.over_ssh import shell_line
from allup.remote.ports import PortWish
from allup.remote.record import Folder, Forward, Mount, Remote
from allup.remote.sshfs import Wish

DATA = Path(__file__).parents[2] / "data" / "remote"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
API = Forward("api", "127.0.0.1:40001", "192.168.39.2:8443")


# Mounts


def test_mounts_are_read_from_mountinfo_with_blanks_and_layers() -> None:
    found = mounttable.from_mountinfo((DATA / "mountinfo.txt").read_text())
    ours = [one for one in found if one.sshfs]
    assert Mounted("ada@big.example.org:/home/ada/sources", "/home/ada/reana", "fuse.sshfs") in ours
    assert Mounted("ada@[fe80::1]:/src two", "/home/ada/two words\\x", "fuse.sshfs") in ours
    assert [one.source for one in mounttable.at(found, "/home/ada/twice")] == ["big:/one", "big:/two"]
    assert not any(one.sshfs for one in mounttable.at(found, "/mnt/music"))
    assert len(ours) == 4


def test_mounts_are_read_from_what_macos_prints() -> None:
    found = mounttable.from_mount((DATA / "mount-macos.txt").read_text())
    assert {one.target for one in found if one.sshfs} == {
        "/Users/ada/mnt",
        "/Users/ada/old mac",
        "/Users/ada/fuset",
    }
    assert mounttable.at(found, "/Volumes/share")[0].type == "smbfs"


def test_lines_that_are_none_are_skipped() -> None:
    assert mounttable.from_mountinfo("\nnonsense\n1 2 3 - x\n") == []
    assert mounttable.from_mount("nonsense\n") == []


def test_sshfs_gets_options_that_it_takes_and_never_hangs_or_asks() -> None:
    way = Way(Address("big", "ada", 2222), "/c", "/k")
    command = sshfs.mount_command(way, ["/a,b"], Wish("/src", "/mnt", read_only=True), mac=False)
    assert command.argv[:3] == ("sshfs", "ada@big:/src", "/mnt")
    options = {command.argv[at + 1] for at, word in enumerate(command.argv) if word == "-o"}
    assert {
        "reconnect",
        "ServerAliveInterval=1",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ro",
    } <= options
    assert "UserKnownHostsFile=/k /a\\,b" in options
    gone = ("no_remote_lock", "max_readahead", "nonempty", "cache_timeout", "Ciphers", "allow_other")
    assert not any(option.startswith(gone) for option in options)
    mac = sshfs.mount_command(way, [], Wish("/src", "/Users/ada/mnt"), mac=True).argv
    assert "volname=mnt" in mac


def test_only_a_dead_mount_is_detached_by_force() -> None:
    linux = [command.argv for command in sshfs.unmount_commands("/m", mac=False, dead=False)]
    assert linux == [("fusermount3", "-u", "/m"), ("fusermount", "-u", "/m")]
    assert ("fusermount3", "-uz", "/m") in [
        c.argv for c in sshfs.unmount_commands("/m", mac=False, dead=True)
    ]
    mac = [command.argv for command in sshfs.unmount_commands("/m", mac=True, dead=True)]
    assert mac == [("umount", "/m"), ("diskutil", "unmount", "force", "/m")]


# Ports


def test_a_tunnel_keeps_its_port_when_it_is_opened_again() -> None:
    wish = PortWish("api", API.target)
    assert ports.settle([wish], [API], lambda port: False, lambda port: "") == (API,)


def test_a_wanted_port_that_is_taken_is_named_with_who_has_it() -> None:
    wish = PortWish("api", API.target, 8443, "--api-port")
    with pytest.raises(InputError) as raised:
        ports.settle([wish], [], lambda port: False, lambda port: "process 7 (nginx)")
    assert str(raised.value) == (
        "local port 8443: is taken by process 7 (nginx). End it, or choose another port with --api-port."
    )


def test_one_port_cannot_be_wanted_twice() -> None:
    wishes = [PortWish("nodeport", f"10.0.0.2:{port}", 30080, "--node-port") for port in (30080, 30081)]
    with pytest.raises(InputError, match="is wanted twice"):
        ports.settle(wishes, [], lambda port: True, lambda port: "")


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "1:2:3", ":80", "80:"])
def test_node_ports_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        ports.node_port(text)


def test_node_ports_are_read_as_docker_writes_them() -> None:
    assert ports.node_port("32767") == (32767, 32767)
    assert ports.node_port("8080:32767") == (8080, 32767)


# Tokens


def token(made: datetime, ends: datetime) -> str:
    claims = json.dumps({"iat": int(made.timestamp()), "exp": int(ends.timestamp())}).encode()
    return "e30." + base64.urlsafe_b64encode(claims).decode().rstrip("=") + ".sig"


def test_a_token_is_renewed_before_it_ends_and_not_at_once() -> None:
    hour = token(NOW, NOW + timedelta(hours=1))
    assert not tokens.due(hour, NOW + timedelta(minutes=40), 0.0)
    assert tokens.due(hour, NOW + timedelta(minutes=48), 0.0)
    assert tokens.due(hour, NOW + timedelta(minutes=43), 1.0)
    assert tokens.due(hour, NOW + timedelta(hours=9), 0.0)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "e30.e30.x"])
def test_what_is_no_token_is_due(text: str) -> None:
    assert tokens.times_of(text) is None
    assert tokens.due(text, NOW, 0.0)


def test_the_account_may_ask_for_its_own_tokens_alone() -> None:
    role = next(body for body in account.objects_of("allup-remote-x", "view") if body["kind"] == "Role")
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["serviceaccounts/token"],
            "resourceNames": ["allup-remote-x"],
            "verbs": ["create"],
        }
    ]


def test_checkouts_and_machines_have_accounts_of_their_own() -> None:
    names = {account.account_name(machine, folder) for machine in "ab" for folder in ("/x", "/y")}
    assert len(names) == 4


# Files


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "far", {})
    folder.root.mkdir()
    remote = Remote(
        "far",
        "ada@big:2222",
        "minikube",
        forwards=(API,),
        held=(("a", "b"),),
        mounts=(Mount("/s", "/t", 7, "x"),),
    )
    folder.write(remote)
    assert folder.read() == remote
    folder.record.write_text("{")
    assert folder.read() is None


def test_a_socket_path_is_never_longer_than_the_kernel_takes(tmp_path: Path) -> None:
    for root in (tmp_path / ("x" * 100), Path("/s")):
        folder = Folder(root, {})
        assert len(folder.control) <= LONGEST_CONTROL_PATH
        assert len(folder.docker_socket) <= LONGEST_CONTROL_PATH


def test_somebody_elses_folder_is_never_used_for_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")
    folder = Folder(tmp_path / ("x" * 100), {})
    open_to_all = tmp_path / "allup-0"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    monkeypatch.setattr(record, "_sockets", lambda root: open_to_all / "key")
    with pytest.raises(ClusterError, match="somebody else's, or others may look into it"):
        folder.make()


def test_a_remote_is_found_by_name_or_host_and_a_wrong_one_gets_a_hint(tmp_path: Path) -> None:
    for name, host in (
        ("big", "ada@big.example.org"),
        ("big-reana", "ada@big.example.org"),
        ("small", "small"),
    ):
        folder = Folder(tmp_path / name, {})
        folder.root.mkdir()
        folder.write(Remote(name, host, "minikube"))
    assert record.find(tmp_path, {}, "big")[1].name == "big"
    assert record.find(tmp_path, {}, "small")[1].name == "small"
    for word, told in (
        ("", "several are meant"),
        ("big.example.org", "several are meant: big, big-reana"),
        ("smal", "did you mean 'small'"),
    ):
        with pytest.raises(InputError, match=told):
            record.find(tmp_path, {}, word)
    with pytest.raises(InputError, match="there is none"):
        record.find(tmp_path / "nothing", {}, "")


def test_docker_is_led_to_the_daemon_by_what_fits_its_way(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {})
    docker = Forward("docker", "127.0.0.1:40002", "192.168.39.2:2376")
    tls = Remote("far", "big", "minikube", docker="tls", forwards=(API, docker))
    assert configs.docker_environment(tls, folder) == {
        "DOCKER_HOST": "tcp://127.0.0.1:40002",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(folder.docker),
    }
    sock = Forward("docker", "/run/d", "/var/run/docker.sock")
    over_socket = configs.docker_environment(
        Remote("far", "big", "m", docker="socket", forwards=(sock,)), folder
    )
    assert over_socket["DOCKER_HOST"] == "unix:///run/d"
    assert over_socket["DOCKER_TLS_VERIFY"] is None
    lines = configs.shell_lines(over_socket)
    assert "unset DOCKER_TLS_VERIFY" in lines
    assert "DOCKER_API_VERSION" not in lines
    assert configs.docker_environment(Remote("far", "big", "m"), folder) == {}


@pytest.mark.parametrize(
    ("driver", "runtime", "way"),
    [
        ("kvm2", "docker", "tls"),
        ("docker", "docker", "tls"),
        ("none", "docker", "socket"),
        ("kvm2", "containerd", ""),
        ("none", "crio", ""),
    ],
)
def test_an_open_docker_port_is_never_used_unless_it_is_asked_for(
    driver: str, runtime: str, way: str
) -> None:
    node = Node("192.168.39.2", 8443, driver, runtime, "v1.35.1")
    assert bringing_up.docker_way("auto", node) == way
    assert bringing_up.docker_way("open", node) == "open"
    assert bringing_up.docker_way("none", node) == ""


def test_an_up_without_flags_is_what_the_last_one_was_asked_for() -> None:
    fresh = bringing_up.completed(Asked(Address("big")), None)
    assert (fresh.docker, fresh.role, fresh.life, fresh.minikube) == (
        "auto",
        "cluster-admin",
        3600,
        "minikube",
    )
    before = Remote(
        "big",
        "big",
        "minikube",
        ssh_config="/c",
        role="view",
        life=7200,
        mount="/a:/b",
        forwards=(API, Forward("nodeport", "127.0.0.1:8080", "192.168.39.2:32767")),
    )
    again = bringing_up.completed(Asked(Address("big")), before)
    assert again.node_ports == ((8080, 32767),)
    assert (again.docker, again.role, again.life) == ("none", "view", 7200)
    assert (again.mount, again.ssh_config) == ("/a:/b", "/c")
    other = bringing_up.completed(Asked(Address("big"), role="edit", node_ports=((1, 2),)), before)
    assert (other.role, other.node_ports) == ("edit", ((1, 2),))


def test_the_kubeconfig_verifies_and_holds_no_secret(tmp_path: Path) -> None:
    folder = Folder(tmp_path, {})
    remote = Remote("far", "big", "minikube", forwards=(API,))
    config = yaml.safe_load(configs.kubeconfig(remote, folder, API))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:40001",
        "certificate-authority": str(folder.authority),
        "tls-server-name": "kubernetes",
    }
    assert config["users"][0]["user"] == {"tokenFile": str(folder.token)}


def test_words_and_variables_reach_the_far_shell_as_they_are() -> None:
    command = Command(("minikube", "-p", "a b", "$(id)"), environ={"KUBECONFIG": "/x y", "DOCKER_HOST": None})
    assert shell_line(command) == "env -u DOCKER_HOST 'KUBECONFIG=/x y' minikube -p 'a b' '$(id)'"
