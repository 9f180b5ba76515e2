"""The day of an answer, where none of the chips fits: by the calendar or by typing."""

from datetime import date
from typing import Any

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, Message
from aiogram_dialog import Dialog, DialogManager, StartMode, Window
from aiogram_dialog.widgets.input import MessageInput
from aiogram_dialog.widgets.kbd import Button
from markupsafe import Markup

from fsm import states
from fsm.calendar import MonthGrid
from fsm.cards import CardContext
from fsm.context import actor, services, start_id
from fsm.i18n import _
from fsm.navigation import menu_button
from fsm.text import Label, Raw, html, lines
from handlers.reminders.cards import current
from handlers.reminders.texts import deal_lines
from services.errors import AlreadyDone
from services.reminders import ReminderView
from services.rules.reading import read_date

PREVIEW = {"text": Markup("<b>By which day?</b>"), "today": date(2026, 11, 21), "first_day": date(2026, 11, 21)}


async def _view(manager: DialogManager) -> ReminderView:
    return await services(manager).reminders.view(actor(manager), start_id(manager, "reminder_id"))


async def asking(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    view = await _view(dialog_manager)
    promise = dialog_manager.start_data["what"] == "promise"  # type: ignore[index, call-overload]
    title = _("By which day has the client promised to pay?") if promise else _("When to look at the deal again?")
    return {
        "text": lines(
            html("<b>{title}</b>", title=title),
            deal_lines(view.deal, actor(dialog_manager)),
            html("<i>{hint}</i>", hint=_("Choose it below or write it: 31.12, tomorrow, +14, fri, in 2 weeks.")),
        ),
        "today": view.today,
        "first_day": view.today,
    }


async def answered(dialog_manager: DialogManager, **_kwargs: Any) -> dict[str, Any]:
    context = CardContext(actor(dialog_manager), services(dialog_manager))
    text, _keyboard = await current(context, await _view(dialog_manager))
    return {"text": text}


async def answer(manager: DialogManager, chosen: date) -> None:
    """Answer with this day, bring the reminder's own message up to date, and say when the deal comes up next."""
    view = await _view(manager)
    if not view.pending:
        raise AlreadyDone
    who, do = actor(manager), services(manager)
    if manager.start_data["what"] == "promise" and view.payment is not None:  # type: ignore[index, call-overload]
        await do.money.promise(who, view.payment.id, chosen)
    else:
        await do.deals.postpone(who, view.deal.id, chosen.isoformat())
    text, keyboard = await current(CardContext(who, do), await _view(manager))
    bot, message_id = manager.middleware_data["bot"], start_id(manager, "message_id")
    try:
        await bot.edit_message_text(
            str(text), chat_id=manager.middleware_data["event_chat"].id, message_id=message_id, reply_markup=keyboard
        )
    except TelegramBadRequest as error:
        # Deleted or too old to be edited: the window says the same.
        if not any(words in error.message for words in ("not modified", "not found", "can't be edited")):
            raise
    await manager.switch_to(states.ReminderDate.done)


async def on_day(_event: CallbackQuery, manager: DialogManager, day: date) -> None:
    await answer(manager, day)


async def on_typed(message: Message, _widget: MessageInput, manager: DialogManager) -> None:
    await answer(manager, read_date(message.text or "", (await _view(manager)).today))


async def on_open(_event: CallbackQuery, _button: Button, manager: DialogManager) -> None:
    view = await _view(manager)
    await manager.start(states.Deal.card, data={"deal_id": view.deal.id}, mode=StartMode.RESET_STACK)


dialog = Dialog(
    Window(
        Raw("text"),
        MessageInput(on_typed, content_types="text"),
        MonthGrid("grid", on_day),
        menu_button(),
        state=states.ReminderDate.ask,
        getter=asking,
        preview_data=PREVIEW,
    ),
    Window(
        Raw("text"),
        Button(Label("Open the deal"), id="open", on_click=on_open),
        menu_button(),
        state=states.ReminderDate.done,
        getter=answered,
        preview_data=PREVIEW,
    ),
)
