"""A Docker daemon of the tests' own: Debian's, in namespaces of its own, which this machine does not see."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allup.sandbox.clock import SystemClock
from allup.sandbox.node.cgroups import Cgroups
from tests.cli.invoking import Ended
from tests.cluster.platforms_for_tests import eventually

CGROUP = "allup-test-docker"
# Its network is its own: ports that it publishes are open in there alone, and inv has to go in to reach them.
_BEGIN = """
mount --make-rprivate /
mount -t tmpfs none /run
mount -t proc proc /proc
ip link set lo up
exec dockerd --data-root "$1/data" --exec-root "$1/exec" --pidfile "$1/pid" --host "unix://$1/docker.sock" \
    --storage-driver vfs --iptables=false --ip6tables=false --ip-masq=false --cgroup-parent "/$2" \
    --bip 198.18.0.1/24
"""


@dataclass(frozen=True)
class Daemon:
    """*process* is in its network; *environ* leads docker's client to it."""

    process: int
    environ: Mapping[str, str]

    def run(self, *command: str) -> Ended:
        """A command in its network."""
        inside = ["nsenter", f"--target={self.process}", "--net", *command]
        done = subprocess.run(inside, env=dict(self.environ), capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def daemon(folder: Path, environ: Mapping[str, str]) -> Iterator[Daemon]:
    """Runs one, with its state in *folder*; AssertionError, with its log, if it does not answer."""
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig=KILL"),
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"),
                *("sh", "-ec", _BEGIN, "sh", str(folder), CGROUP),
            ],
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
        )
    ours = Daemon(process.pid, {**environ, "DOCKER_HOST": f"unix://{folder}/docker.sock"})

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        return ours.run("docker", "version").code == 0

    try:
        eventually(answers, "dockerd to answer", within=60)
        yield ours
    finally:
        process.kill()  # and with it everything in its namespaces
        process.wait()
        Cgroups(CGROUP).kill(SystemClock())
        Cgroups(CGROUP).remove(SystemClock())
