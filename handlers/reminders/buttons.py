"""The buttons under a reminder: stateless, so they work after a restart, a lost state and a year."""

from datetime import timedelta

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from fsm.i18n import _
from fsm.text import short
from fsm.words import CLOSE_REASON, capital, day
from models.enums import CloseReason, ReminderKind, TaskStatus
from services.access import Actor
from services.people import Successor
from services.reminders import ReminderView

THOUGHTS = (3, 7, 14)
PUT_OFFS = (1, 3, 7)
REFUSALS = (
    CloseReason.PRICE,
    CloseReason.COMPETITOR,
    CloseReason.SOLD_OBJECT,
    CloseReason.NO_NEED,
    CloseReason.NO_ANSWER,
    CloseReason.SERVICE,
    CloseReason.REFUSED_BY_INSURER,
    CloseReason.OTHER,
)


class Answer(CallbackData, prefix="rm"):
    """One answer to one reminder; `value` is days, a reason or a person, by `what`."""

    what: str
    id: int
    value: str = ""


class Keyboard:
    """Rows of buttons about one reminder."""

    def __init__(self, reminder_id: int) -> None:
        self._id = reminder_id
        self._rows: list[list[InlineKeyboardButton]] = []

    def button(self, text: str, what: str, value: object = "") -> InlineKeyboardButton:
        return InlineKeyboardButton(text=text, callback_data=Answer(what=what, id=self._id, value=str(value)).pack())

    def row(self, *buttons: InlineKeyboardButton | None) -> None:
        there = [button for button in buttons if button is not None]
        if there:
            self._rows.append(there)

    def grid(self, buttons: list[InlineKeyboardButton], width: int) -> None:
        for at in range(0, len(buttons), width):
            self._rows.append(buttons[at : at + width])

    def markup(self) -> InlineKeyboardMarkup:
        return InlineKeyboardMarkup(inline_keyboard=self._rows)


def answers(view: ReminderView, actor: Actor) -> InlineKeyboardMarkup:
    """The answers that this reminder takes from this person."""
    keys = Keyboard(view.reminder.id)
    kind = view.reminder.kind
    if view.decides and kind is ReminderKind.POLICY_END:
        calculating = view.policy is not None and view.deal.renewal_of_id == view.policy.id
        keys.row(keys.button(_("✅ Renewed"), "renewed"))
        if not calculating:
            keys.row(keys.button(_("🧮 Calculate"), "calculate"))
        keys.row(*(keys.button(_("Thinks +{n}").format(n=n), "think", n) for n in THOUGHTS))
        keys.row(keys.button(_("❌ Refusal"), "refuse"), keys.button(_("👤 Hand over"), "give"))
    elif view.decides and kind is ReminderKind.PAYMENT:
        keys.row(keys.button(_("✅ Paid"), "paid"))
        keys.row(keys.button(_("➗ In part"), "part"), keys.button(_("🤝 Promised by…"), "promise"))
        keys.row(keys.button(_("⏭ Put off"), "put_off"))
    elif view.decides and kind is ReminderKind.REVIEW:
        keys.row(keys.button(_("✅ Done, to the next event"), "next"))
        keys.row(
            *(keys.button(f"+{n}", "postpone", n) for n in PUT_OFFS), keys.button(_("📅 Date"), "date", "postpone")
        )
    elif kind is ReminderKind.TASK_QUESTION and view.decides:
        keys.row(keys.button(_("✍️ Answer"), "reply"))
    elif (
        view.task is not None
        and view.task.assignee_id == actor.user_id
        and view.task.status
        in {
            TaskStatus.QUEUED,
            TaskStatus.RETURNED,
        }
    ):
        keys.row(keys.button(_("✅ Accept"), "accept"))
    keys.row(keys.button(_("Open"), "open"))
    return keys.markup()


def reasons(view: ReminderView) -> InlineKeyboardMarkup:
    """Why the client does not renew."""
    keys = Keyboard(view.reminder.id)
    keys.grid([keys.button(capital(_(CLOSE_REASON[reason])), "lost", reason.value) for reason in REFUSALS], 2)
    keys.row(keys.button(_("‹ Back"), "back"))
    return keys.markup()


def days(view: ReminderView, what: str, *, date: bool) -> InlineKeyboardMarkup:
    """For how many days: as chips that show their dates, and any other day where that is asked for."""
    keys = Keyboard(view.reminder.id)
    chips = ((n, day(view.today + timedelta(days=n), view.today)) for n in PUT_OFFS)
    keys.row(*(keys.button(f"+{n} · {on}", what, n) for n, on in chips))
    keys.row(keys.button(_("📅 Date"), "date", what) if date else None, keys.button(_("‹ Back"), "back"))
    return keys.markup()


def people(view: ReminderView, heirs: list[Successor]) -> InlineKeyboardMarkup:
    """To whom the deal may be handed."""
    keys = Keyboard(view.reminder.id)
    keys.grid([keys.button(short(heir.user.full_name, 40), "give_to", heir.user.id) for heir in heirs[:20]], 2)
    keys.row(keys.button(_("‹ Back"), "back"))
    return keys.markup()


def after(view: ReminderView, undo: str | None = None) -> InlineKeyboardMarkup:
    """What stays under an answered reminder."""
    keys = Keyboard(view.reminder.id)
    keys.row(keys.button(_("↩️ Take back"), "undo", undo) if undo is not None else None, keys.button(_("Open"), "open"))
    return keys.markup()
