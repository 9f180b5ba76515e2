"""What may be sent, to whom, and with which keyboards."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, KeyboardButton, ReplyKeyboardMarkup

from sandbox.api import LocalTelegram
from sandbox.world import Person, Upload, World

Refused = Callable[..., Awaitable[str]]
Call = Callable[..., Awaitable[dict[str, Any]]]


async def test_a_message_arrives_in_the_chat_as_the_bot_formatted_it(bot: Bot, world: World, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "<b>Сделка</b> №5\n", parse_mode="HTML")
    seen = world.chat(anna.id)[-1]
    assert (seen.id, seen.text, seen.out) == (sent.message_id, "Сделка №5", True)
    assert seen.entities == [{"offset": 0, "length": 6, "type": "bold"}]
    assert sent.html_text == "<b>Сделка</b> №5"


@pytest.mark.parametrize("way", ["json", "form", "multipart", "query"])
async def test_parameters_come_in_all_four_ways(
    way: str, telegram: LocalTelegram, http: aiohttp.ClientSession, anna: Person
) -> None:
    """ "We support GET and POST HTTP methods. We support four ways of passing parameters in Bot API requests"."""
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    markup = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    params = {"chat_id": str(anna.id), "text": "Привет", "reply_markup": json.dumps(markup)}
    if way == "json":
        request = http.post(url, json={"chat_id": anna.id, "text": "Привет", "reply_markup": markup})
    elif way == "form":
        request = http.post(url, data=params)
    elif way == "query":
        request = http.get(url, params=params)
    else:
        form = aiohttp.FormData(params)
        form.add_field("unused", b"x", filename="x.bin")
        request = http.post(url, data=form)
    async with request as answer:
        found = await answer.json()
    assert found["ok"]
    assert found["result"]["reply_markup"] == markup


async def test_methods_are_found_in_any_case(call: Call) -> None:
    """ "All methods in the Bot API are case-insensitive." """
    assert (await call("GETME"))["result"]["is_bot"] is True


async def test_an_unknown_method_is_not_found(call: Call) -> None:
    answer = await call("sendMassage", chat_id=1)
    assert (answer["error_code"], answer["description"]) == (404, "Not Found: method not found")


@pytest.mark.parametrize("token", ["1:wrong", "wrong", "0123:abc"])
async def test_a_wrong_token_is_unauthorised(token: str, telegram: LocalTelegram, http: aiohttp.ClientSession) -> None:
    """ "Each bot is given a unique authentication token when it is created." """
    async with http.get(f"{telegram.url}/bot{token}/getMe") as answer:
        found = await answer.json()
    assert answer.status == 401
    assert found["description"].startswith("Unauthorized")


async def test_text_has_1_to_4096_characters_after_entities_parsing(bot: Bot, refused: Refused, anna: Person) -> None:
    """ "Text of the message to be sent, 1-4096 characters after entities parsing"."""
    assert await bot.send_message(anna.id, "<b>" + "ж" * 4096 + "</b>", parse_mode="HTML")
    assert await bot.send_message(anna.id, "😀" * 2048)
    too_long = "Bad Request: message is too long"
    assert await refused("sendMessage", chat_id=anna.id, text="ж" * 4097) == too_long
    assert await refused("sendMessage", chat_id=anna.id, text="😀" * 2048 + "x") == too_long
    assert await refused("sendMessage", chat_id=anna.id, text="") == "Bad Request: message text is empty"
    assert await refused("sendMessage", chat_id=anna.id) == "Bad Request: message text is empty"
    assert await refused("sendMessage", chat_id=anna.id, text=" \n ") == "Bad Request: text must be non-empty"


async def test_html_that_does_not_parse_is_refused(refused: Refused, anna: Person) -> None:
    """ "Only the tags mentioned above are currently supported." """
    said = await refused("sendMessage", chat_id=anna.id, text="12345<br>", parse_mode="HTML")
    assert said == 'Bad Request: can\'t parse entities: Unsupported start tag "br" at byte offset 5'
    said = await refused("sendMessage", chat_id=anna.id, text="<b>x", parse_mode="HTML")
    assert said == "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\""
    said = await refused("sendMessage", chat_id=anna.id, text="x", parse_mode="XML")
    assert said == "Bad Request: unsupported parse_mode"


async def test_nobody_is_written_to_before_they_write(bot: Bot, world: World) -> None:
    """ "Bots can't initiate conversations with users." (Bots: An introduction for developers)."""
    world.person(7, "Незнакомец")
    with pytest.raises(TelegramForbiddenError, match="Forbidden: bot can't initiate conversation with a user"):
        await bot.send_message(7, "Здравствуйте")
    await world.start(7)
    assert await bot.send_message(7, "Здравствуйте")


async def test_a_chat_that_is_not_there_is_not_found(refused: Refused) -> None:
    assert await refused("sendMessage", chat_id=99, text="x") == "Bad Request: chat not found"
    assert await refused("sendMessage", chat_id="@nobody", text="x") == "Bad Request: chat not found"
    assert await refused("sendMessage", text="x") == "Bad Request: chat_id is empty"


async def test_who_has_blocked_the_bot_gets_nothing_until_they_unblock_it(bot: Bot, world: World, anna: Person) -> None:
    await world.block(anna.id)
    for sending in (bot.send_message(anna.id, "x"), bot.send_chat_action(anna.id, "typing")):
        with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
            await sending
    assert world.refusals() == []
    await world.start(anna.id)
    assert await bot.send_message(anna.id, "x")
    kinds = [next(k for k in one.update if k != "update_id") for one in world.delivery.pending.values()]
    assert kinds == ["message", "my_chat_member", "my_chat_member", "message"]


def button(**fields: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "Кнопка", **fields}]]}


@pytest.mark.parametrize(
    ("markup", "error"),
    [
        # "Data to be sent in a callback query to the bot when the button is pressed, 1-64 bytes"
        (button(callback_data="ж" * 33), "BUTTON_DATA_INVALID"),
        (button(callback_data="x" * 65), "BUTTON_DATA_INVALID"),
        # "HTTP or tg:// URL to be opened when the button is pressed."
        (
            button(url="http://localhost/x"),
            "inline keyboard button URL 'http://localhost/x' is invalid: Wrong HTTP URL",
        ),
        # "Exactly one of the fields other than text, icon_custom_emoji_id, and style must be used"
        (button(), "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"),
        (
            button(callback_data="", url=""),
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (button(url="ftp://a.ru"), "inline keyboard button URL 'ftp://a.ru' is invalid: Unsupported URL protocol"),
        # "NOTE: This type of button must always be the first button in the first row and can only be used in invoice
        # messages."
        (button(pay=True), "BUTTON_TYPE_INVALID"),
        (button(callback_game={}), "BUTTON_TYPE_INVALID"),
        # "style: Must be one of “danger” (red), “success” (green) or “primary” (blue)."
        (
            button(callback_data="x", style="pink"),
            "can't parse inline keyboard button: invalid button style specified",
        ),
        ({"inline_keyboard": [[{"text": "x" * 120, "callback_data": "x"}]] * 90}, "reply markup is too long"),
        ({"keyboard": [["x"] * 12] * 26}, "reply markup is too long"),
        ({"keyboard": {"x": 1}}, 'field "keyboard" must be of type Array'),
        ({"keyboard": [[5]]}, "can't parse keyboard button: KeyboardButton must be a String or an Object"),
        (
            {"inline_keyboard": [[{"callback_data": "x"}]]},
            "can't parse inline keyboard button: Can't find field \"text\"",
        ),
        (
            {"inline_keyboard": [[{"text": "", "callback_data": "x"}]]},
            "inline keyboard button text must be non-empty",
        ),
        # "Array of button rows, each represented by an Array of InlineKeyboardButton objects"
        (
            {"inline_keyboard": [{"text": "x", "callback_data": "x"}]},
            'field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays',
        ),
        (
            {"inline_keyboard": [[{"text": "x", "callback_data": "x"}] * 8] * 13},
            "reply markup is too long",
        ),
        ({"keyboard": [[{"text": ""}]]}, "keyboard button text must be non-empty"),
        (
            button(web_app={"url": "http://a.ru"}),
            "inline keyboard button Web App URL 'http://a.ru' is invalid: Only HTTPS links are allowed",
        ),
        ([1], "object expected as reply markup"),
        ("{", "can't parse reply keyboard markup JSON object"),
    ],
)
async def test_a_bad_keyboard_is_refused(markup: Any, error: str, refused: Refused, anna: Person) -> None:
    said = await refused("sendMessage", chat_id=anna.id, text="x", reply_markup=markup)
    assert said == f"Bad Request: {error}"


async def test_callback_data_may_have_64_bytes(bot: Bot, anna: Person) -> None:
    """ "1-64 bytes": 32 Cyrillic letters fit."""
    markup = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="x", callback_data="ж" * 32)]])
    assert await bot.send_message(anna.id, "x", reply_markup=markup)


async def test_a_reply_keyboard_stays_until_it_is_removed(bot: Bot, world: World, anna: Person) -> None:
    """ "Upon receiving a message with this object, Telegram clients will remove the current custom keyboard"."""
    keyboard = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Сегодня")]])
    sent = await bot.send_message(anna.id, "x", reply_markup=keyboard)
    assert sent.reply_markup is None
    await bot.send_message(anna.id, "y")
    assert anna.keyboard is not None
    assert anna.keyboard["keyboard"][0][0]["text"] == "Сегодня"
    await bot.send_message(anna.id, "z", reply_markup={"remove_keyboard": True})  # type: ignore[arg-type]
    assert anna.keyboard is None


async def test_a_reply_quotes_a_message_of_the_chat(bot: Bot, world: World, refused: Refused, anna: Person) -> None:
    """ "allow_sending_without_reply: Pass True if the message should be sent even if the specified message to be
    replied to is not found." """
    first = await bot.send_message(anna.id, "первое")
    second = await bot.send_message(anna.id, "второе", reply_parameters={"message_id": first.message_id})  # type: ignore[arg-type]
    assert second.reply_to_message is not None
    assert second.reply_to_message.text == "первое"
    params = {"chat_id": anna.id, "text": "x"}
    said = await refused("sendMessage", **params, reply_parameters={"message_id": 999})
    assert said == "Bad Request: message to be replied not found"
    lenient = {"message_id": 999, "allow_sending_without_reply": True}
    third = await bot.send_message(**params, reply_parameters=lenient)  # type: ignore[arg-type]
    assert third.reply_to_message is None


