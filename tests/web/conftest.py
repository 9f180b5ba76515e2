"""The chat page in real Chromium over a local Telegram, with a small bot behind it."""

import asyncio
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import BotCommand
from playwright.async_api import Browser, Page, async_playwright, expect

from sandbox.api import LocalTelegram
from sandbox.page import Page as ChatPage
from sandbox.page import SandboxClock
from sandbox.world import World
from tests.web.page_stage import ANNA, ARGUMENTS, CHROMIUM, IGOR, OLGA, ROOT, EchoBot, OpenPage, Stage, Start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for this room, so that one Chromium serves all its tests: it takes a second to start."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = SandboxClock(tmp_path / "offset")
    world = World(now=clock.now)
    due: list[datetime] = []

    async def next_due() -> datetime | None:
        return min(due, default=None)

    labels = {ANNA: "продавец", OLGA: "исполнитель", IGOR: "главный админ"}
    chat_page = ChatPage(world, clock=clock, labels=labels, next_due=next_due)
    async with LocalTelegram(world=world, extra_routes=chat_page.setup) as telegram:
        for person, first, last in (
            (ANNA, "Анна", "Соколова"),
            (OLGA, "Ольга", "Белкина"),
            (IGOR, "Игорь", "Мельников"),
        ):
            world.person(person, first, last)
            world.people[person].started = True
        session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
        echo = EchoBot(Bot(world.token, session=session, default=DefaultBotProperties(parse_mode="HTML")))
        await echo.bot.set_my_commands(
            [
                BotCommand(command="menu", description="Main menu"),
                BotCommand(command="keys", description="Keyboard"),
                BotCommand(command="new", description="New deal"),
            ]
        )
        dispatcher = echo.dispatcher()
        polling = asyncio.create_task(dispatcher.start_polling(echo.bot, handle_signals=False))
        yield Stage(telegram, chat_page, echo, due)
        echo.let_go.set()
        await dispatcher.stop_polling()  # a poller that is only cancelled leaves its loop behind, for all later tests
        await polling
        await session.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium() -> AsyncIterator[Browser]:
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail(f"there is no {CHROMIUM}, and with CI set every test must run")
        pytest.skip(f"there is no {CHROMIUM}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(stage: Stage, chromium: Browser) -> AsyncIterator[OpenPage]:
    """Open the page as a desktop or a phone; at the end of the test it must have logged no error."""
    complaints: list[str] = []

    async def open_it(*, width: int = 1440, height: int = 900, theme: str = "light", phone: bool = False) -> Page:
        context = await chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-GB",
            has_touch=phone,
            is_mobile=phone,
            permissions=["clipboard-read", "clipboard-write"],
            reduced_motion="reduce",
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" and "ERR_" not in m.text else None)
        await page.goto(stage.telegram.url)
        await expect(page.locator(".person").first).to_be_visible()
        return page

    yield open_it
    for context in chromium.contexts:
        await context.close()
    assert complaints == []


@pytest_asyncio.fixture(loop_scope="session")
async def page(open_page: OpenPage) -> Page:
    return await open_page()


@pytest_asyncio.fixture(loop_scope="session")
async def start() -> AsyncIterator[Start]:
    started: list[Process] = []
    folder = Path(tempfile.mkdtemp(prefix="polisdesk-"))
    folder.chmod(0o755)  # the database's own user has to pass

    async def start_it(*arguments: str, **environment: str) -> Process:
        known = {"PATH", "HOME", "VIRTUAL_ENV", "LANG"}
        clean = {name: value for name, value in os.environ.items() if name in known}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox", *arguments),
            cwd=ROOT,
            env=clean | {"DATA_DIR": str(folder)} | environment,
            stdout=PIPE,
            stderr=PIPE,
        )
        started.append(process)
        return process

    yield start_it
    for process in started:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    shutil.rmtree(folder)
