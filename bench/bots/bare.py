"""The floor: aiogram with an echo and a button that answers and edits, and nothing else.

python -m bench.bots.bare API_URL WEBHOOK_PORT      (port 0: long polling)
"""

import asyncio
import sys

import uvloop
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from bench.bots.screen import ROWS, SCREEN
from bench.bots.tuned import session, settle
from bench.telegram import SECRET, TOKEN

KEYBOARD = InlineKeyboardMarkup(
    inline_keyboard=[[InlineKeyboardButton(text=text, callback_data=data) for text, data in row] for row in ROWS]
)


async def echo(message: Message) -> None:
    await message.answer(message.text or "", reply_markup=KEYBOARD)


async def press(query: CallbackQuery) -> None:
    assert isinstance(query.message, Message)
    await query.message.edit_text(SCREEN, reply_markup=KEYBOARD)
    await query.answer()


async def run(url: str, port: int) -> None:
    bot = Bot(TOKEN, session(url), default=DefaultBotProperties(parse_mode="HTML"))
    dispatcher = Dispatcher()
    dispatcher.message.register(echo)
    dispatcher.callback_query.register(press)
    settle()
    if not port:
        await dispatcher.start_polling(bot, handle_signals=True)
        return
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=SECRET).register(app, path="/telegram")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await bot.set_webhook(f"http://127.0.0.1:{port}/telegram", secret_token=SECRET)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2])))
