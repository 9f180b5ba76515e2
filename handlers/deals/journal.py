"""The journal of a deal: read a page at a time, and written by typing."""

from typing import Any

from aiogram.types import CallbackQuery, Message, ReactionTypeEmoji
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Column
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.journal_words import author_of, is_cut, words_of
from fsm.navigation import back_row, leave_row, one_of, page_of, pager_preview, pager_row, pages
from fsm.text import Raw, html, lines
from fsm.words import moment

ENTRIES = 6
CUT = 500


async def entries(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, deal_id = actor(dialog_manager), start_id(dialog_manager, "deal_id")
    today = me.day(services(dialog_manager).journal.clock.now())
    page = await services(dialog_manager).journal.page(me, deal_id, page_of(dialog_manager) * ENTRIES, ENTRIES)
    shown = [
        html(
            "<b>{when} · {who}</b>\n{words}",
            when=moment(entry.created_at, me.zone, today),
            who=author_of(entry),
            words=words_of(entry, me.zone, CUT),
        )
        for entry in page.rows
    ]
    return {
        "text": lines(
            html("📝 <b>№{n} › {title}</b>", n=page.number, title=_("Journal")),
            html("<i>{hint}</i>", hint=_("Write here, and it is added.")),
            "",
            Markup("\n\n").join(shown) if shown else _("Nothing yet."),
        ),
        "long": [
            {
                "id": entry.id,
                "label": _("📖 In full: {when}, {who}").format(
                    when=moment(entry.created_at, me.zone, today), who=author_of(entry)
                ),
            }
            for entry in page.rows
            if is_cut(entry, me.zone, CUT)
        ],
        **pages(page.total, dialog_manager, size=ENTRIES),
    }


async def entry(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    row = await services(dialog_manager).journal.get(
        me, start_id(dialog_manager, "deal_id"), int(kept(dialog_manager, "entry_id"))
    )
    today = me.day(services(dialog_manager).journal.clock.now())
    return {
        "text": lines(
            html("<b>{when} · {who}</b>", when=moment(row.created_at, me.zone, today), who=author_of(row)),
            words_of(row, me.zone),
        )
    }


async def on_long(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, entry_id=int(item))
    await manager.switch_to(states.Journal.entry)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await services(manager).journal.add(actor(manager), start_id(manager, "deal_id"), message.text or "")
    await message.react([ReactionTypeEmoji(emoji="👍")])
    keep(manager, page=0)


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Column(one_of("long", "long", on_long)),
        pager_row(),
        leave_row(),
        state=states.Journal.list,
        getter=entries,
        preview_data={
            "text": Markup("📝"),
            "long": [{"id": 1, "label": "📖"}],
            **pager_preview(),
        },
    ),
    Window(
        Raw("text"),
        back_row(states.Journal.list),
        state=states.Journal.entry,
        getter=entry,
        preview_data={"text": Markup("📝")},
    ),
)
