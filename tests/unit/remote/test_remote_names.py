"""How hosts, profiles and remotes may be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.errors import InputError
from allup.remote import naming
from allup.remote.naming import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("big", Address("big")),
        ("ada@big.example.org:2222", Address("big.example.org", "ada", 2222)),
        ("10.0.0.7", Address("10.0.0.7")),
        ("[fe80::1]:22", Address("fe80::1", "", 22)),
        ("ada@fe80::1", Address("fe80::1", "ada")),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "-oProxyCommand=id", "ada@-x", "a b", "big;id", "$(id)", "@big", "-l@big", "big:0", "big:x", "big:"],
)
def test_what_a_program_would_take_for_a_flag_or_a_shell_for_more_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Address.parse(text)


@pytest.mark.parametrize("name", ["minikube", "reana-0.1.0", "a1", "x.y.z"])
def test_profiles_that_can_name_a_node_are_taken(name: str) -> None:
    assert naming.valid_profile(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("reana_0.1.0", "reana-0.1.0"),
        ("Reana", "reana"),
        ("a", ""),
        ("start", ""),
        ("x..y", "x.y"),
        ("a" * 64, ""),
    ],
)
def test_profiles_that_would_leave_pods_pending_are_refused_with_a_better_one(name: str, hint: str) -> None:
    with pytest.raises(InputError) as raised:
        naming.valid_profile(name)
    assert hint in str(raised.value)


@given(st.text(min_size=1, max_size=80), st.sampled_from(["minikube", "reana-0.1.0", "x" * 63]))
def test_a_remote_always_gets_a_name_that_is_allowed(host: str, profile: str) -> None:
    name = naming.name_of(Address(host), profile)
    assert naming.valid_name(name) == name


def test_two_profiles_of_a_host_and_two_hosts_have_names_of_their_own() -> None:
    hosts = [
        Address("big.example.org"),
        Address("small.example.org"),
        Address("10.0.0.7"),
        Address("10.0.0.8"),
    ]
    names = {naming.name_of(host, profile) for host in hosts for profile in ("minikube", "reana-0.1.0")}
    assert len(names) == 8
    assert "big" in names
    assert "big-reana-0-1-0" in names
