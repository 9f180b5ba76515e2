"""Objects of Telegram's that are made without pydantic: they are those that it would have made."""

from aiogram import Bot
from aiogram.enums import ButtonStyle
from aiogram.methods import EditMessageText
from aiogram.types import Chat, InlineKeyboardButton, InlineKeyboardMarkup
from aiogram_dialog.tools.preview import FakeManager
from aiogram_dialog.widgets.kbd import Button, Url
from aiogram_dialog.widgets.style import Style
from aiogram_dialog.widgets.text import Const

import handlers  # noqa: F401 - it has the library make its keys this way
from fsm.keys import like

MANAGER = FakeManager()  # type: ignore[no-untyped-call]


async def test_a_key_is_what_the_library_would_have_made() -> None:
    [[key]] = await Button(Const("Да"), "yes").render_keyboard({}, MANAGER)
    assert key == InlineKeyboardButton(text="Да", callback_data="yes")
    assert key.model_dump_json() == InlineKeyboardButton(text="Да", callback_data="yes").model_dump_json()


async def test_a_key_with_a_colour_and_a_picture_has_them() -> None:
    [[key]] = await Button(Const("Да"), "yes", style=Style(ButtonStyle.DANGER, "5")).render_keyboard({}, MANAGER)
    assert key == InlineKeyboardButton(text="Да", callback_data="yes", style="danger", icon_custom_emoji_id="5")


async def test_a_key_with_an_address_has_it() -> None:
    [[key]] = await Url(Const("Карта"), Const("https://example.org")).render_keyboard({}, MANAGER)
    assert key == InlineKeyboardButton(text="Карта", url="https://example.org")


def test_a_keyboard_made_so_is_taken_by_a_call_as_it_is() -> None:
    key = like(InlineKeyboardButton(text=""), text="Да", callback_data="yes")
    keyboard = like(InlineKeyboardMarkup(inline_keyboard=[]), inline_keyboard=[[key]])
    assert keyboard == InlineKeyboardMarkup(inline_keyboard=[[key]])
    assert EditMessageText(text="?", chat_id=1, message_id=1, reply_markup=keyboard).reply_markup == keyboard


def test_what_is_done_to_an_object_is_not_done_to_its_pattern() -> None:
    pattern, bot = Chat(id=1, type="private"), Bot("1:" + "A" * 35)
    made = like(pattern, id=2).as_(bot)
    assert (made.id, made.type, made.bot) == (2, "private", bot)
    assert (pattern.id, pattern.bot) == (1, None)
