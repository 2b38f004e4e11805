"""forward: ports of this machine that lead into the cluster, here or in the background."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from allup import InputError
from allup.daily import background, pods, portspecs
from allup.daily.pods import Behind
from allup.daily.portspecs import PortSpec
from allup.model.platform import url_parts
from allup.report.tables import table
from tasks import where
from tasks.checkout import CHECKOUT
from tasks.output import SCHEMA, say, say_json, tell
from tasks.preparing import Prepared, names, prepare
from tasks.simulated import NOTHING_RUNS, is_simulated
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.daily.forwarding import Forward


def forward(call: Call) -> None:
    """Opens ports and carries what comes, until Ctrl-C; or does so in the background."""
    if call.given.get("list"):
        _list(call)
    elif call.given.get("stop"):
        _stop(call, names(call.given["stop"]))
    elif call.given.get("background"):
        prepared = prepare(call).as_last_up()
        words = _words(call)
        wanted = _wanted(prepared, words)
        _say_started(call, _in_background(prepared, words or _url_words(prepared)))
        _warn_of_simulated(prepared, wanted)
    else:
        prepared = prepare(call).as_last_up()
        _warn_of_simulated(prepared, _wanted(prepared, _words(call)))
        carry(prepared, _say_opened)


def _words(call: Call) -> list[str]:
    """The call's words, ``--pod NAME`` before them."""
    pod = call.given.get("pod")
    return [f"pod/{pod}", *call.words] if pod else call.words


def open_urls(prepared: Prepared) -> None:
    """The ports of the platform's URLs, in the background; nothing when it has none."""
    words = _url_words(prepared)
    if not words:
        tell(f"{prepared.platform.name} names no URL, so there is nothing to forward")
        return
    _say_started(prepared.call, _in_background(prepared, words))
    _warn_of_simulated(prepared, _wanted(prepared, words))


def _warn_of_simulated(prepared: Prepared, wanted: Sequence[tuple[Behind, list[PortSpec]]]) -> None:
    """What is forwarded to a simulated node is open here and closed there; nobody shall wonder."""
    for behind, _ in wanted:
        pod = pods.best(behind.pods(prepared.session.objects))
        if pod is not None and is_simulated(prepared, pod):
            tell(f"warning: {behind.title} is {NOTHING_RUNS}: connections to it will be closed")


def carry(prepared: Prepared, opened_now: Callable[[Call, background.Record], None]) -> None:
    """Opens the ports that the call's words name and carries what comes, until Ctrl-C. *opened_now* is told,
    unless this is the process in the background: that one writes its record."""
    from allup.daily.forwarding import open_forwards
    from allup.identity import Holder

    call, session, mask = prepared.call, prepared.session, prepared.redactor.mask
    opened: list[Forward] = []
    words = _words(call)
    for behind, ports in _wanted(prepared, words):
        try:
            opened += open_forwards(session, behind, ports, lambda text: tell(mask(text)))
        except BaseException:
            for one in opened:
                one.listener.close()
            raise
    for one in opened:
        one.start()
    named = [(name, *url_parts(word)) for name, word in prepared.platform.urls]
    urls = tuple(
        f"{name}: {o.url.rstrip('/') + path if path else o.url}"
        for o in opened
        for name, target, path in named
        if target == f"{o.title}:{o.remote}"
    )
    file = os.environ.get(background.RECORD)
    record = background.Record(
        id=Path(file).stem if file else "",
        holder=str(Holder.current()),
        key=_key(prepared, words),
        ports=tuple(str(one) for one in opened),
        urls=urls,
    )
    if file:
        background.write(Path(file), record)
    else:
        opened_now(call, record)
    try:
        while not session.stop.wait(3600):
            pass
    finally:
        session.stop.set()
        if file:
            Path(file).unlink(missing_ok=True)


def _say_opened(call: Call, record: background.Record) -> None:
    _say_ports(call, record)
    tell("Ctrl-C ends it.")


def _wanted(prepared: Prepared, words: Sequence[str]) -> list[tuple[Behind, list[PortSpec]]]:
    """What the words ask for: ``svc/NAME`` begins a new target, the first word always does."""
    words = words or _url_words(prepared)
    if not words:
        raise InputError(
            "forward",
            f"of what; {prepared.platform.name} names no URL",
            next_step="Name a component or svc/NAME, and ports",
        )
    found: list[tuple[Behind, list[PortSpec]]] = []
    for number, word in enumerate(words):
        if number == 0 or "/" in word:
            found.append((_behind(prepared, word), []))
        else:
            found[-1][1].append(portspecs.parse(word))
    return [(behind, ports or _all_ports(prepared, behind)) for behind, ports in found]


