"""A command line that cannot be meant: one paragraph, exit code 2, nothing begun."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from allup.cluster.requests import Api
from allup.errors import NotFound
from tests.cli.invoking import Inv


@pytest.fixture(scope="module")
def untouched(server: Api) -> Iterator[str]:
    """An instance of which nothing may be there when these tests are over."""
    yield "bad-words"
    with pytest.raises(NotFound):
        server.get("/api/v1/namespaces/bad-words")
    volumes = server.get("/api/v1/persistentvolumes")["items"]
    assert not [v for v in volumes if v["metadata"]["name"].startswith("bad-words-")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("k8s.al-up", "There is no task 'k8s.al-up' (did you mean 'k8s.all-up'?)"),
        ("k8s.ldpa-up", "did you mean 'k8s.ldap-up'"),
        ("ks8.all-up", "There is no task 'ks8.all-up'"),
        ("nonsense", "There is no task 'nonsense'"),
        ("k8s", "k8s is a group of tasks. See inv --list k8s."),
        ("k8s.graph nonsense", "There is no task 'nonsense'"),
        ("--help k8s.al-up", "did you mean 'k8s.all-up'"),
        ("--list k8", "There is no group of tasks 'k8' (did you mean 'k8s'?)"),
        ("--nope", "Before the first task there is no flag --nope"),
        ("k8s.all-up --timeot 5", "k8s.all-up: there is no flag --timeot (did you mean '--timeout'?)"),
        ("k8s.all-up --rsp-prt 5", "did you mean '--rsp-port'"),
        ("k8s.status --purge", "k8s.status: there is no flag --purge"),
        ("k8s.all-up --timeout", "k8s.all-up: --timeout needs a value"),
        ("k8s.all-up --only", "k8s.all-up: --only needs a value"),
        ("k8s.all-up --timeout --json", "k8s.all-up: --timeout needs a value"),
        ("k8s.plan --instance a --instance b", "k8s.plan: --instance is given twice"),
        ("k8s.all-up --ldap-admin=yes", "k8s.all-up: --ldap-admin takes no value"),
        ("k8s.secrets license again", "k8s.secrets: 'again' is a word too many"),
        ("cluster.use one two", "cluster.use: 'two' is a word too many"),
        ("cluster.use", "cluster.use: which one?"),
        ("k8s.logs", "logs: of which component. Its components are setup, "),
        ("k8s.restart --dry", "k8s.restart: there is no dry run of it"),
    ],
)
def test_what_inv_does_not_know_is_refused_with_what_it_does(alone: Inv, words: str, said: str) -> None:
    assert said in alone.refused(*words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("k8s.all-up --rsp-port abc", "flag --rsp-port: rsp_port takes a whole number, not 'abc'"),
        ("k8s.settings --session-cpus many", "flag --session-cpus: session_cpus takes a number, not 'many'"),
        ("k8s.all-up --home-size 5Q", "flag --home-size: home_size takes a quantity such as 512Mi"),
        ("k8s.all-up --home-size=", "home_size is empty but takes a quantity"),
        (
            "k8s.all-up --log-level inf",
            "log_level cannot be 'inf' (did you mean 'info'?). It is one of debug",
        ),
        ("k8s.all-up --ldap-admin --no-ldap-admin", "flag --ldap-admin: contradicts --no-ldap-admin"),
        ("k8s.all-up --namespace Bad_Name", "--namespace: 'Bad_Name' cannot be the name of a namespace"),
        ("k8s.all-down --instance Bad_Name", "--instance: 'Bad_Name' cannot be the name of a namespace"),
        ("k8s.render --only ldpa", "component 'ldpa': is not part of rstudio (did you mean 'ldap'?)"),
        ("cluster.up --nodes x", "--nodes: 'x' is not a whole number"),
        ("cluster.up --nodes 0", "a sandbox has 1 to 200 nodes"),
        ("cluster.up --workers 2", "--workers: is for real nodes"),
        ("cluster.up --nodes 3 --workers 2", "--workers: is for real nodes"),
        ("cluster.up --nodes real --workers 5", "a sandbox has 1 to 4 of them"),
        ("cluster.up --nodes real --workers two", "'two' is not a whole number"),
        ("cluster.up --provider kind --workers 2", "is the sandbox's; kind has --nodes"),
        ("cluster.up --name Bad_", "sandbox 'Bad_': a name is made of lower-case letters"),
        ("cluster.status --name nope", "sandbox 'nope': there is none of that name"),
        ("cluster.kubeconfig --name nope", "sandbox 'nope': there is none of that name"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_what_would(alone: Inv, words: str, said: str) -> None:
    assert said in alone.refused(*words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("k8s.all-up --timeout abc", "--timeout: 'abc' is not a number above zero"),
        ("k8s.all-up --timeout 0", "--timeout: '0' is not a number above zero"),
        ("k8s.all-up --jobs 0", "--jobs: '0' is not a whole number above zero"),
        ("k8s.all-up --jobs 1.5", "--jobs: '1.5' is not a whole number above zero"),
        ("k8s.all-up --lock-timeout x", "--lock-timeout: 'x' is not a number above zero"),
        ("k8s.all-up --only ldpa", "component 'ldpa': is not part of"),
        ("k8s.all-up --skip ldpa", "component 'ldpa': is not part of"),
        ("k8s.all-up --adopt everything", "'everything': is not an object reference"),
        ("k8s.all-up --junit /dev/null/report.xml", "--junit /dev/null/report.xml:"),
        ("k8s.plan --only ldpa", "component 'ldpa': is not part of"),
        ("k8s.status --component ldpa", "did you mean 'ldap'"),
        ("k8s.why --component ldpa", "did you mean 'ldap'"),
        ("k8s.wait --component ldpa", "did you mean 'ldap'"),
        ("k8s.logs ldpa", "did you mean 'ldap'"),
        ("k8s.logs rsp --tail x", "--tail: 'x' is not a whole number above zero"),
        ("k8s.logs rsp --since x", "--since: 'x' is not a number above zero"),
        ("k8s.secrets licence", "Secret licence: is not part of rstudio (did you mean 'license'?)"),
        ("k8s.secrets --reveal rsp", "--reveal: 'rsp' is a key of which Secret?"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    beside: Inv, untouched: str, words: str, said: str
) -> None:
    assert said in beside.refused(*words.split(), "--instance", untouched)
