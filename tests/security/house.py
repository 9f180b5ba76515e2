"""A house to break into: a bot with a whole story behind it, those who live in it and those who have no business there.

Everything here goes in through Telegram, as an attacker's client would, and is judged by what the database holds and by
every byte that the bot has sent.
"""

import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from bot.pace import AT_ONCE, Pace
from fsm.words import money
from models.enums import Role
from models.values.phone import pretty
from sandbox.api import LocalTelegram
from sandbox.people import VirtualUser
from sandbox.world import Call, World
from tests.bot import by_buttons
from tests.bot.conftest import Agency, settings_for
from tests.bot.steps import Office, plain
from tests.conftest import ManualClock

BATCH = 100
"""Presses that are on their way at once: a person's are handled one after another in any case."""

SECRETS = """
    SELECT name FROM clients UNION SELECT note FROM clients UNION SELECT email FROM clients
    UNION SELECT title FROM deals UNION SELECT plate FROM deals UNION SELECT vin FROM deals
    UNION SELECT address FROM deals
    UNION SELECT '№' || number FROM deals UNION SELECT number FROM policies UNION SELECT name FROM documents
    UNION SELECT text FROM journal_entries UNION SELECT comment FROM task_moves UNION SELECT comment FROM variants
    UNION SELECT payee FROM expenses
"""
SUMS = """
    SELECT premium FROM variants UNION SELECT premium FROM policies UNION SELECT amount FROM payments
    UNION SELECT expected_amount FROM incomes UNION SELECT amount FROM money_moves
"""
FILES = re.compile("send(Photo|Document|Voice|Video|VideoNote|Audio|Animation|MediaGroup)", re.IGNORECASE)


class Complaints(logging.Handler):
    """What was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


@contextmanager
def listening() -> Iterator[Complaints]:
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    try:
        yield complaints
    finally:
        logging.getLogger().removeHandler(complaints)


@dataclass
class House:
    """Анна's deal has everything; Борис sells and Фаина calculates, but nothing here is theirs; Клим was blocked."""

    office: Office
    boris: VirtualUser = field(init=False)
    faina: VirtualUser = field(init=False)
    klim: VirtualUser = field(init=False)
    eva: VirtualUser = field(init=False)
    examples: str = field(init=False)

    @property
    def agency(self) -> Agency:
        return self.office.agency

    @property
    def world(self) -> World:
        return self.agency.world

    async def furnish(self) -> None:
        """Let the story happen, and the outsiders come to the door."""
        await by_buttons.the_first_days_work(self.office)
        self.boris = await self.agency.person("Борис Котов", Role.SELLER)
        self.faina = await self.agency.person("Фаина Орлова", Role.EXECUTOR)
        self.klim = await self.agency.person("Клим Чужаков", Role.SELLER, Role.ADMIN)
        self.eva = self.agency.stranger("Ева")
        for person in self.outsiders:
            await person.start()
        await self.boris.say("/help")
        self.examples = plain(" ".join(message.text for message in self.boris.received))
        await self.agency.execute("UPDATE users SET active = false WHERE telegram_id = :t", t=self.klim.id)

    @property
    def outsiders(self) -> list[VirtualUser]:
        return [self.boris, self.faina, self.klim, self.eva]

    async def secrets(self) -> list[str]:
        """What only those who work on Анна's deals may read, as it would be shown."""
        words = {plain(str(word)).strip() for (word,) in await self.office.rows(SECRETS) if word}
        words |= {plain(money(sum_)) for (sum_,) in await self.office.rows(SUMS) if sum_ and sum_ % 1}
        phones = [phone for (phone,) in await self.office.rows("SELECT e164 FROM client_phones")]
        words = {word for word in words if len(word) > 3 and word not in self.examples}
        return sorted(words | set(phones) | {plain(pretty(p)) for p in phones})

    def buttons(self) -> list[str]:
        """The data of every button that anybody has ever been shown."""
        return sorted(
            {str(b["callback_data"]) for one in self.office.screens() for b in one.buttons if "callback_data" in b}
        )

    async def press(self, person: VirtualUser, claims: Iterable[str], *, batch: int = BATCH) -> int:
        """Press buttons with these data on the person's newest message; returns how many."""
        pressed, left = 0, iter(claims)
        while chunk := list(islice(left, batch)):
            message = person.last
            for data in chunk:
                await self.world.press(person.id, message.id, data)
            await person.quiet()
            pressed += len(chunk)
        return pressed

    def answered(self, *people: VirtualUser) -> bool:
        """Whether every press of these people has had its answer."""
        who = {person.id for person in people}
        return all(tap.answer.done() for tap in self.world.taps.values() if tap.person_id in who)

    def told(self, people: Sequence[VirtualUser], since: int) -> list[Call]:
        """Every request of the bot to these people after the one with this number."""
        return [call for person in people for call in self.office.told(person, since)]


class Watch:
    """What may not be told, and since when it has not been."""

    def __init__(self, house: House, people: Sequence[VirtualUser], secrets: Sequence[str]) -> None:
        self._house, self._people, self._secrets = house, people, secrets
        self._since = house.office.now()

    def nothing_foreign(self) -> None:
        """Look at what was sent so far; in between too, for the local Telegram remembers its last 20 000 requests."""
        told = self._house.told(self._people, self._since)
        self._since = self._house.office.now()
        said = [plain(str(call.params)) for call in told]
        assert [(word, text) for text in said for word in self._secrets if word in text] == []
        assert [call for call in told if FILES.fullmatch(call.method)] == []


@asynccontextmanager
async def watching(house: House, *people: VirtualUser, besides: Iterable[str] = ()) -> AsyncIterator[Watch]:
    """Inside nothing of the business may change, nothing foreign be told to these people, nothing fail."""
    watch = Watch(house, people, await house.secrets())
    before = await house.office.contents()
    with listening() as complaints:
        yield watch
    watch.nothing_foreign()
    changed = {name for name, sum_ in (await house.office.contents()).items() if sum_ != before[name]}
    assert changed <= set(besides)
    assert complaints.heard == []
    await house.office.nothing_went_wrong()


@asynccontextmanager
async def open_house(database_url: str, folder: Path, pace: Pace = AT_ONCE, **settings: Any) -> AsyncIterator[House]:
    """The house on a migrated, empty database."""
    clock = ManualClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    async with LocalTelegram(world=World(now=clock.now)) as telegram:
        agency = Agency(telegram, settings_for(telegram, database_url, folder, **settings), clock, None, pace)
        await agency.open()
        try:
            house = House(await Office(agency).open())
            await house.furnish()
            yield house
        finally:
            await agency.close()
        refused = [call for call in telegram.world.refusals() if "message is not modified" not in (call.error or "")]
        assert not refused, "Telegram would have refused:\n" + "\n".join(
            f"{c.method} {c.params}: {c.error}" for c in refused
        )
