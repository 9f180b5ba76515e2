"""What a press on a card of the day means: it is dealt with, put off or passed, and the next card comes."""

from datetime import date, timedelta
from typing import Any

from aiogram.types import CallbackQuery, Message
from aiogram_dialog import DialogManager, StartMode
from aiogram_dialog.widgets.kbd import Button

from fsm import states
from fsm.context import actor, keep, services
from fsm.i18n import _
from fsm.words import day
from handlers.today.getters import current, key_of, seen
from services.digest import Item
from services.errors import AlreadyDone


def _pass(manager: DialogManager, item: Item) -> None:
    """Remember that a card has been looked at in this walk, whether it has gone by that or not."""
    deals, tasks = seen(manager)
    (deals if item.kind == "deal" else tasks).append(item.id)
    keep(manager, deals=deals, tasks=tasks)


async def _tapped(manager: DialogManager, key: str) -> Item:
    """The card that was tapped. Raises AlreadyDone where another one is on the screen by now."""
    item = await current(manager)
    if item is None or key_of(item) != key:
        raise AlreadyDone
    return item


async def on_command(_message: Message, dialog_manager: DialogManager) -> None:
    await dialog_manager.start(states.Today.main, mode=StartMode.RESET_STACK)


async def on_open(_query: CallbackQuery, _widget: Any, manager: DialogManager, key: str) -> None:
    """Open the card; back from it the walk goes on where it was."""
    item = await _tapped(manager, key)
    if item.kind == "deal":
        await manager.start(states.Deal.card, data={"deal_id": item.id})
    else:
        await manager.start(states.Task.card, data={"task_id": item.id})


async def on_next_event(query: CallbackQuery, _widget: Any, manager: DialogManager, key: str) -> None:
    item = await _tapped(manager, key)
    on = await services(manager).deals.to_next_event(actor(manager), item.id)
    await _put_off(query, manager, item, on)


async def on_postpone(query: CallbackQuery, widget: Any, manager: DialogManager, key: str) -> None:
    """The widget's id ends with the number of days."""
    item = await _tapped(manager, key)
    do, who = services(manager), actor(manager)
    today = do.deals.clock.now().astimezone(who.zone).date()
    days = int(str(widget.widget_id).removeprefix("plus_"))
    on = await do.deals.postpone(who, item.id, (today + timedelta(days=days)).isoformat())
    await _put_off(query, manager, item, on)


async def _put_off(query: CallbackQuery, manager: DialogManager, item: Item, on: str) -> None:
    _pass(manager, item)
    await query.answer(_("Next touch: {day}").format(day=day(date.fromisoformat(on))))


async def on_accept(_query: CallbackQuery, _widget: Any, manager: DialogManager, key: str) -> None:
    item = await _tapped(manager, key)
    await services(manager).tasks.accept(actor(manager), item.id)
    _pass(manager, item)


async def on_pass(_query: CallbackQuery, _widget: Any, manager: DialogManager, key: str) -> None:
    _pass(manager, await _tapped(manager, key))


async def on_again(_query: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    keep(manager, deals=[], tasks=[])
