"""RStudio's directory on a real slapd: who gets in, when it is ready, and what a restart keeps.

The image is made here and stands in for osixia/openldap (images/slapd says what it has of its interface); the
platform is told its name and nothing else. The rest of RStudio is proprietary and runs on no machine of ours.
The tests follow one installation through its life, in the order they are written.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from allup.cluster import streams
from allup.cluster.streams import CommandResult
from allup.sandbox import Sandboxes, SandboxStatus
from k8s.rstudio import platform as module
from tests.cluster.platforms_for_tests import Instance, Object, eventually, unique_name
from tests.nodes.installed import Installed, own_image
from tests.nodes.node_for_tests import NAME, PATIENCE

pytestmark = pytest.mark.nodes

CA = "/container/service/slapd/assets/certs/ca.crt"
DONE = "/container/run/state/slapd-first-start-done"
BASE = "dc=example,dc=org"
BOBO = f"cn=bobo,dc=finance,{BASE}"
INVALID_CREDENTIALS = 49
NEW = "a new directory"


@pytest.fixture(scope="module")
def slapd(node: SandboxStatus, sandboxes: Sandboxes, sandbox_environ: dict[str, str]) -> str:
    """Its name, as pods of the real node name it."""
    made = own_image("slapd", sandbox_environ)
    sandboxes.load_image(NAME, made.file)
    return made.reference.full


@dataclass(frozen=True)
class Directory(Installed):
    """The installation, and a client of its directory in its pod that trusts the generated CA alone."""

    image: str

    def up(self) -> str:
        return self.done("ldap-up", "--ldap-image", self.image)

    def ask(
        self, program: str, *words: str, who: str = BOBO, password: str, ca: str = CA
    ) -> subprocess.CompletedProcess[str]:
        """By StartTLS through the Service; the password goes in by standard input."""
        trust = ("env", "LDAPTLS_REQCERT=demand", f"LDAPTLS_CACERT={ca}")
        door = ("-x", "-ZZ", "-H", "ldap://openldap:389", "-D", who, "-y", "/dev/stdin")
        return self.run("exec", "ldap", "--", *trust, program, *door, *words, feed=password.encode())

    def lets_in(self, password: str) -> bool:
        ended = self.ask("ldapwhoami", password=password)
        assert ended.returncode in (0, INVALID_CREDENTIALS), ended.stderr
        return ended.stdout.strip() == f"dn:{BOBO}"

    def log(self) -> str:
        return self.done("logs", "ldap", "--tail", "100000")

    def pod(self) -> str:
        (name,) = (name for name in self.seen.pods() if name.startswith("openldap-"))
        return name


@pytest.fixture(scope="module")
def directory(
    node: SandboxStatus, slapd: str, sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Directory]:
    seen = Instance(node.kubeconfig, node.context, f"ldap{os.getpid()}", tmp_path_factory.mktemp("ldap"))
    try:
        yield Directory("k8s", sandbox_environ, node.context, seen, slapd)
    finally:
        seen.discard()


@pytest.fixture(scope="module")
def first_password(directory: Directory) -> str:
    """bobo's, as the directory was seeded with it."""
    assert "1 check passed" in directory.up()
    return directory.secret("ldap-users", "bobo")


def test_bobo_gets_in_with_his_password_and_with_no_other(directory: Directory, first_password: str) -> None:
    assert directory.lets_in(first_password)
    assert not directory.lets_in("momo")
    assert not directory.lets_in(f"{first_password} ")


def test_only_the_generated_authority_vouches_for_the_directory(
    directory: Directory, first_password: str
) -> None:
    ended = directory.ask("ldapwhoami", password=first_password, ca="/etc/ssl/certs/ca-certificates.crt")
    assert (ended.returncode, "ldap_start_tls" in ended.stderr) == (1, True), ended.stderr


def test_sssds_account_finds_every_seed_user_with_his_number_and_reads_no_password(
    directory: Directory, first_password: str
) -> None:
    search = ("-LLL", "-b", BASE, "objectClass=posixAccount", "uid", "uidNumber", "userPassword")
    said = directory.ask(
        "ldapsearch",
        *search,
        who=f"cn=readonly,{BASE}",
        password=directory.secret("ldap-passwords", "readonly"),
    ).stdout
    assert {(name, str(uid)) for name, _, uid in module.SEED_USERS} == set(
        zip(_values(said, "uid"), _values(said, "uidNumber"), strict=True)
    )
    assert "userPassword" not in said


def _values(ldif: str, attribute: str) -> list[str]:
    return [line.partition(": ")[2] for line in ldif.splitlines() if line.startswith(f"{attribute}: ")]


