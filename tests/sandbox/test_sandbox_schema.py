"""Requests are held against the machine-readable description of the Bot API, inside of their objects, too."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sandbox.api import LocalTelegram
from sandbox.describe import PLACE, as_text, describe
from sandbox.methods import Methods
from sandbox.world import Person, World

Call = Callable[..., Awaitable[dict[str, Any]]]
Refused = Callable[..., Awaitable[str]]


def test_the_description_is_that_of_the_aiogram_installed() -> None:
    assert PLACE.read_text(encoding="utf-8") == as_text(describe()), "run python -m sandbox.describe"


def test_every_method_of_the_server_is_in_the_description(world: World) -> None:
    described = {name.lower() for name in json.loads(PLACE.read_text(encoding="utf-8"))["methods"]}

    async def unheard(_: str, __: dict[str, Any]) -> None: ...

    assert set(Methods(world, unheard).table) - described == set()


@pytest.mark.parametrize(
    "method",
    [
        "getUpdates", "setWebhook", "deleteWebhook", "getWebhookInfo", "getMe", "logOut", "close", "sendMessage",
        "forwardMessage", "forwardMessages", "copyMessage", "copyMessages", "sendPhoto", "sendAudio", "sendDocument",
        "sendVideo", "sendAnimation", "sendVoice", "sendVideoNote", "sendMediaGroup", "sendLocation", "sendVenue",
        "sendContact", "sendPoll", "sendDice", "sendSticker", "sendChatAction", "setMessageReaction",
        "getUserProfilePhotos", "getFile", "pinChatMessage", "unpinChatMessage", "unpinAllChatMessages", "getChat",
        "getChatAdministrators", "getChatMemberCount", "getChatMember", "answerCallbackQuery", "setMyCommands",
        "deleteMyCommands", "getMyCommands", "setMyName", "getMyName", "setMyDescription", "getMyDescription",
        "setMyShortDescription", "getMyShortDescription", "setChatMenuButton", "getChatMenuButton", "editMessageText",
        "editMessageCaption", "editMessageMedia", "editMessageLiveLocation", "stopMessageLiveLocation",
        "editMessageReplyMarkup", "stopPoll", "deleteMessage", "deleteMessages", "answerInlineQuery",
    ],
)  # fmt: skip
async def test_the_methods_that_a_bot_in_private_chats_has_are_there(method: str, call: Call) -> None:
    answer = await call(method)
    assert answer["ok"] or answer["error_code"] == 400, answer


async def test_what_telegram_has_and_this_server_has_not_is_no_unknown_method(call: Call) -> None:
    answer = await call("banChatMember", chat_id=1, user_id=2)
    assert (answer["error_code"], answer["description"]) == (
        501,
        "Not Implemented: the local Telegram has no banChatMember",
    )


def keyboard(**button: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": "x", "callback_data": "x"} | button]]}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        (
            {"reply_markup": keyboard(text=None)},
            'can\'t parse inline keyboard button: Field "text" must be of type String',
        ),
        (
            {"reply_markup": keyboard(url=["x"])},
            'can\'t parse inline keyboard button: Field "url" must be of type String',
        ),
        (
            {"reply_markup": keyboard(web_app="https://a.ru")},
            'can\'t parse inline keyboard button: Field "web_app" must be of type Object',
        ),
        (
            {"reply_markup": {"keyboard": [[{"text": "x", "request_contact": "yes"}]]}},
            'can\'t parse keyboard button: Field "request_contact" must be of type Boolean',
        ),
        (
            {"reply_markup": {"keyboard": [["x"]], "resize_keyboard": 1}},
            'field "resize_keyboard" must be of type Boolean',
        ),
        ({"entities": [{"type": "bold", "length": 1}]}, "can't parse MessageEntity: Can't find field \"offset\""),
        (
            {"entities": [{"type": "bold", "offset": "x", "length": 1}]},
            'can\'t parse MessageEntity: Field "offset" must be a valid Number',
        ),
        (
            {"entities": [{"type": "text_link", "offset": 0, "length": 1}]},
            "can't parse MessageEntity: Can't find field \"url\"",
        ),
        (
            {"entities": [{"type": "bald", "offset": 0, "length": 1}]},
            "can't parse MessageEntity: Unsupported type specified",
        ),
        (
            {"entities": [{"type": "bold", "offset": 0, "length": 9}]},
            "entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 9",
        ),
        ({"link_preview_options": {"is_disabled": "no"}}, 'field "is_disabled" must be of type Boolean'),
        ({"link_preview_options": "x"}, "can't parse link preview options JSON object"),
        ({"reply_parameters": {"chat_id": 5}}, 'can\'t find field "message_id"'),
        # a JSON null is no absence: the server reads the text "null"
        ({"reply_markup": None}, "object expected as reply markup"),
        ({"parse_mode": None}, "unsupported parse_mode"),
    ],
)
async def test_an_object_of_a_wrong_shape_is_refused_in_telegrams_words(
    params: dict[str, Any], error: str, refused: Refused, anna: Person
) -> None:
    assert await refused("sendMessage", chat_id=anna.id, text="text", **params) == f"Bad Request: {error}"


async def test_unknown_fields_and_rows_too_wide_are_remarked_on(call: Call, world: World, anna: Person) -> None:
    """ "Exactly one of the fields … must be used to specify type of the button": an unknown one is passed by."""
    assert (await call("sendMessage", chat_id=anna.id, text="x", reply_markup=keyboard(calback_data="y")))["ok"]
    assert world.calls[-1].remarks == ["InlineKeyboardButton has no field 'calback_data'"]
    wide = {"inline_keyboard": [[{"text": "x", "callback_data": "x"}] * 9]}
    assert (await call("sendMessage", chat_id=anna.id, text="x", reply_markup=wide))["ok"]
    assert world.calls[-1].remarks == ["a row of inline_keyboard has 9 buttons, clients show 8"]


INPUT_MEDIA = [
    ([5], "can't parse InputMedia: expected an Object"),
    ([{"media": "x"}], "can't parse InputMedia: Can't find field \"type\""),
    ([{"type": "document"}], "can't parse InputMedia: media not found"),
    ([{"type": "document", "media": "attach://nothing"}], "can't parse InputMedia: media not found"),
    ([{"type": "voice", "media": "x"}], 'can\'t parse InputMedia: type "voice" is unsupported'),
    (
        [{"type": "photo", "media": "x", "caption": "<b>", "parse_mode": "HTML"}],
        "can't parse InputMedia: Can't parse entities: Can't find end tag corresponding to start tag \"b\"",
    ),
    (
        [{"type": "photo", "media": "x", "has_spoiler": "yes"}],
        'can\'t parse InputMedia: Field "has_spoiler" must be of type Boolean',
    ),
    (
        [{"type": "video", "media": "x", "width": "wide"}],
        'can\'t parse InputMedia: Field "width" must be a valid Number',
    ),
    (
        [{"type": "photo", "media": "x", "caption_entities": [{"type": "bold"}]}],
        "can't parse InputMedia: Can't parse MessageEntity: Can't find field \"offset\"",
    ),
]


@pytest.mark.parametrize(("media", "error"), INPUT_MEDIA)
async def test_an_item_of_an_album_is_checked_as_the_object_it_is(
    media: Any, error: str, refused: Refused, anna: Person
) -> None:
    """ "InputMedia: This object represents the content of a media message to be sent." """
    assert await refused("sendMediaGroup", chat_id=anna.id, media=media) == f"Bad Request: {error}"


@pytest.mark.parametrize(("media", "error"), INPUT_MEDIA)
async def test_the_media_of_an_edit_is_checked_likewise(
    media: Any, error: str, refused: Refused, call: Call, anna: Person
) -> None:
    sent = (await call("sendMessage", chat_id=anna.id, text="x"))["result"]
    place = {"chat_id": anna.id, "message_id": sent["message_id"]}
    assert await refused("editMessageMedia", **place, media=media[0]) == f"Bad Request: {error}"


@pytest.mark.parametrize(
    ("media", "error"),
    [
        (None, 'parameter "media" is required'),
        ("{", "can't parse media JSON object"),
        ({"type": "photo"}, "expected an Array of InputMedia"),
        (
            [{"type": "animation", "media": "x"}] * 2,
            "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
        ),
    ],
)
async def test_an_album_is_a_list_of_what_may_be_in_albums(
    media: Any, error: str, refused: Refused, anna: Person
) -> None:
    given = {} if media is None else {"media": media}
    assert await refused("sendMediaGroup", chat_id=anna.id, **given) == f"Bad Request: {error}"


async def test_the_method_may_be_named_among_the_parameters(
    telegram: LocalTelegram, http: aiohttp.ClientSession
) -> None:
    """ "pass a method parameter": as in the answer to a webhook."""
    async with http.get(f"{telegram.url}/bot{telegram.token}/", params={"method": "getMe"}) as answer:
        assert (await answer.json())["ok"]
