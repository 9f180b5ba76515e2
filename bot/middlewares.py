"""What stands before every handler: whose turn it is, and who it is."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware, Bot, Dispatcher
from aiogram.dispatcher.middlewares.user_context import UserContextMiddleware
from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import Chat, TelegramObject, Update, User
from aiogram_dialog.api.entities import DialogUpdate

from bot.handling import taken_with
from bot.menu import Menus
from bot.metrics import Metrics
from bot.porter import Caller, Porter
from bot.turns import Activity, Turns
from fsm.i18n import DEFAULT_LANGUAGE, use_language
from fsm.storage import StateStorage
from services.access import Actor, origin
from services.people import active_actor
from services.registry import Services

_log = structlog.get_logger(__name__)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Background(BaseMiddleware):
    """Redraws that dialogs start in the background wait for the person's turn, as updates do.

    They come past the inbox, so what the worker gives an update is given to them here. One that fails is logged and
    forgotten: it showed something, and has changed nothing that is not in the database.
    """

    def __init__(self, turns: Turns, states: StateStorage, metrics: Metrics, activity: Activity) -> None:
        self._turns, self._states, self._metrics, self._activity = turns, states, metrics, activity

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        if not isinstance(event, DialogUpdate):
            return await handler(event, data)
        bot: Bot = data["bot"]
        person_id, chat_id = event.event.from_user.id, event.event.chat.id
        try:
            async with self._turns.of(person_id), self._states.during(bot.id, chat_id, None):
                with origin(f"background:{uuid.uuid4()}", retry=False):
                    return await handler(event, data)
        except Exception as error:  # noqa: BLE001
            self._metrics.errors.labels("background").inc()
            _log.error("a redraw in the background failed", exc_info=error)
            return None
        finally:
            self._activity.ring()


class Door(BaseMiddleware):
    """Finds the person behind an update; lets nobody else in, except a bearer of an invitation with /start."""

    def __init__(self, services: Services, porter: Porter, menus: Menus, admin_ids: frozenset[int]) -> None:
        self._services, self._porter, self._menus, self._admin_ids = services, porter, menus, admin_ids

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        user, chat = _who(event)
        # In a group the bot would show the agency's papers to everybody who is in it.
        if user is None or (chat is not None and chat.type not in (ChatType.PRIVATE, "")):
            return None
        actor = await self._identify(user.id)
        if actor is None and not self._brings_invitation(event, user):
            # Most strangers do not come as far as this (bot/intake.py): this one was shut out a moment ago.
            if isinstance(event, Update):
                await self._porter.answer(_caller(event, user))
            return None
        if actor is not None and isinstance(event, Update) and not isinstance(event, DialogUpdate):
            await self._note(event, actor)
        structlog.contextvars.bind_contextvars(person=_id(actor))  # for as long as the update's task
        with use_language(_language(actor, user)):
            data["actor"] = actor
            result = await handler(event, data)
        if actor is None:
            actor = await self._services.people.identify(user.id)
        stopped = isinstance(event, Update) and event.my_chat_member is not None
        if actor is not None and not stopped and not isinstance(event, DialogUpdate):
            with use_language(actor.language):
                await self._menus.show(data["bot"], user.id, actor)
        return result

    async def _identify(self, telegram_id: int) -> Actor | None:
        taken = taken_with.get()
        if taken is not None and taken.person_id == telegram_id and taken.seen is not None:
            return active_actor(taken.seen.user)
        return await self._services.people.identify(telegram_id)

    async def _note(self, event: Update, actor: Actor) -> None:
        """Who writes can be written to; who stops the bot cannot."""
        member = event.my_chat_member
        if member is not None and member.new_chat_member.status == ChatMemberStatus.KICKED:
            await self._services.people.blocked_bot(actor)
        else:
            await self._services.people.seen(actor)

    def _brings_invitation(self, event: TelegramObject, user: User) -> bool:
        text = event.message.text if isinstance(event, Update) and event.message else None
        words = (text or "").split()
        return bool(words) and words[0] == "/start" and (len(words) > 1 or user.id in self._admin_ids)


def _who(event: TelegramObject) -> tuple[User | None, Chat | None]:
    if isinstance(event, DialogUpdate):
        return event.event.from_user, event.event.chat
    if not isinstance(event, Update):
        return None, None
    context = UserContextMiddleware.resolve_event_context(event)
    return context.user, context.chat


def _caller(event: Update, user: User) -> Caller:
    return Caller(
        user.id,
        user.language_code,
        chat_id=event.message.chat.id if event.message else None,
        tap_id=event.callback_query.id if event.callback_query else None,
        query_id=event.inline_query.id if event.inline_query else None,
    )


def _language(actor: Actor | None, user: User) -> str:
    return actor.language if actor is not None else user.language_code or DEFAULT_LANGUAGE


def _id(actor: Actor | None) -> int | None:
    return None if actor is None else actor.user_id


def stand_before(dispatcher: Dispatcher, *middlewares: BaseMiddleware) -> None:
    """Put middlewares before aiogram's own: the error screens must speak the person's language too."""
    chain = dispatcher.update.outer_middleware
    own = list(chain)
    for theirs in own:
        chain.unregister(theirs)
    for ours in middlewares:
        chain.register(ours)
    for theirs in own:
        chain.register(theirs)
