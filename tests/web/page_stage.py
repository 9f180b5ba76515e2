"""What the tests of the chat page share: three people, a small bot that answers them, and how to find things."""

import asyncio
import io
import re
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiogram import Bot, Dispatcher, F
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
from PIL import Image
from playwright.async_api import Locator, Page, expect

from sandbox.api import LocalTelegram
from sandbox.page import Page as ChatPage
from sandbox.world import World

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
ANNA, OLGA, IGOR = 101, 102, 103

expect.set_options(timeout=30_000)


def picture(color: tuple[int, int, int] = (70, 110, 160), size: tuple[int, int] = (320, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def buttons(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    keyboard = [[InlineKeyboardButton(text=text, callback_data=data) for text, data in row] for row in rows]
    return InlineKeyboardMarkup(inline_keyboard=keyboard)


MENU = buttons([("Toast", "toast"), ("Alert", "alert")], [("Slow", "slow"), ("Next", "page 2")])


@dataclass
class EchoBot:
    """The bot of these tests: says back what it hears, and has one button of each sort."""

    bot: Bot
    heard: list[Message] = field(default_factory=list)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)  # answers the button "Slow"

    def dispatcher(self) -> Dispatcher:
        dispatcher = Dispatcher()
        dispatcher.message(F.text == "/menu")(self.menu)
        dispatcher.message(F.text == "/keys")(self.keys)
        dispatcher.message(F.text)(self.echo)
        dispatcher.message()(self.note)
        dispatcher.callback_query()(self.press)
        dispatcher.inline_query()(self.search)
        return dispatcher

    async def menu(self, message: Message) -> None:
        await message.answer("<b>Menu</b>: page 1", reply_markup=MENU)

    async def keys(self, message: Message) -> None:
        rows = [[KeyboardButton(text="Deals"), KeyboardButton(text="My phone", request_contact=True)]]
        keyboard = ReplyKeyboardMarkup(keyboard=rows, resize_keyboard=True, one_time_keyboard=True)
        await message.answer("Choose", reply_markup=keyboard)

    async def echo(self, message: Message) -> None:
        self.heard.append(message)
        await message.answer(f"Heard: {message.html_text}")

    async def note(self, message: Message) -> None:
        self.heard.append(message)

    async def press(self, press: CallbackQuery) -> None:
        assert isinstance(press.message, Message)
        if press.data == "toast":
            await press.answer("Done, it is on your list")
        elif press.data == "alert":
            await press.answer("This policy exists already", show_alert=True)
        elif press.data == "slow":
            await self.let_go.wait()
            await press.answer()
        else:
            await press.message.edit_text(f"<b>Menu</b>: {press.data}", reply_markup=MENU)
            await press.answer()

    async def search(self, query: InlineQuery) -> None:
        content = InputTextMessageContent(message_text=f"Card of {query.query}")
        await query.answer(
            [InlineQueryResultArticle(id="1", title=f"Deal {query.query}", input_message_content=content)]
        )


@dataclass
class Stage:
    """Everything a test of the page needs at hand."""

    telegram: LocalTelegram
    chat_page: ChatPage
    echo: EchoBot
    due: list[datetime]

    @property
    def world(self) -> World:
        return self.telegram.world

    @property
    def bot(self) -> Bot:
        return self.echo.bot


OpenPage = Callable[..., Awaitable[Page]]
Start = Callable[..., Awaitable[Process]]
ROOT = Path(__file__).parents[2]


def chat(page: Page, person: int) -> Locator:
    return page.locator(f".column[data-person='{person}']")


def rows(page: Page, person: int) -> Locator:
    return chat(page, person).locator(".row")


async def say(page: Page, person: int, text: str) -> None:
    field_ = chat(page, person).get_by_role("textbox")
    await field_.fill(text)
    await field_.press("Enter")


async def address(process: Process) -> str:
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    found = re.match(r"Polisdesk sandbox: (http://127\.0\.0\.1:\d+) ", line)
    assert found, line
    return found[1]


DROP = """async ({person, files, photos}) => {
  const data = new DataTransfer()
  for (const {name, type, base64} of files) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
    data.items.add(new File([bytes], name, {type}))
  }
  const column = document.querySelector(`.column[data-person="${person}"]`)
  const how = {dataTransfer: data, bubbles: true, cancelable: true}
  const fire = (target, kind) => target.dispatchEvent(new DragEvent(kind, how))
  fire(column, 'dragenter')
  const zone = column.querySelector(`.drop[data-photos="${photos ? '1' : ''}"]`)
  fire(zone, 'dragover')
  fire(zone, 'drop')
}"""


def base64(data: bytes) -> str:
    return b64encode(data).decode()


async def drop(page: Page, person: int, *names: str, photos: bool) -> None:
    files = [
        {"name": n, "type": "image/png", "base64": base64(picture((40 * i, 90, 120)))} for i, n in enumerate(names)
    ]
    await page.evaluate(DROP, {"person": person, "files": files, "photos": photos})
