"""A small bot behind the real front door: a notebook of two pages, for the tests of the door itself.

`python -m tests.bot.front_desk` runs it as a process of its own, which the tests may kill.
"""

import os
import signal
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from aiogram import F, Router
from aiogram.filters import Command
from aiogram.fsm.state import State, StatesGroup
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button
from aiogram_dialog.widgets.text import Const, Format
from markupsafe import escape

from bot.app import App
from bot.pace import AT_ONCE
from bot.settings import load
from fsm.cards import Card, CardContext, card, kinds
from fsm.context import actor, services
from services.access import ANYBODY, Actor, Service, command
from storage.dialog_state import PostgresDialogState
from storage.inbox import Inbox
from storage.uow import Transaction


class Notebook(StatesGroup):
    first = State()
    second = State()


class NotebookService(Service):
    @command(ANYBODY)
    async def write(self, tx: Transaction, actor: Actor, line: str) -> None:
        tx.audit("test.line", "test", actor.user_id, line=line)

    @command(ANYBODY)
    async def tell(self, tx: Transaction, actor: Actor, user_id: int, line: str, options: dict[str, Any]) -> None:
        tx.notify(user_id, "test_line", line=line, **options)


async def nothing(_moment: str, _text: str) -> None:
    """Where a test may step in: "before" the effect, "after" it, "shown" when the screen is drawn."""


class Desk:
    def __init__(self, hook: Callable[[str, str], Awaitable[None]] = nothing) -> None:
        self.hook = hook
        self.heard: dict[int, list[str]] = defaultdict(list)
        self.at_once: dict[int, int] = defaultdict(int)
        self.most_at_once: dict[int, int] = defaultdict(int)
        self.routers_made = 0

    async def _write(self, manager: DialogManager, text: str) -> None:
        who, kept = actor(manager), services(manager)
        self.at_once[who.user_id] += 1
        self.most_at_once[who.user_id] = max(self.most_at_once[who.user_id], self.at_once[who.user_id])
        try:
            self.heard[who.user_id].append(text)
            await self.hook("before", text)
            await NotebookService(kept.people._transactions, kept.people.clock).write(who, text)
            await self.hook("after", text)
        finally:
            self.at_once[who.user_id] -= 1

    def routers(self) -> list[Router]:
        async def start(message: Message, dialog_manager: DialogManager) -> None:
            if dialog_manager.middleware_data["actor"] is None:
                await message.answer("no invitation")
                return
            await dialog_manager.start(Notebook.first, mode=StartMode.RESET_STACK)

        async def buttons(message: Message) -> None:
            button = InlineKeyboardButton(text="Plain", callback_data="plain")
            await message.answer("Buttons", reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]))

        async def plain(query: CallbackQuery) -> None:
            await self.hook("plain", query.data or "")

        async def first(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
            await self._write(manager, f"1 {message.text}")
            manager.dialog_data["said"] = str(escape(message.text or ""))
            await manager.next()

        async def second(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
            await self._write(manager, f"2 {message.text}")

        async def press(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
            await self._write(manager, "pressed")

        async def later(_query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
            background = manager.bg()
            await background.update({"said": "from behind"})
            await self._write(manager, "later")

        async def said(dialog_manager: DialogManager, **_more: Any) -> dict[str, Any]:
            await self.hook("shown", "")
            return {"said": dialog_manager.dialog_data.get("said", "")}

        router = Router()
        router.message.register(start, Command("start"))
        router.message.register(buttons, Command("buttons"))
        router.callback_query.register(plain, F.data == "plain")
        dialog = Dialog(
            Window(
                Const("Page one"),
                Button(Const("Stay"), id="stay", on_click=press),
                MessageInput(first),
                state=Notebook.first,
            ),
            Window(
                Format("Page two: {said}"),
                Button(Const("Press"), id="press", on_click=press),
                Button(Const("Later"), id="later", on_click=later),
                MessageInput(second),
                state=Notebook.second,
                getter=said,
            ),
        )
        router.include_router(dialog)
        return [router]


if "test_line" not in kinds():

    @card("test_line")
    async def render_line(
        _context: CardContext, *, line: str, documents: tuple[int, ...] = (), button: str = ""
    ) -> Card | None:
        rows = [[InlineKeyboardButton(text=button, callback_data=button)]] if button else []
        keyboard = InlineKeyboardMarkup(inline_keyboard=rows) if rows else None
        return None if line == "nothing" else Card(escape(line), keyboard, list(documents))


async def _killed(_moment: str, _text: str) -> None:
    if _moment == os.environ.get("DIE_AT"):
        os.kill(os.getpid(), signal.SIGKILL)


async def _run() -> None:
    async with App(load(None), pace=AT_ONCE, screens=Desk(_killed).routers) as app:
        sys.stdout.write("at work\n")
        sys.stdout.flush()
        await app.until_stopped()


def _die_instead_of_done() -> None:
    async def done(*_given: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Inbox, "done", done)  # noqa: B010 - mypy lets no method be assigned


def _die_when_saved() -> None:
    save = PostgresDialogState.save

    async def saved(*given: Any) -> None:
        await save(*given)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(PostgresDialogState, "save", saved)  # noqa: B010 - as above


if __name__ == "__main__":
    {"done": _die_instead_of_done, "saved": _die_when_saved}.get(os.environ.get("DIE_AT", ""), lambda: None)()
    uvloop.run(_run())