async def test_chat_actions_are_of_the_list(bot: Bot, world: World, refused: Refused, anna: Person) -> None:
    """ "Type of action to broadcast. Choose one, depending on what the user is about to receive"."""
    with world.subscribe() as events:
        await bot.send_chat_action(anna.id, "upload_document")
        seen = await events.get()
    assert seen is not None
    assert (seen.kind, seen.chat_id, seen.data) == ("action", anna.id, {"action": "upload_document"})
    said = await refused("sendChatAction", chat_id=anna.id, action="thinking")
    assert said == "Bad Request: wrong parameter action in request"


async def test_forwards_keep_their_author_and_copies_do_not(bot: Bot, world: World, anna: Person) -> None:
    """ "The method is analogous to the method forwardMessage, but the copied message doesn't have a link to the
    original message." """
    hers = await world.say(anna.id, "Прошу посчитать")
    forwarded = await bot.forward_message(anna.id, anna.id, hers.id)
    assert forwarded.forward_origin is not None
    assert forwarded.text == "Прошу посчитать"
    copied = await bot.copy_message(anna.id, anna.id, hers.id)
    seen = world.message(anna.id, copied.message_id)
    assert seen is not None
    assert (seen.text, "forward_origin" in seen.body) == ("Прошу посчитать", False)
    with pytest.raises(TelegramBadRequest, match="message to forward not found"):
        await bot.forward_message(anna.id, anna.id, 999)
    with pytest.raises(TelegramBadRequest, match="message to copy not found"):
        await bot.copy_message(anna.id, anna.id, 999)


