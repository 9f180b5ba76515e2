"""Named places where a test lets the power go: `FAULT_POINT=name[:n]` kills the process at the n-th passage.

Nothing of this is loaded unless the variable is set: the places are wrapped from outside, no room knows of them.
"""

import functools
import inspect
import os
import signal
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from bot.handling import DirectAnswers, direct
from bot.sender import Sender
from bot.worker import Worker
from services.reminders import ReminderService
from storage.dialog_state import PostgresDialogState
from storage.files import DiskFiles
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.reminders import Reminders
from storage.uow import Transaction


def _anything(_result: object) -> bool:
    return True


def _to_a_waiting_person(_result: object) -> bool:
    return direct.get()


Place = tuple[object, str, bool, Callable[[object], bool]]

POINTS: Final[dict[str, Place]] = {
    "inbox.written": (Inbox, "add", True, _anything),
    "inbox.taken": (Worker, "_begin", True, _anything),
    "effect.before": (Transaction, "commit", False, _anything),
    "effect.after": (Transaction, "commit", True, _anything),
    "answer.before": (DirectAnswers, "__call__", False, _to_a_waiting_person),
    "answer.after": (DirectAnswers, "__call__", True, _to_a_waiting_person),
    "screen.kept": (PostgresDialogState, "save", True, _anything),
    "update.done": (Inbox, "done", False, _anything),
    "message.before": (Sender, "_show", False, _anything),
    "message.after": (Sender, "_show", True, _anything),
    "message.sent": (Outbox, "sent", True, _anything),
    "tick.claimed": (Reminders, "claim_due", True, bool),
    "tick.fired": (ReminderService, "fire_due", True, bool),
    "file.half": (os, "link", False, _anything),
    "file.written": (DiskFiles, "put", True, _anything),
    "file.deleted": (DiskFiles, "delete", True, _anything),
}
"""Name → whose method, whether after it (or before), and which passages count, by the method's result."""


def arm(wanted: str) -> None:
    """Make one place deadly. Raises KeyError for a name that is not known."""
    name, _colon, times = wanted.partition(":")
    owner, method, after, counts = POINTS[name]
    original = getattr(owner, method)
    passages, last = count(1), int(times or 1)

    def passing(result: object) -> None:
        if counts(result) and next(passages) >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(original)
    def plain(*given: Any, **more: Any) -> Any:
        if not after:
            passing(None)
        result = original(*given, **more)
        if after:
            passing(result)
        return result

    @functools.wraps(original)
    async def awaited(*given: Any, **more: Any) -> Any:
        if not after:
            passing(None)
        result = await original(*given, **more)
        if after:
            passing(result)
        return result

    setattr(owner, method, awaited if inspect.iscoroutinefunction(original) else plain)
