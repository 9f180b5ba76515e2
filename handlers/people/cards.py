"""Messages about people: who has come, who cannot be reached, whose work has gone to whom."""

from typing import Any

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from fsm.cards import Card, CardContext, card
from fsm.i18n import _, ngettext
from fsm.text import html, lines
from handlers.people.commands import OpenPerson, OpenWork
from handlers.people.roles import named
from services.errors import Refusal
from services.people import PersonCard


def _button(label: str, data: CallbackData) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=label, callback_data=data.pack())]])


async def _person(context: CardContext, user_id: int) -> PersonCard | None:
    """The person, for a recipient who is an admin still."""
    try:
        return await context.services.people.card(context.actor, user_id)
    except Refusal:
        return None


@card("person_joined")
async def person_joined(context: CardContext, *, user_id: int, **_more: Any) -> Card | None:
    person = await _person(context, user_id)
    if person is None:
        return None
    return Card(
        html(_("👋 {name} has joined: {roles}."), name=person.user.full_name, roles=named(person.user.roles)),
        _button(_("👤 Open"), OpenPerson(user_id=user_id)),
    )


@card("person_unreachable")
async def person_unreachable(context: CardContext, *, user_id: int, **_more: Any) -> Card | None:
    person = await _person(context, user_id)
    if person is None or person.user.reachable or not person.user.active:
        return None
    waiting = person.load.deals + person.load.tasks
    return Card(
        lines(
            html(_("📵 {name} has stopped the bot: nothing reaches him."), name=person.user.full_name),
            html(_("Open deals and tasks that wait for him: {n}."), n=waiting) if waiting else None,
        ),
        _button(_("👤 Open"), OpenPerson(user_id=user_id)),
    )


@card("roles_changed")
async def roles_changed(context: CardContext, **_more: Any) -> Card:
    roles = [role.value for role in context.actor.roles]
    return Card(html(_("🔑 Your roles now: {roles}. /menu"), roles=named(roles)))


@card("deals_handed_over")
async def deals_handed_over(
    context: CardContext,
    *,
    from_id: int,
    to_id: int,
    deal: int = 0,
    number: int = 0,
    role: str = "seller",
    counts: dict[str, int] | None = None,
    **_more: Any,
) -> Card:
    """One message about all that has come, or the word to a seller that a deal of his has gone."""
    giver, taker = [await context.services.people.colleague(context.actor, id_) for id_ in (from_id, to_id)]
    if context.actor.user_id != to_id:
        return Card(html(_("🤝 Deal №{n} has been handed over: {name} keeps it now."), n=number, name=taker))
    if deal:
        return Card(
            html(_("🤝 Deal №{n} is yours now; it was kept by {name}."), n=number, name=giver),
            _button(_("📂 Open the deal"), OpenWork(deal_id=deal)),
        )
    label, work = _("📂 My deals"), OpenWork()
    if role != "seller":
        label, work = _("✅ My tasks"), OpenWork(tasks=True)
    return Card(
        lines(
            html(_("🤝 <b>{name}</b> has left you work:"), name=giver),
            *(f"• {amount}" for amount in amounts(counts or {})),
            html("<i>{note}</i>", note=_("The next touch of every deal stays as it was."))
            if role == "seller"
            else None,
        ),
        _button(label, work),
    )


def amounts(counts: dict[str, int]) -> list[str]:
    """How much was handed over, in words."""
    deals, clients, tasks = (counts.get(name, 0) for name in ("deals", "clients", "tasks"))
    words = [
        (deals, ngettext("{n} deal", "{n} deals", deals)),
        (clients, ngettext("{n} client", "{n} clients", clients)),
        (tasks, ngettext("{n} task", "{n} tasks", tasks)),
    ]
    return [word.format(n=n) for n, word in words if n]