async def test_a_missing_or_mistyped_parameter_is_refused_and_an_unknown_one_remarked(
    refused: Refused, call: Call, world: World, anna: Person
) -> None:
    said = await refused("sendContact", chat_id=anna.id, first_name="Анна")
    assert said == 'Bad Request: parameter "phone_number" is required'
    said = await refused("sendMessage", chat_id=anna.id, text="x", disable_notification="maybe")
    assert said == 'Bad Request: parameter "disable_notification" must be of type Boolean'
    assert (await call("sendMessage", chat_id=anna.id, text="x", parsemode="HTML"))["ok"]
    assert world.calls[-1].remarks == ["sendMessage has no parameter 'parsemode'"]


async def test_refusals_are_recorded_with_what_was_asked(refused: Refused, world: World, anna: Person) -> None:
    await refused("sendMessage", chat_id=anna.id, text="<p>", parse_mode="HTML")
    (recorded,) = world.refusals()
    assert (recorded.method, recorded.verdict, recorded.params["text"]) == ("sendMessage", 400, "<p>")
    assert recorded.error is not None
    assert "Unsupported start tag" in recorded.error


async def test_both_markdowns_are_taken_each_as_what_it_is(bot: Bot, refused: Refused, anna: Person) -> None:
    """ "Markdown: This is a legacy mode, retained for backward compatibility." """
    sent = await bot.send_message(anna.id, "*Полис* 1.5 (ОСАГО)!", parse_mode="Markdown")
    assert (sent.text, sent.html_text) == ("Полис 1.5 (ОСАГО)!", "<b>Полис</b> 1.5 (ОСАГО)!")
    said = await refused("sendMessage", chat_id=anna.id, text="snake_case", parse_mode="Markdown")
    assert said == "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 5"
    said = await refused("sendMessage", chat_id=anna.id, text="*Полис* 1.5", parse_mode="MarkdownV2")
    assert said == (
        "Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\\'"
    )


