"""Refusals of the business, each with two voices: one for the person, one for the log.

`msgid` is an English gettext template that a handler translates; `params` fill it. `detail` is for the log only.
"""

from typing import Any


def N_(msgid: str) -> str:  # noqa: N802 gettext's own name
    """Mark a text for translation where it is written; it is translated where it is shown."""
    return msgid


class Refusal(Exception):
    """The business said no; nothing has changed. A refusal is an answer, not an incident."""

    msgid = N_("This cannot be done.")

    def __init__(self, detail: str = "", **params: Any) -> None:
        super().__init__(detail or self.msgid)
        self.detail = detail
        self.params = params


class NotFound(Refusal):
    """The thing is not there, or is not this person's to see: the two are answered alike (DOMAIN.md §6)."""

    msgid = N_("Nothing found here. It may have been deleted or handed to somebody else.")


class Forbidden(Refusal):
    """The person's roles do not allow the action; answered in the words of NotFound where the object is foreign."""

    msgid = N_("This is not available to you.")


class AlreadyDone(Refusal):
    """The state has already moved on: a second tap, or somebody else was first."""

    msgid = N_("This has already been done.")


class Unlikely(Refusal):
    """What was given is surely a slip of the hand; the person may say that it is meant."""

    def __init__(self, msgid: str, **params: Any) -> None:
        super().__init__(msgid, **params)
        self.msgid = msgid


class Invalid(Refusal):
    """What was given cannot be accepted; msgid names the mistake and the wanted form."""

    def __init__(self, msgid: str, **params: Any) -> None:
        super().__init__(msgid, **params)
        self.msgid = msgid
