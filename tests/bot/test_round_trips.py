"""What stands between a press and the first sign of an answer: counted on the wire, not believed."""

import asyncio
import gc
import itertools
import struct
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest
from sqlalchemy import make_url

from fsm.storage import ChatState
from models.enums import Role
from sandbox.people import VirtualUser
from sandbox.world import Call
from storage import schema
from storage.inbox import TakenUpdate
from storage.uow import Transaction
from tests.bot.conftest import Agency, OpenAgency

SHOWS, CHANGES = 2, 7
"""Round trips to the database (and to Redis) before the first call of the answer: the update is kept and leased, with
its person and his screen, and what is shown is read. Between them a change begins, holds the deal, reads what decides,
writes everything, and commits.
"""
_DEPTH = (b"SELECT (SELECT count(*) FROM inbox", b"SELECT count(*), (SELECT count(*) FROM outbox")
"""How a test waits for silence: not the bot's."""

LINE = "/new Семёнов Пётр Ильич 8 916 123-45-67 каско Skoda Rapid о716мк77"


class Meter(ABC):
    """A wire that counts how often the bot waits for the server's answer."""

    def __init__(self) -> None:
        self.trips = 0
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for end in list(self._ends):
            end.transport.abort()

    @abstractmethod
    async def _far(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The server that is spoken to."""

    @abstractmethod
    def _count(self, data: bytes, kept: bytearray) -> None:
        """Look at what the bot says; `kept` is what was not counted yet."""

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await self._far()
        self._ends |= {writer, far_writer}
        await asyncio.gather(
            self._pour(reader, far_writer, counted=True), self._pour(far_reader, writer, counted=False)
        )
        self._ends -= {writer, far_writer}

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        kept = bytearray()
        try:
            while data := await reader.read(65536):
                if counted:
                    self._count(data, kept)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class PostgresMeter(Meter):
    """Counts what Postgres is asked to answer at once: Sync, Flush and simple queries."""

    def __init__(self, socket_path: str) -> None:
        super().__init__()
        self._socket_path = socket_path
        self._texts: dict[tuple[int, bytes], bytes] = {}
        self._ours: set[int] = set()

    async def _far(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self._socket_path)

    def _count(self, data: bytes, kept: bytearray) -> None:
        kept += data
        while len(kept) >= 5:
            begins = 0 if kept[0] == 0 else 1  # the first words of a connection have a length and no letter
            whole = begins + int(struct.unpack(">I", kept[begins : begins + 4])[0])
            if len(kept) < whole:
                return
            letter, body = bytes(kept[:begins]), bytes(kept[begins + 4 : whole])
            del kept[:whole]
            if letter == b"P":
                name, text = body.split(b"\0")[:2]
                self._texts[id(kept), name] = text
            if letter == b"B":
                text = self._texts.get((id(kept), body.split(b"\0")[1]), b"")
                (self._ours.add if text.strip().startswith(_DEPTH) else self._ours.discard)(id(kept))
            self.trips += letter == b"Q" or (letter in (b"S", b"H") and id(kept) not in self._ours)


class RedisMeter(Meter):
    """Counts the bot's words to Redis: it says nothing before the last answer has come."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def _far(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def _count(self, data: bytes, kept: bytearray) -> None:
        self.trips += 1


@asynccontextmanager
async def opened(meter: Meter) -> AsyncIterator[None]:
    await meter.open()
    try:
        yield
    finally:
        await meter.close()


@pytest.fixture
async def wire(database_url: str) -> AsyncIterator[PostgresMeter]:
    parsed = make_url(database_url)
    meter = PostgresMeter(f"{parsed.query['host']}/.s.PGSQL.{parsed.query['port']}")
    async with opened(meter):
        yield meter


@pytest.fixture
def metered_url(wire: PostgresMeter, database_url: str) -> str:
    parsed = make_url(database_url)
    return f"postgresql+asyncpg://{parsed.username}:{parsed.password}@127.0.0.1:{wire.port}/{parsed.database}"


@contextmanager
def first_call(agency: Agency, *meters: Meter) -> Iterator[list[tuple[str, int]]]:
    """The methods that Telegram hears of in the block, each with the round trips that were made before it."""
    heard: list[tuple[str, int]] = []
    before = sum(meter.trips for meter in meters)
    record = agency.world.record

    def listening(call: Call) -> None:
        if call.method.lower() != "getupdates":
            heard.append((call.method, sum(meter.trips for meter in meters) - before))
        record(call)

    agency.world.record = listening  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        agency.world.record = record  # type: ignore[method-assign]


async def least(
    agency: Agency, person: VirtualUser, there: Sequence[str], back: str, *meters: Meter, said: str = ""
) -> list[tuple[str, int]]:
    """What the cheapest of some presses in turn costs: the first prepare statements, others meet the ticker.

    `said` is written before each, with a number.
    """
    found = []
    for number, one in enumerate(itertools.islice(itertools.cycle(there), 12)):
        if said:
            await person.say(f"{said} {number}")
        with first_call(agency, *meters) as heard:
            await person.tap(one)
        found.append(list(heard))
        if back:
            await person.tap(back)
    return min(found, key=lambda heard: heard[0][1])


async def seller_with_a_deal(agency: Agency) -> VirtualUser:
    anna = await agency.person("Анна Серова", Role.SELLER)
    await anna.say(LINE)
    await anna.tap("✅ Открыть сделку")
    await anna.say("/deals")
    return anna


@pytest.mark.parametrize("intake", ["webhook", "polling"])
async def test_a_card_is_shown_after_few_round_trips_and_edited_before_the_tap_is_answered(
    wire: PostgresMeter, metered_url: str, open_agency: OpenAgency, intake: str
) -> None:
    agency = await open_agency(intake=intake, database=metered_url)  # type: ignore[arg-type]
    anna = await seller_with_a_deal(agency)
    heard = await least(agency, anna, ["Семёнов"], "‹ Назад", wire)
    assert heard[0][0] == "editMessageText"
    assert "answerCallbackQuery" in [method for method, _trips in heard]
    assert heard[0][1] == SHOWS, heard


@pytest.mark.needs_redis
async def test_with_redis_it_is_no_more(
    wire: PostgresMeter, metered_url: str, open_agency: OpenAgency, redis_url: str
) -> None:
    redis = RedisMeter(make_url(redis_url).port or 0)
    async with opened(redis):
        agency = await open_agency(database=metered_url, redis=f"redis://127.0.0.1:{redis.port}/0")
        anna = await seller_with_a_deal(agency)
        heard = await least(agency, anna, ["Семёнов"], "‹ Назад", wire, redis)
        await agency.close()
        await agency.open()
    assert heard[0][0] == "editMessageText"
    assert heard[0][1] == SHOWS + 1, heard  # Redis is asked for the screen


async def test_a_change_is_seen_after_few_round_trips(
    wire: PostgresMeter, metered_url: str, open_agency: OpenAgency
) -> None:
    agency = await open_agency(intake="webhook", database=metered_url)
    anna = await seller_with_a_deal(agency)
    await anna.tap("Семёнов")
    await anna.tap("⏰ Отложить")
    heard = await least(agency, anna, ["+3", "+7"], "⏰ Отложить", wire)
    assert heard[0][1] == CHANGES, heard


async def test_a_line_for_the_journal_costs_no_more_than_another_change(
    wire: PostgresMeter, metered_url: str, open_agency: OpenAgency
) -> None:
    agency = await open_agency(intake="webhook", database=metered_url)
    anna = await seller_with_a_deal(agency)
    await anna.tap("Семёнов")
    noted = await least(agency, anna, ["📝 Записать в журнал"], "", wire, said="звонил")
    assert noted[0][1] == CHANGES, noted


async def test_a_press_leaves_nothing_of_itself_that_only_the_collector_could_free(agency: Agency) -> None:
    """One circle holds the whole update with all that was read for it; a crowd's were a twentieth of the CPU."""
    anna = await seller_with_a_deal(agency)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for press in ("Семёнов", "⏰ Отложить", "+3", "‹ Назад"):
            await anna.tap(press)
        gc.collect()
        left = [one for one in gc.garbage if isinstance(one, TakenUpdate | ChatState | Transaction)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == []


async def test_no_transaction_is_open_while_telegram_is_spoken_to(agency: Agency, database_url: str) -> None:
    anna = await seller_with_a_deal(agency)
    await anna.tap("Семёнов")
    watcher = await asyncpg.connect(schema.dsn(database_url))
    open_ones: list[int] = []
    one_at_a_time = asyncio.Lock()  # a tap is answered beside its screen
    run = agency.telegram.methods.run

    async def looking(name: str, *given: object) -> object:
        if name.lower() != "getupdates":  # the next updates are asked for while these are being handled
            async with one_at_a_time:
                open_ones.append(
                    await watcher.fetchval(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'"
                    )
                )
        return await run(name, *given)  # type: ignore[arg-type]

    agency.telegram.methods.run = looking  # type: ignore[method-assign, assignment]
    await anna.tap("⏰ Отложить")
    await anna.tap("+3")
    await anna.say("позвонить после обеда")
    await anna.tap("📝 Записать в журнал")
    await anna.send_file("паспорт.jpg", b"\xff\xd8 photo")
    agency.telegram.methods.run = run  # type: ignore[method-assign]
    await watcher.close()
    assert len(open_ones) >= 8
    assert not any(open_ones)
