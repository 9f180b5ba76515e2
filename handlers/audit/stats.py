"""Numbers of the day, what is wrong with the machinery, and the commands of this package."""

from datetime import date, timedelta
from typing import Any

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Data, Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.kbd import Button, Column, Row, SwitchTo
from markupsafe import Markup

from fsm import states
from fsm.cards import Card, CardContext, card
from fsm.context import actor, keep, kept, services, today
from fsm.i18n import _
from fsm.navigation import at_page, back_row, leave_row, one_of, pager_preview, pager_row, pages
from fsm.text import Label, Raw, html, lines
from fsm.words import moment, money, weekday
from models.enums import ReminderKind
from services.access import Actor
from services.errors import N_
from services.stats import DeadMessage, DeadUpdate, FailingReminder, Numbers

router = Router(name="audit")

KIND = {"message": N_("message"), "callback_query": N_("button"), "edited_message": N_("edited message")}
ABOUT = {
    "reminder": N_("reminder"),
    "reminders": N_("reminders"),
    "digest": N_("morning digest"),
    "task": N_("task"),
    "variant": N_("variants"),
    "variants": N_("variants"),
    "policy": N_("policy"),
    "deal": N_("deal"),
    "deals": N_("deal"),
}
"""What a message is about, by the first word of its kind."""
REMINDER = {
    ReminderKind.POLICY_END: N_("policy ends"),
    ReminderKind.PAYMENT: N_("instalment due"),
    ReminderKind.REVIEW: N_("deal"),
    ReminderKind.DIGEST: N_("morning digest"),
}


async def is_admin(_event: object, actor: Actor | None = None) -> bool:
    """For whoever is no admin these commands do not exist."""
    return actor is not None and actor.is_admin


@router.message(Command("audit"), is_admin)
async def on_audit(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Audit.list, mode=StartMode.RESET_STACK)


@router.message(Command("stats"), is_admin)
async def on_stats(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Stats.day, mode=StartMode.RESET_STACK)


async def numbers(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    on = kept(dialog_manager, "day")
    found = await services(dialog_manager).stats.day(actor(dialog_manager), date.fromisoformat(on) if on else None)
    return {
        "text": lines(
            html(
                "📊 <b>{title}</b> · {day}",
                title=_("Numbers of the day"),
                day=weekday(found.day, today(dialog_manager)),
            ),
            *_of_day(found),
            "",
            html("<b>{title}</b>", title=_("As things stand now")),
            *_now(found),
        ),
        "dead": found.now.dead_updates,
        "unsent": found.now.dead_messages,
        "failing": found.now.failing_reminders,
        "past": found.day < found.today,
    }


def _of_day(found: Numbers) -> list[Markup]:
    day = found.of_day
    counts = [
        ("📂", _("New deals"), day.deals),
        ("✅", _("Tasks given"), day.tasks_given),
        ("☑️", _("Tasks done"), day.tasks_done),
        ("🧮", _("Variants handed in"), day.variants),
        ("📜", _("Policies registered"), day.policies),
    ]
    sums = [
        ("🧾", _("Their premium"), day.premium),
        ("💳", _("Clients paid insurers"), day.client_paid),
        ("💰", _("Commission received"), day.commission_received),
        ("💸", _("Expenses paid out"), day.expenses_paid),
    ]
    return [
        *(html("{icon} {what}: <b>{n}</b>", icon=icon, what=what, n=n) for icon, what, n in counts),
        *(html("{icon} {what}: <b>{sum}</b>", icon=icon, what=what, sum=money(amount)) for icon, what, amount in sums),
    ]


def _now(found: Numbers) -> list[Markup]:
    now = found.now
    always = [("📂", _("Open deals"), now.open_deals), ("⏰", _("Policies end within 30 days"), now.ending)]
    burning = [
        ("🔴", _("Policies ended with no outcome"), now.expired),
        ("🔴", _("Tasks overdue"), now.tasks_overdue),
        ("🔴", _("Instalments overdue"), now.payments_overdue),
        ("🔴", _("Deals of people who are blocked"), now.abandoned),
        ("📵", _("People who cannot be reached"), now.unreachable),
        ("⚠️", _("Updates that were given up"), now.dead_updates),
        ("⚠️", _("Messages that did not arrive"), now.dead_messages),
        ("⚠️", _("Reminders that fail"), now.failing_reminders),
    ]
    shown = [*always, *(row for row in burning if row[2])]
    return [html("{icon} {what}: <b>{n}</b>", icon=icon, what=what, n=n) for icon, what, n in shown]


def _given_up(title: str, total: int, said: str) -> Markup:
    """The head of a list of what has failed, and what a press on a row does."""
    return lines(html("⚠️ <b>{title}</b> · {total}", title=title, total=total), said if total else _("There are none."))


async def dead(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, now, ask = actor(dialog_manager), today(dialog_manager), services(dialog_manager).stats.dead_updates
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number))
    said = _("Press one to try it again; the log knows more by its code.")
    return {
        "text": _given_up(_("Updates that were given up"), total, said),
        "updates": [{"id": f"{row.bot_id}:{row.update_id}", "label": _dead(row, me, now)} for row in rows],
        **pages(total, dialog_manager),
    }


def _dead(row: DeadUpdate, me: Actor, today: date) -> str:
    kind = _(KIND[row.kind]) if row.kind in KIND else row.kind
    return f"🔁 {moment(row.received_at, me.zone, today)} {row.person or '?'} · {kind} · {row.reference}"


