"""The morning digest as a message: numbers, and a way to walk through what is behind them."""

from typing import Any

from aiogram import Router
from aiogram.filters.callback_data import CallbackData
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog import DialogManager, ShowMode, StartMode
from markupsafe import Markup

from fsm import states
from fsm.cards import Card, CardContext, card
from fsm.i18n import _, ngettext
from fsm.text import html, lines
from fsm.words import weekday
from services.digest import Day

router = Router(name="digest")


class StartDay(CallbackData, prefix="dg"):
    """Begin the walk through the day."""


def _part(title: str, *rows: tuple[str, int]) -> list[Markup]:
    """A title and the rows that are not zero; nothing when all are."""
    there = [html("{words}: <b>{n}</b>", words=words, n=n) for words, n in rows if n]
    return ["", html("<b>{title}</b>", title=title), *there] if there else []  # type: ignore[list-item]


def day_text(day: Day, title: str) -> Markup:
    """The day in numbers."""
    counts, agency = day.counts, day.agency
    return lines(
        html("☀️ <b>{title}</b>", title=title),
        *_part(
            _("🔥 Burns"),
            (_("Deals not looked at in time"), counts.overdue_touches),
            (_("Policies ended with no decision"), counts.expired_policies),
            (_("Instalments overdue"), counts.overdue_payments),
            (_("Tasks overdue"), counts.overdue_tasks),
        ),
        *_part(
            _("📌 Today"),
            (_("Deals to look at"), counts.today_touches),
            (_("Instalments due"), counts.today_payments),
            (_("Tasks due"), counts.today_tasks),
        ),
        *_part(
            _("👥 Somebody waits"),
            (_("Questions from executors"), counts.questions),
            (_("Tasks that nobody has accepted"), counts.not_accepted),
            (_("Tasks in your queue"), counts.queue),
        ),
        *(
            _part(
                _("🛠 For the admin"),
                (_("Policies without a commission rate"), agency.rates_missing),
                (_("Updates that were given up"), agency.dead_updates),
                (_("Messages that did not arrive"), agency.dead_messages),
                (_("People who cannot be reached"), agency.unreachable),
            )
            if agency is not None
            else []
        ),
    )


@card("digest")
async def digest(ctx: CardContext, **_params: Any) -> Card | None:
    """Nothing at all means no message."""
    day = await ctx.services.digest.day(ctx.actor)
    if day.is_empty:
        return None
    today = ctx.services.digest.clock.now().astimezone(ctx.actor.zone).date()
    button = InlineKeyboardButton(text=_("▶️ Start"), callback_data=StartDay().pack())
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[button]]) if day.can_be_walked else None
    return Card(day_text(day, _("Your day, {day}").format(day=weekday(today))), keyboard)


@card("reminders_missed")
async def missed(ctx: CardContext, *, on: str, **_params: Any) -> Card | None:
    """One message for all that came due while the bot was away; nothing where everything is answered by now."""
    count = await ctx.services.reminders.missed(ctx.actor, on)
    if not count:
        return None
    words = ngettext(
        "{n} reminder from the time when the bot was away", "{n} reminders from the time when the bot was away", count
    )
    button = InlineKeyboardButton(text=_("▶️ Start"), callback_data=StartDay().pack())
    text = lines(html("⏰ <b>{words}</b>", words=words.format(n=count)), _("All of it is in today's list."))
    return Card(text, InlineKeyboardMarkup(inline_keyboard=[[button]]))


@router.callback_query(StartDay.filter())
async def on_start(query: CallbackQuery, dialog_manager: DialogManager) -> None:
    await query.answer()
    await dialog_manager.start(states.Today.main, mode=StartMode.RESET_STACK, show_mode=ShowMode.SEND)
