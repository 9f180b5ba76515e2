"""One window that any dialog starts to get a date; its result is {"date": ISO}."""

from datetime import date

from aiogram import Router
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Group

from fsm import states
from fsm.calendar import MonthGrid
from fsm.navigation import leave_row, one_of
from fsm.text import Raw
from handlers.dates.getters import PREVIEW, check, getter, only_past, today
from services.rules.reading import read_date


async def _give(manager: DialogManager, day: date) -> None:
    check(manager, day)
    await manager.done({"date": day.isoformat()})


async def on_chip(_event: CallbackQuery, _widget: object, manager: DialogManager, item: str) -> None:
    await _give(manager, date.fromisoformat(item))


async def on_day(_event: CallbackQuery, manager: DialogManager, day: date) -> None:
    await _give(manager, day)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await _give(manager, read_date(message.text or "", today(manager), past=only_past(manager)))


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        Group(one_of("days", "chip", on_chip, key="day"), width=4),
        MonthGrid("grid", on_day),
        leave_row(),
        state=states.PickDate.pick,
        getter=getter,
        preview_data=PREVIEW,
    )
)

router = Router(name="dates")
router.include_router(dialog)
