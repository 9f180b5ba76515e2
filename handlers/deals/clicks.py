"""What a press on the deal's card means."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from aiogram.fsm.state import State
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, kept, services, start_id
from fsm.i18n import _
from fsm.navigation import open_card, until_accepted
from fsm.words import weekday
from services.deals import DealFilter
from services.journal import TEXT_LIMIT
from services.rules.reading import read_date

OnClick = Callable[[CallbackQuery, Button, DialogManager], Awaitable[None]]


def go(state: State, **data: Any) -> OnClick:
    """Start another feature on this deal."""

    async def on_click(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
        await manager.start(state, data={"deal_id": start_id(manager, "deal_id"), **data})

    return on_click


# --- lists --------------------------------------------------------------------------------------------------------


async def on_filter(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, filter=DealFilter(item).value, page=0)


async def on_deal(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await manager.start(states.Deal.card, data={"deal_id": int(item)})


# --- journal from the card ----------------------------------------------------------------------------------------


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    """Keep what was typed on the open card until it is written down or put away."""
    text = message.text or ""
    before = str(kept(manager, "typed") or "")
    keep(manager, typed=f"{before}\n{text}" if before else text)
    await manager.switch_to(states.Deal.note)


async def on_write(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    """Write what was kept, in as many entries as it takes: what was typed in parts may be longer than one holds."""
    text = str(kept(manager, "typed") or "")
    for at in range(0, len(text), TEXT_LIMIT):
        part = text[at : at + TEXT_LIMIT]
        if part.strip():
            await services(manager).journal.add(actor(manager), start_id(manager, "deal_id"), part)
    keep(manager, typed="")
    await manager.switch_to(states.Deal.card)


async def on_discard(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, typed="")
    await manager.switch_to(states.Deal.card)


# --- next touch ---------------------------------------------------------------------------------------------------


async def _postpone(manager: DialogManager, on: date) -> str:
    """Put the deal off; returns what to say: a nearer event may have come first."""
    settled = await services(manager).deals.postpone(actor(manager), start_id(manager, "deal_id"), on.isoformat())
    keep(manager, typed="")
    await manager.switch_to(states.Deal.card)
    shown = weekday(date.fromisoformat(settled), today(manager))
    return (
        _("Next touch: {day}") if settled == on.isoformat() else _("Something comes sooner, so the next touch is {day}")
    ).format(day=shown)


def today(manager: DialogManager) -> date:
    """The day that it is for this person."""
    return services(manager).deals.clock.now().astimezone(actor(manager).zone).date()


async def on_postpone_days(query: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await query.answer(await _postpone(manager, today(manager) + timedelta(days=int(item))))


async def on_postpone_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _postpone(manager, read_date(message.text or "", today(manager)))


async def on_pick_date(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await manager.start(
        states.PickDate.pick,
        data={"title": _("When to look at the deal again?"), "chips": ["working", "+14", "+30", "+90"]},
    )


@until_accepted
async def on_date_picked(_start: Any, result: Any, manager: DialogManager) -> None:
    """A date chosen on the calendar; other dialogs that were open over the card give nothing."""
    if isinstance(result, dict) and "date" in result:
        await _postpone(manager, date.fromisoformat(result["date"]))


async def on_next_event(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    on = await services(manager).deals.to_next_event(actor(manager), start_id(manager, "deal_id"))
    await query.answer(_("Next touch: {day}").format(day=weekday(date.fromisoformat(on), today(manager))))
    await manager.switch_to(states.Deal.card)


# --- people, closing ----------------------------------------------------------------------------------------------


async def on_executor(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await services(manager).deals.set_executor(actor(manager), start_id(manager, "deal_id"), int(item))
    await manager.switch_to(states.Deal.card)


async def on_nobody(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).deals.set_executor(actor(manager), start_id(manager, "deal_id"), None)
    await manager.switch_to(states.Deal.card)


async def on_outcome(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, outcome=item, close_note="")
    await manager.switch_to(states.Deal.close_reason)


async def on_reason(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    keep(manager, reason=item)
    await manager.switch_to(states.Deal.close_confirm)


async def on_close_note(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    keep(manager, close_note=message.text or "")


async def on_close(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).deals.close(
        actor(manager),
        start_id(manager, "deal_id"),
        str(kept(manager, "outcome")),
        str(kept(manager, "reason")),
        str(kept(manager, "close_note") or ""),
    )
    await query.answer(_("The deal is closed."))
    await manager.switch_to(states.Deal.card)


async def on_reopen(query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    await services(manager).deals.reopen(actor(manager), start_id(manager, "deal_id"))
    await query.answer(_("The deal is open again."))


async def on_client(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    view = await services(manager).deals.card(actor(manager), start_id(manager, "deal_id"))
    await open_card(manager, states.Client.card, client_id=view.deal.client_id)


async def on_undecided(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await open_card(manager, states.Policy.card, policy_id=int(item))


async def on_task(_event: CallbackQuery, _widget: Any, manager: DialogManager, item: str) -> None:
    await open_card(manager, states.Task.card, task_id=int(item))
