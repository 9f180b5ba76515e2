"""aiogram's dispatcher, with a straight way for a press on an open screen."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiogram import Dispatcher
from aiogram.dispatcher.event.bases import UNHANDLED
from aiogram.dispatcher.event.telegram import TelegramEventObserver
from aiogram.dispatcher.middlewares.manager import MiddlewareManager
from aiogram.types import CallbackQuery, TelegramObject
from aiogram_dialog import Dialog
from aiogram_dialog.api.entities import Context
from aiogram_dialog.utils import remove_intent_id


class StraightDispatcher(Dispatcher):
    """Asks the dialog that a press belongs to before it asks sixty routers in turn.

    The press carries its dialog's mark, and no handler outside dialogs takes such data (fsm.inbound, `CallbackData`
    prefixes); what the dialog does not take goes the usual way.
    """

    _dialogs: dict[Any, Dialog] | None = None

    async def _propagate_event(
        self, observer: TelegramEventObserver | None, update_type: str, event: TelegramObject, **kwargs: Any
    ) -> Any:
        context: Context | None = kwargs.get("aiogd_context")
        if (
            context is not None
            and isinstance(event, CallbackQuery)
            and event.data
            and remove_intent_id(event.data)[0] == context.id
            and (dialog := self._dialog(context.state.group)) is not None
        ):
            response = await dialog.propagate_event(update_type=update_type, event=event, **kwargs)
            if response is not UNHANDLED:
                return response
        return await super()._propagate_event(observer, update_type, event, **kwargs)

    def _dialog(self, group: Any) -> Dialog | None:
        if self._dialogs is None:
            self._dialogs = {found.states_group(): found for found in self.chain_tail if isinstance(found, Dialog)}
        return self._dialogs.get(group)


def ask_in_place(dispatcher: Dispatcher) -> None:
    """Let filters that are plain functions be called where they stand.

    aiogram gives each of them to a thread, for those that wait for something; ours compare a few words, and one hop to
    a thread and back takes longer than all of them together.
    """
    for router in dispatcher.chain_tail:
        for observer in router.observers.values():
            for handler in (observer._handler, *observer.handlers):  # noqa: SLF001 - the filters of a whole router
                for asked in handler.filters or ():
                    if not asked.awaitable:
                        asked.callback, asked.awaitable = _awaited(asked.callback), True


def chain_plainly() -> None:
    """Let middlewares be put before a handler without a copy, for each press, of its name and description."""
    MiddlewareManager.wrap_middlewares = staticmethod(_chain)  # type: ignore[method-assign]


def _chain(middlewares: Sequence[Callable[..., Any]], handler: Callable[..., Any]) -> Callable[..., Any]:
    def handled(event: TelegramObject, more: dict[str, Any]) -> Any:
        return handler(event, **more)

    chain = handled
    for middleware in middlewares[::-1]:
        chain = partial(middleware, chain)
    return chain


def _awaited(plain: Callable[..., Any]) -> Callable[..., Any]:
    async def asked(*given: Any, **more: Any) -> Any:
        return plain(*given, **more)

    return asked
