"""What a press or a typed line on a screen of payments means."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import open_card, until_accepted
from fsm.words import day, money
from handlers.payments.getters import INCOME_REASONS, WAIVE_REASONS, expenses, income_of, shown_card, today
from models.enums import ExpenseKind, IncomeStatus
from services.errors import NotFound, Unlikely
from services.money import PaymentFilter
from services.rules.policy_line import read_paid
from services.rules.reading import Unreadable, clean_text, echo, read_percent, read_sum


def payment_id(manager: DialogManager) -> int:
    return start_id(manager, "payment_id")


async def on_payment(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Payment.card, data={"payment_id": int(item)})


async def on_filter(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, which=PaymentFilter(item).value, page=0)


# --- the client's money -------------------------------------------------------------------------------------------


async def on_paid(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """All that is left, today."""
    rest = (await shown_card(manager)).rest
    await services(manager).money.client_paid(actor(manager), payment_id(manager))
    await query.answer(_("Entered: {sum}, today.").format(sum=money(rest)))


async def on_amount(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    amount, on = read_paid(message.text or "", today(manager))
    await services(manager).money.client_paid(actor(manager), payment_id(manager), amount, on)
    await manager.switch_to(states.Payment.card)


async def on_confirmed(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.insurer_confirmed(actor(manager), payment_id(manager))


async def on_promise(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "promise", _("By which day does the client promise to pay?"), ["tomorrow", "+3", "+7"])


async def on_shift(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "shift", _("To which day is the instalment moved?"), ["+7", "+14", "+30"])


async def _ask_day(manager: DialogManager, field: str, title: str, chips: list[str]) -> None:
    await manager.start(states.PickDate.pick, data={"title": title, "chips": chips, "field": field})


@until_accepted
async def on_day(start_data: Any, result: Any, manager: DialogManager) -> None:
    """A day came back from the calendar: a promise, or a new due date."""
    if not isinstance(result, dict) or "date" not in result:
        return
    on = date.fromisoformat(result["date"])
    if start_data["field"] == "promise":
        await services(manager).money.promise(actor(manager), payment_id(manager), on)
    else:
        await services(manager).money.shift_due(actor(manager), payment_id(manager), on)


async def on_waive_reason(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _waive(manager, _(WAIVE_REASONS[int(item)]))


async def on_waive_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _waive(manager, clean_text(message.text or "", 300))


async def _waive(manager: DialogManager, reason: str) -> None:
    await services(manager).money.waive(actor(manager), payment_id(manager), reason)
    await manager.switch_to(states.Payment.card)


async def on_restore(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.restore(actor(manager), payment_id(manager))


async def on_undo(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    """Take back the very fact that the button named: a double tap must not take back the one before it too."""
    moves = {move.id: move for move, _who in (await shown_card(manager)).moves}
    await services(manager).money.undo(actor(manager), int(item))
    move = moves.get(int(item))
    if move is not None:
        await query.answer(_("Taken back: {sum}, {day}.").format(sum=money(move.amount), day=day(move.on_date)))


async def on_policy(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    shown = await shown_card(manager)
    await open_card(manager, states.Policy.card, policy_id=shown.payment.policy_id)


async def on_deal(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    shown = await shown_card(manager)
    await open_card(manager, states.Deal.card, deal_id=shown.payment.deal_id)


# --- commission ---------------------------------------------------------------------------------------------------


async def _income_id(manager: DialogManager) -> int:
    found = income_of(await shown_card(manager), kept(manager, "income_id"))
    if found is None:
        raise NotFound
    return found.id


async def on_income(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, correcting=False, income_id=None, doubted=None)
    await manager.switch_to(states.Payment.income)


async def on_income_chosen(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, correcting=False, income_id=int(item), doubted=None)


async def on_sure(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """The sum that was doubted is meant."""
    doubted = kept(manager, "doubted")
    if doubted is None:
        return
    on = date.fromisoformat(doubted["on"]) if doubted["on"] else None
    await services(manager).money.commission_received(
        actor(manager), await _income_id(manager), Decimal(doubted["sum"]), on, sure=True
    )
    keep(manager, doubted=None)
    await manager.switch_to(states.Payment.card)


async def on_disputed(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_why(manager, IncomeStatus.DISPUTED)


async def on_given_up(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_why(manager, IncomeStatus.WRITTEN_OFF)


async def _ask_why(manager: DialogManager, status: IncomeStatus) -> None:
    keep(manager, income_status=status.value, income_id=await _income_id(manager), doubted=None)
    await manager.switch_to(states.Payment.income_why)


async def on_income_reason(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _set_income_status(manager, _(INCOME_REASONS[int(item)]))


async def on_income_why(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _set_income_status(manager, clean_text(message.text or "", 300))


async def _set_income_status(manager: DialogManager, reason: str) -> None:
    await services(manager).money.set_income_status(
        actor(manager), await _income_id(manager), kept(manager, "income_status", ""), reason
    )
    await manager.switch_to(states.Payment.income)


async def on_expected_again(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    status = IncomeStatus.EXPECTED.value
    await services(manager).money.set_income_status(actor(manager), await _income_id(manager), status, "")


async def on_received(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.commission_received(actor(manager), await _income_id(manager))
    await manager.switch_to(states.Payment.card)


async def on_returned(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.commission_returned(actor(manager), await _income_id(manager))
    await manager.switch_to(states.Payment.income)


async def on_returned_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    amount, on = read_paid(message.text or "", today(manager))
    await services(manager).money.commission_returned(actor(manager), await _income_id(manager), amount, on)
    await manager.switch_to(states.Payment.income)


async def on_correct(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, correcting=True)


async def on_income_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """How much came and when; or, while correcting, how much is to be expected, in roubles or in percent."""
    text, money_service = message.text or "", services(manager).money
    if not kept(manager, "correcting"):
        amount, on = read_paid(text, today(manager))
        try:
            await money_service.commission_received(actor(manager), await _income_id(manager), amount, on)
        except Unlikely:
            keep(manager, doubted={"sum": str(amount), "on": on.isoformat() if on else None})
            return
    elif "%" in text:
        policy_id = (await shown_card(manager)).payment.policy_id
        await money_service.set_rate(actor(manager), policy_id, read_percent(text))
    else:
        await money_service.set_expected(actor(manager), await _income_id(manager), read_sum(text))
    keep(manager, correcting=False, doubted=None)
    await manager.switch_to(states.Payment.card)


# --- expenses -----------------------------------------------------------------------------------------------------


async def on_expense(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, expense_id=int(item))


async def _expense_id(manager: DialogManager) -> int:
    chosen = (await expenses(manager))["chosen_id"]
    if chosen is None:
        raise Unreadable("Choose the expense first: tap it below the text.")
    return int(chosen)


async def on_expense_paid(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.expense_paid(actor(manager), await _expense_id(manager))


async def on_expense_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    amount, on = read_paid(message.text or "", today(manager))
    await services(manager).money.expense_paid(actor(manager), await _expense_id(manager), amount, on)


async def on_expense_removed(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).money.remove_expense(actor(manager), await _expense_id(manager))


async def on_kind(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, kind=ExpenseKind(item).value)


_EXPENSE = re.compile(r"(?P<share>[0-9]+(?:[.,][0-9]+)?\s*%)\s*(?P<of>.*)|(?P<words>.+)", re.DOTALL)


async def on_new_expense(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """A share or a sum, and then the payee: `5%`, `700 Олег`, `1 500`."""
    text = " ".join(clean_text(message.text or "", 200).split())
    kind = ExpenseKind(kept(manager, "kind", ExpenseKind.CLIENT_DISCOUNT.value))
    found = _EXPENSE.fullmatch(text)
    add, id_ = services(manager).money.add_expense, payment_id(manager)
    if found and found["share"]:
        percent = read_percent(found["share"])
        new_id = await add(actor(manager), id_, kind, percent=percent, payee=found["of"])
    else:
        words = text.split(" ")
        for cut in range(len(words), 0, -1):
            try:
                amount = read_sum(" ".join(words[:cut]), positive=True)
            except Unreadable:
                continue
            new_id = await add(actor(manager), id_, kind, amount=amount, payee=" ".join(words[cut:]))
            break
        else:
            raise Unreadable("«{text}» is not an expense. For example: 5% or 700 Oleg", text=echo(text))
    keep(manager, expense_id=new_id)
    await manager.switch_to(states.Payment.expense)
