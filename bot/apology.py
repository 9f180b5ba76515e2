"""What people are told while the database is away: that nothing is lost. Said past everything that needs a database."""

import asyncio
import time
from typing import Any, Final

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramAPIError

from bot.recent import Recent
from fsm.i18n import DEFAULT_LANGUAGE, _, use_language

_log = structlog.get_logger(__name__)

_AGAIN_AFTER: Final = 600.0  # seconds: an outage is one sentence, however much is sent meanwhile


class Apology:
    """One sentence a person and outage, to whoever has sent something that cannot be handled now."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._told: Recent[int, float] = Recent(4096)
        self._under_way: set[asyncio.Task[None]] = set()

    def for_update(self, update: dict[str, Any]) -> None:
        """Begin to tell whoever this update is from, unless he knows; nobody waits for it."""
        tap, message = update.get("callback_query"), update.get("message")
        sender = (tap or message or {}).get("from") or {}
        person_id = sender.get("id")
        private = tap is not None or (message or {}).get("chat", {}).get("type") == "private"
        if not isinstance(person_id, int) or not private:
            return
        now = time.monotonic()
        if now - self._told.get(person_id, -_AGAIN_AFTER) < _AGAIN_AFTER:
            return
        self._told[person_id] = now
        with use_language(str(sender.get("language_code") or DEFAULT_LANGUAGE)):
            text = _(
                "⏳ The bot cannot reach its records just now. What you have sent is not lost: it will be done as soon"
                " as they are back."
            )
        task = asyncio.create_task(self._say(person_id, None if tap is None else str(tap.get("id")), text))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _say(self, person_id: int, tap_id: str | None, text: str) -> None:
        try:
            if tap_id is not None:
                await self._bot.answer_callback_query(tap_id, text=text, show_alert=True)
            else:
                await self._bot.send_message(person_id, text)
        except TelegramAPIError as error:
            _log.info("somebody could not be told of the outage", error=repr(error))
