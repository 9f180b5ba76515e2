"""Taps and their answers, inline mode, the command menu, the profile."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQueryResultArticle,
    InputTextMessageContent,
    MenuButtonCommands,
)

from sandbox.world import Person, Tap, World

Refused = Callable[..., Awaitable[str]]
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@pytest.fixture
async def tap(bot: Bot, world: World, anna: Person) -> Tap:
    markup = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Да", callback_data="yes")]])
    sent = await bot.send_message(anna.id, "Сохранить?", reply_markup=markup)
    return await world.press(anna.id, sent.message_id, sent_button(world, anna))


def sent_button(world: World, anna: Person) -> dict[str, Any]:
    return world.chat(anna.id)[-1].buttons[0]


async def test_a_tap_comes_with_its_message_and_waits_for_its_answer(bot: Bot, world: World, tap: Tap) -> None:
    """ "After the user presses a callback button, Telegram clients will display a progress bar until you call
    answerCallbackQuery." """
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    assert query.message is not None
    assert (query.id, query.data, query.message.message_id) == (tap.id, "yes", tap.message_id)
    assert not tap.answer.done()
    await query.model_copy().as_(bot).answer("Сохранено", show_alert=True)
    assert (tap.answer.result().text, tap.answer.result().show_alert) == ("Сохранено", True)


async def test_a_tap_is_answered_once(bot: Bot, refused: Refused, tap: Tap) -> None:
    await bot.answer_callback_query(tap.id)
    assert await refused("answerCallbackQuery", callback_query_id=tap.id) == TOO_OLD
    assert await refused("answerCallbackQuery", callback_query_id="12345") == TOO_OLD


async def test_a_tap_cannot_be_answered_after_150_seconds(refused: Refused, tap: Tap, clock: Any) -> None:
    clock.advance(seconds=151)
    assert await refused("answerCallbackQuery", callback_query_id=tap.id) == TOO_OLD


async def test_the_answer_has_at_most_200_characters(bot: Bot, refused: Refused, tap: Tap) -> None:
    """ "Text of the notification. If not specified, nothing will be shown to the user, 0-200 characters"."""
    said = await refused("answerCallbackQuery", callback_query_id=tap.id, text="ж" * 201)
    assert said == "Bad Request: MESSAGE_TOO_LONG"
    assert await bot.answer_callback_query(tap.id, text="ж" * 200)


async def test_an_old_message_is_inaccessible_in_a_tap(
    bot: Bot, world: World, tap: Tap, anna: Person, clock: Any
) -> None:
    """ "date: Always 0. The field can be used to differentiate regular and inaccessible messages." """
    clock.advance(days=3)
    await world.press(anna.id, tap.message_id, "yes")
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    assert isinstance(query.message, InaccessibleMessage)
    assert query.message.message_id == tap.message_id


async def test_inline_results_are_chosen_into_the_chat(bot: Bot, world: World, anna: Person) -> None:
    """ "Use this method to send answers to an inline query." """
    asked = await world.inline_query(anna.id, "смирн")
    query = (await bot.get_updates())[-1].inline_query
    assert query is not None
    content = InputTextMessageContent(message_text="<b>Смирнова</b>", parse_mode="HTML")
    article = InlineQueryResultArticle(id="7", title="Смирнова Анна", input_message_content=content)
    await bot.answer_inline_query(query.id, [article])
    sent = await world.choose_inline(anna.id, asked, "7")
    assert (sent.text, sent.body["via_bot"]["id"]) == ("Смирнова", world.bot_id)
    last = (await bot.get_updates())[-2].chosen_inline_result
    assert last is not None
    assert (last.result_id, last.query) == ("7", "смирн")


async def test_inline_answers_have_at_most_50_results_with_ids_of_their_own(
    world: World, refused: Refused, anna: Person
) -> None:
    """ "No more than 50 results per query are allowed." """
    asked = await world.inline_query(anna.id, "x")

    def article(id_: str) -> dict[str, Any]:
        return {"type": "article", "id": id_, "title": "x", "input_message_content": {"message_text": "x"}}

    for results, error in (
        ([article(str(n)) for n in range(51)], "too many inline query results specified"),
        ([article("1"), article("1")], "RESULT_ID_DUPLICATE"),
        ([article("x" * 65)], "RESULT_ID_INVALID"),
    ):
        said = await refused("answerInlineQuery", inline_query_id=asked.id, results=results)
        assert said == f"Bad Request: {error}"
    assert await refused("answerInlineQuery", inline_query_id="1", results=[]) == TOO_OLD


async def test_a_person_sees_the_commands_of_the_narrowest_scope_and_their_language(
    bot: Bot, world: World, anna: Person
) -> None:
    """ "botCommandScopeChat + language_code, botCommandScopeChat, botCommandScopeAllPrivateChats + language_code, …
    botCommandScopeDefault + language_code, botCommandScopeDefault"."""

    def menu() -> list[str]:
        return [command["command"] for command in world.commands_for(anna.id)]

    await bot.set_my_commands([BotCommand(command="start", description="Начать")])
    assert menu() == ["start"]
    everybody = BotCommandScopeAllPrivateChats()
    await bot.set_my_commands([BotCommand(command="/menu", description="Меню")], scope=everybody, language_code="ru")
    assert menu() == ["menu"]
    hers = BotCommandScopeChat(chat_id=anna.id)
    await bot.set_my_commands([BotCommand(command="audit", description="Аудит")], scope=hers)
    assert menu() == ["audit"]
    assert [command.command for command in await bot.get_my_commands(scope=hers)] == ["audit"]
    await bot.delete_my_commands(scope=hers)
    assert menu() == ["menu"]


