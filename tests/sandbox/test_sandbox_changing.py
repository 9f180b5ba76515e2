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
    InlineQueryResultArticle,
    InputMediaDocument,
    InputTextMessageContent,
    KeyboardButton,
    ReactionTypeEmoji,
    ReplyKeyboardMarkup,
)

from sandbox.world import Person, SandboxError, World

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


async def test_what_is_too_long_to_be_edited_in_has_other_words(bot: Bot, refused: Refused, anna: Person) -> None:
    """ "New text of the message, 1-4096 characters after entities parsing"; tdlib translates the server's words for
    messages that are sent and not for edits (teloxide issue 430)."""
    sent = await bot.send_message(anna.id, "x")
    place = {"chat_id": anna.id, "message_id": sent.message_id}
    assert await refused("editMessageText", **place, text="ж" * 4097) == "Bad Request: MESSAGE_TOO_LONG"
    file = await bot.send_document(anna.id, BufferedInputFile(b"x", "x.txt"))
    place["message_id"] = file.message_id
    assert await refused("editMessageCaption", **place, caption="ж" * 1025) == "Bad Request: MEDIA_CAPTION_TOO_LONG"
    assert await refused("editMessageText", **place, text="") == "Bad Request: message text is empty"


async def test_a_voice_has_no_media_to_replace_and_an_album_keeps_its_kind(
    bot: Bot, refused: Refused, anna: Person, png: Callable[[int, int], bytes]
) -> None:
    """ "If a message is part of a message album, then it can be edited only to an audio for audio albums, only to a
    document for document albums and to a photo, a live photo, or a video otherwise." """
    voice = await bot.send_voice(anna.id, BufferedInputFile(b"OggS", "x.oga"))
    photo = await bot.send_photo(anna.id, BufferedInputFile(png(9, 9), "x.png"))
    assert photo.photo is not None
    media = {"type": "photo", "media": photo.photo[-1].file_id}
    place = {"chat_id": anna.id, "message_id": voice.message_id}
    assert await refused("editMessageMedia", **place, media=media) == "Bad Request: message media can't be edited"
    files = [InputMediaDocument(media=BufferedInputFile(b"x", f"{n}.txt")) for n in range(2)]
    album = await bot.send_media_group(anna.id, files)  # type: ignore[arg-type]
    place["message_id"] = album[0].message_id
    assert (
        await refused("editMessageMedia", **place, media=media) == "Bad Request: can't change media type in the album"
    )


async def test_many_are_deleted_only_if_each_may_be(
    bot: Bot, world: World, refused: Refused, anna: Person, clock: Any
) -> None:
    """ "See deleteMessage for limitations on which messages can be deleted"; "A dice message in a private chat can only
    be deleted if it was sent more than 24 hours ago." """
    old = await bot.send_message(anna.id, "старое")
    clock.advance(hours=48, seconds=1)
    dice = await bot.send_dice(anna.id)
    for_everyone = "Bad Request: message can't be deleted for everyone"
    both = [old.message_id, dice.message_id]
    assert await refused("deleteMessages", chat_id=anna.id, message_ids=both) == for_everyone
    assert await refused("deleteMessage", chat_id=anna.id, message_id=dice.message_id) == for_everyone
    clock.advance(hours=25)
    assert await bot.delete_message(anna.id, dice.message_id)
    assert world.message(anna.id, old.message_id) is not None


async def test_a_live_location_moves_until_it_is_stopped(bot: Bot, refused: Refused, anna: Person, clock: Any) -> None:
    """ "A location can be edited until its live_period expires or editing is explicitly disabled by a call to
    stopMessageLiveLocation." """
    sent = await bot.send_location(anna.id, 55.75, 37.62, live_period=600)
    place: dict[str, Any] = {"chat_id": anna.id, "message_id": sent.message_id}
    moved = await bot.edit_message_live_location(55.76, 37.63, **place)
    assert not isinstance(moved, bool)
    assert moved.location is not None
    assert (moved.location.latitude, moved.location.live_period) == (55.76, 600)
    clock.advance(seconds=601)
    said = await refused("editMessageLiveLocation", **place, latitude=1, longitude=1)
    assert said == "Bad Request: message can't be edited"
    still = await bot.send_location(anna.id, 55.75, 37.62)
    said = await refused("stopMessageLiveLocation", chat_id=anna.id, message_id=still.message_id)
    assert said == "Bad Request: there is no live location in the message to edit"


