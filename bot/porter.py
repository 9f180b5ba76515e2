"""Who speaks with strangers: a line, and nothing else."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

import structlog
from aiogram import Bot

from bot.pace import Pace
from bot.recent import Recent
from bot.turns import Activity
from fsm.i18n import DEFAULT_LANGUAGE, _, use_language
from services.ports import Clock

_log = structlog.get_logger(__name__)

_SAY_IT_AGAIN_AFTER = timedelta(hours=1)
_WAITING = 1000
"""Beyond that many nobody is answered: a crowd at the door must not cost memory."""


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known of whoever is turned away, and what of his wants an answer."""

    person_id: int
    language: str | None = None
    chat_id: int | None = None  # he has written
    tap_id: str | None = None  # he has pressed a button
    query_id: str | None = None  # he has asked inline
    code: bool = False  # he has brought an invitation, which opens nothing
    too_many: bool = False  # … and which was not looked at any more

    @classmethod
    def of(cls, person_id: int, payload: dict[str, Any], *, code: bool = False, too_many: bool = False) -> Self:
        """Read a raw update; whatever it is made of, this does not fail."""
        caller = cls(person_id, code=code, too_many=too_many)
        for body in payload.values():
            match body:
                case {"from": {"language_code": str() as language}}:
                    caller = replace(caller, language=language)
        match payload:
            case {"message": {"chat": {"id": int() as chat_id}}}:
                return replace(caller, chat_id=chat_id)
            case {"callback_query": {"id": str() as tap_id}}:
                return replace(caller, tap_id=tap_id)
            case {"inline_query": {"id": str() as query_id}}:
                return replace(caller, query_id=query_id)
        return caller


class Porter:
    """Tells strangers that this is not for them: one polite line an hour, and what is wrong with an invitation.

    They are answered one after another and slowly: the limits that Telegram sets are for those who work here. What is
    said is a courtesy: who was not told, because the bot stopped or Telegram was away, is told when he comes again.
    """

    def __init__(self, bot: Bot, clock: Clock, pace: Pace, activity: Activity) -> None:
        self._bot, self._clock, self._pace, self._activity = bot, clock, pace, activity
        self._told: Recent[tuple[int, str], datetime] = Recent(10_000)
        self._callers: asyncio.Queue[Caller] = asyncio.Queue(_WAITING)
        self._speaking = False

    @property
    def idle(self) -> bool:
        return self._callers.empty() and not self._speaking

    def turn_away(self, caller: Caller) -> None:
        """Answer somebody when his turn comes."""
        if caller.chat_id is not None and self._silent(caller):
            return
        try:
            self._callers.put_nowait(caller)
        except asyncio.QueueFull:
            _log.warning("too many strangers at once, some get no answer")

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            caller = await self._callers.get()
            self._speaking = True
            try:
                if await self.answer(caller):
                    await asyncio.sleep(self._pace.stranger)
            except Exception as error:  # noqa: BLE001 - a courtesy
                _log.info("a stranger was not answered", error=repr(error))
            finally:
                self._speaking = False
                self._activity.ring()

    async def answer(self, caller: Caller) -> bool:
        """Answer somebody now; returns whether there was anything to say. A tap gets the answer Telegram waits for."""
        silent = self._silent(caller)
        if caller.query_id is not None:
            await self._bot.answer_inline_query(caller.query_id, results=[], is_personal=True, cache_time=60)
            return True
        if caller.tap_id is None and (caller.chat_id is None or silent):
            return False
        text, key = None if silent else _words(caller), _line(caller)
        if not silent:
            self._told[key] = self._clock.now()
        try:
            if caller.tap_id is not None:
                await self._bot.answer_callback_query(caller.tap_id, text=text, show_alert=True)
            elif caller.chat_id is not None and text is not None:
                await self._bot.send_message(caller.chat_id, text)
        except BaseException:
            if not silent:
                self._told.pop(key, None)
            raise
        return True

    def _silent(self, caller: Caller) -> bool:
        """Whether he has been told of late. How often a code may be wrong has a limit of its own."""
        told = self._told.get(_line(caller))
        if told is None or (caller.code and not caller.too_many):
            return False
        return self._clock.now() - told < _SAY_IT_AGAIN_AFTER


def _line(caller: Caller) -> tuple[int, str]:
    return caller.person_id, "too many" if caller.too_many else "code" if caller.code else "desk"


def _words(caller: Caller) -> str:
    with use_language(caller.language or DEFAULT_LANGUAGE):
        if caller.too_many:
            return _("Too many links have been tried. Open yours again later.")
        if caller.code:
            return _("This invitation is no longer valid. Ask the agency's administrator for a new one.")
        return _(
            "This is the desk of an insurance agency. It opens with an invitation from the agency's administrator."
        )