def _behind(prepared: Prepared, word: str) -> Behind:
    from tasks.streaming import component, named_pod

    kind, slash, name = word.partition("/")
    if not slash:
        return component(prepared, word)
    namespace, objects = prepared.platform.namespace, prepared.session.objects
    if kind in ("svc", "service", "services"):
        return pods.of_service(name, namespace, objects)
    if kind in ("pod", "pods"):
        return named_pod(prepared, name)
    raise InputError(f"{word!r}", "is not understood", next_step="Write COMPONENT, svc/NAME or pod/NAME")


def _all_ports(prepared: Prepared, behind: Behind) -> list[PortSpec]:
    found = list(portspecs.all_ports(behind.service, pods.best(behind.pods(prepared.session.objects))))
    if not found:
        raise InputError(behind.title, "names no port", next_step="Give one: LOCAL:REMOTE")
    return found


def _url_words(prepared: Prepared) -> list[str]:
    """The platform's URLs (``svc/rsp:8787``) as words: ``svc/rsp 8787``."""
    words = []
    for url in dict.fromkeys(url_parts(url)[0] for _, url in prepared.platform.urls):
        target, _, port = url.partition(":")
        words += [target, *([port] if port else [])]
    return words


def _in_background(prepared: Prepared, words: Sequence[str]) -> background.Record:
    task = [f"{prepared.call.platform.collection}.forward", *words]
    task += ["--instance", prepared.platform.instance, "--namespace", prepared.platform.namespace]
    return in_background(prepared, words, task)


def in_background(prepared: Prepared, words: Sequence[str], task: Sequence[str]) -> background.Record:
    """The forward of *words*, carried by *task* in a process of its own; one that runs already is used."""
    key, folder = _key(prepared, words), _folder()
    for record in background.listed(folder):
        if record.key == key:
            tell(f"forward {record.id} does this already")
            return record
    argv = [sys.executable, sys.argv[0], *task]
    argv += ["--context", prepared.target.context, "--kubeconfig", prepared.target.kubeconfig]
    return background.start(folder, argv, os.environ, CHECKOUT)


def urls_forwarded(prepared: Prepared) -> Mapping[str, str]:
    """The URLs of this machine that forwards in the background lead to this instance with, by
    ``service/name:port``."""
    found = {}
    begin = _key(prepared, ("",))
    for record in background.listed(_folder()):
        if record.key.startswith(begin):
            for line in record.ports:
                local, _, there = line.partition(" → ")
                found[there.replace("svc/", "service/")] = f"http://{local}"
    return found


def stop_all(prepared: Prepared) -> None:
    """Ends every forward in the background that leads to this instance."""
    begin = _key(prepared, ("",))
    for record in background.listed(_folder()):
        if record.key.startswith(begin):
            background.stop(_folder(), record.id)


def stop_all_to(context: str) -> None:
    """Ends every forward of this checkout in the background that leads to that cluster."""
    for record in background.listed(_folder()):
        if record.key.startswith(f"{context} "):
            background.stop(_folder(), record.id)


def _key(prepared: Prepared, words: Sequence[str]) -> str:
    return " ".join([prepared.session.context, prepared.platform.instance, *words])


def _folder() -> Path:
    return where.choice_file().parent / "forwards"


def _list(call: Call) -> None:
    running = background.listed(_folder())
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "forwards", "forwards": [_json(r) for r in running]})
    elif running:
        rows = [(r.id, r.pid, r.key.partition(" ")[0], "\n".join((*r.ports, *r.urls))) for r in running]
        say(table(("ID", "PROCESS", "CONTEXT", "PORTS"), rows))
    else:
        say("No forward goes on in the background.")


def _stop(call: Call, which: Sequence[str]) -> None:
    ended = [record for one in which for record in background.stop(_folder(), one)]
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "forwards-stopped", "forwards": [_json(r) for r in ended]})
        return
    for record in ended:
        say(f"forward {record.id} has ended: {', '.join(record.ports)}")
    if not ended:
        say("No forward goes on in the background.")


def _say_started(call: Call, record: background.Record) -> None:
    # all-up --json has its own document on standard output.
    if call.verb.name == "forward":
        _say_ports(call, record)
    else:
        for line in record.urls or record.ports:
            tell(line)
    tell(f"It goes on in the background; inv {call.platform.collection}.forward --stop {record.id} ends it.")


def _say_ports(call: Call, record: background.Record) -> None:
    if call.given.get("json"):
        say_json({"schema": SCHEMA, "type": "forward", **_json(record)})
        return
    for line in (*record.ports, *record.urls):
        say(line)


def _json(record: background.Record) -> dict[str, object]:
    return {
        "id": record.id,
        "pid": record.pid,
        "ports": list(record.ports),
        "urls": list(record.urls),
    }
