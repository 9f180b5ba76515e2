"""Everything the bot is made of, and what each part is made from; read by dishka, and by nothing inside the rooms."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson
import structlog
from aiogram import Bot, Dispatcher, Router
from aiogram.client.default import DefaultBotProperties
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.fsm.storage.memory import DisabledEventIsolation
from aiogram_dialog import BgManagerFactory, setup_dialogs
from dishka import AsyncContainer, Provider, Scope, from_context, make_async_container, provide

import fsm.errors
from bot.apology import Apology
from bot.backup import backups_of
from bot.dispatch import StraightDispatcher, ask_in_place, chain_plainly
from bot.handling import DirectAnswers, Handling
from bot.intake import Intake
from bot.menu import Menus
from bot.metrics import Metrics
from bot.middlewares import Background, Door, stand_before
from bot.pace import Pace
from bot.porter import Porter
from bot.sender import Sender
from bot.settings import Settings
from bot.telegram import TelegramSession
from bot.trouble import Trouble
from bot.turns import Activity, Places, Turns
from bot.worker import Worker
from fsm.manager import ScreenManagers
from fsm.storage import StateStorage
from scheduler.ticker import Ticker
from services.access import SYSTEM
from services.backup import BackupPlan
from services.ports import Clock, FileStore
from services.registry import Services
from storage.audit import HEADS, keep_head
from storage.dialog_state import PostgresDialogState, RedisDialogState
from storage.engine import Database
from storage.files import open_files
from storage.inbox import Inbox
from storage.outbox import Outbox
from storage.uow import Transactions

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Screens:
    """The routers of the features, made anew for each dispatcher: a router has one parent for life."""

    make: Callable[[], Sequence[Router]]


class _Kept(Provider):
    """What keeps things, and the services over it."""

    scope = Scope.APP

    settings = from_context(Settings)
    pace = from_context(Pace)
    clock = from_context(Clock)
    database = from_context(Database)
    screens = from_context(Screens)

    transactions = provide(Transactions)
    inbox = provide(Inbox)
    outbox = provide(Outbox)

    @provide
    def files(self, settings: Settings) -> FileStore:
        return open_files(settings.storage.documents_url, settings.storage.documents_dir)

    @provide
    def backup(self, settings: Settings, database: Database, files: FileStore) -> BackupPlan:
        return BackupPlan(backups_of(settings, database.url, files), settings.backup.backup_at, settings.team.zone)

    @provide
    def services(
        self, transactions: Transactions, clock: Clock, files: FileStore, settings: Settings, backup: BackupPlan
    ) -> Services:
        return Services.build(
            transactions,
            clock,
            files,
            admin_ids=frozenset(settings.team.admin_ids),
            time_zone=settings.team.timezone,
            backup=backup,
        )

    @provide
    async def states(self, settings: Settings, database: Database) -> AsyncIterator[StateStorage]:
        redis = settings.storage.redis_url
        storage = StateStorage(
            PostgresDialogState(database) if redis is None else RedisDialogState(redis.get_secret_value())
        )
        yield storage
        await storage.close()


class _FrontDoor(Provider):
    """Telegram, and what stands between it and the services."""

    scope = Scope.APP

    turns = provide(Turns)
    places = provide(Places)
    activity = provide(Activity)
    metrics = provide(Metrics)
    menus = provide(Menus)
    answers = provide(DirectAnswers)
    background = provide(Background)
    apology = provide(Apology)
    trouble = provide(Trouble)
    porter = provide(Porter)
    handling = provide(Handling)
    sender = provide(Sender)

    @provide
    async def bot(self, settings: Settings, answers: DirectAnswers) -> AsyncIterator[Bot]:
        session = TelegramSession(
            api=TelegramAPIServer.from_base(settings.telegram.telegram_api_url),
            json_loads=orjson.loads,
            json_dumps=lambda value: orjson.dumps(value).decode(),
        )
        session.middleware(answers)
        token = settings.telegram.bot_token
        if token is None:
            raise ValueError("a bot without BOT_TOKEN")
        bot = Bot(token.get_secret_value(), session, default=DefaultBotProperties(parse_mode=ParseMode.HTML))
        yield bot
        await session.close()

    @provide
    def door(self, services: Services, porter: Porter, menus: Menus, settings: Settings) -> Door:
        return Door(services, porter, menus, frozenset(settings.team.admin_ids))

    @provide
    def intake(
        self,
        porter: Porter,
        services: Services,
        apology: Apology,
        settings: Settings,
        metrics: Metrics,
        worker: Worker,
        activity: Activity,
    ) -> Intake:
        return Intake(
            porter,
            services.people,
            apology,
            settings=settings,
            metrics=metrics,
            worker=worker,
            activity=activity,
        )

    @provide
    def dispatcher(
        self, states: StateStorage, services: Services, screens: Screens, background: Background, door: Door
    ) -> Dispatcher:
        # Updates come one at a time a person: an isolation of the framework's would only hold locks for nothing.
        dispatcher = StraightDispatcher(storage=states, events_isolation=DisabledEventIsolation(), services=services)
        dispatcher.include_routers(*screens.make())
        stand_before(dispatcher, background, door)
        return dispatcher

    @provide
    def background_screens(self, dispatcher: Dispatcher) -> BgManagerFactory:
        factory = setup_dialogs(
            dispatcher, dialog_manager_factory=ScreenManagers(), events_isolation=DisabledEventIsolation()
        )
        fsm.errors.register(dispatcher)
        ask_in_place(dispatcher)
        chain_plainly()
        return factory

    @provide
    def worker(
        self,
        bot: Bot,
        database: Database,
        handling: Handling,
        trouble: Trouble,
        sender: Sender,
        turns: Turns,
        places: Places,
        pace: Pace,
        metrics: Metrics,
        activity: Activity,
        transactions: Transactions,
    ) -> Worker:
        # Whatever is written for somebody is sent at once, and nobody looks for it when nothing was written.
        transactions.on_message = sender.wake
        return Worker(
            bot.id,
            database,
            handling,
            trouble,
            turns=turns,
            places=places,
            pace=pace,
            metrics=metrics,
            activity=activity,
        )

    @provide
    def ticker(
        self,
        settings: Settings,
        pace: Pace,
        clock: Clock,
        services: Services,
        inbox: Inbox,
        sender: Sender,
        metrics: Metrics,
    ) -> Ticker:
        async def fire_due(limit: int) -> int:
            fired = await services.reminders.fire_due(SYSTEM, limit)
            if fired:
                sender.wake()
            return fired

        async def tidy_up() -> None:
            await inbox.forget_done(older_than_days=30)
            await services.documents.sweep(SYSTEM)
            if (head := await services.audit.head(SYSTEM)) is not None:
                # In two places that the database cannot reach, so that the end of the chain cannot be cut off unseen.
                _log.info("the chain of audit records", head=str(head))
                await asyncio.to_thread(keep_head, settings.backup_dir / HEADS, clock.now(), head)

        async def back_up() -> None:
            await services.backup.work(SYSTEM)

        return Ticker(
            fire_due,
            tidy_up,
            seconds=pace.tick,
            zone=settings.team.zone,
            fired=metrics.reminders.inc,
            failed=lambda job: metrics.errors.labels(job).inc(),
            back_up=back_up,
        )


PROVIDERS: Final[tuple[type[Provider], ...]] = (_Kept, _FrontDoor)


def make_container(
    settings: Settings, database: Database, clock: Clock, pace: Pace, screens: Screens
) -> AsyncContainer:
    """Wire the bot; nothing is started by it."""
    context = {Settings: settings, Database: database, Clock: clock, Pace: pace, Screens: screens}
    return make_async_container(*(provider() for provider in PROVIDERS), context=context)
