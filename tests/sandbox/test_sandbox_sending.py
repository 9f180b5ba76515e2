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
from sandbox.world import Person, World

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
