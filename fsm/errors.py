"""What a person sees when something is refused, unreadable or out of date: never silence, never a traceback."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware, Dispatcher
from aiogram.exceptions import TelegramBadRequest
from aiogram.filters import ExceptionTypeFilter
from aiogram.types import CallbackQuery, ErrorEvent, InaccessibleMessage, Message, TelegramObject
from aiogram_dialog import DialogManager, ShowMode, StartMode
from aiogram_dialog.api.exceptions import NoContextError, OutdatedIntent, UnknownIntent, UnknownState
from markupsafe import escape

from fsm import states
from fsm.context import actor, services
from fsm.i18n import _
from fsm.text import short
from services.errors import Forbidden, NotFound, Refusal
from services.rules.reading import Unreadable

DEAL_NUMBER = re.compile(r"№\s?(\d{1,18})")
NO_ID = re.compile(r"\d{19}")
ALERT_LIMIT = 200

_log = logging.getLogger(__name__)


def say(error: Refusal | Unreadable) -> str:
    """The refusal in the person's language, plain text."""
    return _(error.msgid).format(**error.params)


class Refusals(BaseMiddleware):
    """Answers a refusal of the business on the spot and redraws the screen from the facts as they are now.

    A press that its message does not carry may bring anything: what it stumbles over is no trouble of ours.
    Registered after the dialogs' own middlewares, so that their state is saved as after any handled update.
    """

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        try:
            if isinstance(event, CallbackQuery) and NO_ID.search(event.data or ""):
                raise ValueError("a number that no id can be")  # noqa: TRY301 - answered like any other nonsense
            return await handler(event, data)
        except (Refusal, Unreadable) as refusal:
            await answer_refusal(event, refusal, data["dialog_manager"])
            return None
        except (ValueError, LookupError) as error:
            if not isinstance(event, CallbackQuery) or is_shown(event):
                raise
            _log.warning("a press that was on no button is nonsense", exc_info=error)
            await event.answer(_("This screen is out of date. Here is the fresh one."))
            await redraw(data["dialog_manager"])
            return None


def is_shown(query: CallbackQuery) -> bool:
    """Whether the pressed button stands on its message. A forged one never does; an old one may not any more."""
    message = query.message
    if not isinstance(message, Message) or message.reply_markup is None:
        return False
    return any(button.callback_data == query.data for row in message.reply_markup.inline_keyboard for button in row)


async def answer_refusal(event: TelegramObject, refusal: Refusal | Unreadable, manager: DialogManager) -> None:
    text = say(refusal)
    if isinstance(event, CallbackQuery):
        await event.answer(short(text, ALERT_LIMIT), show_alert=True)
        if not _is_open_screen(manager, event.message):
            return  # a card of its own: the open screen must not be drawn over it
    elif isinstance(event, Message):
        await event.answer(f"⚠️ {escape(text)}")
        manager.show_mode = ShowMode.DELETE_AND_SEND
    await redraw(manager)


async def redraw(manager: DialogManager) -> None:
    """Show the current screen again; where its object, or the screen itself, is out of reach now, the menu."""
    if manager.has_context():
        try:
            await manager.show()
        except (NotFound, Forbidden):
            await manager.start(states.Menu.main, mode=StartMode.RESET_STACK)


def deal_number(message: object) -> int | None:
    """The deal that a message of ours is about, read from its own title: it survives lost state and years."""
    text = (message.text or message.caption or "") if isinstance(message, Message) else ""
    found = DEAL_NUMBER.search(text)
    return int(found[1]) if found else None


async def show_fresh(manager: DialogManager, message: object) -> None:
    """Open what an out-of-date message was about: its deal where it names one that the person sees, or the menu."""
    number = deal_number(message)
    if number is not None:
        try:
            deal_id = await services(manager).deals.find_number(actor(manager), number)
        except Refusal:
            deal_id = None
        if deal_id is not None:
            await manager.start(states.Deal.card, data={"deal_id": deal_id}, mode=StartMode.RESET_STACK)
            return
    await manager.start(states.Menu.main, mode=StartMode.RESET_STACK)


def _is_open_screen(manager: DialogManager, message: object) -> bool:
    """Whether the pressed message is the one that shows the person's open dialog."""
    if not isinstance(message, Message | InaccessibleMessage) or not manager.has_context():
        return False
    return manager.current_stack().last_message_id == message.message_id


async def put_buttons_away(query: CallbackQuery) -> None:
    """Take the buttons off a message that they do not belong to any more."""
    if query.message is None or isinstance(query.message, InaccessibleMessage):
        return
    try:
        await query.message.edit_reply_markup(reply_markup=None)
    except TelegramBadRequest as error:
        # The message is older than Telegram lets us edit, or has lost its buttons already.
        if "not modified" not in error.message and "can't be edited" not in error.message:
            raise


async def on_outdated(event: ErrorEvent, dialog_manager: DialogManager) -> None:
    """A press on a screen whose state is gone: say so, put its buttons away, show the fresh screen."""
    query = event.update.callback_query
    if query is not None and _is_open_screen(dialog_manager, query.message):
        # The second tap of two: the first has led on, and what it led to is what he looks at.
        await query.answer()
        await dialog_manager.show(ShowMode.EDIT)
        return
    if query is not None:
        await query.answer(_("This screen is out of date. Here is the fresh one."))
        await put_buttons_away(query)
    dialog_manager.show_mode = ShowMode.SEND
    await show_fresh(dialog_manager, query.message if query else None)


def register(dispatcher: Dispatcher) -> None:
    """Put the error screens on a dispatcher; call after `setup_dialogs`."""
    for observer in (dispatcher.message, dispatcher.callback_query):
        observer.middleware(Refusals())
    dispatcher.errors.register(
        on_outdated, ExceptionTypeFilter(UnknownIntent, OutdatedIntent, UnknownState, NoContextError)
    )
