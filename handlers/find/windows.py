"""Asking what to look for, and the deals that were found with the reason why."""

from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column
from markupsafe import Markup

from fsm import states
from fsm.context import actor, keep, kept, services
from fsm.errors import say
from fsm.i18n import _
from fsm.navigation import PAGE, at_page, leave_row, one_of, pager_preview, pager_row, pages
from fsm.text import Label, Raw, html, lines, short
from models.enums import DealStage
from models.values.phone import pretty
from services.errors import N_
from services.rules.reading import Unreadable
from services.search import Hit, Why

WHYS = {
    Why.NUMBER: N_("deal number"),
    Why.POLICY: N_("policy {text}"),
    Why.VIN: N_("VIN {text}"),
    Why.PLATE: N_("plate {text}"),
    Why.INN: N_("INN {text}"),
    Why.PHONE: N_("phone {text}"),
    Why.CLIENT: N_("client"),
    Why.TITLE: N_("object"),
}


def typed_text(manager: DialogManager) -> str:
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    return str(kept(manager, "text") or given.get("text") or "")


def why(hit: Hit) -> str:
    """What was recognised, in words."""
    text = pretty(hit.text) if hit.why is Why.PHONE else hit.text
    return _(WHYS[hit.why]).format(text=text)


async def ask(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:  # noqa: ARG001
    return {
        "text": lines(
            html("🔎 <b>{title}</b>", title=_("Search")),
            "",
            _("Write what you remember: a name, a part of a phone, a policy, a plate, a VIN, a deal number."),
        )
    }


async def results(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    text = typed_text(dialog_manager)
    me = actor(dialog_manager)
    ask = services(dialog_manager).search.find
    hits: list[Hit] = []
    total, answer = 0, _("Nothing found. Try fewer letters or another mark.")
    try:
        hits, total = await at_page(dialog_manager, lambda number: ask(me, text, number * PAGE, PAGE))
    except Unreadable as error:  # said on the screen: it is drawn again and again, with the same line
        answer = say(error)
    shown = [
        html(
            "{mark}<b>№{n}</b> {name} · {line} {object} <i>({why})</i>",
            mark="🔒 " if hit.deal.stage is DealStage.CLOSED else "",
            n=hit.deal.number,
            name=hit.deal.client.name,
            line=hit.deal.line.name,
            object=hit.deal.title,
            why=why(hit),
        )
        for hit in hits
    ]
    return {
        "text": lines(
            html("🔎 <b>{title} › {text}</b>", title=_("Search"), text=short(text, 300)),
            html(_("Found: {n}"), n=total) if total else html("{answer}", answer=answer),
            "",
            *shown,
        ),
        "hits": [
            {"id": hit.deal.id, "label": f"№{hit.deal.number} · {hit.deal.client.name} · {hit.deal.title}"}
            for hit in hits
        ],
        "seller": me.sees_commission,
        **pages(total, dialog_manager),
    }


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, text=message.text or "", page=0)
    await manager.switch_to(states.Find.results)


async def on_deal(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Deal.card, data={"deal_id": int(item)})


async def on_new(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.NewDeal.client, data={"text": typed_text(manager)})


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        leave_row(),
        state=states.Find.ask,
        getter=ask,
        preview_data={"text": Markup("🔎")},
    ),
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Column(one_of("hits", "deal", on_deal)),
        pager_row(),
        Button(Label("➕ New deal from this line"), id="new", on_click=on_new, when="seller"),
        leave_row(),
        state=states.Find.results,
        getter=results,
        preview_data={
            "text": Markup("🔎"),
            "hits": [{"id": 1, "label": "№1001"}],
            "seller": True,
            **pager_preview(),
        },
    ),
)