async def unsent(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, now, ask = actor(dialog_manager), today(dialog_manager), services(dialog_manager).stats.dead_messages
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number), "unsent_page")
    said = _("Press one to send it after all. Who has blocked the bot gets none.")
    return {
        "text": _given_up(_("Messages that did not arrive"), total, said),
        "messages": [{"id": row.id, "label": _unsent(row, me, now)} for row in rows],
        **pages(total, dialog_manager, "unsent_page"),
    }


def _unsent(row: DeadMessage, me: Actor, today: date) -> str:
    about = ABOUT.get(row.kind.partition("_")[0], KIND["message"])
    mark = "📵" if row.blocked else "🔁"
    return f"{mark} {moment(row.written_at, me.zone, today)} {row.person} · {_(about)}"


async def failing(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    me, now, ask = actor(dialog_manager), today(dialog_manager), services(dialog_manager).stats.failing_reminders
    rows, total = await at_page(dialog_manager, lambda number: ask(me, number), "failing_page")
    said = _("They are tried again by themselves; press one to try it now. The log says why they fail.")
    return {
        "text": _given_up(_("Reminders that fail"), total, said),
        "reminders": [{"id": row.id, "label": _failing(row, me, now)} for row in rows],
        **pages(total, dialog_manager, "failing_page"),
    }


def _failing(row: FailingReminder, me: Actor, today: date) -> str:
    about = [_(REMINDER.get(row.kind, N_("task"))), *([f"№{row.deal_number}"] if row.deal_number else [])]
    return f"🔁 {row.person} · {' '.join(about)} · {moment(row.next_at, me.zone, today)} · ×{row.attempts}"


async def _show(manager: DialogManager, days: int) -> None:
    now = today(manager)
    shown = kept(manager, "day")
    day = (date.fromisoformat(shown) if shown else now) + timedelta(days=days)
    keep(manager, day=min(day, now).isoformat())


async def on_before(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _show(manager, -1)


async def on_after(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _show(manager, 1)


async def on_day(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(
        states.PickDate.pick, data={"title": _("Numbers of which day?"), "chips": ["today", "-1", "-7"], "past": "only"}
    )


async def on_day_chosen(_start: Data, result: Any, manager: DialogManager) -> None:
    if isinstance(result, dict) and "date" in result:
        keep(manager, day=result["date"])


async def on_rerun(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    bot_id, _mark, update_id = item.partition(":")
    await services(manager).stats.rerun(actor(manager), int(bot_id), int(update_id))
    await query.answer(_("It is being tried again."))


async def on_resend(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).stats.resend(actor(manager), int(item))
    await query.answer(_("It is being sent."))


async def on_fire_again(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).stats.fire_again(actor(manager), int(item))
    await query.answer(_("It is being tried again."))


@card("reminder_fails")
async def reminder_fails(_context: CardContext, **_params: Any) -> Card:
    return Card(html("⚠️ {said} /stats", said=_("A reminder cannot be made. It is tried again by itself:")))


dialog = Dialog(
    Window(
        Raw("text"),
        Row(
            Button(Label("‹ Day before"), id="before", on_click=on_before),
            Button(Label("📅 Another day"), id="day", on_click=on_day),
            Button(Label("Day after ›"), id="after", on_click=on_after, when="past"),
        ),
        SwitchTo(Label("⚠️ Given-up updates · {dead}"), id="to_dead", state=states.Stats.dead, when="dead"),
        SwitchTo(Label("⚠️ Unsent messages · {unsent}"), id="to_unsent", state=states.Stats.unsent, when="unsent"),
        SwitchTo(Label("⚠️ Failing reminders · {failing}"), id="to_failing", state=states.Stats.failing, when="failing"),
        leave_row(),
        state=states.Stats.day,
        getter=numbers,
        preview_data={"text": Markup("<b>Numbers</b>"), "dead": 2, "unsent": 3, "failing": 1, "past": True},
    ),
    Window(
        Raw("text"),
        Column(one_of("updates", "update", on_rerun)),
        pager_row(),
        back_row(states.Stats.day),
        state=states.Stats.dead,
        getter=dead,
        preview_data={
            "text": Markup("<b>Given up</b>"),
            "updates": [{"id": "1:7", "label": "🔁 02.03 12:00 Анна"}],
            **pager_preview(),
        },
    ),
    Window(
        Raw("text"),
        Column(one_of("messages", "message", on_resend)),
        pager_row("unsent_page"),
        back_row(states.Stats.day),
        state=states.Stats.unsent,
        getter=unsent,
        preview_data={
            "text": Markup("<b>Unsent</b>"),
            "messages": [{"id": 1, "label": "🔁 02.03 12:00 Анна"}],
            **pager_preview("unsent_page"),
        },
    ),
    Window(
        Raw("text"),
        Column(one_of("reminders", "reminder", on_fire_again)),
        pager_row("failing_page"),
        back_row(states.Stats.day),
        state=states.Stats.failing,
        getter=failing,
        preview_data={
            "text": Markup("<b>Failing</b>"),
            "reminders": [{"id": 1, "label": "🔁 Анна · 02.03 12:00"}],
            **pager_preview("failing_page"),
        },
    ),
    on_process_result=on_day_chosen,
)
