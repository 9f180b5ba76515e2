"""Updates past the network: to the handlers as the worker gives them, on the real database, with the real rights.

Telegram is a table here that says yes to everything and remembers it: a hundred thousand presses over HTTP take hours.
What Telegram would refuse is tried over HTTP, by fewer presses (test_buttons.py).
"""

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot
from aiogram.methods import AnswerCallbackQuery, TelegramMethod
from aiogram.types import BufferedInputFile, Chat, Message, User
from sqlalchemy import delete, insert, select

from bot.app import App
from bot.intake import clean
from models.tables import DialogState
from sandbox.people import VirtualUser
from storage.inbox import TakenUpdate
from tests.bot.steps import plain
from tests.security.claims import mark_of

FILES = ("sendPhoto", "sendDocument", "sendVoice", "sendVideo", "sendAudio", "sendAnimation", "sendMediaGroup")
UPDATES = itertools.count(1_000_000_000)

# A screen is kept for whoever holds the update's lease, and for nobody else.
_LEASED = """
    INSERT INTO inbox (bot_id, update_id, person_id, payload, status, attempts, leased_until)
    VALUES ($1, $2, $3, $4, 'pending', 1, clock_timestamp() + interval '1 hour')
"""


@dataclass
class Said:
    """A request of the bot."""

    method: str
    to: int | None
    words: str
    """What is read: the text as it was sent, and the labels below it."""
    source: str = ""
    labels: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    file: bytes = field(default=b"", repr=False)
    is_html: bool = True

    @property
    def gives_file(self) -> bool:
        return self.method in FILES


@dataclass
class Shortcut:
    """The bot's handlers, and what they said to whom."""

    app: App
    said: list[Said] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)
    keyboard: list[list[Any]] = field(default_factory=list)
    """The buttons that were shown last."""

    async def press(self, person: VirtualUser, data: str) -> None:
        """Press a button with this data on the person's newest message."""
        number = next(UPDATES)
        person_json = person.person.as_user()
        message = {
            "message_id": 7,
            "date": int(datetime.now(UTC).timestamp()),
            "chat": person.person.as_chat(),
            "from": {"id": self.app.bot.id, "is_bot": True, "first_name": "Polisdesk"},
            "text": "a screen",
        }
        query = {
            "id": str(number),
            "from": person_json,
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        await self._give(person, number, {"callback_query": query})
        if str(number) not in self.answered:
            self.failures.append(f"{person.name} {data!r}: not answered")

    async def say(self, person: VirtualUser, text: str) -> None:
        number = next(UPDATES)
        message = {
            "message_id": number,
            "date": int(datetime.now(UTC).timestamp()),
            "chat": person.person.as_chat(),
            "from": person.person.as_user(),
            "text": text,
        }
        await self._give(person, number, {"message": message})

    async def press_all(self, person: VirtualUser, many: Iterable[str]) -> None:
        for data in many:
            await self.press(person, data)

    async def marks(self, person: VirtualUser) -> list[str]:
        """The mark of the person's own open dialog: a forger knows it. Who has none gets none."""
        self.keyboard = []
        await self.say(person, "/menu")
        buttons = [str(b.callback_data) for row in self.keyboard for b in row]
        return [mark_of(buttons[-1])] if buttons else []

    def forget(self) -> None:
        """Let go of what was looked at."""
        self.said.clear()
        self.failures.clear()
        self.answered.clear()

    async def _give(self, person: VirtualUser, number: int, body: dict[str, Any]) -> None:
        payload = clean({"update_id": number, **body})
        taken = TakenUpdate(self.app.bot.id, number, person.id, payload, 1, datetime.now(UTC))
        kept = self.app.database.direct
        await kept.fetch(_LEASED, taken.bot_id, number, person.id, payload)
        try:
            await self.app.worker._handle(taken, False)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            self.failures.append(f"{person.name} {body}: {error!r}")
        finally:
            await kept.fetch("DELETE FROM inbox WHERE bot_id = $1 AND update_id = $2", taken.bot_id, number)

    async def telegram(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:
        """Say yes."""
        told = method.model_dump(exclude_none=True, exclude={"reply_markup"}, warnings=False)
        markup = getattr(method, "reply_markup", None)
        to = told.get("chat_id")
        if isinstance(method, AnswerCallbackQuery):
            self.answered.add(method.callback_query_id)
        shown: list[list[Any]] | None = getattr(markup, "inline_keyboard", None)
        self.keyboard = shown or self.keyboard
        buttons = [button for line in shown or () for button in line]
        labels = tuple(str(button.text) for button in buttons)
        source = str(told.get("text") or told.get("caption") or "")
        photo = getattr(method, "photo", None)
        self.said.append(
            Said(
                method.__api_method__,
                to if isinstance(to, int) else None,
                "\n".join([source, *labels]),
                source,
                labels,
                tuple(str(button.callback_data or "") for button in buttons),
                photo.data if isinstance(photo, BufferedInputFile) else b"",
                # An answer to a press is a line of plain text.
                "parse_mode" in type(method).model_fields and getattr(method, "parse_mode", None) is not None,
            )
        )
        if method.__returning__ is bool or method.__api_method__ in {"answerCallbackQuery", "setMessageReaction"}:
            return True
        message = Message(
            message_id=told.get("message_id") or next(UPDATES),
            date=datetime.now(UTC),
            chat=Chat(id=to or 1, type="private"),
            from_user=User(id=bot.id, is_bot=True, first_name="Polisdesk"),
            text=str(told.get("text") or ""),
        )
        return message.as_(bot)


@asynccontextmanager
async def shortcut(app: App) -> AsyncIterator[Shortcut]:
    """Inside nothing of what the bot says goes out, and afterwards everybody's screen is the one that he had before."""
    made = Shortcut(app)
    session: Any = app.bot.session
    async with app.database.engine.connect() as connection:
        screens = [dict(row) for row in (await connection.execute(select(DialogState.__table__))).mappings()]
    session.make_request = made.telegram
    try:
        yield made
    finally:
        del session.make_request
        async with app.database.engine.begin() as connection:
            await connection.execute(delete(DialogState))
            if screens:
                await connection.execute(insert(DialogState), screens)


def foreign(cut: Shortcut, secrets: Sequence[str]) -> tuple[int, list[str]]:
    """How many bytes of what is not for them people were told, and where; a file is foreign whatever is in it."""
    found = [(word, one) for one in cut.said for word in secrets if word in plain(one.words)]
    files = [one for one in cut.said if one.gives_file]
    details = [f"{word!r} in {one}" for word, one in found] + [f"a file: {one}" for one in files]
    return sum(len(word.encode()) for word, _one in found) + len(files), details
