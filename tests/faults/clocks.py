"""What happens to clocks, on a large scale: `python -m tests.faults.clocks`.

Five tickers through fifty restarts, jumps of the clock and a minute without the database; then four years of digests in
twelve time zones. The days are simulated; what fires and what is written is the product over a real database.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, update

from models.enums import Role
from models.tables import Reminder, User
from services.access import SYSTEM
from services.registry import Services
from storage.engine import Database, is_outage
from storage.uow import Transactions
from tests.conftest import ManualClock, own_agency
from tests.services.conftest import Agency

ZONES = (
    "Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Vladivostok", "Europe/Kaliningrad", "America/Santiago", "Pacific/Chatham", "America/St_Johns",
    "Pacific/Kiritimati", "Asia/Kathmandu",
)  # fmt: skip
"""Nights of 23 and 25 hours in both halves of the world, half an hour and three quarters, and none at all."""
HOURS = (2, 3, 0, 9)
"""Of the digest: in the night that has no such hour or has it twice, and in the morning."""
JUMPS = (24, 24, -1, 1, 72, -1, 1, 24, 24, 24)
"""Hours of the clock between two restarts of every ticker."""
OUTAGE = 72
"""At this jump the database goes away under all of them."""


async def deals_to_look_at(agency: Agency, count: int) -> None:
    """Deals that Anna wants to look at on the three days to come."""
    for number in range(count):
        deal_id = await agency.deal(agency.anna, title=f"Kia {number}")
        day = agency.today + timedelta(days=1 + number % 3)
        await agency.services.deals.postpone(agency.anna, deal_id, day.isoformat())


# --- many tickers ---------------------------------------------------------------------------------------------------


class Ticking:
    """A ticker of a replica: it fires what is due again and again, and starts anew when it is told to or cut off."""

    def __init__(self, agency: Agency, database_url: str) -> None:
        self.agency, self.url = agency, database_url
        self.starts, self.fired = 0, 0
        self.restart = asyncio.Event()

    async def run(self, over: asyncio.Event) -> None:
        while not over.is_set():
            self.starts += 1
            self.restart.clear()
            database = Database(self.url, pool_size=2)
            services = Services.build(Transactions(database), self.agency.clock, self.agency.files)
            try:
                while not over.is_set() and not self.restart.is_set():
                    self.fired += await services.reminders.fire_due(SYSTEM, 7)
                    await asyncio.sleep(0.02)
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(0.05)
            finally:
                await database.close()


@dataclass
class Ticked:
    """What the tickers have said of the deals."""

    starts: int = 0
    reminders: int = 0
    doubled: int = 0
    missed: int = 0

    def __str__(self) -> str:
        said = f"reminders {self.reminders}, twice {self.doubled}, missed {self.missed}"
        return f"tickers started {self.starts} times: {said}"


async def tickers(agency: Agency, url: str, deals: int, outage: Callable[[], Awaitable[None]]) -> Ticked:
    """Let five tickers fire the reviews of deals over ten jumps of the clock, and count what was said."""
    await deals_to_look_at(agency, deals)
    over, team = asyncio.Event(), [Ticking(agency, url) for _ in range(5)]
    running = [asyncio.create_task(ticker.run(over)) for ticker in team]
    for jump in JUMPS:
        agency.clock.advance(timedelta(hours=jump))
        for ticker in team:
            ticker.restart.set()
        if jump == OUTAGE:
            await outage()
        async with asyncio.timeout(240):
            while any(ticker.restart.is_set() for ticker in team) or await _due(agency):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    over.set()
    await asyncio.gather(*running)
    return Ticked(
        starts=sum(ticker.starts for ticker in team),
        reminders=await agency.number("SELECT count(*) FROM reminders WHERE sent_at IS NOT NULL"),
        doubled=await agency.number(
            "SELECT count(*) FROM (SELECT 1 FROM reminders WHERE sent_at IS NOT NULL GROUP BY kind, object_id,"
            " recipient_id, (sent_at AT TIME ZONE 'Europe/Moscow')::date HAVING count(*) > 1) twice"
        ),
        missed=await agency.number(
            "SELECT count(*) FROM deals WHERE id NOT IN"
            " (SELECT object_id FROM reminders WHERE kind = 'review' AND sent_at IS NOT NULL)"
        ),
    )


async def _due(agency: Agency) -> int:
    """How many rows wait for a tick; a question that an outage cuts off is asked again."""
    while True:
        try:
            rows = await agency.sql(
                "SELECT count(*) FROM reminders WHERE status = 'planned' AND due_at <= :now", now=agency.clock.now()
            )
        except Exception as error:
            if not is_outage(error):
                raise
            await asyncio.sleep(0.05)
        else:
            return int(rows[0][0])


# --- a digest a day -------------------------------------------------------------------------------------------------


@dataclass
class Digests:
    """How many days people had, and on which of them there was not exactly one digest."""

    people: int = 0
    days: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"digests of {self.people} people: days {self.days}, not exactly one {len(self.wrong)} {self.wrong[:10]}"


async def digests(agency: Agency, zones: Iterable[str], spans: Iterable[tuple[date, int]]) -> Digests:
    """Let the clock pass through spans of days, given as (first day, how many), with one person a zone and hour."""
    found = Digests()
    async with agency.database.writing() as session:
        await session.execute(update(User).values(active=False))
        await session.execute(delete(Reminder))  # nobody is to be told of the deals that were there before
        await session.commit()
    people = {}
    for number, zone in enumerate(zones):
        user = User(
            telegram_id=7001 + number,
            full_name=zone,
            roles=[Role.SELLER],
            time_zone=zone,
            digest_hour=HOURS[number % len(HOURS)],
        )
        await agency.save(user)
        people[user.id] = user
    found.people = len(people)
    for first, count in spans:
        begins = datetime(first.year, first.month, first.day, 12, tzinfo=UTC)
        ends = begins + timedelta(days=count)
        agency.clock.set(begins)
        await agency.services.reminders.ensure_digests(SYSTEM)
        while (moment := await agency.services.reminders.next_due(SYSTEM)) is not None:
            due = datetime.fromisoformat(moment)
            if due > ends:
                break
            agency.clock.set(max(due + timedelta(seconds=3), begins))
            await agency.services.reminders.fire_due(SYSTEM, 100)
        rows = await agency.sql(
            "SELECT recipient_id, sent_at FROM reminders WHERE kind = 'digest' AND sent_at BETWEEN :begins AND :ends",
            begins=begins + timedelta(days=1),
            ends=ends,
        )
        for user_id, user in people.items():
            place = ZoneInfo(user.time_zone)
            days = [sent.astimezone(place).date() for who, sent in rows if who == user_id]
            # The days that lie whole inside the span.
            day, last = (begins + timedelta(days=2)).astimezone(place).date(), ends.astimezone(place).date()
            while day < last:
                found.days += 1
                if days.count(day) != 1:
                    found.wrong.append(f"{user.time_zone} {day}: {days.count(day)}")
                day += timedelta(days=1)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=300, help="that tickers say; 0: the digests alone")
    parser.add_argument("--seconds", type=float, default=60, help="without the database")
    parser.add_argument("--years", type=int, default=4)
    parser.add_argument("--zones", nargs="+", default=ZONES, help="of the digests, in fours: each of them has its hour")
    given = parser.parse_args()
    with own_agency() as (server, _folder):

        async def gone() -> None:
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(given.seconds)
            await asyncio.to_thread(server.start)

        async def run() -> bool:
            database, began = Database(server.url), time.monotonic()
            agency = Agency(database, ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))
            await agency.staff()
            ticked = Ticked()
            if given.deals:
                ticked = await tickers(agency, server.url, given.deals, gone)
                print(ticked, f"({time.monotonic() - began:.0f} s)", flush=True)  # noqa: T201
            days = await digests(agency, given.zones, [(date(2027, 1, 1), 1461 * given.years // 4 + 2)])
            print(days, f"({time.monotonic() - began:.0f} s)")  # noqa: T201
            await database.close()
            return bool(ticked.doubled or ticked.missed or days.wrong)

        return int(asyncio.run(run()))


if __name__ == "__main__":
    sys.exit(main())
