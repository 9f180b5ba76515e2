"""One update from the inbox, given to aiogram as if it had just come, with everything a retry needs around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.dispatcher.event.bases import UNHANDLED, CancelHandler, SkipHandler
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import AnswerCallbackQuery, Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Update
from aiogram_dialog import BgManagerFactory, ShowMode
from aiogram_dialog.utils import REPLY_CALLBACK_SYMBOLS

from bot.recent import Recent
from bot.turns import Places
from bot.worker import Handled
from fsm.storage import StateStorage
from services.access import origin
from storage.inbox import TakenUpdate

_log = structlog.get_logger(__name__)

direct: ContextVar[bool] = ContextVar("direct", default=False)
"""Whether a person waits for the answer to this very request, so that a short wait is better than a failure."""

taken_with: ContextVar[TakenUpdate | None] = ContextVar("taken_with", default=None)
"""The update that is being handled, with what was read with it."""

_PATIENCE = 5  # seconds of retry_after that are waited for on the spot


class DirectAnswers(BaseRequestMiddleware):
    """Requests of handlers: each tap is answered once, and a short trouble of the network is not the person's."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.answered: Recent[str, bool] = Recent(512)  # those under way, and some
        self.under_way: ContextVar[list[asyncio.Task[Any]] | None] = ContextVar("answers_under_way", default=None)
        self._answers: dict[Any, Any] = {}

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        self._places.leave()
        # pydantic holds such a class weakly: without this it is built anew, for milliseconds, after each collection.
        returning: Any = method.__returning__
        if returning not in self._answers:
            self._answers[returning] = Response[returning]
        if isinstance(method, AnswerCallbackQuery):
            answered: Any = await self._answer(make_request, bot, method)
            return cast("Response[TelegramType]", answered)
        return await self._patiently(make_request, bot, method)

    async def _answer(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: AnswerCallbackQuery
    ) -> Any:
        """Telegram refuses a second answer, and one after 150 s; neither is a failure of the update.

        A tap's answer goes beside whatever comes after it: the person looks at the screen, and waits for no toast.
        """
        if method.callback_query_id in self.answered:
            return True
        self.answered[method.callback_query_id] = True
        sending = asyncio.create_task(self._send_answer(make_request, bot, method))
        under_way = self.under_way.get()
        if under_way is None:
            return await sending
        under_way.append(sending)
        return True

    async def _send_answer(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: AnswerCallbackQuery
    ) -> Any:
        try:
            return await self._patiently(make_request, bot, method)
        except TelegramBadRequest as error:
            if "query is too old" not in error.message:
                self.answered.pop(method.callback_query_id, None)
                raise
            _log.info("a tap was answered too late")
            return True
        except BaseException:
            self.answered.pop(method.callback_query_id, None)
            raise

    @asynccontextmanager
    async def during(self) -> AsyncIterator[None]:
        """Let answers go beside the work of the block; they have arrived, or have failed it, when it ends."""
        sending: list[asyncio.Task[Any]] = []
        token = self.under_way.set(sending)
        try:
            yield
            await asyncio.gather(*sending)
        finally:
            self.under_way.reset(token)
            for task in sending:
                task.cancel()
            # Each of them holds its context, and that this list: a circle with all that the update has read.
            sending.clear()

    async def _patiently(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        for left in (2, 1, 0):
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as error:
                if not left or not direct.get() or error.retry_after > _PATIENCE:
                    raise
                await asyncio.sleep(error.retry_after)
            except TelegramNetworkError:
                # What was sent may have arrived: only what does not add a message is said again.
                if not left or not direct.get() or method.__api_method__.startswith(("send", "copy", "forward")):
                    raise
                await asyncio.sleep(0.2)
        raise AssertionError("the last round returns or raises")


class Handling:
    """What the worker calls for an update; the person's turn is held by then."""

    def __init__(
        self,
        bot: Bot,
        dispatcher: Dispatcher,
        states: StateStorage,
        background: BgManagerFactory,
        answers: DirectAnswers,
    ) -> None:
        self._bot, self._dispatcher, self._states = bot, dispatcher, states
        self._background, self._answers = background, answers

    async def __call__(self, taken: TakenUpdate, again: bool) -> Handled:
        key = f"{taken.bot_id}:{taken.update_id}"
        update = Update.model_validate(what_is_read(without_forgery(taken.payload)), context={"bot": self._bot})
        token, sender = direct.set(True), taken_with.set(taken)
        seen = None if taken.seen is None else taken.seen.state
        lease = (taken.update_id, taken.attempts)
        try:
            async with self._states.during(taken.bot_id, taken.person_id, key, seen=seen, lease=lease) as state:
                async with self._answers.during():
                    if again and state.written_by == key:
                        # An earlier attempt came as far as saving the screen it led to (in Redis, which does not know
                        # the inbox): acting on the same words in the next window would be wrong. What may be missing
                        # is the sight of it.
                        await self._redraw(taken)
                        result = "redrawn"
                    else:
                        with origin(key, retry=again):
                            result = await self._feed(update)
                await self._answer_tap(update)
        finally:
            direct.reset(token)
            taken_with.reset(sender)
        return Handled(result, state.more)

    async def _feed(self, update: Update) -> str:
        try:
            response = await self._dispatcher.feed_update(self._bot, update)
        except (SkipHandler, CancelHandler):
            return "unhandled"
        if isinstance(response, TelegramMethod):
            await self._bot(response)
        return "unhandled" if response is UNHANDLED else "handled"

    async def _redraw(self, taken: TakenUpdate) -> None:
        manager = self._background.bg(self._bot, user_id=taken.person_id, chat_id=taken.person_id)
        await manager.update({}, show_mode=ShowMode.EDIT)

    async def _answer_tap(self, update: Update) -> None:
        """A tap that no handler has answered would show its clock for a minute."""
        tap = update.callback_query
        if tap is None or tap.id in self._answers.answered:
            return
        try:
            await self._bot.answer_callback_query(tap.id)
        except TelegramAPIError as error:
            _log.info("a tap stays unanswered", error=repr(error))


def without_forgery(payload: dict[str, Any]) -> dict[str, Any]:
    """The update without the invisible tail that the dialog library takes for a press of a reply button.

    We show no reply buttons of dialogs, so such a tail is either forged or came with a paste from a PDF, whose soft
    hyphens would swallow the message. Only the tail matters, and cutting it leaves the entities where they are.
    """
    message = payload.get("message")
    if not isinstance(message, dict) or not isinstance(text := message.get("text"), str):
        return payload
    visible = text.rstrip(REPLY_CALLBACK_SYMBOLS)
    return payload if visible == text else payload | {"message": message | {"text": visible}}


def what_is_read(payload: dict[str, Any]) -> dict[str, Any]:
    """The update without the buttons that stand around the pressed one, and without what is bold on their screen:
    nobody reads that, and to make an object of each takes longer than to make the rest of the update.
    """
    match payload:
        case {"callback_query": {"message": {"reply_markup": {"inline_keyboard": [*rows]}} as message} as query}:
            pressed = next((key for row in rows for key in row if key.get("callback_data") == query.get("data")), None)
            shown = message | {"reply_markup": {"inline_keyboard": [[pressed]] if pressed else []}, "entities": None}
            return payload | {"callback_query": query | {"message": shown}}
    return payload
