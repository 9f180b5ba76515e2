"""Editing, deleting, pinning and reacting."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaDocument,
    KeyboardButton,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
)

from sandbox.world import Person, World

Refused = Callable[..., Awaitable[str]]
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a "
    "current content and reply markup of the message"
)


def one_button(text: str = "Да", data: str = "yes") -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=text, callback_data=data)]])


async def test_an_edit_changes_the_message_in_place(bot: Bot, world: World, anna: Person) -> None:
    """ "On success, if the edited message is not an inline message, the edited Message is returned"."""
    sent = await bot.send_message(anna.id, "Сохраняю…")
    edited = await bot.edit_message_text(
        "<i>Готово</i>", chat_id=anna.id, message_id=sent.message_id, parse_mode="HTML"
    )
    assert not isinstance(edited, bool)
    assert (edited.message_id, edited.text) == (sent.message_id, "Готово")
    assert edited.edit_date is not None
    assert [m.text for m in world.chat(anna.id)] == ["/start", "Готово"]


async def test_an_edit_without_markup_drops_the_buttons(bot: Bot, world: World, anna: Person) -> None:
    """ "reply_markup: A JSON-serialized object for an inline keyboard": not given means none."""
    sent = await bot.send_message(anna.id, "Удалить?", reply_markup=one_button())
    await bot.edit_message_text("Удалено", chat_id=anna.id, message_id=sent.message_id)
    assert world.chat(anna.id)[-1].buttons == []


async def test_an_identical_edit_is_refused(bot: Bot, refused: Refused, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "<b>Меню</b>", parse_mode="HTML", reply_markup=one_button())
    same: dict[str, Any] = {"chat_id": anna.id, "message_id": sent.message_id}
    same["reply_markup"] = one_button().model_dump(exclude_none=True)
    assert await refused("editMessageText", **same, text=" <b>Меню</b>", parse_mode="HTML") == NOT_MODIFIED
    assert await refused("editMessageReplyMarkup", **same) == NOT_MODIFIED
    assert await bot.edit_message_text("Меню", **same), "the same letters without bold are another text"
    assert await bot.edit_message_reply_markup(**{**same, "reply_markup": one_button("Нет")})


async def test_a_message_with_a_reply_keyboard_can_never_be_edited(bot: Bot, refused: Refused, anna: Person) -> None:
    """ "Note that it is currently only possible to edit messages without reply_markup or with inline keyboards"."""
    keyboard = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Меню")]])
    sent = await bot.send_message(anna.id, "x", reply_markup=keyboard)
    said = await refused("editMessageText", chat_id=anna.id, message_id=sent.message_id, text="y")
    assert said == "Bad Request: message can't be edited"


async def test_other_peoples_messages_cannot_be_edited(world: World, refused: Refused, anna: Person) -> None:
    hers = await world.say(anna.id, "x")
    said = await refused("editMessageText", chat_id=anna.id, message_id=hers.id, text="y")
    assert said == "Bad Request: message can't be edited"
    said = await refused("editMessageText", chat_id=anna.id, message_id=999, text="y")
    assert said == "Bad Request: message to edit not found"


async def test_a_document_has_a_caption_and_no_text_to_edit(bot: Bot, refused: Refused, anna: Person) -> None:
    sent = await bot.send_document(anna.id, BufferedInputFile(b"%PDF", "полис.pdf"), caption="Полис")
    place: dict[str, Any] = {"chat_id": anna.id, "message_id": sent.message_id}
    assert await refused("editMessageText", **place, text="y") == "Bad Request: there is no text in the message to edit"
    edited = await bot.edit_message_caption(**place, caption="Полис ОСАГО")
    assert not isinstance(edited, bool)
    assert edited.caption == "Полис ОСАГО"
    assert edited.document is not None
    text = await bot.send_message(anna.id, "x")
    said = await refused("editMessageCaption", chat_id=anna.id, message_id=text.message_id, caption="y")
    assert said == "Bad Request: there is no caption in the message to edit"


async def test_media_can_be_replaced_by_an_upload(bot: Bot, world: World, anna: Person) -> None:
    """ "Use this method to edit animation, audio, document, live photo, photo, or video messages, or to add media to
    text messages." """
    sent = await bot.send_message(anna.id, "Рисую…")
    media = InputMediaDocument(media=BufferedInputFile(b"1;2", "сделки.csv"), caption="Готово")
    await bot.edit_message_media(media, chat_id=anna.id, message_id=sent.message_id)
    seen = world.chat(anna.id)[-1]
    assert (seen.content, seen.text) == ("document", "Готово")
    assert seen.file is not None
    assert world.file_bytes(seen.file["file_id"]) == b"1;2"


async def test_messages_are_deleted_within_48_hours(
    bot: Bot, world: World, refused: Refused, anna: Person, clock: Any
) -> None:
    """ "A message can only be deleted if it was sent less than 48 hours ago." """
    sent = await bot.send_message(anna.id, "x")
    old = await bot.send_message(anna.id, "старое")
    assert await bot.delete_message(anna.id, sent.message_id)
    assert world.message(anna.id, sent.message_id) is None
    gone = {"chat_id": anna.id, "message_id": sent.message_id}
    assert await refused("deleteMessage", **gone) == "Bad Request: message to delete not found"
    clock.advance(hours=48, seconds=1)
    said = await refused("deleteMessage", chat_id=anna.id, message_id=old.message_id)
    assert said == "Bad Request: message can't be deleted for everyone"


async def test_deleting_many_skips_those_that_are_not_there(bot: Bot, world: World, anna: Person) -> None:
    """ "If some of the specified messages can't be found, they are skipped." """
    sent = await bot.send_message(anna.id, "x")
    assert await bot.delete_messages(anna.id, [sent.message_id, 999])
    assert [m.text for m in world.chat(anna.id)] == ["/start"]


async def test_pins_are_seen_and_taken_off(bot: Bot, anna: Person) -> None:
    """ "message_id: Required if business_connection_id is specified. If not specified, the most recent pinned
    message (by sending date) will be unpinned." """
    first, second = await bot.send_message(anna.id, "1"), await bot.send_message(anna.id, "2")
    await bot.pin_chat_message(anna.id, first.message_id)
    await bot.pin_chat_message(anna.id, second.message_id)
    chat = await bot.get_chat(anna.id)
    assert chat.pinned_message is not None
    assert chat.pinned_message.message_id == second.message_id
    await bot.unpin_chat_message(anna.id)
    assert anna.pinned == [first.message_id]
    await bot.unpin_all_chat_messages(anna.id)
    assert anna.pinned == []
    with pytest.raises(TelegramBadRequest, match="message to unpin not found"):
        await bot.unpin_chat_message(anna.id)


async def test_a_bot_reacts_with_one_emoji_of_the_list(bot: Bot, world: World, refused: Refused, anna: Person) -> None:
    """ "Currently, as non-premium users, bots can set up to one reaction per message." """
    hers = await world.say(anna.id, "Клиент согласен")
    await bot.set_message_reaction(anna.id, hers.id, [ReactionTypeEmoji(emoji="✍️")])
    assert hers.reactions == {"bot": [{"type": "emoji", "emoji": "✍"}]}
    place = {"chat_id": anna.id, "message_id": hers.id}
    for emoji, error in ((["✅"], "REACTION_INVALID"), (["👍", "🔥"], "REACTIONS_TOO_MANY")):
        reaction = [{"type": "emoji", "emoji": one} for one in emoji]
        assert await refused("setMessageReaction", **place, reaction=reaction) == f"Bad Request: {error}"
    await bot.set_message_reaction(anna.id, hers.id, [])
    assert hers.reactions == {}
