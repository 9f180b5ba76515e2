"""A reminder as it is sent: from the facts of that moment, or not at all."""

from typing import Any

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from fsm.cards import Card, CardContext, card
from handlers.reminders.buttons import after, answers
from handlers.reminders.texts import body, settled
from models.enums import PolicyOutcome
from services.errors import NotFound
from services.reminders import ReminderView


@card("reminder")
async def reminder(ctx: CardContext, *, reminder_id: int, **_params: Any) -> Card | None:
    """Nothing where somebody has answered meanwhile, or the deal is not the recipient's any more."""
    try:
        view = await ctx.services.reminders.view(ctx.actor, reminder_id)
    except NotFound:
        return None
    return Card(body(view, ctx.actor), answers(view, ctx.actor)) if view.pending else None


async def current(ctx: CardContext, view: ReminderView) -> tuple[Markup, InlineKeyboardMarkup]:
    """The message as it is now: a question with its answers, or what was answered."""
    if view.pending:
        return body(view, ctx.actor), answers(view, ctx.actor)
    return settled(view, ctx.actor), after(view, await _undo(ctx, view))


async def _undo(ctx: CardContext, view: ReminderView) -> str | None:
    """What can be taken back: a payment or a later day for ten minutes, a refusal while the deal is open."""
    if view.takes_back:
        return ""
    if view.payment is not None and view.reminder.answer in {"paid", "partly_paid"}:
        move = (await ctx.services.money.card(ctx.actor, view.payment.id)).undoable
        return None if move is None or move.payment_id is None else str(move.id)
    if view.policy is not None and view.payment is None and view.decides:
        return "" if view.policy.outcome is PolicyOutcome.LOST and view.deal.outcome is None else None
    return None
