"""Who did what: the newest first, by person, deal and day; and whether the chain of records is whole."""

import re
from datetime import date
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Data, Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, today
from fsm.i18n import _, ngettext
from fsm.navigation import at_page, back_row, leave_row, one_of, page_of, pager_preview, pager_row, pages
from fsm.text import Label, Raw, html, lines
from fsm.words import day
from handlers.audit.words import record
from services.audit import PAGE
from services.rules.reading import Unreadable, echo, plain

_NUMBER = re.compile(r"(?:сделк\w*|deal)?\s*[№#]?\s*(?P<number>[0-9]{1,12})")


async def trail(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    person, number, on = (kept(dialog_manager, name) for name in ("person_id", "number", "day"))
    found = await services(dialog_manager).audit.page(
        actor(dialog_manager),
        page_of(dialog_manager),
        person_id=person,
        deal_number=number,
        day=date.fromisoformat(on) if on else None,
    )
    filters = [
        found.names.get(person, "?") if person else None,
        f"№{number}" if number else None,
        day(date.fromisoformat(on)) if on else None,
    ]
    asked = " · ".join(text for text in filters if text)
    zone, now = actor(dialog_manager).zone, today(dialog_manager)
    return {
        "text": lines(
            html("🧾 <b>{title}</b> · {total}", title=_("Who did what"), total=found.total),
            html("🔎 {asked}", asked=asked) if asked else None,
            "",
            *(record(line, found.names, zone, now) for line in found.rows),
            None if found.rows else _("There are no records."),
            "",
            html("<i>{hint}</i>", hint=_("Write a deal number to see its records.")),
        ),
        "filtered": bool(asked),
        **pages(found.total, dialog_manager, size=PAGE),
    }


async def people(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, ask = actor(dialog_manager), services(dialog_manager).people.page
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number), "people")
    return {
        "text": html("🧾 <b>{title}</b>", title=_("Whose records?")),
        "people": [{"id": user.id, "label": user.full_name} for user in rows],
        **pages(total, dialog_manager, "people"),
    }


def _filter(manager: DialogManager, **values: Any) -> None:
    keep(manager, page=0, **values)


async def on_number(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    found = _NUMBER.fullmatch(plain(message.text or ""))
    if found is None:
        raise Unreadable("«{text}» is not a deal number. For example: 1001", text=echo(message.text or ""))
    _filter(manager, number=int(found["number"]))


async def on_person(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    _filter(manager, person_id=int(item))
    await manager.switch_to(states.Audit.list)


async def on_day(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(
        states.PickDate.pick, data={"title": _("Records of which day?"), "chips": ["today", "-1", "-7"], "past": "only"}
    )


async def on_day_chosen(_start: Data, result: Any, manager: DialogManager) -> None:
    if isinstance(result, dict) and "date" in result:
        _filter(manager, day=result["date"])


async def on_clear(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    _filter(manager, person_id=None, number=None, day=None)


async def on_verify(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Walk the chain: a record that was changed, added or taken away past the bot is named."""
    checked = await services(manager).audit.verify(actor(manager))
    if checked.first_bad is None:
        text = ngettext("✅ {n} record, the chain is whole.", "✅ {n} records, the chain is whole.", checked.records)
        await query.answer(text.format(n=checked.records), show_alert=True)
    else:
        text = _("🚨 The chain is broken at record {id}: it or the one before was changed past the bot.")
        await query.answer(text.format(id=checked.first_bad), show_alert=True)


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_number, content_types="text"),
        pager_row(),
        Row(
            SwitchTo(Label("👤 Person"), id="to_person", state=states.Audit.person),
            Button(Label("📅 Day"), id="day", on_click=on_day),
            Button(Label("✖️ All"), id="clear", on_click=on_clear, when="filtered"),
        ),
        Button(Label("🔗 Check the chain"), id="verify", on_click=on_verify),
        leave_row(),
        state=states.Audit.list,
        getter=trail,
        preview_data={
            "text": Markup("<b>Who did what</b>"),
            "filtered": True,
            **pager_preview(),
        },
    ),
    Window(
        Raw("text"),
        Column(one_of("people", "person", on_person)),
        pager_row("people"),
        back_row(states.Audit.list),
        state=states.Audit.person,
        getter=people,
        preview_data={
            "text": Markup("Whose?"),
            "people": [{"id": 1, "label": "Анна"}],
            **pager_preview("people"),
        },
    ),
    on_process_result=on_day_chosen,
)
