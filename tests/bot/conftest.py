"""The bot over real HTTP against the local Telegram, on a real Postgres, with people who read and tap."""

import bot.lean  # isort: skip  # noqa: F401 - aiogram as the product imports it

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from aiogram import Router
from pydantic import SecretStr
from sqlalchemy import make_url, text

from bot import logs
from bot.app import App
from bot.pace import AT_ONCE, Pace
from bot.settings import (
    BackupSettings,
    ClockSettings,
    HealthSettings,
    LogSettings,
    Settings,
    StorageSettings,
    TeamSettings,
    TelegramSettings,
    WebhookSettings,
)
from models.enums import Role
from models.tables import User
from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser
from sandbox.world import World
from tests.bot.front_desk import Desk
from tests.conftest import free_port

pytest.register_assert_rewrite("tests.bot.by_buttons", "tests.bot.by_typing", "tests.bot.steps", "tests.bot.the_year")

Intake = Literal["polling", "webhook"]

SECRET = "secret-of-the-tests"


class Hands(Protocol):
    """The test's clock."""

    def now(self) -> datetime: ...


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """structlog's own default draws every local variable of a traceback, which takes seconds."""
    logs.configure(LogSettings(_env_file=None))


class Agency:
    """A bot at work, its Telegram and its people."""

    def __init__(
        self,
        telegram: LocalTelegram,
        settings: Settings,
        clock: Hands,
        screens: Callable[[], Sequence[Router]] | None,
        pace: Pace,
    ) -> None:
        self.telegram, self.settings, self.clock = telegram, settings, clock
        self._screens, self._pace = screens, pace
        self.app: App
        self._ids = iter(range(1001, 10_000))

    @property
    def world(self) -> World:
        return self.telegram.world

    async def open(self) -> None:
        """Start the bot (again)."""
        extra = {} if self._screens is None else {"screens": self._screens}
        if hasattr(self, "app"):  # who has looked at the rows meanwhile has connected again
            await self.app.database.close()
        self.app = App(self.settings, clock=self.clock, pace=self._pace, **extra)
        await self.app.__aenter__()

    async def close(self) -> None:
        await self.app.__aexit__(None, None, None)

    async def quiet(self) -> None:
        await self.app.quiet()

    async def person(self, name: str, *roles: Role, language: str = "ru") -> VirtualUser:
        """Somebody of the agency who has pressed Start before, with these roles."""
        user = self.stranger(name, language=language)
        user.person.started = True
        async with self.app.database.writing() as session:
            session.add(
                User(
                    telegram_id=user.id,
                    full_name=name,
                    roles=[role.value for role in Role if role in roles],
                    language=language,
                )
            )
            await session.commit()
        return user

    def stranger(self, name: str, *, language: str = "ru") -> VirtualUser:
        """Somebody with a Telegram account whom the agency does not know."""
        return VirtualUser(self.telegram, id=next(self._ids), first_name=name, language_code=language, quiet=self.quiet)

    async def user_id(self, person: VirtualUser) -> int:
        return int(await self.value("SELECT id FROM users WHERE telegram_id = :t", t=person.id))

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """What a query finds, each row as a tuple."""
        async with self.app.database.engine.connect() as connection:
            return [tuple(row) for row in (await connection.execute(text(query), values)).all()]

    async def value(self, query: str, **values: Any) -> Any:
        return (await self.rows(query, **values))[0][0]

    async def execute(self, query: str, **values: Any) -> None:
        async with self.app.database.engine.begin() as connection:
            await connection.execute(text(query), values)


class OpenAgency(Protocol):
    def __call__(
        self,
        *,
        screens: Callable[[], Sequence[Router]] | None = None,
        intake: Intake = "polling",
        redis: str | None = None,
        pace: Pace = AT_ONCE,
        admin_ids: tuple[int, ...] = (),
        database: str | None = None,
        world: World | None = None,
    ) -> Awaitable[Agency]: ...


