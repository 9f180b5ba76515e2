"""What the menu needs: numbers of the day, what a line may be about."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services
from fsm.i18n import _
from fsm.text import html, lines, short
from fsm.words import ROLE, weekday
from models.enums import Role
from services.access import Actor
from services.rules.reading import Unreadable

HITS = 4
MENU_PREVIEW = {
    "text": Markup("⌂ <b>Menu</b>"),
    "seller": True,
    "executor": True,
    "admin": True,
    "open": 12,
    "tasks": "✅ Задачи · 3",
}
TYPED_PREVIEW = {
    "text": Markup("<b>Иванов каско</b>"),
    "deals": [{"id": 1, "label": "№1001 · Иванов"}],
    "seller": True,
    "more": True,
}


def roles(actor: Actor) -> dict[str, bool]:
    """Which parts of a screen a person has by his roles."""
    return {
        "seller": bool(actor.roles & {Role.SELLER, Role.ADMIN}),
        "executor": bool(actor.roles & {Role.EXECUTOR, Role.ADMIN}),
        "admin": actor.is_admin,
    }


async def main(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    desk = await services(dialog_manager).deals.desk(me)
    today = services(dialog_manager).deals.clock.now().astimezone(me.zone).date()
    counts = [
        ("⚠️", _("Overdue touches"), desk.overdue),
        ("📅", _("To look at today"), desk.today),
        ("✅", _("Tasks for you"), desk.tasks),
        ("📜", _("Policies end within 60 days or have ended"), desk.ending),
        ("💳", _("Instalments to be paid"), desk.unpaid),
    ]
    waiting = [html("{icon} {what}: <b>{n}</b>", icon=icon, what=what, n=n) for icon, what, n in counts if n]
    return {
        "text": lines(
            *_greeting(dialog_manager, me),
            html("⌂ <b>{menu}</b> · {day}", menu=_("Menu"), day=weekday(today)),
            "",
            *waiting,
            None if waiting else _("✨ Nothing burns today."),
            "",
            html("<i>{hint}</i>", hint=_("Write a name, a phone, a plate or a number, and I will find the deal.")),
        ),
        "open": desk.open,
        "tasks": _("✅ Tasks · {n}").format(n=desk.tasks) if desk.tasks else _("✅ Tasks"),
        **roles(me),
    }


def _greeting(manager: DialogManager, me: Actor) -> list[Markup | str]:
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    if given.get("greet"):
        held = ", ".join(_(ROLE[role]) for role in Role if role in me.roles)
        return [html(_("👋 Hello, <b>{name}</b>! Your role: {roles}."), name=me.name, roles=held), ""]
    if given.get("cancelled"):
        return [_("↩️ Left. Nothing was saved."), ""]
    return []


async def help_(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me = actor(dialog_manager)
    can = roles(me)
    return {
        "text": lines(
            html("❓ <b>{title}</b>", title=_("What the bot can do")),
            "",
            html(_("<b>Write anything</b> to find a deal: a name, a part of a phone, a plate, a VIN, a number.")),
            html(_("<b>Send a file</b> while a deal is open: it is filed there. Otherwise I ask once whose it is.")),
            html(_("<b>Reply to a message</b> about a deal: your words go into its journal.")),
            *(_seller_help() if can["seller"] else []),
            *(_executor_help() if can["executor"] else []),
            *(_admin_help() if can["admin"] else []),
            "",
            _("/menu /today /deals /tasks /find /settings /cancel"),
        )
    }


def _seller_help() -> list[Markup | str]:
    return [
        "",
        html("<b>{title}</b>", title=_("Seller")),
        html(
            _("➕ /new — a deal in one line: <code>{example}</code>"),
            example=_("Ivanov Ivan 89123456789 kasko Kia Rio A123BC77"),
        ),
        html(_("🧮 Give a calculation, show the variants to the client, mark his choice, register the policy.")),
        html(_("⏰ Every deal has one next touch; one tap moves it.")),
    ]


def _executor_help() -> list[Markup | str]:
    return [
        "",
        html("<b>{title}</b>", title=_("Executor")),
        html(
            _("✅ /tasks — accept, ask, enter variants by lines: <code>{example}</code>"),
            example=_("RESO 54300 fr15 ss1.2m"),
        ),
    ]


def _admin_help() -> list[Markup | str]:
    return [
        "",
        html("<b>{title}</b>", title=_("Administrator")),
        _("/people /invite /audit /stats /backup — people, rights, who did what, numbers, a backup."),
    ]


async def typed(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """What a stray line may be about: the likeliest deals, and a new deal from it."""
    text = typed_text(dialog_manager)
    me = actor(dialog_manager)
    try:
        hits, total = await services(dialog_manager).search.find(me, text, 0, HITS)
    except Unreadable:
        hits, total = [], 0  # too long to look for, and good enough for a new deal
    found = _("Is it one of these deals?") if hits else _("No deal resembles this.")
    return {
        "text": lines(html("💬 <b>{text}</b>", text=short(text, 300)), "", found),
        "deals": [
            {
                "id": hit.deal.id,
                "label": f"№{hit.deal.number} · {hit.deal.client.name} · {hit.deal.line.name} {hit.deal.title}",
            }
            for hit in hits
        ],
        "more": total > HITS,
        **roles(me),
    }


def typed_text(manager: DialogManager) -> str:
    """The stray line that the window is about."""
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    return str(kept(manager, "text") or given.get("text") or "")