@pytest.mark.parametrize(
    ("command", "description", "error"),
    [
        # "Text of the command; 1-32 characters. Can contain only lowercase English letters, digits and underscores."
        ("Start", "x", "BOT_COMMAND_INVALID"),
        ("сделка", "x", "BOT_COMMAND_INVALID"),
        ("x" * 33, "x", "command length must not exceed 32"),
        # "Description of the command; 1-256 characters."
        ("x", "", "command description must be non-empty"),
        ("x", "ж" * 257, "command description length must not exceed 256"),
    ],
)
async def test_a_bad_command_is_refused(command: str, description: str, error: str, bot: Bot) -> None:
    with pytest.raises(TelegramBadRequest, match=error):
        await bot.set_my_commands([BotCommand(command=command, description=description)])


async def test_commands_for_a_chat_need_the_chat(refused: Refused) -> None:
    command = [{"command": "x", "description": "x"}]
    said = await refused("setMyCommands", commands=command, scope={"type": "chat", "chat_id": 999})
    assert said == "Bad Request: chat not found"


async def test_the_profile_and_the_menu_button_are_kept(bot: Bot, anna: Person) -> None:
    await bot.set_my_description("CRM страхового брокера")
    assert (await bot.get_my_description(language_code="ru")).description == "CRM страхового брокера"
    await bot.set_chat_menu_button(chat_id=anna.id, menu_button=MenuButtonCommands())
    assert anna.menu_button == {"type": "commands"}
    with pytest.raises(TelegramBadRequest):
        await bot.set_my_short_description("ж" * 121)


async def test_the_person_is_the_only_other_member_of_their_chat(bot: Bot, world: World, anna: Person) -> None:
    assert (await bot.get_chat_member(anna.id, anna.id)).user.full_name == "Анна Смирнова"
    assert await bot.get_chat_member_count(anna.id) == 2
    assert (await bot.get_chat(anna.id)).username == "anna_s"
    assert (await bot.get_me()).username == world.username


async def test_taps_and_inline_queries_expire_and_are_answered_once(
    bot: Bot, world: World, refused: Refused, anna: Person, clock: Any
) -> None:
    """The open server forgets an inline query after 30 seconds."""
    asked = await world.inline_query(anna.id, "x")
    await bot.answer_inline_query(asked.id, [])
    assert await refused("answerInlineQuery", inline_query_id=asked.id, results=[]) == TOO_OLD
    asked = await world.inline_query(anna.id, "y")
    clock.advance(seconds=31)
    assert await refused("answerInlineQuery", inline_query_id=asked.id, results=[]) == TOO_OLD


def article(**fields: Any) -> dict[str, Any]:
    return {"type": "article", "id": "1", "title": "x", "input_message_content": {"message_text": "x"}} | fields


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"results": [article(title="")]}, "ARTICLE_TITLE_EMPTY"),
        ({"results": [article(id=5)], "next_offset": "x" * 65}, "NEXT_OFFSET_INVALID"),
        (
            {"results": [article(input_message_content={"message_text": "x</b>", "parse_mode": "HTML"})]},
            "can't parse inline query result: Can't parse entities: Unexpected end tag at byte offset 1",
        ),
        (
            {"results": [article(input_message_content={})]},
            "can't parse inline query result: Input message content is not specified",
        ),
        (
            {"results": [article(input_message_content="x")]},
            'can\'t parse inline query result: Field "input_message_content" must be of type Object',
        ),
        # "web_app: … Available only in private chats between a user and the bot": not under what is sent inline
        (
            {
                "results": [
                    article(reply_markup={"inline_keyboard": [[{"text": "x", "web_app": {"url": "https://a.ru"}}]]})
                ]
            },
            "BUTTON_TYPE_INVALID",
        ),
        # "start_parameter: … 1-64 characters, only A-Z, a-z, 0-9, _ and - are allowed."
        ({"results": [], "button": {"text": "x", "start_parameter": "да"}}, "START_PARAM_INVALID"),
        (
            {"results": [], "button": {"text": "x"}},
            "can't parse inline query results button: InlineQueryResultsButton must have exactly one optional field",
        ),
    ],
)
async def test_a_bad_inline_answer_is_refused(
    params: dict[str, Any], error: str, world: World, refused: Refused, anna: Person
) -> None:
    asked = await world.inline_query(anna.id, "x")
    assert await refused("answerInlineQuery", inline_query_id=asked.id, **params) == f"Bad Request: {error}"


async def test_scopes_and_languages_are_those_of_the_documentation(refused: Refused, anna: Person) -> None:
    """ "A two-letter ISO 639-1 language code." """
    commands = [{"command": "x", "description": "x"}]
    for params, error in (
        ({"scope": {"type": "everybody"}}, "can't parse BotCommandScope: Unsupported type specified"),
        ({"scope": {"type": "chat"}}, "can't parse BotCommandScope: Can't find field \"chat_id\""),
        (
            {"scope": {"type": "chat_administrators", "chat_id": anna.id}},
            "can't use specified scope in private chats",
        ),
        ({"language_code": "rus"}, "invalid language code specified"),
        ({"commands": [{"command": "x"}]}, "can't parse BotCommand: Can't find field \"description\""),
        ({"commands": commands * 101}, "BOT_COMMANDS_TOO_MUCH"),
    ):
        assert await refused("setMyCommands", **{"commands": commands} | params) == f"Bad Request: {error}"


async def test_members_of_a_private_chat(refused: Refused, bot: Bot, anna: Person) -> None:
    said = await refused("getChatAdministrators", chat_id=anna.id)
    assert said == "Bad Request: there are no administrators in the private chat"
    assert await refused("getChatMember", chat_id=anna.id, user_id=0) == "Bad Request: invalid user_id specified"
    assert (await bot.get_user_profile_photos(anna.id)).total_count == 0
