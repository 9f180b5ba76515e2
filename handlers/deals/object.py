"""Correcting the insured object of a deal."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Row
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import back_row, leave_row
from fsm.text import Label, Raw, html, lines
from services.errors import N_

ASKS = {
    "title": N_("What is insured? For example: Kia Rio 2021"),
    "plate": N_("The number plate. For example: A123BC77"),
    "vin": N_("The VIN, 17 letters and digits"),
    "address": N_("The address of the flat, house or site"),
}


async def choose(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view = await services(dialog_manager).deals.card(actor(dialog_manager), start_id(dialog_manager, "deal_id"))
    deal = view.deal
    nothing = "—"
    return {
        "text": lines(
            html("✏️ <b>№{n} › {title}</b>", n=deal.number, title=_("Insured object")),
            "",
            html(_("Object: {value}"), value=deal.title),
            html(_("Plate: {value}"), value=deal.plate or nothing),
            html("VIN: {value}", value=deal.vin or nothing),
            html(_("Address: {value}"), value=deal.address or nothing),
        )
    }


async def asked(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    field = str(kept(dialog_manager, "field"))
    return {"text": lines(html("✏️ <b>{ask}</b>", ask=_(ASKS[field]))), "clearable": field != "title"}


async def on_field(_event: CallbackQuery, button: Button, manager: DialogManager) -> None:
    keep(manager, field=button.widget_id)
    await manager.switch_to(states.EditDeal.typed)


async def _change(manager: DialogManager, text: str) -> None:
    await services(manager).deals.change(
        actor(manager), start_id(manager, "deal_id"), str(kept(manager, "field")), text
    )
    await manager.switch_to(states.EditDeal.choose)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _change(manager, message.text or "")


async def on_clear(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _change(manager, "")


dialog = Dialog(
    Window(
        Raw("text"),
        Row(
            Button(Label("🚘 Object"), id="title", on_click=on_field),
            Button(Label("🔖 Plate"), id="plate", on_click=on_field),
        ),
        Row(
            Button(Label("🔢 VIN"), id="vin", on_click=on_field),
            Button(Label("📍 Address"), id="address", on_click=on_field),
        ),
        leave_row(),
        state=states.EditDeal.choose,
        getter=choose,
        preview_data={"text": Markup("✏️")},
    ),
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Button(Label("🧹 Clear"), id="clear", on_click=on_clear, when="clearable"),
        back_row(states.EditDeal.choose),
        state=states.EditDeal.typed,
        getter=asked,
        preview_data={"text": Markup("✏️"), "clearable": True},
    ),
)