async def test_the_raw_text_has_a_limit_of_its_own(refused: Refused, anna: Person) -> None:
    """The open server reads no more than 32 KiB, before it looks for entities."""
    long = "<b></b>" * 5000
    assert (
        await refused("sendMessage", chat_id=anna.id, text=long, parse_mode="HTML") == "Bad Request: text is too long"
    )


async def test_a_private_chat_has_no_threads(refused: Refused, call: Call, anna: Person) -> None:
    """ "message_thread_id: Unique identifier for the target message thread (topic) of a forum"."""
    for method, params in (("sendMessage", {"text": "x"}), ("sendDice", {}), ("copyMessage", {})):
        message = {"from_chat_id": anna.id, "message_id": 1} if method == "copyMessage" else {}
        said = await refused(method, chat_id=anna.id, message_thread_id=5, **params, **message)
        assert said == "Bad Request: message thread not found"
    said = await refused("sendMessage", chat_id=anna.id, text="x", business_connection_id="x")
    assert said == "Bad Request: business connection not found"


async def test_a_deleted_account_is_deactivated(bot: Bot, world: World, anna: Person) -> None:
    sent = await bot.send_message(anna.id, "x")
    anna.deactivated = True
    for attempt in (
        bot.send_message(anna.id, "x"),
        bot.edit_message_text("y", chat_id=anna.id, message_id=sent.message_id),
        bot.delete_message(anna.id, sent.message_id),
    ):
        with pytest.raises(TelegramForbiddenError, match="Forbidden: user is deactivated"):
            await attempt


async def test_protected_content_is_not_forwarded(bot: Bot, anna: Person) -> None:
    """ "protect_content: Protects the contents of the sent message from forwarding and saving"."""
    sent = await bot.send_message(anna.id, "x", protect_content=True)
    assert sent.has_protected_content
    with pytest.raises(TelegramBadRequest, match="message has protected content and can't be forwarded"):
        await bot.forward_message(anna.id, anna.id, sent.message_id)


async def test_many_are_copied_and_forwarded_at_once_as_the_albums_they_were(
    bot: Bot, world: World, refused: Refused, anna: Person
) -> None:
    """ "If some of the specified messages can't be found or copied, they are skipped. … Album grouping is kept for
    copied messages." """
    album = await world.send_files(anna.id, [Upload(f"{n}.pdf", b"x") for n in range(2)], "Документы")
    text = await world.say(anna.id, "конец")
    ids = [*(one.id for one in album), 99999, text.id]
    copied = await bot.copy_messages(anna.id, anna.id, ids, remove_caption=True)
    assert len(copied) == 3
    one, two, three = (world.chat(anna.id)[number] for number in (-3, -2, -1))
    assert one.body["media_group_id"] == two.body["media_group_id"] != album[0].body["media_group_id"]
    assert ("caption" in one.body, three.text, "media_group_id" in three.body) == (False, "конец", False)
    forwarded = await bot.forward_messages(anna.id, anna.id, ids)
    assert len(forwarded) == 3
    assert world.chat(anna.id)[-3].text == "Документы"
    place = {"chat_id": anna.id, "from_chat_id": anna.id}
    for given, error in (
        ([], "message identifiers are not specified"),
        (list(range(1, 102)), "too many message identifiers specified"),
        ([0], "invalid message identifier specified"),
        (["x"], "can't parse message identifier as a Number"),
        ([99999], "there are no messages to forward"),
    ):
        assert await refused("copyMessages", **place, message_ids=given) == f"Bad Request: {error}"
    said = await refused("copyMessage", chat_id=anna.id, message_id=1)
    assert said == 'Bad Request: parameter "from_chat_id" is required'


