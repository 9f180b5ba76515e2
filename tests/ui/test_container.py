"""Everything the bot is made of can be made, from what it says it is made from."""

from datetime import UTC, datetime
from pathlib import Path

from aiogram import Bot, Dispatcher
from aiogram_dialog import BgManagerFactory
from dishka import STRICT_VALIDATION, make_async_container

import handlers
from bot.clock import SystemClock
from bot.container import PROVIDERS, Screens
from bot.pace import Pace
from bot.sender import Sender
from bot.settings import Settings, load
from bot.worker import Worker
from scheduler.ticker import Ticker
from services.ports import Clock
from services.registry import Services
from storage.engine import Database


async def test_the_container_is_whole_and_has_nothing_in_it_twice(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BOT_TOKEN=1:{'x' * 35}\nDATA_DIR={tmp_path}\n")
    database = Database("postgresql://nobody@localhost/nothing")
    context = {
        Settings: load(tmp_path / ".env"),
        Database: database,
        Clock: SystemClock(),
        Pace: Pace(),
        Screens: Screens(handlers.routers),
    }
    container = make_async_container(
        *(provider() for provider in PROVIDERS), context=context, validation_settings=STRICT_VALIDATION
    )
    for part in (Bot, Services, Dispatcher, BgManagerFactory, Worker, Sender, Ticker):
        assert await container.get(part) is await container.get(part)
    assert (await container.get(Clock)).now() <= datetime.now(UTC)
    await container.close()
    await database.close()
