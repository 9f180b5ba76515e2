"""Screens under notifications: what opens below one leaves it as it was read."""

from typing import Any

from aiogram import Router
from aiogram.types import CallbackQuery
from aiogram_dialog import ShowMode
from aiogram_dialog.api.entities import ChatEvent, OldMessage
from aiogram_dialog.api.internal import DialogManagerFactory
from aiogram_dialog.api.protocols import DialogManager, DialogRegistryProtocol
from aiogram_dialog.context.media_storage import MediaIdStorage
from aiogram_dialog.manager.manager import ManagerImpl
from aiogram_dialog.manager.message_manager import MessageManager
from aiogram_dialog.utils import remove_intent_id


def is_of_a_screen(query: CallbackQuery) -> bool:
    """The buttons of screens carry their dialog's mark; those of notifications do not."""
    return remove_intent_id(query.data or "")[0] is not None


class ScreenManager(ManagerImpl):
    """The library's manager; it takes whatever was pressed for the open screen, and its buttons off when another opens.

    A screen that a notification opens below takes them off the screen before it, and leaves the notification as it was.
    """

    def _get_last_message(self) -> OldMessage | None:
        pressed, screen = self.event, self.current_stack().last_message_id
        if (
            self.show_mode is not ShowMode.SEND
            or not isinstance(pressed, CallbackQuery)
            or pressed.message is None
            or pressed.message.message_id == screen
            or is_of_a_screen(pressed)
        ):
            found: OldMessage | None = super()._get_last_message()
            return found
        if screen is None:
            return None
        return OldMessage(chat=pressed.message.chat, message_id=screen, media_id=None, media_uniq_id=None)


class ScreenManagers(DialogManagerFactory):
    """Makes the manager of every update."""

    def __init__(self) -> None:
        self._messages = MessageManager()
        self._media = MediaIdStorage()  # type: ignore[no-untyped-call]

    def __call__(
        self, event: ChatEvent, data: dict[str, Any], registry: DialogRegistryProtocol, router: Router
    ) -> DialogManager:
        return ScreenManager(
            event=event,
            data=data,
            message_manager=self._messages,
            media_id_storage=self._media,
            registry=registry,
            router=router,
            getter=None,
        )
