"""Papers of a deal; one paper; which deal a parcel is for."""

from typing import Any

from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button, Column, Group, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.context import actor, kept, services
from fsm.errors import say
from fsm.i18n import _
from fsm.navigation import PAGE, back_row, leave_row, menu_button, one_of, pager_row
from fsm.text import Label, Raw, T, html, lines
from handlers.documents import clicks, getters
from handlers.documents.receive import deal_label
from services.rules.reading import Unreadable

dialog = Dialog(
    Window(
        Raw("text"),
        Column(one_of("papers", "paper", clicks.on_paper)),
        pager_row(),
        Button(Label("📥 Get all as files"), id="all", on_click=clicks.on_send_all, when="any"),
        leave_row(),
        state=states.Documents.list,
        getter=getters.papers,
        preview_data=getters.LIST_PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("📥 Get the file"), id="send", on_click=clicks.on_send),
        Group(one_of("kinds", "kind", clicks.on_kind, key="kind"), width=2),
        SwitchTo(Label("🗑 Delete"), id="ask_delete", state=states.Documents.delete),
        back_row(states.Documents.list),
        state=states.Documents.document,
        getter=getters.paper,
        preview_data=getters.PAPER_PREVIEW,
    ),
    Window(
        Raw("text"),
        T("Put this paper away? It leaves the deal's list."),
        Button(Label("🗑 Yes, put it away"), id="delete", on_click=clicks.on_delete),
        Row(SwitchTo(Label("‹ Back"), id="keep", state=states.Documents.document), menu_button()),
        state=states.Documents.delete,
        getter=getters.paper,
        preview_data=getters.PAPER_PREVIEW,
    ),
)


async def found_deals(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    text = kept(dialog_manager, "text")
    ask = _("Write the deal's number, the client's name or phone, a plate or a policy number.")
    if not text:
        deals = await services(dialog_manager).documents.likely_deals(actor(dialog_manager))
        rows = [{"id": deal.id, "label": deal_label(deal)} for deal in deals]
        return {"text": lines(html("🔎 <b>{title}</b>", title=_("Which deal is it for?")), ask), "deals": rows}
    try:
        hits, _total = await services(dialog_manager).search.find(actor(dialog_manager), text, 0, PAGE)
    except Unreadable as error:
        return {"text": lines(html("🔎 <b>{refusal}</b>", refusal=say(error)), ask), "deals": []}
    rows = [{"id": hit.deal.id, "label": deal_label(hit.deal)} for hit in hits]
    found = html(_("«{text}»: choose the deal."), text=text) if rows else html(_("«{text}»: nothing found."), text=text)
    return {"text": lines(html("🔎 <b>{found}</b>", found=found), ask), "deals": rows}


pick = Dialog(
    Window(
        Raw("text"),
        MessageInput(clicks.on_deal_asked, content_types="text"),
        Column(one_of("deals", "deal", clicks.on_deal_found)),
        menu_button(),
        state=states.PickDeal.ask,
        getter=found_deals,
        preview_data={"text": Markup("Which deal?"), "deals": [{"id": 1, "label": "№1001"}]},
    )
)
