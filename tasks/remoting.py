"""What inv remote.* does: flags in, allup.remote, tables and JSON out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from invoke.exceptions import Exit

from allup.commands import Here
from allup.errors import Differences, InputError, Stuck, did_you_mean
from allup.providers.interface import Wanted
from allup.redaction import Redactor
from allup.remote import (
    account,
    bringing_up,
    configs,
    hostkeys,
    keeper,
    keeping,
    ports,
    probes,
    record,
    sshfs,
    tokens,
)
from allup.remote import taking_down as taking
from allup.remote.bringing_up import DOCKER_WAYS, Asked
from allup.remote.hostkeys import Shown
from allup.remote.login import log_in
from allup.remote.naming import Address
from allup.remote.probes import Verdict
from allup.remote.record import Folder, Mount, Remote
from allup.report.tables import table
from tasks import where
from tasks.edge import masked_by
from tasks.output import SCHEMA, say, say_json, tell
from tasks.preparing import seconds
from tasks.remainder import remainder


@dataclass(frozen=True)
class UpWords:
    """Flags of ``remote.up`` as they were typed."""

    host: str
    profile: str
    name: str | None
    node_ports: Sequence[str]
    api_port: str | None
    docker: str | None
    docker_port: str | None
    role: str | None
    token_life: str | None
    mount: str | None

    def asked(self) -> Asked:
        """Read. Raises InputError."""
        way = next((one for one in DOCKER_WAYS if one == self.docker), None)
        if self.docker is not None and way is None:
            hint = did_you_mean(self.docker, DOCKER_WAYS)
            raise InputError("--docker", f"{self.docker!r} is none of {', '.join(DOCKER_WAYS)}{hint}")
        return Asked(
            address=Address.parse(self.host),
            profile=self.profile,
            name=self.name or "",
            api_port=_port("--api-port", self.api_port),
            docker=way,
            docker_port=_port("--docker-port", self.docker_port),
            node_ports=tuple(ports.node_port(text) for text in self.node_ports),
            role=self.role or "",
            life=int(seconds("--token-life", self.token_life, 1)) if self.token_life else 0,
            mount=self.mount or "",
        )


def up(words: UpWords, wanted: Wanted, minikube: str, ssh_config: str, host_key: str) -> None:
    """Brings a remote up and says how to use it."""
    redactor = Redactor()
    masked_by(redactor.mask)
    config = os.path.abspath(os.path.expanduser(ssh_config)) if ssh_config else ""
    if config and not Path(config).is_file():
        raise InputError("--ssh-config", f"{ssh_config} is no file")
    asked = replace(words.asked(), wanted=wanted, minikube=minikube, ssh_config=config)
    host = str(asked.address)
    folder, remote = bringing_up.up(
        asked,
        where.remotes_home(),
        os.environ,
        trust=lambda shown: _trusted(host, shown, host_key),
        told=_told,
        redactor=redactor,
    )
    began = ", started by remote.up" if remote.began else ""
    say(f"Remote {remote.name} is up: profile {remote.profile} on {remote.host}{began}.")
    say(table((), [(_called(one), str(one)) for one in remote.forwards]))
    say(f"Context {remote.context} in {folder.kubeconfig}")
    if remote.docker == "open":
        tell("warning: whoever reaches that Docker port, here or on the host, is root on the node.")
    tell(f"Use it with --context {remote.context}, or inv cluster.use {remote.context}.")


def _told(step: str) -> None:
    """A step of something that takes a while, for whoever sits before it."""
    if sys.stderr.isatty():
        tell(f"{step} …")


def _called(forward: record.Forward) -> str:
    return {"api": "API", "docker": "Docker"}.get(forward.purpose, "port")


def _trusted(host: str, shown: Sequence[Shown], expected: str) -> Shown | None:
    """The key that a person accepts, by its fingerprint on the command line or by saying yes."""
    if expected:
        for one in shown:
            if one.fingerprint == expected:
                return one
        raise InputError(
            "--host-key", f"is none of the host's: it shows {' and '.join(str(one) for one in shown)}"
        )
    if not sys.stdin.isatty():
        raise hostkeys.refuse_unknown(host, shown, proxied=False)
    sys.stderr.write(
        f"The key of {host} is not known. It shows:\n  {shown[0]}\n"
        "Compare that with what its administrator tells. Type yes if it is the same: "
    )
    sys.stderr.flush()
    return shown[0] if sys.stdin.readline().strip() == "yes" else None


def down(name: str, keep_running: bool, forget: bool) -> None:
    """Takes it back and says what is left."""
    folder, remote = record.find(where.remotes_home(), os.environ, name)
    gone = taking.down(folder, remote, os.environ, keep=keep_running, forget=forget, told=_told)
    stored = where.stored()
    if stored is not None and stored.context == remote.context:
        where.choice_file().unlink(missing_ok=True)
        tell(f"{remote.context} was the cluster of this checkout; none is chosen now.")
    if gone.left and not forget:
        raise Stuck(
            f"remote {remote.name}",
            f"is down here; our ServiceAccount {account.NAMESPACE}/{remote.account} stays on the host",
            evidence=" ".join(gone.left),
            next_step="Run the same command again when the host is back, or with --forget",
        )
    say(f"Remote {remote.name} is down.")
    if gone.stopped:
        say(f"Profile {remote.profile} is stopped; what is in it stays.")
    if gone.asleep:
        say(
            f"Profile {remote.profile} does not run, so our ServiceAccount {remote.account} stays in it; its "
            "last token ends by itself."
        )


def status(name: str, as_json: bool, check: bool) -> None:
    """Every remote, or one; each tunnel asked."""
    home = where.remotes_home()
    chosen = [record.find(home, os.environ, name)] if name else record.remotes(home, os.environ)
    shown = [(folder, remote, _verdicts(folder, remote)) for folder, remote in chosen]
    if as_json:
        found = [_json(folder, remote, verdicts) for folder, remote, verdicts in shown]
        say_json({"schema": SCHEMA, "type": "remotes", "remotes": found})
    elif not shown:
        say("No remotes.")
    else:
        say("\n\n".join(_text(remote, verdicts) for _, remote, verdicts in shown))
    bad = [v for _, _, verdicts in shown for v in verdicts if not v.good]
    if check and bad:
        raise Differences("remotes", f"{len(bad)} of what was asked is not good")


def _verdicts(folder: Folder, remote: Remote) -> list[Verdict]:
    running = keeping.find(folder) is not None
    found = [*probes.ask_all(remote, folder, os.environ)] if not remote.left else []
    return [_keeper(folder, running), *found, _token(folder), *(_mounted(one) for one in remote.mounts)]


def _keeper(folder: Folder, running: bool) -> Verdict:
    link = keeper.read_link(folder)
    if not running:
        return Verdict("keeper", "", False, "does not run: inv remote.up starts it again")
    if link is None:
        return Verdict("keeper", "", True, "runs")
    times = "once" if link.again == 1 else f"{link.again} times"
    again = f", made anew {times}" if link.again else ""
    if link.up:
        trouble = link.token or (link.held and f"minikube mount ended and is tried again: {link.held}")
        return Verdict("keeper", f"since {link.since}{again}", not trouble, trouble or "runs")
    return Verdict("keeper", f"link down since {link.since}", False, f"tries again and again: {link.why}")


def _token(folder: Folder) -> Verdict:
    try:
        times = tokens.times_of(folder.token.read_text())
    except OSError:
        return Verdict("token", "", False, "is not there")
    if times is None:
        return Verdict("token", "", False, "is none")
    left = int((times[1] - datetime.now(UTC)).total_seconds())
    until = f"until {times[1].isoformat(timespec='seconds')}"
    return Verdict("token", until, left > 0, f"{left // 60} min left" if left > 0 else "has ended")


def _mounted(mount: Mount) -> Verdict:
    state = sshfs.state(mount.target, os.environ)
    words = state if state != "dead" else "dead: inv remote.mount recovers it"
    return Verdict("mount", f"{mount.target} → {mount.source}", state == "mounted", words)


def _text(remote: Remote, verdicts: Sequence[Verdict]) -> str:
    rows = [("ok" if v.good else "bad", v.what, v.way, v.words) for v in verdicts]
    title = f"remote {remote.name}: profile {remote.profile} on {remote.host}, context {remote.context}"
    left = [f"left on the host: {text}" for text in remote.left]
    return "\n".join([title, *left, table(("", "WHAT", "WAY", "FOUND"), rows)])


def _json(folder: Folder, remote: Remote, verdicts: Sequence[Verdict]) -> dict[str, object]:
    return {
        **_brief(folder, remote),
        "good": all(v.good for v in verdicts),
        "asked": [{"what": v.what, "way": v.way, "good": v.good, "found": v.words} for v in verdicts],
    }


def _brief(folder: Folder, remote: Remote) -> dict[str, object]:
    return {
        "name": remote.name,
        "host": remote.host,
        "profile": remote.profile,
        "context": remote.context,
        "kubeconfig": str(folder.kubeconfig),
        "forwards": [
            {"purpose": one.purpose, "local": one.local, "target": one.target} for one in remote.forwards
        ],
    }


def list_all(as_json: bool) -> None:
    """A line each; nothing is asked of the hosts."""
    found = record.remotes(where.remotes_home(), os.environ)
    if as_json:
        brief = [_brief(folder, remote) for folder, remote in found]
        say_json({"schema": SCHEMA, "type": "remotes", "remotes": brief})
        return
    rows = [(r.name, r.host, r.profile, r.context, _said(folder, r)) for folder, r in found]
    say(table(("NAME", "HOST", "PROFILE", "CONTEXT", "LINK"), rows) if rows else "No remotes.")


def _said(folder: Folder, remote: Remote) -> str:
    if remote.left:
        return "down, something is left on the host"
    link = keeper.read_link(folder)
    if keeping.find(folder) is None:
        return "no keeper"
    return "up" if link is None or link.up else "down"


def docker_env(name: str, as_json: bool, unset: bool) -> None:
    """The variables, as exports or JSON."""
    folder, remote = record.find(where.remotes_home(), os.environ, name)
    variables = configs.docker_environment(remote, folder)
    if not variables:
        raise InputError(
            f"remote {remote.name}",
            "has no tunnel to a Docker daemon",
            next_step="Take it down and up again with --docker; a node with containerd has no such daemon",
        )
    if unset:
        variables = dict.fromkeys(configs.DOCKER_NAMES)
    if as_json:
        say_json({"schema": SCHEMA, "type": "docker-environment", "variables": variables})
    else:
        say(configs.shell_lines(variables))


def run(name: str) -> None:
    """Runs the words behind ``--`` on the host."""
    words = remainder()
    folder, remote = record.find(where.remotes_home(), os.environ, name)
    if not words:
        raise InputError("remote.run", "runs what?", next_step=f"inv remote.run {remote.name} -- uname -a")
    login = log_in(folder.way(remote), Here(os.environ), dict(os.environ))
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with login.connected() as run_there:
        code = run_there.interactive(words, terminal=terminal)
    if code:
        raise Exit(code=code if 0 < code < 256 else 1)


def mount(name: str, source: str, target: str, read_only: bool, others: bool) -> None:
    """Mounts a folder of the host here."""
    folder, remote = record.find(where.remotes_home(), os.environ, name)
    path = os.path.realpath(os.path.expanduser(target))
    wish = sshfs.Wish(source, path, read_only, others)
    way = folder.way(remote)
    login = log_in(way, Here(os.environ), dict(os.environ))
    mounted = sshfs.mount(way, login.configuration.known_hosts, wish, os.environ)
    kept = tuple(one for one in remote.mounts if one.target != path)
    folder.write(replace(remote, mounts=(*kept, mounted)))
    say(f"{remote.host}:{source} is mounted on {path}; inv remote.unmount {path} ends it.")


def unmount(name: str, target: str) -> None:
    """Unmounts one folder, or all of the remote's."""
    folder, remote = record.find(where.remotes_home(), os.environ, name)
    path = os.path.realpath(os.path.expanduser(target)) if target else ""
    chosen = [one for one in remote.mounts if not path or one.target == path]
    if path and not chosen:
        known = ", ".join(one.target for one in remote.mounts)
        raise InputError(
            f"folder {path}",
            f"is no mount of remote {remote.name}",
            evidence=f"There are {known}" if known else "It has none",
        )
    for one in chosen:
        was = sshfs.unmount(one, os.environ)
        remote = replace(remote, mounts=tuple(other for other in remote.mounts if other != one))
        folder.write(remote)
        say(f"{one.target} is unmounted." if was else f"{one.target} was not mounted.")
    if not chosen:
        say(f"Remote {remote.name} has no mounts.")


def _port(flag: str, text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise InputError(flag, f"{text!r} is not a port")