@pytest.fixture
async def inline_id(bot: Bot, world: World, anna: Person) -> str:
    """By which a message may be edited that Анна sent through inline mode, with a button under it."""
    asked = await world.inline_query(anna.id, "x")
    article = InlineQueryResultArticle(
        id="1",
        title="x",
        input_message_content=InputTextMessageContent(message_text="Сделка"),
        reply_markup=one_button(),
    )
    await bot.answer_inline_query(asked.id, [article])
    await world.choose_inline(anna.id, asked, "1")
    chosen = next(one.chosen_inline_result for one in await bot.get_updates() if one.chosen_inline_result)
    assert chosen.inline_message_id is not None
    return chosen.inline_message_id


async def test_a_message_sent_through_inline_mode_is_edited_by_its_own_identifier(
    bot: Bot, world: World, refused: Refused, anna: Person, inline_id: str
) -> None:
    """ "inline_message_id: Required if chat_id and message_id are not specified." """
    assert await bot.edit_message_text("Готово", inline_message_id=inline_id, reply_markup=one_button("Ещё")) is True
    seen = world.chat(anna.id)[-1]
    assert (seen.text, seen.labels, seen.out) == ("Готово", ["Ещё"], False)
    same = {
        "inline_message_id": inline_id,
        "text": "Готово",
        "reply_markup": one_button("Ещё").model_dump(exclude_none=True),
    }
    assert await refused("editMessageText", **same) == NOT_MODIFIED
    assert await bot.edit_message_reply_markup(inline_message_id=inline_id) is True
    assert world.chat(anna.id)[-1].buttons == []
    place = {"inline_message_id": "A" * 32}
    assert await refused("editMessageText", **place, text="x") == "Bad Request: MESSAGE_ID_INVALID"
    place = {"inline_message_id": "x"}
    said = await refused("editMessageText", **place, text="x")
    assert said == "Bad Request: invalid inline message identifier specified"
    assert await refused("editMessageText", text="x") == "Bad Request: message identifier is not specified"


async def test_a_tap_under_it_names_the_inline_message_and_shows_no_other(
    bot: Bot, world: World, anna: Person, inline_id: str
) -> None:
    """ "If the button was attached to a message sent via the bot (in inline mode), the field inline_message_id will be
    present." """
    await world.press(anna.id, world.chat(anna.id)[-1].id, "yes")
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    assert (query.inline_message_id, query.message) == (inline_id, None)


async def test_a_new_file_cannot_be_uploaded_into_an_inline_message(bot: Bot, anna: Person, inline_id: str) -> None:
    """ "When an inline message is edited, a new file can't be uploaded; use a previously uploaded file via its file_id
    or specify a URL." """
    media = InputMediaDocument(media=BufferedInputFile(b"x", "x.txt"))
    with pytest.raises(TelegramBadRequest, match="invalid message content specified"):
        await bot.edit_message_media(media, inline_message_id=inline_id)
    sent = await bot.send_document(anna.id, BufferedInputFile(b"x", "x.txt"))
    assert sent.document is not None
    media = InputMediaDocument(media=sent.document.file_id)
    assert await bot.edit_message_media(media, inline_message_id=inline_id) is True


async def test_reactions_of_people_are_of_the_list_too(world: World, anna: Person) -> None:
    with pytest.raises(SandboxError, match="no reaction that Telegram offers"):
        await world.react(anna.id, 1, "✅")
