"""What a tap under a reminder means. The same message is edited: what was answered, and when the deal comes up next."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiogram import Router
from aiogram.exceptions import TelegramBadRequest
from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message
from aiogram_dialog import DialogManager, ShowMode, StartMode
from markupsafe import Markup

from fsm import states
from fsm.cards import CardContext
from fsm.context import actor, services
from fsm.i18n import _
from fsm.text import html, lines
from handlers.reminders import buttons
from handlers.reminders.buttons import Answer
from handlers.reminders.cards import current
from handlers.reminders.texts import body, deal_lines
from models.enums import CloseReason, PolicyOutcome, ReminderKind, Role, TaskKind
from services.errors import AlreadyDone, NotFound
from services.people import Successor
from services.reminders import ReminderView

router = Router(name="reminders")


@dataclass(frozen=True, slots=True)
class Tap:
    """One press, with the reminder that it answers as the facts are now."""

    query: CallbackQuery
    manager: DialogManager
    view: ReminderView
    value: str

    @property
    def context(self) -> CardContext:
        return CardContext(actor(self.manager), services(self.manager))

    @property
    def policy_id(self) -> int:
        return self._id(ReminderKind.POLICY_END)

    @property
    def payment_id(self) -> int:
        return self._id(ReminderKind.PAYMENT)

    @property
    def task_id(self) -> int:
        if self.view.task is None:
            raise NotFound
        return self.view.task.id

    def _id(self, kind: ReminderKind) -> int:
        if self.view.reminder.kind is not kind:
            raise NotFound
        return self.view.reminder.object_id

    @property
    def days(self) -> int:
        return int(self.value) if self.value.isdecimal() and len(self.value) < 4 else 0

    async def edit(self, text: Markup, keyboard: InlineKeyboardMarkup | None) -> None:
        """Change the message that was tapped; one too old to be changed is followed by a new one."""
        if not isinstance(self.query.message, Message):
            await self._say(text, keyboard)
            return
        try:
            await self.query.message.edit_text(str(text), reply_markup=keyboard)
        except TelegramBadRequest as error:
            if "can't be edited" in error.message or "not found" in error.message:
                await self._say(text, keyboard)
            elif "not modified" not in error.message:
                raise

    async def _say(self, text: Markup, keyboard: InlineKeyboardMarkup | None) -> None:
        if self.query.bot is not None:
            await self.query.bot.send_message(self.query.from_user.id, str(text), reply_markup=keyboard)

    async def ask(self, keyboard: InlineKeyboardMarkup) -> None:
        """Keep the words and offer the next choice under them."""
        await self.edit(body(self.view, self.context.actor), keyboard)

    async def show(self) -> None:
        """Show the message as the facts are now."""
        view = await self.context.services.reminders.view(self.context.actor, self.view.reminder.id)
        await self.edit(*await current(self.context, view))

    async def start(self, state: State, **data: object) -> None:
        await self.query.answer()
        await self.manager.start(state, data=data, mode=StartMode.RESET_STACK, show_mode=ShowMode.SEND)


Step = Callable[[Tap], Awaitable[None]]


# --- looking: nothing changes, so they work on an answered reminder, too ---------------------------------------------


async def open_(tap: Tap) -> None:
    view = tap.view
    if view.payment is not None:
        await tap.start(states.Payment.card, payment_id=view.payment.id)
    elif view.task is not None:
        await tap.start(states.Task.card, task_id=view.task.id)
    else:
        await tap.start(states.Deal.card, deal_id=view.deal.id)


async def undo(tap: Tap) -> None:
    """Take an answer back: the reminder asks again."""
    context, view = tap.context, tap.view
    if tap.value.isdecimal() and view.payment is not None:
        await context.services.money.undo(context.actor, int(tap.value))
    elif view.policy is not None and view.policy.outcome is PolicyOutcome.LOST:
        await context.services.policies.clear_outcome(context.actor, tap.policy_id)
    else:
        await context.services.reminders.take_back(context.actor, view.reminder.id)
        return
    await context.services.reminders.ask_again(context.actor, view.reminder.id)


# --- asking for the rest of an answer --------------------------------------------------------------------------------


async def refuse(tap: Tap) -> None:
    await tap.ask(buttons.reasons(tap.view))


async def give(tap: Tap) -> None:
    heirs = await _heirs(tap)
    if not heirs:
        await tap.query.answer(_("There is no other seller to hand the deal to."), show_alert=True)
        return
    await tap.ask(buttons.people(tap.view, heirs))


async def _heirs(tap: Tap) -> list[Successor]:
    """As many other sellers as a keyboard without pages can carry; the deal's own screen has them all."""
    roles, besides = [Role.SELLER.value], tap.view.deal.seller_id
    people = tap.context.services.people
    return (await people.successors(tap.context.actor, roles, besides=besides, size=HEIRS))[0]


async def promise_ask(tap: Tap) -> None:
    await tap.ask(buttons.days(tap.view, "promise", date=True))


async def put_off_ask(tap: Tap) -> None:
    await tap.ask(buttons.days(tap.view, "put_off", date=False))


