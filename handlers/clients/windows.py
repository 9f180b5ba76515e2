"""Clients by name, the client's card, correcting and merging."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import back_row, leave_row, one_of, open_card, pager_row
from fsm.text import Label, Raw
from handlers.clients import getters


async def on_looked_for(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, text=message.text or "", page=0)


async def on_everybody(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, text="", page=0)


async def on_client(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Client.card, data={"client_id": int(item)})


async def on_deal(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await open_card(manager, states.Deal.card, deal_id=int(item))


async def on_new_deal(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.NewDeal.client, data={"client_id": start_id(manager, "client_id")})


async def on_field(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, field=item)
    await manager.switch_to(states.Client.edit)


async def _change(manager: DialogManager, text: str) -> None:
    await services(manager).clients.change(
        actor(manager), start_id(manager, "client_id"), str(kept(manager, "field")), text
    )
    await manager.switch_to(states.Client.card)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _change(manager, message.text or "")


async def on_clear(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _change(manager, "")


async def on_merge_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, merge_text=message.text or "")


async def on_into(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, into_id=int(item))
    await manager.switch_to(states.Client.merge_confirm)


async def on_merge(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    into = int(kept(manager, "into_id"))
    await services(manager).clients.merge(actor(manager), start_id(manager, "client_id"), into)
    await query.answer(_("Merged: one client now."))
    await manager.start(states.Client.card, data={"client_id": into}, mode=StartMode.RESET_STACK)


list_ = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_looked_for, content_types="text"),
        Column(one_of("clients", "client", on_client)),
        pager_row(),
        Button(Label("👥 Everybody"), id="everybody", on_click=on_everybody, when="searched"),
        leave_row(),
        state=states.Clients.list,
        getter=getters.clients,
        preview_data=getters.LIST_PREVIEW,
    )
)

card = Dialog(
    Window(
        Raw("text"),
        Button(Label("➕ New deal"), id="new_deal", on_click=on_new_deal, when="own"),
        Column(one_of("deals", "deal", on_deal)),
        Row(
            SwitchTo(Label("✏️ Change"), id="change", state=states.Client.field),
            SwitchTo(Label("🔗 Merge"), id="to_merge", state=states.Client.merge),
            when="own",
        ),
        leave_row(),
        state=states.Client.card,
        getter=getters.card,
        preview_data={"text": Markup("👤"), "deals": [{"id": 1, "label": "№1001"}], "own": True},
    ),
    Window(
        Raw("text"),
        Group(one_of("fields", "field", on_field), width=2),
        back_row(states.Client.card),
        state=states.Client.field,
        getter=getters.fields,
        preview_data={"text": Markup("✏️"), "fields": [{"id": "name", "label": "Name"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Button(Label("🧹 Clear"), id="clear", on_click=on_clear, when="clearable"),
        back_row(states.Client.field),
        state=states.Client.edit,
        getter=getters.asked,
        preview_data={"text": Markup("✏️"), "clearable": True},
    ),
    Window(
        Raw("text"),
        MessageInput(on_merge_typed, content_types="text"),
        Column(one_of("clients", "into", on_into)),
        back_row(states.Client.card),
        state=states.Client.merge,
        getter=getters.merge,
        preview_data={"text": Markup("🔗"), "clients": [{"id": 2, "label": "Иванов"}]},
    ),
    Window(
        Raw("text"),
        Button(Label("🔗 Yes, merge"), id="merge", on_click=on_merge),
        back_row(states.Client.merge),
        state=states.Client.merge_confirm,
        getter=getters.merge_confirm,
        preview_data={"text": Markup("🔗")},
    ),
)
