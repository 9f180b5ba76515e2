"""What the screens of papers need."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import at_page, pager_preview, pages
from fsm.text import html, lines
from fsm.words import DOCUMENT_KIND, moment
from models.enums import DocumentKind
from models.tables import Document

ICONS = {
    DocumentKind.PHOTO: "🖼",
    DocumentKind.VOICE: "🎙",
    DocumentKind.VIDEO: "🎬",
    DocumentKind.POLICY: "📜",
    DocumentKind.RECEIPT: "🧾",
}
LIST_PREVIEW = {
    "text": Markup("<b>Papers</b>"),
    "papers": [{"id": 1, "label": "📄 паспорт.pdf"}],
    "any": True,
    **pager_preview(),
}
PAPER_PREVIEW = {"text": Markup("<b>паспорт.pdf</b>"), "kinds": [{"kind": "passport", "label": "passport"}]}


def size(count: int) -> str:
    """Bytes as people say it."""
    if count > 1 << 20:
        return f"{count / 1024 / 1024:.1f} {_('MB')}"
    return f"{max(count // 1024, 1)} {_('KB')}"


def label(paper: Document) -> str:
    return f"{ICONS.get(paper.kind, '📄')} {paper.name}"


async def papers(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    deal_id = start_id(dialog_manager, "deal_id")
    me, ask = actor(dialog_manager), services(dialog_manager).documents.of_deal
    view = await services(dialog_manager).deals.card(me, deal_id)
    rows, total = await at_page(dialog_manager, lambda number: ask(me, deal_id, number))
    return {
        "text": lines(
            html("📎 <b>№{n} · {title}</b>", n=view.deal.number, title=_("Papers")),
            html(_("{total} in the deal. Send a file and it is filed here."), total=total),
        ),
        "papers": [{"id": paper.id, "label": label(paper)} for paper in rows],
        "any": total > 0,
        **pages(total, dialog_manager),
    }


async def paper(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await services(dialog_manager).documents.get(
        actor(dialog_manager), int(kept(dialog_manager, "document_id"))
    )
    me = actor(dialog_manager)
    sent = moment(found.created_at, me.zone, me.day(services(dialog_manager).documents.clock.now()))
    return {
        "text": lines(
            html("{icon} <b>{name}</b>", icon=ICONS.get(found.kind, "📄"), name=found.name),
            html("{kind} · {size}", kind=_(DOCUMENT_KIND[found.kind]), size=size(found.size)),
            html(_("Sent by {who}, {when}"), who=found.sent_by.full_name, when=sent),
        ),
        "kinds": [
            {"kind": kind.value, "label": f"{'● ' if kind is found.kind else ''}{_(words)}"}
            for kind, words in DOCUMENT_KIND.items()
        ],
    }
