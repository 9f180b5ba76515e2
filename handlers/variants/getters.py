"""What the screens of variants need."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, start_id
from fsm.i18n import _, ngettext
from fsm.navigation import at_page, pager_preview, pages
from fsm.text import html, lines
from fsm.words import VARIANT_STATUS, money
from handlers.variants.buttons import can_issue
from handlers.variants.texts import MARKS, button, caption, comparison, head, name, terms
from models.enums import VariantStatus
from services.rules.reading import echo

BAD_SHOWN = 8
LIST_PREVIEW: dict[str, Any] = {
    "text": Markup("<b>Variants · №1001</b>"),
    "variants": [{"id": 1, "label": "📝 В1 · РЕСО-Гарантия · 54 300 ₽"}],
    "hands_in": True,
    "drafts": 1,
    "edits": True,
    "compares": True,
    **pager_preview(),
}
VARIANT_PREVIEW: dict[str, Any] = {
    "text": Markup("<b>В1 · РЕСО-Гарантия</b>"),
    "files": 1,
    "chooses": True,
    "edits": True,
    "changes": True,
    "declines": True,
    "deletes": True,
}
COMPARE_PREVIEW: dict[str, Any] = {
    "text": Markup("<b>Comparison · №1001</b>"),
    "choices": [{"id": 1, "label": "🎯 Client chose В1"}],
    "any": True,
    "can_issue": True,
}
EXAMPLE = "РЕСО 54300 фр15 сс1.2м рассрочка 2 до 20.03"


def _mistake(row: dict[str, Any]) -> str:
    msgid: str = row["msgid"]
    return _(msgid).format(**row["params"])


def _bad(manager: DialogManager) -> Markup | None:
    """The lines of the last message that are no variants, each with its mistake."""
    rows: list[dict[str, Any]] = kept(manager, "bad", [])
    if not rows:
        return None
    hidden = len(rows) - BAD_SHOWN
    return lines(
        "",
        html("⚠️ <b>{title}</b>", title=_("Not understood, write these lines again:")),
        *(
            lines(
                html("<code>{line}</code>", line=echo(row["line"])),
                html("    {mistake}", mistake=_mistake(row)),
            )
            for row in rows[:BAD_SHOWN]
        ),
        ngettext("…and {n} more line", "…and {n} more lines", hidden).format(n=hidden) if hidden > 0 else None,
    )


def _counted(total: int, added: int) -> str:
    """How many there are, and how many of them the last message brought; one number is said once."""
    in_all = ngettext("{n} variant", "{n} variants", total).format(n=total) if total else _("No variants yet.")
    if not added:
        return in_all
    entered = ngettext("{n} variant entered", "{n} variants entered", added).format(n=added)
    return f"✅ {entered}" if added == total else f"✅ {entered}. " + _("In all: {count}").format(count=in_all)


async def variants(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    deal_id = start_id(dialog_manager, "deal_id")
    me, ask = actor(dialog_manager), services(dialog_manager).variants.of_deal
    page = await at_page(dialog_manager, lambda number: ask(me, deal_id, number))
    added = int(kept(dialog_manager, "added", 0))
    return {
        "text": lines(
            head(page.deal, _("Variants"), "🧮"),
            "",
            _counted(page.total, added),
            _bad(dialog_manager),
            lines(
                "",
                html("<i>{hint}</i>", hint=_("Write variants, one a line, the insurer first. For example:")),
                html("<code>{example}</code>", example=EXAMPLE),
            )
            if page.edits
            else None,
        ),
        "variants": [{"id": view.id, "label": button(view)} for view in page.rows],
        "hands_in": page.hands_in,
        "drafts": page.drafts,
        "edits": page.edits,
        "compares": page.handed_in > 0,
        **pages(page.total, dialog_manager),
    }


async def variant(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    view = await services(dialog_manager).variants.get(me, int(kept(dialog_manager, "variant_id")))
    page = await services(dialog_manager).variants.of_deal(me, view.deal_id, 0, 1)
    open_ = view.status not in {VariantStatus.DECLINED_BY_INSURER, VariantStatus.EXPIRED}
    papers = ngettext("{n} paper", "{n} papers", view.files).format(n=view.files) if view.files else _("No papers yet")
    return {
        "text": lines(
            head(page.deal, _("Variant"), "🧮"),
            "",
            html(
                "{mark} <b>{name}</b> — <b>{premium}</b>",
                mark=MARKS[view.status],
                name=name(view),
                premium=money(view.premium),
            ),
            terms(view),
            html("🔖 {status}", status=_(VARIANT_STATUS[view.status])),
            html("💬 {comment}", comment=view.comment) if view.comment else None,
            html("📎 {papers}", papers=papers),
            html("📜 {said}", said=_("A policy has been registered from it.")) if view.issued else None,
        ),
        "files": view.files,
        "chooses": view.chooses,
        "edits": page.edits,
        "changes": view.edits and view.status is not VariantStatus.DECLINED_BY_INSURER,
        "declines": open_ and not view.issued and (view.edits or page.chooses),
        "deletes": view.edits and view.status is not VariantStatus.CHOSEN,
    }


async def compare(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    offered = await services(dialog_manager).variants.compare(
        actor(dialog_manager), start_id(dialog_manager, "deal_id")
    )
    return {
        "text": comparison(offered, _("Comparison")),
        "choices": [
            {"id": view.id, "label": _("🎯 Client chose {variant}").format(variant=caption(view))}
            for view in offered.rows
            if view.chooses
        ],
        "any": bool(offered.rows),
        "can_issue": can_issue(offered),
    }
