"""Bots as real processes: born quickly, killed without warning, asked to stop, looked at from outside."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
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
    message_waits=(0.2, 0.2, 0.5, 1, 1),
    per_second=1000,
    per_chat=0,
    burst=10**9,
    tick=0.5,
)
"""The order of events of a real bot, with less waiting: a killed replica's work is taken up after a second."""


class Bot:
    """One process of the bot."""

    def __init__(self, pid: int, health: int, log: Path) -> None:
        self.pid, self.health, self.log = pid, health, log
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def kill(self) -> None:
        """Without a warning, as a power cut or the kernel's OOM killer does it."""
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)

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


class Fleet:
    """Where bots of one agency come from: one Telegram, one database, one folder of documents."""

    def __init__(self, telegram: LocalTelegram, database_url: str, folder: Path) -> None:
        self.telegram, self.database_url, self.folder = telegram, database_url, folder
        self.bots: list[Bot] = []
        self._unnamed: list[tuple[asyncio.Future[Bot], int, Path]] = []
        self._process: asyncio.subprocess.Process
        self._listening: asyncio.Task[None]

    async def open(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.nursery",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert "ready" in json.loads(await self._process.stdout.readline())
        self._listening = asyncio.create_task(self._listen(self._process.stdout))

    async def close(self) -> None:
        self._process.kill()
        await self._process.wait()
        await self._listening

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            news = json.loads(line)
            if "born" in news:
                wish, health, log = self._unnamed.pop(0)
                bot = Bot(news["born"], health, log)
                self.bots.append(bot)
                wish.set_result(bot)
            else:
                bot = next(bot for bot in self.bots if bot.pid == news["dead"])
                self.bots.remove(bot)
                bot.ended.set_result(news["code"])
        for bot in self.bots:  # they have gone with the nursery
            bot.ended.set_result(-signal.SIGKILL)
        self.bots.clear()

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
        assert self._process.stdin is not None
        health = free_port()
        log = self.folder / "bot.log"
        wish: asyncio.Future[Bot] = asyncio.get_running_loop().create_future()
        self._unnamed.append((wish, health, log))
        order = {"environment": self.environment(health, **changes), "pace": asdict(pace), "log": str(log)}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        return await wish

    def webhook(self, public: int, own: int) -> dict[str, str]:
        """The variables of a replica that is called at its own port, under the address that all share."""
        url = f"http://127.0.0.1:{public}/telegram"
        return {"WEBHOOK_URL": url, "WEBHOOK_SECRET": SECRET, "HTTP_PORT": str(own)}


@asynccontextmanager
async def open_fleet(database_url: str, folder: Path, **more: Any) -> AsyncIterator[Fleet]:
    async with LocalTelegram(**more) as telegram:
        telegram.world.delivery.retry_unit = 0.02
        fleet = Fleet(telegram, database_url, folder)
        await fleet.open()
        try:
            yield fleet
        finally:
            await fleet.close()