def free_webhook(intake: Intake, port: int) -> WebhookSettings:
    if intake == "polling":
        return WebhookSettings(_env_file=None)
    return WebhookSettings(
        _env_file=None,
        webhook_url=f"http://127.0.0.1:{port}/telegram",
        webhook_secret=SecretStr(SECRET),
        http_port=port,
    )


def settings_for(
    telegram: LocalTelegram,
    database_url: str,
    folder: Path,
    *,
    intake: Intake = "polling",
    redis: str | None = None,
    admin_ids: tuple[int, ...] = (),
    webhook_port: int = 0,
) -> Settings:
    """Settings that touch nothing outside the test."""
    return Settings(
        telegram=TelegramSettings(_env_file=None, bot_token=SecretStr(telegram.token), telegram_api_url=telegram.url),
        webhook=free_webhook(intake, webhook_port),
        storage=StorageSettings(
            _env_file=None,
            database_url=SecretStr(database_url),
            data_dir=folder,
            redis_url=None if redis is None else SecretStr(redis),
        ),
        backup=BackupSettings(_env_file=None),
        team=TeamSettings(_env_file=None, admin_ids=admin_ids),
        logs=LogSettings(_env_file=None),
        health=HealthSettings(_env_file=None, health_port=0),
        clock=ClockSettings(_env_file=None),
    )


@pytest.fixture
async def open_agency(database_url: str, clock: Hands, tmp_path: Path) -> AsyncIterator[OpenAgency]:
    """Open agencies; at the end each must be closed without a request that Telegram would have refused."""
    opened: list[Agency] = []
    async with AsyncExitStack() as stack:

        async def open_one(
            *,
            screens: Callable[[], Sequence[Router]] | None = None,
            intake: Intake = "polling",
            redis: str | None = None,
            pace: Pace = AT_ONCE,
            admin_ids: tuple[int, ...] = (),
            database: str | None = None,
            world: World | None = None,
        ) -> Agency:
            telegram = await stack.enter_async_context(LocalTelegram(world=world or World(now=clock.now)))
            telegram.world.delivery.retry_unit = 0.001
            settings = settings_for(
                telegram,
                database or database_url,
                tmp_path,
                intake=intake,
                redis=redis,
                admin_ids=admin_ids,
                webhook_port=free_port(),
            )
            agency = Agency(telegram, settings, clock, screens, pace)
            await agency.open()
            stack.push_async_callback(agency.close)
            opened.append(agency)
            return agency

        yield open_one
    for agency in opened:
        refused = [
            f"{call.method} {call.params}: {call.error}"
            for call in agency.world.refusals()
            # The dialog library asks for the same screen again and takes this answer for a yes.
            if "message is not modified" not in (call.error or "")
            # Replicas that start within a second of each other take turns at it.
            and (call.method, call.verdict) != ("setWebhook", 429)
        ]
        assert not refused, "Telegram would have refused:\n" + "\n".join(refused)


@pytest.fixture
async def agency(open_agency: OpenAgency) -> Agency:
    """The product as it is: its own screens, long polling, Postgres."""
    return await open_agency()


@pytest.fixture
def desk() -> Desk:
    """A small bot for the tests of the front door."""
    return Desk()


class Cable:
    """The way to the database, which a test may cut and mend."""

    def __init__(self, socket_path: str, url: str) -> None:
        self._socket_path, self._url = socket_path, url
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def url(self) -> str:
        return self._url.format(port=self._port)

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()
        self._ends.clear()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket_path)
        self._ends |= {writer, far_writer}
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))
        self._ends -= {writer, far_writer}


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def faster(**changes: Any) -> Pace:
    """The pace of tests with something else about it."""
    return replace(AT_ONCE, **changes)


@pytest.fixture
async def cable(database_url: str) -> AsyncIterator[Cable]:
    """A cable to the test's database; `cable.url` leads through it."""
    parsed = make_url(database_url)
    socket_path = f"{parsed.query['host']}/.s.PGSQL.{parsed.query['port']}"
    password, name = parsed.password, parsed.database
    made = Cable(socket_path, f"postgresql+asyncpg://{parsed.username}:{password}@127.0.0.1:{{port}}/{name}")
    await made.mend()
    yield made
    await made.cut()
