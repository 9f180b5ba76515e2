"""The keys of screens made without being validated twice: they are ours, and there are twenty on a screen.

The dialog library makes each an object through pydantic and then writes its mark into it through pydantic; a tenth of a
tap went there (docs/adr/0010). What comes out is the same, but for labels that no phone would show to their end.
"""

from typing import Any, Final

from aiogram.types import InlineKeyboardButton
from aiogram_dialog.utils import intent_callback_data
from aiogram_dialog.widgets.kbd import button, select
from aiogram_dialog.widgets.markup import inline_keyboard

from fsm.text import short

_BLANK: Final = InlineKeyboardButton(text="")
_LONGEST: Final = 64
"""Letters of a label: no phone shows more, and a list of people must not become a page of one name."""


def _key(**given: Any) -> InlineKeyboardButton:
    return _BLANK.model_copy(update=given | {"text": short(given["text"], _LONGEST)})


def _mark(keyboard: list[list[Any]], mark: str) -> None:
    for row in keyboard:
        for key in row:
            if isinstance(key, InlineKeyboardButton):
                key.__dict__["callback_data"] = intent_callback_data(mark, key.callback_data)


def make_quickly() -> None:
    """From here on the library makes its keys this way."""
    for module, name, ours in (
        (button, "InlineKeyboardButton", _key),
        (select, "InlineKeyboardButton", _key),
        (inline_keyboard, "add_intent_id", _mark),
    ):
        vars(module)[name] = ours
