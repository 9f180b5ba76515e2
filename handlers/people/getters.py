"""What the screens of people need."""

from typing import Any

from aiogram_dialog import DialogManager
from markupsafe import Markup

from fsm.context import actor, kept, services, today
from fsm.i18n import _
from fsm.navigation import PAGE, at_page, pager_preview, pages
from fsm.text import html, lines
from fsm.words import moment
from handlers.people import roles
from handlers.people.cards import amounts
from models.enums import Role
from models.tables import User
from services.people import PersonCard, Successor

LIST_PREVIEW = {
    "text": Markup("<b>People</b>"),
    "people": [{"id": 1, "label": "Анна Серова · продавец"}],
    **pager_preview(),
}
PERSON_PREVIEW = {"text": Markup("<b>Анна Серова</b>"), "has_work": True, "may_block": True, "blocked": True}
TEXT_PREVIEW = {"text": Markup("…")}
ROLES_PREVIEW = {"text": Markup("<b>Roles</b>"), "roles": roles.PREVIEW}
SUCCESSORS_PREVIEW = {
    "text": Markup("To whom?"),
    "successors": [{"id": "seller:1", "label": "Борис Котов"}],
    **pager_preview("people"),
}


def user_id(manager: DialogManager) -> int:
    """Whose card is open: chosen in the list, or named by whoever started the dialog."""
    given: dict[str, Any] = manager.start_data if isinstance(manager.start_data, dict) else {}
    return int(kept(manager, "user_id") or given["user_id"])


def mark(user: User) -> str:
    """One sign for how a person is: blocked, not to be reached, at work."""
    return "⛔️" if not user.active else "📵" if not user.reachable else "👤"


async def people(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, ask = actor(dialog_manager), services(dialog_manager).people.page
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number, size=PAGE))
    return {
        "text": lines(html("👥 <b>{title}</b> · {total}", title=_("People"), total=total)),
        "people": [
            {"id": user.id, "label": f"{mark(user)} {user.full_name} · {roles.named(user.roles)}"} for user in rows
        ],
        **pages(total, dialog_manager),
    }


async def card(dialog_manager: DialogManager) -> PersonCard:
    return await services(dialog_manager).people.card(actor(dialog_manager), user_id(dialog_manager))


def _work(card: PersonCard) -> list[str]:
    load = card.load
    sold, executed = {"deals": load.deals, "clients": load.clients}, {"tasks": load.tasks, "deals": load.executed}
    return [
        line
        for line in (
            _("As a seller: {what}").format(what=", ".join(amounts(sold))) if any(sold.values()) else "",
            _("As an executor: {what}").format(what=", ".join(amounts(executed))) if any(executed.values()) else "",
        )
        if line
    ]


async def person(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await card(dialog_manager)
    user, zone = found.user, actor(dialog_manager).zone
    seen = moment(user.last_seen_at, zone, today(dialog_manager)) if user.last_seen_at else _("never")
    status = (
        _("⛔️ blocked") if not user.active else _("📵 has stopped the bot") if not user.reachable else _("🟢 at work")
    )
    return {
        "text": lines(
            html("👤 <b>{name}</b>", name=user.full_name),
            f"@{user.username}" if user.username else None,
            "",
            html(_("Roles: {roles}"), roles=roles.named(user.roles)),
            status,
            html(_("Was here: {when}"), when=seen),
            *_work(found),
            html("\n⚠️ {warning}", warning=_("Nobody keeps these deals: hand them over."))
            if found.load.any and not user.active
            else None,
        ),
        "has_work": found.load.any,
        "may_block": user.active and not found.is_me and not found.last_admin,
        "blocked": not user.active,
    }


async def name(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await card(dialog_manager)
    return {"text": html(_("✍️ <b>{name}</b>\nWrite what this person is to be called."), name=found.user.full_name)}


async def person_roles(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await card(dialog_manager)
    chosen = kept(dialog_manager, "roles", list(found.user.roles))
    return {
        "text": lines(
            html(_("🔑 Roles of <b>{name}</b>"), name=found.user.full_name),
            html(_("Now: {roles}"), roles=roles.named(found.user.roles)),
            html("<i>{hint}</i>", hint=_("Nothing changes until it is saved.")),
        ),
        "roles": roles.toggles(chosen),
    }


async def block(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await card(dialog_manager)
    work = _work(found)
    return {
        "text": lines(
            html(_("⛔️ Block <b>{name}</b>?"), name=found.user.full_name),
            _("The bot stops answering at once. What this person has written and done stays."),
            *(["", *work, _("After that you will be asked whom to hand this over to.")] if work else []),
        )
    }


async def successors(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    """Sellers for what is sold, executors for what is executed."""
    found = await card(dialog_manager)
    wanted = [Role.SELLER] * bool(found.load.deals or found.load.clients) + [Role.EXECUTOR] * bool(
        found.load.tasks or found.load.executed
    )
    me, ask = actor(dialog_manager), services(dialog_manager).people.successors
    takers, total = await at_page(
        dialog_manager,
        lambda number: ask(me, [role.value for role in wanted], besides=found.user.id, page=number),
        "people",
    )
    rows = [
        {
            "id": f"{taker.role.value}:{taker.user.id}",
            "label": f"{'📂' if taker.role is Role.SELLER else '✅'} {taker.user.full_name} · {_now_has(taker)}",
        }
        for taker in takers
    ]
    return {
        "text": lines(
            html(_("🤝 Work of <b>{name}</b>"), name=found.user.full_name),
            *_work(found),
            "",
            _("To whom? 📂 takes deals and clients, ✅ takes tasks.")
            if rows
            else _("There is nobody to take it over."),
        ),
        "successors": rows,
        **pages(total, dialog_manager, "people"),
    }


def _now_has(taker: Successor) -> str:
    return amounts({"deals" if taker.role is Role.SELLER else "tasks": taker.has})[0] if taker.has else _("free")


def chosen_successor(manager: DialogManager) -> tuple[str, int]:
    role, _mark, taker = str(kept(manager, "successor")).partition(":")
    return role, int(taker)


async def handover_confirm(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    found = await card(dialog_manager)
    role, taker = chosen_successor(dialog_manager)
    load = found.load
    counts = (
        {"deals": load.deals, "clients": load.clients}
        if role == Role.SELLER.value
        else {"tasks": load.tasks, "deals": load.executed}
    )
    return {
        "text": lines(
            html(
                _("🤝 <b>{giver}</b> → <b>{taker}</b>"),
                giver=found.user.full_name,
                taker=await services(dialog_manager).people.colleague(actor(dialog_manager), taker),
            ),
            *(f"• {amount}" for amount in amounts(counts)),
            "",
            _("The next touch of every deal stays as it was. Reminders come to the new person.")
            if role == Role.SELLER.value
            else _("Tasks are to be accepted anew; the clock starts again."),
        )
    }
