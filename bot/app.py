"""The bot as a whole: what starts before what, and how it stops without losing anything."""

import bot.lean  # isort: skip  # noqa: F401 - before anything of aiogram's

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import asyncpg
import structlog
import uvloop
from aiogram import Bot, Dispatcher, Router
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import Update
from aiogram_dialog import BgManagerFactory
from aiohttp import web
from dishka import AsyncContainer

from bot import collector, logs
from bot.clock import clock_from
from bot.container import Screens, make_container
from bot.health import Health
from bot.intake import Intake, Polling, Webhook
from bot.menu import Menus
from bot.metrics import Metrics
from bot.pace import Pace
from bot.porter import Porter
from bot.sender import Sender
from bot.settings import Settings
from bot.turns import Activity, Turns
from bot.worker import Worker
from scheduler.ticker import Ticker
from services.access import SYSTEM
from services.ports import Clock
from services.registry import Services
from storage import rights, schema
from storage.embedded import EmbeddedPostgresError, resolve_database
from storage.engine import Database
from storage.inbox import Inbox
from storage.outbox import Outbox

_log = structlog.get_logger(__name__)

EXTRA_KINDS = frozenset({"my_chat_member"})
"""Wanted from Telegram besides what the screens handle: who has blocked the bot, and who is back."""

_LONGEST_HEADER = 64 * 1024


class StartError(Exception):
    """The bot cannot start; the text is one line for the person who started it."""