async def ask_date(tap: Tap) -> None:
    message_id = tap.query.message.message_id if tap.query.message is not None else 0
    what = "promise" if tap.value == "promise" else "postpone"
    await tap.start(states.ReminderDate.ask, reminder_id=tap.view.reminder.id, message_id=message_id, what=what)


async def back(tap: Tap) -> None:
    await tap.show()


async def renewed(tap: Tap) -> None:
    await tap.start(states.NewPolicy.review, deal_id=tap.view.deal.id, previous_policy_id=tap.policy_id)


async def part(tap: Tap) -> None:
    await tap.start(states.Payment.amount, payment_id=tap.payment_id)


async def reply(tap: Tap) -> None:
    await tap.start(states.Task.answer, task_id=tap.task_id)


# --- answering -------------------------------------------------------------------------------------------------------


async def calculate(tap: Tap) -> None:
    """Begin the renewal and offer to give the calculation to somebody."""
    await tap.context.services.policies.start_renewal(tap.context.actor, tap.policy_id)
    await tap.show()
    await tap.start(states.NewTask.due, deal_id=tap.view.deal.id, kind=TaskKind.CALCULATE.value)


async def think(tap: Tap) -> None:
    await tap.context.services.reminders.thinking(tap.context.actor, tap.policy_id, tap.days)


async def lost(tap: Tap) -> None:
    try:
        reason = CloseReason(tap.value)
    except ValueError as error:
        raise NotFound from error
    await tap.context.services.policies.set_outcome(tap.context.actor, tap.policy_id, PolicyOutcome.LOST, reason)


async def give_to(tap: Tap) -> None:
    """The deal is not the giver's to look at any more, so this is the last he sees of it here."""
    context, deal = tap.context, tap.view.deal
    heirs = await _heirs(tap)
    name = next((heir.user.full_name for heir in heirs if str(heir.user.id) == tap.value), "")
    await context.services.people.hand_over_deal(context.actor, deal.id, int(tap.value) if tap.value.isdecimal() else 0)
    await tap.edit(
        lines(html("<b>{said}</b>: {name}", said=_("👤 Handed over"), name=name), deal_lines(deal, context.actor)), None
    )


async def paid(tap: Tap) -> None:
    await tap.context.services.money.client_paid(tap.context.actor, tap.payment_id)


async def promise(tap: Tap) -> None:
    until = tap.view.today + timedelta(days=tap.days)
    await tap.context.services.money.promise(tap.context.actor, tap.payment_id, until)


async def put_off(tap: Tap) -> None:
    await tap.context.services.reminders.put_off_payment(tap.context.actor, tap.payment_id, tap.days)


async def next_event(tap: Tap) -> None:
    await tap.context.services.deals.to_next_event(tap.context.actor, tap.view.deal.id)


async def postpone(tap: Tap) -> None:
    until = tap.view.today + timedelta(days=tap.days)
    await tap.context.services.deals.postpone(tap.context.actor, tap.view.deal.id, until.isoformat())


async def accept(tap: Tap) -> None:
    await tap.context.services.tasks.accept(tap.context.actor, tap.task_id)
    await tap.query.answer()
    await tap.start(states.Task.card, task_id=tap.task_id)


ALWAYS: Mapping[str, Step] = {"open": open_, "undo": undo, "back": back}
ASKING: Mapping[str, Step] = {
    "refuse": refuse,
    "give": give,
    "date": ask_date,
    "renewed": renewed,
    "part": part,
    "reply": reply,
}
ANSWERING: Mapping[str, Step] = {
    "calculate": calculate,
    "think": think,
    "lost": lost,
    "give_to": give_to,
    "paid": paid,
    "promise": promise,
    "put_off": put_off,
    "next": next_event,
    "postpone": postpone,
    "accept": accept,
}
HEIRS = 40
"""So many people with long names fit into ten thousand bytes, which a keyboard may have."""
SHOW_THEMSELVES = {"calculate", "give_to"}


def step_for(what: str, value: str) -> tuple[Step, bool]:
    """What a tap does, and whether it wants the reminder to be unanswered. Raises NotFound for a forged one."""
    if what in ALWAYS:
        return ALWAYS[what], False
    if not value and what in {"promise", "put_off"}:
        return (promise_ask if what == "promise" else put_off_ask), True
    step = ASKING.get(what) or ANSWERING.get(what)
    if step is None:
        raise NotFound
    return step, True


@router.callback_query(Answer.filter())
async def on_answer(query: CallbackQuery, callback_data: Answer, dialog_manager: DialogManager) -> None:
    """Answer a reminder once: a second tap says so and shows what was answered."""
    found = await services(dialog_manager).reminders.view(actor(dialog_manager), callback_data.id)
    tap = Tap(query, dialog_manager, found, callback_data.value)
    step, wants_pending = step_for(callback_data.what, callback_data.value)
    if wants_pending and not found.pending:
        await say_done_already(tap)
        return
    try:
        await step(tap)
    except AlreadyDone:
        await say_done_already(tap)
        return
    if callback_data.what == "undo" or (step in ANSWERING.values() and callback_data.what not in SHOW_THEMSELVES):
        await tap.show()
    await query.answer()


async def say_done_already(tap: Tap) -> None:
    await tap.query.answer(_("This has already been done."), show_alert=True)
    await tap.show()