def test_no_password_is_in_an_argument_in_an_environment_or_in_the_log(
    directory: Directory, first_password: str
) -> None:
    secrets = [first_password, *(directory.secret("ldap-passwords", k) for k in ("admin", "config"))]
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'"
    seen = directory.done("exec", "ldap", "--", "sh", "-c", look) + directory.log()
    assert "slapd\n-h\n" in seen
    assert "slapd: ready" in seen
    assert not [secret for secret in secrets if secret in seen]


def test_a_restart_keeps_what_people_changed_and_seeds_nothing_again(
    directory: Directory, first_password: str
) -> None:
    assert NEW in directory.log()
    before = directory.pod()
    # The new one goes by the container's own /proc, as ldappasswd reads it: no argument has it.
    change = 'cat > /tmp/both; head -1 /tmp/both | tr -d "\\n" > /tmp/old; tail -1 /tmp/both > /tmp/new; '
    change += (
        f"LDAPTLS_CACERT={CA} ldappasswd -x -ZZ -H ldap://openldap:389 -D {BOBO} -y /tmp/old -T /tmp/new"
    )
    both = f"{first_password}\nlonger than momo".encode()
    directory.done("exec", "ldap", "--", "sh", "-ec", change, feed=both)
    assert directory.lets_in("longer than momo")
    directory.done("restart", "ldap")
    eventually(lambda: before not in directory.seen.pods(), "the first pod to be gone", within=PATIENCE)
    assert NEW not in directory.log()
    assert directory.lets_in("longer than momo")
    assert not directory.lets_in(first_password)


def test_down_and_up_keeps_it_too_and_a_second_up_changes_nothing(directory: Directory) -> None:
    directory.done("ldap-down")
    assert "1 check passed" in directory.up()
    assert NEW not in directory.log()
    assert directory.lets_in("longer than momo")
    assert "0 created, 0 changed" in directory.up()


# Seeding


CROWD = 1200


def test_it_is_not_ready_while_it_is_seeded_although_it_listens_and_bobo_is_there(
    node: SandboxStatus, slapd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bobo = next(user for user in module.SEED_USERS if user[0] == "bobo")
    crowd = tuple((f"u{number}", "finance", 20000 + number) for number in range(CROWD))
    monkeypatch.setattr(module, "SEED_USERS", (bobo, *crowd))  # so many that it takes seconds
    ours = Instance(node.kubeconfig, node.context, unique_name(), Path(module.__file__).parent)
    settings = replace(module.Settings(), instance=ours.name, namespace=ours.namespace, ldap_image=slapd)
    try:
        ours.up(platform=module.platform(settings), only=("ldap",), wait=False)
        seeding = _Seeding(ours)
        eventually(seeding.is_half_done, "bobo to be there before the last", within=PATIENCE)
        assert seeding.probe() != 0
        assert not seeding.ready()
        assert not seeding.over()  # nor was it when the others were asked
        eventually(seeding.ready, "the pod to be ready", within=PATIENCE)
        assert seeding.over()
        assert seeding.probe() == 0
        assert seeding.found() == CROWD + 1
    finally:
        ours.discard()


class _Seeding:
    """What is to be seen of a directory while it is seeded."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def is_half_done(self) -> bool:
        """Whether port 389 is open, the entry of the readiness probe is there, and more are to come."""
        pod = self._pod()
        address = pod.get("status", {}).get("podIP", "")
        if not address or not self._listens(address):
            return False
        found = self.found()
        assert found <= CROWD, "it was too quick to be seen"
        return found >= 1

    def ready(self) -> bool:
        conditions = self._pod()["status"].get("conditions") or ()
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def over(self) -> bool:
        return self._run("test", "-e", DONE).exit_code == 0

    def probe(self) -> int | None:
        """How the pod's own readiness probe ends."""
        return self._run(*self._pod()["spec"]["containers"][0]["readinessProbe"]["exec"]["command"]).exit_code

    def found(self) -> int:
        """How many users the database holds by now; a search would end at 500."""
        count = f"slapcat -F /etc/ldap/slapd.d -b {BASE} -a objectClass=posixAccount | grep -c ^dn:"
        return int(self._run("sh", "-c", count).stdout or 0)

    def _pod(self) -> Object:
        pods = self._instance.items("Pod", "app=openldap")
        return pods[0] if pods else {}

    def _run(self, *command: str) -> CommandResult:
        api, pod = self._instance.outside.api, self._pod()["metadata"]["name"]
        return streams.execute(api, self._instance.namespace, pod, command, timeout=30)

    @staticmethod
    def _listens(address: str) -> bool:
        try:
            with socket.create_connection((address, 389), timeout=1):
                return True
        except OSError:
            return False
