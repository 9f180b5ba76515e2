"""The keys of screens made without being validated twice: they are ours, and there are twenty on a screen.

The dialog library makes each an object through pydantic and then writes its mark into it through pydantic; a tenth of a
tap went there (docs/adr/0010). What comes out is the same, but for labels that no phone would show to their end.
"""

from typing import Any, Final, TypeVar

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog.utils import intent_callback_data
from aiogram_dialog.widgets.kbd import button, select
from aiogram_dialog.widgets.markup import inline_keyboard
from aiogram_dialog.widgets.style import EMPTY_STYLE
from pydantic import BaseModel

from fsm.text import short

ModelT = TypeVar("ModelT", bound=BaseModel)

_KEY: Final = InlineKeyboardButton(text="")
_KEYBOARD: Final = InlineKeyboardMarkup(inline_keyboard=[])
_LONGEST: Final = 64
"""Letters of a label: no phone shows more, and a list of people must not become a page of one name."""


def like(pattern: ModelT, /, **given: Any) -> ModelT:
    """Another object with what is `given`, unseen by pydantic, and everything else as `pattern` has it."""
    # As unpickled: `model_copy` looks at each part anew and takes ten times as long.
    made = object.__new__(type(pattern))
    made.__setstate__(pattern.__getstate__() | {"__dict__": pattern.__dict__ | given})
    return made


def _key(**given: Any) -> InlineKeyboardButton:
    given["text"] = short(given["text"], _LONGEST)
    return like(_KEY, **given)


def _keyboard(inline_keyboard: list[list[Any]]) -> InlineKeyboardMarkup:
    return like(_KEYBOARD, inline_keyboard=inline_keyboard)


async def _no_style(*_given: Any) -> None:
    """What a key without colours and pictures has of them."""


def _mark(keyboard: list[list[Any]], mark: str) -> None:
    for row in keyboard:
        for key in row:
            if isinstance(key, InlineKeyboardButton):
                key.__dict__["callback_data"] = intent_callback_data(mark, key.callback_data)


def make_quickly() -> None:
    """From here on the library makes its keys this way."""
    for place, name, ours in (
        (button, "InlineKeyboardButton", _key),
        (select, "InlineKeyboardButton", _key),
        (inline_keyboard, "add_intent_id", _mark),
        (inline_keyboard, "InlineKeyboardMarkup", _keyboard),
        (EMPTY_STYLE, "render_style", _no_style),
        (EMPTY_STYLE, "render_emoji", _no_style),
    ):
        vars(place)[name] = ours
