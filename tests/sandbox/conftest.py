"""A local Telegram, a person in it, and two bots to drive it: a real aiogram Bot and bare HTTP.

Each test of a rule begins with the sentence of the Bot API documentation that it follows, in quotation marks.
"""

import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from sandbox.api import LocalTelegram
from sandbox.world import Person, World

ANNA = 101


class HandClock:
    """The world's clock, moved by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def telegram(clock: HandClock) -> AsyncIterator[LocalTelegram]:
    async with LocalTelegram(world=World(now=clock)) as running:
        running.world.delivery.retry_unit = 0.001
        yield running


@pytest.fixture
def world(telegram: LocalTelegram) -> World:
    return telegram.world


@pytest.fixture
async def anna(world: World) -> Person:
    """Somebody who has pressed Start."""
    person = world.person(ANNA, "Анна", "Смирнова", "anna_s")
    await world.start(ANNA)
    return person


@pytest.fixture
async def bot(telegram: LocalTelegram) -> AsyncIterator[Bot]:
    server = TelegramAPIServer.from_base(telegram.url)
    async with Bot(telegram.token, session=AiohttpSession(api=server)) as aiogram_bot:
        yield aiogram_bot


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Call = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def call(telegram: LocalTelegram, http: aiohttp.ClientSession) -> Call:
    """Call a method by plain HTTP with a JSON body; gives the answer as it is."""

    async def send(method: str, **params: Any) -> dict[str, Any]:
        async with http.post(f"{telegram.url}/bot{telegram.token}/{method}", json=params) as answer:
            found: dict[str, Any] = await answer.json()
            if not found["ok"]:
                assert found["error_code"] == answer.status
            return found

    return send


@pytest.fixture
def refused(call: Call) -> Callable[..., Awaitable[str]]:
    """The description of the refusal this request gets."""

    async def send(method: str, **params: Any) -> str:
        answer = await call(method, **params)
        assert not answer["ok"], f"{method} was accepted: {answer}"
        return str(answer["description"])

    return send


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x7f" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def png() -> Callable[[int, int], bytes]:
    return _png
