"""Lines of business: what they are called, and when their policies are reminded of."""

from typing import Any

from aiogram import Bot
from aiogram.enums import ChatAction
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.i18n import _, ngettext
from fsm.navigation import back_row, leave_row, one_of, pager_row
from fsm.text import Label, Raw, html, lines
from handlers.dictionaries.shown import LIST_PREVIEW, TEXT_PREVIEW, aliases, chosen, label, paged
from models.enums import Ladder
from services.dictionaries import LineCard
from services.errors import N_
from services.rules.ladders import SAFE_DAYS, end_steps

FAMILY = {
    Ladder.OSAGO: N_("as ОСАГО"),
    Ladder.KASKO: N_("as КАСКО and mortgage"),
    Ladder.PERSONAL: N_("other personal"),
    Ladder.CORPORATE: N_("ДМС and corporate"),
}
"""Families of lines that are reminded of alike."""


def days(steps: object) -> str:
    return ", ".join(map(str, steps)) if isinstance(steps, (list, tuple)) else str(steps)


async def every(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    rows = await services(dialog_manager).dictionaries.lines(actor(dialog_manager))
    shown, pager = paged(rows, dialog_manager)
    return {
        "text": html("📚 <b>{title}</b> · {n}", title=_("Lines of business"), n=len(rows)),
        "rows": [{"id": row.id, "label": label(row)} for row in shown],
        **pager,
    }


async def _card(manager: DialogManager) -> LineCard:
    return await services(manager).dictionaries.line(actor(manager), chosen(manager))


async def card(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await _card(dialog_manager)
    row = found.line
    said = _replanned(dialog_manager)
    return {
        "text": lines(
            said,
            None if said is None else "",
            html("📚 <b>{name}</b>", name=row.name),
            html(_("Short names: {aliases}"), aliases=aliases(row)),
            html(_("⏰ Reminders before the end, days: <b>{days}</b>"), days=days(tuple(found.steps))),
            html(_("Last safe day: {n} before the end"), n=SAFE_DAYS[row.ladder]),
            ngettext("{n} policy", "{n} policies", found.policies).format(n=found.policies),
            None if row.active else _("🚫 Switched off: not offered in new deals."),
        ),
        "active": row.active,
        "inactive": not row.active,
    }


async def new(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    family = str(kept(dialog_manager, "family", Ladder.PERSONAL.value))
    return {
        "text": lines(
            html("📚 <b>{title}</b>", title=_("A new line of business")),
            _("Choose how it is reminded of, then write its name and short names:"),
            html("<code>{example}</code>", example="Киберриски, кибер"),
        ),
        "families": [
            {
                "id": ladder.value,
                "label": f"{'● ' if ladder.value == family else ''}{_(words)}: {days(end_steps(ladder))}",
            }
            for ladder, words in FAMILY.items()
        ],
    }


async def name(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await _card(dialog_manager)
    return {"text": html(_("✍️ <b>{name}</b>\nWrite the new name."), name=found.line.name)}


async def short_names(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await _card(dialog_manager)
    return {
        "text": lines(
            html("🔤 <b>{name}</b>", name=found.line.name),
            html(_("Now: <code>{aliases}</code>"), aliases=aliases(found.line)),
            _("Write all short names with commas; a dash takes them all away."),
        )
    }


async def ladder(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await _card(dialog_manager)
    own = end_steps(found.line.ladder)
    return {
        "text": lines(
            html("⏰ <b>{name}</b>", name=found.line.name),
            html(_("Reminders before the end, days: <b>{days}</b>"), days=days(tuple(found.steps))),
            html(_("Write others with commas: <code>{example}</code>"), example="45,30,14,7,5"),
            _("Reminders of all its policies that are open will be planned anew."),
        ),
        "usual": days(own),
        "changed": found.line.steps is not None,
    }


async def on_row(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, row_id=int(item))
    await manager.switch_to(states.Lines.card)


async def on_family(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, family=item)


async def on_new(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    family = str(kept(manager, "family", Ladder.PERSONAL.value))
    made = await services(manager).dictionaries.add_line(actor(manager), message.text or "", family)
    keep(manager, row_id=made)
    await manager.switch_to(states.Lines.card)


async def on_name(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).dictionaries.rename_line(actor(manager), chosen(manager), message.text or "")
    await manager.switch_to(states.Lines.card)


async def on_aliases(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).dictionaries.set_line_aliases(actor(manager), chosen(manager), message.text or "")
    await manager.switch_to(states.Lines.card)


async def on_ladder(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _set_ladder(manager, message.chat.id, message.text or "")


async def on_usual(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await query.answer()
    await _set_ladder(manager, query.from_user.id, None)


async def _set_ladder(manager: DialogManager, chat_id: int, text: str | None) -> None:
    """Thousands of policies take some seconds: meanwhile the person sees that the bot is at it."""
    bot: Bot = manager.middleware_data["bot"]

    async def busy() -> None:
        await bot.send_chat_action(chat_id, ChatAction.TYPING)

    count = await services(manager).dictionaries.set_ladder(actor(manager), chosen(manager), text, busy)
    keep(manager, replanned=count)
    await manager.switch_to(states.Lines.card)


def _replanned(manager: DialogManager) -> str | None:
    """Say once what a new ladder has brought about."""
    count = manager.dialog_data.pop("replanned", None)
    if count is None:
        return None
    return ngettext(
        "✅ Reminders of {n} policy are planned anew.", "✅ Reminders of {n} policies are planned anew.", count
    ).format(n=count)


async def on_off(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).dictionaries.switch_line(actor(manager), chosen(manager), active=False)


async def on_on(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).dictionaries.switch_line(actor(manager), chosen(manager), active=True)


dialog = Dialog(
    Window(
        Raw("text"),
        SwitchTo(Label("➕ Add a line"), id="to_new", state=states.Lines.new),
        Group(one_of("rows", "row", on_row), width=2),
        pager_row(),
        leave_row(),
        state=states.Lines.list,
        getter=every,
        preview_data=LIST_PREVIEW,
    ),
    Window(
        Raw("text"),
        SwitchTo(Label("⏰ Reminders"), id="to_ladder", state=states.Lines.ladder),
        Row(
            SwitchTo(Label("✍️ Rename"), id="to_name", state=states.Lines.name),
            SwitchTo(Label("🔤 Short names"), id="to_aliases", state=states.Lines.aliases),
        ),
        Button(Label("🚫 Switch off"), id="off", on_click=on_off, when="active"),
        Button(Label("🟢 Switch on"), id="on", on_click=on_on, when="inactive"),
        back_row(states.Lines.list),
        state=states.Lines.card,
        getter=card,
        preview_data={"text": Markup("<b>КАСКО</b>"), "active": True, "inactive": True},
    ),
    Window(
        Raw("text"),
        MessageInput(on_new, content_types="text"),
        Group(one_of("families", "family", on_family), width=1),
        back_row(states.Lines.list),
        state=states.Lines.new,
        getter=new,
        preview_data={"text": Markup("New"), "families": [{"id": "osago", "label": "ОСАГО"}]},
    ),
    Window(
        Raw("text"),
        MessageInput(on_name, content_types="text"),
        back_row(states.Lines.card),
        state=states.Lines.name,
        getter=name,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(on_aliases, content_types="text"),
        back_row(states.Lines.card),
        state=states.Lines.aliases,
        getter=short_names,
        preview_data=TEXT_PREVIEW,
    ),
    Window(
        Raw("text"),
        MessageInput(on_ladder, content_types="text"),
        Button(Label("↩️ As usual: {usual}"), id="usual", on_click=on_usual, when="changed"),
        back_row(states.Lines.card),
        state=states.Lines.ladder,
        getter=ladder,
        preview_data={"text": Markup("Ladder"), "usual": "45, 30, 14, 7, 5", "changed": True},
    ),
)
