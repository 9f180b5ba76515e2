"""What a press on a screen of policies means."""

from datetime import date
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import open_card, until_accepted
from fsm.words import money
from handlers.policies.getters import CANCEL_REASONS, PolicyFilter, next_unpaid, today
from handlers.policies.register import read_any_plan
from models.enums import CloseReason, PolicyOutcome
from services.errors import AlreadyDone
from services.rules.reading import clean_text, read_percent, read_sum


def policy_id(manager: DialogManager) -> int:
    return start_id(manager, "policy_id")


async def _deal_id(manager: DialogManager) -> int:
    shown = await services(manager).policies.card(actor(manager), policy_id(manager))
    return shown.policy.deal_id


async def on_policy(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Policy.card, data={"policy_id": int(item)})


async def on_filter(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, which=PolicyFilter(item).value, page=0)


async def on_paid(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """The nearest unpaid instalment is paid in full today; its card can take that back."""
    shown = await services(manager).policies.card(actor(manager), policy_id(manager))
    payment = next_unpaid(shown.policy.payments)
    if payment is None:
        raise AlreadyDone
    await services(manager).money.client_paid(actor(manager), payment.id)
    rest = money(payment.amount - payment.paid_amount)
    await query.answer(_("Instalment {n}: {sum} paid today.").format(n=payment.seq, sum=rest))
    await open_card(manager, states.Payment.card, payment_id=payment.id)


async def on_instalments(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Payments.list, data={"policy_id": policy_id(manager)})


async def on_papers(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    data = {"deal_id": await _deal_id(manager), "policy_id": policy_id(manager)}
    await manager.start(states.Documents.list, data=data)


async def on_deal(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await open_card(manager, states.Deal.card, deal_id=await _deal_id(manager))


async def on_new_policy(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.NewPolicy.review, data={"deal_id": await _deal_id(manager)})


async def on_one_more(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Another policy of the deal whose list is open."""
    await manager.start(states.NewPolicy.review, data={"deal_id": start_id(manager, "deal_id")})


async def on_renew(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """«Считаем»: the deal is calculated again, so its card is the place to give the task."""
    deal_id = await _deal_id(manager)
    await services(manager).policies.start_renewal(actor(manager), policy_id(manager))
    await query.answer(_("The renewal has begun: last year's terms are a draft variant."))
    await open_card(manager, states.Deal.card, deal_id=deal_id)


async def on_refusal(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).policies.set_outcome(
        actor(manager), policy_id(manager), PolicyOutcome.LOST, CloseReason(item)
    )
    await manager.switch_to(states.Policy.card)


async def on_return(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).policies.clear_outcome(actor(manager), policy_id(manager))


async def on_close_deal(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(states.Deal.close_outcome, data={"deal_id": await _deal_id(manager)})


async def on_cancel_reason(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await _cancel(manager, _(CANCEL_REASONS[int(item)]))


async def on_cancel_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _cancel(manager, clean_text(message.text or "", 300))


async def _cancel(manager: DialogManager, reason: str) -> None:
    await services(manager).policies.cancel(actor(manager), policy_id(manager), reason)
    await manager.switch_to(states.Policy.card)


# --- corrections --------------------------------------------------------------------------------------------------


async def on_field(_event: CallbackQuery, button: Button, manager: DialogManager) -> None:
    keep(manager, field=(button.widget_id or "").removeprefix("fix_"))
    await manager.switch_to(states.Policy.value)


async def on_start_date(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "starts_on", _("When does the policy begin?"))


async def on_end_date(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await _ask_day(manager, "ends_on", _("What is the policy's last day?"))


async def _ask_day(manager: DialogManager, field: str, title: str) -> None:
    await manager.start(states.PickDate.pick, data={"title": title, "chips": [], "past": True, "field": field})


@until_accepted
async def on_day(start_data: Any, result: Any, manager: DialogManager) -> None:
    """A day came back from the calendar: correct it and show the card."""
    if isinstance(result, dict) and "date" in result:
        await manager.switch_to(states.Policy.card)
        given = {start_data["field"]: date.fromisoformat(result["date"])}
        await services(manager).policies.correct(actor(manager), policy_id(manager), **given)  # type: ignore[arg-type]


async def on_value(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """The right value of the field that was chosen."""
    who, policies, id_ = actor(manager), services(manager).policies, policy_id(manager)
    text, field = message.text or "", kept(manager, "field")
    if field == "rate":
        await services(manager).money.set_rate(who, id_, read_percent(text))
    elif field == "premium":
        await policies.correct(who, id_, premium=read_sum(text, positive=True))
    elif field == "plan":
        shown = await policies.card(who, id_)
        await policies.correct(who, id_, plan=read_any_plan(text, shown.policy.premium, today(manager)).code)
    else:
        await policies.correct(who, id_, number=text)
    await manager.switch_to(states.Policy.card)