async def test_a_reply_may_quote_a_part_that_is_there(bot: Bot, refused: Refused, anna: Person) -> None:
    """ "The quote must be an exact substring of the message to be replied to"."""
    first = await bot.send_message(anna.id, "Полис до 1 мая")
    quote: dict[str, Any] = {"message_id": first.message_id, "quote": "до 1 мая"}
    second = await bot.send_message(anna.id, "x", reply_parameters=quote)  # type: ignore[arg-type]
    assert second.quote is not None
    assert (second.quote.text, second.quote.position) == ("до 1 мая", 6)
    said = await refused("sendMessage", chat_id=anna.id, text="x", reply_parameters=quote | {"quote": "до 2 мая"})
    assert said == "Bad Request: QUOTE_TEXT_INVALID"


@pytest.mark.parametrize(
    ("method", "params", "error"),
    [
        # "Poll question, 1-300 characters"
        ("sendPoll", {"question": "x" * 301, "options": ["a", "b"]}, "poll question length must not exceed 300"),
        ("sendPoll", {"question": "", "options": ["a", "b"]}, "text must be non-empty"),
        # "A JSON-serialized list of 1-12 answer options", each "1-100 characters"
        ("sendPoll", {"question": "x", "options": []}, "poll must have at least one answer option"),
        ("sendPoll", {"question": "x", "options": ["a"] * 13}, "poll can't have more than 12 options"),
        ("sendPoll", {"question": "x", "options": ["a" * 101]}, "poll options length must not exceed 100"),
        ("sendPoll", {"question": "x", "options": ["a"], "type": "vote"}, "unsupported poll type specified"),
        (
            "sendPoll",
            {"question": "x", "options": ["a"], "type": "quiz", "correct_option_ids": [1]},
            "wrong quiz correct_option_id",
        ),
        # "Emoji on which the dice throw animation is based. Currently, must be one of …"
        ("sendDice", {"emoji": "🎈"}, "EMOTICON_INVALID"),
        ("sendLocation", {"latitude": 91, "longitude": 0}, "invalid location specified"),
        ("sendLocation", {"latitude": 55}, "longitude is empty"),
        # "should be between 60 and 86400, or 0x7FFFFFFF for live locations that can be edited indefinitely"
        (
            "sendLocation",
            {"latitude": 55, "longitude": 37, "live_period": 59},
            "wrong live location period specified",
        ),
        ("sendVenue", {"latitude": 55, "longitude": 37, "title": "x"}, 'parameter "address" is required'),
        ("sendContact", {"phone_number": "+79990000000"}, 'parameter "first_name" is required'),
    ],
)
async def test_polls_dice_places_and_contacts_have_their_rules(
    method: str, params: dict[str, Any], error: str, refused: Refused, anna: Person
) -> None:
    assert await refused(method, chat_id=anna.id, **params) == f"Bad Request: {error}"


async def test_a_poll_is_sent_and_stopped_once(bot: Bot, anna: Person) -> None:
    """ "Use this method to stop a poll which was sent by the bot. On success, the stopped Poll is returned." """
    sent = await bot.send_poll(anna.id, "Какое страхование?", ["ОСАГО", "КАСКО"])
    assert sent.poll is not None
    assert [option.text for option in sent.poll.options] == ["ОСАГО", "КАСКО"]
    assert (await bot.stop_poll(anna.id, sent.message_id)).is_closed
    with pytest.raises(TelegramBadRequest, match="poll has already been closed"):
        await bot.stop_poll(anna.id, sent.message_id)
