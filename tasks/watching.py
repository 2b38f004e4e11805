"""Shows something again whenever it has changed, fed by watches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tasks.output import say
from tasks.preparing import Prepared

if TYPE_CHECKING:
    from allup.run.seeing import Sight

_SETTLE = 0.1  # seconds in which changes that come together are shown together
_LOOK = 1.0  # a verdict may also change by the passing of time


def watch(prepared: Prepared, sight: Sight, text: Callable[[], str]) -> None:
    """Prints *text* now and whenever it differs, until Ctrl-C; raises AllupError when a watch cannot go on.

    A terminal is drawn anew, a pipe gets one after another.
    """
    stop, changed = prepared.session.stop, threading.Event()
    sight.watches.store.listen(lambda *_: changed.set())
    sight.follow()
    shown = None
    try:
        while True:
            now = text()
            if now != shown:
                say(f"\x1b[H\x1b[2J{now}" if sys.stdout.isatty() else now)
                shown = now
            if sight.failure is not None:
                raise sight.failure
            changed.wait(_LOOK)
            if stop.wait(_SETTLE):
                return
            changed.clear()
    finally:
        stop.set()
        sight.watches.close()