class App:
    """The running bot. What may be given besides the settings is for tests: the time, the haste, the screens."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        pace: Pace | None = None,
        screens: Callable[[], Sequence[Router]] | None = None,
    ) -> None:
        self.settings = settings
        self.clock: Clock = clock or clock_from(settings.clock.clock_offset_file)
        self.pace = pace or Pace()
        self._screens = screens or _all_screens
        self._stack = AsyncExitStack()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.database: Database
        self.bot: Bot
        self.dispatcher: Dispatcher
        self.services: Services
        self.worker: Worker
        self.sender: Sender
        self.metrics: Metrics
        self.health_port = 0
        self.webhook_port = 0

    # --- starting and stopping ------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        """Start from the inside out, so that stopping goes from the outside in: intake first, the database last."""
        await self._open_database()
        container = make_container(self.settings, self.database, self.clock, self.pace, Screens(self._screens))
        self._stack.push_async_callback(container.close)
        await self._assemble(container)
        await self._greet_telegram()
        await self.dispatcher.emit_startup(bot=self.bot, **self.dispatcher.workflow_data)
        health = Health(self.metrics, self._checks(), {"outbox": self._behind}, self._measure)
        host = self.settings.health.health_host
        self.health_port = await self._serve(health.app, host, self.settings.health.health_port, "HEALTH_PORT")
        self._run("sender", self.sender.run(), self.sender.drain)
        await self.services.reminders.ensure_digests(SYSTEM)
        self._ticker.start()
        self._stack.push_async_callback(self._ticker.stop)
        self._run("worker", self.worker.run(), self.worker.drain)
        self._run("porter", self._porter.run())
        await self._open_intake()
        _log.info("the bot is at work", intake="webhook" if self._webhook else "polling")

    async def _open_database(self) -> None:
        try:
            url = await self._stack.enter_async_context(_database_url(self.settings))
            await schema.upgrade(url)
            role = await rights.role_for(schema.dsn(url))
        except (EmbeddedPostgresError, schema.SchemaError) as error:
            raise StartError(f"database: {error}") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StartError(f"database: cannot connect: {error}") from error
        if role is None:
            _log.warning("the bot works with the rights of the tables' owner: only triggers guard the audit records")
        self.database = Database(url, pool_size=8, role=role)
        self._stack.push_async_callback(self.database.close)

    async def _assemble(self, container: AsyncContainer) -> None:
        self.bot = await container.get(Bot)
        self.dispatcher = await container.get(Dispatcher)
        self.background = await container.get(BgManagerFactory)
        self.services = await container.get(Services)
        self.worker, self.sender = await container.get(Worker), await container.get(Sender)
        self.inbox, self.outbox = await container.get(Inbox), await container.get(Outbox)
        self.metrics, self.activity = await container.get(Metrics), await container.get(Activity)
        self._intake, self._porter = await container.get(Intake), await container.get(Porter)
        self._turns, self._menus = await container.get(Turns), await container.get(Menus)
        self._ticker = await container.get(Ticker)
        self._polling: Polling | None = None
        self._webhook: Webhook | None = None

    async def _greet_telegram(self) -> None:
        """Ask who we are: a wrong token must be heard of now and not at the first update."""
        try:
            await self._ask(self.bot.me)
        except TelegramUnauthorizedError as error:
            raise StartError("BOT_TOKEN is refused by Telegram: ask @BotFather for the right one") from error
        except TelegramAPIError as error:
            raise StartError(f"Telegram refuses the bot: {error.message}") from error
        await self._menus.show_strangers(self.bot)

    async def _ask(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Ask Telegram for what the bot cannot start without, again when it is out of reach or wants us to wait."""
        waits = iter((1, 2, 4))
        while True:
            try:
                await call()
            except TelegramRetryAfter as error:  # it takes one setWebhook a second, and replicas start together
                await asyncio.sleep(error.retry_after)
            except (TelegramNetworkError, TelegramServerError) as error:
                if (wait := next(waits, None)) is None:
                    url = self.settings.telegram.telegram_api_url
                    raise StartError(f"Telegram cannot be reached at {url}: {error.message}") from error
                await asyncio.sleep(wait)
            else:
                return

    async def _open_intake(self) -> None:
        kinds = sorted((set(self.dispatcher.resolve_used_update_types()) | EXTRA_KINDS) & set(Update.model_fields))
        webhook = self.settings.webhook
        if webhook.webhook_url is None or webhook.webhook_secret is None:
            self._polling = Polling(self.bot, self._intake, kinds, pace=self.pace)
            self._run("intake", self._polling.run())
            return
        secret, url = webhook.webhook_secret.get_secret_value(), webhook.webhook_url
        intake = Webhook(self._intake, secret, url, metrics=self.metrics)
        self.webhook_port = await self._serve(intake.app, webhook.http_host, webhook.http_port, "HTTP_PORT")
        telegram = partial(self.bot.set_webhook, url, secret_token=secret, allowed_updates=kinds, max_connections=40)
        try:
            await self._ask(telegram)
        except TelegramAPIError as error:
            raise StartError(f"Telegram refuses WEBHOOK_URL: {error.message}") from error
        self._webhook = intake  # not before: until Telegram knows where to send, the bot is not ready

    async def _serve(self, app: web.Application, host: str, port: int, variable: str) -> int:
        """Listen; returns the port, which 0 leaves to the system."""
        # Nobody who calls us packs his bodies: unpacking is only good for bombs. Too long a header is read to its end
        # and refused for what is in it.
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=5, auto_decompress=False, max_field_size=_LONGEST_HEADER
        )
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise StartError(f"{variable}: cannot listen on {host}:{port}: {error.strerror}") from error
        return int(runner.addresses[0][1])

    def _run(
        self, name: str, work: Coroutine[Any, Any, None], drain: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Keep a part running for as long as the bot does; one that ends by itself brings the bot down."""
        task = asyncio.create_task(work, name=name)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
                self._failed.set_exception(error)

        task.add_done_callback(ended)

        async def stop() -> None:
            if drain is not None:
                await drain()
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

        self._stack.push_async_callback(stop)

    async def until_stopped(self) -> None:
        """Return on SIGTERM or SIGINT; raise when a part of the bot has failed for good."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, stop.set)
        stopped = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {stopped, self._failed}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self._failed.done():
            self._failed.result()

    # --- what others ask ------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Let the clock look for what is due, now."""
        await self._ticker.tick()
        self.sender.wake()

    async def quiet(self, patience: float = 30.0) -> None:
        """Wait until nothing waits in the inbox and the outbox and nothing is under way."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    rings = self.activity.rings
                    if await self._still() and rings == self.activity.rings:
                        return
                    await self.activity.next(0.05)
        except TimeoutError:
            inbox, outbox = await self.inbox.depth(), await self.outbox.depth()
            raise TimeoutError(f"not quiet: inbox {inbox}, outbox {outbox} (waiting, dead, lag)") from None

    async def _still(self) -> bool:
        # Redraws in the background are scheduled by a callback: give it the loop before believing in silence.
        for _ in range(3):
            await asyncio.sleep(0)
        if not (self.worker.idle and self.sender.idle and self._porter.idle) or self._turns.busy:
            return False
        waiting, _dead = await self.inbox.depth()
        unsent, _given_up, _lag = await self.outbox.depth()
        if unsent:
            self.sender.wake()
        return waiting == unsent == 0 and self.worker.idle and self.sender.idle and not self._turns.busy

    def _checks(self) -> dict[str, Callable[[], Awaitable[str | None]]]:
        heads = schema.heads()

        async def database() -> str | None:
            return None if await self.database.answers() else "the database does not answer"

        async def migrations() -> str | None:
            found = await self.database.revision()
            return None if {found} == heads else f"the database is at migration {found}, the code at {sorted(heads)}"

        async def intake() -> str | None:
            if self._polling is not None and not self._polling.alive:
                return "Telegram gives no updates"
            return None if self._polling or self._webhook else "not started"

        return {"database": database, "migrations": migrations, "intake": intake}

    async def _behind(self) -> str | None:
        _waiting, _dead, lag = await self.outbox.depth()
        return None if lag <= self.pace.outbox_lag else f"the oldest message has waited for {lag:.0f} s"

    async def _measure(self) -> dict[str, Any]:
        waiting, dead = await self.inbox.depth()
        unsent, given_up, lag = await self.outbox.depth()
        for queue, state, value in (
            ("inbox", "waiting", waiting),
            ("inbox", "dead", dead),
            ("outbox", "waiting", unsent),
            ("outbox", "dead", given_up),
        ):
            self.metrics.depth.labels(queue, state).set(value)
        self.metrics.outbox_lag.set(lag)
        return {}


@asynccontextmanager
async def _database_url(settings: Settings) -> AsyncIterator[str]:
    """The address of the database; the embedded one is started and stopped away from the loop."""
    manager = resolve_database(settings.storage)
    url = await asyncio.to_thread(manager.__enter__)
    try:
        yield url
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


def _all_screens() -> Sequence[Router]:
    from handlers import routers  # noqa: PLC0415 - not by a bot that was given other screens

    return routers()


async def _serve(settings: Settings, pace: Pace | None) -> None:
    async with App(settings, pace=pace) as app:
        collector.settle()
        collecting = asyncio.create_task(collector.collect(lambda: app.worker.idle))
        await app.until_stopped()
        collecting.cancel()


def main(settings: Settings, pace: Pace | None = None) -> int:
    """Run the bot until it is told to stop; one line and a code other than 0 when it cannot run."""
    logs.configure(settings.logs)
    if deadly := os.environ.get("FAULT_POINT"):
        from bot import faults  # noqa: PLC0415 - for tests alone

        faults.arm(deadly)
    try:
        uvloop.run(_serve(settings, pace))
    except KeyboardInterrupt:
        return 130  # before it was up: later the signal stops it in order
    except StartError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    except TelegramUnauthorizedError:
        sys.stderr.write("Telegram refuses BOT_TOKEN: it was revoked while the bot was at work\n")
        return 1
    except Exception:  # noqa: BLE001 - the last stop
        # Left to Python it would be printed as it is, past what keeps secrets out of the log.
        _log.critical("the bot has failed", exc_info=True)
        return 1
    return 0
