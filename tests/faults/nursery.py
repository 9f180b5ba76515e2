"""Starts bots quickly: everything is imported once, and each bot is a process forked from there.

`python -m bot` spends four seconds of a core on imports, and a test that kills two hundred bots has better things to
do. What is forked runs the bot's own `main` with an environment of its own, as a fresh process would.

Talks in lines of JSON: `{"environment": …, "pace": …, "log": …}` comes in, `{"born": pid}` and
`{"dead": pid, "code": …}` go out. When the nursery goes, its bots go with it.
"""

import ctypes
import importlib
import json
import os
import select
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1


def _live(wanted: dict[str, Any]) -> None:
    """What the child does: never comes back."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, there in ((0, nothing), (1, log), (2, log)):
        os.dup2(there, number)
    os.environ.clear()
    os.environ.update(wanted["environment"])
    code = 1
    try:
        from bot import app, settings
        from bot.pace import Pace

        code = app.main(settings.load(None), Pace(**wanted["pace"]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def _bury() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _say(dead=pid, code=os.waitstatus_to_exitcode(status))


def main() -> None:
    for needed in ("bot.app", "handlers"):
        importlib.import_module(needed)

    ear, bell = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(ear, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _say(ready=True)
    waiting = b""
    while True:
        ready, _, _ = select.select([0, ear], [], [])
        if ear in ready:
            os.read(ear, 4096)
            _bury()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                pid = os.fork()
                if not pid:
                    _live(json.loads(line))
                _say(born=pid)


if __name__ == "__main__":
    main()
