from __future__ import annotations
from tests.cli.invoking import Inv
from tests.remote.far_host import FarHost


def test_it(far: FarHost, inv: Inv) -> None:
    up = inv("remote.up", "far", "--ssh-config", str(far.ssh_config), "--node-port", "32767")
    print(up.out, up.err)
    for words in (
        ["remote.status"],
        ["remote.list"],
        ["remote.docker-env"],
        ["remote.run", "--", "uname"],
        ["k8s.plan", "--context", "remote-far"],
        ["k8s.status", "--context", "remote-far"],
        ["remote.status", "--json"],
        ["remote.down"],
        ["remote.list"],
    ):
        import time

        t = time.time()
        ended = inv(*words)
        print(words, ended.code, time.time() - t, "\n", ended.out[-1500:], ended.err)
    assert 0
