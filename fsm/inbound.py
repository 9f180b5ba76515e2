"""What a dialog gets: what its open window asks for, and nothing that was meant for somebody else."""

import re
from typing import Any

from aiogram.types import Message
from aiogram_dialog import Dialog, Window
from aiogram_dialog.api.entities import Context, Stack

from fsm.errors import deal_number
from fsm.manager import is_of_a_screen

_COMMAND = re.compile(r"/[a-z]")


def only_what_is_asked(dialog: Dialog) -> None:
    """Let messages pass a dialog by: commands, replies to other messages about a deal, and what its window cannot read.

    A dialog takes every message of a person who looks at it, and every press that is not of another dialog; what it
    does not understand would vanish in silence, or turn the notification that was pressed into its own screen.
    """

    async def is_for(message: Message, **data: Any) -> bool:
        context: Context | None = data.get("aiogd_context")
        window = dialog.windows.get(context.state) if context is not None else None
        # Files are taken before any dialog (handlers.documents); what a window asks for is always words.
        if not isinstance(window, Window) or window.on_message is None or message.text is None:
            return False
        if _COMMAND.match(message.text):
            return False
        return not _is_about_another_card(message, data.get("aiogd_stack"))

    dialog.message.filter(is_for)
    dialog.callback_query.filter(is_of_a_screen)


def _is_about_another_card(message: Message, stack: Stack | None) -> bool:
    """A reply to one of our messages that names a deal is for that deal, unless it is the open screen itself."""
    card = message.reply_to_message
    if card is None or card.from_user is None or not card.from_user.is_bot:
        return False
    return deal_number(card) is not None and (stack is None or card.message_id != stack.last_message_id)
