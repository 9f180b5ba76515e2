"""The menu, help by roles, and what to do with a line that nobody asked for."""

from typing import Any

from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Row, Start

from fsm import states
from fsm.context import keep
from fsm.navigation import leave_row, one_of
from fsm.text import Label, Plain, Raw
from handlers.menu import getters


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, text=message.text or "")
    await manager.switch_to(states.Menu.typed)


async def on_deal(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Deal.card, data={"deal_id": int(item)}, mode=StartMode.RESET_STACK)


async def on_new(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.NewDeal.client, data={"text": getters.typed_text(manager)}, mode=StartMode.RESET_STACK)


async def on_find(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Find.results, data={"text": getters.typed_text(manager)})


def to(label: str | Label | Plain, state: State, when: str | None = None) -> Start:
    """A button to another feature, named after its state."""
    text = Label(label) if isinstance(label, str) else label
    return Start(text, id=f"to_{state.group.__name__.lower()}", state=state, when=when)


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        to(Label("➕ New deal"), states.NewDeal.client, when="seller"),
        Row(
            to(Label("📂 Deals · {open}"), states.Deals.list),
            to(Plain("tasks"), states.Tasks.list),
        ),
        Row(to(Label("📅 Today"), states.Today.main), to(Label("🔎 Search"), states.Find.ask)),
        Row(to(Label("📜 Policies"), states.Policies.list), to(Label("💳 Instalments"), states.Payments.list)),
        Row(
            to(Label("👤 Clients"), states.Clients.list, when="seller"),
            to(Label("⚙️ Settings"), states.MySettings.main),
        ),
        Row(
            to(Label("👥 People"), states.People.list),
            to(Label("📊 Statistics"), states.Stats.day),
            when="admin",
        ),
        Row(
            to(Label("🏢 Agency"), states.TeamSettings.main),
            to(Label("💯 Rates"), states.Rates.list),
            when="admin",
        ),
        Row(
            to(Label("🧾 Audit"), states.Audit.list, when="admin"),
            Start(Label("❓ Help"), id="help", state=states.Menu.help),
        ),
        state=states.Menu.main,
        getter=getters.main,
        preview_data=getters.MENU_PREVIEW,
    ),
    Window(
        Raw("text"),
        leave_row(),
        state=states.Menu.help,
        getter=getters.help_,
        preview_data={"text": "Help"},
    ),
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Column(one_of("deals", "deal", on_deal)),
        Button(Label("🔎 All that is found"), id="find", on_click=on_find, when="more"),
        Button(Label("➕ New deal from this line"), id="new", on_click=on_new, when="seller"),
        leave_row(),
        state=states.Menu.typed,
        getter=getters.typed,
        preview_data=getters.TYPED_PREVIEW,
    ),
)
