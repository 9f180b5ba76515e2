"""Insurers: added, renamed, given short names, switched off."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, services
from fsm.i18n import _, ngettext
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Raw, html, lines
from handlers.dictionaries.shown import LIST_PREVIEW, TEXT_PREVIEW, aliases, chosen, label, paged


async def every(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    rows = await services(dialog_manager).dictionaries.insurers(actor(dialog_manager))
    shown, pager = paged(rows, dialog_manager)
    return {
        "text": html("🏛 <b>{title}</b> · {n}", title=_("Insurers"), n=len(rows)),
        "rows": [{"id": row.id, "label": label(row)} for row in shown],
        **pager,
    }


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await services(dialog_manager).dictionaries.insurer(actor(dialog_manager), chosen(dialog_manager))
    row = found.insurer
    return {
        "text": lines(
            html("🏛 <b>{name}</b>", name=row.name),
            html(_("Short names: {aliases}"), aliases=aliases(row)),
            ngettext("{n} policy", "{n} policies", found.policies).format(n=found.policies),
            None if row.active else _("🚫 Switched off: not offered in new deals."),
        ),
        "rates": found.rates,
        "active": row.active,
        "inactive": not row.active,
    }


async def new(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:  # noqa: ARG001
    return {
        "text": lines(
            html("🏛 <b>{title}</b>", title=_("A new insurer")),
            html(
                _("Write its name, then short names after a comma: <code>{example}</code>"), example="ПАРИ, пари, pari"
            ),
        )
    }


async def name(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await services(dialog_manager).dictionaries.insurer(actor(dialog_manager), chosen(dialog_manager))
    return {"text": html(_("✍️ <b>{name}</b>\nWrite the new name."), name=found.insurer.name)}


async def short_names(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await services(dialog_manager).dictionaries.insurer(actor(dialog_manager), chosen(dialog_manager))
    return {
        "text": lines(
            html("🔤 <b>{name}</b>", name=found.insurer.name),
            html(_("Now: <code>{aliases}</code>"), aliases=aliases(found.insurer)),
            _("Write all short names with commas; a dash takes them all away."),
        )
    }


async def on_row(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, row_id=int(item))
    await manager.switch_to(states.Insurers.card)


async def on_new(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    made = await services(manager).dictionaries.add_insurer(actor(manager), message.text or "")
    keep(manager, row_id=made)
    await manager.switch_to(states.Insurers.card)


async def on_name(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).dictionaries.rename_insurer(actor(manager), chosen(manager), message.text or "")
    await manager.switch_to(states.Insurers.card)


async def on_aliases(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).dictionaries.set_insurer_aliases(actor(manager), chosen(manager), message.text or "")
    await manager.switch_to(states.Insurers.card)


async def on_off(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).dictionaries.switch_insurer(actor(manager), chosen(manager), active=False)


async def on_on(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).dictionaries.switch_insurer(actor(manager), chosen(manager), active=True)


async def on_rates(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Rates.insurer, data={"insurer_id": chosen(manager)})


dialog = Dialog(
    Window(
        Raw("text"),
        SwitchTo(Label("➕ Add an insurer"), id="to_new", state=states.Insurers.new),
        Group(one_of("rows", "row", on_row), width=2),
        pager_row(),
        leave_row(),
        state=states.Insurers.list,
        getter=every,
        preview_data=LIST_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("💯 Rates · {rates}"), id="rates", on_click=on_rates),
        Row(
            SwitchTo(Label("✍️ Rename"), id="to_name", state=states.Insurers.name),
            SwitchTo(Label("🔤 Short names"), id="to_aliases", state=states.Insurers.aliases),
        ),
        Button(Label("🚫 Switch off"), id="off", on_click=on_off, when="active"),
        Button(Label("🟢 Switch on"), id="on", on_click=on_on, when="inactive"),
        back_row(states.Insurers.list),
        state=states.Insurers.card,
        getter=card,
        preview_data={"text": Markup("<b>РЕСО</b>"), "rates": 2, "active": True, "inactive": True},
    ),
    Window(
        Raw("text"),
        MessageInput(on_new, content_types="text"),
        back_row(states.Insurers.list),
        state=states.Insurers.new,
        getter=new,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(on_name, content_types="text"),
        back_row(states.Insurers.card),
        state=states.Insurers.name,
        getter=name,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(on_aliases, content_types="text"),
        back_row(states.Insurers.card),
        state=states.Insurers.aliases,
        getter=short_names,
        preview_data=TEXT_PREVIEW,
    ),
)
