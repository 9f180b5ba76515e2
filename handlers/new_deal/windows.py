"""The windows of a new deal, and what a press or a line means in them."""

from dataclasses import replace
from typing import Any

from aiogram import F
from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.common import WhenCondition
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.i18n import _
from fsm.navigation import leave, menu_button, one_of
from fsm.text import Label, Raw
from handlers.new_deal import draft, getters
from services.clients import read_phones
from services.deals import DealDraft
from services.errors import Invalid


async def on_start(start_data: Any, manager: DialogManager) -> None:
    """Begin with a client who is known, or with a line that was typed elsewhere."""
    given: dict[str, Any] = start_data if isinstance(start_data, dict) else {}
    if client_id := given.get("client_id"):
        keep(manager, client_id=int(client_id))
        await manager.switch_to(await draft.next_window(manager))  # «Back» leads to the client's card
    elif text := given.get("text"):
        await draft.take(manager, str(text))
        await draft.go_on(manager)


async def on_back(event: CallbackQuery, button: Button, manager: DialogManager) -> None:
    """To the window before, with all that was said; from the first one out."""
    if not await draft.back(manager):
        await leave(event, button, manager)


async def on_further(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await draft.go_on(manager)


async def on_client_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await draft.take(manager, message.text or "")
    await draft.go_on(manager)


async def on_client(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, client_id=int(item), client=None)
    await draft.go_on(manager)


async def on_new_client(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await draft.take_for_new(manager)
    await draft.go_on(manager)


async def on_line(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, line_id=int(item))
    await draft.go_on(manager)


async def on_line_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await draft.take_line(manager, message.text or "")
    await draft.go_on(manager)


async def on_object_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    draft.take_object(manager, message.text or "")
    await draft.go_on(manager)


async def on_object_skipped(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, object_settled=True)
    await draft.go_on(manager)


async def on_phone_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    client = draft.new_client(manager)
    if client is not None:
        draft.keep_new_client(manager, replace(client, phones=read_phones(message.text or "")))
    await draft.go_on(manager)


async def on_note_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    draft.add_note(manager, message.text or "")
    await draft.show(manager, states.NewDeal.check)


async def on_note_cleared(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, note="")
    await draft.show(manager, states.NewDeal.check)


async def on_save(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Open the deal, with its client where he is new, and show its card."""
    deals, me = services(manager).deals, actor(manager)
    text = {name: str(kept(manager, name) or "") for name in ("title", "plate", "vin", "note")}
    wanted = DealDraft(line_id=int(kept(manager, "line_id")), **text)
    client_id, client = kept(manager, "client_id"), draft.new_client(manager)
    if client_id:
        deal_id = await deals.open(me, int(client_id), wanted)
    elif client is not None:
        deal_id = await deals.open_with_client(me, client, wanted)
    else:
        raise Invalid("There is no client in this deal yet.")
    await query.answer(_("The deal is open."))
    await manager.start(states.Deal.card, data={"deal_id": deal_id}, mode=StartMode.RESET_STACK)


def _to(label: Label, widget_id: str, state: State, when: WhenCondition = None) -> Button:
    """A button that corrects one part; «Back» returns from there."""

    async def on_click(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
        await draft.correct(manager, state)

    return Button(label, id=widget_id, on_click=on_click, when=when)


def _further(widget_id: str) -> Button:
    """On with what is known already."""
    return Button(Label("Further ›"), id=widget_id, on_click=on_further, when="known")


def _back_row() -> Row:
    return Row(Button(Label("‹ Back"), id="back", on_click=on_back), menu_button())


def _typing(handler: Any) -> MessageInput:
    return MessageInput(handler, content_types="text")


UNDERSTOOD = {"text": Markup("➕ <b>Новая сделка</b>"), "known": True}

dialog = Dialog(
    Window(
        Raw("text"),
        _typing(on_client_typed),
        _further("client_known"),
        _back_row(),
        state=states.NewDeal.client,
        getter=getters.ask_client,
        preview_data=UNDERSTOOD,
    ),
    Window(
        Raw("text"),
        _typing(on_client_typed),
        Column(one_of("clients", "client", on_client)),
        Button(Label("➕ New client: {name}"), id="new_client", on_click=on_new_client),
        _back_row(),
        state=states.NewDeal.match,
        getter=getters.match,
        preview_data=UNDERSTOOD | {"clients": [{"id": 1, "label": "Иванов"}], "name": "Иванов"},
    ),
    Window(
        Raw("text"),
        _typing(on_line_typed),
        Group(one_of("lines", "line", on_line), width=3),
        _further("line_known"),
        _back_row(),
        state=states.NewDeal.line,
        getter=getters.line,
        preview_data=UNDERSTOOD | {"lines": [{"id": 1, "label": "КАСКО"}]},
    ),
    Window(
        Raw("text"),
        _typing(on_object_typed),
        Button(Label("Skip"), id="skip_object", on_click=on_object_skipped, when=~F["known"]),
        _further("object_known"),
        _back_row(),
        state=states.NewDeal.object,
        getter=getters.object_,
        preview_data=UNDERSTOOD,
    ),
    Window(
        Raw("text"),
        _typing(on_note_typed),
        Button(Label("✅ Open the deal"), id="save", on_click=on_save),
        Row(
            _to(Label("👤 Client"), "to_client", states.NewDeal.client),
            _to(Label("🛡 Line"), "to_line", states.NewDeal.line),
            _to(Label("🔖 Object"), "to_object", states.NewDeal.object),
        ),
        Row(
            _to(Label("📱 Phone"), "to_phone", states.NewDeal.phone, when="new"),
            _to(Label("📝 Note"), "to_note", states.NewDeal.note),
        ),
        _back_row(),
        state=states.NewDeal.check,
        getter=getters.check,
        preview_data=UNDERSTOOD | {"new": True},
    ),
    Window(
        Raw("text"),
        _typing(on_phone_typed),
        _back_row(),
        state=states.NewDeal.phone,
        getter=getters.ask_phone,
        preview_data=UNDERSTOOD,
    ),
    Window(
        Raw("text"),
        _typing(on_note_typed),
        Button(Label("🧹 Clear"), id="clear_note", on_click=on_note_cleared),
        _back_row(),
        state=states.NewDeal.note,
        getter=getters.ask_note,
        preview_data=UNDERSTOOD,
    ),
    on_start=on_start,
)
