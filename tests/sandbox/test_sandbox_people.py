"""Virtual users tell a story with a real aiogram bot, by long polling and by webhook."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.filters import CommandStart
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InlineQuery,
    InlineQueryResultArticle,
    InputTextMessageContent,
    KeyboardButton,
    Message,
    ReplyKeyboardMarkup,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser, keep
from sandbox.world import SandboxError, Upload


def keyboard(*labels: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text=one, callback_data=one)] for one in labels])


def little_bot() -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.message(CommandStart())
    async def start(message: Message) -> None:
        menu = ReplyKeyboardMarkup(keyboard=[[KeyboardButton(text="Сегодня")]])
        await message.answer(f"Здравствуйте! {message.text}", reply_markup=menu)
        await message.answer("Заявка", reply_markup=keyboard("Принять", "Принять позже", "Молча"))

    @dispatcher.message(F.document)
    async def file(message: Message) -> None:
        assert message.document is not None
        await message.reply(f"Подшито: {message.document.file_name}")

    @dispatcher.message()
    async def text(message: Message) -> None:
        said = message.reply_to_message.text if message.reply_to_message else ""
        origin = " переслано" if message.forward_origin else ""
        await message.answer(f"{message.text}{origin} {said}".strip())

    @dispatcher.callback_query(F.data == "Молча")
    async def silence(_: CallbackQuery) -> None:
        return

    @dispatcher.callback_query()
    async def tapped(query: CallbackQuery) -> None:
        if isinstance(query.message, Message) and query.message.text != "Принято":
            await query.message.edit_text("Принято", reply_markup=keyboard("Вопрос"))
        await query.answer(f"Нажато: {query.data}")

    @dispatcher.inline_query()
    async def inline(query: InlineQuery) -> None:
        content = InputTextMessageContent(message_text=f"Сделка {query.query}")
        await query.answer([InlineQueryResultArticle(id="1", title="Сделка", input_message_content=content)])

    return dispatcher


@pytest.fixture(params=["polling", "webhook"])
async def anna(request: pytest.FixtureRequest, telegram: LocalTelegram, bot: Bot) -> AsyncIterator[VirtualUser]:
    """Анна in front of a running bot that is quiet as soon as it has taken every update."""
    dispatcher = little_bot()
    user = VirtualUser(telegram, id=101, first_name="Анна")
    if request.param == "polling":
        polling = asyncio.create_task(
            dispatcher.start_polling(bot, handle_signals=False, handle_as_tasks=False, close_bot_session=False)
        )
        yield user
        await dispatcher.stop_polling()
        await polling
        return
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, handle_in_background=False, secret_token="s").register(app, "/hook")
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="s")
    yield user
    await bot.delete_webhook()
    await runner.cleanup()


async def test_a_story_of_words_taps_and_files(anna: VirtualUser) -> None:
    await anna.start("invite_5")
    assert anna.received[0].text == "Здравствуйте! /start invite_5"
    assert anna.screen == "Заявка\n[Принять]\n[Принять позже]\n[Молча]"
    assert anna.keyboard == ["Сегодня"]
    old = keep(anna.last)

    await anna.tap("Принять")
    assert (anna.screen, anna.alert) == ("Принято\n[Вопрос]", "Нажато: Принять")

    await anna.tap("Сегодня")
    assert anna.last.text == "Сегодня"

    card = anna.find("Принято")
    await anna.reply(card, "ОСАГО")
    assert anna.last.text == "ОСАГО Принято"

    await anna.tap_old(old, "Принять по")
    assert anna.alert == "Нажато: Принять позже"

    await anna.send_file("паспорт.pdf", b"%PDF")
    assert anna.last.text == "Подшито: паспорт.pdf"
    await anna.send_album([Upload("1.pdf", b"1"), Upload("2.pdf", b"2")])
    assert [m.text for m in anna.received[-2:]] == ["Подшито: 1.pdf", "Подшито: 2.pdf"]

    await anna.forward_text("Прошу продлить", author="Клиент")
    assert anna.last.text == "Прошу продлить переслано"
    assert anna.world.refusals() == []


async def test_a_silent_bot_is_a_failure_of_the_story(anna: VirtualUser) -> None:
    await anna.start()
    anna.patience = 1
    with pytest.raises(AssertionError, match="did not answer the tap on 'Молча'"):
        await anna.tap("Молча")


async def test_an_absent_button_is_named_with_those_that_are_there(anna: VirtualUser) -> None:
    await anna.start()
    with pytest.raises(AssertionError, match=r"no button 'Отказаться'; visible are \['Принять', 'Принять позже'"):
        await anna.tap("Отказаться")


async def test_inline_mode_and_forged_data_and_double_taps_are_at_hand(anna: VirtualUser) -> None:
    await anna.start()
    found = await anna.inline("5")
    assert [one["title"] for one in found.results] == ["Сделка"]
    await anna.choose("1")
    assert anna.last.text == "Сделка 5"
    card = anna.find("Заявка")
    await anna.tap_data(card, "deal:999:delete")
    assert anna.alert == "Нажато: deal:999:delete"
    await anna.double_tap("Вопрос", message=card)
    assert anna.screen.startswith("Сделка 5")


async def test_a_link_is_followed_as_it_stands_in_a_text(anna: VirtualUser) -> None:
    await anna.follow("https://t.me/polisdesk_bot?start=invite_5")
    assert anna.received[0].text == "Здравствуйте! /start invite_5"
    with pytest.raises(AssertionError, match="leads to another bot"):
        await anna.follow("t.me/other_bot?start=x")
    with pytest.raises(SandboxError, match="no link has the parameter"):
        await anna.start("код на русском")


async def test_waiting_for_words_ends_when_they_come(anna: VirtualUser, bot: Bot) -> None:
    await anna.start()
    waiting = asyncio.create_task(anna.wait_for("Напоминание"))
    await bot.send_message(anna.id, "Напоминание: полис кончается")
    assert (await waiting).text == "Напоминание: полис кончается"
    with pytest.raises(AssertionError, match="waited in vain for 'чего-то'"):
        await anna.wait_for("чего-то", timeout=0.01)
