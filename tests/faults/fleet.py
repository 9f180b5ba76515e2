"""Bots as real processes: born quickly, killed without warning, asked to stop, looked at from outside."""

import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from bot.pace import Pace
from sandbox.api import LocalTelegram
from tests.conftest import ROOT, free_port

SECRET = "secret-of-the-tests"
HASTY = Pace(
    poll_timeout=5,
    look_again=0.2,
    lease=1.0,
    update_waits=(0.2, 0.2, 0.5, 1),
    telegram_waits=(0.2, 0.2, 0.5, 1),
    message_waits=(0.2, 0.2, 0.5, 1, 1),
    per_second=1000,
    per_chat=0,
    burst=10**9,
    tick=0.5,
)
"""The order of events of a real bot, with less waiting: a killed replica's work is taken up after a second."""


class Bot:
    """One process of the bot."""

    def __init__(self, pid: int, health: int, log: Path, ended: asyncio.Future[int]) -> None:
        self.pid, self.health, self.log, self.ended = pid, health, log, ended

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def kill(self) -> None:
        """Without a warning, as a power cut or the kernel's OOM killer does it."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, which: signal.Signals) -> None:
        if self.alive:
            with suppress(ProcessLookupError):  # it has ended by itself, and the news is on its way
                os.kill(self.pid, which)

    async def code(self, patience: float = 60) -> int:
        """Wait for its end; the exit code, or minus the signal."""
        async with asyncio.timeout(patience):
            return await asyncio.shield(self.ended)

    async def ready(self, patience: float = 90) -> "Bot":
        """Wait until it says that it can work."""
        async with aiohttp.ClientSession() as http, asyncio.timeout(patience):
            while self.alive:
                with suppress(aiohttp.ClientError):
                    async with http.get(f"http://127.0.0.1:{self.health}/readyz") as answer:
                        if answer.status == 200:
                            return self
                await asyncio.wait({self.ended}, timeout=0.02)
        raise AssertionError(f"the bot ended with {self.ended.result()}:\n{self.log.read_text()}")


class Nursery:
    """The process that bots are forked from: one for all fleets of this process, because it is slow to start."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._news = self._process.stdin, self._process.stdout
        assert "ready" in json.loads(self._news.readline())
        self._births: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[int], asyncio.Future[int]]] = deque()
        self._alive: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Future[int]]] = {}
        threading.Thread(target=self._listen, name="nursery", daemon=True).start()
        atexit.register(self._close)

    def order(
        self,
        order: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        born: asyncio.Future[int],
        ended: asyncio.Future[int],
    ) -> None:
        """Ask for a bot: its pid and later its exit code are put into futures of this loop."""
        self._births.append((loop, born, ended))
        self._orders.write(json.dumps(order).encode() + b"\n")
        self._orders.flush()

    def _listen(self) -> None:
        for line in self._news:
            news = json.loads(line)
            if "born" in news:
                loop, born, ended = self._births.popleft()
                self._alive[news["born"]] = loop, ended
                _tell(loop, born, news["born"])
            else:
                _tell(*self._alive.pop(news["dead"]), news["code"])
        for loop, ended in self._alive.values():  # they have gone with the nursery
            _tell(loop, ended, -signal.SIGKILL)

    def _close(self) -> None:
        self._orders.close()
        self._process.wait()


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[int], value: int) -> None:
    def tell() -> None:
        if not future.done():
            future.set_result(value)

    with suppress(RuntimeError):  # whoever asked has gone, and his loop with him
        loop.call_soon_threadsafe(tell)


@cache
def nursery() -> Nursery:
    return Nursery()


class Fleet:
    """Where bots of one agency come from: one Telegram, one database, one folder of documents."""

    def __init__(self, telegram: LocalTelegram, database_url: str, folder: Path) -> None:
        self.telegram, self.database_url, self.folder = telegram, database_url, folder
        self.bots: list[Bot] = []

    async def close(self) -> None:
        """End every bot that is left."""
        for bot in self.bots:
            bot.kill()
        await asyncio.gather(*(bot.code() for bot in self.bots))

    def environment(self, health: int, **changes: str) -> dict[str, str]:
        given = {
            "PATH": os.environ["PATH"],
            "BOT_TOKEN": self.telegram.token,
            "TELEGRAM_API_URL": self.telegram.url,
            "DATABASE_URL": self.database_url,
            "DATA_DIR": str(self.folder),
            "HEALTH_PORT": str(health),
            "LOG_LEVEL": "WARNING",
        }
        return given | changes

    async def start(self, pace: Pace = HASTY, **changes: str) -> Bot:
        """Start a bot; it is not ready yet. `changes` are variables of its environment."""
        health, log = free_port(), self.folder / "bot.log"
        order = {"environment": self.environment(health, **changes), "pace": asdict(pace), "log": str(log)}
        loop = asyncio.get_running_loop()
        born, ended = loop.create_future(), loop.create_future()
        nursery().order(order, loop, born, ended)
        bot = Bot(await born, health, log, ended)
        self.bots.append(bot)
        return bot

    def webhook(self, public: int, own: int) -> dict[str, str]:
        """The variables of a replica that is called at its own port, under the address that all share."""
        url = f"http://127.0.0.1:{public}/telegram"
        return {"WEBHOOK_URL": url, "WEBHOOK_SECRET": SECRET, "HTTP_PORT": str(own)}


@asynccontextmanager
async def open_fleet(database_url: str, folder: Path, **more: Any) -> AsyncIterator[Fleet]:
    async with LocalTelegram(**more) as telegram:
        telegram.world.delivery.retry_unit = 0.02
        fleet = Fleet(telegram, database_url, folder)
        try:
            yield fleet
        finally:
            await fleet.close()
