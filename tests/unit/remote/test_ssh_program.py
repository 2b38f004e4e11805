"""The command lines of ssh, what it answers, and what its complaints mean."""

from __future__ import annotations

import pytest

from allup.errors import ClusterError
from allup.remote import hostkeys, openssh
from allup.remote.hostkeys import HostKey
from allup.remote.naming import Address
from allup.remote.openssh import Way, explain, read_configuration

WAY = Way(Address("big", "ada", 2222), accepted_keys="/state/known hosts")

# OpenSSH 9.2p1, Debian 12; names changed, all but the lines that are read left out.
CONFIGURATION = """\
host big
user ada
hostname big.example.org
port 2222
identitiesonly yes
identityfile ~/.ssh/id_ed25519
identityfile ~/.ssh/other
globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
userknownhostsfile /home/ada/.ssh/known_hosts /home/ada/.ssh/known_hosts2
proxyjump none
"""
CHANGED = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
The fingerprint for the ED25519 key sent by the remote host is
SHA256:JhFrO/SNrwitrJyuiIBZL7Zc0cQuhRnV2Df4WeulnIk.
Please contact your system administrator.
Offending ED25519 key in /home/ada/.ssh/known_hosts:1
Host key for [big]:2222 has changed and you have requested strict checking.
Host key verification failed.
"""


def test_no_connection_asks_anything_or_takes_an_unknown_key() -> None:
    for argv in (
        WAY.try_login(["/k"]).argv,
        WAY.master("/s", ["127.0.0.1:1:2:3"], ["/k"]),
    ):
        assert "BatchMode=yes" in argv
        assert "StrictHostKeyChecking=yes" in argv
        assert 'UserKnownHostsFile="/state/known hosts" /k' in argv


def test_tunnels_that_cannot_be_opened_end_the_connection_and_a_dead_link_does_too() -> None:
    argv = WAY.master("/s", ["127.0.0.1:8443:10.0.0.2:8443", "/sock:/var/run/docker.sock"], [])
    assert "ExitOnForwardFailure=yes" in argv
    assert openssh.ALIVE_INTERVAL * (openssh.ALIVE_COUNT + 1) <= 5
    forwards = [argv[at + 1] for at, word in enumerate(argv) if word == "-L"]
    assert forwards == ["127.0.0.1:8443:10.0.0.2:8443", "/sock:/var/run/docker.sock"]
    assert argv[-1] == "big"


def test_an_order_to_a_socket_can_never_become_a_connection() -> None:
    assert "ProxyCommand=false" in openssh.over("/s", "true", patience=3).argv
    assert openssh.over("/s", "true", patience=3).argv[1:3] == ("-F", "none")


def test_words_of_a_held_command_reach_the_shell_there_quoted() -> None:
    assert openssh.held("/s", ["minikube", "mount", "/a b:/code"])[-1] == "minikube mount '/a b:/code'"


def test_the_configuration_is_what_ssh_says_it_is() -> None:
    found = read_configuration(CONFIGURATION)
    assert (found.hostname, found.user, found.port) == ("big.example.org", "ada", 2222)
    assert found.identity_files == ("~/.ssh/id_ed25519", "~/.ssh/other")
    assert found.known_hosts[0] == "/home/ada/.ssh/known_hosts"
    assert found.known_hosts[-1] == "/etc/ssh/ssh_known_hosts2"
    assert found.proxy_jump == ""
    assert found.identities_only
    assert found.key_names == ("[big.example.org]:2222", "big.example.org")
    with pytest.raises(ValueError, match="no answer"):
        read_configuration("Bad configuration option: x\n")


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        (CHANGED, "shows another host key"),
        (
            "No ED25519 host key is known for [big]:2222.\nHost key verification failed.",
            "host key is not known",
        ),
        ("ada@big: Permission denied (publickey).", "does not accept our key"),
        ("ssh: connect to host big port 22: Connection refused", "nothing listens there"),
        ("ssh: connect to host big port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host big port 22: No route to host", "does not answer"),
        ("Timeout, server big not responding.", "does not answer"),
        ("ssh: Could not resolve hostname big: Name or service not known", "no such host"),
        ("Connection to big closed by remote host.", "closed the connection"),
        ("something new", "could not log in"),
        ("", "could not log in"),
    ],
)
def test_each_complaint_of_ssh_is_one_sentence_of_ours(said: str, fact: str) -> None:
    error = explain(said, "big")
    assert isinstance(error, ClusterError)
    assert fact in str(error)
    assert "\n" not in str(error)


def test_a_changed_key_is_told_with_what_is_shown_and_where_the_old_one_stands() -> None:
    said = str(explain(CHANGED, "big"))
    assert "SHA256:JhFrO/SNrwitrJyuiIBZL7Zc0cQuhRnV2Df4WeulnIk" in said
    assert "/home/ada/.ssh/known_hosts:1" in said
    assert "@@@" not in said


def test_known_keys_are_read_from_what_ssh_keygen_finds() -> None:
    printed = (
        "# Host [big]:2222 found: line 1 \n"
        "[big]:2222,10.0.0.1 ssh-ed25519 AAAAC3Nz comment\n"
        "# Host big found: line 2 REVOKED\n"
        "@revoked big ssh-rsa AAAAB3Nz\n"
    )
    assert hostkeys.found_in(printed) == [
        HostKey("ssh-ed25519", "AAAAC3Nz"),
        HostKey("ssh-rsa", "AAAAB3Nz", "@revoked"),
    ]
